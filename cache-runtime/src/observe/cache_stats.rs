//! What one cache has done, and how full it is, in one record.

use std::time::Duration;

use super::{Counts, Ending};
use crate::envelope::Fault;
use crate::store::{Connections, StoreTier};

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

    /// All of them, by the names that metrics have for the reasons.
    pub(crate) fn by_reason(&self) -> [(&'static str, u64); 9] {
        let Self {
            foreign,
            too_large,
            damaged,
            unknown_key,
            not_encrypted,
            invalidated,
            expired,
            undecodable,
            unverified,
        } = *self;
        [
            ("foreign", foreign),
            ("too_large", too_large),
            ("damaged", damaged),
            ("unknown_key", unknown_key),
            ("not_encrypted", not_encrypted),
            ("invalidated", invalidated),
            ("expired", expired),
            ("undecodable", undecodable),
            ("unverified", unverified),
        ]
    }

    /// All of them together.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// let mut refused = larder::RefusedEntries::default();
    /// (refused.expired, refused.damaged) = (2, 1);
    /// assert_eq!(refused.total(), 3);
    /// ```
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, entries)| entries).sum()
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
    /// another call, by a value past its lifetime too. The sum of `memory_hits`, `store_hits`,
    /// `joined` and `stale`: each is counted in one of them.
    pub hits: u64,
    /// Of `hits`, those from memory.
    pub memory_hits: u64,
    /// Of `hits`, those from the store.
    pub store_hits: u64,
    /// Of `hits`, those that waited for another call with the same key, or read along with its stream to the
    /// end.
    pub joined: u64,
    /// Of `hits`, those that got a value past its lifetime.
    pub stale: u64,
    /// Calls and look-ups that found nothing.
    pub misses: u64,
    /// Of `misses`, the calls whose result was kept.
    pub computed: u64,
    /// Of `misses`, the calls whose result was not one to keep: `None`, one that `cache_if` or `unless`
    /// refuses, one with a lifetime of zero, one that was invalidated meanwhile, or a stream that is too long.
    pub not_kept: u64,
    /// Of `misses`, the calls whose body failed.
    pub failed: u64,
    /// Of `misses`, the calls whose body panicked, and those that were dropped while something else panicked
    /// on their thread.
    pub panicked: u64,
    /// Of `misses`, the look-ups that found nothing, by key or with [`peek`](crate::call::peek).
    pub missed: u64,
    /// Of `misses`, the calls whose arguments could not be made into a key, and the look-ups by a
    /// key that is too long.
    pub no_key: u64,
    /// Of `misses`, the calls whose text is longer than `max_text_length`.
    pub text_too_long: u64,
    /// Of `misses`, the calls and look-ups without a tenant, where the kind requires one.
    pub no_tenant: u64,
    /// Of `misses`, the calls that gave up waiting: `timeout(hard = …)`.
    pub timed_out: u64,
    /// Bodies that were run while their callers had an answer already: neither hits nor misses.
    pub refreshed: u64,
    /// Values that were not kept because `cache_if`, `unless` or `ttl` panicked.
    pub rule_panics: u64,
    /// Calls that went past the cache because their caller wanted it so; neither hits nor misses.
    pub bypassed: u64,
    /// Calls and look-ups while the kind or their operation was switched off
    /// ([`Cache::switch_off`](crate::Cache::switch_off)); neither hits nor misses.
    pub switched_off: u64,
    /// Calls and look-ups that were dropped before they had an answer, or all of a stream; neither hits nor
    /// misses.
    pub abandoned: u64,
    /// Calls that were only to be forgotten, or asked for their key; neither hits nor misses.
    pub stopped: u64,
    /// The way to the store.
    pub connections: Connections,
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
    /// Invalidations by other processes (and other caches of this one) that were heard of: of keys, which were removed or set there,
    /// and of all else. What is heard may be told twice after the store has failed.
    pub heard_invalidations: u64,
    /// Entries in memory, expired ones included.
    pub total_entries: usize,
    /// Entries in memory whose lifetime is over and that have not been swept yet.
    pub expired_entries: usize,
    /// Room for entries in memory.
    pub max_size: usize,
    /// Room for bytes in memory (`l1_cache_bytes`); `None` where they are not bounded.
    pub max_bytes: Option<u64>,
    /// What all entries in memory weigh, in bytes; zero where these are not bounded, neither here
    /// nor by a [`MemoryBudget`](crate::MemoryBudget).
    pub weight: u64,
    /// The largest value that memory takes, in bytes, with its key; `None` where they are not
    /// bounded.
    pub largest_value_bytes: Option<u64>,
    /// Lifetime of operations that have none of their own.
    pub default_ttl: Duration,
    /// Entries that had to go because memory was full.
    pub evictions: u64,
    /// Entries that left memory because their lifetime was over.
    pub expirations: u64,
    /// Values that were not kept in memory because they are heavier than what it takes.
    pub too_large_for_memory: u64,
    /// Results that were not kept in memory because of their text (`promotion`); the store has them.
    pub not_promoted: u64,
    /// Weights that could not be found as wished: `weight` or the value's `Serialize` panicked, or
    /// that gave an error. The value was kept with the weight that it would have without.
    pub failed_weights: u64,
    /// Calls of listeners ([`on_event`](crate::Cache::on_event)) that panicked or gave an error.
    pub failed_listeners: u64,
    /// Events that listeners were not told of because 4096 were waiting for them.
    pub dropped_events: u64,
    /// Bytes of keys, entries and tables in memory; what values own elsewhere on the heap is not
    /// seen.
    pub memory_usage_bytes: usize,
}

