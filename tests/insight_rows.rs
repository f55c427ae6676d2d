//! What numbers mean, one row of the documents a test, over caches that were really called. The
//! thresholds themselves are tested with numbers made by hand, beside the code.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use larder::insight::InvalidationTarget::{Kind, Matching, Operation, Tag, Tenant};
use larder::insight::{Advice, AiFigures, AiSummary, Level};
use larder::testing::ManualClock;
use larder::{Cache, CacheConfig, CacheConfigBuilder, Setting, TextTier, cached, call};
use support::map_store::MapStore;
use support::{register, roomy};

/// A cache with settings for language models, over a store.
fn over(kind: &str, store: &Arc<MapStore>) -> Cache {
    let config = ai().build().expect("valid settings");
    let builder = Cache::builder(kind, &config).store(store.clone());
    let cache = builder.build().expect("a cache");
    larder::register(cache.clone());
    cache
}

fn ai() -> CacheConfigBuilder {
    roomy().ai()
}

fn figures(cache: &Cache) -> AiFigures {
    match cache.ai_summary() {
        AiSummary::Active(figures) => *figures,
        other => panic!("there were calls: {other:?}"),
    }
}

fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("it can be written")
}

#[tokio::test]
async fn mon_7_without_traffic_everything_can_be_asked_for() {
    let cache = register("insight.idle", ai());
    assert_eq!(json(&cache.ai_summary())["status"], "no_operations");
    assert!(cache.operation_performance().is_empty());
    assert!(cache.recommendations().is_empty());
    let tiers = cache.tier_statistics();
    assert!(tiers.tier_analysis.is_empty() && tiers.opportunities.is_empty());
    assert_eq!(cache.metrics().hit_ratio, None);
    let statistics = cache.performance_statistics();
    assert_eq!(statistics.cache_operations.total_operations, 0);
    assert_eq!(statistics.invalidation.average_removed_keys, None);
    // No number in there that JSON has no word for.
    for written in [
        json(&statistics),
        json(&cache.ai_metrics()),
        json(&tiers),
        json(&cache.statistics()),
    ] {
        assert!(written.is_object());
    }
}

#[tokio::test]
async fn mon_7_a_summary_tells_what_was_called() {
    #[cached(kind = "insight.called", op = "summarize", text = text)]
    async fn summarize(text: &str) -> usize {
        text.len()
    }
    #[cached(kind = "insight.called", op = "qa", text = text)]
    async fn qa(text: &str) -> Result<usize, String> {
        Err(format!("not {text}"))
    }
    let cache = register("insight.called", ai());
    for _ in 0..4 {
        summarize("short").await;
        drop(qa("short").await);
    }
    cache.get::<u32>("mine").await;

    let figures = figures(&cache);
    assert_eq!(
        figures.total_ai_operations, 8,
        "the application's own keys are none"
    );
    assert!((figures.overall_hit_rate - 37.5).abs() < 1e-9);
    let rates = &figures.hit_rate_by_operation;
    assert!((rates["summarize"] - 75.0).abs() < 1e-9);
    // Called in vain, and never called.
    assert!(rates["qa"].abs() < 1e-9 && rates["sentiment"].abs() < 1e-9);
    assert!(!rates.contains_key("keys"));
    let keys = &figures.key_generation_stats;
    assert_eq!(keys.total_keys_generated, 8);
    assert_eq!(keys.operation_distribution["qa"], 4);
    assert!((1..=8).contains(&keys.keys_timed), "{keys:?}");
    assert!(keys.average_generation_time_ms > 0.0, "{keys:?}");
    assert_eq!(keys.text_size_distribution.max_size, 5);
    let inherited = &figures.inherited_stats;
    assert_eq!((inherited.cache_hits, inherited.cache_misses), (3, 6));
    assert_eq!(inherited.memory_cache_entries, 1);
}

