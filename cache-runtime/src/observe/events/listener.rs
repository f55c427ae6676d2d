//! Who is told of events.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::delivery::Place;
use super::event::CacheEvent;
use super::filter::EventFilter;

/// What a listener returns: nothing, or a `Result`, of which an error is counted as a failure of the
/// listener.
#[diagnostic::on_unimplemented(
    message = "a listener returns nothing or a `Result<(), _>`, not `{Self}`",
    label = "this callback returns something else"
)]
pub trait Heard {
    /// Whether the listener did what it is there for.
    fn is_done(&self) -> bool;
}

impl Heard for () {
    fn is_done(&self) -> bool {
        true
    }
}

impl<E> Heard for Result<(), E> {
    fn is_done(&self) -> bool {
        self.is_ok()
    }
}

/// A listener that was registered with [`Cache::on_event`](crate::Cache::on_event), to be taken away
/// again. No two in a process are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

/// Says whether the listener did what it is there for.
type Callback = Box<dyn Fn(&CacheEvent) -> bool + Send + Sync>;

/// What became of the events of one cache.
#[derive(Debug, Default)]
pub(super) struct Fates {
    /// Calls of listeners that panicked or gave an error.
    pub(super) failed: AtomicU64,
    /// Events for which there was no room.
    pub(super) dropped: AtomicU64,
}

/// A filter and a callback, before there is a cache.
pub(crate) struct NewListener {
    filter: EventFilter,
    callback: Callback,
}

impl NewListener {
    pub(crate) fn new<H: Heard>(
        filter: EventFilter,
        callback: impl Fn(&CacheEvent) -> H + Send + Sync + 'static,
    ) -> Self {
        Self {
            filter,
            callback: Box::new(move |event| callback(event).is_done()),
        }
    }
}

impl fmt::Debug for NewListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.filter.fmt(f)
    }
}

/// A listener of one cache.
pub(super) struct Registered {
    pub(super) id: ListenerId,
    pub(super) filter: EventFilter,
    callback: Callback,
    is_removed: AtomicBool,
    was_logged: AtomicBool,
    fates: Arc<Fates>,
    /// Lets go of the thread that calls it, at last.
    _place: Place,
}

impl Registered {
    pub(super) fn new(listener: NewListener, fates: Arc<Fates>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);

        let NewListener { filter, callback } = listener;
        Self {
            id: ListenerId(NUMBER.fetch_add(1, Ordering::Relaxed)),
            filter,
            callback,
            is_removed: AtomicBool::new(false),
            was_logged: AtomicBool::new(false),
            fates,
            _place: Place::take(),
        }
    }

    /// It is not called any more, also for events that are under way.
    pub(super) fn remove(&self) {
        self.is_removed.store(true, Ordering::Release);
    }

    /// Calls it. To be called with nothing locked; a panic in it goes no further.
    pub(super) fn call(&self, event: &CacheEvent) {
        let is_wanted = self.filter.takes(event.kind(), event.operation());
        if !is_wanted || self.is_removed.load(Ordering::Acquire) {
            return;
        }
        let called = catch_unwind(AssertUnwindSafe(|| (self.callback)(event)));
        if !matches!(called, Ok(true)) {
            self.fates.failed.fetch_add(1, Ordering::Relaxed);
            if !self.was_logged.swap(true, Ordering::Relaxed) {
                // Not with what: that may hold what the event was about.
                tracing::warn!(
                    kind = event.cache(),
                    event = event.kind().name(),
                    "a listener {}: that is counted, and logged this once",
                    if called.is_ok() { "failed" } else { "panicked" }
                );
            }
        }
    }
}
