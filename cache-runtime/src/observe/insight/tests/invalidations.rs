//! What could be better about invalidations, and how recommendations are told.

use std::time::Duration;

use super::super::example::called;
use super::super::invalidations::PER_HOUR;
use super::super::{
    Advice, Insight, InvalidatedPattern, InvalidationStatistics, InvalidationTarget, Level,
    Priority,
};
use super::{
    MB, compressed, each, found, hits, invalidations, is_accepted, operation, the_one, tries, usual,
};
use crate::observe::Ending;

fn pattern(target: InvalidationTarget, pattern: &str, count: u64) -> InvalidatedPattern {
    InvalidatedPattern {
        target,
        pattern: pattern.to_owned(),
        count,
        removed_keys: None,
    }
}

/// So many of an operation, and so many by a pattern.
fn invalidated(of_operation: u64, matching: u64) -> Insight {
    let mut insight = usual();
    let last_hour = of_operation.saturating_add(matching);
    insight.invalidations = InvalidationStatistics {
        last_hour,
        rate: Level::of(last_hour, PER_HOUR),
        patterns: vec![
            pattern(InvalidationTarget::Tag, "", 1_000_000),
            pattern(InvalidationTarget::Operation, "summarize", of_operation),
            pattern(InvalidationTarget::Matching, "…*", matching),
        ],
        ..invalidations()
    };
    insight
}

#[test]
fn mon_2_many_invalidations() {
    for (number, expected) in [
        (24, None),
        (25, Some(Priority::Medium)),
        (49, Some(Priority::Medium)),
        (50, Some(Priority::High)),
        (u64::MAX / 2, Some(Priority::High)),
    ] {
        // Half each, so that neither dominates.
        let found = invalidated(number, number).recommendations();
        let found: Vec<_> = found.iter().map(|it| it.priority).collect();
        assert_eq!(found, Vec::from_iter(expected), "{number}");
    }
    let shorter = "operation_ttls of \"summarize\" = 1h";
    tries(&invalidated(50, 50), Advice::FrequentInvalidation, shorter);
}

#[test]
fn mon_22_one_pattern_dominates_with_more_than_half() {
    for (of_operation, matching, dominates) in [
        (10, 10, false),
        (11, 10, true),
        (6, 4, true),
        // Too few to say so.
        (9, 0, false),
        (10, 0, true),
    ] {
        let expected = dominates.then_some(Advice::DominantInvalidation);
        let found = found(&invalidated(of_operation, matching));
        assert_eq!(found, Vec::from_iter(expected), "{of_operation} {matching}");
    }
    let shorter = "operation_ttls of \"summarize\" = 1h";
    tries(&invalidated(11, 0), Advice::DominantInvalidation, shorter);
    let mut matching = invalidated(0, 11);
    matching.invalidations.patterns.remove(1);
    tries(&matching, Advice::DominantInvalidation, "default_ttl = 30m");
}

#[test]
fn mon_22_keys_that_invalidations_remove() {
    for (counted, keys, expected) in [
        (10, 0.0, Some(Advice::VainInvalidation)),
        (10, 0.99, Some(Advice::VainInvalidation)),
        (10, 1.0, None),
        (10, 100.0, None),
        (10, 100.01, Some(Advice::BroadInvalidation)),
        (9, 0.0, None),
        (9, 1e9, None),
    ] {
        let mut insight = invalidated(10, 10);
        insight.invalidations.counted = counted;
        insight.invalidations.average_removed_keys = Some(keys);
        assert_eq!(
            found(&insight),
            Vec::from_iter(expected),
            "{counted} {keys}"
        );
    }
}

#[test]
fn the_most_promising_comes_first() {
    let mut all = invalidated(60, 60);
    let endings = [(Ending::MemoryHit, 1), (Ending::Computed, 99)];
    all.statistics = called("summarize", &endings);
    all.stats.total_entries = 95;
    all.stats.weight = 200 * MB;
    all.statistics.compression = compressed(11, 1000 * MB, 850 * MB, 11)
        .statistics
        .compression;
    operation(&mut all, "summarize").misses = each(1, 5);
    operation(&mut all, "summarize").ttl = Some(Duration::from_secs(1));
    let found = all.recommendations();
    let priorities: Vec<_> = found.iter().map(|it| it.priority).collect();
    assert!(priorities.is_sorted(), "{priorities:?}");
    assert_eq!(priorities.first(), Some(&Priority::High));
    assert_eq!(priorities.last(), Some(&Priority::Low));
    for one in &found {
        is_accepted(&one.suggestion);
    }
}

#[test]
fn a_recommendation_is_written_with_the_names_of_its_row() {
    let written = serde_json::to_value(the_one(&hits(0, 10), Advice::LowHitRate));
    let written = written.unwrap_or_default();
    for name in [
        "type",
        "priority",
        "title",
        "description",
        "action",
        "estimated_impact",
        "metrics",
        "suggestion",
    ] {
        assert!(!written[name].is_null(), "{name} in {written}");
    }
    assert_eq!(written["type"], "low_hit_rate");
    assert_eq!(written["priority"], "high");
    let suggestion = &written["suggestion"];
    assert_eq!(suggestion["setting"], "operation_ttls");
    assert_eq!(suggestion["operation"], "summarize");
    assert_eq!(suggestion["current"], "2h");
    assert_eq!(suggestion["value"], "4h");
}