#[tokio::test]
async fn mon_9_texts_are_told_apart_by_the_limits_of_the_kind() {
    #[cached(kind = "insight.tiers", op = "summarize", text = text)]
    async fn summarize(text: &str) -> usize {
        text.len()
    }
    #[cached(kind = "insight.tiers", op = "plain")]
    async fn plain(number: u64) -> u64 {
        number
    }
    let cache = register("insight.tiers", ai());
    for length in [0, 499, 500, 4999, 5000, 49_999, 50_000] {
        summarize(&"ä".repeat(length)).await;
    }
    plain(1).await;
    let tiers = cache.tier_statistics();
    let counted = TextTier::ALL.map(|tier| tiers.tier_distribution[&tier]);
    assert_eq!(counted, [2, 2, 2, 1]);
    let completeness = tiers.completeness;
    assert_eq!((completeness.calls_with_text, completeness.calls), (7, 8));
    assert_eq!((completeness.tiers_with_data, completeness.tiers), (4, 4));
    assert!(
        tiers.tier_analysis[&TextTier::Large]
            .average_response_time_ms
            .is_some()
    );
}

#[tokio::test]
async fn tier_6_what_is_not_promoted_is_counted() {
    #[cached(kind = "insight.promotion", op = "summarize", text = text)]
    async fn summarize(text: &str) -> usize {
        text.len()
    }
    #[cached(kind = "insight.promotion", op = "qa", text = text)]
    async fn qa(text: &str) -> usize {
        text.len()
    }
    let cache = over("insight.promotion", &Arc::default());
    summarize("short").await;
    assert!(cache.metrics().memory_cache_entries > 0);
    assert_eq!(cache.tier_statistics().tier_configuration.not_promoted, 0);
    qa(&"long ".repeat(5000)).await;
    assert_eq!(cache.metrics().memory_cache_entries, 1);
    let configuration = cache.tier_statistics().tier_configuration;
    assert!(configuration.smart_promotion);
    assert_eq!(configuration.not_promoted, 1);
}

#[tokio::test]
async fn mon_11_operations_have_their_times() {
    #[cached(kind = "insight.times", op = "slow", ttl = "90s")]
    async fn slow(number: u64) -> u64 {
        std::thread::sleep(Duration::from_millis(5));
        number
    }
    let cache = register("insight.times", ai());
    for number in [1, 2, 3, 3, 3] {
        slow(number).await;
    }
    let times = cache.operation_performance();
    assert_eq!(times.keys().collect::<Vec<_>>(), ["slow"]);
    let times = times["slow"];
    assert_eq!(times.total_operations, 5);
    assert_eq!(times.configured_ttl, Some(Duration::from_secs(90)));
    assert_eq!((times.misses.count, times.bodies.count), (3, 3));
    for part in [times.misses, times.bodies] {
        assert!(part.min_ms >= 5.0, "{part:?}");
        assert!(
            part.min_ms <= part.avg_ms && part.avg_ms <= part.max_ms,
            "{part:?}"
        );
        assert!(
            part.p50_ms <= part.p95_ms && part.p95_ms <= part.p99_ms,
            "{part:?}"
        );
        assert!(part.p99_ms <= part.max_ms, "{part:?}");
    }
    assert!(times.calls.max_ms >= 5.0);
    // Few hits in memory are timed, and all of them are calls.
    for _ in 0..90 {
        slow(3).await;
    }
    let times = cache.operation_performance()["slow"];
    assert!(times.calls.avg_ms < times.misses.avg_ms / 2.0, "{times:?}");
    // Anew.
    cache.reset_statistics();
    assert!(cache.operation_performance().is_empty());
}

#[tokio::test]
async fn mon_2_what_takes_more_than_50_ms_is_slow() {
    #[cached(kind = "insight.slow", op = "nap")]
    async fn nap(millis: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        millis
    }
    let cache = register("insight.slow", ai());
    for millis in [1, 2, 60, 70] {
        nap(millis).await;
    }
    let statistics = cache.performance_statistics();
    let calls = statistics.cache_operations.calls;
    let by_operation = &statistics.cache_operations.by_operation["nap"];
    // On a busy machine a quick one may become slow.
    assert!((2..=4).contains(&calls.slow), "{calls:?}");
    assert_eq!((calls.slow, calls.count), (by_operation.misses.slow, 4));
    assert!(by_operation.bodies.slow >= 2, "{by_operation:?}");
    assert_eq!(statistics.key_generation.slow_keys, 0);
    // They stay with the numbers that only grow, and a reset begins anew.
    cache.reset_statistics();
    assert_eq!(
        cache.performance_statistics().cache_operations.calls.slow,
        0
    );
    let since_start = cache.statistics_since_start().operations["nap"].misses;
    assert_eq!(since_start.slow, calls.slow);
}

