//! From where on somebody is told.

use std::cmp::Ordering;

use super::alert::AlertLevel;
use crate::error::CacheError;

/// Where a warning is due, and where it is critical.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Threshold {
    /// Beyond this, a warning.
    pub warning: f64,
    /// Beyond this, critical.
    pub critical: f64,
}

impl Threshold {
    /// A warning beyond the first, critical beyond the second.
    #[must_use]
    pub const fn new(warning: f64, critical: f64) -> Self {
        Self { warning, critical }
    }
}

/// From where on somebody is told of a cache. What is exactly at a threshold is not beyond it.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{AlertThresholds, Threshold};
///
/// let usual = AlertThresholds::default();
/// assert_eq!(usual.hit_ratio, Threshold::new(0.7, 0.5));
/// assert_eq!(usual.memory_mb, Threshold::new(100.0, 200.0));
/// assert_eq!(usual.operation_time_ms, Threshold::new(10.0, 50.0));
///
/// let strict = usual.hit_ratio(0.9, 0.8);
/// assert!(strict.check().is_ok());
/// assert!(strict.memory_mb(200.0, 100.0).check().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AlertThresholds {
    /// Hits among hits and misses, 0 to 1: told of below. 0.7 and 0.5 if nothing else is said.
    pub hit_ratio: Threshold,
    /// What is in memory, in megabytes (of 1 048 576 bytes): told of above. 100 and 200 if nothing else is
    /// said.
    pub memory_mb: Threshold,
    /// What a hit takes on average, in milliseconds, but for hits that waited for another call: told of
    /// above. 10 and 50 if nothing else is said.
    pub operation_time_ms: Threshold,
    /// Calls that the store did not answer among those that asked it, 0 to 1: told of above. 0.05 and 0.25
    /// if nothing else is said.
    pub error_rate: Threshold,
}

/// ALR-1.
const HIT_RATIO: Threshold = Threshold::new(0.7, 0.5);
const MEMORY_MB: Threshold = Threshold::new(100.0, 200.0);
const OPERATION_TIME_MS: Threshold = Threshold::new(10.0, 50.0);

/// ALR-3 has no numbers: one in twenty is more than a single connection that was lost, one in four is an
/// outage.
const ERROR_RATE: Threshold = Threshold::new(0.05, 0.25);

impl Default for AlertThresholds {
    fn default() -> Self {
        Self {
            hit_ratio: HIT_RATIO,
            memory_mb: MEMORY_MB,
            operation_time_ms: OPERATION_TIME_MS,
            error_rate: ERROR_RATE,
        }
    }
}

/// On which side of a threshold it gets worse.
#[derive(Clone, Copy, Debug)]
pub(super) enum Worse {
    Below,
    Above,
}

impl Worse {
    fn is_beyond(self, value: f64, threshold: f64) -> bool {
        let beyond = match self {
            Self::Below => Ordering::Less,
            Self::Above => Ordering::Greater,
        };
        // What is not a number is beyond nothing.
        value.partial_cmp(&threshold) == Some(beyond)
    }
}

impl Threshold {
    /// What is due for this value, and the threshold that it is beyond.
    pub(super) fn level(self, worse: Worse, value: f64) -> Option<(AlertLevel, f64)> {
        [
            (AlertLevel::Critical, self.critical),
            (AlertLevel::Warning, self.warning),
        ]
        .into_iter()
        .find(|(_, threshold)| worse.is_beyond(value, *threshold))
    }
}

impl AlertThresholds {
    /// The same with these for the hit ratio.
    #[must_use]
    pub fn hit_ratio(self, warning: f64, critical: f64) -> Self {
        let hit_ratio = Threshold::new(warning, critical);
        Self { hit_ratio, ..self }
    }

    /// The same with these for memory, in megabytes.
    #[must_use]
    pub fn memory_mb(self, warning: f64, critical: f64) -> Self {
        let memory_mb = Threshold::new(warning, critical);
        Self { memory_mb, ..self }
    }

