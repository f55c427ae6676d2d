//! Entries that leave memory, and who is told of it.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Why an entry left memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemovalCause {
    /// Its lifetime was over.
    Expired,
    /// Others needed the room.
    Evicted,
    /// A newer one of the same key took its place.
    Replaced,
    /// It was removed or invalidated, alone or with others.
    Invalidated,
    /// It is heavier than what memory takes, and was never there.
    TooLarge,
}

impl RemovalCause {
    /// Every cause.
    pub const ALL: [Self; 5] = [
        Self::Expired,
        Self::Evicted,
        Self::Replaced,
        Self::Invalidated,
        Self::TooLarge,
    ];

    /// The name, as metrics have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Evicted => "evicted",
            Self::Replaced => "replaced",
            Self::Invalidated => "invalidated",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for RemovalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An entry that left memory. Nothing of its key or its value is in here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removal {
    /// The operation that it was a result of; `keys` for the application's own keys.
    pub operation: Arc<str>,
    /// Why it left.
    pub cause: RemovalCause,
    /// The time since it was made.
    pub age: Duration,
    /// Its weight in bytes, where these are bounded.
    pub weight: Option<u64>,
}

type Listener = Box<dyn Fn(&Removal) + Send + Sync>;

/// A listener, and what it has to know.
pub(crate) struct Removals {
    listener: Listener,
    /// Of the operations, by their numbers.
    names: RwLock<HashMap<u32, Arc<str>>>,
    panics: AtomicU64,
}

impl fmt::Debug for Removals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Removals").finish_non_exhaustive()
    }
}

impl Removals {
    pub(crate) fn new(listener: Listener) -> Self {
        Self {
            listener,
            names: RwLock::default(),
            panics: AtomicU64::new(0),
        }
    }

    /// Tells the name of the operation with this number.
    pub(crate) fn name(&self, operation: u32, name: &str) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.insert(operation, name.into());
    }

    /// Calls the listener. To be called with nothing locked; a panic in it goes no further.
    pub(crate) fn tell(&self, operation: u32, removal: impl FnOnce(Arc<str>) -> Removal) {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let Some(name) = names.get(&operation).cloned() else {
            return;
        };
        drop(names);
        let removal = removal(name);
        let told = catch_unwind(AssertUnwindSafe(|| (self.listener)(&removal)));
        if told.is_err() {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}
