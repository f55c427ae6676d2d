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
use crate::generation::{Carried, Generations, Touched};
use crate::key::{MemoryKey, operation_of};
use crate::policy::Ttl;

/// What is known of a value: its times, and the generations that it carries.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) created: Tick,
    pub(crate) fresh_until: Tick,
    pub(crate) carried: Carried,
}

/// A value, and what is known of it.
pub(crate) struct Entry<T: ?Sized = dyn Any + Send + Sync> {
    pub(crate) head: Head,
    pub(crate) value: T,
}

impl Head {
    pub(crate) fn new(created: Tick, ttl: Ttl, carried: Carried) -> Self {
        let fresh_until = match ttl {
            Ttl::After(lifetime) => created.after(lifetime),
            Ttl::Never => Tick::NEVER,
        };
        Self {
            created,
            fresh_until,
            carried,
        }
    }

    fn is_fresh(&self, now: Tick) -> bool {
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
    generations: Arc<Generations>,
    clock: Clock,
}

/// Entries that have left; a value may call a cached function when it is dropped, so they are dropped
/// when nothing is locked.
pub(crate) type Left = Vec<SharedEntry>;

impl MemoryTier {
    pub(crate) fn new(capacity: usize, generations: Arc<Generations>, clock: Clock) -> Self {
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
            generations,
            clock,
        }
    }

    /// The entry of this key, unless its lifetime is over or it was invalidated.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<SharedEntry> {
        let entry = self.entries.get(key)?;
        if self.is_served(key, &entry.head) {
            return Some(entry);
        }
        self.drop_unserved(key);
        None
    }

    /// The same, without counting as a use for the eviction policy.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<SharedEntry> {
        let entry = self.entries.peek(key)?;
        self.is_served(key, &entry.head).then_some(entry)
    }

    #[inline]
    pub(crate) fn is_served(&self, key: &[u8], head: &Head) -> bool {
        let touched = || self.generations.touched(operation_of(key), &head.carried);
        head.is_fresh(self.clock.now()) && touched() == Touched::No
    }

    #[cold]
    pub(crate) fn drop_unserved(&self, key: &[u8]) {
        // Returned, and dropped when the shard is not locked any more.
        let _unserved = self
            .entries
            .remove_if(key, |entry| !self.is_served(key, &entry.head));
    }

    /// Drops what is not served any more and nobody looked up, now and then. To be called with
    /// nothing locked.
    pub(crate) fn sweep_when_due(&self) {
        if self.swept.is_due(self.clock.now()) {
            let entries = self.entries.iter();
            let unserved = entries.filter(|(key, entry)| !self.is_served(key, &entry.head));
            let keys: Vec<_> = unserved.map(|(key, _)| key).collect();
            for key in keys {
                self.drop_unserved(&key);
            }
        }
    }

    /// Puts an entry in the place of the one that is there.
    #[must_use]
    pub(crate) fn insert(&self, key: MemoryKey, entry: SharedEntry) -> Left {
        // `quick_cache` counts a replaced entry as an evicted one.
        let replaced = u64::from(self.entries.contains_key(&key));
        let mut left = Left::new();
        self.entries.insert_with_lifecycle(key, entry, &mut left);
        let evicted = (left.len() as u64).saturating_sub(replaced);
        if evicted > 0 {
            self.evictions.fetch_add(evicted, Ordering::Relaxed);
        }
        left
    }

    /// Takes an entry out, whether or not it is one to be served.
    #[must_use]
    pub(crate) fn remove(&self, key: &[u8]) -> Option<SharedEntry> {
        self.entries.remove(key).map(|(_, entry)| entry)
    }

    pub(crate) fn clear(&self) {
        self.entries.drain().for_each(drop);
    }

    /// Every entry that is to be served; nothing is locked between two of them.
    pub(crate) fn served(&self) -> impl Iterator<Item = (MemoryKey, SharedEntry)> {
        self.entries
            .iter()
            .filter(move |(key, entry)| self.is_served(key, &entry.head))
    }

    pub(crate) fn usage(&self) -> MemoryUsage {
        let mut usage = MemoryUsage {
            capacity: self.capacity,
            evictions: self.evictions.load(Ordering::Relaxed),
            ..MemoryUsage::default()
        };
        for (key, entry) in self.entries.iter() {
            usage.entries += 1;
            usage.expired += usize::from(!self.is_served(&key, &entry.head));
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
