//! How many calls ended in which way.

use std::ops::AddAssign;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Ending;
use crate::call::MissReason;

/// How many calls and look-ups ended in which way.
///
/// A ratio is between 0 and 1, a rate between 0 and 100.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    pub(super) endings: [u64; Ending::ALL.len()],
    pub(super) reasons: [u64; MissReason::ALL.len()],
    /// Bodies that were run while their callers had an answer already; no calls.
    pub refreshed: u64,
    /// Values that were not kept because `cache_if`, `unless` or `ttl` panicked; their calls are
    /// [`NotKept`](Ending::NotKept).
    pub rule_panics: u64,
}

impl Counts {
    /// Those that ended like this.
    #[must_use]
    pub fn of(&self, ending: Ending) -> u64 {
        self.endings[ending as usize]
    }

    /// Misses for this reason. Of an abandoned call nobody knows whether it would have been one.
    #[must_use]
    pub fn missed_because(&self, reason: MissReason) -> u64 {
        self.reasons[reason as usize]
    }

    /// All of them.
    #[must_use]
    pub fn calls(&self) -> u64 {
        sum(self.endings)
    }

    /// Those that the cache had an answer for.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.sum(Ending::is_hit)
    }

    /// Those that it was asked for and had no answer.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.sum(Ending::is_miss)
    }

    /// Hits as a part of hits and misses, 0 to 1; `None` before the first one.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact up to 2^53 calls, and a ratio after that"
    )]
    pub fn hit_ratio(&self) -> Option<f64> {
        let all = self.hits().saturating_add(self.misses());
        (all > 0).then(|| self.hits() as f64 / all as f64)
    }

    /// The [hit ratio](Self::hit_ratio) in percent, 0 to 100.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        self.hit_ratio().map(|ratio| ratio * 100.0)
    }

    /// What was counted since an earlier moment; zero where that has more, as after a reset.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let less = |now: u64, then: u64| now.saturating_sub(then);
        Self {
            endings: std::array::from_fn(|at| less(self.endings[at], earlier.endings[at])),
            reasons: std::array::from_fn(|at| less(self.reasons[at], earlier.reasons[at])),
            refreshed: less(self.refreshed, earlier.refreshed),
            rule_panics: less(self.rule_panics, earlier.rule_panics),
        }
    }

    /// With so many more hits in memory, which are counted elsewhere.
    pub(super) fn with_memory_hits(mut self, hits: u64) -> Self {
        self.endings[Ending::MemoryHit as usize] += hits;
        self
    }

    fn sum(&self, counts: fn(Ending) -> bool) -> u64 {
        let endings = Ending::ALL.into_iter().filter(|ending| counts(*ending));
        sum(endings.map(|ending| self.of(ending)))
    }
}

fn sum(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, u64::saturating_add)
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        let Self {
            endings,
            reasons,
            refreshed,
            rule_panics,
        } = other;
        for (sum, more) in self.endings.iter_mut().zip(endings) {
            *sum = sum.saturating_add(*more);
        }
        for (sum, more) in self.reasons.iter_mut().zip(reasons) {
            *sum = sum.saturating_add(*more);
        }
        self.refreshed = self.refreshed.saturating_add(*refreshed);
        self.rule_panics = self.rule_panics.saturating_add(*rule_panics);
    }
}

/// As a map: every ending by its name, `refreshed` and `rule_panics`, and the reasons of misses in a map of
/// their own, `miss_reasons`.
impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Reasons<'a>(&'a Counts);
        impl Serialize for Reasons<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let reasons = MissReason::ALL.into_iter();
                serializer.collect_map(reasons.map(|it| (it.name(), self.0.missed_because(it))))
            }
        }
        let mut map = serializer.serialize_map(None)?;
        for ending in Ending::ALL {
            map.serialize_entry(ending.name(), &self.of(ending))?;
        }
        map.serialize_entry("refreshed", &self.refreshed)?;
        map.serialize_entry("rule_panics", &self.rule_panics)?;
        map.serialize_entry("miss_reasons", &Reasons(self))?;
        map.end()
    }
}
