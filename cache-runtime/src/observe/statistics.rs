//! Counters of calls and look-ups.
//!
//! A hit in memory is counted by a plain store into a number that only its own thread writes;
//! everything else takes far longer than an atomic addition, and uses one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::envelope::Fault;
use crate::store::StoreTier;

/// How a call or a look-up ended; each ends in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A look-up found its value in the store.
    StoreHit,
    /// A call waited for another one with the same key and took its result.
    Joined,
    /// A call ran its body, and the result was kept.
    Computed,
    /// A call ran its body, and the result was not one to keep.
    NotKept,
    /// A look-up by key found nothing.
    Missed,
    /// A call had no key, because an argument refused to be serialized.
    NoKey,
    /// A call had a longer text than the kind takes.
    TextTooLong,
    /// A call or a look-up had no tenant, and the kind requires one.
    NoTenant,
    /// A call was made past the cache.
    Bypassed,
}

const EVENTS: usize = 9;

/// Hits in memory as one thread counts them.
#[derive(Debug, Default)]
pub(crate) struct ThreadCount(AtomicU64);

impl ThreadCount {
    /// To be called by the thread that this count was made for, and no other.
    #[inline]
    pub(crate) fn increment(&self) {
        self.0
            .store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// The counters of one operation.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    events: [AtomicU64; EVENTS],
    memory_hits: Mutex<MemoryHits>,
}

#[derive(Debug, Default)]
struct MemoryHits {
    threads: Vec<Arc<ThreadCount>>,
    /// Of threads that have ended.
    ended: u64,
}

impl Counters {
    pub(crate) fn count(&self, event: Event) {
        self.events[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A count for the calling thread, kept for as long as the thread holds it.
    pub(crate) fn for_this_thread(&self) -> Arc<ThreadCount> {
        let count = Arc::<ThreadCount>::default();
        let mut hits = self
            .memory_hits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut ended = 0;
        hits.threads.retain(|thread| {
            let lives = Arc::strong_count(thread) > 1;
            if !lives {
                ended += thread.0.load(Ordering::Relaxed);
            }
            lives
        });
        hits.ended += ended;
        hits.threads.push(count.clone());
        count
    }

    /// Counts a hit in memory that was not found on the short way, by a thread without a count.
    pub(crate) fn count_memory_hit(&self) {
        let mut hits = self
            .memory_hits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        hits.ended += 1;
    }

    pub(crate) fn tally(&self) -> Tally {
        let event = |event: Event| self.events[event as usize].load(Ordering::Relaxed);
        let hits = self
            .memory_hits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let live: u64 = hits
            .threads
            .iter()
            .map(|thread| thread.0.load(Ordering::Relaxed))
            .sum();
        Tally {
            memory_hits: hits.ended + live,
            store_hits: event(Event::StoreHit),
            joined: event(Event::Joined),
            computed: event(Event::Computed),
            not_kept: event(Event::NotKept),
            missed: event(Event::Missed),
            no_key: event(Event::NoKey),
            text_too_long: event(Event::TextTooLong),
            no_tenant: event(Event::NoTenant),
            bypassed: event(Event::Bypassed),
        }
    }
}

/// The numbers of [`Counters`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    memory_hits: u64,
    store_hits: u64,
    joined: u64,
    computed: u64,
    not_kept: u64,
    missed: u64,
    no_key: u64,
    text_too_long: u64,
    no_tenant: u64,
    bypassed: u64,
}

/// How many entries a store had that were not served, by reason. Each was a miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedEntries {
    /// No entry of this library, or one that this build cannot read.
    pub foreign: u64,
    /// Longer than 8 MiB, or it would have become so.
    pub too_large: u64,
    /// Not the bytes that were written under this key.
    pub damaged: u64,
    /// Encrypted with a key that the configuration does not have.
    pub unknown_key: u64,
    /// Not encrypted, where the configuration demands it.
    pub not_encrypted: u64,
    /// Invalidated, or the store has forgotten whether they were.
    pub invalidated: u64,
    /// Past their lifetime.
    pub expired: u64,
    /// Of a type that the value cannot be decoded as.
    pub undecodable: u64,
    /// Decoded to another value than the one that was stored: the type has changed.
    pub unverified: u64,
}

impl RefusedEntries {
    pub(crate) fn of(store: &StoreTier) -> Self {
        Self {
            foreign: store.refused(Fault::Foreign),
            too_large: store.refused(Fault::TooLarge),
            damaged: store.refused(Fault::Damaged),
            unknown_key: store.refused(Fault::UnknownKey),
            not_encrypted: store.refused(Fault::NotEncrypted),
            invalidated: store.refused(Fault::Invalidated),
            expired: store.refused(Fault::Expired),
            undecodable: store.refused(Fault::Undecodable),
            unverified: store.refused(Fault::Unverified),
        }
    }
}

/// What one cache has done, and how full it is.
///
/// Counters begin with the cache and only grow. `hit_ratio` is between 0 and 1, `hit_rate`
/// between 0 and 100.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let cache = larder::CacheFactory::for_testing().await?;
/// cache.set("user:1", 42_u32).await;
/// cache.get::<u32>("user:1").await;
/// cache.get::<u32>("user:2").await;
///
/// let stats = cache.stats();
/// assert_eq!((stats.hits, stats.misses), (1, 1));
/// assert_eq!(stats.hit_ratio(), Some(0.5));
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// The tiers behind the cache: `memory`, `redis`, `ai_redis` (with settings for language
    /// models), or the name of a store of the application's own.
    pub backend_type: &'static str,
    /// Calls and look-ups that were answered from memory, from the store, or by waiting for
    /// another call.
    pub hits: u64,
    /// Of `hits`, those from memory.
    pub memory_hits: u64,
    /// Of `hits`, those from the store.
    pub store_hits: u64,
    /// Of `hits`, those that waited for another call with the same key.
    pub joined: u64,
    /// Calls and look-ups that found nothing.
    pub misses: u64,
    /// Of `misses`, the calls whose result was kept.
    pub computed: u64,
    /// Of `misses`, the calls whose result was not one to keep: `Err`, `None`, one that `cache_if`
    /// or `unless` refuses, or one with a lifetime of zero.
    pub not_kept: u64,
    /// Of `misses`, the calls whose arguments could not be made into a key, and the look-ups by a
    /// key that is too long.
    pub no_key: u64,
    /// Of `misses`, the calls whose text is longer than `max_text_length`.
    pub text_too_long: u64,
    /// Of `misses`, the calls and look-ups without a tenant, where the kind requires one.
    pub no_tenant: u64,
    /// Calls that went past the cache because their caller wanted it so; neither hits nor misses.
    pub bypassed: u64,
    /// Store operations that failed or took too long.
    pub store_failures: u64,
    /// Of `store_failures`, those that took too long.
    pub store_timeouts: u64,
    /// Entries that the store had and that were not served.
    pub refused: RefusedEntries,
    /// Values that were not written into the store because they cannot be serialized, or are nested
    /// too deep.
    pub unserializable_values: u64,
    /// Values that were not written into the store because they are longer than 8 MiB.
    pub oversized_values: u64,
    /// Writes that were given up because the queue to the store was full.
    pub dropped_writes: u64,
    /// Computed values that the store did not take, because their key was removed or set by another
    /// process while they were computed. Nobody is served them any more.
    pub refused_writes: u64,
    /// Entries in memory, expired ones included.
    pub total_entries: usize,
    /// Entries in memory whose lifetime is over and that have not been swept yet.
    pub expired_entries: usize,
    /// Room for entries in memory.
    pub max_size: usize,
    /// Entries that had to go because memory was full.
    pub evictions: u64,
    /// Bytes of keys, entries and tables in memory; what values own elsewhere on the heap is not
    /// seen.
    pub memory_usage_bytes: usize,
}

