//! What one call came to: where its result is from, and why the cache did not have it.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use super::control::Report;
use crate::envelope::Fault;
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
    /// The body did not run: [`peek`](super::peek) found nothing, or the call was only to be
    /// forgotten, or asked for its key.
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
    /// An argument refused to be serialized.
    NoKey,
    /// The text is longer than the kind takes.
    TextTooLong,
    /// The kind wants a tenant, and there was none.
    NoTenant,
}

impl MissReason {
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
    /// Why the body ran, where it did; of several reasons the one in memory.
    pub miss: Option<MissReason>,
    /// The name that the entry has in a store, as [`key`](super::key()) says it: a digest in the
    /// place of what is not to be read there.
    pub key: Option<String>,
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
            ..
        } = told;
        Self {
            value,
            origin,
            age,
            miss,
            key,
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
}

impl Told {
    pub(super) fn of(origin: Origin) -> Self {
        Self {
            origin,
            age: Duration::ZERO,
            miss: None,
            key: None,
            has_failed: false,
        }
    }
}
