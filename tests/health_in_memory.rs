//! What operators are told of kinds, without a Redis.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use larder::HealthStatus::{Degraded, Healthy, Unhealthy};
use larder::testing::registry_scope;
use larder::{
    Cache, CacheConfigBuilder, CacheError, CacheStats, HealthStatus, HealthWatch, KindHealth,
    PartHealth, watch_health,
};
use support::map_store::MapStore;
use support::{Log, register, register_over, roomy};
use tokio::time::Instant;

fn in_memory(kind: &str) -> Cache {
    let config = roomy().build().expect("valid settings");
    Cache::builder(kind, &config).build().expect("a cache")
}

fn over(store: &Arc<MapStore>, config: CacheConfigBuilder) -> Cache {
    let config = config.build().expect("valid settings");
    let builder = Cache::builder("map", &config).store(store.clone());
    builder.build().expect("a cache")
}

fn hanging() -> Arc<MapStore> {
    let store = Arc::<MapStore>::default();
    store.hangs.store(true, Ordering::SeqCst);
    store
}

fn names(health: &KindHealth) -> Vec<&str> {
    health.parts.iter().map(|part| part.part).collect()
}

fn part<'a>(health: &'a KindHealth, name: &str) -> &'a PartHealth {
    health.part(name).expect("the part")
}

#[track_caller]
fn says(health: &KindHealth, name: &str, status: HealthStatus, reason: &str) {
    let part = part(health, name);
    assert_eq!(part.status, status, "{health}");
    assert!(part.reason.contains(reason), "{health}");
}

/// What the cache counts, but for the bytes of its table, which grows when it is first used.
fn uses(cache: &Cache) -> CacheStats {
    let mut stats = cache.stats();
    stats.memory_usage_bytes = 0;
    stats
}

#[tokio::test]
async fn a_kind_in_memory_has_neither_store_nor_bus() {
    let cache = in_memory("alone");
    cache.set("key", 1).await;
    let health = cache.health().await;
    assert_eq!(names(&health), ["memory"]);
    assert_eq!(health.status, Healthy);
    says(&health, "memory", Healthy, "it has 1 of 1000 entries");
    assert_eq!(health.part("store"), None);
}

#[tokio::test]
async fn a_store_that_tells_nobody_is_as_it_was_configured() {
    let store = Arc::default();
    let health = over(&store, roomy()).health().await;
    let expected = ["memory", "store", "breaker", "bus", "recovery_queue"];
    assert_eq!(names(&health), expected);
    assert_eq!(health.status, Healthy, "{health}");
    says(&health, "store", Healthy, "map answers");
    says(&health, "bus", Healthy, "there is none");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_a_look_one_budget() {
    let began = Instant::now();
    let health = over(&hanging(), roomy()).health().await;
    assert_eq!(began.elapsed().as_millis() / 10, 5, "50 ms");
    assert_eq!(health.status, Degraded);
    says(&health, "store", Degraded, "not answered within 50ms");
    says(&health, "store", Degraded, "memory is served until");
}

#[tokio::test(start_paused = true)]
async fn without_memory_nothing_is_kept_while_the_store_is_away() {
    let cache = over(&hanging(), roomy().enable_l1_cache(false));
    let health = cache.health().await;
    assert_eq!(health.status, Unhealthy);
    says(&health, "store", Unhealthy, "every call computes");
    says(&health, "memory", Healthy, "there is none");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_to_go_on_without_its_store_is_unhealthy_without_it() {
    let cache = over(&hanging(), roomy().fail_on_connection_error(true));
    let health = cache.health().await;
    assert_eq!(health.status, Unhealthy);
    says(&health, "store", Unhealthy, "`fail_on_connection_error`");
}

#[tokio::test]
async fn a_kind_without_any_tier_is_unhealthy() {
    let config = roomy().enable_l1_cache(false);
    let config = config
        .redis_url("redis://localhost")
        .store_budget(Duration::ZERO);
    if !larder::REDIS_AVAILABLE {
        return;
    }
    let config = config.build().expect("valid settings");
    let cache = Cache::builder("nothing", &config).build();
    let cache = cache.expect("a cache");
    let health = cache.health().await;
    assert_eq!(names(&health), ["memory"]);
    says(&health, "memory", Unhealthy, "nothing is kept");
    says(
        &cache.health_full().await,
        "performance",
        Degraded,
        "cannot",
    );
}

#[test]
fn a_store_is_away_on_a_runtime_without_timers() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let cache = over(&Arc::default(), roomy());
        let health = cache.health().await;
        says(&health, "store", Degraded, "no tokio runtime with timers");
        let health = cache.health_full().await;
        says(&health, "connectivity", Unhealthy, "no tokio runtime");
    });
}

