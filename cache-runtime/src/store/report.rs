//! What a store says about itself, for operators.

use std::sync::Arc;

/// The way to a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// Operations under way, with those that wait for their turn where `max_connections` is reached.
    /// Operations share a connection, so this is no number of connections; look-ups that are sent
    /// together are one operation. Without a limit nothing waits, and these are all.
    pub in_use: u64,
    /// How many more operations may begin at once before one has to wait for its turn: what is left of
    /// `max_connections`, 0 where that is reached. `None` where there is no `max_connections`, which is
    /// the default: there is no limit to compare with, and none that could be reached.
    pub available: Option<u64>,
    /// Connections made so far, with those that took the place of lost ones. There is one at a time to
    /// each server that keeps values; the one over which invalidations are heard does not count.
    pub created_connections: u64,
    /// Whether the store is asked at all.
    pub breaker: Breaker,
}

/// Whether a store is asked at all. Of several servers, the one that is worst off counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breaker {
    /// It is asked; or nobody has wanted anything of it so far.
    #[default]
    Closed,
    /// It is tried, in the background.
    HalfOpen,
    /// It is left alone: calls go on without it, and lose no time.
    Open,
}

/// What has become of the way to a store. A server has the name that it has in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreChange {
    /// A connection is gone, or the first attempt to make one has failed.
    Gone {
        /// Which one it went to.
        server: Arc<str>,
        /// Why, as the log has it.
        reason: Arc<str>,
    },
    /// A connection is there.
    Back {
        /// Which one it goes to.
        server: Arc<str>,
    },
    /// The server is left alone from now on, tried, or asked again.
    Breaker {
        /// Which one.
        server: Arc<str>,
        /// How it stands.
        breaker: Breaker,
    },
}

/// What a store says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreInfo {
    /// Such as `7.0.15`; of several servers, the oldest one.
    pub version: String,
    /// Connections of all applications.
    pub connected_clients: u64,
    /// Bytes in use.
    pub used_memory: u64,
    /// Keys of all applications, in this database.
    pub keys: u64,
}

impl Connections {
    /// Those of two servers.
    #[cfg(feature = "redis")]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            in_use: self.in_use + other.in_use,
            available: self.available.zip(other.available).map(|(a, b)| a + b),
            created_connections: self.created_connections + other.created_connections,
            breaker: self.breaker.max(other.breaker),
        }
    }
}
