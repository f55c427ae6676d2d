//! One event: what a listener is told.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::call::{MissReason, Origin};
use crate::generation::Invalidation;
use crate::memory::SharedEntry;
use crate::observe::{Ending, Removal, RemovalCause};
use crate::policy::Ttl;
use crate::store::StoreChange;

/// The kinds of events, to choose from with [`EventFilter::only`](crate::EventFilter::only).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A call or a look-up was answered from memory or from the store.
    Hit,
    /// A call waited for another one with the same key, and took its result.
    Joined,
    /// A call was answered with a value past its lifetime.
    Stale,
    /// A call or a look-up found nothing.
    Miss,
    /// A value is kept from now on.
    Stored,
    /// Something was invalidated, by this process or by another one that it hears of.
    Invalidated,
    /// An entry left memory because others needed the room.
    Evicted,
    /// An entry left memory because its lifetime was over.
    Expired,
    /// An entry left memory because a newer one of the same key took its place.
    Replaced,
    /// An entry left memory because it had been invalidated.
    Forgotten,
    /// An entry did not enter memory because it is heavier than what that takes.
    TooLarge,
    /// A connection to the store is gone, or is there.
    Connection,
    /// The store is left alone from now on, tried, or asked again.
    Breaker,
}

impl EventKind {
    /// Every kind of event.
    pub const ALL: [Self; 13] = [
        Self::Hit,
        Self::Joined,
        Self::Stale,
        Self::Miss,
        Self::Stored,
        Self::Invalidated,
        Self::Evicted,
        Self::Expired,
        Self::Replaced,
        Self::Forgotten,
        Self::TooLarge,
        Self::Connection,
        Self::Breaker,
    ];

    /// Those that tell of a hit: each is told in one of them.
    pub const HITS: [Self; 3] = [Self::Hit, Self::Joined, Self::Stale];

    /// The name, as logs and metrics may have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Joined => "joined",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Stored => "stored",
            Self::Invalidated => "invalidated",
            Self::Evicted => "evicted",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Forgotten => "forgotten",
            Self::TooLarge => "too_large",
            Self::Connection => "connection",
            Self::Breaker => "breaker",
        }
    }

    pub(super) fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<RemovalCause> for EventKind {
    fn from(cause: RemovalCause) -> Self {
        match cause {
            RemovalCause::Expired => Self::Expired,
            RemovalCause::Evicted => Self::Evicted,
            RemovalCause::Replaced => Self::Replaced,
            RemovalCause::Invalidated => Self::Forgotten,
            RemovalCause::TooLarge => Self::TooLarge,
        }
    }
}

/// What was invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extent {
    /// One key.
    Key,
    /// The application's keys that match a glob.
    Matching,
    /// Everything of one operation.
    Operation,
    /// Everything with one tag.
    Tag,
    /// Everything of one tenant.
    Tenant,
    /// Everything of the kind.
    Kind,
}

/// Where something was invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidationOrigin {
    /// Through this cache, in this process.
    Here,
    /// By another process over the same store, or through another cache of this one. Told when this one
    /// hears of it, with what it hears: of a tenant or a tag the name of its generation, of a key, which may
    /// have been set there as well, or of keys that match a pattern nothing more.
    Elsewhere,
}

/// What has happened, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// A call or a look-up was answered, with a value from here.
    Hit(Origin),
    /// A call or a look-up found nothing; told when it has ended, so after its body has run.
    Miss {
        /// Why, where that is known.
        reason: Option<MissReason>,
        /// What came of it.
        ending: Ending,
    },
    /// A value is in memory from now on, or on its way to the store, or both. What a body returned
    /// that has no value (a `None`, a failure) is told too where it is kept.
    Stored {
        /// For how long it is fresh.
        ttl: Ttl,
    },
    /// Something was invalidated, in one step.
    Invalidated {
        /// What.
        extent: Extent,
        /// In which way.
        how: Invalidation,
        /// Where.
        origin: InvalidationOrigin,
    },
    /// An entry left memory.
    Left(Removal),
    /// The way to the store has changed.
    Store(StoreChange),
}

impl Happened {
    pub(super) fn kind(&self) -> EventKind {
        match self {
            Self::Hit(Origin::Joined) => EventKind::Joined,
            Self::Hit(Origin::Stale(_)) => EventKind::Stale,
            Self::Hit(_) => EventKind::Hit,
            Self::Miss { .. } => EventKind::Miss,
            Self::Stored { .. } => EventKind::Stored,
            Self::Invalidated { .. } => EventKind::Invalidated,
            Self::Left(removal) => removal.cause.into(),
            Self::Store(StoreChange::Breaker { .. }) => EventKind::Breaker,
            Self::Store(_) => EventKind::Connection,
        }
    }
}

/// Something that a cache has done, or that has happened to it.
///
/// Listeners are told of events: [`CacheBuilder::on_event`](crate::CacheBuilder::on_event) and
/// [`Cache::on_event`](crate::Cache::on_event) say how, with examples. A listener hears of all
/// tenants: it is the application's own, and tells them apart by [`tenant`](Self::tenant). It sees
/// values and keys, and changes neither. `Debug` shows no key, no tenant and no value.
pub struct CacheEvent {
    pub(super) cache: Arc<str>,
    pub(super) operation: Option<Arc<str>>,
    pub(super) what: Happened,
    pub(super) at: SystemTime,
    pub(super) tenant: Option<Arc<str>>,
    pub(super) key: Option<String>,
    pub(super) entry: Option<SharedEntry>,
}

impl CacheEvent {
    /// Of which kind the event is.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.what.kind()
    }

    /// What has happened, with what is known of it.
    #[must_use]
    pub fn what(&self) -> &Happened {
        &self.what
    }

    /// The name of the cache, which is that of its kind.
    #[must_use]
    pub fn cache(&self) -> &str {
        &self.cache
    }

    /// The operation, `keys` for keys that the application chose; `None` for what is about several or
    /// about none.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    /// For whom it was done: `None` where there was no tenant, for what is about all tenants or none,
    /// and for entries of annotated functions that leave memory, which do not say whose they are.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// The name of the entry in a store, as [`call::key`](crate::call::key()) says it, whether or not
    /// there is one: with a digest in the place of what is not to be read there
    /// ([`key_privacy`](crate::CacheConfigBuilder::key_privacy)). Of a tag, a tenant, an operation or
    /// the kind it is the name of their generation, of a pattern the names with the pattern at the
    /// end.
    ///
    /// `None` unless a listener asked for it
    /// ([`EventFilter::with_keys`](crate::EventFilter::with_keys)), and where there is none: a call
    /// whose arguments have no key, a function that is `local`, an entry of an annotated function that
    /// leaves memory, and keys that were invalidated [elsewhere](InvalidationOrigin::Elsewhere).
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The value, if it is one of this type: of a hit, of a value that is stored, and of an entry that
    /// leaves memory. Of a function that returns `Result<T, _>` or `Option<T>` it is the `T`.
    ///
    /// `None` unless a listener asked for it
    /// ([`EventFilter::with_values`](crate::EventFilter::with_values)).
    #[must_use]
    pub fn value<T: Any>(&self) -> Option<&T> {
        let value = &self.entry.as_ref()?.value;
        // What is kept behind an `Arc` is found by the type behind it too.
        let behind = || Some(&**value.downcast_ref::<Arc<T>>()?);
        value.downcast_ref().or_else(behind)
    }

    /// When it happened. The listener may be called a while after that.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        self.at
    }
}

impl fmt::Debug for CacheEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheEvent")
            .field("cache", &self.cache)
            .field("operation", &self.operation)
            .field("what", &self.what)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
