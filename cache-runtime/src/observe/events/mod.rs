//! What the application is told of as it happens, and who of it listens.
//!
//! Where nobody listens, an event costs a look at one number. Everything else is behind
//! [`Events::tell`], which is called when nothing is locked: it puts the event into a queue
//! (`delivery`), and never waits. A hit in memory is not even asked about: call sites whose hits
//! somebody wants to hear of are bound in another way.

mod delivery;
mod event;
mod filter;
mod listener;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use quick_cache::DefaultHashBuilder;

pub(crate) use delivery::flush;
pub use event::{CacheEvent, EventKind, Extent, Happened, InvalidationOrigin};
pub use filter::EventFilter;
pub(crate) use listener::NewListener;
pub use listener::{Heard, ListenerId};

use crate::key::{StoreKeys, parts_of_chosen};
use crate::memory::SharedEntry;
use delivery::Told;
use listener::{Fates, Registered};

/// Beside the bits of the kinds of events: somebody wants keys.
const KEYS: u32 = 1 << 31;

type Listeners = Arc<[Arc<Registered>]>;

/// Who listens to one cache.
pub(crate) struct Events {
    cache: Arc<str>,
    keys: Arc<StoreKeys>,
    /// The kinds of events that anybody wants, and [`KEYS`].
    wanted: AtomicU32,
    /// In the order in which they came.
    listeners: RwLock<Listeners>,
    /// Of the operations, by their numbers.
    names: RwLock<HashMap<u32, Arc<str>, DefaultHashBuilder>>,
    fates: Arc<Fates>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of<'a> {
    /// The operation with this number.
    Operation(u32),
    /// The operation with this name, which may not have been called yet.
    Named(&'a str),
    /// None, or several.
    Kind,
}

/// What those want who are told of one event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) keys: bool,
    pub(crate) values: bool,
}

/// What is known of an event, beside what has happened.
#[derive(Default)]
pub(crate) struct Details {
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) key: Option<String>,
    pub(crate) entry: Option<SharedEntry>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    pub(crate) fn new(cache: &str, keys: Arc<StoreKeys>, listeners: Vec<NewListener>) -> Self {
        let events = Self {
            cache: cache.into(),
            keys,
            wanted: AtomicU32::new(0),
            listeners: RwLock::new(Arc::new([])),
            names: RwLock::default(),
            fates: Arc::default(),
        };
        for listener in listeners {
            events.add(listener);
        }
        events
    }

    /// Tells the name of the operation with this number.
    pub(crate) fn name(&self, operation: u32, name: &str) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.insert(operation, name.into());
    }

    /// Whether anybody may want to hear of such an event.
    #[inline]
    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.wanted.load(Ordering::Relaxed) & kind.bit() != 0
    }

    /// The same for events of one operation.
    pub(crate) fn wants_of(&self, kind: EventKind, operation: &str) -> bool {
        self.wants(kind) && {
            let listeners = self.listeners();
            let mut filters = listeners.iter().map(|listener| &listener.filter);
            filters.any(|filter| filter.takes(kind, Some(operation)))
        }
    }

    /// Whether anybody wants the names of keys.
    #[inline]
    pub(crate) fn wants_keys(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) & KEYS != 0
    }

    /// Has everybody told who wants to hear of it, a while later and in the order of these calls. To
    /// be called with nothing locked.
    #[inline]
    pub(crate) fn tell(&self, of: Of<'_>, what: Happened, details: impl FnOnce(Wanted) -> Details) {
        if self.wants(what.kind()) {
            self.tell_those_who_listen(of, what, details);
        }
    }

    #[cold]
    fn tell_those_who_listen(
        &self,
        of: Of<'_>,
        what: Happened,
        details: impl FnOnce(Wanted) -> Details,
    ) {
        if delivery::is_here() {
            return;
        }
        let kind = what.kind();
        let operation = match of {
            Of::Operation(number) => self.name_of(number),
            Of::Named(name) => Some(name.into()),
            Of::Kind => None,
        };
        let to = self.listeners();
        let mut wanted = None;
        for filter in to.iter().map(|listener| &listener.filter) {
            if filter.takes(kind, operation.as_deref()) {
                let wanted: &mut Wanted = wanted.get_or_insert_default();
                wanted.keys |= filter.has_keys();
                wanted.values |= filter.has_values();
            }
        }
        let Some(wanted) = wanted else {
            return;
        };
        let Details { tenant, key, entry } = details(wanted);
        let event = CacheEvent {
            cache: self.cache.clone(),
            operation,
            what,
            at: SystemTime::now(),
            tenant,
            key: key.filter(|_| wanted.keys),
            entry: entry.filter(|_| wanted.values),
        };
        if !delivery::tell(Told { event, to }) {
            self.fates.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn name_of(&self, operation: u32) -> Option<Arc<str>> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(&operation).cloned()
    }

    /// What a key in memory says, which is something where the application chose it.
    pub(crate) fn of_key(&self, key: &[u8], wanted: Wanted) -> Details {
        let Some((tenant, key)) = parts_of_chosen(key) else {
            return Details::default();
        };
        Details {
            tenant: tenant.map(Arc::from),
            key: wanted.keys.then(|| self.keys.of_chosen(tenant, key)),
            entry: None,
        }
    }

    /// It is told of what happens from now on.
    pub(crate) fn add(&self, listener: NewListener) -> ListenerId {
        let listener = Arc::new(Registered::new(listener, self.fates.clone()));
        let id = listener.id;
        self.change(|listeners| listeners.push(listener));
        id
    }

    /// Says whether it was there.
    pub(crate) fn remove(&self, id: ListenerId) -> bool {
        let removed = self.change(|listeners| {
            let is_it = |listener: &Arc<Registered>| listener.id == id;
            let at = listeners.iter().position(is_it);
            at.map(|at| listeners.remove(at))
        });
        // It is dropped with nothing locked: it may do anything then.
        removed.inspect(|listener| listener.remove()).is_some()
    }

    fn change<R>(&self, change: impl FnOnce(&mut Vec<Arc<Registered>>) -> R) -> R {
        let locked = self.listeners.write();
        let mut locked = locked.unwrap_or_else(PoisonError::into_inner);
        let mut listeners = locked.to_vec();
        let changed = change(&mut listeners);
        let mut wanted = 0;
        for filter in listeners.iter().map(|listener| &listener.filter) {
            wanted |= filter.kinds() | if filter.has_keys() { KEYS } else { 0 };
        }
        *locked = listeners.into();
        self.wanted.store(wanted, Ordering::Relaxed);
        changed
    }

    fn listeners(&self) -> Listeners {
        let listeners = self.listeners.read();
        listeners.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls of listeners that panicked or gave an error.
    pub(crate) fn failed(&self) -> u64 {
        self.fates.failed.load(Ordering::Relaxed)
    }

    /// Events that nobody was told of because too many waited.
    pub(crate) fn dropped(&self) -> u64 {
        self.fates.dropped.load(Ordering::Relaxed)
    }
}
