//! What is found in differences of numbers that are made by hand.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::analysis::{Analysis, Rating, SlowPart};
use super::window::{MOST_MOMENTS, Moment, Window};
use crate::observe::insight::example::{self, times};
use crate::observe::{Ending, Latencies, Statistics};

fn moment(statistics: &Statistics, seconds: u64, zero: Instant) -> Moment {
    Moment::of(statistics, zero + Duration::from_secs(seconds))
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn mon_18_ratings_take_more_than_both_of_their_numbers() {
    for (per_second, ratio, expected) in [
        (1000.1, 0.801, Rating::Excellent),
        (1000.0, 0.801, Rating::Good),
        (1000.1, 0.8, Rating::Good),
        (500.1, 0.701, Rating::Good),
        (500.0, 0.701, Rating::Acceptable),
        (500.1, 0.7, Rating::Acceptable),
        (100.1, 0.501, Rating::Acceptable),
        (100.0, 0.501, Rating::Poor),
        (100.1, 0.5, Rating::Poor),
        (0.0, 1.0, Rating::Poor),
        (1e9, 0.0, Rating::Poor),
        (f64::NAN, 1.0, Rating::Poor),
        (1e9, f64::NAN, Rating::Poor),
        (f64::INFINITY, 1.0, Rating::Excellent),
    ] {
        assert_eq!(
            Rating::of(per_second, ratio),
            expected,
            "{per_second} {ratio}"
        );
    }
}

#[test]
fn without_calls_there_is_nothing_to_rate() {
    let (statistics, zero) = (example::statistics(), Instant::now());
    let mut window = Window::new(Duration::from_secs(60));
    assert_eq!(window.push(moment(&statistics, 0, zero)), None);
    let found = window.push(moment(&statistics, 5, zero));
    let expected = Analysis {
        window: Duration::from_secs(5),
        operations: 0,
        operations_per_second: 0.0,
        hit_ratio: None,
        mean_time_ms: None,
        rating: None,
        slow_operations: Vec::new(),
    };
    assert_eq!(found, Some(expected));
}

#[test]
fn no_time_has_no_calls_a_second() {
    let zero = Instant::now();
    let first = example::statistics();
    let second = example::called("summarize", &[(Ending::MemoryHit, u64::MAX)]);
    let second = Statistics {
        since: first.since,
        ..second
    };
    let found = moment(&second, 0, zero).analysis(&moment(&first, 0, zero));
    assert!((found.operations_per_second - 0.0).abs() < f64::EPSILON);
    assert_eq!(found.operations, u64::MAX);
    let found = moment(&second, 1, zero).analysis(&moment(&first, 0, zero));
    assert!(found.operations_per_second.is_finite());
    assert_eq!(found.rating, Some(Rating::Excellent));
}

#[test]
fn mon_19_the_window_slides() {
    let zero = Instant::now();
    let mut window = Window::new(Duration::from_secs(60));
    let mut latest = None;
    for look in 0..=24_u64 {
        // Ten calls in the first minute, a hundred in the second.
        let calls = look.min(12) * 10 + look.saturating_sub(12) * 100;
        let statistics = example::called("summarize", &[(Ending::MemoryHit, calls)]);
        latest = window.push(moment(&statistics, look * 5, zero));
    }
    let latest = latest.unwrap_or_else(|| panic!("nothing was found"));
    assert_eq!(latest.window, Duration::from_secs(60));
    assert_eq!(latest.operations, 1200);
    assert!((latest.operations_per_second - 20.0).abs() < 1e-9);
    assert_eq!(latest.hit_ratio, Some(1.0));
}

#[test]
fn looks_that_come_late_lose_nothing() {
    let zero = Instant::now();
    let mut window = Window::new(Duration::from_secs(60));
    let mut latest = None;
    for look in 0..=24_u64 {
        let statistics = example::called("summarize", &[(Ending::MemoryHit, look * 10)]);
        let late = Duration::from_millis(5001 * look);
        latest = window.push(Moment::of(&statistics, zero + late));
    }
    let latest = latest.unwrap_or_else(|| panic!("nothing was found"));
    assert_eq!(latest.window, Duration::from_millis(60_012));
    assert_eq!(latest.operations, 120);
}

#[test]
fn another_cache_under_the_same_name_begins_anew() {
    let zero = Instant::now();
    let mut window = Window::new(Duration::from_secs(60));
    let first = example::called("summarize", &[(Ending::MemoryHit, 1000)]);
    window.push(moment(&first, 0, zero));
    let other = Statistics {
        since: SystemTime::UNIX_EPOCH + Duration::from_secs(7),
        ..example::called("summarize", &[(Ending::MemoryHit, 7)])
    };
    assert_eq!(window.push(moment(&other, 5, zero)), None);
}

#[test]
fn a_window_is_bounded() {
    let zero = Instant::now();
    let mut window = Window::new(Duration::from_secs(1_000_000));
    let mut latest = None;
    for look in 0..2000 {
        latest = window.push(moment(&example::statistics(), look, zero));
    }
    let held = Duration::from_secs(u64::from(MOST_MOMENTS) - 1);
    assert_eq!(latest.map(|found| found.window), Some(held));
}

#[test]
fn hits_in_memory_that_were_timed_stand_for_all_of_them() {
    let zero = Instant::now();
    let mut statistics = example::called(
        "summarize",
        &[(Ending::MemoryHit, 999), (Ending::Computed, 1)],
    );
    if let Some(operation) = statistics.operations.get_mut("summarize") {
        operation.memory_hits = times(16, millis(1));
        operation.misses = times(1, millis(1001));
    }
    let nothing = example::statistics();
    let found = moment(&statistics, 1, zero).analysis(&moment(&nothing, 0, zero));
    let mean = found.mean_time_ms.unwrap_or_default();
    assert!((mean - 2.0).abs() < 1e-9, "{mean}");
    // Where none was, they took no time to speak of.
    if let Some(operation) = statistics.operations.get_mut("summarize") {
        operation.memory_hits = Latencies::default();
    }
    let found = moment(&statistics, 1, zero).analysis(&moment(&nothing, 0, zero));
    let mean = found.mean_time_ms.unwrap_or_default();
    assert!((mean - 1.001).abs() < 1e-9, "{mean}");
}

/// The misses of an operation whose periods took so long.
fn missing(periods: &[u64]) -> Statistics {
    let number = u64::try_from(periods.len()).unwrap_or(u64::MAX);
    let mut statistics = example::called("qa", &[(Ending::Computed, number)]);
    if let Some(operation) = statistics.operations.get_mut("qa") {
        operation.misses = Latencies {
            total: millis(periods.iter().sum()),
            ..times(number, millis(1))
        };
    }
    statistics
}

#[test]
fn mon_5_slow_is_what_takes_twice_the_mean_of_the_lowest_four_fifths() {
    for (periods, slow) in [
        // The mean of the lowest four of five is 10.
        (vec![10, 10, 10, 10, 19], None),
        (vec![10, 10, 10, 10, 20], Some(2.0)),
        (vec![8, 12, 9, 11, 50], Some(5.0)),
        // One that was slow before does not lift the baseline.
        (vec![10, 1000, 10, 10, 10, 10, 10, 10, 10, 30], Some(3.0)),
        // Too little is known.
        (vec![10, 10, 10, 100], None),
        // It is quick again.
        (vec![10, 10, 10, 100, 10], None),
    ] {
        let zero = Instant::now();
        let mut window = Window::new(Duration::from_secs(600));
        let mut latest = None;
        for look in 0..=periods.len() {
            let statistics = missing(&periods[..look]);
            let seconds = u64::try_from(look).unwrap_or(u64::MAX);
            latest = window.push(moment(&statistics, seconds, zero));
        }
        let found = latest.map(|found| found.slow_operations);
        let found = found.unwrap_or_default();
        let factors: Vec<_> = found.iter().map(|slow| slow.factor).collect();
        assert_eq!(factors, Vec::from_iter(slow), "{periods:?}");
        for slow in found {
            assert_eq!((&*slow.operation, slow.part), ("qa", SlowPart::Misses));
        }
    }
}

#[test]
fn mon_17_slow_in_a_stretch_of_time_is_what_was_twice_as_quick_before() {
    for (before, now, is_slow) in [
        (vec![10; 5], vec![20], true),
        (vec![10; 5], vec![19, 20], false),
        (vec![10; 4], vec![100], false),
        (vec![10; 5], vec![], false),
    ] {
        let zero = Instant::now();
        let all: Vec<u64> = before.iter().chain(&now).copied().collect();
        let earlier = moment(&missing(&before), 0, zero);
        let slow = moment(&missing(&all), 5, zero).slower_than_before(&earlier);
        assert_eq!(!slow.is_empty(), is_slow, "{before:?} {now:?}");
    }
}
