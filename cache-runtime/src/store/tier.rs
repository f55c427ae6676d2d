//! The store of one kind, as calls use it: within a time budget, and never in the way.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join;

use super::bounded::{BoundedStore, StoreSettings};
use super::generations::{FoldedGenerations, StoreGenerations};
use super::write_behind::{Write, WriteBehind};
use super::{Store, StoreError};
use crate::clock::Clock;
use crate::envelope::{self, Fault, Unstorable, VALUE_LIMIT, ValueType, Wanted};
use crate::generation::{Carried, Invalidation};
use crate::memory::SharedEntry;
use crate::policy::{LONGEST, Ttl};
use crate::runtime;

/// How long a walk over all keys may take.
const SCAN: Duration = Duration::from_secs(5);

/// What a store calls an entry.
pub(crate) struct StoreName {
    pub(crate) key: String,
    /// Names of the generations of everything that it belongs to.
    pub(crate) generations: Vec<Arc<str>>,
    /// How long the entry stays, as far as that is known before there is one.
    pub(crate) ttl: Ttl,
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

pub(crate) struct StoreTier {
    bounded: Arc<BoundedStore>,
    generations: StoreGenerations,
    writes: WriteBehind,
    clock: Clock,
}

impl StoreTier {
    /// `kind` is the generation of the kind.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        kind: Arc<str>,
        settings: StoreSettings,
        clock: Clock,
    ) -> Self {
        let bounded = Arc::new(BoundedStore::new(store, settings));
        Self {
            writes: WriteBehind::new(bounded.clone()),
            generations: StoreGenerations::new(kind, clock.clone()),
            bounded,
            clock,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.bounded.store.name()
    }

    /// The entry of `key`, fresh or still to be kept; any trouble with the store or with its bytes is
    /// as good as none. It carries the generations that were noted before.
    pub(crate) async fn look_up(
        &self,
        name: &StoreName,
        wanted: Wanted,
        carried: Carried,
    ) -> Result<SharedEntry, Lost> {
        let StoreName {
            key,
            generations,
            ttl,
        } = name;
        if self.writes.is_unsettled(key) {
            return Err(Lost::Unsettled);
        }
        self.generations.outlive(*ttl);
        let value = self.bounded.store.get(key, VALUE_LIMIT);
        let asked = if let Some(generations) = self.generations.at_hand(generations) {
            self.ask(value).await.map(|value| (generations, value))
        } else {
            // Both at once: no round trip more.
            let generations = self.generations.read(&*self.bounded.store, generations);
            self.ask(try_join(generations, value)).await
        };
        let (generations, sealed) = asked?;
        let format = &self.bounded.settings.format;
        let clock = &self.clock;
        envelope::open(
            key,
            sealed.ok_or(Lost::Absent)?,
            wanted,
            generations,
            carried,
            clock,
            format,
        )
        .map_err(|fault| {
            self.bounded.refuse(fault);
            Lost::Refused(fault)
        })
    }

    /// To be called when the store has lost its generations: they are read anew.
    pub(crate) fn forget_generations(&self) {
        self.generations.forget();
    }

    /// The generations that an entry is going to carry whose computation begins now, as far as they
    /// are known. What another process has done to them since they were read makes it a miss there.
    pub(crate) fn generations(&self, name: &StoreName) -> Option<FoldedGenerations> {
        self.generations.last_known(&name.generations)
    }

    /// The same; they are read where they are not at hand.
    pub(crate) async fn read_generations(&self, name: &StoreName) -> Option<FoldedGenerations> {
        self.generations.outlive(name.ttl);
        let at_hand = self.generations.at_hand(&name.generations);
        if at_hand.is_some() {
            return at_hand;
        }
        let store = &*self.bounded.store;
        self.ask(self.generations.read(store, &name.generations))
            .await
            .ok()
    }

    /// Invalidates everything that belongs to one generation: in this process when this returns its
    /// future, everywhere when that returns true.
    pub(crate) fn invalidate<'a>(
        &'a self,
        generation: &'a Arc<str>,
        how: Invalidation,
    ) -> impl Future<Output = bool> + 'a {
        let store = &*self.bounded.store;
        let invalidated = self.generations.invalidate(store, generation, how);
        let time = self.bounded.settings.budget.saturating_mul(2);
        async move { self.bounded.within(time, invalidated).await.is_ok() }
    }

    /// The write that puts this entry into the store, with the generations from before it was
    /// computed. It is fresh for `ttl`, and stays for `kept_for` after that.
    pub(crate) fn write(
        &self,
        key: String,
        entry: SharedEntry,
        value_type: ValueType,
        generations: FoldedGenerations,
        ttl: Ttl,
        kept_for: Duration,
    ) -> Write {
        self.generations.outlive(ttl.longer(kept_for));
        let created = self.clock.unix_millis();
        let ttl = ttl.bounded();
        Write::entry(
            key,
            entry,
            value_type,
            created,
            generations,
            ttl,
            kept_for.min(LONGEST),
        )
    }

    /// The write with its bytes made now, and not when it is its turn.
    pub(crate) fn seal(&self, write: Write) -> Write {
        self.bounded.seal(write)
    }

    /// Has the write done soon; nobody waits for it. Given up and counted where the queue is full.
    pub(crate) fn write_behind(&self, write: Write) {
        self.writes.push(write);
    }

    /// The same for a write that takes the place of an entry, which is not served any more, whether
    /// or not the write succeeds.
    pub(crate) fn replace_behind(&self, write: Write) {
        let has_many = self.writes.push_in_place(write);
        self.refuse_all_if(has_many);
    }

    /// Has the store forget this key soon. Its entry is not served any more.
    pub(crate) fn remove_behind(&self, key: String) {
        self.replace_behind(Write::removal(key));
    }

    /// Has the store forget this key, and says whether there was an entry. It is not served any more
    /// when this returns its future, and even if the store cannot be reached.
    pub(crate) fn remove<'a>(&'a self, key: &'a str) -> impl Future<Output = bool> + 'a {
        let has_many = self.writes.unsettle(key.to_owned());
        self.refuse_all_if(has_many);
        async move {
            let is_quiet = self.settle().await;
            if !is_quiet {
                // After what is still queued.
                self.remove_behind(key.to_owned());
            }
            let removed = self.ask(self.bounded.store.remove(key)).await;
            if is_quiet && removed.is_ok() {
                self.writes.settle(key);
            }
            removed.unwrap_or(false)
        }
    }

    fn refuse_all_if(&self, has_many: bool) {
        if has_many {
            // In this order: at any time one of the two refuses what is over.
            self.generations.refuse_all();
            self.writes.forget_unsettled();
        }
    }

    pub(crate) async fn ttl(&self, key: &str) -> Option<Duration> {
        self.ask(self.bounded.store.ttl(key)).await.ok().flatten()
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
        self.ask(self.bounded.store.ping()).await.is_ok()
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

    /// Waits for the queued writes, for at most twice the budget of a look-up, and says whether they
    /// are done.
    pub(crate) async fn settle(&self) -> bool {
        if !self.writes.is_waiting() {
            return true;
        }
        let time = self.bounded.settings.budget.saturating_mul(2);
        self.writes.flush(time).await
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
    async fn ask<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Lost> {
        self.bounded
            .within(self.bounded.settings.budget, operation)
            .await
    }
}
