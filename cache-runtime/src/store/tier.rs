//! The store of one kind, as calls use it: within a time budget, and never in the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;

use super::write_behind::{Write, WriteBehind};
use super::{Store, StoreError};
use crate::clock::{Clock, UnixMillis};
use crate::envelope::{self, Codec, Compression};
use crate::memory::SharedEntry;
use crate::policy::Ttl;

/// How long an operation that the application asked for and waits for may take.
const ASKED_FOR: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct StoreTier {
    store: Arc<dyn Store>,
    settings: StoreSettings,
    failures: Arc<AtomicU64>,
    writes: WriteBehind,
    clock: Clock,
}

/// How a kind uses its store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreSettings {
    /// What a look-up may cost a call.
    pub(crate) budget: Duration,
    /// The longest value, in bytes.
    pub(crate) value_limit: usize,
    pub(crate) compression: Compression,
}

impl StoreTier {
    pub(crate) fn new(store: Arc<dyn Store>, settings: StoreSettings, clock: Clock) -> Self {
        let failures = Arc::<AtomicU64>::default();
        Self {
            writes: WriteBehind::new(store.clone(), settings, failures.clone()),
            store,
            settings,
            failures,
            clock,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.store.name()
    }

    /// The fresh entry of `key`; any trouble with the store or with its bytes is `None`.
    pub(crate) async fn look_up(&self, key: &str, codec: Codec) -> Option<SharedEntry> {
        let limit = self.settings.value_limit;
        let sealed = self
            .within(self.settings.budget, self.store.get(key, limit))
            .await?
            .filter(|sealed| sealed.len() <= limit)?;
        let now = self.clock.unix_millis();
        match envelope::open(key, &sealed, codec, now, limit) {
            Ok((decoded, times)) => {
                let age = Duration::from_millis(now.saturating_sub(times.created));
                let left = Duration::from_millis(times.fresh_until - now);
                let created = self.clock.now().before(age);
                Some(decoded.into_entry(created, Ttl::After(age.saturating_add(left))))
            }
            Err(fault) => {
                tracing::debug!(?fault, "an entry in the store is not served");
                None
            }
        }
    }

    /// The write that puts this entry into the store.
    pub(crate) fn write(&self, key: String, entry: SharedEntry, codec: Codec, ttl: Ttl) -> Write {
        let created: UnixMillis = self.clock.unix_millis();
        Write::new(key, entry, codec, created, ttl.bounded())
    }

    /// Has the write done soon; nobody waits for it. Given up and counted where the queue is full.
    pub(crate) fn write_behind(&self, write: Write) {
        self.writes.push(write);
    }

    /// Does the write now.
    pub(crate) async fn write_through(&self, write: &Write) {
        if let Some(sealed) = write.seal(self.settings.compression) {
            let set = self.store.set(&write.key, &sealed, write.ttl);
            self.within(self.settings.budget * 2, set).await;
        }
    }

    pub(crate) async fn remove(&self, key: &str) -> bool {
        let remove = self.store.remove(key);
        self.within(self.settings.budget * 2, remove)
            .await
            .unwrap_or(false)
    }

    pub(crate) async fn ttl(&self, key: &str) -> Option<Duration> {
        self.within(self.settings.budget, self.store.ttl(key))
            .await
            .flatten()
    }

    pub(crate) async fn keys(&self, prefix: &str, pattern: &str, limit: usize) -> Vec<String> {
        self.within(ASKED_FOR, self.store.keys(prefix, pattern, limit))
            .await
            .unwrap_or_default()
    }

    pub(crate) async fn remove_matching(&self, prefix: &str, pattern: &str) -> u64 {
        self.within(ASKED_FOR, self.store.remove_matching(prefix, pattern))
            .await
            .unwrap_or_default()
    }

    pub(crate) async fn ping(&self) -> bool {
        self.within(self.settings.budget, self.store.ping())
            .await
            .is_some()
    }

    pub(crate) async fn connect(&self, patience: Duration) -> Result<(), StoreError> {
        match tokio::time::timeout(patience, self.store.connect()).await {
            Ok(connected) => connected,
            Err(_elapsed) => Err(StoreError::TimedOut(patience)),
        }
    }

    /// Waits until the queued writes are done, for at most `deadline`.
    pub(crate) async fn flush(&self, deadline: Duration) -> bool {
        self.writes.flush(deadline).await
    }

    pub(crate) fn disconnect(&self) {
        self.store.disconnect();
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped_writes(&self) -> u64 {
        self.writes.dropped()
    }

    async fn within<T>(
        &self,
        time: Duration,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Option<T> {
        let outcome = within(&*self.store, time, operation).await;
        if outcome.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        outcome.ok()
    }
}

/// Runs one store operation for at most `time`.
pub(super) async fn within<T>(
    store: &dyn Store,
    time: Duration,
    operation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    // Without a runtime there is neither a timer nor a network.
    if Handle::try_current().is_err() {
        return Err(StoreError::Away("no tokio runtime is running".to_owned()));
    }
    match tokio::time::timeout(time, operation).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => {
            store.timed_out();
            Err(StoreError::TimedOut(time))
        }
    }
}
