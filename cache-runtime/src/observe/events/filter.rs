//! Which events a listener is told of, and how much of them.

use super::event::EventKind;

/// Which events a listener is told of, and how much of each.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{EventFilter, EventKind};
///
/// let summaries = EventFilter::all()
///     .only([EventKind::Miss, EventKind::Stored])
///     .operation("summarize")
///     .with_values();
/// # drop(summaries);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct EventFilter {
    kinds: u32,
    /// None: all of them.
    operations: Vec<String>,
    has_keys: bool,
    has_values: bool,
}

impl EventFilter {
    /// All events, without keys and values.
    pub fn all() -> Self {
        let everything = EventKind::ALL.map(EventKind::bit);
        Self {
            kinds: everything.into_iter().sum(),
            operations: Vec::new(),
            has_keys: false,
            has_values: false,
        }
    }

    /// Of those, the events of these kinds alone.
    pub fn only(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        let kinds = kinds.into_iter().map(EventKind::bit);
        self.kinds &= kinds.fold(0, |kinds, kind| kinds | kind);
        self
    }

    /// Of those, the events of this operation alone, and of each other one that is named here; `keys`
    /// is the one of the keys that the application chose. What is about several operations or none
    /// (connections, a kind that is invalidated as a whole) is not told then.
    pub fn operation(mut self, operation: &str) -> Self {
        self.operations.push(operation.to_owned());
        self
    }

    /// With the names of keys ([`CacheEvent::key`](crate::CacheEvent::key)). For caches in memory alone
    /// they are made for this: that costs each event a digest, about a microsecond.
    pub fn with_keys(mut self) -> Self {
        self.has_keys = true;
        self
    }

    /// With the values ([`CacheEvent::value`](crate::CacheEvent::value)). They are not copied, but stay
    /// for as long as their events wait for the listener, however full memory is.
    pub fn with_values(mut self) -> Self {
        self.has_values = true;
        self
    }

    pub(super) fn takes(&self, kind: EventKind, operation: Option<&str>) -> bool {
        self.kinds & kind.bit() != 0 && self.takes_operation(operation)
    }

    fn takes_operation(&self, operation: Option<&str>) -> bool {
        let is_it = |name| self.operations.iter().any(|it| it == name);
        self.operations.is_empty() || operation.is_some_and(is_it)
    }

    pub(super) fn kinds(&self) -> u32 {
        self.kinds
    }

    pub(super) fn has_keys(&self) -> bool {
        self.has_keys
    }

    pub(super) fn has_values(&self) -> bool {
        self.has_values
    }
}

impl Default for EventFilter {
    fn default() -> Self {
        Self::all()
    }
}
