//! The store of one kind, as calls use it: within a time budget, and never in the way.

mod checks;
mod look_up;
mod telling;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::bounded::{BoundedStore, StoreSettings};
use super::generations::{GenerationNames, StoreGenerations};
use super::recovery::Recovery;
use super::write_behind::WriteBehind;
use super::{Connections, Held, Listener, Seen, Store, StoreError, StoreInfo, Tombstone, random};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::envelope::{Fault, Unstorable};
use crate::observe::Packed;
use crate::policy::Ttl;
use crate::runtime;

/// How long a walk over all keys may take.
const SCAN: Duration = Duration::from_secs(60);

/// What a store calls an entry.
pub(crate) struct StoreName {
    pub(crate) key: String,
    /// Names of the generations of everything that it belongs to.
    pub(crate) generations: Arc<GenerationNames>,
    /// How long the entry stays, as far as that is known before there is one.
    pub(crate) ttl: Ttl,
    /// What the last look-up found before or in the place of the entry.
    pub(crate) seen: Seen,
    /// Microseconds for which its call has waited for the store.
    pub(crate) spent: AtomicU64,
    /// Since when it waits for other processes to compute.
    pub(crate) waits_since: OnceLock<Instant>,
}

impl StoreName {
    /// The call has waited for another process. Its next look-up has all the time that there is.
    pub(crate) fn begin_anew(&self) {
        self.spent.store(0, Ordering::Relaxed);
    }
}

/// Why a look-up in the store brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    Absent,
    /// The store was not told yet that the entry is over.
    Unsettled,
    Refused(Fault),
    /// The store could not be asked, or it failed.
    Away,
    TimedOut,
}

/// Which process computes an entry.
pub(crate) enum Computing {
    Here {
        held: Held,
        /// Whether the store has an entry, which may have come since the last look-up.
        has_entry: bool,
    },
    /// Another one, which renews its claim within this time.
    Elsewhere(Duration),
}

pub(crate) struct StoreTier {
    pub(crate) bus: Arc<Bus>,
    bounded: Arc<BoundedStore>,
    generations: StoreGenerations,
    writes: WriteBehind,
    recovery: Recovery,
    clock: Clock,
}

impl StoreTier {
    /// `kind` is the generation of the kind.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        kind: Arc<str>,
        settings: StoreSettings,
        clock: Clock,
    ) -> Arc<Self> {
        let bus = Bus::new(settings.bus.clone(), random(), clock.clone());
        let bus = Arc::new(bus);
        let bounded = Arc::new(BoundedStore::new(store, settings, bus.clone()));
        Arc::new_cyclic(|tier| Self {
            writes: WriteBehind::new(bounded.clone()),
            generations: StoreGenerations::new(kind, bus.clone(), clock.clone()),
            bus,
            recovery: Recovery::of(tier.clone()),
            bounded,
            clock,
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.bounded.store.name()
    }

    /// Has the listener told of what others invalidate, and others of what this process does, if the
    /// store can do that.
    pub(crate) fn listen(&self, listener: Weak<dyn Listener>) {
        if self.bounded.store.listen(self.bus.channel(), listener) {
            self.bus.open();
        }
    }

    /// The store has been lost at this moment, or is there again.
    pub(crate) fn note_lost(&self, is_lost: bool) {
        self.writes.note_lost(is_lost);
    }

    /// Another process has changed the generation of this name.
    pub(crate) fn forget_generation(&self, name: &str) {
        self.generations.forget_one(name);
    }

    /// Any of them may have been changed.
    pub(crate) fn forget_generations(&self) {
        self.generations.forget();
    }

    pub(crate) async fn ttl(&self, key: &str) -> Option<Duration> {
        let time = self.settled(key, self.bounded.settings.budget).await?;
        let ttl = self.bounded.store.ttl(key);
        self.bounded.within(time, ttl).await.ok().flatten()
    }

    pub(crate) async fn keys(&self, prefix: &str, pattern: &str, limit: usize) -> Vec<String> {
        let keys = self.bounded.store.keys(prefix, pattern, limit);
        let mut keys = self.bounded.within(SCAN, keys).await.unwrap_or_default();
        keys.retain(|key| !self.writes.is_unsettled(&format!("{prefix}{key}")));
        keys
    }

    /// Removes the entries under these keys, after what is queued, and counts them; `None` where that
    /// was not done in time.
    pub(crate) async fn remove_matching(&self, prefix: &str, pattern: &str) -> Option<u64> {
        let store = &self.bounded.store;
        let (is_quiet, left) = self.quiet(SCAN).await;
        let remove = async {
            let removed = store.remove_matching(prefix, pattern, Tombstone::new());
            let removed = removed.await;
            // Also where some could not be removed.
            if let Some(announcement) = self.bus.announce_everything() {
                store.announce(&announcement).await?;
            }
            removed
        };
        let removed = self.bounded.within(left, remove).await.ok();
        removed.filter(|_| is_quiet)
    }

    /// Whether writes are queued that are not done.
    pub(crate) fn has_queued(&self) -> bool {
        self.writes.is_waiting()
    }

    /// Writes of values that were tried and not done, or whose runtime ended before.
    pub(crate) fn lost_writes(&self) -> u64 {
        self.writes.lost()
    }

    /// Whether another kind has the same store.
    pub(crate) fn shares_store(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bounded.store, &other.bounded.store)
    }

    /// Forgets everything whose key begins with `prefix`, generations too: they are read anew.
    pub(crate) async fn clear(&self, prefix: &str) {
        let cleared = self.bounded.store.clear(prefix);
        // A failure is counted, and what is left is not served.
        let _ = self.bounded.within(SCAN, cleared).await;
        self.generations.forget();
    }

    pub(crate) async fn ping(&self) -> bool {
        self.ask(self.bounded.store.ping()).await.is_ok()
    }

    pub(crate) async fn connect(&self, patience: Duration) -> Result<(), StoreError> {
        super::connect(&*self.bounded.store, patience).await
    }

    /// Waits until the store was told of the claims that have ended without a value, or could not be:
    /// then their leases end them.
    pub(crate) async fn claims_ended(&self) {
        if runtime::has_timer() {
            self.bounded.endings.are_over().await;
        }
    }

    /// Tells other processes that this one has nothing more to say.
    pub(crate) async fn leave(&self) {
        if let Some(bye) = self.bus.bye() {
            // Who does not hear it notices the silence.
            let _ = self.ask(self.bounded.store.announce(&bye)).await;
        }
    }

    pub(crate) fn disconnect(&self) {
        self.recovery.end();
        self.bounded.store.disconnect();
    }

    pub(crate) fn connections(&self) -> Connections {
        self.bounded.store.connections()
    }

    pub(crate) async fn info(&self) -> Option<StoreInfo> {
        self.ask(self.bounded.store.info()).await.ok()
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

    /// What values have become that were made ready to be written.
    pub(crate) fn packed(&self) -> &Packed {
        &self.bounded.settings.format.packed
    }

    /// Values that were not written, for this reason.
    pub(crate) fn unstorable(&self, reason: Unstorable) -> u64 {
        self.bounded.unstorable(reason)
    }

    pub(crate) fn refused_writes(&self) -> u64 {
        self.bounded.refused_writes()
    }

    pub(crate) fn dropped_writes(&self) -> u64 {
        self.writes.dropped()
    }

    /// The answer of an operation that a call waits for.
    async fn ask<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Lost> {
        self.bounded
            .within(self.bounded.settings.budget, operation)
            .await
    }
}
