//! How long the result of an operation is kept, and whose word on it comes first.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use larder::testing::ManualClock;
use larder::{Cache, CacheConfigBuilder, CacheFactory, cached, call};
use support::{Runs, roomy};

fn register(kind: &str, config: CacheConfigBuilder) -> ManualClock {
    let clock = ManualClock::new();
    let config = config.build().expect("valid settings");
    let cache = Cache::builder(kind, &config)
        .clock(clock.clone())
        .build()
        .expect("a cache");
    larder::register(cache);
    clock
}

/// The lifetime of what `call` keeps, in whole seconds, found by halving.
async fn lifetime(clock: &ManualClock, runs: &Runs, mut call: impl AsyncFnMut() -> usize) -> u64 {
    let (mut kept, mut expired) = (0, 1 << 18);
    while expired - kept > 1 {
        let age = u64::midpoint(kept, expired);
        // Longer than any lifetime, so that the next call makes a fresh entry.
        clock.advance(Duration::from_secs(1 << 19));
        call().await;
        clock.advance(Duration::from_secs(age));
        let before = runs.total();
        call().await;
        if runs.total() == before {
            kept = age;
        } else {
            expired = age;
        }
    }
    expired
}

#[tokio::test]
async fn the_built_in_table_holds_for_operations_without_a_word_of_their_own() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "table", op = "summarize")]
    async fn summarize() -> usize {
        RUNS.count()
    }
    #[cached(kind = "table", op = "sentiment")]
    async fn sentiment() -> usize {
        RUNS.count()
    }
    #[cached(kind = "table", op = "key_points")]
    async fn key_points() -> usize {
        RUNS.count()
    }
    #[cached(kind = "table", op = "questions")]
    async fn questions() -> usize {
        RUNS.count()
    }
    #[cached(kind = "table", op = "qa")]
    async fn qa() -> usize {
        RUNS.count()
    }
    #[cached(kind = "table", op = "translate")]
    async fn translate() -> usize {
        RUNS.count()
    }
    let clock = register("table", CacheFactory::ai_app());

    let seconds = [
        lifetime(&clock, &RUNS, async || summarize().await).await,
        lifetime(&clock, &RUNS, async || sentiment().await).await,
        lifetime(&clock, &RUNS, async || key_points().await).await,
        lifetime(&clock, &RUNS, async || questions().await).await,
        lifetime(&clock, &RUNS, async || qa().await).await,
        lifetime(&clock, &RUNS, async || translate().await).await,
    ];
    assert_eq!(seconds, [7200, 86_400, 5400, 3600, 1800, 3600]);
}

#[tokio::test]
async fn the_attribute_comes_before_the_table_and_the_operator_before_the_attribute() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "ranked", op = "summarize", ttl = "90s")]
    async fn by_attribute() -> usize {
        RUNS.count()
    }
    #[cached(kind = "ranked", op = "qa", ttl = "90s")]
    async fn by_operator() -> usize {
        RUNS.count()
    }
    let config = CacheFactory::ai_app().operation_ttl("qa", Duration::from_secs(30));
    let clock = register("ranked", config);

    let attribute = lifetime(&clock, &RUNS, async || by_attribute().await).await;
    let operator = lifetime(&clock, &RUNS, async || by_operator().await).await;
    assert_eq!((attribute, operator), (90, 30));
}

#[tokio::test]
async fn the_calls_own_word_comes_before_all() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "called", op = "qa", ttl = "90s")]
    async fn answer() -> usize {
        RUNS.count()
    }
    let config = roomy().operation_ttl("qa", Duration::from_secs(30));
    let clock = register("called", config);

    let ten = Duration::from_secs(10);
    let seconds = lifetime(&clock, &RUNS, async || call::ttl(ten, answer()).await).await;
    assert_eq!(seconds, 10);

    clock.advance(Duration::from_secs(1 << 19));
    let runs = RUNS.total();
    call::ttl(Duration::ZERO, answer()).await;
    call::ttl(Duration::ZERO, answer()).await;
    assert_eq!(RUNS.total(), runs + 2, "zero means: not kept");
}

#[tokio::test]
async fn the_kinds_default_holds_where_nobody_says_anything() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "silent")]
    async fn answer() -> usize {
        RUNS.count()
    }
    let clock = register("silent", CacheFactory::web_app());
    let seconds = lifetime(&clock, &RUNS, async || answer().await).await;
    assert_eq!(seconds, 1800);
}
