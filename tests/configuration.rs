//! Settings: what they mean, and what is said of those that cannot be used.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use larder::{Cache, CacheConfig, CacheError, Preset};

#[test]
fn presets_have_names() {
    for preset in Preset::ALL {
        assert_eq!(preset.name().parse::<Preset>().expect("a name"), preset);
        assert_eq!(preset.to_string(), preset.name());
    }
}

#[test]
fn an_unknown_preset_is_answered_with_the_known_ones() {
    let error = "prod".parse::<Preset>().expect_err("unknown").to_string();
    assert_eq!(
        error,
        "invalid cache configuration: the preset is \"prod\"; expected one of disabled, minimal, \
         simple, development, production, ai-development, ai-production; did you mean \
         production?"
    );
}

#[test]
fn every_problem_is_reported_at_once() {
    let error = CacheConfig::builder()
        .default_ttl(Duration::ZERO)
        .operation_ttl("qa", Duration::from_secs(40_000_000))
        .l1_cache_size(0)
        .compression_level(10)
        .text_hash_threshold(0)
        .build()
        .expect_err("nothing of it can be used");
    let CacheError::Configuration { problems, .. } = error else {
        panic!("another error: {error}");
    };
    assert_eq!(
        problems,
        [
            "default_ttl is 0s (the program); expected 1s to 365d, as seconds or as \"2h 30m\"",
            "operation_ttls.qa is 462d 23h 6m 40s (the program); expected an operation with its \
             lifetime, 1s to 365d, as in {\"summarize\": \"2h\"}",
            "l1_cache_size is 0 (the program); expected 1 to 10000000 entries",
            "compression_level is 10 (the program); expected 1 to 9",
            "ai.text_hash_threshold is 0 (the program); expected 1 to 100000 characters",
        ]
    );
}

#[test]
fn a_cache_that_could_keep_nothing_is_refused() {
    // The configuration alone may be meant for a store of the application's own.
    let config = CacheConfig::builder().enable_l1_cache(false).build();
    let cache = Cache::builder("nothing", &config.expect("valid")).build();
    let error = cache.expect_err("neither tier").to_string();
    assert!(error.contains("nothing could be kept"), "{error}");
}

#[cfg(not(feature = "redis"))]
#[test]
fn a_redis_url_in_a_build_without_redis_is_refused() {
    let error = CacheConfig::builder()
        .redis_url("redis://localhost")
        .build();
    let error = error.expect_err("no redis here").to_string();
    assert!(error.contains("without the feature `redis`"), "{error}");
}

#[test]
fn settings_that_were_changed_by_hand_are_checked_too() {
    let mut config = CacheConfig::builder().build().expect("valid");
    config.compression_level = 99;
    config.l1_cache_size = usize::MAX;
    config.store_budget = Duration::MAX;
    config.key_prefix = Some(String::new());
    let error = Cache::builder("changed", &config).build();
    let CacheError::Configuration { problems, .. } = error.expect_err("nothing of it can be used")
    else {
        panic!("another error");
    };
    assert_eq!(problems.len(), 4, "{problems:?}");
}

#[test]
fn a_kind_whose_keys_would_begin_like_those_of_another_is_refused() {
    let config = CacheConfig::builder().build().expect("valid");
    let error = Cache::builder("ai_cache", &config).build();
    assert!(error.is_err());
}

#[test]
fn a_kind_without_a_name_is_refused() {
    let config = CacheConfig::builder().build().expect("valid");
    let error = Cache::builder(" ", &config).build().expect_err("no name");
    assert!(error.to_string().contains("has no name"), "{error}");
}

#[test]
fn a_cache_without_a_store_is_built_in_any_build() {
    let config = CacheConfig::builder().build().expect("valid");
    Cache::builder("plain", &config).build().expect("a cache");
}
