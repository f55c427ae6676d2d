//! What operators are told of kinds over Redis.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use fixture::{Fault, Proxy, RedisServer};
use larder::HealthStatus::{Degraded, Healthy, Unhealthy};
use larder::testing::ManualClock;
use larder::{Cache, CacheConfigBuilder, HealthStatus, KindHealth, watch_health};
use sha2::{Digest, Sha256};
use support::{eventually, roomy};
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(5);

/// What a kind over Redis consists of.
const PARTS: [&str; 6] = [
    "memory",
    "store",
    "breaker",
    "bus",
    "recovery_queue",
    "last_gap",
];

fn over(url: &str) -> CacheConfigBuilder {
    let ceiling = Duration::from_secs(1);
    let budget = Duration::from_secs(2);
    let config = roomy().redis_url(url).invalidation_ceiling(ceiling);
    config.store_budget(budget)
}

fn unconnected(kind: &str, config: CacheConfigBuilder) -> Cache {
    let config = config.build().expect("valid settings");
    Cache::builder(kind, &config).build().expect("a cache")
}

async fn connected(kind: &str, config: CacheConfigBuilder) -> Cache {
    let cache = unconnected(kind, config);
    assert!(cache.connect().await);
    cache
}

fn names(health: &KindHealth) -> Vec<&str> {
    health.parts.iter().map(|part| part.part).collect()
}

#[track_caller]
fn says(health: &KindHealth, name: &str, status: HealthStatus, reason: &str) {
    let part = health.part(name).expect("the part");
    assert_eq!(part.status, status, "{health}");
    assert!(part.reason.contains(reason), "{health}");
}

/// Waits until the kind has this status, and gives what it says then.
async fn turns(cache: &Cache, status: HealthStatus) -> KindHealth {
    let mut last = cache.health().await;
    eventually(&format!("it is {status}"), async || {
        last = cache.health().await;
        last.status == status
    })
    .await;
    last
}

#[tokio::test]
async fn a_kind_whose_redis_goes_is_degraded_until_it_is_back() {
    let mut server = RedisServer::start_with_acl(&["user app on >canary ~* &* +@all"]);
    let url = format!("redis://app:canary@127.0.0.1:{}/0", server.port());
    let cache = connected("back", over(&url)).await;
    cache.set("secret-key", "secret-value".to_owned()).await;
    let health = cache.health().await;
    assert_eq!(names(&health), PARTS);
    assert_eq!(health.status, Healthy, "{health}");
    says(&health, "memory", Healthy, "it has 1 of 1000 entries");
    says(&health, "store", Healthy, "redis answers");
    says(&health, "breaker", Healthy, "closed");
    says(&health, "bus", Healthy, "heard at once, and within 1s");
    says(&health, "recovery_queue", Healthy, "told of: 0;");
    says(&health, "last_gap", Healthy, "nothing was missed");

    server.kill();
    let health = turns(&cache, Degraded).await;
    says(&health, "memory", Healthy, "it has 1 of 1000 entries");
    says(&health, "store", Degraded, "redis is away (");
    says(&health, "store", Degraded, "served for at most 1800s");
    says(&health, "breaker", Degraded, "open");
    eventually("the loss is heard of", async || {
        let health = cache.health().await;
        health.part("bus").is_some_and(|bus| bus.status == Degraded)
    })
    .await;
    cache.remove("secret-key").await;
    let health = cache.health().await;
    says(&health, "bus", Degraded, "behind by at most 1800s");
    says(&health, "last_gap", Degraded, "is missed at this moment");
    says(&health, "recovery_queue", Degraded, "told of: 1;");
    for secret in ["secret", "canary"] {
        assert!(!health.to_string().contains(secret), "{health}");
    }

    server.restart();
    eventually("Redis is back, and what was missed is known", async || {
        let health = cache.health().await;
        health.part("store").is_some_and(|it| it.status == Healthy)
            && health.part("last_gap").is_some_and(|it| {
                it.status == Degraded && it.reason.contains("0 s ago something was missed")
            })
    })
    .await;
    let health = turns(&cache, Healthy).await;
    assert_eq!(names(&health), PARTS);
    says(&health, "last_gap", Healthy, "have announced for");
    says(&health, "recovery_queue", Healthy, "told of: 0;");
}

#[tokio::test]
async fn a_redis_that_hangs_costs_a_look_one_budget() {
    let mut server = RedisServer::start();
    let config = over(&server.url()).store_budget(Duration::from_millis(200));
    let cache = connected("hangs", config).await;
    assert_eq!(turns(&cache, Healthy).await.status, Healthy);

    server.stop();
    let began = Instant::now();
    let health = cache.health().await;
    assert!(began.elapsed() < Duration::from_secs(1), "{health}");
    assert_eq!(health.status, Degraded);
    says(
        &health,
        "store",
        Degraded,
        "redis has not answered within 200ms",
    );

    let began = Instant::now();
    let health = cache.health_full().await;
    assert!(began.elapsed() < Duration::from_secs(1), "{health}");
    assert_eq!(health.status, Unhealthy);
    says(&health, "connectivity", Unhealthy, "redis has not answered");
    says(&health, "read_write", Unhealthy, "cannot be tried");
    says(&health, "memory_usage", Healthy, "of 1000 entries");

    server.resume();
    turns(&cache, Healthy).await;
    let health = cache.health_full().await;
    assert_eq!(health.status, Healthy, "{health}");
}

