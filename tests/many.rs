//! Many keys at once, and calls ahead of those who need them.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use larder::call::{self, Origin};
use larder::testing::ManualClock;
use larder::{Cache, CacheFactory, cached};
use support::map_store::MapStore;
use support::{Runs, register, register_over, roomy};
use tokio::time::Instant;

/// A process with an empty memory over this store.
fn process(store: &Arc<MapStore>) -> Cache {
    let config = roomy().l1_cache_size(200_000).build();
    let cache = Cache::builder("many", &config.expect("valid settings"));
    cache.store(store.clone()).build().expect("a cache")
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("user:{n}")).collect()
}

#[tokio::test]
async fn many_keys_are_answered_in_their_order() {
    for store in [None, Some(Arc::<MapStore>::default())] {
        let cache = match &store {
            Some(store) => process(store),
            None => CacheFactory::for_testing().await.expect("a cache"),
        };
        cache.set_many([("a", 1), ("b", 2), ("a", 3)]).await;
        for cache in [Some(cache), store.as_ref().map(process)]
            .into_iter()
            .flatten()
        {
            let found = cache.get_many::<i32>(&["b", "none", "a", "b"]).await;
            assert_eq!(found, [Some(2), None, Some(3), Some(2)]);
            let stats = cache.stats();
            assert_eq!((stats.hits, stats.misses), (3, 1));
            assert_eq!(
                cache.get_many::<String>(&["a"]).await,
                [None],
                "another type"
            );
            assert_eq!(cache.get_many::<i32>(&[""; 0]).await, []);
        }
    }
}

#[tokio::test]
async fn many_keys_are_removed_and_counted_once() {
    let store = Arc::<MapStore>::default();
    let (cache, other) = (process(&store), process(&store));
    cache.set_many([("a", 1), ("b", 2), ("c", 3)]).await;
    assert_eq!(other.remove_many(&["a", "none", "b", "a"]).await, 2);
    assert_eq!(other.remove_many(&[""; 0]).await, 0);
    assert_eq!(store.keys_of_entries(), ["many:key:c"]);
    assert_eq!(
        process(&store).get_many::<i32>(&["a", "b", "c"]).await,
        [None, None, Some(3)]
    );
    cache.set_many_for([("c", 4)], Duration::ZERO).await;
    assert_eq!(process(&store).get::<i32>("c").await, None);
}

#[tokio::test(start_paused = true)]
async fn all_keys_that_memory_does_not_have_take_one_round_trip() {
    let store = Arc::<MapStore>::default();
    store.latency.store(10, Ordering::SeqCst);
    let writer = process(&store);
    let entries = keys(300).into_iter().zip(0_usize..);
    let ((), taken) = round_trips(writer.set_many(entries)).await;
    assert_eq!(taken, 1 + 3, "one of them for the generations");

    for (count, expected) in [(128, 1), (300, 3)] {
        let reader = process(&store);
        let keys = keys(count);
        let (found, taken) = round_trips(reader.get_many(&keys)).await;
        assert_eq!(found, (0..count).map(Some).collect::<Vec<_>>());
        assert_eq!(taken, expected, "for {count} keys");
        let (found, taken) = round_trips(reader.get_many::<usize>(&keys)).await;
        assert_eq!((found.len(), taken), (count, 0), "from memory");
    }
    let (removed, taken) = round_trips(process(&store).remove_many(&keys(300))).await;
    assert_eq!((removed, taken), (300, 3));
}

