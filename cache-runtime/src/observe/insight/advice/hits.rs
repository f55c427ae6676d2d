//! About hit rates and lifetimes.

use std::time::Duration;

use super::super::figures::float;
use super::super::performance::OperationPerformance;
use super::super::tiers::{HIGH_HIT_RATE, LOW_HIT_RATE};
use super::super::tuning::LifetimeOf;
use super::super::{Advice, Insight, Priority, Recommendation};
use super::Words;
use crate::cache::APPLICATIONS_OWN;
use crate::call::MissReason;
use crate::observe::OperationStatistics;

/// Under this rate, in percent, memory is said to bring less than it could (MON-21).
const GOOD_HIT_RATE: f64 = 70.0;

/// A mean time under this, in milliseconds, is that of an operation that is hit most of the time, or
/// quick (MON-15).
const QUICK_MS: f64 = 100.0;

/// Lifetimes from here on are long (MON-15).
const LONG_LIFETIME: Duration = Duration::from_secs(7200);

/// Of fewer timed calls of an operation nothing is said (MON-15).
const ENOUGH_TIMED: u64 = 5;

/// Of so many operations, at most, something is said.
const MOST_OPERATIONS: usize = 10;

impl Insight {
    /// MON-14, MON-21.
    pub(super) fn hit_rate(&self) -> Option<Recommendation> {
        let counts = &self.statistics.counts;
        let rate = counts.hit_rate()?;
        let metrics = [("hit_rate", rate), ("requests", float(self.requests()))];
        if rate > HIGH_HIT_RATE {
            let words = Words {
                title: "Excellent hit rate",
                description: format!("{rate:.1} % of the requests are hits"),
                action: "leave it as it is".to_owned(),
                impact: "none: there is little left to gain",
            };
            let same = self.tuning.same_lifetime();
            return Some(words.say(Advice::ExcellentHitRate, Priority::Low, metrics, same));
        }
        if rate >= GOOD_HIT_RATE {
            return None;
        }
        // What memory had to push out is found nowhere else. Both numbers since the start: evictions are
        // not counted anew by a reset.
        let evictions = self.stats.evictions;
        let pushed_out = evictions > 0 && evictions >= self.stats.misses / 2;
        let (action, suggestion) = if pushed_out && !self.has_store {
            let action = "give memory more room: it pushes out what is asked for again".to_owned();
            (action, self.tuning.more_entries())
        } else {
            let of = self.most_missed(|operation| Some(&operation.counts));
            let of_which = match of {
                LifetimeOf::Operation(name, _) => format!(" of {name:?}"),
                LifetimeOf::Everything => String::new(),
            };
            let longer = format!("let answers{of_which} live longer");
            let others = "look for arguments that differ from call to call and do not matter \
                          (`skip`), and for results that are not kept";
            let action = if counts.missed_because(MissReason::Expired) > 0 {
                format!("{longer}; if that changes nothing, {others}")
            } else {
                format!("nothing that was missed had expired: {others}; else {longer}")
            };
            (action, self.tuning.longer_lifetime(of))
        };
        let description = format!("{rate:.1} % of the requests are hits");
        let is_low = rate < LOW_HIT_RATE;
        let words = Words {
            title: if is_low {
                "Low hit rate"
            } else {
                "Hit rate with room for more"
            },
            description,
            action,
            impact: if is_low {
                "most calls pay for their body today"
            } else {
                "fewer bodies run"
            },
        };
        let (advice, priority) = if is_low {
            (Advice::LowHitRate, Priority::High)
        } else {
            (Advice::ModestHitRate, Priority::Medium)
        };
        Some(words.say(advice, priority, metrics, suggestion))
    }

    /// MON-15, of the operations that are called most.
    pub(super) fn short_lifetimes(&self) -> Vec<Recommendation> {
        let quick = self.operations().filter_map(|(name, operation)| {
            let performance = OperationPerformance::of(operation);
            let ttl = operation.ttl.filter(|ttl| *ttl < LONG_LIFETIME)?;
            let is_quick = performance.calls.avg_ms < QUICK_MS;
            // Then even this lifetime is too long.
            let is_right = operation.shadow.different == 0;
            (is_quick && is_right && performance.calls.count >= ENOUGH_TIMED).then_some((
                name,
                ttl,
                performance,
            ))
        });
        let mut quick: Vec<_> = quick.collect();
        quick.sort_by_key(|(.., performance)| std::cmp::Reverse(performance.total_operations));
        quick.truncate(MOST_OPERATIONS);
        let recommendations = quick.into_iter().map(|(name, ttl, performance)| {
            let of = match name {
                APPLICATIONS_OWN => LifetimeOf::Everything,
                name => LifetimeOf::Operation(name, ttl),
            };
            let suggestion = self.tuning.longer_lifetime(of);
            let (took, shown) = (performance.calls.avg_ms, &suggestion.current);
            let words = Words {
                title: "Short lifetime",
                description: format!(
                    "{name:?} takes {took:.1} ms on average and lives for {shown}"
                ),
                action: "let its results live longer if they may be older".to_owned(),
                impact: "fewer bodies run",
            };
            let metrics = [
                ("avg_ms", took),
                ("ttl_seconds", ttl.as_secs_f64()),
                ("timed", float(performance.calls.count)),
            ];
            words.say(Advice::ShortLifetime, Priority::Low, metrics, suggestion)
        });
        recommendations.collect()
    }

    pub(in super::super) fn own_keys(&self) -> Option<&OperationStatistics> {
        self.statistics.operations.get(APPLICATIONS_OWN)
    }
}
