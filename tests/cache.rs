//! The handle for keys that the application chooses itself, in memory alone.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use larder::testing::ManualClock;
use larder::{Cache, CacheConfig, CacheFactory, Ttl};
use serde::{Deserialize, Serialize};
use support::{Runs, roomy};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Complex {
    complex: String,
    numbers: Vec<i32>,
}

fn cache(clock: &ManualClock) -> Cache {
    let config = roomy().build().expect("valid settings");
    Cache::builder("handle", &config)
        .clock(clock.clone())
        .build()
        .expect("a cache")
}

#[tokio::test]
async fn a_value_comes_back_equal() {
    let cache = CacheFactory::for_testing().await.expect("a cache");
    let value = Complex {
        complex: "data".to_owned(),
        numbers: vec![1, 2, 3],
    };
    cache.set("user:123", value.clone()).await;
    assert_eq!(cache.get("user:123").await, Some(value));
    assert_eq!(cache.get::<Complex>("user:124").await, None);
}

#[tokio::test]
async fn a_value_asked_for_as_another_type_is_absent() {
    let cache = CacheFactory::for_testing().await.expect("a cache");
    cache.set("n", 1_u32).await;
    assert_eq!(cache.get::<u64>("n").await, None);
    assert_eq!(cache.get::<u32>("n").await, Some(1));
}

#[tokio::test]
async fn remove_says_whether_there_was_something() {
    let cache = CacheFactory::for_testing().await.expect("a cache");
    cache.set("a", 1).await;
    assert!(cache.remove("a").await);
    assert!(!cache.remove("a").await);
    assert!(!cache.exists("a").await);
}

#[tokio::test]
async fn an_entry_lives_as_long_as_it_was_told_and_no_longer() {
    let clock = ManualClock::new();
    let cache = cache(&clock);
    cache.set_for("short", 1, Duration::from_secs(10)).await;
    cache.set_for("eternal", 2, Ttl::Never).await;
    cache.set_for("endless", 5, Duration::MAX).await;
    cache.set_for("never", 3, Duration::ZERO).await;
    cache.set("default", 4).await;

    assert_eq!(cache.ttl("short").await, Some(Duration::from_secs(10)));
    assert_eq!(cache.ttl("eternal").await, None);
    assert!(cache.exists("eternal").await);
    assert!(!cache.exists("never").await);

    clock.advance(Duration::from_millis(9999));
    assert_eq!(cache.get::<i32>("short").await, Some(1));
    clock.advance(Duration::from_millis(1));
    assert_eq!(cache.get::<i32>("short").await, None);
    assert_eq!(cache.ttl("short").await, None);

    clock.advance(Duration::from_secs(3590));
    assert_eq!(cache.get::<i32>("default").await, None);
    assert_eq!(cache.get::<i32>("eternal").await, Some(2));
    assert_eq!(cache.get::<i32>("endless").await, Some(5));
}

#[tokio::test]
async fn a_lifetime_of_zero_forgets_what_was_there() {
    let cache = cache(&ManualClock::new());
    cache.set("a", 1).await;
    cache.set_for("a", 2, Duration::ZERO).await;
    assert_eq!(cache.get::<i32>("a").await, None);
}

#[tokio::test]
async fn entries_that_nobody_reads_again_are_swept() {
    let clock = ManualClock::new();
    let cache = cache(&clock);
    for n in 0..100 {
        cache
            .set_for(&format!("old:{n}"), n, Duration::from_secs(5))
            .await;
    }
    clock.advance(Duration::from_secs(20));
    assert_eq!(cache.stats().expired_entries, 100);
    assert_eq!(cache.size(), 0);

    clock.advance(Duration::from_secs(20));
    for n in 0..20 {
        cache.set(&format!("new:{n}"), 1).await;
    }
    let stats = cache.stats();
    assert_eq!((stats.total_entries, stats.expired_entries), (20, 0));
}

