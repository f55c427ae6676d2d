//! What the numbers of one kind mean: summaries, statistics by the length of texts, times of operations,
//! and what could be better.
//!
//! - [`summary`], [`tiers`], [`performance`], [`metrics`]: reports
//! - [`advice`]: recommendations, with the thresholds behind them; [`recommendation`]: what they consist of;
//!   [`tuning`]: the settings that they are about
//! - [`invalidations`]: what was invalidated in the last hour
//! - [`figures`]: parts, percentages and times; [`level`]: what is a warning, and what critical
//!
//! All of it is made of one [`Insight`], which holds the numbers of one moment.

mod advice;
#[cfg(test)]
pub(crate) mod example;
pub(crate) mod figures;
mod invalidations;
mod level;
mod metrics;
mod performance;
mod recommendation;
mod summary;
#[cfg(test)]
mod tests;
mod tiers;
mod tuning;

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

pub use figures::Timings;
pub(crate) use invalidations::{Invalidated, Invalidations, NoteOf};
pub use invalidations::{InvalidatedPattern, InvalidationStatistics, InvalidationTarget};
pub use level::Level;
pub use metrics::{AiMetrics, CacheMetrics};
pub use performance::{
    CacheOperations, CompressionPerformance, MemoryUsage, OperationPerformance,
    PerformanceStatistics,
};
pub use recommendation::{Advice, Priority, Recommendation, Suggestion};
pub use summary::{AiFigures, AiSummary, KeyGeneration, TextSizes};
pub use tiers::{
    Completeness, TierAnalysis, TierConfiguration, TierFinding, TierOpportunity, TierStatistics,
};
pub(crate) use tuning::{Tuning, wide};

use super::{CacheStats, OperationStatistics, Statistics};
use crate::cache::{APPLICATIONS_OWN, Cache};

/// The numbers of one kind at one moment, and what they mean.
///
/// Everything that is asked of one `Insight` is about the same moment; the methods of [`Cache`] with the
/// same names each look anew.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let cache = larder::CacheFactory::for_testing().await?;
/// cache.set("user:1", 42_u32).await;
/// for key in ["user:1"; 12] {
///     cache.get::<u32>(key).await;
/// }
///
/// let insight = cache.insight();
/// let best = insight.recommendations().pop().unwrap();
/// println!("{best}"); // low: 100.0 % of the requests are hits; …
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Insight {
    statistics: Statistics,
    stats: CacheStats,
    invalidations: InvalidationStatistics,
    tuning: Tuning,
    has_store: bool,
}

impl Insight {
    /// What was counted.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// What was counted of the tiers, and how full they are.
    #[must_use]
    pub fn stats(&self) -> &CacheStats {
        &self.stats
    }

    /// What was invalidated in the last hour.
    #[must_use]
    pub fn invalidations(&self) -> &InvalidationStatistics {
        &self.invalidations
    }

    /// All of it as JSON, a text on one line: `statistics`, `ai_summary`, `tier_statistics`,
    /// `performance_statistics` and `recommendations`, as the methods of these names give them.
    ///
    /// Moments are texts such as `2020-01-01T00:00:00.000Z`; times are in milliseconds or seconds, and named
    /// so; ratios are from 0 to 1, and rates from 0 to 100.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// cache.get::<u32>("user:1").await;
    /// let exported: serde_json::Value = serde_json::from_str(&cache.insight().to_json()).unwrap();
    /// assert_eq!(exported["statistics"]["counts"]["missed"], 1);
    /// assert_eq!(exported["statistics"]["operations"]["keys"]["ttl_seconds"], 60.0);
    /// assert_eq!(exported["ai_summary"]["status"], "no_operations");
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let exported = Exported {
            statistics: &self.statistics,
            ai_summary: self.ai_summary(),
            tier_statistics: self.tier_statistics(),
            performance_statistics: self.performance_statistics(),
            recommendations: self.recommendations(),
        };
        // All of it is numbers and names: there is nothing that could not be written.
        serde_json::to_string(&exported).unwrap_or_default()
    }

    fn at(&self) -> SystemTime {
        self.statistics.at
    }

    /// Operations of functions, without the application's own keys.
    fn of_functions(&self) -> impl Iterator<Item = (&str, &OperationStatistics)> {
        self.operations()
            .filter(|(name, _)| *name != APPLICATIONS_OWN)
    }

    fn operations(&self) -> impl Iterator<Item = (&str, &OperationStatistics)> {
        let operations = self.statistics.operations.iter();
        operations.map(|(name, operation)| (name.as_str(), operation))
    }

    /// Of each operation, where it is not zero everywhere.
    fn distribution<'a>(
        of: impl Iterator<Item = (&'a str, &'a OperationStatistics)>,
    ) -> BTreeMap<String, u64> {
        of.map(|(name, operation)| (name.to_owned(), operation.counts.calls()))
            .filter(|(_, calls)| *calls > 0)
            .collect()
    }
}

/// Everything, to be written.
#[derive(Serialize)]
struct Exported<'a> {
    statistics: &'a Statistics,
    ai_summary: AiSummary,
    tier_statistics: TierStatistics,
    performance_statistics: PerformanceStatistics,
    recommendations: Vec<Recommendation>,
}

impl Cache {
    /// The numbers of this moment, for several reports about it. Walks over all entries in memory, as
    /// [`stats`](Self::stats) does.
    #[must_use]
    pub fn insight(&self) -> Insight {
        let kind = self.kind();
        Insight {
            statistics: self.statistics(),
            stats: self.stats(),
            invalidations: self.invalidation_statistics(),
            tuning: kind.tuning.clone(),
            has_store: kind.store.is_some(),
        }
    }

    /// What the operations of this kind have done, in one view: see [`Insight::ai_summary`].
    #[must_use]
    pub fn ai_summary(&self) -> AiSummary {
        self.insight().ai_summary()
    }

    /// How texts of each length fare: see [`Insight::tier_statistics`].
    #[must_use]
    pub fn tier_statistics(&self) -> TierStatistics {
        self.insight().tier_statistics()
    }

    /// How long calls of each operation take: see [`Insight::operation_performance`].
    #[must_use]
    pub fn operation_performance(&self) -> BTreeMap<String, OperationPerformance> {
        self.insight().operation_performance()
    }

    /// How long everything takes, and what it takes of memory and store: see
    /// [`Insight::performance_statistics`].
    #[must_use]
    pub fn performance_statistics(&self) -> PerformanceStatistics {
        self.insight().performance_statistics()
    }

    /// What could be better: see [`Insight::recommendations`].
    #[must_use]
    pub fn recommendations(&self) -> Vec<Recommendation> {
        self.insight().recommendations()
    }

    /// What was invalidated in the last hour, but for single keys.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use larder::insight::InvalidationTarget;
    ///
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// cache.set("user:1", 42_u32).await;
    /// cache.remove_matching("user:*").await;
    ///
    /// let invalidations = cache.invalidation_statistics();
    /// assert_eq!(invalidations.last_hour, 1);
    /// let pattern = &invalidations.patterns[0];
    /// assert_eq!(pattern.target, InvalidationTarget::Matching);
    /// // What was asked for may name people: only its shape is kept.
    /// assert_eq!((&*pattern.pattern, pattern.removed_keys), ("…*", Some(1)));
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn invalidation_statistics(&self) -> InvalidationStatistics {
        let kind = self.kind();
        kind.invalidations.statistics(&kind.clock)
    }
}
