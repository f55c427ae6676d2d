//! What is made when it is first used: a kind may have ten thousand operations, and most of them need little
//! of what can be counted of one.

use std::sync::OnceLock;

/// Takes two words until it is used.
#[derive(Debug)]
pub(super) struct Rare<T>(OnceLock<Box<T>>);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: Default> Rare<T> {
    /// Makes it, unless it is there.
    pub(super) fn made(&self) -> &T {
        self.0.get_or_init(Box::default)
    }

    /// `None`: it was never used.
    pub(super) fn get(&self) -> Option<&T> {
        self.0.get().map(|made| &**made)
    }
}
