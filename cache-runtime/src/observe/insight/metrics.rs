//! The records that every cache has, and those for language models.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Insight;
use super::figures::Timings;
use super::summary::mean_millis;
use crate::cache::Cache;
use crate::observe::Ending;
use crate::policy::TextTier;

/// What every cache has, in a few numbers; with the application's own keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CacheMetrics {
    /// Calls and look-ups that the cache had an answer for.
    pub cache_hits: u64,
    /// Those that it had none for.
    pub cache_misses: u64,
    /// Hits among both, 0 to 1; `None` before the first one.
    pub hit_ratio: Option<f64>,
    /// What a call took, the time of bodies included, in milliseconds; zero where none was timed.
    pub average_operation_time_ms: f64,
    /// What is left of what was compressed, 0 to 1; `None` where nothing was.
    pub compression_ratio: Option<f64>,
    /// Bytes that compression has saved.
    pub total_bytes_saved: u64,
    /// Entries in memory.
    pub memory_cache_entries: u64,
    /// Bytes in memory, as far as they are seen
    /// ([`memory_usage_bytes`](crate::CacheStats::memory_usage_bytes) or
    /// [`weight`](crate::CacheStats::weight), whichever is more).
    pub memory_usage_bytes: u64,
}

/// What a cache of answers of language models has, in a few numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AiMetrics {
    /// What every cache has.
    #[serde(flatten)]
    pub cache: CacheMetrics,
    /// What it took to make a key of a call with a text, its digest included, in milliseconds.
    pub text_processing_time_ms: f64,
    /// The same for keys of all calls.
    pub key_generation_time_ms: f64,
    /// Calls by operation.
    pub operation_distribution: BTreeMap<String, u64>,
    /// Calls by the length of their text.
    pub text_tier_distribution: BTreeMap<TextTier, u64>,
}

impl Insight {
    /// What every cache has, in a few numbers.
    #[must_use]
    pub fn metrics(&self) -> CacheMetrics {
        let counts = &self.statistics.counts;
        CacheMetrics {
            cache_hits: counts.hits(),
            cache_misses: counts.misses(),
            hit_ratio: counts.hit_ratio(),
            average_operation_time_ms: self.times_of_all().avg_ms,
            compression_ratio: self.statistics.compression.ratio(),
            total_bytes_saved: self.statistics.compression.bytes_saved(),
            memory_cache_entries: super::tuning::wide(self.stats.total_entries),
            memory_usage_bytes: self.memory_bytes(),
        }
    }

    /// What a cache of answers of language models has, in a few numbers.
    #[must_use]
    pub fn ai_metrics(&self) -> AiMetrics {
        let with_text = self
            .of_functions()
            .filter(|(_, operation)| operation.texts.count > 0);
        AiMetrics {
            cache: self.metrics(),
            text_processing_time_ms: mean_millis(with_text.map(|(_, operation)| &operation.keys)),
            key_generation_time_ms: mean_millis(
                self.of_functions().map(|(_, operation)| &operation.keys),
            ),
            operation_distribution: Self::distribution(self.of_functions()),
            text_tier_distribution: self.text_tiers(),
        }
    }

    /// Bytes in memory, as far as they are seen.
    pub(super) fn memory_bytes(&self) -> u64 {
        let seen = super::tuning::wide(self.stats.memory_usage_bytes);
        seen.max(self.stats.weight)
    }

    /// Of calls of all operations.
    pub(super) fn times_of_all(&self) -> Timings {
        let parts: Vec<_> = self
            .operations()
            .flat_map(|(_, operation)| {
                [
                    (
                        operation.counts.of(Ending::MemoryHit),
                        &operation.memory_hits,
                    ),
                    (operation.other_hits.count, &operation.other_hits),
                    (operation.joined.count, &operation.joined),
                    (operation.misses.count, &operation.misses),
                ]
            })
            .collect();
        Timings::together(&parts)
    }
}

impl Cache {
    /// What every cache has, in a few numbers: see [`CacheMetrics`].
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// cache.get::<u32>("user:1").await;
    /// let metrics = cache.metrics();
    /// assert_eq!((metrics.cache_hits, metrics.cache_misses), (0, 1));
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn metrics(&self) -> CacheMetrics {
        self.insight().metrics()
    }

    /// What a cache of answers of language models has, in a few numbers: see [`AiMetrics`].
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// let metrics = cache.ai_metrics();
    /// assert!(metrics.operation_distribution.is_empty());
    /// assert_eq!(metrics.text_tier_distribution[&larder::TextTier::Small], 0);
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn ai_metrics(&self) -> AiMetrics {
        self.insight().ai_metrics()
    }
}
