//! The store of one kind, as calls use it: within a time budget, and never in the way.

use std::sync::Arc;
use std::time::Duration;

use super::bounded::{BoundedStore, StoreSettings};
use super::write_behind::{Write, WriteBehind};
use super::{Store, StoreError, StoreFuture, runtime};
use crate::clock::Clock;
use crate::envelope::{self, Fault, Unstorable, VALUE_LIMIT, ValueType};
use crate::memory::SharedEntry;
use crate::policy::Ttl;

/// How long a walk over all keys may take.
const SCAN: Duration = Duration::from_secs(5);

pub(crate) struct StoreTier {
    bounded: Arc<BoundedStore>,
    writes: WriteBehind,
    clock: Clock,
}

impl StoreTier {
    pub(crate) fn new(store: Arc<dyn Store>, settings: StoreSettings, clock: Clock) -> Self {
        let bounded = Arc::new(BoundedStore::new(store, settings));
        Self {
            writes: WriteBehind::new(bounded.clone()),
            bounded,
            clock,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.bounded.store.name()
    }

    /// The fresh entry of `key`; any trouble with the store or with its bytes is `None`.
    pub(crate) async fn look_up(&self, key: &str, value_type: ValueType) -> Option<SharedEntry> {
        let sealed = self.ask(self.bounded.store.get(key, VALUE_LIMIT)).await??;
        let format = &self.bounded.settings.format;
        envelope::open(key, sealed, value_type, &self.clock, format)
            .inspect_err(|fault| self.bounded.refuse(*fault))
            .ok()
    }

    /// The write that puts this entry into the store.
    pub(crate) fn write(
        &self,
        key: String,
        entry: SharedEntry,
        value_type: ValueType,
        ttl: Ttl,
    ) -> Write {
        let created = self.clock.unix_millis();
        Write::entry(key, entry, value_type, created, ttl.bounded())
    }

    /// The write that has the store forget this key.
    pub(crate) fn removal(key: String) -> Write {
        Write::removal(key)
    }

    /// Has the write done soon; nobody waits for it. Given up and counted where the queue is full.
    pub(crate) fn write_behind(&self, write: Write) {
        self.writes.push(write);
    }

    /// Does the write now, within twice the budget of a look-up.
    pub(crate) async fn write_through(&self, write: &Write) {
        self.bounded.write(write).await;
    }

    pub(crate) async fn remove(&self, key: &str) -> bool {
        self.ask(self.bounded.store.remove(key))
            .await
            .unwrap_or(false)
    }

    pub(crate) async fn ttl(&self, key: &str) -> Option<Duration> {
        self.ask(self.bounded.store.ttl(key)).await.flatten()
    }

    pub(crate) async fn keys(&self, prefix: &str, pattern: &str, limit: usize) -> Vec<String> {
        let keys = self.bounded.store.keys(prefix, pattern, limit);
        self.bounded.within(SCAN, keys).await.unwrap_or_default()
    }

    pub(crate) async fn remove_matching(&self, prefix: &str, pattern: &str) -> u64 {
        let remove = self.bounded.store.remove_matching(prefix, pattern);
        self.bounded.within(SCAN, remove).await.unwrap_or_default()
    }

    pub(crate) async fn ping(&self) -> bool {
        self.ask(self.bounded.store.ping()).await.is_some()
    }

    pub(crate) async fn connect(&self, patience: Duration) -> Result<(), StoreError> {
        if !runtime::has_timer() {
            return Err(StoreError::Away("no tokio runtime with timers".to_owned()));
        }
        match tokio::time::timeout(patience, self.bounded.store.connect()).await {
            Ok(connected) => connected,
            Err(_elapsed) => Err(StoreError::TimedOut(patience)),
        }
    }

    /// Waits for the queued writes, so that what is done next is not undone by one of them; for at
    /// most twice the budget of a look-up.
    pub(crate) async fn settle(&self) {
        if self.writes.is_waiting() {
            let time = self.bounded.settings.budget.saturating_mul(2);
            self.writes.flush(time).await;
        }
    }

    /// Waits until the queued writes are done, for at most `deadline`.
    pub(crate) async fn flush(&self, deadline: Duration) -> bool {
        self.writes.flush(deadline).await
    }

    pub(crate) fn disconnect(&self) {
        self.bounded.store.disconnect();
    }

    pub(crate) fn failures(&self) -> u64 {
        self.bounded.failures()
    }

    pub(crate) fn timeouts(&self) -> u64 {
        self.bounded.timeouts()
    }

    /// Entries that were there and were not served, for this reason.
    pub(crate) fn refused(&self, fault: Fault) -> u64 {
        self.bounded.refused(fault)
    }

    /// Values that were not written, for this reason.
    pub(crate) fn unstorable(&self, reason: Unstorable) -> u64 {
        self.bounded.unstorable(reason)
    }

    pub(crate) fn dropped_writes(&self) -> u64 {
        self.writes.dropped()
    }

    /// The answer of an operation that a call waits for.
    async fn ask<T>(&self, operation: StoreFuture<'_, T>) -> Option<T> {
        self.bounded
            .within(self.bounded.settings.budget, operation)
            .await
    }
}
