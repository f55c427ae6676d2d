//! Kinds and operations that are switched off for a while.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Barrier};
use std::time::Duration;

use larder::call::{self, Control, MissReason, Origin, Outcome};
use larder::{Cache, Reach, cached};
use support::map_store::MapStore;
use support::{Runs, poll_once, register, register_over, roomy};
use tokio::sync::Semaphore;

/// Where a call went that found the cache switched off.
const OFF: (Origin, Option<MissReason>) = (Origin::Uncached, Some(MissReason::SwitchedOff));

fn way<T>(outcome: &Outcome<T>) -> (Origin, Option<MissReason>) {
    (outcome.origin, outcome.miss)
}

#[tokio::test]
async fn the_functions_of_a_kind_that_is_off_run_as_without_a_cache() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "off")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let cache = register("off", roomy());
    assert!(cache.is_on());
    assert_eq!(run(1).await, 1);

    cache.switch_off();
    assert!(!cache.is_on());
    for runs in [2, 3] {
        let outcome = call::outcome(run(1)).await;
        assert_eq!((outcome.value, way(&outcome)), (runs, OFF));
        assert_eq!((outcome.age, &outcome.key), (Duration::ZERO, &None));
    }
    assert_eq!(run(2).await, 4);
    let stats = cache.stats();
    assert_eq!((stats.switched_off, stats.total_entries), (3, 1));
    assert_eq!((stats.hits, stats.misses), (0, 1));
    assert_eq!(larder::unknown_kind_calls(), 0);
    let before = larder::cache("off").expect("it is still there");
    assert!(!before.is_on());

    cache.switch_on();
    let there = call::outcome(run(1)).await;
    assert_eq!((there.value, there.origin), (1, Origin::Memory));
    // What was computed meanwhile was not kept.
    assert_eq!(call::outcome(run(2)).await.origin, Origin::Computed);

    // A cache that is registered in its place is on.
    cache.switch_off();
    register("off", roomy());
    run(1).await;
    assert_eq!(call::outcome(run(1)).await.origin, Origin::Memory);
}

#[tokio::test]
async fn an_operation_that_is_off_leaves_the_others_as_they_are() {
    #[cached(kind = "operations", op = "tried")]
    async fn tried(id: u32) -> u32 {
        id
    }
    #[cached(kind = "operations", op = "proven")]
    async fn proven(id: u32) -> u32 {
        id
    }
    let cache = register("operations", roomy());
    // Before anybody has called it.
    cache.switch_operation_off("tried");
    assert!(cache.is_on() && cache.is_operation_on("proven"));
    assert!(!cache.is_operation_on("tried"));
    for _ in 0..2 {
        assert_eq!(way(&call::outcome(tried(1)).await), OFF);
        proven(1).await;
    }
    assert_eq!(call::outcome(proven(1)).await.origin, Origin::Memory);
    cache.set("key", 1).await;
    assert_eq!(cache.get("key").await, Some(1));

    // Both have to be on.
    cache.switch_off();
    assert!(!cache.is_operation_on("proven"));
    cache.switch_operation_on("tried");
    assert!(!cache.is_operation_on("tried"));
    assert_eq!(way(&call::outcome(tried(1)).await), OFF);
    cache.switch_operation_off("tried");
    cache.switch_on();
    assert_eq!(way(&call::outcome(tried(1)).await), OFF);
    assert_eq!(call::outcome(proven(1)).await.origin, Origin::Memory);
    cache.switch_operation_on("tried");
    assert_eq!(call::outcome(tried(1)).await.origin, Origin::Computed);
    assert_eq!(call::outcome(tried(1)).await.origin, Origin::Memory);
}

#[tokio::test]
async fn what_is_invalidated_meanwhile_is_not_served_afterwards() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "meanwhile", op = "run", tags("tag:{id}"))]
    async fn run(id: u32) -> usize {
        let _ = id;
        RUNS.count()
    }
    async fn invalidate(cache: &Cache, way_of_it: &str) {
        match way_of_it {
            "call::remove" => assert!(call::remove(run(1)).await),
            "call::expire" => assert!(call::expire(run(1)).await),
            "call::refresh" => {
                let refreshed = call::outcome(call::refresh(run(1))).await;
                assert_eq!(way(&refreshed), OFF);
            }
            "nothing" => {}
            in_one_step => {
                let reach = match in_one_step {
                    "remove_operation" => cache.remove_operation("run").await,
                    "expire_operation" => cache.expire_operation("run").await,
                    "remove_tag" => cache.remove_tag("tag:1").await,
                    "expire_all" => cache.expire_all().await,
                    _ => cache.clear().await,
                };
                assert_eq!(reach, Reach::Everywhere);
            }
        }
    }
    let ways = [
        "call::remove",
        "call::expire",
        "call::refresh",
        "remove_operation",
        "expire_operation",
        "remove_tag",
        "expire_all",
        "clear",
        "nothing",
    ];
    let store = Arc::<MapStore>::default();
    let over_store = register_over("meanwhile", &store);
    let in_memory = Cache::builder("meanwhile", &roomy().build().expect("valid settings"))
        .build()
        .expect("a cache");
    for cache in [over_store, in_memory] {
        larder::register(cache.clone());
        for name in ways {
            run(1).await;
            assert!(cache.flush(Duration::from_secs(1)).await);
            cache.switch_off();
            invalidate(&cache, name).await;
            cache.switch_on();
            let outcome = call::outcome(run(1)).await;
            let expected = match name {
                "nothing" => Origin::Memory,
                _ => Origin::Computed,
            };
            assert_eq!(outcome.origin, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_computation_is_not_waited_for_and_keeps_what_it_brings() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "under-way")]
    async fn run(_id: u32) -> usize {
        let run = RUNS.count();
        if run == 1 {
            GATE.acquire().await.expect("never closed").forget();
        }
        run
    }
    let cache = register("under-way", roomy());
    let mut first = Box::pin(run(1));
    assert!(poll_once(&mut first).is_pending());
    cache.switch_off();
    assert_eq!(run(1).await, 2);
    cache.switch_on();
    GATE.add_permits(1);
    assert_eq!(first.await, 1);
    let kept = call::outcome(run(1)).await;
    assert_eq!((kept.value, kept.origin), (1, Origin::Memory));
}

