//! What a cache does at the moment, one row of the documents a test. The clock is tokio's, and stands still
//! but for what the tests let pass.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use larder::{Analysis, Cache, Rating, Watch, cached};
use support::{Log, register, roomy};
use tokio::time::sleep;

async fn seconds(seconds: u64) {
    // A little more, so that those who wait for the same moment are done.
    sleep(Duration::from_secs(seconds) + Duration::from_millis(1)).await;
}

fn usual(cache: &Cache) -> Watch {
    cache.watch(Watch::WINDOW, Watch::PACE)
}

/// So many look-ups that find something, and so many that find nothing.
async fn ask(cache: &Cache, hits: usize, misses: usize) {
    cache.set("there", 1_u32).await;
    for _ in 0..hits {
        cache.get::<u32>("there").await;
    }
    for _ in 0..misses {
        cache.get::<u32>("not there").await;
    }
}

fn rate(analysis: &Analysis) -> f64 {
    analysis.operations_per_second
}

#[test]
fn mon_19_the_usual_window_is_a_minute_with_a_look_every_five_seconds() {
    assert_eq!(Watch::WINDOW, Duration::from_secs(60));
    assert_eq!(Watch::PACE, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn mon_19_a_window_slides_over_what_is_called() {
    let cache = register("watch.slides", roomy());
    let watch = usual(&cache);
    seconds(1).await;
    assert_eq!(watch.latest(), None, "there is no difference to one moment");
    ask(&cache, 900, 100).await;
    seconds(5).await;
    let first = watch.latest().expect("the second look");
    assert_eq!((first.operations, first.window), (1000, Watch::PACE));
    assert!((rate(&first) - 200.0).abs() < 1e-9);
    assert_eq!(
        (first.hit_ratio, first.rating),
        (Some(0.9), Some(Rating::Acceptable))
    );
    assert!(first.mean_time_ms.is_some_and(|it| it > 0.0));
    seconds(50).await;
    let later = watch.latest().expect("more looks");
    assert_eq!(later.operations, 1000);
    assert_eq!(later.window, Duration::from_secs(55));
    seconds(10).await;
    let after = watch.latest().expect("more looks");
    assert_eq!((after.operations, after.window), (0, Watch::WINDOW));
    assert_eq!(
        (after.hit_ratio, after.rating, after.mean_time_ms),
        (None, None, None)
    );
}

#[tokio::test(start_paused = true)]
async fn mon_18_a_cache_is_rated_by_calls_and_hits() {
    let cache = register("watch.rated", roomy());
    for (hits, misses, expected) in [
        (9000, 1000, Rating::Excellent),
        (4000, 1000, Rating::Good),
        (3000, 1000, Rating::Good),
        (600, 400, Rating::Acceptable),
        (90, 10, Rating::Poor),
        (500, 5000, Rating::Poor),
    ] {
        let asking = async {
            sleep(Duration::from_millis(1)).await;
            ask(&cache, hits, misses).await;
        };
        let analyzing = cache.analyze(Duration::from_secs(5));
        let (found, ()) = tokio::join!(analyzing, asking);
        let found = found.expect("there are timers");
        assert_eq!(found.rating, Some(expected), "{found:?}");
        assert_eq!(found.window, Duration::from_secs(5));
    }
}

#[tokio::test(start_paused = true)]
async fn resetting_statistics_means_nothing_to_a_watch() {
    let cache = register("watch.reset", roomy());
    let watch = usual(&cache);
    seconds(1).await;
    ask(&cache, 10, 0).await;
    cache.reset_statistics();
    ask(&cache, 10, 0).await;
    seconds(5).await;
    assert_eq!(watch.latest().map(|it| it.operations), Some(20));
}

#[tokio::test(start_paused = true)]
async fn whoever_subscribes_is_told_of_every_look() {
    let cache = register("watch.told", roomy());
    let watch = usual(&cache);
    let mut early = watch.subscribe();
    let first = early.next().await.expect("a look");
    assert_eq!(first.window, Watch::PACE);
    let second = early.next().await.expect("a look");
    assert_eq!(second.window, 2 * Watch::PACE);
    // The latest that was found is new to somebody who comes later.
    let mut late = watch.subscribe();
    assert_eq!(late.next().await.expect("a look").window, 2 * Watch::PACE);
    assert_eq!(late.next().await.expect("a look").window, 3 * Watch::PACE);
    drop(watch);
    assert_eq!(
        early.next().await.map(|it| it.window),
        Some(3 * Watch::PACE)
    );
    assert_eq!(early.next().await, None);
    assert_eq!(late.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_watch_keeps_no_cache() {
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("watch.gone", &config)
        .build()
        .expect("a cache");
    let watch = usual(&cache);
    let mut told = watch.subscribe();
    seconds(1).await;
    assert!(watch.is_running());
    drop(cache);
    assert_eq!(told.next().await, None);
    assert!(!watch.is_running());
}

#[tokio::test(start_paused = true)]
async fn a_window_and_its_pace_are_bounded() {
    let cache = register("watch.bounds", roomy());
    for (window, every, expected) in [
        (Duration::ZERO, Duration::ZERO, Duration::from_millis(100)),
        (
            Duration::MAX,
            Duration::ZERO,
            Duration::from_secs(86_400) / 599,
        ),
        (
            Duration::from_secs(60),
            Duration::MAX,
            Duration::from_secs(60),
        ),
        (
            Duration::from_secs(1),
            Duration::from_millis(300),
            Duration::from_millis(300),
        ),
    ] {
        let watch = cache.watch(window, every);
        let first = watch.subscribe().next().await.expect("a look");
        let difference = first.window.abs_diff(expected);
        assert!(
            difference < Duration::from_millis(2),
            "{:?}, not {expected:?}",
            first.window
        );
    }
}

#[tokio::test]
async fn mon_5_an_operation_that_has_become_slow_is_named() {
    #[cached(kind = "watch.slow", op = "slow")]
    async fn slow(number: u64) -> u64 {
        std::thread::sleep(Duration::from_millis(if number < 10 { 1 } else { 50 }));
        number
    }
    let cache = register("watch.slow", roomy());
    for number in 0..10 {
        slow(number).await;
    }
    let (found, ()) = tokio::join!(cache.analyze(Duration::from_millis(20)), async {
        slow(10).await;
    });
    let found = found.expect("there are timers").slow_operations;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].operation, "slow");
    assert!(
        found[0].factor >= 2.0 && found[0].now_ms >= 50.0,
        "{found:?}"
    );
}

#[test]
fn nothing_is_watched_on_a_runtime_without_timers() {
    let (log, _guard) = Log::collect_warnings_here();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let cache = register("watch.timeless", roomy());
        let watch = usual(&cache);
        assert!(!watch.is_running());
        assert_eq!(watch.latest(), None);
        assert_eq!(watch.subscribe().next().await, None);
        assert_eq!(cache.analyze(Duration::from_secs(1)).await, None);
    });
    assert!(
        log.lines()
            .iter()
            .any(|line| line.contains("nobody watches what the cache does"))
    );
}