#[tokio::test]
async fn mon_13_of_more_than_a_thousand_times_none_is_lost() {
    let cache = register("insight.many", ai());
    for _ in 0..3000 {
        cache.get::<u32>("absent").await;
    }
    let times = cache.operation_performance()["keys"];
    assert_eq!((times.misses.count, times.calls.count), (3000, 3000));
    assert!(times.misses.min_ms > 0.0 && times.misses.p50_ms <= times.misses.p99_ms);
}

#[tokio::test]
async fn whoever_waits_for_another_call_is_timed_apart() {
    #[cached(kind = "insight.joined", op = "slow")]
    async fn slow(number: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        number
    }
    let cache = register("insight.joined", ai());
    tokio::join!(slow(1), slow(1), slow(1));
    let times = cache.operation_performance()["slow"];
    assert_eq!((times.joined.count, times.other_hits.count), (2, 0));
    assert!(times.joined.min_ms >= 10.0, "{times:?}");
    assert_eq!(times.calls.count, 3);
}

#[tokio::test]
async fn mon_14_the_tenth_request_brings_the_first_recommendation() {
    let cache = register("insight.tenth", ai());
    for number in 0..9 {
        cache.get::<u32>(&number.to_string()).await;
    }
    assert!(cache.recommendations().is_empty());
    cache.get::<u32>("9").await;
    let found = cache.recommendations();
    assert_eq!(found[0].advice, Advice::LowHitRate);
    assert!((found[0].metrics["requests"] - 10.0).abs() < 1e-9);
    for one in found {
        let setting = one.suggestion.setting;
        assert!(Setting::all().any(|it| it.name() == setting), "{setting}");
    }
}

#[tokio::test]
async fn what_memory_pushed_out_before_a_reset_is_no_reason_for_more_room_after_it() {
    let cache = register("insight.pushed", CacheConfig::builder().l1_cache_size(10));
    for number in 0..100 {
        cache.set(&number.to_string(), number).await;
    }
    let ask = async |number: u32| {
        for key in 0..number {
            cache.get::<u32>(&format!("absent {key}")).await;
        }
        let mut found = cache.recommendations();
        found.retain(|it| it.advice == Advice::LowHitRate);
        found.pop().expect("nothing was found").suggestion.setting
    };
    assert_eq!(ask(20).await, "l1_cache_size");
    assert_eq!(ask(1000).await, "default_ttl");
    cache.reset_statistics();
    assert_eq!(ask(20).await, "default_ttl");
}

#[tokio::test]
async fn cmp_6_what_compression_saves_is_told() {
    #[cached(kind = "insight.compression", op = "repeat")]
    async fn repeat(number: usize) -> String {
        "x".repeat(5000 + number)
    }
    let cache = over("insight.compression", &Arc::default());
    for number in 0..12 {
        repeat(number).await;
    }
    assert!(cache.flush(Duration::from_secs(5)).await);
    let compression = cache.performance_statistics().compression;
    assert_eq!(compression.total_operations, 12);
    let ratio = compression
        .avg_compression_ratio
        .expect("something was compressed");
    assert!(ratio > 0.0 && ratio < 0.1, "{ratio}");
    assert!(compression.total_bytes_saved > 50_000, "{compression:?}");
    assert_eq!(cache.metrics().compression_ratio, Some(ratio));
}