/// How many round trips of 10 ms that takes.
async fn round_trips<T>(work: impl Future<Output = T>) -> (T, u128) {
    let start = Instant::now();
    let value = work.await;
    (value, start.elapsed().as_millis() / 10)
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_many_keys_no_more_than_a_few() {
    let store = Arc::<MapStore>::default();
    let cache = process(&store);
    store.hangs.store(true, Ordering::SeqCst);
    let keys = keys(100_000);

    let start = Instant::now();
    assert_eq!(cache.get_many::<usize>(&keys).await, vec![None; 100_000]);
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(cache.stats().store_timeouts, 1);

    let start = Instant::now();
    cache.set_many(keys.iter().zip(0..100_000_usize)).await;
    assert!(start.elapsed() <= Duration::from_millis(150));
    let found = cache.get_many::<usize>(&keys).await;
    assert_eq!(found, (0..100_000).map(Some).collect::<Vec<_>>());

    let start = Instant::now();
    assert_eq!(cache.remove_many(&keys).await, 100_000);
    assert!(start.elapsed() <= Duration::from_millis(150));
    assert_eq!(cache.size(), 0);
}

#[tokio::test]
async fn ten_thousand_keys_come_back() {
    let store = Arc::<MapStore>::default();
    let keys = keys(10_000);
    process(&store)
        .set_many(keys.iter().zip(0..10_000_usize))
        .await;
    let found = process(&store).get_many::<usize>(&keys).await;
    assert_eq!(found, (0..10_000).map(Some).collect::<Vec<_>>());
    assert_eq!(process(&store).remove_many(&keys).await, 10_000);
    assert!(store.keys_of_entries().is_empty());
}

#[tokio::test]
async fn many_keys_hold_what_single_ones_hold() {
    let store = Arc::<MapStore>::default();
    let cache = process(&store);
    let longest = "k".repeat(16 * 1024);
    let longer = format!("{longest}k");
    cache.set_many([(longest.as_str(), 1), (&longer, 2)]).await;
    let found = process(&store)
        .get_many::<i32>(&[&longer, &longest, &longer])
        .await;
    assert_eq!(found, [None, Some(1), None]);
    assert_eq!(cache.remove_many(&[&longer, &longest]).await, 1);
    assert_eq!(cache.stats().no_key, 1);

    // Tenants.
    call::tenant("a", cache.set_many([("k", 1)])).await;
    assert_eq!(cache.get_many::<i32>(&["k"]).await, [None]);
    assert_eq!(call::tenant("b", cache.remove_many(&["k"])).await, 0);
    let other = process(&store);
    assert_eq!(
        call::tenant("a", other.get_many::<i32>(&["k"])).await,
        [Some(1)]
    );

    // Generations.
    cache.expire_all().await;
    let found = call::tenant("a", process(&store).get_many::<i32>(&["k"])).await;
    assert_eq!(found, [None]);

    // What cannot be read is a miss for its own key alone.
    cache.set_many([("good", 1), ("bad", 2)]).await;
    store.put("many:key:bad", b"no entry");
    let reader = process(&store);
    assert_eq!(
        reader.get_many::<i32>(&["good", "bad"]).await,
        [Some(1), None]
    );
    assert_eq!(reader.stats().refused.foreign, 1);
}

#[tokio::test]
async fn what_is_removed_or_set_while_many_keys_are_looked_up_is_not_brought_back() {
    let store = Arc::<MapStore>::default();
    process(&store)
        .set_many([("a", 1), ("b", 2), ("c", 3)])
        .await;
    let cache = process(&store);
    let mut looking = Box::pin(cache.get_many::<i32>(&["a", "b", "c"]));
    assert!((&mut looking).now_or_never().is_none(), "it waits");
    assert!(cache.remove("a").await);
    cache.set("c", 4).await;
    assert_eq!(looking.await, [None, Some(2), Some(4)]);
    assert_eq!(cache.active_keys(), ["b", "c"]);
}

#[tokio::test]
async fn a_removal_of_many_keys_wins_over_what_was_being_computed() {
    let store = Arc::<MapStore>::default();
    let (one, other) = (process(&store), process(&store));
    let gate = tokio::sync::Semaphore::new(0);
    let mut computing = Box::pin(other.get_or_compute("a", async || {
        let _pass = gate.acquire().await;
        1
    }));
    while store.generations.lock().expect("no panic").is_empty() {
        assert!((&mut computing).now_or_never().is_none(), "it waits");
        tokio::task::yield_now().await;
    }
    one.remove_many(&["a"]).await;
    gate.add_permits(1);
    assert_eq!(computing.await, 1);
    assert!(other.flush(Duration::from_secs(1)).await);
    assert_eq!(process(&store).get::<i32>("a").await, None);
}

#[tokio::test]
async fn the_futures_of_many_keys_can_be_spawned_and_dropped() {
    let store = Arc::<MapStore>::default();
    let cache = process(&store);
    let spawned = cache.clone();
    let set = async move { spawned.set_many(keys(10).into_iter().zip(0..)).await };
    tokio::spawn(set).await.expect("no panic");
    let reader = process(&store);
    drop(reader.get_many::<i32>(&keys(10)).now_or_never());
    assert_eq!(reader.get_many::<i32>(&keys(2)).await, [Some(0), Some(1)]);
    assert_eq!(
        reader.remove_many(&keys(10)).now_or_never(),
        None,
        "it waits"
    );
    assert_eq!(reader.get_many::<i32>(&keys(2)).await, [None, None]);
}

#[cached(kind = "warmed", op = "warm.name")]
async fn name(id: u32) -> Result<String, String> {
    assert_ne!(id, 13, "this one panics");
    if id == 14 {
        return Err("nobody".to_owned());
    }
    tokio::task::yield_now().await;
    Ok(format!("user {id}"))
}

#[tokio::test]
async fn calls_are_run_ahead_and_reported() {
    let cache = register("warmed", roomy());
    assert_eq!(name(1).await.as_deref(), Ok("user 1"));
    let mut last = None;
    let warm = call::warm((0..20).map(name)).on_progress(|so_far| {
        assert_eq!(
            last.map_or(0, |last: call::WarmReport| last.total()) + 1,
            so_far.total()
        );
        last = Some(so_far);
    });
    let report = warm.run().await;
    assert_eq!((report.computed, report.present, report.failed), (17, 1, 2));
    assert_eq!(last, Some(report));
    assert_eq!(call::outcome(name(19)).await.origin, Origin::Memory);

    let keys = ["a", "b", "a"];
    let calls = keys.iter().map(|key| cache.get_or_compute(key, async || 1));
    let report = call::warm(calls).concurrency(0).run().await;
    assert_eq!((report.computed, report.present, report.failed), (2, 1, 0));

    let uncached = call::warm([async { 1 }]).run().await;
    assert_eq!(uncached.failed, 1);
    let none: [std::future::Ready<()>; 0] = [];
    assert_eq!(call::warm(none).run().await, call::WarmReport::default());
}

#[tokio::test]
async fn a_call_that_is_run_ahead_and_fails_has_failed_although_there_is_an_older_result() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(kind = "warm-stale", ttl = "1m", stale_if_error = "1h")]
    async fn quote() -> Result<u32, String> {
        if FAILS.load(Ordering::SeqCst) {
            return Err("down".to_owned());
        }
        Ok(1)
    }
    let clock = ManualClock::new();
    let cache = Cache::builder("warm-stale", &roomy().build().expect("valid settings"));
    let cache = cache.clock(clock.clone()).build().expect("a cache");
    larder::register(cache);
    assert_eq!(quote().await, Ok(1));
    clock.advance(Duration::from_secs(60));
    FAILS.store(true, Ordering::SeqCst);
    let report = call::warm([quote()]).run().await;
    assert_eq!((report.failed, report.total()), (1, 1));
}

