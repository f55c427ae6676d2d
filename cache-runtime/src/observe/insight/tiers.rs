//! How texts of each length fare.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::advice::ENOUGH_REQUESTS;
use super::figures::{Timings, float, percent, sum};
use super::tuning::LifetimeOf;
use super::{Insight, Suggestion};
use crate::observe::{Counts, Ending, OperationStatistics};
use crate::policy::TextTier;

/// Under this rate of hits, in percent, calls with such texts are hardly worth caching (MON-10).
pub(super) const LOW_HIT_RATE: f64 = 30.0;

/// Over this rate of hits, in percent, it hardly gets better (MON-10).
pub(super) const HIGH_HIT_RATE: f64 = 90.0;

/// A response takes long that takes more than this, in milliseconds (MON-10).
const SLOW_MS: f64 = 100.0;

/// A response is quick that takes less than this, in milliseconds (MON-10).
const QUICK_MS: f64 = 10.0;

/// Under this rate, in percent, small texts have fewer hits than they could: memory has room for them
/// (MON-10).
const SMALL_TEXTS_HIT_RATE: f64 = 80.0;

/// How texts of each length fare.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TierStatistics {
    /// Where the tiers end, and what enters memory.
    pub tier_configuration: TierConfiguration,
    /// Calls by the length of their text; each tier is in here.
    pub tier_distribution: BTreeMap<TextTier, u64>,
    /// How calls with such texts fare, of tiers that have any.
    pub tier_analysis: BTreeMap<TextTier, TierAnalysis>,
    /// What is to be said of them; tiers with fewer than ten requests are left out.
    pub opportunities: Vec<TierOpportunity>,
    /// Of how much all of this is.
    pub completeness: Completeness,
}

/// Where the tiers end, and what enters memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TierConfiguration {
    /// Shorter texts are small; in characters, as the others.
    pub small: u64,
    /// Other texts that are shorter are medium.
    pub medium: u64,
    /// Other texts that are shorter are large, and the rest is xlarge.
    pub large: u64,
    /// Whether results enter memory by the length of their text.
    pub smart_promotion: bool,
    /// Results that did not enter memory because of it.
    pub not_promoted: u64,
}

/// How calls with texts of one tier fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TierAnalysis {
    /// All of them.
    pub calls: u64,
    /// Those that the cache had an answer for.
    pub hits: u64,
    /// Of these, those from memory.
    pub memory_hits: u64,
    /// Those that it had none for.
    pub misses: u64,
    /// Hits among both, in percent; zero before the first one.
    pub average_hit_rate: f64,
    /// What one takes, in milliseconds, by what hits and misses of its operations take; `None` where
    /// nothing was timed.
    pub average_response_time_ms: Option<f64>,
}

/// What is to be said of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TierFinding {
    /// Fewer than 30 % of the requests are hits.
    LowHitRate,
    /// More than 90 % of the requests are hits.
    HighHitRate,
    /// A response takes more than 100 ms.
    Slow,
    /// A response takes less than 10 ms.
    Quick,
    /// Fewer than 80 % of the requests with small texts are hits.
    SmallTextsMissed,
}

/// Something that is to be said of a tier, and what to try.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TierOpportunity {
    /// The tier.
    pub tier: TextTier,
    /// What was found.
    pub finding: TierFinding,
    /// The number behind it: a rate in percent, or a time in milliseconds.
    pub value: f64,
    /// A sentence.
    pub description: String,
    /// The setting that is behind it, and the value to try; the one in force where all is well.
    pub suggestion: Suggestion,
}

impl fmt::Display for TierOpportunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({})",
            self.tier, self.description, self.suggestion
        )
    }
}

/// Of how much the statistics by text are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Completeness {
    /// Tiers that calls had texts of.
    pub tiers_with_data: u64,
    /// All there are.
    pub tiers: u64,
    /// The first among the second, in percent.
    pub tiers_percent: f64,
    /// Calls with a text whose length is known.
    pub calls_with_text: u64,
    /// All calls, but for the application's own keys.
    pub calls: u64,
    /// The first among the second, in percent.
    pub calls_percent: f64,
}

impl Insight {
    /// How texts of each length fare: where the tiers end, how many calls have such texts, how many of
    /// them are hits and how long they take, and what to try.
    ///
    /// | where a tier | it is said that |
    /// |---|---|
    /// | has fewer than 30 % hits | longer lifetimes are worth a try |
    /// | has more than 90 % hits | all is well |
    /// | takes more than 100 ms | it gains most from every hit |
    /// | takes less than 10 ms | all is well |
    /// | is the small one, with fewer than 80 % hits | more room in memory is worth a try |
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// let tiers = cache.tier_statistics();
    /// assert_eq!(tiers.tier_configuration.small, 500);
    /// assert_eq!(tiers.tier_distribution[&larder::TextTier::Small], 0);
    /// assert!(tiers.opportunities.is_empty());
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn tier_statistics(&self) -> TierStatistics {
        let limits = self.tuning.text_size_tiers;
        let [small, medium, large] =
            [limits.small, limits.medium, limits.large].map(super::tuning::wide);
        let distribution = self.text_tiers();
        let analyzed = TextTier::ALL
            .into_iter()
            .map(|tier| (tier, self.analysis(tier)));
        let analysis: BTreeMap<_, _> = analyzed.filter(|(_, it)| it.calls > 0).collect();
        let opportunities = analysis
            .iter()
            .flat_map(|(tier, analysis)| self.opportunities(*tier, analysis))
            .collect();
        TierStatistics {
            tier_configuration: TierConfiguration {
                small,
                medium,
                large,
                smart_promotion: self.tuning.is_promoting_by_text,
                not_promoted: self.stats.not_promoted,
            },
            completeness: self.completeness(&distribution),
            tier_distribution: distribution,
            tier_analysis: analysis,
            opportunities,
        }
    }

