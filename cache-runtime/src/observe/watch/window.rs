//! The last seconds of a cache, as differences between moments.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::analysis::{Analysis, Rating, SlowOperation, SlowPart};
use crate::observe::insight::figures::{float, millis};
use crate::observe::times::Times;
use crate::observe::{Counts, Ending, OperationStatistics, Statistics};

/// So many moments are held at most.
pub(super) const MOST_MOMENTS: u32 = 600;

/// What is slow takes so many times what it took before (MON-5).
const SLOW: f64 = 2.0;

/// What it took before is the mean of this part of all periods, the quick ones (MON-5).
const QUICK_PART: (usize, usize) = (4, 5);

/// Of fewer periods, or of fewer calls before, nothing is slow.
const ENOUGH_PERIODS: usize = 5;
const ENOUGH_CALLS: u64 = 5;

/// What is known of a cache at one moment: numbers that only grow.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    at: Instant,
    /// Another cache has another one.
    since: SystemTime,
    counts: Counts,
    memory_hits: Times,
    others: Times,
    operations: BTreeMap<String, [Times; SlowPart::ALL.len()]>,
}

impl Moment {
    pub(super) fn of(statistics: &Statistics, at: Instant) -> Self {
        let operations = || statistics.operations.values();
        let parts = statistics.operations.iter().map(|(name, operation)| {
            let OperationStatistics {
                other_hits, misses, ..
            } = operation;
            (name.clone(), [other_hits, misses].map(|it| Times::of([it])))
        });
        Self {
            at,
            since: statistics.since,
            counts: statistics.counts.clone(),
            memory_hits: Times::of(operations().map(|operation| &operation.memory_hits)),
            others: Times::of(operations().flat_map(|operation| {
                [&operation.other_hits, &operation.joined, &operation.misses]
            })),
            operations: parts.collect(),
        }
    }

    /// What has come since an earlier moment.
    pub(super) fn analysis(&self, earlier: &Self) -> Analysis {
        let counts = self.counts.since(&earlier.counts);
        let window = self.at.saturating_duration_since(earlier.at);
        let operations = counts.calls();
        let seconds = window.as_secs_f64();
        let per_second = if seconds > 0.0 {
            float(operations) / seconds
        } else {
            0.0
        };
        let hit_ratio = counts.hit_ratio();
        Analysis {
            window,
            operations,
            operations_per_second: per_second,
            hit_ratio,
            mean_time_ms: self.mean_time(earlier, &counts),
            rating: hit_ratio.map(|ratio| Rating::of(per_second, ratio)),
            slow_operations: Vec::new(),
        }
    }

    /// Of hits in memory those that were timed stand for all of them; where none was, they took no time to
    /// speak of.
    fn mean_time(&self, earlier: &Self, counts: &Counts) -> Option<f64> {
        let others = self.others.since(earlier.others);
        let in_memory = self.memory_hits.since(earlier.memory_hits);
        let hits = float(counts.of(Ending::MemoryHit));
        let is_timed = others.count > 0 || (in_memory.count > 0 && hits > 0.0);
        let took = millis(others.total) + hits * in_memory.mean().unwrap_or_default();
        is_timed.then(|| took / (float(others.count) + hits))
    }

    /// What takes at least twice as long as it did until an earlier moment.
    pub(super) fn slower_than_before(&self, earlier: &Self) -> Vec<SlowOperation> {
        let of = |moment: &Self, name: &str| moment.operations.get(name).copied();
        let slow = self.parts().filter_map(|(name, part, times)| {
            let before = of(earlier, name)?[part as usize];
            let baseline = before.mean().filter(|_| before.count >= ENOUGH_CALLS)?;
            SlowOperation::of(name, part, baseline, times.since(before).mean()?, SLOW)
        });
        slow.collect()
    }

    fn parts(&self) -> impl Iterator<Item = (&str, SlowPart, Times)> {
        let operations = self.operations.iter();
        operations.flat_map(|(name, times)| {
            let parts = SlowPart::ALL.into_iter().zip(times);
            parts.map(|(part, times)| (name.as_str(), part, *times))
        })
    }
}

/// Moments of the last seconds.
#[derive(Debug)]
pub(super) struct Window {
    length: Duration,
    moments: VecDeque<Moment>,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            length,
            moments: VecDeque::new(),
        }
    }

    /// The next moment, and what has come since the window began; nothing with the first one.
    pub(super) fn push(&mut self, moment: Moment) -> Option<Analysis> {
        if self
            .moments
            .back()
            .is_some_and(|last| last.since != moment.since)
        {
            self.moments.clear();
        }
        // The window begins with the last moment that is at least as old as it is long: looks come a little
        // late, and what they are late by is not to be lost.
        let is_old = |it: &Moment| moment.at.saturating_duration_since(it.at) >= self.length;
        while self.moments.get(1).is_some_and(is_old) || self.moments.len() >= MOST_MOMENTS as usize
        {
            self.moments.pop_front();
        }
        self.moments.push_back(moment);
        let (first, last) = self.moments.front().zip(self.moments.back())?;
        if self.moments.len() < 2 {
            return None;
        }
        Some(Analysis {
            slow_operations: self.slow(last),
            ..last.analysis(first)
        })
    }

    /// What took at least twice as long in the last period as in the quick ones of the window.
    fn slow(&self, last: &Moment) -> Vec<SlowOperation> {
        let before = self.moments.iter().nth_back(1);
        let slow = last.parts().filter_map(|(name, part, times)| {
            let of = |moment: &Moment| {
                let operation = moment.operations.get(name);
                operation.map_or_else(Times::default, |parts| parts[part as usize])
            };
            // First: of thousands of operations, few are called between two looks.
            let now = times.since(of(before?)).mean()?;
            let moments = self.moments.iter().zip(self.moments.iter().skip(1));
            let means = moments.filter_map(|(from, to)| of(to).since(of(from)).mean());
            SlowOperation::of(name, part, baseline(means)?, now, SLOW)
        });
        slow.collect()
    }
}

/// The mean of the quick ones.
fn baseline(means: impl Iterator<Item = f64>) -> Option<f64> {
    let mut means: Vec<f64> = means.collect();
    if means.len() < ENOUGH_PERIODS {
        return None;
    }
    means.sort_by(f64::total_cmp);
    let (some, of) = QUICK_PART;
    means.truncate(means.len() * some / of);
    #[expect(clippy::cast_precision_loss, reason = "at most 600 periods")]
    let number = means.len() as f64;
    Some(means.iter().sum::<f64>() / number)
}