#[tokio::test]
async fn mon_22_invalidations_are_told_without_what_they_name() {
    #[cached(
        kind = "insight.invalidated",
        op = "summarize",
        tags("ada@example.com")
    )]
    async fn summarize(number: u64) -> u64 {
        number
    }
    let cache = register("insight.invalidated", ai());
    let fill = async || {
        cache.set("ada@example.com:1", 1).await;
        cache.set("ada@example.com:2", 2).await;
        for number in 0..3 {
            summarize(number).await;
        }
    };
    fill().await;
    assert_eq!(cache.remove_matching("ada@example.com:*").await, 2);
    assert_eq!(cache.remove_operation_counted("summarize").await, 3);
    cache.expire_operation("summarize").await;
    cache.remove_operation("ada@example.com").await;
    // In the configuration, and never called.
    cache.remove_operation("sentiment").await;
    cache.remove_tag("ada@example.com").await;
    cache.expire_tag("ada@example.com").await;
    cache.remove_tenant("ada@example.com").await;
    cache.clear().await;
    cache.expire_all().await;
    // Single keys are what an application removes all day.
    cache.remove("ada@example.com:1").await;
    call::remove(summarize(1)).await;

    let found = cache.invalidation_statistics();
    assert_eq!((found.last_hour, found.of_tenants_and_tags), (7, 3));
    assert_eq!((found.counted, found.removed_keys), (2, 5));
    assert_eq!(found.average_removed_keys, Some(2.5));
    let count = |target, pattern: &str| {
        let mut patterns = found.patterns.iter();
        let found = patterns.find(|it| it.target == target && it.pattern == pattern);
        found.map(|it| (it.count, it.removed_keys))
    };
    assert_eq!(count(Matching, "…*"), Some((1, Some(2))));
    assert_eq!(count(Operation, "summarize"), Some((2, Some(3))));
    assert_eq!(count(Operation, "sentiment"), Some((1, None)));
    assert_eq!(count(Operation, ""), Some((1, None)));
    assert_eq!(count(Tag, ""), Some((2, None)));
    assert_eq!(count(Tenant, ""), Some((1, None)));
    assert_eq!(count(Kind, ""), Some((2, None)));
    assert!(
        found
            .patterns
            .is_sorted_by_key(|it| std::cmp::Reverse(it.count))
    );
    let written = json(&found).to_string();
    assert!(!written.contains("ada"), "{written}");

    cache.reset_statistics();
    assert_eq!(cache.invalidation_statistics().patterns, []);
}

#[tokio::test]
async fn mon_2_invalidations_are_remembered_for_an_hour() {
    let clock = ManualClock::new();
    let config = CacheConfig::builder().build().expect("valid settings");
    let builder = Cache::builder("insight.hour", &config).clock(clock.clone());
    let cache = builder.build().expect("a cache");
    for (number, expected) in [
        (49, Level::Usual),
        (1, Level::Warning),
        (49, Level::Warning),
        (1, Level::Critical),
    ] {
        for _ in 0..number {
            cache.remove_matching("user:*").await;
        }
        assert_eq!(cache.invalidation_statistics().rate, expected);
    }
    clock.advance(Duration::from_secs(3599));
    assert_eq!(cache.invalidation_statistics().last_hour, 100);
    clock.advance(Duration::from_secs(1));
    assert_eq!(cache.invalidation_statistics().last_hour, 0);
}

#[tokio::test]
async fn an_invalidation_whose_caller_leaves_is_told_all_the_same() {
    let store = Arc::<MapStore>::default();
    let cache = over("insight.left", &store);
    store.hangs.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut removing = Box::pin(cache.remove_matching("user:*"));
    assert!(support::poll_once(&mut removing).is_pending());
    drop(removing);
    let found = cache.invalidation_statistics();
    assert_eq!((found.last_hour, found.counted), (1, 0));
}

#[tokio::test]
async fn what_is_told_has_no_argument_text_or_value() {
    const CANARY: &str = "CANARY-7";
    #[cached(kind = "insight.quiet", op = "summarize", text = text)]
    async fn summarize(text: &str, user: &str) -> String {
        format!("{text} {user}")
    }
    let cache = over("insight.quiet", &Arc::default());
    for _ in 0..20 {
        summarize(CANARY, CANARY).await;
        cache.set(CANARY, CANARY.to_owned()).await;
        cache.get::<String>(CANARY).await;
    }
    cache.remove_matching(CANARY).await;
    cache.remove_tag(CANARY).await;
    let insight = cache.insight();
    let exported = insight.to_json();
    assert!(
        exported.contains("\"statistics\"") && !exported.contains(CANARY),
        "{exported}"
    );
    for written in [
        json(&insight.ai_summary()),
        json(&insight.tier_statistics()),
        json(&insight.operation_performance()),
        json(&insight.performance_statistics()),
        json(&insight.ai_metrics()),
        json(insight.statistics()),
    ] {
        let written = written.to_string();
        assert!(!written.contains(CANARY), "{written}");
    }
    let shown = format!("{insight:?}");
    assert!(!shown.contains(CANARY), "{shown}");
    for recommendation in insight.recommendations() {
        assert!(!recommendation.to_string().contains(CANARY));
    }
}
