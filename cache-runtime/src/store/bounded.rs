//! A store whose every operation has a time budget, and whose failures are counted instead of
//! returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::write_behind::Sealed;
use super::{Lost, Store, StoreError, Write};
use crate::envelope::{Fault, Format, Unstorable};
use crate::runtime;

/// How a kind uses its store.
#[derive(Clone, Debug)]
pub(crate) struct StoreSettings {
    /// What a look-up may cost a call.
    pub(crate) budget: Duration,
    pub(crate) format: Format,
}

#[derive(Debug)]
pub(super) struct BoundedStore {
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: StoreSettings,
    failures: AtomicU64,
    timeouts: AtomicU64,
    refused: [AtomicU64; Fault::COUNT],
    unstorable: [AtomicU64; Unstorable::COUNT],
}

impl BoundedStore {
    pub(super) fn new(store: Arc<dyn Store>, settings: StoreSettings) -> Self {
        Self {
            store,
            settings,
            failures: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            refused: Default::default(),
            unstorable: Default::default(),
        }
    }

    /// Operations that failed or took too long.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Of these, the ones that took too long.
    pub(super) fn timeouts(&self) -> u64 {
        self.timeouts.load(Ordering::Relaxed)
    }

    /// Entries that were there and were not served, for this reason.
    pub(super) fn refused(&self, fault: Fault) -> u64 {
        self.refused[fault as usize].load(Ordering::Relaxed)
    }

    /// Counts an entry that is not served, and logs the first one of each reason.
    pub(super) fn refuse(&self, fault: Fault) {
        let before = self.refused[fault as usize].fetch_add(1, Ordering::Relaxed);
        if let Some(advice) = fault.advice().filter(|_| before == 0) {
            let kind = &self.settings.format.kind;
            tracing::warn!(kind, advice, "an entry in the store is not served");
        }
    }

    /// Values that were not written, for this reason.
    pub(super) fn unstorable(&self, reason: Unstorable) -> u64 {
        self.unstorable[reason as usize].load(Ordering::Relaxed)
    }

    fn keep_out(&self, reason: Unstorable) {
        let before = self.unstorable[reason as usize].fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            let (kind, advice) = (&self.settings.format.kind, reason.advice());
            tracing::warn!(kind, advice, "a value is not written into the store");
        }
    }

    /// The write with its bytes made.
    pub(super) fn seal(&self, write: Write) -> Write {
        write.sealed(|key, unsealed| {
            let sealed = unsealed.seal(key, &self.settings.format);
            sealed.map_err(|reason| self.keep_out(reason)).ok()
        })
    }

    /// Does one write whose bytes are made, within twice the budget of a look-up, and says whether
    /// it is done.
    pub(super) async fn write(&self, write: &Write) -> bool {
        let time = self.settings.budget.saturating_mul(2);
        if let Some(Sealed { bytes, ttl }) = write.bytes() {
            let set = self.store.set(&write.key, bytes, *ttl);
            self.within(time, set).await.is_ok()
        } else {
            let removed = self.store.remove(&write.key);
            self.within(time, removed).await.is_ok()
        }
    }

    /// The answer of one operation, if it comes within this time.
    pub(super) async fn within<T>(
        &self,
        time: Duration,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Lost> {
        let outcome = if runtime::has_timer() {
            tokio::time::timeout(time, operation).await
        } else {
            Ok(Err(StoreError::Away(
                "no tokio runtime with timers".to_owned(),
            )))
        };
        let answer = match outcome {
            Ok(answer) => answer.map_err(|_failure| Lost::Away),
            Err(_elapsed) => {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                self.store.timed_out(time);
                Err(Lost::TimedOut)
            }
        };
        if answer.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}
