//! What the factory makes, with a Redis and without one.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use fixture::RedisServer;
use larder::{CacheConfig, CacheConfigBuilder, CacheError, CacheFactory, Preset};
use serde_json::json;
use support::{Log, eventually};

/// Where nobody listens.
const NOWHERE: &str = "redis://127.0.0.1:1";

#[tokio::test]
async fn each_purpose_has_its_kind_and_its_store() {
    let server = RedisServer::start();
    let web = CacheFactory::for_web_app(&server.url())
        .await
        .expect("a cache");
    assert_eq!((web.name(), web.stats().backend_type), ("web", "redis"));
    assert_eq!(web.stats().max_size, 200);
    let ai = CacheFactory::for_ai_app(&server.url())
        .await
        .expect("a cache");
    assert_eq!((ai.name(), ai.stats().backend_type), ("ai", "ai_redis"));
    let testing = CacheFactory::for_testing().await.expect("a cache");
    assert_eq!(
        (testing.stats().backend_type, testing.stats().max_size),
        ("memory", 50)
    );
    assert_eq!(testing.stats().default_ttl, Duration::from_secs(60));
    assert_eq!(CacheFactory::test_redis_url(), "redis://localhost:6379/15");
    let over_redis = CacheFactory::for_testing_with_redis(&server.url())
        .await
        .expect("a cache");
    assert_eq!(
        (over_redis.name(), over_redis.stats().max_size),
        ("testing", 0)
    );
    for cache in [&web, &ai, &testing, &over_redis] {
        cache.set("key", 1).await;
        assert_eq!(cache.get::<i32>("key").await, Some(1), "{}", cache.name());
    }
    // The memory tier of that is off: what was got is in Redis.
    assert_eq!(over_redis.size(), 0);
}

#[tokio::test]
async fn a_configuration_makes_the_kind_that_it_has_settings_for() {
    let plain = CacheConfig::builder().build().expect("valid");
    assert_eq!(
        CacheFactory::from_config(&plain)
            .await
            .expect("a cache")
            .name(),
        "web"
    );
    let ai = CacheConfig::builder().ai().build().expect("valid");
    assert_eq!(
        CacheFactory::from_config(&ai)
            .await
            .expect("a cache")
            .name(),
        "ai"
    );
    for (map, kind) in [
        (json!({"default_ttl": 60, "memory_cache_size": 7}), "web"),
        (json!({"text_hash_threshold": 500}), "ai"),
        (json!({"operation_ttls": {"summarize": 60}}), "ai"),
        (
            json!({"ai_config": {"operation_ttls": {"summarize": 60}, "max_text_length": 9}}),
            "ai",
        ),
        (json!({"enable_ai_cache": true}), "ai"),
        (json!({"enable_ai_cache": false, "jitter": 0}), "web"),
    ] {
        let cache = CacheFactory::from_value(&map).await.expect("a cache");
        assert_eq!(cache.name(), kind, "{map}");
    }
    let kinds = CacheConfig::builder().kind("geo", |geo| geo.l1_cache_size(7));
    let geo = CacheFactory::for_kind("geo", &kinds.build().expect("valid")).await;
    assert_eq!(geo.expect("a cache").stats().max_size, 7);
}

