//! About what is invalidated.

use super::super::figures::{float, percent};
use super::super::tuning::LifetimeOf;
use super::super::{
    Advice, Insight, InvalidatedPattern, InvalidationTarget, Level, Priority, Recommendation,
};
use super::Words;

/// A pattern dominates that makes more than this part of the invalidations, in percent (MON-22).
const DOMINANT: f64 = 50.0;

/// With fewer keys each, invalidations are in vain (MON-22).
const FEWEST_KEYS: f64 = 1.0;

/// With more keys each, they take more than is invalid (MON-22).
const MOST_KEYS: f64 = 100.0;

/// Of fewer invalidations nothing is said about patterns and keys.
const ENOUGH_INVALIDATIONS: u64 = 10;

impl Insight {
    /// MON-2, MON-22.
    pub(super) fn invalidation(&self) -> Vec<Recommendation> {
        let mut found = Vec::new();
        let invalidations = &self.invalidations;
        let all = invalidations.last_hour;
        let first = invalidations
            .patterns
            .iter()
            .find(|it| it.target.is_broad());
        let of = first.map_or(LifetimeOf::Everything, |pattern| self.lifetime_of(pattern));
        if invalidations.rate > Level::Usual {
            let words = Words {
                title: "Frequent invalidation",
                description: format!("{all} invalidations in an hour"),
                action: "let lifetimes do that work, or invalidate single keys and tags".to_owned(),
                impact: "fewer answers are thrown away that were still right",
            };
            let priority = if invalidations.rate == Level::Critical {
                Priority::High
            } else {
                Priority::Medium
            };
            let metrics = [("invalidations_per_hour", float(all))];
            let shorter = self.tuning.shorter_lifetime(of);
            found.push(words.say(Advice::FrequentInvalidation, priority, metrics, shorter));
        }
        if all < ENOUGH_INVALIDATIONS {
            return found;
        }
        if let Some(pattern) = first {
            let part = percent(pattern.count, all);
            if part > DOMINANT {
                let words = Words {
                    title: "One pattern dominates",
                    description: format!(
                        "{part:.1} % of the invalidations are of {} {:?}",
                        pattern.target, pattern.pattern
                    ),
                    action: "give what it matches a shorter lifetime, or a tag of its own"
                        .to_owned(),
                    impact: "fewer invalidations, each of which is work for store and processes",
                };
                let metrics = [("pattern_percent", part), ("invalidations", float(all))];
                let shorter = self.tuning.shorter_lifetime(self.lifetime_of(pattern));
                let advice = Advice::DominantInvalidation;
                found.push(words.say(advice, Priority::Medium, metrics, shorter));
            }
        }
        found.extend(self.removed_keys(of));
        found
    }

    fn removed_keys(&self, of: LifetimeOf<'_>) -> Option<Recommendation> {
        let invalidations = &self.invalidations;
        let keys = invalidations.average_removed_keys?;
        if invalidations.counted < ENOUGH_INVALIDATIONS {
            return None;
        }
        let metrics = [
            ("average_removed_keys", keys),
            ("invalidations_counted", float(invalidations.counted)),
        ];
        if keys < FEWEST_KEYS {
            let words = Words {
                title: "Invalidations in vain",
                description: format!("an invalidation removes {keys:.2} keys on average"),
                action:
                    "look whether patterns match what they are meant to; if they do, what they \
                         remove is over before, and may live longer"
                        .to_owned(),
                impact: "less work for the store, or answers that are invalidated at last",
            };
            let longer = self.tuning.longer_lifetime(of);
            return Some(words.say(Advice::VainInvalidation, Priority::Low, metrics, longer));
        }
        if keys > MOST_KEYS {
            let words = Words {
                title: "Broad invalidations",
                description: format!("an invalidation removes {keys:.1} keys on average"),
                action: "take narrower patterns, or tags for what changes together".to_owned(),
                impact: "fewer bodies run at once after an invalidation",
            };
            let shorter = self.tuning.shorter_lifetime(of);
            return Some(words.say(
                Advice::BroadInvalidation,
                Priority::Medium,
                metrics,
                shorter,
            ));
        }
        None
    }

    /// That of the operation that is invalidated; else that of everything.
    fn lifetime_of<'a>(&'a self, pattern: &'a InvalidatedPattern) -> LifetimeOf<'a> {
        let name = pattern.pattern.as_str();
        let operation = (pattern.target == InvalidationTarget::Operation)
            .then(|| self.statistics.operations.get(name));
        let called = operation.flatten().and_then(|operation| operation.ttl);
        let configured = || self.tuning.operation_ttls.get(name).copied();
        match pattern.target {
            InvalidationTarget::Operation => called
                .or_else(configured)
                .map_or(LifetimeOf::Everything, |ttl| {
                    LifetimeOf::Operation(name, ttl)
                }),
            _ => LifetimeOf::Everything,
        }
    }
}
