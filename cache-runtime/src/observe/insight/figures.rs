//! Parts, percentages and times, as reports have them: never infinite, never not a number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::observe::Latencies;

/// The last moment that is written with four digits for the year.
const LAST: Duration = Duration::from_secs(253_402_300_799);

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and a figure after that"
)]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// Of the whole, in percent; zero of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    ratio(part, whole).unwrap_or_default() * 100.0
}

/// Of the whole, 0 to 1; `None` of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

pub(crate) fn sum(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, u64::saturating_add)
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// As in `2020-01-01T00:00:00.000Z`.
pub(crate) fn written_moment<S: Serializer>(
    moment: &SystemTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let written = UNIX_EPOCH + since.min(LAST);
    serializer.collect_str(&humantime::format_rfc3339_millis(written))
}

pub(crate) fn written_millis<S: Serializer>(
    time: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(millis(*time))
}

pub(crate) fn written_seconds<S: Serializer>(
    time: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[expect(clippy::ref_option, reason = "so serde calls it")]
pub(crate) fn written_seconds_if_any<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

/// How long something took, in milliseconds. All zero where nothing was timed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Timings {
    /// So many were timed.
    pub count: u64,
    /// Of these, those that [took long](crate::Latencies::slow).
    pub slow: u64,
    /// The mean.
    pub avg_ms: f64,
    /// The shortest.
    pub min_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 95 % of them took no longer.
    pub p95_ms: f64,
    /// 99 % of them took no longer.
    pub p99_ms: f64,
}

impl From<&Latencies> for Timings {
    fn from(latencies: &Latencies) -> Self {
        Self {
            count: latencies.count,
            slow: latencies.slow,
            avg_ms: millis(latencies.mean()),
            min_ms: millis(latencies.min),
            max_ms: millis(latencies.max),
            p50_ms: millis(latencies.p50),
            p95_ms: millis(latencies.p95),
            p99_ms: millis(latencies.p99),
        }
    }
}

/// So often the place of a percentile is halved: far below a nanosecond.
const HALVINGS: usize = 80;

