//! What the tests of keys need.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "not every test file needs all of it"
)]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use larder::{CacheConfig, CacheConfigBuilder, KeyBuilder};
use proptest::test_runner::{Config, TestRunner};

/// 32 bytes, 0 to 31.
pub const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub fn settings(config: CacheConfigBuilder) -> CacheConfig {
    config.build().expect("valid settings")
}

pub fn plain() -> CacheConfig {
    settings(CacheConfig::builder())
}

pub fn builder(config: &CacheConfig, kind: &str) -> KeyBuilder {
    KeyBuilder::new(config, kind, "op").expect("a builder")
}

pub fn built(builder: KeyBuilder) -> String {
    builder.build().expect("a key")
}

/// `PROPTEST_CASES` says how many; 2000 otherwise.
pub fn runner() -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(2000);
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}
