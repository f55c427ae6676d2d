//! What is told of numbers that are made by hand, and when.

use std::time::{Duration, SystemTime};

use super::judgement::{Judgement, News};
use super::{Alert, AlertLevel, AlertSubject, AlertThresholds};
use crate::call::MissReason;
use crate::health::{HealthStatus, KindHealth, PartHealth};
use crate::observe::insight::example::{called, counts, missed, statistics, times, with};
use crate::observe::{Ending, Latencies, Statistics};
use AlertLevel::{Critical, Error, Warning};

const MB: u64 = 1024 * 1024;

fn judge(judgement: &mut Judgement, statistics: &Statistics) -> Vec<(AlertSubject, AlertLevel)> {
    let thresholds = AlertThresholds::default();
    let news = judgement.performance(statistics, &thresholds, SystemTime::UNIX_EPOCH);
    let alerts = news.iter().filter_map(alert);
    alerts.map(|it| (it.subject, it.level)).collect()
}

/// What is told; an end of it is another matter.
fn alert(news: &News) -> Option<&Alert> {
    match news {
        News::Alert(alert) => Some(alert),
        News::Over(_) | News::Gone(_) => None,
    }
}

fn level(news: Option<&News>) -> Option<AlertLevel> {
    news.and_then(alert).map(|it| it.level)
}

fn hits(hits: u64, misses: u64) -> Statistics {
    let endings = [(Ending::MemoryHit, hits), (Ending::Computed, misses)];
    called("summarize", &endings)
}

fn at_once(statistics: &Statistics) -> Vec<(AlertSubject, AlertLevel)> {
    judge(&mut Judgement::of("ai"), statistics)
}

#[test]
fn alr_1_hit_ratios() {
    for (number, misses, expected) in [
        (1000, 0, None),
        (700, 300, None),
        (699, 301, Some(Warning)),
        (500, 500, Some(Warning)),
        (499, 501, Some(Critical)),
        (0, 10, Some(Critical)),
        (u64::MAX, 0, None),
        (0, u64::MAX, Some(Critical)),
    ] {
        let expected = expected.map(|level| (AlertSubject::HitRatio, level));
        assert_eq!(
            at_once(&hits(number, misses)),
            Vec::from_iter(expected),
            "{number}"
        );
    }
}

#[test]
fn alr_5_without_data_there_is_no_alert() {
    assert_eq!(at_once(&statistics()), []);
    assert_eq!(at_once(&hits(0, 1)), []);
    assert_eq!(at_once(&hits(0, 9)), []);
    let bypassed = called("summarize", &[(Ending::Bypassed, 1_000_000)]);
    assert_eq!(at_once(&bypassed), []);
}

#[test]
fn what_is_too_little_to_judge_by_is_judged_with_what_comes_next() {
    let mut judgement = Judgement::of("ai");
    assert_eq!(judge(&mut judgement, &hits(100, 0)), []);
    assert_eq!(judge(&mut judgement, &hits(100, 5)), []);
    let expected = [(AlertSubject::HitRatio, Critical)];
    assert_eq!(judge(&mut judgement, &hits(100, 10)), expected);
    // Silence is no recovery, and nothing new.
    assert_eq!(judge(&mut judgement, &hits(100, 10)), []);
    assert_eq!(judge(&mut judgement, &hits(100, 30)), []);
    for well in [200, 300, 400] {
        assert_eq!(judge(&mut judgement, &hits(well, 30)), []);
    }
    assert_eq!(judge(&mut judgement, &hits(400, 50)), expected);
}

#[test]
fn an_alert_is_told_once_for_each_level() {
    let mut judgement = Judgement::of("ai");
    let mut all = (0, 0);
    let mut next = |number: u64, misses: u64| {
        all = (all.0 + number, all.1 + misses);
        judge(&mut judgement, &hits(all.0, all.1))
    };
    let at = |level| vec![(AlertSubject::HitRatio, level)];
    assert_eq!(next(60, 40), at(Warning));
    assert_eq!(next(60, 40), []);
    assert_eq!(next(40, 60), at(Critical));
    assert_eq!(next(40, 60), []);
    for expected in [vec![], vec![], at(Warning), vec![]] {
        assert_eq!(next(60, 40), expected);
    }
    for _ in 0..3 {
        assert_eq!(next(80, 20), []);
    }
    assert_eq!(next(60, 40), at(Warning));
}