impl Timings {
    /// Of several parts together, where each stands for so many calls, more than were timed of it
    /// perhaps. Percentiles lie between those of the parts.
    ///
    /// Hits in memory are timed now and then. Where none of some was, they took no time to speak of beside
    /// what was timed: left out, they would have the rest seem to be all of it.
    pub(crate) fn together(parts: &[(u64, &Latencies)]) -> Self {
        if parts.iter().all(|(_, latencies)| latencies.count == 0) {
            return Self::default();
        }
        let parts = parts.iter();
        let timed: Vec<(f64, Self)> = parts
            .filter(|(calls, latencies)| *calls > 0 || latencies.count > 0)
            .map(|(calls, latencies)| {
                // Those that were timed are calls too, whatever else was counted.
                let calls = (*calls).max(latencies.count);
                (float(calls), Self::from(*latencies))
            })
            .collect();
        if let [(_, only)] = timed.as_slice() {
            return *only;
        }
        let all: f64 = timed.iter().map(|(calls, _)| calls).sum();
        let each = || timed.iter().map(|(_, part)| part);
        let shortest = each().fold(f64::INFINITY, |least, part| least.min(part.min_ms));
        let longest = each().fold(0.0_f64, |most, part| most.max(part.max_ms));
        let percentile = |share: f64| {
            let (mut low, mut high) = (shortest, longest);
            for _ in 0..HALVINGS {
                let middle = f64::midpoint(low, high);
                let below = timed.iter().map(|(calls, part)| calls * part.below(middle));
                if below.sum::<f64>() < share * all {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            high
        };
        let weighted = timed.iter().map(|(calls, part)| calls / all * part.avg_ms);
        Self {
            count: sum(each().map(|part| part.count)),
            slow: sum(each().map(|part| part.slow)),
            avg_ms: weighted.sum(),
            min_ms: shortest,
            max_ms: longest,
            p50_ms: percentile(0.50),
            p95_ms: percentile(0.95),
            p99_ms: percentile(0.99),
        }
    }

    /// The part of them, 0 to 1, that took no longer than this: on straight lines between what is
    /// known.
    fn below(&self, millis: f64) -> f64 {
        let known = [
            (self.min_ms, 0.0),
            (self.p50_ms, 0.50),
            (self.p95_ms, 0.95),
            (self.p99_ms, 0.99),
            (self.max_ms, 1.0),
        ];
        if millis >= self.max_ms {
            return 1.0;
        }
        let mut steps = known.windows(2);
        let step = steps.find(|step| millis < step[1].0);
        step.map_or(1.0, |step| {
            let ((from, least), (to, most)) = (step[0], step[1]);
            let way = ((millis - from) / (to - from)).clamp(0.0, 1.0);
            least + way * (most - least)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::Serialize;

    use super::{Timings, float, millis, percent, ratio, sum, written_moment};
    use crate::observe::Latencies;

    fn latencies(count: u64, millis: [u64; 6]) -> Latencies {
        let [mean, min, max, p50, p95, p99] = millis.map(Duration::from_millis);
        Latencies {
            count,
            slow: 0,
            total: mean * u32::try_from(count).unwrap_or(u32::MAX),
            min,
            max,
            p50,
            p95,
            p99,
        }
    }

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-6 * other.abs().max(1.0)
    }

    #[test]
    fn nothing_is_a_part_of_nothing() {
        assert_eq!(ratio(0, 0), None);
        assert!(close(percent(0, 0), 0.0));
        assert!(close(percent(u64::MAX, u64::MAX), 100.0));
        assert_eq!(sum([u64::MAX, 1]), u64::MAX);
        assert!(float(u64::MAX).is_finite() && millis(Duration::MAX).is_finite());
    }

    #[test]
    fn what_was_never_timed_took_no_time() {
        assert_eq!(Timings::together(&[]), Timings::default());
        let nothing = Latencies::default();
        assert_eq!(Timings::together(&[(7, &nothing)]), Timings::default());
    }

    #[test]
    fn one_part_alone_is_told_as_it_is() {
        let part = latencies(4, [20, 10, 40, 15, 35, 39]);
        let together = Timings::together(&[(0, &Latencies::default()), (256, &part)]);
        assert_eq!(together, Timings::from(&part));
    }

    #[test]
    fn hits_of_which_none_was_timed_took_no_time_to_speak_of() {
        let nothing = Latencies::default();
        let slow = latencies(10, [2000, 2000, 2000, 2000, 2000, 2000]);
        let together = Timings::together(&[(190, &nothing), (10, &slow)]);
        assert!(close(together.avg_ms, 100.0), "{together:?}");
        assert!(
            together.p50_ms < 1e-6 && close(together.p99_ms, 2000.0),
            "{together:?}"
        );
        assert_eq!(together.count, 10);
    }

    #[test]
    fn parts_count_by_the_calls_that_they_stand_for() {
        // 960 calls around a millisecond, one in 64 of them timed, and 40 of a second.
        let quick = latencies(15, [1, 1, 1, 1, 1, 1]);
        let slow = latencies(40, [1000, 1000, 1000, 1000, 1000, 1000]);
        let together = Timings::together(&[(960, &quick), (40, &slow)]);
        assert!(close(together.avg_ms, 40.96), "{together:?}");
        assert!(close(together.p50_ms, 1.0), "{together:?}");
        assert!(close(together.p95_ms, 1.0), "{together:?}");
        assert!(close(together.p99_ms, 1000.0), "{together:?}");
        assert!(close(together.min_ms, 1.0) && close(together.max_ms, 1000.0));
        assert_eq!(together.count, 55);
    }

    #[test]
    fn percentiles_of_several_parts_lie_between_theirs() {
        let one = latencies(100, [10, 5, 30, 10, 20, 25]);
        let other = latencies(100, [20, 10, 60, 20, 40, 50]);
        let together = Timings::together(&[(100, &one), (100, &other)]);
        for (least, is, most) in [
            (10.0, together.p50_ms, 20.0),
            (20.0, together.p95_ms, 40.0),
            (25.0, together.p99_ms, 50.0),
        ] {
            assert!(least <= is && is <= most, "{together:?}");
        }
        assert!(together.p50_ms <= together.p95_ms && together.p95_ms <= together.p99_ms);
    }

    #[test]
    fn every_moment_can_be_written() {
        #[derive(Serialize)]
        struct At(#[serde(serialize_with = "written_moment")] SystemTime);

        for (seconds, expected) in [
            (1_577_836_800, "\"2020-01-01T00:00:00.000Z\""),
            (999_999_999_999, "\"9999-12-31T23:59:59.000Z\""),
        ] {
            let at = At(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(serde_json::to_string(&at).ok().as_deref(), Some(expected));
        }
        let before = At(UNIX_EPOCH - Duration::from_secs(1));
        let written = serde_json::to_string(&before).ok();
        assert_eq!(written.as_deref(), Some("\"1970-01-01T00:00:00.000Z\""));
    }
}
