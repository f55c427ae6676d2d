//! What could be better, and the thresholds behind it: a row of the requirements for each.

mod compression;
mod hits;
mod invalidation;
mod memory;
mod texts;

use std::collections::BTreeMap;

use super::{Advice, Insight, Priority, Recommendation, Suggestion};

/// Of fewer requests nothing is said (MON-14).
pub(super) const ENOUGH_REQUESTS: u64 = 10;

/// What is counted in megabytes is counted in these.
const MB: u64 = 1024 * 1024;

impl Insight {
    /// What could be better, the most promising first, and what is as good as it gets. Nothing before the
    /// tenth request (a hit or a miss).
    ///
    /// | found | priority | what to try |
    /// |---|---|---|
    /// | fewer than 30 % hits | high | twice the lifetime of the operation with the most misses; twice `l1_cache_size` where entries were pushed out of a memory that has no store behind it |
    /// | fewer than 70 % hits | medium | the same |
    /// | more than 90 % hits | low | all is well |
    /// | more than 70 % of the texts are small, and memory has no room to spare | medium | twice `l1_cache_size` |
    /// | fewer than 20 % of the texts are small, and there is a store | medium | more compression |
    /// | an operation with a mean time under 100 ms and a lifetime under 2 h, of five timed calls or more, of which no shadow has differed; the ten that are called most | low | twice its lifetime |
    /// | more than 90 % of memory is used, and that is no more than 100 MB | medium | twice `l1_cache_size` or `l1_cache_bytes` |
    /// | less than 30 % of memory is used | low | half of it |
    /// | more than 100 MB in memory | high | `l1_cache_bytes` of 100 MB |
    /// | more than 10 000 bytes an entry, on average | medium | more compression; without a store an `l1_cache_size` that makes 100 MB, where it is more |
    /// | more than 80 % is left by compression, of eleven values or more | medium | a higher `compression_level` |
    /// | compressing takes more than 10 ms | medium | a lower one |
    /// | compression has saved more than 100 MB | low | all is well |
    /// | 50 invalidations in an hour, or 100 | medium, high | half the lifetime of what is invalidated |
    /// | one pattern in more than half of them, of ten or more | medium | the same |
    /// | less than one key each, of ten or more | low | twice the lifetime |
    /// | more than 100 keys each, of ten or more | medium | half the lifetime |
    ///
    /// Of invalidations those count that match a pattern or forget a whole operation or kind: see
    /// [`InvalidationStatistics`](super::InvalidationStatistics).
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use larder::insight::{Advice, Priority};
    ///
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// assert!(cache.recommendations().is_empty());
    ///
    /// for id in 0..10 {
    ///     cache.get::<u32>(&format!("user:{id}")).await;
    /// }
    /// let first = &cache.recommendations()[0];
    /// assert_eq!((first.advice, first.priority), (Advice::LowHitRate, Priority::High));
    /// assert_eq!(first.suggestion.to_string(), "default_ttl = 2m");
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn recommendations(&self) -> Vec<Recommendation> {
        if self.requests() < ENOUGH_REQUESTS {
            return Vec::new();
        }
        let mut found = Vec::new();
        found.extend(self.hit_rate());
        found.extend(self.small_texts());
        found.extend(self.short_lifetimes());
        found.extend(self.used_memory());
        found.extend(self.large_memory());
        found.extend(self.large_entries());
        found.extend(self.compression());
        found.extend(self.invalidation());
        // Of the same priority they stay in this order.
        found.sort_by_key(|recommendation| recommendation.priority);
        found
    }

    fn requests(&self) -> u64 {
        let counts = &self.statistics.counts;
        counts.hits().saturating_add(counts.misses())
    }
}

/// What was found, in words.
struct Words {
    title: &'static str,
    description: String,
    action: String,
    impact: &'static str,
}

impl Words {
    fn say<const METRICS: usize>(
        self,
        advice: Advice,
        priority: Priority,
        metrics: [(&'static str, f64); METRICS],
        suggestion: Suggestion,
    ) -> Recommendation {
        Recommendation {
            advice,
            priority,
            title: self.title,
            description: self.description,
            action: self.action,
            estimated_impact: self.impact,
            metrics: BTreeMap::from(metrics),
            suggestion,
        }
    }
}
