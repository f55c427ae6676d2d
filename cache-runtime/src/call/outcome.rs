//! What one call came to: where its result is from, and why the cache did not have it.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use super::control::{Control, Report};
use super::operation::Operation;
use crate::envelope::Fault;
use crate::kind::Kind;
use crate::observe::Ending;
use crate::policy::{TextTier, characters};
use crate::store::Lost;

/// Where the result of a call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// From memory.
    Memory,
    /// From the store.
    Store,
    /// From another call with the same key that was running.
    Joined,
    /// From memory or the store, past its lifetime, for this cause.
    Stale(StaleCause),
    /// The body ran, and its result is kept where the operation and its lifetime allow it.
    Computed,
    /// The body ran, and the caller wanted no cache: [`bypass`](super::bypass).
    Bypassed,
    /// The body ran without a cache: nobody knows the kind, it or the operation is switched off, an
    /// argument has no key, the text is longer than the kind takes, or the kind wants a tenant and
    /// there was none. [`Outcome::miss`] says which.
    Uncached,
    /// The body ran or another call was waited for, and neither brought a result in time:
    /// `timeout(hard = …)`.
    TimedOut,
    /// The body did not run: [`peek`](super::peek) or
    /// [`AiCache::lookup`](crate::AiCache::lookup) found nothing, or the call was only to be forgotten,
    /// or asked for its key.
    Stopped,
    /// No cached call was reached during the first poll, so nothing is known.
    Unreached,
}

/// Why a value was served past its lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StaleCause {
    /// A new one is being computed in the background: `stale_while_revalidate`.
    Revalidating,
    /// The body failed or was too slow, just now or up to `retry_stale_after` ago:
    /// `stale_if_error`.
    Failed,
    /// The body took longer than `timeout` says, in this call.
    Slow,
}

impl Origin {
    /// How a call has ended that has an entry from there.
    pub(crate) fn hit(self) -> Ending {
        match self {
            Self::Memory => Ending::MemoryHit,
            Self::Store => Ending::StoreHit,
            Self::Stale(_) => Ending::Stale,
            _ => Ending::Joined,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Memory => "memory",
            Self::Store => "store",
            Self::Joined => "joined",
            Self::Stale(StaleCause::Revalidating) => "stale (revalidating)",
            Self::Stale(StaleCause::Failed) => "stale (failed)",
            Self::Stale(StaleCause::Slow) => "stale (slow)",
            Self::Computed => "computed",
            Self::Bypassed => "bypassed",
            Self::Uncached => "uncached",
            Self::TimedOut => "timed out",
            Self::Stopped => "stopped",
            Self::Unreached => "unreached",
        })
    }
}

/// Why the cache had nothing for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissReason {
    /// There is no entry: never, not any more, or it was removed by its key.
    Absent,
    /// The lifetime of the entry is over.
    Expired,
    /// The entry was invalidated (expired by hand, or removed with an operation, a tag or
    /// something else that it belongs to), or the store has forgotten whether it was.
    Invalidated,
    /// The entry is older than the caller wants: [`max_age`](super::max_age).
    TooOld,
    /// The caller wants a new result: [`refresh`](super::refresh).
    Refreshed,
    /// The entry in the store is no entry of this library, is damaged, or is encrypted in another
    /// way than the configuration says.
    Unreadable,
    /// The value in the store is not one of the function's type as it is now.
    Unverified,
    /// The entry in the store is longer than 8 MiB.
    TooLarge,
    /// The store could not be asked.
    StoreAway,
    /// The store did not answer within the time budget.
    StoreTimedOut,
    /// Nobody knows the kind.
    UnknownKind,
    /// The kind or the operation is [switched off](crate::Cache::switch_off).
    SwitchedOff,
    /// An argument refused to be serialized, or what a language model is asked is
    /// [no request](crate::AiRequest).
    NoKey,
    /// The text is longer than the kind takes.
    TextTooLong,
    /// The kind wants a tenant, and there was none.
    NoTenant,
}