#[tokio::test]
async fn a_full_cache_stays_within_its_bound_and_counts_evictions() {
    let config = CacheConfig::builder().l1_cache_size(50).build();
    let config = config.expect("valid settings");
    let cache = Cache::builder("full", &config).build().expect("a cache");
    for n in 0..1000 {
        cache.set(&format!("user:{n}"), n).await;
    }
    let stats = cache.stats();
    assert_eq!((stats.max_size, stats.total_entries), (50, 50));
    assert_eq!(stats.evictions, 950);
    assert!((stats.utilization_percent() - 100.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn overwriting_a_key_in_a_full_cache_evicts_no_other() {
    let config = CacheConfig::builder().l1_cache_size(10).build();
    let config = config.expect("valid settings");
    let cache = Cache::builder("rewritten", &config)
        .build()
        .expect("a cache");
    for n in 0..10 {
        cache.set(&n.to_string(), n).await;
    }
    for _ in 0..100 {
        cache.set("3", 33).await;
    }
    assert_eq!(cache.size(), 10);
    assert_eq!(cache.stats().evictions, 0);
    assert_eq!(cache.get::<i32>("3").await, Some(33));
}

#[tokio::test]
async fn patterns_list_and_remove_keys() {
    let cache = CacheFactory::for_testing().await.expect("a cache");
    for key in ["user:1", "user:2", "session:abc", "user*"] {
        cache.set(key, 1).await;
    }
    assert_eq!(cache.keys("user:*").await, ["user:1", "user:2"]);
    assert_eq!(cache.active_keys().len(), 4);
    assert_eq!(cache.remove_matching(r"user\*").await, 1);
    assert_eq!(cache.remove_matching("user:?").await, 2);
    assert_eq!(cache.remove_matching("user:?").await, 0);
    assert_eq!(cache.active_keys(), ["session:abc"]);
    assert_eq!(cache.remove_matching("").await, 1);
    cache.set("again", 1).await;
    cache.clear().await;
    assert_eq!(cache.size(), 0);
}

#[tokio::test]
async fn a_computed_option_or_result_is_not_kept_whole() {
    let cache = cache(&ManualClock::new());
    let runs = Runs::new();
    for run in 1..3 {
        let option = cache.get_or_compute("option", || async { Some(runs.count()) });
        assert_eq!(option.await, Some(2 * run - 1));
        let result = cache.get_or_compute("result", || async { Ok::<_, String>(runs.count()) });
        assert_eq!(result.await, Ok(2 * run));
    }
    assert_eq!(cache.size(), 0);
}

#[tokio::test]
async fn get_or_compute_computes_once() {
    static RUNS: Runs = Runs::new();
    let cache = CacheFactory::for_testing().await.expect("a cache");
    for _ in 0..3 {
        let value = cache
            .get_or_compute("report", || async { RUNS.count() })
            .await;
        assert_eq!(value, 1);
    }
    let failed: Result<u32, &str> = cache
        .get_or_try_compute("flaky", || async { Err("no") })
        .await;
    assert_eq!(failed, Err("no"));
    let found: Result<u32, &str> = cache.get_or_try_compute("flaky", || async { Ok(5) }).await;
    assert_eq!(found, Ok(5));
    assert_eq!(cache.get::<u32>("flaky").await, Some(5));
}

#[tokio::test]
async fn without_a_store_the_cache_is_always_connected() {
    let cache = CacheFactory::for_testing().await.expect("a cache");
    assert!(cache.connect().await);
    assert!(cache.ping().await);
    assert!(cache.flush(Duration::from_secs(1)).await);
    cache.disconnect();
    assert_eq!(cache.stats().backend_type, "memory");
}

#[cfg(feature = "redis")]
#[test]
fn the_cache_works_without_a_runtime() {
    let config = CacheConfig::builder()
        .redis_url("redis://127.0.0.1:1/0")
        .build();
    let config = config.expect("valid settings");
    let cache = Cache::builder("bare", &config).build().expect("a cache");
    let answer = futures_util::future::FutureExt::now_or_never(async {
        cache.set("a", 1).await;
        cache.get_or_compute("b", || async { 2 }).await;
        (cache.get::<i32>("a").await, cache.get::<i32>("b").await)
    });
    assert_eq!(answer, Some((Some(1), Some(2))));
}

#[tokio::test]
async fn nothing_is_kept_under_a_key_of_more_than_16_kib() {
    static RUNS: Runs = Runs::new();
    let cache = CacheFactory::for_testing().await.expect("a cache");
    let longest = "k".repeat(16 * 1024);
    cache.set(&longest, 1).await;
    assert_eq!(cache.get::<i32>(&longest).await, Some(1));

    let longer = format!("{longest}k");
    cache.set(&longer, 2).await;
    assert_eq!(cache.get::<i32>(&longer).await, None);
    for run in 1..=2 {
        let value = cache.get_or_compute(&longer, || async { RUNS.count() });
        assert_eq!(value.await, run);
    }
    let failed: Result<i32, &str> = cache
        .get_or_try_compute(&longer, || async { Err("no") })
        .await;
    assert_eq!(failed, Err("no"));
    assert!(!cache.exists(&longer).await && !cache.remove(&longer).await);
    let stats = cache.stats();
    assert_eq!((stats.no_key, stats.misses, stats.total_entries), (5, 5, 1));
}