impl CacheStats {
    pub(crate) fn add(&mut self, counts: &Counts) {
        for ending in Ending::ALL {
            let sum = match ending {
                Ending::MemoryHit => &mut self.memory_hits,
                Ending::StoreHit => &mut self.store_hits,
                Ending::Joined => &mut self.joined,
                Ending::Stale => &mut self.stale,
                Ending::Computed => &mut self.computed,
                Ending::NotKept => &mut self.not_kept,
                Ending::Failed => &mut self.failed,
                Ending::Panicked => &mut self.panicked,
                Ending::Missed => &mut self.missed,
                Ending::NoKey => &mut self.no_key,
                Ending::TextTooLong => &mut self.text_too_long,
                Ending::NoTenant => &mut self.no_tenant,
                Ending::TimedOut => &mut self.timed_out,
                Ending::Abandoned => &mut self.abandoned,
                Ending::Bypassed => &mut self.bypassed,
                Ending::SwitchedOff => &mut self.switched_off,
                Ending::Stopped => &mut self.stopped,
            };
            *sum += counts.of(ending);
        }
        self.refreshed += counts.refreshed;
        self.rule_panics += counts.rule_panics;
        self.hits += counts.hits();
        self.misses += counts.misses();
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
        self.total_entries.saturating_sub(self.expired_entries)
    }

    /// Entries in memory, as the statistics of a store beside it call them.
    #[must_use]
    pub fn memory_cache_entries(&self) -> usize {
        self.total_entries
    }

    /// Room for entries in memory, in the same way.
    #[must_use]
    pub fn memory_cache_size(&self) -> usize {
        self.max_size
    }

    /// Used room in memory: entries that can be served, and room for entries, as in `"42/100"`.
    #[must_use]
    pub fn utilization(&self) -> String {
        format!("{}/{}", self.active_entries(), self.max_size)
    }

    /// [`memory_usage_bytes`](Self::memory_usage_bytes) to be read by people, as in `"1.5 MiB"`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    pub fn memory_usage(&self) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB"];
        let bytes = self.memory_usage_bytes;
        if bytes < 1024 {
            return format!("{bytes} B");
        }
        let mut size = bytes as f64 / 1024.0;
        let mut unit = 0;
        // What would be shown as 1024.0 is one of the next unit.
        while size >= 1023.95 && unit + 1 < units.len() {
            size /= 1024.0;
            unit += 1;
        }
        format!("{size:.1} {}", units[unit])
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
