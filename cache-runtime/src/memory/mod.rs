//! The memory tier: typed values in this process, bounded by their number.
//!
//! `quick_cache` decides what stays when the tier is full (a policy that resists scans). It knows
//! no lifetimes: they live in the entries, are checked when an entry is read, and a sweep now and
//! then drops what nobody read again.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache as QuickCache;
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter};

use crate::clock::{Clock, Tick};
use crate::key::MemoryKey;
use crate::policy::Ttl;

/// A value with its times.
pub(crate) struct Entry<T: ?Sized = dyn Any + Send + Sync> {
    pub(crate) created: Tick,
    pub(crate) fresh_until: Tick,
    pub(crate) value: T,
}

impl<T> Entry<T> {
    pub(crate) fn new(value: T, created: Tick, ttl: Ttl) -> Self {
        let fresh_until = match ttl {
            Ttl::After(lifetime) => created.after(lifetime),
            Ttl::Never => Tick::NEVER,
        };
        Self {
            created,
            fresh_until,
            value,
        }
    }
}

impl Entry {
    pub(crate) fn is_fresh(&self, now: Tick) -> bool {
        now < self.fresh_until
    }

    /// What is left of the lifetime; `None` where it never ends.
    pub(crate) fn remaining(&self, now: Tick) -> Option<Duration> {
        (self.fresh_until != Tick::NEVER).then(|| self.fresh_until.since(now))
    }
}

/// An entry as the tiers and the flights share it.
pub(crate) type SharedEntry = Arc<Entry>;

/// At most this often an insertion looks for entries whose lifetime is over.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

pub(crate) struct MemoryTier {
    entries: QuickCache<MemoryKey, SharedEntry, UnitWeighter, DefaultHashBuilder, CollectLeaving>,
    evictions: AtomicU64,
    capacity: usize,
    swept: SweepTime,
    clock: Clock,
}

impl MemoryTier {
    pub(crate) fn new(capacity: usize, clock: Clock) -> Self {
        Self {
            entries: QuickCache::with(
                capacity,
                capacity as u64,
                UnitWeighter,
                DefaultHashBuilder::default(),
                CollectLeaving,
            ),
            evictions: AtomicU64::new(0),
            capacity,
            swept: SweepTime::new(clock.now()),
            clock,
        }
    }

    /// The entry of this key, unless its lifetime is over.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<SharedEntry> {
        let entry = self.entries.get(key)?;
        if entry.is_fresh(self.clock.now()) {
            return Some(entry);
        }
        self.drop_expired(key);
        None
    }

    /// The same as [`get`](Self::get), without counting as a use for the eviction policy.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<SharedEntry> {
        let entry = self.entries.peek(key)?;
        entry.is_fresh(self.clock.now()).then_some(entry)
    }

    #[cold]
    fn drop_expired(&self, key: &[u8]) {
        let now = self.clock.now();
        self.entries.remove_if(key, |entry| !entry.is_fresh(now));
    }

    /// Puts an entry in the place of the one that is there, unless that was made at `since` or later;
    /// says whether it did.
    pub(crate) fn insert_unless_newer(
        &self,
        key: MemoryKey,
        entry: SharedEntry,
        since: Tick,
    ) -> bool {
        let is_newer = |there: SharedEntry| there.created >= since;
        let is_kept = !self.peek(&key).is_some_and(is_newer);
        if is_kept {
            self.insert(key, entry);
        }
        is_kept
    }

    pub(crate) fn insert(&self, key: MemoryKey, entry: SharedEntry) {
        let now = self.clock.now();
        if self.swept.is_due(now) {
            let _expired = self.leaving(|entry| !entry.is_fresh(now));
            self.entries.retain(|_, entry| entry.is_fresh(now));
        }
        // `quick_cache` counts a replaced entry as an evicted one.
        let replaced = u64::from(self.entries.contains_key(&key));
        let mut left = Vec::new();
        self.entries.insert_with_lifecycle(key, entry, &mut left);
        let evicted = (left.len() as u64).saturating_sub(replaced);
        if evicted > 0 {
            self.evictions.fetch_add(evicted, Ordering::Relaxed);
        }
    }

    /// Whether there was a fresh entry.
    pub(crate) fn remove(&self, key: &[u8]) -> bool {
        let now = self.clock.now();
        self.entries
            .remove(key)
            .is_some_and(|(_, entry)| entry.is_fresh(now))
    }

    pub(crate) fn clear(&self) {
        let _all = self.leaving(|_| true);
        self.entries.clear();
    }

    /// Entries that are about to leave, held so that none of their values is dropped while a shard is
    /// locked: a value may call a cached function when it is dropped.
    fn leaving(&self, leaves: impl Fn(&Entry) -> bool) -> Vec<SharedEntry> {
        let entries = self.entries.iter().map(|(_, entry)| entry);
        entries.filter(|entry| leaves(entry)).collect()
    }

    /// Every fresh entry, with the lock of one shard held at a time.
    pub(crate) fn fresh(&self) -> impl Iterator<Item = (MemoryKey, SharedEntry)> {
        let now = self.clock.now();
        self.entries
            .iter()
            .filter(move |(_, entry)| entry.is_fresh(now))
    }

    pub(crate) fn usage(&self) -> MemoryUsage {
        let now = self.clock.now();
        let mut usage = MemoryUsage {
            capacity: self.capacity,
            evictions: self.evictions.load(Ordering::Relaxed),
            ..MemoryUsage::default()
        };
        for (key, entry) in self.entries.iter() {
            usage.entries += 1;
            usage.expired += usize::from(!entry.is_fresh(now));
            usage.bytes += key.len() + size_of_val::<Entry>(&entry);
        }
        usage.bytes += self.entries.memory_used().total();
        usage
    }
}

/// How full the memory tier is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryUsage {
    pub(crate) entries: usize,
    pub(crate) expired: usize,
    pub(crate) capacity: usize,
    pub(crate) bytes: usize,
    pub(crate) evictions: u64,
}

/// Collects the entries that have to leave for one insertion; they are dropped after it.
#[derive(Clone, Debug)]
struct CollectLeaving;

impl Lifecycle<MemoryKey, SharedEntry> for CollectLeaving {
    type RequestState = Vec<SharedEntry>;

    fn on_evict(&self, leaving: &mut Vec<SharedEntry>, _key: MemoryKey, entry: SharedEntry) {
        leaving.push(entry);
    }
}

/// Hands the sweep to one caller each time it is due.
#[derive(Debug)]
struct SweepTime {
    since_start: AtomicU64,
    start: Tick,
}

impl SweepTime {
    fn new(start: Tick) -> Self {
        Self {
            since_start: AtomicU64::new(0),
            start,
        }
    }

    fn is_due(&self, now: Tick) -> bool {
        let now = now.since(self.start).as_secs();
        let last = self.since_start.load(Ordering::Relaxed);
        now >= last + SWEEP_EVERY.as_secs()
            && self
                .since_start
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}
