//! What the operations of a kind have done, in one view.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use super::figures::{float, millis, percent, sum, written_moment};
use super::{CacheMetrics, Insight, Recommendation};
use crate::observe::{Counts, Ending, Latencies};
use crate::policy::TextTier;

/// What the operations of a kind have done, in one view. Serialized, it is a map whose `status` says which
/// of these it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AiSummary {
    /// No operation has been called, so there is nothing to say.
    NoOperations {
        /// When that was so.
        #[serde(serialize_with = "written_moment")]
        timestamp: SystemTime,
        /// Zero.
        total_ai_operations: u64,
    },
    /// Some have.
    Active(Box<AiFigures>),
}

/// What the operations of a kind have done. Rates are in percent, 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AiFigures {
    /// When this was so.
    #[serde(serialize_with = "written_moment")]
    pub timestamp: SystemTime,
    /// Calls of operations; the application's own keys are in `inherited_stats`.
    pub total_ai_operations: u64,
    /// Hits among those of them that were hits or misses.
    pub overall_hit_rate: f64,
    /// The same by operation: of all that were called or have a lifetime of their own in the
    /// configuration. Zero for those that were not called.
    pub hit_rate_by_operation: BTreeMap<String, f64>,
    /// Calls by the length of their text, of all that have one.
    pub text_tier_distribution: BTreeMap<TextTier, u64>,
    /// How keys were made.
    pub key_generation_stats: KeyGeneration,
    /// What could be better, the most promising first.
    pub optimization_recommendations: Vec<Recommendation>,
    /// What every cache has, with the application's own keys.
    pub inherited_stats: CacheMetrics,
}

/// How keys were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct KeyGeneration {
    /// Calls that have a key.
    pub total_keys_generated: u64,
    /// Of these, the keys that were timed.
    pub keys_timed: u64,
    /// Of these, those that took more than 100 ms.
    pub slow_keys: u64,
    /// What one of these took, in milliseconds; zero where none was timed.
    pub average_generation_time_ms: f64,
    /// How long texts are.
    pub text_size_distribution: TextSizes,
    /// Calls by operation.
    pub operation_distribution: BTreeMap<String, u64>,
}

/// How long texts are, in characters.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TextSizes {
    /// Calls by the length of their text; each tier is in here.
    #[serde(flatten)]
    pub tiers: BTreeMap<TextTier, u64>,
    /// The mean, of texts of calls that were no hits in memory.
    pub average_size: f64,
    /// The longest of them.
    pub max_size: u64,
}

/// Calls that end without a key.
const WITHOUT_KEY: [Ending; 5] = [
    Ending::NoKey,
    Ending::TextTooLong,
    Ending::NoTenant,
    Ending::Bypassed,
    Ending::SwitchedOff,
];

impl Insight {
    /// What the operations of this kind have done, in one view: hit rates, lengths of texts, keys, and what
    /// could be better. As long as none was called, it says so and nothing else.
    ///
    /// Serialized as JSON it has the names of [`AiFigures`], and `status`: `active` or `no_operations`.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use larder::insight::AiSummary;
    ///
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// match cache.ai_summary() {
    ///     AiSummary::Active(figures) => println!("{:.1} % hits", figures.overall_hit_rate),
    ///     _ => println!("nobody has called anything so far"),
    /// }
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn ai_summary(&self) -> AiSummary {
        let of = |count: fn(&Counts) -> u64| {
            sum(self
                .of_functions()
                .map(|(_, operation)| count(&operation.counts)))
        };
        let calls = of(Counts::calls);
        if calls == 0 {
            return AiSummary::NoOperations {
                timestamp: self.at(),
                total_ai_operations: 0,
            };
        }
        let (hits, misses) = (of(Counts::hits), of(Counts::misses));
        AiSummary::Active(Box::new(AiFigures {
            timestamp: self.at(),
            total_ai_operations: calls,
            overall_hit_rate: percent(hits, hits.saturating_add(misses)),
            hit_rate_by_operation: self.hit_rates(),
            text_tier_distribution: self.text_tiers(),
            key_generation_stats: self.key_generation(),
            optimization_recommendations: self.recommendations(),
            inherited_stats: self.metrics(),
        }))
    }

    fn hit_rates(&self) -> BTreeMap<String, f64> {
        let configured = self.tuning.operation_ttls.keys();
        let mut rates: BTreeMap<_, _> = configured.map(|name| (name.clone(), 0.0)).collect();
        let called = self.of_functions().map(|(name, operation)| {
            let rate = operation.counts.hit_rate().unwrap_or_default();
            (name.to_owned(), rate)
        });
        rates.extend(called);
        rates
    }

    /// Calls by the length of their text; each tier is in here.
    pub(super) fn text_tiers(&self) -> BTreeMap<TextTier, u64> {
        let of_tier = |tier| {
            let counts = self.of_functions();
            let counts = counts.filter_map(|(_, operation)| operation.text_tiers.get(&tier));
            (tier, sum(counts.map(Counts::calls)))
        };
        TextTier::ALL.into_iter().map(of_tier).collect()
    }

    pub(super) fn key_generation(&self) -> KeyGeneration {
        let counts = self.of_functions().map(|(_, operation)| &operation.counts);
        let with_key = counts.map(|counts| {
            let without = sum(WITHOUT_KEY.map(|ending| counts.of(ending)));
            counts.calls().saturating_sub(without)
        });
        let texts = || self.of_functions().map(|(_, operation)| &operation.texts);
        let (texts_seen, characters) = (
            sum(texts().map(|texts| texts.count)),
            sum(texts().map(|texts| texts.characters)),
        );
        KeyGeneration {
            total_keys_generated: sum(with_key),
            keys_timed: sum(self
                .of_functions()
                .map(|(_, operation)| operation.keys.count)),
            slow_keys: sum(self
                .of_functions()
                .map(|(_, operation)| operation.keys.slow)),
            average_generation_time_ms: mean_millis(
                self.of_functions().map(|(_, operation)| &operation.keys),
            ),
            text_size_distribution: TextSizes {
                tiers: self.text_tiers(),
                average_size: float(characters) / float(texts_seen.max(1)),
                max_size: texts().map(|texts| texts.longest).max().unwrap_or_default(),
            },
            operation_distribution: Self::distribution(self.of_functions()),
        }
    }
}

/// Of all of them together; zero where nothing was timed.
pub(super) fn mean_millis<'a>(of: impl Iterator<Item = &'a Latencies>) -> f64 {
    let (count, total) = of.fold((0_u64, 0.0), |(count, total), latencies| {
        (
            count.saturating_add(latencies.count),
            total + millis(latencies.total),
        )
    });
    total / float(count.max(1))
}