#[tokio::test]
async fn no_more_calls_run_at_once_than_were_asked_for() {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    #[cached(kind = "warmed-side-by-side")]
    async fn slow(id: u32) -> u32 {
        let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
        MOST.fetch_max(running, Ordering::SeqCst);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        id
    }
    register("warmed-side-by-side", roomy());
    for at_once in [1, 5] {
        let calls = (0..50).map(|id| call::refresh(slow(id)));
        let report = call::warm(calls).concurrency(at_once).run().await;
        assert_eq!(report.computed, 50);
        assert_eq!(MOST.swap(0, Ordering::SeqCst), at_once);
    }
}

#[tokio::test]
async fn a_panic_in_the_callback_and_a_drop_leave_the_cache_whole() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "warmed-and-dropped")]
    async fn run(id: u32) -> u32 {
        RUNS.count();
        tokio::task::yield_now().await;
        id
    }
    register("warmed-and-dropped", roomy());
    let told = AtomicUsize::new(0);
    let warm = call::warm((0..10).map(run)).on_progress(|_| {
        told.fetch_add(1, Ordering::SeqCst);
        panic!("the callback panics");
    });
    assert_eq!(warm.run().await.computed, 10);
    assert_eq!(told.into_inner(), 1);

    let warm = call::warm((100..200).map(run)).concurrency(3);
    assert!(
        warm.run().now_or_never().is_none(),
        "it waits, and is dropped"
    );
    assert_eq!(RUNS.total(), 13);
    assert_eq!(run(100).await, 100);
}

#[cached(kind = "counted", op = "summarize")]
async fn summarize(text: &str) -> usize {
    text.len()
}

#[cached(kind = "counted", op = "summarize_all")]
async fn summarize_all(text: &str) -> usize {
    text.len()
}

#[cached(kind = "counted", op = "summarize", local)]
async fn summarize_here(text: &str) -> usize {
    text.len()
}

#[tokio::test]
async fn an_operation_is_removed_and_counted() {
    let store = Arc::<MapStore>::default();
    let cache = register_over("counted", &store);
    let call_all = async || {
        for text in ["a", "b|*"] {
            summarize(text).await;
        }
        summarize_all("op:summarize|").await;
        summarize_here("a").await;
        cache.set("op:summarize|a", 1).await;
    };
    call_all().await;
    assert_eq!(cache.size(), 5);
    assert_eq!(cache.remove_operation_counted("summarize").await, 3);
    assert_eq!(cache.remove_operation_counted("summarize").await, 0);
    assert_eq!(cache.remove_operation_counted("nothing").await, 0);
    assert_eq!(cache.stats().total_entries, 2, "they have left memory");
    assert_eq!(store.keys_of_entries().len(), 2, "and the store");
    assert_eq!(call::outcome(summarize("a")).await.origin, Origin::Computed);
    let others = call::outcome(summarize_all("op:summarize|")).await;
    assert_eq!(others.origin, Origin::Memory);

    // Those that are in the store alone.
    call_all().await;
    assert!(cache.flush(Duration::from_secs(1)).await);
    let other = register_over("counted", &store);
    assert_eq!(other.remove_operation_counted("summarize").await, 2);
}