    fn analysis(&self, tier: TextTier) -> TierAnalysis {
        let counts = self.of_functions().filter_map(|(_, operation)| {
            let counts = operation.text_tiers.get(&tier)?;
            Some((operation, counts))
        });
        let counts: Vec<_> = counts.collect();
        let of = |count: fn(&Counts) -> u64| sum(counts.iter().map(|(_, it)| count(it)));
        let (hits, misses) = (of(Counts::hits), of(Counts::misses));
        TierAnalysis {
            calls: of(Counts::calls),
            hits,
            memory_hits: of(|counts| counts.of(Ending::MemoryHit)),
            misses,
            average_hit_rate: percent(hits, hits.saturating_add(misses)),
            average_response_time_ms: response_time(&counts),
        }
    }

    fn opportunities(&self, tier: TextTier, analysis: &TierAnalysis) -> Vec<TierOpportunity> {
        let mut found = Vec::new();
        let mut say = |finding, value, description: String, suggestion| {
            found.push(TierOpportunity {
                tier,
                finding,
                value,
                description,
                suggestion,
            });
        };
        if analysis.hits.saturating_add(analysis.misses) < ENOUGH_REQUESTS {
            return found;
        }
        let tuning = &self.tuning;
        let rate = analysis.average_hit_rate;
        let longer = || {
            let of = self.most_missed(|operation| operation.text_tiers.get(&tier));
            tuning.longer_lifetime(of)
        };
        if rate < LOW_HIT_RATE {
            let description = format!(
                "{rate:.1} % of the requests are hits; answers that live longer are found again more \
                 often"
            );
            say(TierFinding::LowHitRate, rate, description, longer());
        }
        if rate > HIGH_HIT_RATE {
            let description = format!("{rate:.1} % of the requests are hits; all is well");
            say(
                TierFinding::HighHitRate,
                rate,
                description,
                tuning.same_lifetime(),
            );
        }
        if tier == TextTier::Small && rate < SMALL_TEXTS_HIT_RATE {
            let description = format!(
                "{rate:.1} % of the requests are hits; memory has room for answers to short texts"
            );
            say(
                TierFinding::SmallTextsMissed,
                rate,
                description,
                tuning.more_entries(),
            );
        }
        if let Some(took) = analysis.average_response_time_ms {
            if took > SLOW_MS {
                let description =
                    format!("a response takes {took:.1} ms; every further hit saves most of that");
                say(TierFinding::Slow, took, description, longer());
            }
            if took < QUICK_MS {
                let description = format!("a response takes {took:.1} ms; all is well");
                say(
                    TierFinding::Quick,
                    took,
                    description,
                    tuning.same_lifetime(),
                );
            }
        }
        found
    }

    /// The lifetime of the operation with the most misses; that of everything where there are none, or
    /// where it lives for ever.
    pub(super) fn most_missed<'a>(
        &'a self,
        counts: impl Fn(&'a OperationStatistics) -> Option<&'a Counts>,
    ) -> LifetimeOf<'a> {
        let missed = self.of_functions().filter_map(|(name, operation)| {
            let misses = counts(operation)?.misses();
            let ttl = operation.ttl.filter(|_| misses > 0)?;
            Some((misses, name, ttl))
        });
        let own = self.own_keys().map_or(0, |keys| keys.counts.misses());
        missed
            .max_by_key(|(misses, ..)| *misses)
            .filter(|(misses, ..)| *misses >= own)
            .map_or(LifetimeOf::Everything, |(_, name, ttl)| {
                LifetimeOf::Operation(name, ttl)
            })
    }

    fn completeness(&self, distribution: &BTreeMap<TextTier, u64>) -> Completeness {
        let with_data = distribution.values().filter(|calls| **calls > 0).count();
        let [with_data, tiers] = [with_data, TextTier::ALL.len()].map(super::tuning::wide);
        let with_text = sum(distribution.values().copied());
        let calls = sum(self
            .of_functions()
            .map(|(_, operation)| operation.counts.calls()));
        Completeness {
            tiers_with_data: with_data,
            tiers,
            tiers_percent: percent(with_data, tiers),
            calls_with_text: with_text,
            calls,
            calls_percent: percent(with_text, calls),
        }
    }
}

/// What a call takes, by what hits and misses of its operation take. Hits in memory of which none was timed
/// take no time to speak of.
fn response_time(counts: &[(&OperationStatistics, &Counts)]) -> Option<f64> {
    let (mut calls, mut took, mut is_timed) = (0.0, 0.0, false);
    for (operation, counts) in counts {
        let [in_memory, joined] =
            [Ending::MemoryHit, Ending::Joined].map(|ending| counts.of(ending));
        let others = counts
            .hits()
            .saturating_sub(in_memory.saturating_add(joined));
        calls += float(in_memory);
        took += float(in_memory) * Timings::from(&operation.memory_hits).avg_ms;
        is_timed |= in_memory > 0 && operation.memory_hits.count > 0;
        for (number, times) in [
            (joined, &operation.joined),
            (others, &operation.other_hits),
            (counts.misses(), &operation.misses),
        ] {
            if times.count > 0 {
                calls += float(number);
                took += float(number) * Timings::from(times).avg_ms;
                is_timed |= number > 0;
            }
        }
    }
    is_timed.then(|| took / calls)
}
