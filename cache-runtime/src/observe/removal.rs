//! Entries that leave memory.

use std::fmt;
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
    /// Why it left.
    pub cause: RemovalCause,
    /// The time since it was made.
    pub age: Duration,
    /// Its weight in bytes, where these are bounded.
    pub weight: Option<u64>,
}
