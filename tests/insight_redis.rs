//! What numbers mean, and who is told of them, over a real Redis; one row of the documents a test.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc;
use std::time::Duration;

use fixture::RedisServer;
use larder::AlertSubject::{ErrorRate, Health};
use larder::insight::{Advice, AiSummary, InvalidationTarget, Level};
use larder::{
    AlertLevel, AlertSubject, AlertThresholds, AlertWatch, Cache, CacheConfig, CacheConfigBuilder,
    Ending, EventFilter, TextTier, cached,
};
use support::{eventually, register, roomy};

/// Whether it is over, and what it is about.
type Told = (bool, AlertSubject, AlertLevel);

fn over(server: &RedisServer) -> CacheConfigBuilder {
    roomy()
        .ai()
        .redis_url(server.url())
        .store_budget(Duration::from_secs(2))
}

/// With an empty memory, as another process has it.
async fn process(kind: &str, config: CacheConfigBuilder) -> Cache {
    let cache = register(kind, config);
    assert!(cache.connect().await);
    cache
}

async fn flushed(cache: &Cache) {
    assert!(cache.flush(Duration::from_secs(5)).await);
}

fn json(cache: &Cache) -> serde_json::Value {
    serde_json::from_str(&cache.insight().to_json()).expect("JSON")
}

#[tokio::test]
async fn mon_1_and_6_all_that_is_measured_can_be_exported_and_begun_anew() {
    #[cached(kind = "redis.measured", op = "summarize", text = text)]
    async fn summarize(text: &str) -> String {
        text.repeat(500)
    }
    let server = RedisServer::start();
    let first = process("redis.measured", over(&server)).await;
    summarize("The sea was calm.").await;
    flushed(&first).await;
    let second = process("redis.measured", over(&server)).await;
    for text in ["The sea was calm.", "The sea was calm.", "Gulls shout."] {
        summarize(text).await;
    }
    second.set("user:1", 1).await;
    second.remove_matching("user:*").await;
    flushed(&second).await;

    let exported = json(&second);
    let measured = &exported["performance_statistics"];
    assert_eq!(measured["cache_operations"]["total_operations"], 3);
    let times = &measured["cache_operations"]["by_operation"]["summarize"];
    assert_eq!(
        (&times["other_hits"]["count"], &times["misses"]["count"]),
        (&1.into(), &1.into())
    );
    for name in ["avg_ms", "p95_ms", "p99_ms", "max_ms"] {
        assert!(times[name].as_f64().is_some_and(|it| it > 0.0), "{name}");
    }
    assert_eq!(measured["compression"]["total_operations"], 1);
    let ratio = &measured["compression"]["avg_compression_ratio"];
    assert!(ratio.as_f64().is_some_and(|it| it < 0.1), "{ratio}");
    assert_eq!(measured["memory_usage"]["entries"], 2);
    assert_eq!(measured["memory_usage"]["level"], "usual");
    assert_eq!(measured["invalidation"]["last_hour"], 1);
    assert_eq!(measured["invalidation"]["removed_keys"], 1);
    assert_eq!(measured["key_generation"]["total_keys_generated"], 3);
    assert_eq!(exported["ai_summary"]["status"], "active");

    second.reset_statistics();
    let exported = json(&second);
    let measured = &exported["performance_statistics"];
    assert_eq!(exported["ai_summary"]["status"], "no_operations");
    assert_eq!(measured["cache_operations"]["total_operations"], 0);
    assert_eq!(measured["compression"]["total_operations"], 0);
    assert_eq!(measured["invalidation"]["last_hour"], 0);
    // It is there still.
    assert_eq!(measured["memory_usage"]["entries"], 2);
}

#[tokio::test]
async fn mon_3_only_what_asks_for_something_counts_for_the_hit_rate() {
    let server = RedisServer::start();
    let cache = process("redis.rate", over(&server).enable_l1_cache(false)).await;
    for key in ["a", "b", "c", "d"] {
        cache.set(key, 1).await;
    }
    cache.exists("a").await;
    cache.remove("d").await;
    cache.remove_matching("c*").await;
    cache.clear().await;
    assert_eq!(cache.metrics().hit_ratio, None, "nobody has asked");
    cache.set("a", 1).await;
    for key in ["a", "a", "a", "b"] {
        cache.get::<i32>(key).await;
    }
    let metrics = cache.metrics();
    assert_eq!((metrics.cache_hits, metrics.cache_misses), (3, 1));
    assert_eq!(metrics.hit_ratio, Some(0.75));
    assert_eq!(cache.stats().hit_rate(), Some(75.0));
}