#[tokio::test]
async fn without_a_url_and_with_the_preset_disabled_everything_stays_in_memory() {
    let map = BTreeMap::from([("preset", "disabled"), ("redis_url", NOWHERE)]);
    let cache = CacheFactory::from_value(&map).await.expect("a cache");
    assert_eq!(cache.stats().backend_type, "memory");
    assert_eq!(cache.stats().default_ttl, Duration::from_secs(300));
    let cache = CacheFactory::from_config(&Preset::Disabled.config())
        .await
        .expect("a cache");
    assert_eq!(
        (cache.stats().backend_type, cache.stats().max_size),
        ("memory", 10)
    );
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_only_where_that_was_asked_for() {
    let web = CacheFactory::for_web_app(NOWHERE).await.expect("in memory");
    web.set("key", 1).await;
    assert_eq!(web.get::<i32>("key").await, Some(1));
    let strict = CacheFactory::web_app()
        .redis_url(NOWHERE)
        .fail_on_connection_error(true);
    let error = CacheFactory::from_config(&strict.build().expect("valid")).await;
    let error = error.expect_err("nobody listens");
    assert!(
        matches!(&error, CacheError::Infrastructure { .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("redis_url redis://127.0.0.1:1/0"),
        "{error}"
    );
    let error = CacheFactory::for_web_app("redis:// nowhere")
        .await
        .expect_err("no URL");
    assert!(
        matches!(&error, CacheError::Configuration { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_cache_with_a_fallback_finds_its_redis_when_that_comes() {
    let mut server = RedisServer::start();
    let url = server.url();
    server.kill();
    let (log, _guard) = Log::collect_warnings_here();
    let config = CacheConfigBuilder::from(CacheConfig::default())
        .redis_url(url)
        .fail_on_connection_error(true)
        .build();
    let cache = CacheFactory::create_with_fallback(&config.expect("valid")).await;
    let cache = cache.expect("a cache in memory");
    let lines = log.lines();
    let says = |line: &&String| line.contains("method=\"create_with_fallback\" kind=\"web\"");
    assert_eq!(lines.iter().filter(says).count(), 1, "{lines:?}");
    cache.set("key", 1).await;
    assert_eq!(cache.get::<i32>("key").await, Some(1));
    server.restart();
    eventually("the Redis is found", async || cache.ping().await).await;
}

#[tokio::test]
async fn a_configuration_is_tried_out() {
    let mut server = RedisServer::start();
    let config = CacheConfig::builder()
        .redis_url(server.url())
        .require_tenant(true);
    let config = config.build().expect("valid");
    let test = config.smoke_test().await;
    assert!(test.is_passed(), "{test}");
    assert_eq!(test.connection_successful, Some(true));
    assert_eq!(
        test.operations,
        [("set", true), ("get", true), ("remove", true)]
    );
    assert!(test.basic_operations_time > Duration::ZERO);
    assert!(test.to_string().contains("the smoke test has passed"));

    server.kill();
    let test = config.smoke_test().await;
    assert!(!test.is_passed());
    assert_eq!(test.connection_successful, Some(false));
    let mut unusable = config.clone();
    unusable.compression_level = 99;
    let test = unusable.smoke_test().await;
    assert!(!test.is_passed() && test.operations.is_empty());
    assert!(
        test.to_string().contains("error: compression_level is 99"),
        "{test}"
    );
}

#[tokio::test]
async fn kinds_of_one_configuration_share_the_connection_to_their_redis() {
    let _scope = larder::testing::registry_scope();
    let server = RedisServer::start();
    let other = RedisServer::start();
    let config = CacheConfig::builder()
        .redis_url(server.url())
        .worker_id("pod-7")
        .kind("geo", |geo| geo.l1_cache_size(7))
        .kind("far", |far| far.redis_url(other.url()))
        .build();
    larder::init_with(&config.expect("valid"))
        .await
        .expect("two servers");
    assert_eq!(larder::kinds(), ["ai", "far", "geo", "web"]);
    let kinds = ["web", "ai", "geo", "far"].map(|kind| larder::cache(kind).expect(kind));
    for cache in &kinds {
        cache.set("key", cache.name().to_owned()).await;
    }
    for cache in &kinds {
        assert_eq!(
            cache.get::<String>("key").await.as_deref(),
            Some(cache.name())
        );
    }
    let health = larder::health().await;
    assert_eq!(health.worker.as_deref(), Some("pod-7"));
    assert!(
        health.to_string().starts_with("worker pod-7 is healthy"),
        "{health}"
    );
    // One for look-ups, one to hear what others invalidate, and the one that asks.
    let clients = |url: String| async move {
        let config = CacheConfig::builder()
            .redis_url(url)
            .build()
            .expect("valid");
        let cache = CacheFactory::for_kind("asking", &config)
            .await
            .expect("a cache");
        cache
            .store_info()
            .await
            .expect("Redis says")
            .connected_clients
    };
    assert_eq!(clients(server.url()).await, 4);
    larder::close().await;
}

#[tokio::test]
async fn a_kind_that_is_not_to_be_without_its_redis_keeps_the_others_from_beginning() {
    let scope = larder::testing::registry_scope();
    let config = CacheConfig::builder()
        .kind("far", |far| {
            far.redis_url(NOWHERE).fail_on_connection_error(true)
        })
        .build()
        .expect("valid");
    let error = larder::init_with(&config)
        .await
        .expect_err("nobody listens");
    assert!(
        matches!(error, CacheError::Infrastructure { .. }),
        "{error}"
    );
    assert!(larder::cache("far").is_none());
    drop(scope);
}

#[tokio::test]
async fn one_prefix_for_two_kinds_in_one_redis_is_an_error_when_they_are_made() {
    let _scope = larder::testing::registry_scope();
    let builder = || {
        CacheConfig::builder()
            .redis_url(NOWHERE)
            .key_prefix("shop:")
    };
    // For one kind it is what it is there for.
    let one = CacheFactory::for_kind("geo", &builder().build().expect("valid")).await;
    assert!(one.is_ok());
    let error = larder::init_with(&builder().build().expect("valid")).await;
    let error = error
        .expect_err("web and ai would share their keys")
        .to_string();
    assert!(error.contains("web and ai begin alike"), "{error}");
}

#[tokio::test]
async fn settings_of_the_way_to_redis_reach_it() {
    let server = RedisServer::start();
    let config = CacheConfig::builder()
        .redis_url(server.url())
        .max_connections(7);
    let cache = CacheFactory::for_kind("few", &config.build().expect("valid")).await;
    let cache = cache.expect("a cache");
    assert_eq!(cache.stats().connections.available, Some(7));
    // Both say something: the smaller number holds.
    let url = format!("{}?max_connections=3", server.url());
    let config = CacheConfig::builder().redis_url(url).max_connections(7);
    let cache = CacheFactory::for_kind("fewer", &config.build().expect("valid")).await;
    assert_eq!(
        cache.expect("a cache").stats().connections.available,
        Some(3)
    );
    // Another source of credentials, another connection.
    let config = CacheConfig::builder()
        .redis_url(server.url())
        .kind("other", |other| {
            let nobody = || larder::Credentials {
                username: Some("nobody".to_owned()),
                password: "wrong".to_owned().into(),
            };
            other.security(larder::SecurityConfig::default().credentials(nobody))
        })
        .build()
        .expect("valid");
    let _scope = larder::testing::registry_scope();
    larder::init_with(&config).await.expect("a server");
    assert!(larder::cache("web").expect("there").ping().await);
    assert!(!larder::cache("other").expect("there").ping().await);
}
