//! What operators ask about a store. Nothing of it is counted: no call has asked for it.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::StoreTier;
use crate::runtime;
use crate::store::write_behind::QUEUE;
use crate::store::{Breaker, StoreError};

/// What is tried in a store stays there for so long where it could not be removed.
const TRIED_FOR: Duration = Duration::from_secs(60);

/// More than is ever set to try a store.
const LONGEST_TRIED: usize = 256;

/// What the store still has to be told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queues {
    /// Keys, operations, tenants, tags and kinds that were invalidated.
    pub(crate) untold: usize,
    /// Whether the last attempt to tell it of those has failed.
    pub(crate) is_in_vain: bool,
    /// Writes in the queue, or on their way.
    pub(crate) waiting: u64,
    /// So many have room there.
    pub(crate) room: u64,
    /// Writes that there was no room for, so far.
    pub(crate) dropped: u64,
}

impl StoreTier {
    /// The time that the store takes for a PING, within the time of a look-up; or what is in the way.
    /// Where nobody has wanted anything of it so far, it is connected to first.
    pub(crate) async fn answers(&self) -> Result<Duration, StoreError> {
        let began = Instant::now();
        let store = &*self.bounded.store;
        let asked = async {
            match store.ping().await {
                Err(StoreError::Away(_)) if store.connections().breaker == Breaker::Closed => {
                    store.connect().await
                }
                answer => answer,
            }
        };
        let asked = within(self.bounded.settings.budget, asked);
        asked.await.map(|()| began.elapsed())
    }

    /// Sets what is no entry of any call.
    pub(crate) async fn try_set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let store = &self.bounded.store;
        let set = store.set_unless_removed(key, value, TRIED_FOR, None);
        within(self.bounded.settings.budget.saturating_mul(2), set)
            .await
            .map(drop)
    }

    /// What was set there.
    pub(crate) async fn try_get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let get = self.bounded.store.get(key, LONGEST_TRIED);
        within(self.bounded.settings.budget, get).await
    }

    /// Removes that without a trace, and says whether it was there.
    pub(crate) async fn try_remove(&self, key: &str) -> Result<bool, StoreError> {
        let remove = self.bounded.store.remove(key, None, None);
        within(self.bounded.settings.budget.saturating_mul(2), remove).await
    }

    pub(crate) fn queues(&self) -> Queues {
        Queues {
            untold: self.writes.unsettled() + self.generations.untold().len(),
            is_in_vain: self.recovery.is_in_vain(),
            waiting: self.writes.waiting(),
            room: QUEUE as u64,
            dropped: self.writes.dropped(),
        }
    }
}

async fn within<T>(
    time: Duration,
    operation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    if !runtime::has_timer() {
        return Err(StoreError::Away("no tokio runtime with timers".to_owned()));
    }
    match timeout(time, operation).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(StoreError::TimedOut(time)),
    }
}
