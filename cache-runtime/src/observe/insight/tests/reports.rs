//! Summaries, records and times.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::AiSummary;
use super::super::example::{called, counts, statistics, with};
use super::{each, insight, operation, usual};
use crate::cache::APPLICATIONS_OWN;
use crate::observe::{Ending, Latencies, OperationStatistics};
use crate::policy::TextTier;

#[test]
fn mon_7_a_summary_without_operations_says_so() {
    let mut nothing = insight(statistics());
    for operations in [None, Some(APPLICATIONS_OWN)] {
        if let Some(name) = operations {
            nothing.statistics = called(name, &[(Ending::Missed, 1000)]);
        }
        let summary = nothing.ai_summary();
        assert!(matches!(summary, AiSummary::NoOperations { .. }));
        let written = serde_json::to_string(&summary).unwrap_or_default();
        let expected = "{\"status\":\"no_operations\",\
                        \"timestamp\":\"2020-01-01T00:00:00.000Z\",\"total_ai_operations\":0}";
        assert_eq!(written, expected);
    }
}

#[test]
fn mon_7_a_summary_has_all_its_names() {
    let summary = serde_json::to_value(usual().ai_summary()).unwrap_or_default();
    assert_eq!(summary["status"], "active");
    assert_eq!(summary["timestamp"], "2020-01-01T00:00:00.000Z");
    assert_eq!(summary["total_ai_operations"], 100);
    assert_eq!(summary["overall_hit_rate"], 80.0);
    for name in [
        "hit_rate_by_operation",
        "text_tier_distribution",
        "key_generation_stats",
        "optimization_recommendations",
        "inherited_stats",
    ] {
        assert!(!summary[name].is_null(), "{name} in {summary}");
    }
    let keys = &summary["key_generation_stats"];
    for name in [
        "total_keys_generated",
        "average_generation_time_ms",
        "text_size_distribution",
        "operation_distribution",
    ] {
        assert!(!keys[name].is_null(), "{name} in {keys}");
    }
    let sizes = &keys["text_size_distribution"];
    for name in [
        "small",
        "medium",
        "large",
        "xlarge",
        "average_size",
        "max_size",
    ] {
        assert!(!sizes[name].is_null(), "{name} in {sizes}");
    }
    assert_eq!(summary["inherited_stats"]["cache_hits"], 80);
}

#[test]
fn mon_8_every_operation_with_a_lifetime_has_a_hit_rate() {
    let AiSummary::Active(figures) = usual().ai_summary() else {
        panic!("there were calls");
    };
    let rates = figures.hit_rate_by_operation;
    let names: Vec<_> = rates.keys().map(String::as_str).collect();
    let expected = ["key_points", "qa", "questions", "sentiment", "summarize"];
    assert_eq!(names, expected);
    for (name, rate) in rates {
        let expected = if name == "summarize" { 80.0 } else { 0.0 };
        assert!((rate - expected).abs() < 1e-9, "{name} {rate}");
    }
}

#[test]
fn one_call_and_more_calls_than_there_are_numbers_can_be_summed_up() {
    for (ending, number, rate) in [
        (Ending::MemoryHit, 1, 100.0),
        (Ending::Computed, 1, 0.0),
        (Ending::Bypassed, 1, 0.0),
        (Ending::MemoryHit, u64::MAX, 100.0),
    ] {
        let mut statistics = called("summarize", &[(ending, number), (Ending::StoreHit, 0)]);
        statistics = with(statistics, "qa", counts(&[(ending, number)]));
        let insight = insight(statistics);
        let AiSummary::Active(figures) = insight.ai_summary() else {
            panic!("there were calls");
        };
        assert!((figures.overall_hit_rate - rate).abs() < 1e-9);
        assert_eq!(figures.total_ai_operations, number.saturating_add(number));
        let written = serde_json::to_string(&insight.performance_statistics());
        assert!(written.is_ok_and(|it| !it.contains("null,\"p50")));
    }
}

#[test]
fn key_8_keys_and_texts_are_summed_up() {
    let endings = [
        (Ending::MemoryHit, 50),
        (Ending::Computed, 40),
        (Ending::NoKey, 4),
        (Ending::TextTooLong, 3),
        (Ending::NoTenant, 2),
        (Ending::Bypassed, 1),
    ];
    let mut insight = insight(called("summarize", &endings));
    let it = operation(&mut insight, "summarize");
    it.keys = each(2, 40);
    it.texts.count = 40;
    it.texts.characters = 4000;
    it.texts.longest = 900;
    it.text_tiers = BTreeMap::from([(TextTier::Small, counts(&[(Ending::Computed, 40)]))]);
    let keys = insight.key_generation();
    assert_eq!((keys.total_keys_generated, keys.keys_timed), (90, 40));
    assert!((keys.average_generation_time_ms - 2.0).abs() < 1e-9);
    let sizes = keys.text_size_distribution;
    assert!((sizes.average_size - 100.0).abs() < 1e-9);
    assert_eq!(sizes.max_size, 900);
    assert_eq!(sizes.tiers[&TextTier::Small], 40);
    assert_eq!(sizes.tiers[&TextTier::XLarge], 0);
    assert_eq!(keys.operation_distribution["summarize"], 100);
}