#[tokio::test]
async fn the_first_look_connects_and_writes_nothing() {
    let server = RedisServer::start();
    let cache = unconnected("first", over(&server.url()));
    let health = cache.health().await;
    assert_eq!(health.status, Healthy, "{health}");
    assert_eq!(server.command(&["DBSIZE"]).int(), 0);
    for command in ["set", "unlink", "eval", "evalsha"] {
        assert_eq!(server.calls(command), 0, "{command}");
    }
}

#[tokio::test]
async fn a_user_who_may_not_listen_is_told_of_the_ceiling() {
    let server = RedisServer::start_with_acl(&["user deaf on >pass ~* resetchannels +@all"]);
    let url = format!("redis://deaf:pass@127.0.0.1:{}/0", server.port());
    let config = over(&url).invalidation_ceiling(Duration::from_secs(30));
    let health = connected("deaf", config).await.health().await;
    assert_eq!(health.status, Degraded);
    says(&health, "store", Healthy, "redis answers");
    says(&health, "bus", Degraded, "not heard (yet)");
    says(&health, "bus", Degraded, "within 2s, and memory");
    says(&health, "bus", Degraded, "may lack the right to SUBSCRIBE");
    says(&health, "last_gap", Degraded, "is missed at this moment");

    // What others do to a tag is remembered without memory, too.
    let bare = over(&url).enable_l1_cache(false);
    let bare = bare.invalidation_ceiling(Duration::from_secs(30));
    let health = connected("bare", bare).await.health().await;
    says(&health, "bus", Degraded, "within 2s; where it stays so");
    says(&health, "last_gap", Healthy, "nothing is there");
}

#[tokio::test]
async fn without_memory_or_against_its_settings_a_kind_is_unhealthy_without_redis() {
    let mut server = RedisServer::start();
    let url = server.url();
    let bare = connected("bare", over(&url).enable_l1_cache(false)).await;
    let strict = connected("strict", over(&url).fail_on_connection_error(true)).await;
    for cache in [&bare, &strict] {
        assert_eq!(cache.health().await.status, Healthy);
    }
    server.kill();
    let health = turns(&bare, Unhealthy).await;
    says(&health, "store", Unhealthy, "every call computes");
    eventually("the loss is heard of", async || {
        let health = bare.health().await;
        let bus = health.part("bus").expect("the part");
        assert_eq!(bus.status, Healthy, "there is nothing to be behind");
        bus.reason.contains("nothing is served then")
    })
    .await;
    let health = bare.health().await;
    says(&health, "last_gap", Healthy, "nothing is there");
    let health = turns(&strict, Unhealthy).await;
    says(&health, "store", Unhealthy, "`fail_on_connection_error`");
    server.restart();
    turns(&bare, Healthy).await;
    turns(&strict, Healthy).await;
}

#[tokio::test]
async fn a_message_that_is_lost_degrades_a_kind_for_the_ceiling() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let ours = connected("lossy", over(&server.url())).await;
    let theirs = connected("lossy", over(&proxy.url())).await;
    ours.set("key", 0).await;
    assert_eq!(theirs.get("key").await, Some(0));
    turns(&theirs, Healthy).await;
    proxy.set(Fault::DropPushes { percent: 50 });
    for n in 0..50 {
        ours.set("key", n).await;
    }
    assert!(proxy.dropped_pushes() > 0);
    let health = turns(&theirs, Degraded).await;
    says(&health, "last_gap", Degraded, "ago something was missed");
    says(&health, "bus", Healthy, "heard at once");
    proxy.set(Fault::None);
    let health = turns(&theirs, Healthy).await;
    says(&health, "last_gap", Healthy, "have announced for");
    assert_eq!(ours.health().await.status, Healthy);
}

