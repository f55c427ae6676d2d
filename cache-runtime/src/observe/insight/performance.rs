//! How long calls take, by operation and altogether.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::figures::{Timings, percent, sum, written_moment, written_seconds_if_any};
use super::{Insight, InvalidationStatistics, KeyGeneration, Level};
use crate::observe::{Ending, OperationStatistics};

/// From so many bytes in memory on they are a warning, and critical (MON-2).
pub(super) const MEMORY: [u64; 2] = [50 * 1024 * 1024, 100 * 1024 * 1024];

/// How long calls of one operation take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OperationPerformance {
    /// Its calls, timed or not.
    pub total_operations: u64,
    /// The lifetime of its results, in seconds; `None`: for ever.
    #[serde(
        rename = "configured_ttl_seconds",
        serialize_with = "written_seconds_if_any"
    )]
    pub configured_ttl: Option<Duration>,
    /// Of all calls, those that the cache answered and the others. Of hits in memory one in
    /// [`HITS_TIMED`](crate::HITS_TIMED) is timed and stands for all of them; where none was, they took no
    /// time to speak of. Percentiles lie between those of the parts below; where there is one part alone
    /// they are its own.
    #[serde(flatten)]
    pub calls: Timings,
    /// Hits in memory alone.
    pub memory_hits: Timings,
    /// Other hits alone.
    pub other_hits: Timings,
    /// Those alone that waited for another call.
    pub joined: Timings,
    /// Misses alone, until their callers had an answer.
    pub misses: Timings,
    /// Of misses, the bodies alone.
    pub bodies: Timings,
}

impl OperationPerformance {
    pub(super) fn of(operation: &OperationStatistics) -> Self {
        let OperationStatistics {
            counts,
            memory_hits,
            other_hits,
            joined,
            misses,
            bodies,
            ..
        } = operation;
        Self {
            total_operations: counts.calls(),
            configured_ttl: operation.ttl,
            calls: Timings::together(&[
                (counts.of(Ending::MemoryHit), memory_hits),
                (other_hits.count, other_hits),
                (joined.count, joined),
                (misses.count, misses),
            ]),
            memory_hits: memory_hits.into(),
            other_hits: other_hits.into(),
            joined: joined.into(),
            misses: misses.into(),
            bodies: bodies.into(),
        }
    }
}

/// How long everything takes, and what it takes of memory and store.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PerformanceStatistics {
    /// When this was so.
    #[serde(serialize_with = "written_moment")]
    pub timestamp: SystemTime,
    /// How keys were made.
    pub key_generation: KeyGeneration,
    /// How long calls and look-ups took.
    pub cache_operations: CacheOperations,
    /// What compression did.
    pub compression: CompressionPerformance,
    /// How full memory is.
    pub memory_usage: MemoryUsage,
    /// What was invalidated.
    pub invalidation: InvalidationStatistics,
}

/// How long calls and look-ups took, the application's own keys included.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CacheOperations {
    /// All of them, timed or not.
    pub total_operations: u64,
    /// Of all that were timed.
    #[serde(flatten)]
    pub calls: Timings,
    /// By operation, of all that have been timed.
    pub by_operation: BTreeMap<String, OperationPerformance>,
}

/// What compression did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CompressionPerformance {
    /// Values that were compressed.
    pub total_operations: u64,
    /// What is left of them, 0 to 1; `None` where nothing was compressed.
    pub avg_compression_ratio: Option<f64>,
    /// What it took, in milliseconds.
    pub avg_compression_time_ms: f64,
    /// Bytes that did not have to be sent and kept.
    pub total_bytes_saved: u64,
}

/// How full memory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MemoryUsage {
    /// Entries in memory.
    pub entries: u64,
    /// Room for entries.
    pub max_entries: u64,
    /// Used room, in percent.
    pub utilization_percent: f64,
    /// Bytes in memory, as far as they are seen.
    pub bytes: u64,
    /// What that is: a warning from 50 MB (of 1 048 576 bytes) on, critical from 100 MB on.
    pub level: Level,
    /// Room for bytes, where they are bounded.
    pub max_bytes: Option<u64>,
}

impl Insight {
    /// How long calls of each operation take, in milliseconds, the application's own keys (`keys`)
    /// included. Operations of which nothing was timed are left out.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// assert!(cache.operation_performance().is_empty());
    /// for (operation, times) in cache.operation_performance() {
    ///     println!("{operation}: 95 % within {:.1} ms", times.calls.p95_ms);
    /// }
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn operation_performance(&self) -> BTreeMap<String, OperationPerformance> {
        self.operations()
            .map(|(name, operation)| (name.to_owned(), OperationPerformance::of(operation)))
            .filter(|(_, performance)| performance.calls.count > 0)
            .collect()
    }

    /// How long everything takes, and what it takes of memory and store: keys, calls, compression, memory
    /// and invalidations, each in a section.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// cache.set("user:1", 42_u32).await;
    /// let statistics = cache.performance_statistics();
    /// assert_eq!(statistics.memory_usage.entries, 1);
    /// assert_eq!(statistics.compression.avg_compression_ratio, None);
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn performance_statistics(&self) -> PerformanceStatistics {
        let compression = &self.statistics.compression;
        let stats = &self.stats;
        let calls = self
            .operations()
            .map(|(_, operation)| operation.counts.calls());
        let [entries, max_entries] = [stats.total_entries, stats.max_size].map(super::tuning::wide);
        PerformanceStatistics {
            timestamp: self.at(),
            key_generation: self.key_generation(),
            cache_operations: CacheOperations {
                total_operations: sum(calls),
                calls: self.times_of_all(),
                by_operation: self.operation_performance(),
            },
            compression: CompressionPerformance {
                total_operations: compression.compressed,
                avg_compression_ratio: compression.ratio(),
                avg_compression_time_ms: Timings::from(&compression.times).avg_ms,
                total_bytes_saved: compression.bytes_saved(),
            },
            memory_usage: MemoryUsage {
                entries,
                max_entries,
                utilization_percent: percent(entries, max_entries),
                bytes: self.memory_bytes(),
                level: Level::of(self.memory_bytes(), MEMORY),
                max_bytes: stats.max_bytes,
            },
            invalidation: self.invalidations.clone(),
        }
    }
}
