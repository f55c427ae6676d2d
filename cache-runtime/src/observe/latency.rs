//! How long something took, as a histogram.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::histogram::{Histogram, Sum};
use super::insight::figures::written_millis;

/// Of so many calls on each thread one is timed from its beginning, hits in memory too: a prime number, so
/// that a loop over several calls has each of them timed. Of functions that make their future or their stream
/// by themselves (`fn … -> impl Future`, `-> impl Stream`) that is the time to write the key, which they do at
/// once, and from the first poll on.
pub const HITS_TIMED: u32 = 251;

/// Times as they are measured.
#[derive(Debug)]
pub(crate) struct Latency {
    histogram: Histogram,
    count: AtomicU64,
    slow: AtomicU64,
    /// In nanoseconds, as the others.
    total: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            histogram: Histogram::default(),
            count: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            total: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
        }
    }
}

impl Latency {
    /// It has taken so long, and is slow where that is longer than this.
    pub(super) fn record(&self, time: Duration, slow: Duration) {
        let nanos = nanos(time);
        self.count.fetch_add(1, Ordering::Relaxed);
        if time > slow {
            self.slow.fetch_add(1, Ordering::Relaxed);
        }
        self.total.fetch_add(nanos, Ordering::Relaxed);
        self.min.fetch_min(nanos, Ordering::Relaxed);
        self.max.fetch_max(nanos, Ordering::Relaxed);
        self.histogram.count(nanos);
    }

    /// Begins percentiles, shortest and longest anew. What is recorded meanwhile may or may not be in them.
    pub(super) fn reset(&self) {
        self.min.store(u64::MAX, Ordering::Relaxed);
        self.max.store(0, Ordering::Relaxed);
        self.histogram.reset();
    }

    /// These times, taken together.
    pub(super) fn together<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Latencies {
        let (mut times, mut min) = (Latencies::default(), u64::MAX);
        for latency in all.clone() {
            times.count += latency.count.load(Ordering::Relaxed);
            times.slow += latency.slow.load(Ordering::Relaxed);
            times.total += Duration::from_nanos(latency.total.load(Ordering::Relaxed));
            min = min.min(latency.min.load(Ordering::Relaxed));
            let max = latency.max.load(Ordering::Relaxed);
            times.max = times.max.max(Duration::from_nanos(max));
        }
        if min == u64::MAX {
            // Nothing was timed, or nothing since the last reset.
            return times;
        }
        times.min = Duration::from_nanos(min);
        let sum = Sum::of(all.map(|latency| &latency.histogram));
        // A bucket begins and ends where no time was.
        let in_bounds = |time: Duration| time.max(times.min).min(times.max);
        let percentile = |percent| in_bounds(Duration::from_nanos(sum.percentile(percent)));
        (times.p50, times.p95, times.p99) = (percentile(50), percentile(95), percentile(99));
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
    /// So many were timed: of hits in memory on the short way, and of keys, one in
    /// [`HITS_TIMED`](crate::HITS_TIMED), of everything else all.
    pub count: u64,
    /// Of these, those that took long: more than 50 ms; of keys, more than 100 ms, and of compressions, more
    /// than 10 ms.
    pub slow: u64,
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

    /// These, where numbers and total are what has come since an earlier moment; the others stay what they
    /// are.
    pub(super) fn since(self, earlier: &Self) -> Self {
        Self {
            count: self.count.saturating_sub(earlier.count),
            slow: self.slow.saturating_sub(earlier.slow),
            total: self.total.saturating_sub(earlier.total),
            ..self
        }
    }
}