#[tokio::test]
async fn control_of_a_call_knows_that_the_kind_is_off() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "controlled-off")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("controlled-off", &store);
    run(1).await;
    let key = call::key(run(1)).await;
    assert!(key.is_some());
    cache.switch_off();

    let peeked = call::outcome(call::peek(run(1))).await;
    assert_eq!((peeked.value, peeked.origin), (None, Origin::Stopped));
    assert_eq!(RUNS.total(), 1, "no body has begun");
    assert_eq!(call::key(run(1)).await, key);
    assert!(!call::remove(run(2)).await);
    assert_eq!(RUNS.total(), 1, "no body has begun");
    assert_eq!(way(&call::outcome(call::bypass(run(1))).await), OFF);
    let warmed = call::warm([run(1), run(2)]).run().await;
    assert_eq!((warmed.failed, warmed.total()), (2, 2));
    assert_eq!(cache.stats().switched_off, 4);
}

#[tokio::test]
async fn every_kind_of_function_sees_the_switch() {
    #[cached(kind = "shapes-off", local)]
    fn sync(n: u32) -> u32 {
        n
    }
    #[cached(kind = "shapes-off", value = plain)]
    async fn generic<
        T: serde::Serialize + serde::de::DeserializeOwned + Clone + Send + Sync + 'static,
    >(
        n: T,
    ) -> T {
        n
    }
    #[cached(kind = "shapes-off")]
    fn returned(n: u32) -> impl Future<Output = u32> {
        std::future::ready(n)
    }
    #[cached(kind = "shapes-off", detach)]
    async fn detached(n: u32) -> u32 {
        n
    }
    let cache = register("shapes-off", roomy());
    let mut origins = Vec::new();
    for on in [true, true, false, true] {
        if on {
            cache.switch_on();
        } else {
            cache.switch_off();
        }
        let sync = call::sync(Control::new(), || sync(1));
        let of_numbers = call::outcome(generic(1)).await;
        let of_texts = call::outcome(generic("a".to_owned())).await;
        let returned = call::outcome(returned(1)).await;
        let detached = call::outcome(detached(1)).await;
        origins.push([
            sync.origin,
            of_numbers.origin,
            of_texts.origin,
            returned.origin,
            detached.origin,
        ]);
    }
    let expected = [
        Origin::Computed,
        Origin::Memory,
        Origin::Uncached,
        Origin::Memory,
    ];
    assert_eq!(origins, expected.map(|origin| [origin; 5]));

    // What replaces goes on for functions that are not async, too.
    cache.switch_off();
    let refreshed = call::sync(Control::new().refresh(), || sync(1));
    assert_eq!(way(&refreshed), OFF);
    cache.switch_on();
    let anew = call::sync(Control::new(), || sync(1));
    assert_eq!(anew.origin, Origin::Computed);
}

#[tokio::test]
async fn for_the_methods_of_a_handle_every_key_is_absent() {
    let store = Arc::<MapStore>::default();
    let cache = register_over("handle-off", &store);
    for key in ["kept", "removed", "set", "set-many", "refreshed"] {
        cache.set(key, 1).await;
    }
    cache.switch_off();
    assert_eq!(cache.get::<i32>("kept").await, None);
    assert_eq!(cache.get_many::<i32>(&["kept", "set"]).await, [None, None]);
    assert!(!cache.exists("kept").await);
    assert_eq!(cache.ttl("kept").await, None);
    assert_eq!(cache.stats().switched_off, 3);
    assert_eq!(cache.size(), 5);
    for n in [2, 3] {
        assert_eq!(cache.get_or_compute("kept", async || n).await, n);
        let computed: Result<i32, String> = cache.get_or_try_compute("kept", async || Ok(n)).await;
        assert_eq!(computed, Ok(n));
    }
    assert_eq!(cache.stats().switched_off, 7);
    let peeked = call::peek(cache.get_or_compute("kept", async || 4)).await;
    assert_eq!(peeked, None);
    // What would be replaced is over.
    cache.set("set", 2).await;
    cache.set_many([("set-many", 2), ("new", 2)]).await;
    assert!(cache.remove("removed").await);
    let refreshed = call::refresh(cache.get_or_compute("refreshed", async || 2)).await;
    assert_eq!(refreshed, 2);

    cache.switch_on();
    assert_eq!(cache.get("kept").await, Some(1));
    let gone = ["removed", "set", "set-many", "new", "refreshed"];
    assert_eq!(cache.get_many::<i32>(&gone).await, [None; 5]);
    assert_eq!(cache.keys("*").await, ["kept"]);
}

#[test]
fn threads_that_have_called_a_function_before_see_the_switch() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "threads-off", local)]
    fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let cache = register("threads-off", roomy());
    run(1);
    let barrier = Barrier::new(5);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(run(1), 1);
                barrier.wait();
                barrier.wait();
                assert!(run(1) > 1);
                barrier.wait();
                barrier.wait();
                assert_eq!(run(1), 1);
            });
        }
        barrier.wait();
        cache.switch_off();
        barrier.wait();
        barrier.wait();
        cache.switch_on();
        barrier.wait();
    });
    assert_eq!(RUNS.total(), 5);
}
