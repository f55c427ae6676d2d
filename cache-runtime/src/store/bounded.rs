//! A store whose every operation has a time budget, and whose failures are counted instead of
//! returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::held::Endings;
use super::write::{Content, Sealed};
use super::{Held, Lost, Store, StoreError, Write};
use crate::bus::{Bus, BusSettings, Ended, Invalidated};
use crate::envelope::{Fault, Format, Unstorable};
use crate::key::key_hash;
use crate::runtime;

/// How a kind uses its store.
#[derive(Clone, Debug)]
pub(crate) struct StoreSettings {
    pub(crate) bus: BusSettings,
    /// What a look-up may cost a call.
    pub(crate) budget: Duration,
    pub(crate) format: Format,
}

#[derive(Debug)]
pub(super) struct BoundedStore {
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: StoreSettings,
    pub(super) bus: Arc<Bus>,
    pub(super) endings: Endings,
    failures: AtomicU64,
    timeouts: AtomicU64,
    refused: [AtomicU64; Fault::COUNT],
    unstorable: [AtomicU64; Unstorable::COUNT],
    refused_writes: AtomicU64,
}

impl BoundedStore {
    pub(super) fn new(store: Arc<dyn Store>, settings: StoreSettings, bus: Arc<Bus>) -> Self {
        Self {
            store,
            settings,
            bus,
            endings: Endings::default(),
            failures: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            refused: Default::default(),
            unstorable: Default::default(),
            refused_writes: AtomicU64::new(0),
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

    /// Computed values that the store did not take, because they were over by then.
    pub(super) fn refused_writes(&self) -> u64 {
        self.refused_writes.load(Ordering::Relaxed)
    }

    /// Counts a write whose key was removed after the computation had begun; nobody is served what
    /// it was about.
    fn refuse_write(&self, write: &Write) {
        self.refused_writes.fetch_add(1, Ordering::Relaxed);
        write.revoke();
    }

    /// The write with its bytes made.
    pub(super) fn seal(&self, write: Write) -> Write {
        write.sealed(|key, unsealed| {
            let sealed = unsealed.seal(key, &self.settings.format);
            sealed.map_err(|reason| self.keep_out(reason)).ok()
        })
    }

    /// Does one write whose bytes are made, within twice the budget of a look-up, and says whether
    /// the store has it, or something later.
    pub(super) async fn write(&self, write: &mut Write) -> bool {
        let time = self.settings.budget.saturating_mul(2);
        let answer = self.within(time, self.tell(write)).await;
        if write.is_refusable() {
            match answer {
                Ok(true) => write.held.take().into_iter().for_each(Held::forget),
                Ok(false) => self.refuse_write(write),
                Err(_) => {}
            }
        }
        answer.is_ok()
    }

    /// Tells the store of one write whose bytes are made. What it says of a removal is whether there
    /// was an entry, and of other writes whether it has taken them.
    pub(super) async fn tell(&self, write: &Write) -> Result<bool, StoreError> {
        let (store, key) = (&self.store, &write.key);
        let hash = key_hash(key);
        let announcement = if write.is_news {
            self.bus.announce(Invalidated::Entry(hash))
        } else {
            let held = write.held.as_ref();
            held.and_then(|_| self.bus.say_ended(hash, Ended::Landed))
        };
        let announcement = announcement.as_ref();
        match &write.content {
            Content::Removal(tombstone) => store.remove(key, Some(*tombstone), announcement).await,
            Content::End(_) => store.remove(key, None, announcement).await,
            Content::Sealed(Sealed { bytes, ttl }) if write.is_refusable() => {
                store
                    .set_unless_removed(key, bytes, *ttl, announcement)
                    .await
            }
            Content::Sealed(Sealed { bytes, ttl }) => {
                let set = store.set(key, bytes, *ttl, announcement);
                set.await.map(|()| true)
            }
            Content::Unsealed(_) => Ok(false),
        }
    }

    /// Counts an operation that failed for itself alone.
    pub(super) fn fail(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
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
                Err(Lost::TimedOut)
            }
        };
        if answer.is_err() {
            self.fail();
        }
        answer
    }
}
