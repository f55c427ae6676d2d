//! How a call ended.

use std::fmt;

/// How a call or a look-up ended: each of them in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// A hit: answered from memory.
    MemoryHit,
    /// A hit: answered from the store.
    StoreHit,
    /// A hit: waited for another call with the same key, and took its result; read along with the stream of
    /// another call, to its end or to the first `Err`.
    Joined,
    /// A hit: answered with a value past its lifetime.
    Stale,
    /// A miss: the body ran, and its result was kept, as far as the tiers had room for it.
    Computed,
    /// A miss: the body ran, and its result was not one to keep: a `None`, a value that `cache_if` or
    /// `unless` refuses, one with a lifetime of zero, a stream that is too long, or one that was
    /// invalidated meanwhile.
    NotKept,
    /// A miss: the body ran and failed.
    Failed,
    /// A miss: the body panicked, or what comes before it: `ttl` or `tags`; the key as well, where a function
    /// makes its future or its stream by itself (of other functions a key that panics is counted nowhere:
    /// each hit would take longer). Or the others went on without this reader of a stream that is too long to
    /// keep. A call that has no answer and is dropped while something else panics on its thread is one of
    /// these, too: nothing tells it from a call whose own body did.
    Panicked,
    /// A miss: a look-up found nothing, by key or with [`peek`](crate::call::peek).
    Missed,
    /// A miss: an argument refused to be serialized, or a key is too long.
    NoKey,
    /// A miss: the text is longer than `max_text_length`.
    TextTooLong,
    /// A miss: there was no tenant, and the kind requires one.
    NoTenant,
    /// A miss: gave up waiting (`timeout(hard = …)`).
    TimedOut,
    /// Neither: dropped by its caller before it had an answer, or all of a stream that was running.
    Abandoned,
    /// Neither: went past the cache because its caller wanted it so.
    Bypassed,
    /// Neither: the kind or the operation was switched off.
    SwitchedOff,
    /// Neither: was only to be forgotten, or asked for its key.
    Stopped,
}

impl Ending {
    /// Every way in which a call ends.
    pub const ALL: [Self; 17] = [
        Self::MemoryHit,
        Self::StoreHit,
        Self::Joined,
        Self::Stale,
        Self::Computed,
        Self::NotKept,
        Self::Failed,
        Self::Panicked,
        Self::Missed,
        Self::NoKey,
        Self::TextTooLong,
        Self::NoTenant,
        Self::TimedOut,
        Self::Abandoned,
        Self::Bypassed,
        Self::SwitchedOff,
        Self::Stopped,
    ];

    /// The name, as metrics have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MemoryHit => "memory_hit",
            Self::StoreHit => "store_hit",
            Self::Joined => "joined",
            Self::Stale => "stale",
            Self::Computed => "computed",
            Self::NotKept => "not_kept",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Missed => "missed",
            Self::NoKey => "no_key",
            Self::TextTooLong => "text_too_long",
            Self::NoTenant => "no_tenant",
            Self::TimedOut => "timed_out",
            Self::Abandoned => "abandoned",
            Self::Bypassed => "bypassed",
            Self::SwitchedOff => "switched_off",
            Self::Stopped => "stopped",
        }
    }

    /// Whether the cache had the answer.
    #[must_use]
    pub fn is_hit(self) -> bool {
        self <= Self::Stale
    }

    /// Whether the cache was asked and did not have it.
    #[must_use]
    pub fn is_miss(self) -> bool {
        self > Self::Stale && self < Self::Abandoned
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
