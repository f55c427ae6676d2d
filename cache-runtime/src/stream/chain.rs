//! The items of a running stream, as a chain that each follower walks along.
//!
//! A link is there for as long as somebody may come to it: nobody has to say how far everybody is.

use std::sync::{Arc, OnceLock};

use crate::call::Shareable;

/// What a link holds.
pub(super) enum Item<T> {
    /// Nothing: it is before the first one.
    Root,
    Chunk(T),
    /// An `Err`, as far as others can have it.
    Failure(Shareable),
}

/// How far along the chain something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) chunks: u64,
    pub(super) bytes: u64,
}

impl Place {
    pub(super) fn after(self, bytes: u64) -> Self {
        Self {
            chunks: self.chunks + 1,
            bytes: self.bytes.saturating_add(bytes),
        }
    }
}

pub(super) struct Link<T> {
    pub(super) item: Item<T>,
    /// Of its end.
    pub(super) place: Place,
    next: Next<T>,
}

struct Next<T>(OnceLock<Arc<Link<T>>>);

impl<T> Link<T> {
    pub(super) fn root() -> Arc<Self> {
        Self::new(Item::Root, Place::default())
    }

    pub(super) fn new(item: Item<T>, place: Place) -> Arc<Self> {
        let next = Next(OnceLock::new());
        Arc::new(Self { item, place, next })
    }

    pub(super) fn next(&self) -> Option<&Arc<Self>> {
        self.next.0.get()
    }

    /// Puts a link behind the last one. There is one that does, at a time.
    pub(super) fn append(&self, link: Arc<Self>) {
        // Nothing is there: this is the last one.
        let _ = self.next.0.set(link);
    }

    /// The chunks behind this link.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &T> {
        let links = std::iter::successors(self.next(), |link| link.next());
        links.filter_map(|link| match &link.item {
            Item::Chunk(chunk) => Some(chunk),
            Item::Root | Item::Failure(_) => None,
        })
    }
}

impl<T> Drop for Next<T> {
    /// One after the other: a long chain would need a deep stack.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut link) = next.and_then(Arc::into_inner) {
            next = link.next.0.take();
        }
    }
}