impl MissReason {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::Absent,
        Self::Expired,
        Self::Invalidated,
        Self::TooOld,
        Self::Refreshed,
        Self::Unreadable,
        Self::Unverified,
        Self::TooLarge,
        Self::StoreAway,
        Self::StoreTimedOut,
        Self::UnknownKind,
        Self::SwitchedOff,
        Self::NoKey,
        Self::TextTooLong,
        Self::NoTenant,
    ];

    /// The name, as metrics have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::Invalidated => "invalidated",
            Self::TooOld => "too_old",
            Self::Refreshed => "refreshed",
            Self::Unreadable => "unreadable",
            Self::Unverified => "unverified",
            Self::TooLarge => "too_large",
            Self::StoreAway => "store_away",
            Self::StoreTimedOut => "store_timed_out",
            Self::UnknownKind => "unknown_kind",
            Self::SwitchedOff => "switched_off",
            Self::NoKey => "no_key",
            Self::TextTooLong => "text_too_long",
            Self::NoTenant => "no_tenant",
        }
    }

    /// Of this one, which is that of memory, and the store's the one that counts: that of a store which
    /// gave no answer, whatever it has, comes first.
    pub(super) fn or_of_store(self, of_store: Self) -> Self {
        match of_store {
            Self::StoreAway | Self::StoreTimedOut => of_store,
            _ if self == Self::Absent => of_store,
            _ => self,
        }
    }

    pub(super) fn of_lost(lost: Lost) -> Self {
        match lost {
            Lost::Absent => Self::Absent,
            Lost::Unsettled | Lost::Refused(Fault::Invalidated) => Self::Invalidated,
            Lost::Refused(Fault::Expired) => Self::Expired,
            Lost::Refused(Fault::TooLarge) => Self::TooLarge,
            Lost::Refused(Fault::Undecodable | Fault::Unverified) => Self::Unverified,
            Lost::Refused(
                Fault::Foreign | Fault::Damaged | Fault::UnknownKey | Fault::NotEncrypted,
            ) => Self::Unreadable,
            Lost::Away => Self::StoreAway,
            Lost::TimedOut => Self::StoreTimedOut,
        }
    }
}

/// The result of a call, where it came from, and why the cache did not have it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// What the call returned.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
    /// How long ago the value was computed, as far as the clocks of the two processes agree; zero
    /// for one that was just computed.
    pub age: Duration,
    /// Why the body ran, where it did; of several reasons that the store did not answer, else the one in
    /// memory.
    pub miss: Option<MissReason>,
    /// The name that the entry has in a store, as [`key`](super::key()) says it: a digest in the
    /// place of what is not to be read there.
    pub key: Option<String>,
    /// The operation. `None` where no call was reached, where nobody knows the kind, and for keys
    /// that the application chose.
    pub operation: Option<String>,
    /// How long the text is, in characters, where the call has one.
    pub text_length: Option<usize>,
    /// The tier of the text, by the limits of the kind.
    pub text_tier: Option<TextTier>,
    /// When the value was computed, by the clock of this process: just now where the body ran. `None`
    /// for a value that no cache has.
    pub stored_at: Option<SystemTime>,
    /// How long it took to write the arguments into a key. Measured for those alone who ask for the
    /// outcome; `None` where no key was written.
    pub key_time: Option<Duration>,
}

impl<T> Outcome<T> {
    pub(super) fn of(value: T, report: &OnceLock<Report>) -> Self {
        let told = match report.get() {
            Some(Report::Returned(told)) => told.clone(),
            Some(Report::Stopped(_)) => Told::of(Origin::Stopped),
            None => Told::of(Origin::Unreached),
        };
        let Told {
            origin,
            age,
            miss,
            key,
            about,
            stored_at,
            ..
        } = told;
        let About {
            operation,
            text,
            key_time,
        } = about.map_or_else(About::default, |about| *about);
        let (text_length, text_tier) = text.unzip();
        Self {
            value,
            origin,
            age,
            miss,
            key,
            operation,
            text_length,
            text_tier,
            stored_at,
            key_time,
        }
    }
}

/// What a call tells of its end.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) origin: Origin,
    pub(super) age: Duration,
    pub(super) miss: Option<MissReason>,
    pub(super) key: Option<String>,
    /// Whether the result is a failure.
    pub(super) has_failed: bool,
    pub(super) about: Option<Box<About>>,
    pub(super) stored_at: Option<SystemTime>,
}

/// What is known of a call before it has an answer, for those who ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    operation: Option<String>,
    text: Option<(usize, TextTier)>,
    key_time: Option<Duration>,
}

impl About {
    /// Of a call of this operation. `None` where nobody asks.
    pub(super) fn of(
        kind: &Kind,
        operation: &Operation,
        text: Option<&[u8]>,
        control: Option<&Control>,
    ) -> Option<Box<Self>> {
        let control = control.filter(|control| control.asks())?;
        Some(Box::new(Self {
            operation: Some(operation.name.clone()),
            text: text.map(|text| {
                let length = characters(text);
                (length, kind.text_tier(length))
            }),
            key_time: control.key_time,
        }))
    }
}

impl Told {
    pub(super) fn of(origin: Origin) -> Self {
        Self {
            origin,
            age: Duration::ZERO,
            miss: None,
            key: None,
            has_failed: false,
            about: None,
            stored_at: None,
        }
    }
}
