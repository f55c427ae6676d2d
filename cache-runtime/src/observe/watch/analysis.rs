//! What a cache has done in a stretch of time.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::observe::insight::figures::written_seconds;

/// How well a cache does (MON-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// Neither of the others.
    Poor,
    /// More than 100 calls a second, and a hit ratio above 0.5.
    Acceptable,
    /// More than 500 calls a second, and a hit ratio above 0.7.
    Good,
    /// More than 1000 calls a second, and a hit ratio above 0.8.
    Excellent,
}

/// What each takes more than: calls a second, and a hit ratio.
const RATINGS: [(Rating, f64, f64); 3] = [
    (Rating::Excellent, 1000.0, 0.8),
    (Rating::Good, 500.0, 0.7),
    (Rating::Acceptable, 100.0, 0.5),
];

impl Rating {
    /// The rating of a cache with so many calls a second, and a hit ratio from 0 to 1.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::Rating;
    ///
    /// assert_eq!(Rating::of(2000.0, 0.95), Rating::Excellent);
    /// assert_eq!(Rating::of(2000.0, 0.75), Rating::Good);
    /// assert_eq!(Rating::of(10.0, 0.95), Rating::Poor);
    /// ```
    #[must_use]
    pub fn of(operations_per_second: f64, hit_ratio: f64) -> Self {
        RATINGS
            .into_iter()
            .find(|(_, calls, hits)| operations_per_second > *calls && hit_ratio > *hits)
            .map_or(Self::Poor, |(rating, ..)| rating)
    }

    /// The word for it, as it is displayed and serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Poor => "poor",
            Self::Acceptable => "acceptable",
            Self::Good => "good",
            Self::Excellent => "excellent",
        }
    }
}

impl fmt::Display for Rating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a cache has done in a stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Analysis {
    /// So long.
    #[serde(rename = "window_seconds", serialize_with = "written_seconds")]
    pub window: Duration,
    /// Calls and look-ups that ended in it, however they did.
    pub operations: u64,
    /// The same for a second.
    pub operations_per_second: f64,
    /// Hits among hits and misses, 0 to 1; `None` where there were none.
    pub hit_ratio: Option<f64>,
    /// What a call took, the time of bodies included, in milliseconds; `None` where none was timed. Of hits
    /// in memory those that were timed stand for all of them.
    pub mean_time_ms: Option<f64>,
    /// How well the cache does; `None` where there was neither hit nor miss.
    pub rating: Option<Rating>,
    /// What takes at least twice as long as it did before.
    pub slow_operations: Vec<SlowOperation>,
}

/// What of an operation has become slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SlowPart {
    /// Hits that are not from memory: the store is slow.
    Hits,
    /// Misses: the body is slow, or the store that was asked before.
    Misses,
}

impl SlowPart {
    pub(super) const ALL: [Self; 2] = [Self::Hits, Self::Misses];
}

/// An operation that takes at least twice as long as it did before.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SlowOperation {
    /// Its name.
    pub operation: String,
    /// What of it.
    pub part: SlowPart,
    /// What that took before, in milliseconds.
    pub baseline_ms: f64,
    /// What it takes now, on average, in milliseconds.
    pub now_ms: f64,
    /// The second as a multiple of the first.
    pub factor: f64,
}

impl SlowOperation {
    /// `None` where it is not that slow, or where nothing is known of before.
    pub(super) fn of(
        operation: &str,
        part: SlowPart,
        baseline_ms: f64,
        now_ms: f64,
        slow: f64,
    ) -> Option<Self> {
        let factor = now_ms / baseline_ms;
        let is_slow = baseline_ms > 0.0 && factor >= slow;
        is_slow.then(|| Self {
            operation: operation.to_owned(),
            part,
            baseline_ms,
            now_ms,
            factor,
        })
    }
}