#[test]
fn what_stands_at_its_threshold_is_told_once() {
    let thresholds = AlertThresholds::default();
    let at = SystemTime::UNIX_EPOCH;
    let (mut judgement, mut all) = (Judgement::of("ai"), (0, 0));
    let mut told = Vec::new();
    for round in 0..100 {
        // Two of three looks find it well.
        let number = if round % 3 == 0 { 69 } else { 71 };
        all = (all.0 + number, all.1 + 100 - number);
        told.extend(judgement.performance(&hits(all.0, all.1), &thresholds, at));
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(level(told.first()), Some(Warning));

    let mut memory = |megabytes| judgement.resources(megabytes * MB, &thresholds, at);
    assert_eq!(level(memory(201).as_ref()), Some(Critical));
    for megabytes in [199, 99, 201, 199, 99] {
        assert_eq!(memory(megabytes), None);
    }
    // The worst of the three that were better.
    assert_eq!(level(memory(99).as_ref()), Some(Warning));
    assert_eq!([memory(99), memory(100)], [None, None]);
    assert!(matches!(memory(99), Some(News::Over(alert)) if alert.level == Warning));
}

#[test]
fn another_cache_under_the_same_name_is_judged_by_itself() {
    let mut judgement = Judgement::of("ai");
    assert_eq!(judge(&mut judgement, &hits(1_000_000, 0)), []);
    let other = Statistics {
        since: SystemTime::UNIX_EPOCH + Duration::from_secs(9),
        ..hits(0, 10)
    };
    assert_eq!(
        judge(&mut judgement, &other),
        [(AlertSubject::HitRatio, Critical)]
    );
}

#[test]
fn what_was_told_of_a_cache_ends_with_it() {
    let thresholds = AlertThresholds::default();
    let at = SystemTime::UNIX_EPOCH;
    let mut judgement = Judgement::of("ai");
    let told = judgement.performance(&hits(0, 10), &thresholds, at);
    let [News::Alert(critical)] = &told[..] else {
        panic!("{told:?}");
    };
    // Another one has its name by now, which is no better.
    let other = Statistics {
        since: at + Duration::from_secs(9),
        ..hits(0, 10)
    };
    let told = judgement.performance(&other, &thresholds, at);
    let again = News::Alert(critical.clone());
    assert_eq!(told, [News::Gone(critical.clone()), again]);
    let ends: Vec<_> = judgement.gone().collect();
    assert_eq!(ends, [News::Gone(critical.clone())]);
    assert_eq!(Judgement::of("ai").gone().count(), 0);
}

fn each(micros: u64, number: u64) -> Latencies {
    times(number, Duration::from_micros(micros))
}

#[test]
fn alr_1_times_of_hits() {
    for (micros, expected) in [
        (10_000, None),
        (10_001, Some(Warning)),
        (50_000, Some(Warning)),
        (50_001, Some(Critical)),
    ] {
        let mut statistics = called("qa", &[(Ending::StoreHit, 100)]);
        if let Some(operation) = statistics.operations.get_mut("qa") {
            operation.other_hits = each(micros, 100);
            // Bodies take what they take, and so do those who wait for them.
            operation.misses = each(10_000_000, 100);
            operation.joined = each(10_000_000, 100);
        }
        let expected = expected.map(|level| (AlertSubject::OperationTime, level));
        assert_eq!(at_once(&statistics), Vec::from_iter(expected), "{micros}");
    }
    // Hits in memory that were timed stand for all of them.
    let mut statistics = called("qa", &[(Ending::MemoryHit, 900), (Ending::StoreHit, 100)]);
    if let Some(operation) = statistics.operations.get_mut("qa") {
        operation.memory_hits = each(1, 15);
        operation.other_hits = each(90_000, 100);
    }
    assert_eq!(at_once(&statistics), []);
}

#[test]
fn alr_3_look_ups_that_the_store_did_not_answer() {
    for (away, timed_out, expected) in [
        (5, 0, None),
        (5, 1, Some(Warning)),
        (20, 5, Some(Warning)),
        (20, 6, Some(Critical)),
    ] {
        // Nine in ten calls are hits in memory, which do not ask the store.
        let endings = [(Ending::MemoryHit, 900), (Ending::Computed, 100)];
        let counts = missed(counts(&endings), MissReason::StoreAway, away);
        let counts = missed(counts, MissReason::StoreTimedOut, timed_out);
        let answered = 100 - away - timed_out;
        let counts = missed(counts, MissReason::Absent, answered);
        // Nor do calls without a key.
        let counts = missed(counts, MissReason::NoKey, 1000);
        let statistics = with(statistics(), "qa", counts);
        let expected = expected.map(|level| (AlertSubject::ErrorRate, level));
        assert_eq!(
            at_once(&statistics),
            Vec::from_iter(expected),
            "{away} {timed_out}"
        );
    }
}

#[test]
fn alr_1_memory() {
    for (bytes, expected) in [
        (0, None),
        (100 * MB, None),
        (100 * MB + 1, Some(Warning)),
        (200 * MB, Some(Warning)),
        (200 * MB + 1, Some(Critical)),
        (u64::MAX, Some(Critical)),
    ] {
        let thresholds = AlertThresholds::default();
        let at = SystemTime::UNIX_EPOCH;
        let news = Judgement::of("ai").resources(bytes, &thresholds, at);
        assert_eq!(level(news.as_ref()), expected, "{bytes}");
    }
}

fn health(status: HealthStatus) -> KindHealth {
    KindHealth {
        kind: "ai".to_owned(),
        status,
        parts: vec![
            PartHealth {
                part: "memory",
                status: HealthStatus::Healthy,
                reason: "it has 0 of 50 entries".to_owned(),
            },
            PartHealth {
                part: "store",
                status,
                reason: "does not answer".to_owned(),
            },
        ],
    }
}

#[test]
fn alr_4_the_third_failure_in_a_row_is_critical() {
    use HealthStatus::{Degraded, Healthy, Unhealthy};
    let mut judgement = Judgement::of("ai");
    for (status, expected) in [
        (Healthy, None),
        (Unhealthy, Some(Error)),
        (Unhealthy, None),
        (Unhealthy, Some(Critical)),
        (Unhealthy, None),
        (Healthy, None),
        (Unhealthy, Some(Error)),
        (Unhealthy, None),
        (Healthy, None),
        (Unhealthy, Some(Error)),
        (Unhealthy, None),
        (Unhealthy, Some(Critical)),
        (Degraded, Some(Warning)),
        (Degraded, None),
        (Unhealthy, Some(Error)),
    ] {
        let news = judgement.health(&health(status), SystemTime::UNIX_EPOCH);
        assert_eq!(level(news.as_ref()), expected, "{status}");
    }
}

#[test]
fn alr_2_an_alert_has_all_its_parts() {
    let thresholds = AlertThresholds::default();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    let news = Judgement::of("ai").performance(&hits(60, 40), &thresholds, at);
    let alerts: Vec<_> = news.iter().filter_map(alert).collect();
    let written: Vec<_> = alerts
        .iter()
        .filter_map(|it| serde_json::to_value(it).ok())
        .collect();
    let expected = serde_json::json!([{
        "timestamp": "2020-01-01T00:00:00.000Z",
        "level": "WARNING",
        "service": "cache_infrastructure",
        "kind": "ai",
        "subject": "hit_ratio",
        "message": "60.0 % of the requests are hits, less than 70.0 %",
        "value": 0.6,
        "threshold": 0.7,
    }]);
    assert_eq!(serde_json::Value::from(written), expected);
    let shown: Vec<_> = alerts.iter().map(ToString::to_string).collect();
    let sentence = "WARNING: kind ai: 60.0 % of the requests are hits, less than 70.0 %";
    assert_eq!(shown, [sentence]);
    assert!(Warning < Error && Error < Critical);
    for (level, name) in [
        (Warning, "WARNING"),
        (Error, "ERROR"),
        (Critical, "CRITICAL"),
    ] {
        assert_eq!(level.to_string(), name);
        assert_eq!(serde_json::to_value(level).ok(), Some(name.into()));
    }
}

#[test]
fn the_worst_part_is_named_in_an_alert_about_health() {
    let unhealthy = health(HealthStatus::Unhealthy);
    let news = Judgement::of("ai").health(&unhealthy, SystemTime::UNIX_EPOCH);
    let message = news.as_ref().and_then(alert).map(|it| &*it.message);
    assert_eq!(message, Some("store is unhealthy: does not answer"));
}

#[test]
fn alr_2_thresholds_of_an_application_take_the_place_of_the_usual_ones() {
    let thresholds = AlertThresholds::default().hit_ratio(0.3, 0.1);
    let at = SystemTime::UNIX_EPOCH;
    for (number, expected) in [(300, None), (299, Some(Warning)), (99, Some(Critical))] {
        let statistics = hits(number, 1000 - number);
        let news = Judgement::of("ai").performance(&statistics, &thresholds, at);
        assert_eq!(level(news.first()), expected, "{number}");
    }
}

#[test]
fn alr_5_one_that_took_long_or_had_no_answer_is_no_mean() {
    // Of a thousand calls one asked the store, in vain.
    let endings = [(Ending::MemoryHit, 999), (Ending::Computed, 1)];
    let one = missed(counts(&endings), MissReason::StoreTimedOut, 1);
    let mut judgement = Judgement::of("ai");
    assert_eq!(judge(&mut judgement, &with(statistics(), "qa", one)), []);
    // Ten in all, half of them in vain.
    let endings = [(Ending::MemoryHit, 1990), (Ending::Computed, 10)];
    let ten = missed(counts(&endings), MissReason::StoreTimedOut, 5);
    let ten = missed(ten, MissReason::Absent, 5);
    let expected = [(AlertSubject::ErrorRate, Critical)];
    let found = judge(&mut judgement, &with(statistics(), "qa", ten));
    assert_eq!(found, expected);

    for (timed, expected) in [(9, None), (10, Some(Critical))] {
        let mut slow = called("qa", &[(Ending::StoreHit, 100)]);
        if let Some(operation) = slow.operations.get_mut("qa") {
            operation.other_hits = each(60_000, timed);
        }
        let expected = expected.map(|level| (AlertSubject::OperationTime, level));
        assert_eq!(at_once(&slow), Vec::from_iter(expected), "{timed}");
    }
}

#[test]
fn hits_in_memory_take_no_time_to_speak_of_where_none_was_timed() {
    let mut quick = called("qa", &[(Ending::MemoryHit, 190), (Ending::StoreHit, 10)]);
    if let Some(operation) = quick.operations.get_mut("qa") {
        operation.other_hits = each(60_000, 10);
    }
    assert_eq!(at_once(&quick), []);
}

#[test]
fn what_was_told_is_over_when_it_has_been_as_it_should_be_for_three_looks() {
    let thresholds = AlertThresholds::default();
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let mut judgement = Judgement::of("ai");
    let mut look = |all, well, seconds| {
        judgement.performance(&hits(well, all - well), &thresholds, at(seconds))
    };
    let told = look(100, 60, 1);
    let [News::Alert(warning)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(look(110, 70, 2), []);
    assert_eq!(look(120, 80, 3), []);
    // Too little is known.
    assert_eq!(look(129, 89, 4), []);
    assert_eq!(look(130, 90, 5), [News::Over(warning.clone())]);
    assert_eq!(look(140, 100, 6), []);

    let mut memory = |bytes, seconds| judgement.resources(bytes, &thresholds, at(seconds));
    let full = memory(300 * MB, 7);
    let full = full.as_ref().and_then(alert).cloned();
    assert_eq!([memory(0, 8), memory(0, 9)], [None, None]);
    assert_eq!(memory(0, 10), full.map(News::Over));
    // How its parts stand is no number.
    judgement.health(&health(HealthStatus::Degraded), at(11));
    let over = judgement.health(&health(HealthStatus::Healthy), at(12));
    assert!(matches!(over, Some(News::Over(alert)) if alert.level == Warning));
}