#[tokio::test]
async fn a_runtime_that_stands_still_is_found() {
    let server = RedisServer::start();
    let clock = ManualClock::new();
    let ceiling = Duration::from_secs(30);
    let config = over(&server.url())
        .store_budget(Duration::from_millis(50))
        .invalidation_ceiling(ceiling);
    let config = config.build().expect("valid settings");
    let cache = Cache::builder("still", &config).clock(clock.clone());
    let cache = cache.build().expect("a cache");

    // It is connected on another runtime, which stands still from then on until it is let go.
    let (stands_still, when_it_does) = oneshot::channel();
    let (let_go, is_let_go) = mpsc::channel::<()>();
    let theirs = cache.clone();
    let their_runtime = thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            assert!(theirs.connect().await);
            theirs.set("key", 1).await;
            stands_still.send(()).expect("somebody waits");
            // The other end is dropped.
            let _ = is_let_go.recv();
        });
    });
    when_it_does.await.expect("it is connected");
    let health = cache.health().await;
    says(&health, "store", Degraded, "not answered");
    says(&health, "bus", Healthy, "heard at once");
    clock.advance(ceiling);
    let health = cache.health().await;
    says(&health, "bus", Degraded, "stands still");
    says(&health, "last_gap", Healthy, "nothing was missed");

    // Whoever looks something up finds that out.
    assert_eq!(cache.get::<i32>("key").await, None);
    let health = cache.health().await;
    says(
        &health,
        "last_gap",
        Degraded,
        "0 s ago something was missed",
    );
    drop(let_go);
    their_runtime.join().expect("no panic");
}

#[tokio::test]
async fn everything_is_tried_in_redis_and_leaves_nothing_there() {
    let server = RedisServer::start();
    let config = over(&server.url()).require_tenant(true);
    let cache = connected("tried", config).await;
    let before = cache.stats();
    let health = cache.health_full().await;
    assert_eq!(health.status, Healthy, "{health}");
    let expected = ["connectivity", "read_write", "performance", "memory_usage"];
    assert_eq!(names(&health), expected);
    says(
        &health,
        "performance",
        Healthy,
        "an operation in redis takes",
    );
    assert_eq!(server.command(&["DBSIZE"]).int(), 0);
    let after = cache.stats();
    assert_eq!(after.hits, before.hits);
    assert_eq!(after.misses, before.misses);
    assert_eq!(after.store_failures, before.store_failures);
}

/// The application's user of `deploy/redis/users.acl`, with the kinds `tried` and these rights too.
fn start(rights: &str) -> RedisServer {
    let file = include_str!("../deploy/redis/users.acl");
    let line = file.lines().find(|line| line.starts_with("user larder "));
    let digest = Sha256::digest("application");
    let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let user = line
        .expect("the application")
        .replace(
            "SHA256-OF-THE-PASSWORD-OF-THE-APPLICATION",
            &digits.concat(),
        )
        .replace("~web:*", "~tried:*")
        .replace("&web:*", "&tried:*");
    RedisServer::start_with_acl(&["user default off", &format!("{user} {rights}")])
}

async fn as_application(server: &RedisServer) -> Cache {
    let url = format!("redis://larder:application@127.0.0.1:{}/0", server.port());
    connected("tried", over(&url)).await
}

#[tokio::test]
async fn the_application_has_all_rights_that_are_needed() {
    let server = start("");
    let cache = as_application(&server).await;
    let health = cache.health_full().await;
    assert_eq!(health.status, Healthy, "{health}");
    let health = cache.health().await;
    assert_eq!(health.status, Healthy, "{health}");
    assert_eq!(server.command(&["DBSIZE"]).int(), 0);
}

#[tokio::test]
async fn a_redis_that_answers_and_takes_nothing_is_found() {
    let server = start("-set");
    let cache = as_application(&server).await;
    assert_eq!(cache.health().await.status, Healthy, "it answers");
    let health = cache.health_full().await;
    assert_eq!(health.status, Unhealthy);
    says(&health, "connectivity", Healthy, "redis answers");
    says(&health, "read_write", Unhealthy, "redis has refused (");
    says(
        &health,
        "read_write",
        Unhealthy,
        "denies the user something",
    );

    // And by who only looks, once there is something to tell.
    cache.remove("key").await;
    let health = turns(&cache, Degraded).await;
    says(&health, "recovery_queue", Degraded, "takes none of them");
}

#[tokio::test]
async fn what_cannot_be_removed_expires() {
    let server = start("-unlink");
    let cache = as_application(&server).await;
    let health = cache.health_full().await;
    says(&health, "read_write", Unhealthy, "redis has refused (");
    let keys = server.command(&["KEYS", "*"]);
    let [key] = keys.list() else {
        panic!("one key: {keys:?}");
    };
    assert!(key.text().starts_with("tried:health:"), "{key:?}");
    let left = server.command(&["PTTL", key.text()]).int();
    assert!((50_000..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_watch_sees_redis_go_and_come() {
    let mut server = RedisServer::start();
    larder::register(connected("watched", over(&server.url())).await);
    let (told, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let watch = watch_health(Duration::from_millis(100), move |health| {
        let kind = health.kind("watched").expect("registered");
        // Nobody listens any more at the end.
        let _ = told.send(kind.status);
    });
    let mut wait_for = async |status| {
        let seen = async { while seen.recv().await != Some(status) {} };
        let seen = tokio::time::timeout(2 * PATIENCE, seen).await;
        seen.expect("it is seen in time");
    };
    wait_for(Healthy).await;
    server.kill();
    wait_for(Degraded).await;
    server.restart();
    wait_for(Healthy).await;
    drop(watch);
}