    /// The same with these for what a hit takes, in milliseconds.
    #[must_use]
    pub fn operation_time_ms(self, warning: f64, critical: f64) -> Self {
        Self {
            operation_time_ms: Threshold::new(warning, critical),
            ..self
        }
    }

    /// The same with these for calls that the store did not answer.
    #[must_use]
    pub fn error_rate(self, warning: f64, critical: f64) -> Self {
        let error_rate = Threshold::new(warning, critical);
        Self { error_rate, ..self }
    }

    /// Whether they can be used: each is a number in its range, and a warning comes before it is
    /// critical.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] with all that is wrong.
    pub fn check(&self) -> Result<(), CacheError> {
        const PART: f64 = 1.0;
        let problems = [
            ("hit_ratio", self.hit_ratio, Worse::Below, PART),
            ("memory_mb", self.memory_mb, Worse::Above, f64::MAX),
            (
                "operation_time_ms",
                self.operation_time_ms,
                Worse::Above,
                f64::MAX,
            ),
            ("error_rate", self.error_rate, Worse::Above, PART),
        ];
        let problems: Vec<String> = problems
            .into_iter()
            .flat_map(|(name, threshold, worse, most)| problems_of(name, threshold, worse, most))
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(CacheError::Configuration {
            problems,
            warnings: Vec::new(),
        })
    }
}

fn problems_of(name: &str, threshold: Threshold, worse: Worse, most: f64) -> Vec<String> {
    let Threshold { warning, critical } = threshold;
    let range = match most {
        1.0 => "a number from 0 to 1",
        _ => "a number that is not negative",
    };
    let each = [("warning", warning), ("critical", critical)];
    let out = each
        .into_iter()
        .filter(|(_, it)| !(0.0..=most).contains(it));
    let mut problems: Vec<_> = out
        .map(|(which, it)| format!("alert threshold {name}.{which} is {it}, expected {range}"))
        .collect();
    if problems.is_empty() && !worse.is_beyond(critical, warning) {
        let side = match worse {
            Worse::Below => "above",
            Worse::Above => "below",
        };
        problems.push(format!(
            "alert threshold {name}.warning is {warning}, expected one {side} {name}.critical \
             ({critical}): a warning comes first"
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{AlertThresholds, Threshold, Worse};
    use crate::observe::alerts::AlertLevel::{self, Critical, Warning};

    fn due(threshold: Threshold, worse: Worse, value: f64) -> Option<AlertLevel> {
        threshold.level(worse, value).map(|(level, _)| level)
    }

    #[test]
    fn alr_1_what_is_beyond_a_threshold_is_told_of() {
        let usual = AlertThresholds::default();
        for (value, expected) in [
            (1.0, None),
            (0.7, None),
            (0.7 - 1e-9, Some(Warning)),
            (0.5, Some(Warning)),
            (0.5 - 1e-9, Some(Critical)),
            (0.0, Some(Critical)),
            (f64::NAN, None),
        ] {
            assert_eq!(
                due(usual.hit_ratio, Worse::Below, value),
                expected,
                "{value}"
            );
        }
        for (threshold, rows) in [
            (
                usual.memory_mb,
                [
                    (100.0, None),
                    (100.001, Some(Warning)),
                    (200.0, Some(Warning)),
                    (200.001, Some(Critical)),
                ],
            ),
            (
                usual.operation_time_ms,
                [
                    (10.0, None),
                    (10.001, Some(Warning)),
                    (50.0, Some(Warning)),
                    (50.001, Some(Critical)),
                ],
            ),
            (
                usual.error_rate,
                [
                    (0.05, None),
                    (0.051, Some(Warning)),
                    (0.25, Some(Warning)),
                    (0.251, Some(Critical)),
                ],
            ),
        ] {
            for (value, expected) in rows {
                assert_eq!(due(threshold, Worse::Above, value), expected, "{value}");
            }
            assert_eq!(due(threshold, Worse::Above, f64::NAN), None);
            assert_eq!(due(threshold, Worse::Above, f64::INFINITY), Some(Critical));
        }
    }
}
