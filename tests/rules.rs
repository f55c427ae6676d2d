//! What an attribute says about the value: whether it is kept, and for how long.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use larder::testing::ManualClock;
use larder::{Cache, CacheConfigBuilder, Ttl, cached, call};
use serde::{Deserialize, Serialize};
use support::map_store::MapStore;
use support::{Runs, register, roomy};

fn register_with_clock(kind: &str, config: CacheConfigBuilder) -> ManualClock {
    let clock = ManualClock::new();
    let config = config.build().expect("valid settings");
    let cache = Cache::builder(kind, &config).clock(clock.clone()).build();
    larder::register(cache.expect("a cache"));
    clock
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    text: String,
    is_complete: bool,
    seconds: u64,
}

impl Answer {
    fn is_complete(&self) -> bool {
        self.is_complete
    }
}

#[tokio::test]
async fn a_value_that_the_attribute_refuses_is_not_kept_in_any_tier() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "refused", cache_if = |answer| answer.is_complete)]
    async fn whole(text: &str, is_complete: bool) -> Result<Answer, String> {
        RUNS.count();
        Ok(Answer {
            text: text.to_owned(),
            is_complete,
            seconds: 0,
        })
    }
    #[cached(kind = "refused", unless = |length| *length < least)]
    async fn long(text: &str, least: usize) -> Option<usize> {
        RUNS.count();
        Some(text.len())
    }
    #[cached(kind = "refused", cache_if = Answer::is_complete, unless = |it| it.text.is_empty())]
    async fn both(text: &str, is_complete: bool) -> Option<Answer> {
        RUNS.count();
        Some(Answer {
            text: text.to_owned(),
            is_complete,
            seconds: 0,
        })
    }
    let store = Arc::<MapStore>::default();
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("refused", &config)
        .store(store.clone())
        .build();
    let cache = cache.expect("a cache");
    larder::register(cache.clone());

    let mut expected = 0;
    for (runs_again, text, flag) in [(false, "a", true), (true, "a", false), (true, "", false)] {
        for attempt in 0..2 {
            expected += usize::from(runs_again || attempt == 0);
            assert_eq!(whole(text, flag).await.expect("an answer").text, text);
            assert_eq!(RUNS.total(), expected, "whole {text:?} {flag}");
        }
    }
    for (runs_again, text, least) in [(false, "abc", 3), (true, "ab", 3), (false, "ab", 2)] {
        for attempt in 0..2 {
            expected += usize::from(runs_again || attempt == 0);
            assert_eq!(long(text, least).await, Some(text.len()));
            assert_eq!(RUNS.total(), expected, "long {text:?} {least}");
        }
    }
    for (runs_again, text, flag) in [(false, "a", true), (true, "a", false), (true, "", true)] {
        for attempt in 0..2 {
            expected += usize::from(runs_again || attempt == 0);
            assert_eq!(both(text, flag).await.expect("an answer").text, text);
            assert_eq!(RUNS.total(), expected, "both {text:?} {flag}");
        }
    }
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(store.entries.lock().expect("no panic").len(), 4);
    assert_eq!((cache.stats().computed, cache.stats().not_kept), (4, 10));
}

#[tokio::test]
async fn callers_that_waited_for_a_refused_value_take_it() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "waited", cache_if = |_| false)]
    async fn run(_id: u32) -> usize {
        let run = RUNS.count();
        tokio::task::yield_now().await;
        run
    }
    register("waited", roomy());

    assert_eq!(tokio::join!(run(1), run(1), run(1)), (1, 1, 1));
    assert_eq!(run(1).await, 2);
}

#[tokio::test]
async fn a_lifetime_may_depend_on_the_arguments_and_on_the_value() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "computed", ttl = Duration::from_secs(seconds * factor(&name)))]
    async fn of_arguments(name: String, seconds: u64) -> usize {
        drop(name);
        RUNS.count()
    }
    fn factor(name: &str) -> u64 {
        name.len() as u64
    }
    #[cached(kind = "computed", ttl = |answer| Duration::from_secs(answer.seconds))]
    async fn of_value(text: &str, seconds: u64) -> Result<Answer, String> {
        RUNS.count();
        Ok(Answer {
            text: text.to_owned(),
            is_complete: true,
            seconds,
        })
    }
    #[cached(kind = "computed", ttl = Ttl::Never)]
    async fn for_ever(_id: u32) -> usize {
        RUNS.count()
    }
    let clock = register_with_clock("computed", roomy());

    let age = async |seconds, runs| {
        clock.advance(Duration::from_secs(seconds));
        of_arguments("ab".to_owned(), 10).await;
        of_value("a", 15).await.expect("an answer");
        for_ever(1).await;
        assert_eq!(RUNS.total(), runs);
    };
    age(0, 3).await;
    age(14, 3).await;
    age(2, 4).await;
    age(4, 5).await;
    age(1 << 30, 7).await;

    // A lifetime of zero: not kept.
    for run in 8..=9 {
        of_arguments(String::new(), 10).await;
        assert_eq!(RUNS.total(), run);
    }
    for run in 10..=11 {
        of_value("a", 0).await.expect("an answer");
        assert_eq!(RUNS.total(), run);
    }
}

#[tokio::test]
async fn the_operator_and_the_call_come_before_a_computed_lifetime() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "outranked", op = "short", ttl = |_| Duration::from_secs(1000))]
    async fn short(_id: u32) -> usize {
        RUNS.count()
    }
    let config = roomy().operation_ttl("short", Duration::from_secs(100));
    let clock = register_with_clock("outranked", config);

    short(1).await;
    clock.advance(Duration::from_secs(99));
    short(1).await;
    assert_eq!(RUNS.total(), 1);
    clock.advance(Duration::from_secs(1));
    call::ttl(Duration::from_secs(10), short(1)).await;
    assert_eq!(RUNS.total(), 2);
    clock.advance(Duration::from_secs(10));
    short(1).await;
    assert_eq!(RUNS.total(), 3);
}

#[test]
fn the_same_rules_for_a_function_that_is_not_async() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "ruled", local, cache_if = |n| n % 2 == 0, ttl = |n| Duration::from_secs(*n))]
    fn next(n: u64) -> u64 {
        RUNS.count();
        n + 1
    }
    let clock = register_with_clock("ruled", roomy());

    assert_eq!((next(9), next(9)), (10, 10));
    assert_eq!(RUNS.total(), 1);
    assert_eq!((next(8), next(8)), (9, 9));
    assert_eq!(RUNS.total(), 3);
    clock.advance(Duration::from_secs(10));
    assert_eq!(next(9), 10);
    assert_eq!(RUNS.total(), 4);
}