#[tokio::test]
async fn mon_12_a_hit_and_a_miss_are_counted_once_with_operation_and_text_whoever_listens() {
    #[cached(kind = "redis.once", op = "summarize", text = text)]
    async fn summarize(text: &str) -> usize {
        text.len()
    }
    let server = RedisServer::start();
    let text = "x".repeat(700);
    for listens in [false, true] {
        // Of its own namespace: nothing is there yet.
        let config = || over(&server).namespace(if listens { "heard" } else { "unheard" });
        let first = process("redis.once", config()).await;
        summarize(&text).await;
        flushed(&first).await;
        let second = process("redis.once", config()).await;
        if listens {
            second.on_event(EventFilter::all().with_keys().with_values(), |_| ());
        }
        for text in [&text, &text, "short"] {
            summarize(text).await;
        }
        let of = second.statistics().operations["summarize"].clone();
        for (ending, count) in [
            (Ending::StoreHit, 1),
            (Ending::MemoryHit, 1),
            (Ending::Computed, 1),
        ] {
            assert_eq!(of.counts.of(ending), count, "{ending}, {listens}");
        }
        assert_eq!(of.counts.calls(), 3, "{listens}");
        let medium = &of.text_tiers[&TextTier::Medium];
        assert_eq!((medium.hits(), medium.misses()), (2, 0), "{listens}");
        let small = &of.text_tiers[&TextTier::Small];
        assert_eq!((small.hits(), small.misses()), (0, 1), "{listens}");
        assert_eq!(of.texts.longest, 700);
        let AiSummary::Active(figures) = second.ai_summary() else {
            panic!("there were calls");
        };
        assert_eq!(figures.total_ai_operations, 3);
        assert!((figures.overall_hit_rate - 200.0 / 3.0).abs() < 1e-9);
    }
}

#[tokio::test]
async fn mon_22_keys_that_are_removed_in_redis_alone_are_counted() {
    let server = RedisServer::start();
    let first = process("redis.removed", over(&server)).await;
    for number in 0..150 {
        first.set(&format!("user:{number}"), number).await;
    }
    flushed(&first).await;
    // It has none of them in its memory.
    let second = process("redis.removed", over(&server)).await;
    assert_eq!(second.remove_matching("user:*").await, 150);
    for _ in 0..9 {
        second.get::<i32>("user:1").await;
        second.remove_matching("user:*").await;
    }
    let found = second.invalidation_statistics();
    assert_eq!((found.counted, found.removed_keys), (10, 150));
    assert_eq!(
        (found.average_removed_keys, found.rate),
        (Some(15.0), Level::Usual)
    );
    let pattern = &found.patterns[0];
    assert_eq!(
        (pattern.target, &*pattern.pattern),
        (InvalidationTarget::Matching, "…*")
    );
    assert_eq!(
        first.invalidation_statistics().last_hour,
        0,
        "it has asked for none"
    );
}

#[tokio::test]
async fn mon_14_and_21_what_is_suggested_over_redis_is_a_setting_that_it_takes() {
    #[cached(kind = "redis.suggested", op = "summarize", text = text)]
    async fn summarize(text: &str) -> String {
        text.to_owned()
    }
    let server = RedisServer::start();
    let cache = process("redis.suggested", over(&server).l1_cache_size(5)).await;
    for number in 0..20 {
        summarize(&format!("{number} {}", "long ".repeat(4000))).await;
    }
    flushed(&cache).await;
    let found = cache.recommendations();
    let advice: Vec<_> = found.iter().map(|it| it.advice).collect();
    for expected in [
        Advice::LowHitRate,
        Advice::FewSmallTexts,
        Advice::LargeEntries,
    ] {
        assert!(advice.contains(&expected), "{expected:?} in {advice:?}");
    }
    for one in &found {
        let written = serde_json::to_value(&one.suggestion).expect("JSON");
        let value = match &one.suggestion.operation {
            Some(operation) => serde_json::json!({ operation: written["value"] }),
            None => written["value"].clone(),
        };
        let settings = serde_json::json!({ one.suggestion.setting: value });
        assert!(CacheConfig::from_value(&settings).is_ok(), "{settings}");
    }
}

#[tokio::test]
async fn alr_3_a_redis_that_dies_is_told_and_that_it_is_back_too() {
    let mut server = RedisServer::start();
    // So long a kind is degraded after a gap in what it hears.
    let settings = over(&server).invalidation_ceiling(Duration::from_secs(1));
    let cache = process("redis.alerts", settings).await;
    let (tell, told) = mpsc::channel::<Told>();
    let is_over = tell.clone();
    let thresholds = AlertThresholds::default().hit_ratio(0.01, 0.0);
    let _watch = AlertWatch::builder()
        .cache("redis.alerts", &cache)
        .thresholds(thresholds)
        .every(Duration::from_millis(100))
        .sink(move |alert| {
            let _nobody_waits = tell.send((false, alert.subject, alert.level));
        })
        .recovered(move |alert| {
            let _nobody_waits = is_over.send((true, alert.subject, alert.level));
        })
        .begin()
        .expect("valid thresholds");
    // Half of them hits, so that there is nothing to tell of their ratio.
    let mut number = 0;
    let mut seen = Vec::new();
    let mut until = async |what: &str, is_so: fn(&[Told]) -> bool| {
        eventually(what, async || {
            for _ in 0..10 {
                number += 1;
                cache.get_or_compute("there", async || 1).await;
                cache
                    .get_or_compute(&number.to_string(), async || number)
                    .await;
            }
            seen.extend(told.try_iter());
            is_so(&seen)
        })
        .await;
    };
    server.kill();
    until("it is told", |seen| {
        seen.contains(&(false, ErrorRate, AlertLevel::Critical))
            && seen.contains(&(false, Health, AlertLevel::Warning))
    })
    .await;
    server.restart();
    until("that is over", |seen| {
        let is_over = |subject| seen.iter().any(|it| it.0 && it.1 == subject);
        is_over(ErrorRate) && is_over(Health)
    })
    .await;
}