#[test]
fn if_10_records_have_their_numbers() {
    let mut insight = usual();
    let it = operation(&mut insight, "summarize");
    it.keys = each(4, 10);
    it.texts.count = 10;
    it.misses = each(100, 20);
    it.memory_hits = each(0, 2);
    let plain = OperationStatistics {
        keys: each(2, 10),
        ..OperationStatistics::default()
    };
    insight
        .statistics
        .operations
        .insert("plain".to_owned(), plain);
    insight.statistics.compression.compressible_bytes = 1000;
    insight.statistics.compression.compressed_bytes = 250;
    let metrics = insight.ai_metrics();
    assert_eq!(
        (metrics.cache.cache_hits, metrics.cache.cache_misses),
        (80, 20)
    );
    assert!((metrics.cache.average_operation_time_ms - 20.0).abs() < 1e-9);
    assert_eq!(metrics.cache.compression_ratio, Some(0.25));
    assert_eq!(metrics.cache.total_bytes_saved, 750);
    assert!((metrics.text_processing_time_ms - 4.0).abs() < 1e-9);
    assert!((metrics.key_generation_time_ms - 3.0).abs() < 1e-9);
    let written = serde_json::to_value(&metrics).unwrap_or_default();
    assert_eq!(written["cache_hits"], 80);
    assert_eq!(written["operation_distribution"]["summarize"], 100);
    // Nothing was compressed, and nobody has called.
    let nothing = super::insight(statistics()).ai_metrics();
    assert_eq!(nothing.cache.compression_ratio, None);
    assert_eq!(nothing.cache.hit_ratio, None);
    assert!(nothing.cache.average_operation_time_ms.abs() < f64::EPSILON);
}

#[test]
fn mon_11_operations_without_timings_are_left_out() {
    let endings = [(Ending::StoreHit, 80), (Ending::Computed, 20)];
    let mut insight = insight(called("summarize", &endings));
    assert!(insight.operation_performance().is_empty());
    operation(&mut insight, "summarize").misses = Latencies {
        count: 20,
        slow: 3,
        total: Duration::from_millis(300),
        min: Duration::from_millis(10),
        max: Duration::from_millis(40),
        p50: Duration::from_millis(12),
        p95: Duration::from_millis(30),
        p99: Duration::from_millis(38),
    };
    let performance = insight.operation_performance();
    assert_eq!(performance.len(), 1);
    let written = serde_json::to_value(performance["summarize"]).unwrap_or_default();
    for (name, expected) in [
        ("slow", 3.0),
        ("avg_ms", 15.0),
        ("min_ms", 10.0),
        ("max_ms", 40.0),
        ("p50_ms", 12.0),
        ("p95_ms", 30.0),
        ("p99_ms", 38.0),
        ("total_operations", 100.0),
        ("configured_ttl_seconds", 7200.0),
    ] {
        let found = written[name].as_f64().unwrap_or(f64::NAN);
        assert!((found - expected).abs() < 1e-9, "{name} in {written}");
    }
    operation(&mut insight, "summarize").ttl = None;
    let written = serde_json::to_value(insight.operation_performance()).unwrap_or_default();
    assert!(written["summarize"]["configured_ttl_seconds"].is_null());
}

#[test]
fn mon_4_statistics_have_all_their_sections() {
    let written = serde_json::to_value(usual().performance_statistics()).unwrap_or_default();
    for section in [
        "key_generation",
        "cache_operations",
        "compression",
        "memory_usage",
        "invalidation",
    ] {
        assert!(written[section].is_object(), "{section} in {written}");
    }
    for name in ["avg_compression_time_ms", "total_bytes_saved"] {
        assert!(
            written["compression"][name].is_number(),
            "{name} in {written}"
        );
    }
    assert!(written["compression"]["avg_compression_ratio"].is_null());
    assert_eq!(written["memory_usage"]["utilization_percent"], 50.0);
}

#[test]
fn statistics_are_written_with_their_units() {
    let mut insight = usual();
    operation(&mut insight, "summarize").misses = each(15, 2);
    let written = serde_json::to_value(insight.statistics()).unwrap_or_default();
    assert_eq!(written["at"], "2020-01-01T00:00:00.000Z");
    let operation = &written["operations"]["summarize"];
    assert_eq!(operation["ttl_seconds"], 7200.0);
    assert_eq!(operation["misses"]["count"], 2);
    assert_eq!(operation["misses"]["total_ms"], 30.0);
    for name in ["min_ms", "max_ms", "p50_ms", "p95_ms", "p99_ms"] {
        assert_eq!(operation["misses"][name], 15.0, "{name}");
    }
}
