//! How long something took, as a histogram.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use histogram::{AtomicHistogram, Histogram};
use serde::Serialize;

use super::insight::figures::written_millis;

/// Of so many calls on each thread one is timed from its beginning, hits in memory too: a prime number, so
/// that a loop over several calls has each of them timed.
pub const HITS_TIMED: u32 = 251;

/// Two times in one bucket differ by at most a sixteenth.
const GROUPING_POWER: u8 = 4;

/// Of nanoseconds: up to 73 minutes. What takes longer counts as so long in percentiles.
const MAX_POWER: u8 = 42;
const LONGEST: u64 = (1 << MAX_POWER) - 1;

/// Times as they are measured. The histogram (5 KB) is made with the first one.
#[derive(Debug)]
pub(crate) struct Latency {
    histogram: OnceLock<Option<AtomicHistogram>>,
    count: AtomicU64,
    /// In nanoseconds, as the others.
    total: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            histogram: OnceLock::new(),
            count: AtomicU64::new(0),
            total: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
        }
    }
}

impl Latency {
    pub(crate) fn record(&self, time: Duration) {
        let nanos = nanos(time);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(nanos, Ordering::Relaxed);
        self.min.fetch_min(nanos, Ordering::Relaxed);
        self.max.fetch_max(nanos, Ordering::Relaxed);
        let make = || AtomicHistogram::new(GROUPING_POWER, MAX_POWER).ok();
        if let Some(histogram) = self.histogram.get_or_init(make) {
            // It takes every number up to the longest.
            let _ = histogram.increment(nanos.min(LONGEST));
        }
    }

    /// Begins percentiles, shortest and longest anew. What is recorded meanwhile may or may not be in them.
    pub(super) fn reset(&self) {
        self.min.store(u64::MAX, Ordering::Relaxed);
        self.max.store(0, Ordering::Relaxed);
        if let Some(Some(histogram)) = self.histogram.get() {
            histogram.drain();
        }
    }

    /// These times, taken together.
    pub(super) fn together<'a>(all: impl Iterator<Item = &'a Self>) -> Latencies {
        let (mut times, mut min, mut histogram) = (Latencies::default(), u64::MAX, None);
        for latency in all {
            times.count += latency.count.load(Ordering::Relaxed);
            times.total += Duration::from_nanos(latency.total.load(Ordering::Relaxed));
            min = min.min(latency.min.load(Ordering::Relaxed));
            let max = latency.max.load(Ordering::Relaxed);
            times.max = times.max.max(Duration::from_nanos(max));
            let Some(more) = latency.histogram.get().and_then(Option::as_ref) else {
                continue;
            };
            let more = more.load();
            histogram = match histogram {
                None => Some(more),
                // All have the same buckets.
                Some(sum) => Histogram::checked_add(&sum, &more).ok().or(Some(sum)),
            };
        }
        if min < u64::MAX {
            times.min = Duration::from_nanos(min);
        }
        if let Some(histogram) = histogram {
            let percentile = |part| {
                let bucket = histogram.quantile_bucket(part).ok().flatten();
                let longest = bucket.map_or(0, |bucket| bucket.end());
                // A bucket ends where no time was.
                Duration::from_nanos(longest).min(times.max)
            };
            (times.p50, times.p95, times.p99) =
                (percentile(0.5), percentile(0.95), percentile(0.99));
        }
        times
    }
}

/// Saturates after 584 years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How long something took, at one moment. Percentiles are exact to a sixteenth, the others to the
/// nanosecond. All zero where nothing was timed. Serialized, times are in milliseconds, and named so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Latencies {
    /// So many were timed: of hits in memory one in [`HITS_TIMED`](crate::HITS_TIMED), of everything else
    /// all.
    pub count: u64,
    /// What they took together.
    #[serde(rename = "total_ms", serialize_with = "written_millis")]
    pub total: Duration,
    /// The shortest.
    #[serde(rename = "min_ms", serialize_with = "written_millis")]
    pub min: Duration,
    /// The longest.
    #[serde(rename = "max_ms", serialize_with = "written_millis")]
    pub max: Duration,
    /// Half of them took no longer.
    #[serde(rename = "p50_ms", serialize_with = "written_millis")]
    pub p50: Duration,
    /// 95 % of them took no longer.
    #[serde(rename = "p95_ms", serialize_with = "written_millis")]
    pub p95: Duration,
    /// 99 % of them took no longer.
    #[serde(rename = "p99_ms", serialize_with = "written_millis")]
    pub p99: Duration,
}

impl Latencies {
    /// The mean; zero where nothing was timed.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let nanos = self.total.as_nanos() / u128::from(self.count.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// These, where number and total are what has come since an earlier moment; the others stay what they
    /// are.
    pub(super) fn since(self, earlier: &Self) -> Self {
        Self {
            count: self.count.saturating_sub(earlier.count),
            total: self.total.saturating_sub(earlier.total),
            ..self
        }
    }
}