impl CacheStats {
    pub(crate) fn add(&mut self, tally: Tally) {
        self.memory_hits += tally.memory_hits;
        self.store_hits += tally.store_hits;
        self.joined += tally.joined;
        self.computed += tally.computed;
        self.not_kept += tally.not_kept;
        self.no_key += tally.no_key;
        self.text_too_long += tally.text_too_long;
        self.no_tenant += tally.no_tenant;
        self.bypassed += tally.bypassed;
        self.hits += tally.memory_hits + tally.store_hits + tally.joined;
        self.misses += tally.computed
            + tally.not_kept
            + tally.missed
            + tally.no_key
            + tally.text_too_long
            + tally.no_tenant;
    }

    /// Hits as a part of all calls and look-ups, 0 to 1; `None` before the first one.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact up to 2^53 calls, and a ratio after that"
    )]
    pub fn hit_ratio(&self) -> Option<f64> {
        let all = self.hits + self.misses;
        (all > 0).then(|| self.hits as f64 / all as f64)
    }

    /// The [hit ratio](Self::hit_ratio) in percent, 0 to 100.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        self.hit_ratio().map(|ratio| ratio * 100.0)
    }

    /// Entries in memory that can still be served.
    #[must_use]
    pub fn active_entries(&self) -> usize {
        self.total_entries - self.expired_entries
    }

    /// Used room in memory, in percent; zero for a cache without a memory tier.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    pub fn utilization_percent(&self) -> f64 {
        if self.max_size == 0 {
            return 0.0;
        }
        self.active_entries() as f64 / self.max_size as f64 * 100.0
    }
}