#[tokio::test(start_paused = true)]
async fn what_a_store_could_not_be_told_is_counted() {
    let store = hanging();
    let cache = over(&store, roomy());
    cache.remove("one").await;
    cache.remove("two").await;
    let health = cache.health().await;
    says(&health, "recovery_queue", Degraded, "told of: 2;");
    says(&health, "recovery_queue", Degraded, "as soon as it answers");

    store.hangs.store(false, Ordering::SeqCst);
    assert!(cache.flush(Duration::from_secs(5)).await);
    let health = cache.health().await;
    says(&health, "recovery_queue", Healthy, "told of: 0;");
    assert_eq!(health.status, Healthy, "{health}");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_counted() {
    let store = Arc::<MapStore>::default();
    let cache = over(&store, roomy());
    let computed = cache.get_or_compute("key", async || {
        store.hangs.store(true, Ordering::SeqCst);
        1
    });
    computed.await;
    cache.flush(Duration::from_secs(5)).await;
    store.hangs.store(false, Ordering::SeqCst);
    let health = cache.health().await;
    says(&health, "recovery_queue", Healthy, "given up so far: 1");
}

#[tokio::test]
async fn what_is_tried_in_memory_is_not_counted_and_leaves_nothing() {
    let cache = in_memory("tried");
    cache.set("key", 1).await;
    let before = uses(&cache);
    let health = cache.health_full().await;
    assert_eq!(health.status, Healthy, "{health}");
    assert_eq!(
        names(&health),
        ["read_write", "performance", "memory_usage"]
    );
    says(&health, "performance", Healthy, "an operation in memory");
    says(&health, "memory_usage", Healthy, "it has 1 of 1000 entries");
    assert_eq!(uses(&cache), before);
}

#[tokio::test]
async fn everything_is_tried_in_a_store_too_and_leaves_nothing() {
    let store = Arc::<MapStore>::default();
    let cache = over(&store, roomy().require_tenant(true));
    let before = uses(&cache);
    let health = tokio::spawn({
        let cache = cache.clone();
        async move { cache.health_full().await }
    });
    let health = health.await.expect("no panic");
    assert_eq!(health.status, Healthy, "{health}");
    let expected = ["connectivity", "read_write", "performance", "memory_usage"];
    assert_eq!(names(&health), expected);
    says(&health, "performance", Healthy, "an operation in map");
    assert!(store.entries.lock().expect("no panic").is_empty());
    assert_eq!(uses(&cache), before);
}

#[tokio::test]
async fn the_smallest_memory_tier_passes() {
    let health = {
        let config = roomy().l1_cache_size(1).build().expect("valid settings");
        let cache = Cache::builder("small", &config).build().expect("a cache");
        cache.set("key", 1).await;
        cache.health_full().await
    };
    assert_eq!(health.status, Healthy, "{health}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_degraded() {
    for (latency, expected) in [(5, Healthy), (9, Healthy), (10, Degraded), (20, Degraded)] {
        let store = Arc::<MapStore>::default();
        store.latency.store(latency, Ordering::SeqCst);
        let health = over(&store, roomy()).health_full().await;
        assert_eq!(health.status, expected, "{health}");
        let reason = format!("an operation in map takes {latency}");
        says(&health, "performance", expected, &reason);
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_answer_is_not_tried() {
    let began = Instant::now();
    let health = over(&hanging(), roomy()).health_full().await;
    assert_eq!(began.elapsed().as_millis() / 10, 5, "50 ms");
    assert_eq!(health.status, Unhealthy);
    says(
        &health,
        "connectivity",
        Unhealthy,
        "not answered within 50ms",
    );
    says(&health, "read_write", Unhealthy, "cannot be tried");
    says(&health, "performance", Degraded, "cannot be measured");
}

/// Looks at everything while somebody else overwrites what is tried, so many times.
async fn overwritten(times: usize) -> KindHealth {
    let store = Arc::<MapStore>::default();
    let cache = over(&store, roomy());
    let mut health = Box::pin(cache.health_full());
    let mut left = times;
    poll_fn(|context| {
        let tried = store.keys_of_entries();
        let tried = tried.iter().find(|key| key.contains(":health:"));
        if let Some(key) = tried.filter(|_| left > 0) {
            store.put(key, b"what somebody else has written");
            left -= 1;
        }
        match health.as_mut().poll(context) {
            Poll::Pending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            ready @ Poll::Ready(_) => ready,
        }
    })
    .await
}

#[tokio::test]
async fn a_value_that_is_not_what_was_set_is_found() {
    let health = overwritten(usize::MAX).await;
    assert_eq!(health.status, Unhealthy);
    says(
        &health,
        "read_write",
        Unhealthy,
        "map: a value is not what was set",
    );
    let health = overwritten(1).await;
    assert_eq!(
        health.status, Healthy,
        "once may be a coincidence: {health}"
    );
}

#[tokio::test]
async fn the_worst_kind_counts() {
    let store = hanging();
    register("sound", roomy());
    let config = roomy().build().expect("valid settings");
    let map = Cache::builder("hanging", &config).store(store.clone());
    larder::register(map.build().expect("a cache"));

    let health = larder::health().await;
    assert_eq!(health.status, Degraded, "{health}");
    assert_eq!(health.process, std::process::id());
    assert_eq!(health.kind("sound").expect("registered").status, Healthy);
    assert_eq!(health.kind("hanging").expect("registered").status, Degraded);
    assert_eq!(larder::liveness(), Healthy);

    let config = roomy().enable_l1_cache(false);
    let config = config.build().expect("valid settings");
    let map = Cache::builder("hanging", &config).store(store);
    larder::register(map.build().expect("a cache"));
    assert_eq!(larder::health().await.status, Unhealthy);
    assert_eq!(larder::liveness(), Healthy);
}

#[tokio::test]
async fn a_cache_behind_two_kinds_is_looked_at_under_both_names() {
    let _scope = registry_scope();
    let cache = register("name", roomy());
    let alias = larder::get_or_register("alias", async || Ok::<_, CacheError>(cache));
    alias.await.expect("the same cache");
    let health = larder::health().await;
    for kind in ["name", "alias"] {
        assert_eq!(health.kind(kind).expect("registered").status, Healthy);
    }
    assert_eq!(health.kinds.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_unhealthy_and_hides_no_other_kind() {
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    register_over("broken", &store);
    store.panics.store(true, Ordering::SeqCst);
    let health = larder::health().await;
    let broken = health.kind("broken").expect("registered");
    assert_eq!(names(broken), ["store"]);
    says(broken, "store", Unhealthy, "it has panicked");
    assert!(!broken.to_string().contains("as the test wants it"));
    assert_eq!(health.kind("web").expect("registered").status, Healthy);
    assert_eq!(health.status, Unhealthy);

    let (told, count) = counting();
    let watch = watch_health(HealthWatch::PACE, move |health| {
        assert_eq!(health.status, Unhealthy);
        count(health);
    });
    tokio::time::sleep(HealthWatch::PACE * 3 / 2).await;
    assert_eq!(told.load(Ordering::SeqCst), 2);
    drop(watch);
}

#[tokio::test]
async fn operators_read_it_line_by_line_and_programs_as_json() {
    register("shown", roomy());
    let health = larder::health().await;
    let shown = health.to_string();
    let first = format!("process {} is {}\n", std::process::id(), health.status);
    assert!(shown.starts_with(&first), "{shown}");
    let lines = "kind shown is healthy\n  memory is healthy: it has 0 of 1000 entries";
    assert!(shown.contains(lines), "{shown}");

    let kind = health.kind("shown").expect("registered");
    let expected = serde_json::json!({
        "kind": "shown",
        "status": "healthy",
        "parts": [{
            "part": "memory",
            "status": "healthy",
            "reason": "it has 0 of 1000 entries",
        }],
    });
    assert_eq!(serde_json::to_value(kind).expect("json"), expected);
    let all = serde_json::to_value(&health).expect("json");
    assert_eq!(all["status"], health.status.name());
    assert_eq!(all["process"], std::process::id());
    for status in [Healthy, Degraded, Unhealthy] {
        let word = serde_json::to_value(status).expect("json");
        assert_eq!(word, status.to_string());
        let read: HealthStatus = serde_json::from_value(word).expect("a status");
        assert_eq!(read, status);
    }
    assert!(Healthy < Degraded && Degraded < Unhealthy);
}

/// Counts how often somebody is told.
fn counting() -> (Arc<AtomicUsize>, impl Fn(&larder::Health) + Send + Sync) {
    let told = Arc::<AtomicUsize>::default();
    let counted = told.clone();
    (told, move |_: &larder::Health| {
        counted.fetch_add(1, Ordering::SeqCst);
    })
}

#[tokio::test(start_paused = true)]
async fn a_watch_looks_at_once_and_then_at_its_pace_until_it_is_dropped() {
    let (told, count) = counting();
    let watch = watch_health(HealthWatch::PACE, count);
    assert!(watch.is_running());
    tokio::time::sleep(HealthWatch::PACE / 2).await;
    assert_eq!(told.load(Ordering::SeqCst), 1);
    tokio::time::sleep(HealthWatch::PACE * 3).await;
    assert_eq!(told.load(Ordering::SeqCst), 4);
    drop(watch);
    tokio::time::sleep(HealthWatch::PACE * 3).await;
    assert_eq!(told.load(Ordering::SeqCst), 4);
    assert_eq!(Arc::strong_count(&told), 1, "who was told is let go of");
}

#[tokio::test(start_paused = true)]
async fn a_watch_survives_who_panics() {
    let (log, _guard) = Log::collect_warnings_here();
    let (told, count) = counting();
    let watch = watch_health(HealthWatch::PACE, move |health| {
        count(health);
        panic!("as it happens");
    });
    tokio::time::sleep(HealthWatch::PACE * 5 / 2).await;
    assert_eq!(told.load(Ordering::SeqCst), 3);
    assert!(watch.is_running());
    let lines = log.lines();
    let said = lines.iter().filter(|line| line.contains("has panicked"));
    assert_eq!(said.count(), 3, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_round_that_takes_long_delays_the_next_one() {
    let config = roomy().store_budget(Duration::from_secs(1));
    let config = config.build().expect("valid settings");
    let slow = Cache::builder("slow", &config).store(hanging());
    larder::register(slow.build().expect("a cache"));
    let (told, count) = counting();
    let watch = watch_health(Duration::ZERO, count);
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    let told = told.load(Ordering::SeqCst);
    assert!((9..=10).contains(&told), "{told} rounds of a second in ten");
    drop(watch);
    register("slow", roomy());
}

#[test]
fn nothing_is_watched_without_a_runtime_with_timers() {
    let (log, _guard) = Log::collect_warnings_here();
    let (told, count) = counting();
    let watch = watch_health(HealthWatch::PACE, count);
    assert!(!watch.is_running());
    drop(watch);
    assert_eq!(told.load(Ordering::SeqCst), 0);
    let lines = log.lines();
    assert!(
        lines.iter().any(|line| line.contains("nobody watches")),
        "{lines:?}"
    );
}

#[test]
fn a_watch_ends_with_its_runtime() {
    let (told, count) = counting();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let watch = runtime.expect("a runtime").block_on(async {
        let watch = watch_health(Duration::from_secs(60), count);
        support::eventually("a first look", async || told.load(Ordering::SeqCst) == 1).await;
        watch
    });
    assert!(!watch.is_running());
}
