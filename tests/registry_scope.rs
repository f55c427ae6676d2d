//! Registries of tests' own.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Barrier;
use std::time::Duration;

use larder::cached;
use larder::call::{self, Origin};
use larder::testing::registry_scope;
use support::{register, roomy};
use tokio::runtime::{Builder, Runtime};

#[cached(kind = "scoped", op = "name")]
async fn name(id: u32) -> String {
    format!("{id}")
}

#[cached(kind = "scoped", op = "length", local)]
fn length(text: &str) -> usize {
    text.len()
}

#[cached]
async fn of_the_default_kind(id: u32) -> u32 {
    id
}

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Two tests of this beginning at the same moment, each with a kind of the same name.
static BOTH_ARE_HERE: Barrier = Barrier::new(2);

/// Registers a kind with room for so many entries, and calls its functions from everywhere.
fn sees_its_own(entries: usize) {
    runtime(4).block_on(async move {
        let _scope = registry_scope();
        let cache = register("scoped", roomy().l1_cache_size(entries));
        tokio::task::spawn_blocking(|| BOTH_ARE_HERE.wait())
            .await
            .expect("no panic");
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                tokio::spawn(async move {
                    for round in 0..50 {
                        assert_eq!(name(round).await, format!("{round}"));
                        tokio::task::yield_now().await;
                        let found = larder::cache("scoped").expect("it is registered");
                        assert_eq!(found.stats().max_size, entries, "task {task}");
                    }
                    tokio::spawn(name(7)).await.expect("no panic")
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.expect("no panic"), "7");
        }
        let blocking = tokio::task::spawn_blocking(|| length("five!"));
        assert_eq!(blocking.await.expect("no panic"), 5);
        tokio::task::spawn_blocking(|| BOTH_ARE_HERE.wait())
            .await
            .expect("no panic");
        let stats = cache.stats();
        assert_eq!(stats.hits + stats.misses, 8 * 51 + 1);
        assert_eq!(stats.computed, 51);
        assert_eq!(larder::kinds(), ["ai", "scoped", "web"]);
        assert_eq!(larder::unknown_kind_calls(), 0);
    });
}

/// In one process, whatever runs the tests.
#[test]
fn two_at_the_same_time_see_each_its_own_kinds() {
    std::thread::scope(|scope| {
        scope.spawn(|| sees_its_own(1000));
        scope.spawn(|| sees_its_own(2000));
    });
}

#[tokio::test]
async fn it_begins_with_web_and_ai_in_memory() {
    let _scope = registry_scope();
    assert_eq!(larder::kinds(), ["ai", "web"]);
    for kind in ["ai", "web"] {
        let stats = larder::cache(kind).expect("it is registered").stats();
        assert_eq!((stats.backend_type, stats.max_size), ("memory", 50));
        assert_eq!(stats.default_ttl, Duration::from_secs(60));
    }
    of_the_default_kind(1).await;
    let again = call::outcome(of_the_default_kind(1)).await;
    assert_eq!(again.origin, Origin::Memory);
    let web = larder::cache("web").expect("it is registered");
    assert_eq!((web.stats().memory_hits, web.stats().computed), (1, 1));

    // A kind that nobody registered here is unknown here.
    assert_eq!(call::outcome(name(1)).await.origin, Origin::Uncached);
    assert_eq!(larder::unknown_kind_calls(), 1);
    let problems = larder::verify().expect_err("a kind is missing").to_string();
    assert!(problems.contains("`scoped`") && problems.contains("`ai`, `web`"));

    // Closed: nothing is there until somebody registers it, not even on first use.
    assert!(larder::close().await.is_clean());
    assert_eq!(larder::kinds(), [""; 0]);
    let closed = call::outcome(of_the_default_kind(1)).await;
    assert_eq!(closed.origin, Origin::Uncached);
}

#[tokio::test]
async fn init_in_it_makes_the_two_kinds_from_the_environment() {
    let _scope = registry_scope();
    let kept = register("ai", roomy());
    kept.set("key", 1).await;
    larder::init().await.expect("an empty environment");
    // As the development preset has it.
    let web = larder::cache("web").expect("it is registered");
    assert_eq!(web.stats().default_ttl, Duration::from_secs(600));
    // What somebody has registered stays.
    let ai = larder::cache("ai").expect("it is registered");
    assert_eq!(ai.get("key").await, Some(1));
    larder::init().await.expect("an empty environment");
    web.set("key", 1).await;
    let web = larder::cache("web").expect("it is registered");
    assert_eq!(web.get("key").await, Some(1), "it was made once");
}

#[test]
fn what_runs_elsewhere_sees_the_registry_of_the_process() {
    let (here, elsewhere) = (runtime(1), runtime(1));
    elsewhere.block_on(async {
        register("elsewhere", roomy());
    });
    let _entered = here.enter();
    let scope = registry_scope();
    assert!(larder::cache("elsewhere").is_none());
    // The same thread, another runtime.
    let found = elsewhere.block_on(async { larder::cache("elsewhere") });
    assert!(found.is_some());
    elsewhere.block_on(async {
        let there = tokio::spawn(async { larder::cache("elsewhere") }).await;
        assert!(there.expect("no panic").is_some());
    });
    let of_a_thread = std::thread::spawn(|| larder::cache("elsewhere")).join();
    assert!(of_a_thread.expect("no panic").is_some());
    drop(scope);
    assert!(larder::cache("elsewhere").is_some());
}

#[test]
fn a_thread_that_goes_from_runtime_to_runtime_is_bound_anew() {
    let runtimes = [runtime(1), runtime(1), runtime(1)];
    let mut caches = Vec::new();
    let mut scopes = Vec::new();
    for (at, runtime) in runtimes.iter().enumerate() {
        let _entered = runtime.enter();
        // The last one sees the registry of the process.
        if at < 2 {
            scopes.push(registry_scope());
        }
        caches.push(register("scoped", roomy()));
    }
    for _ in 0..3 {
        for runtime in &runtimes {
            let _entered = runtime.enter();
            length("word");
        }
    }
    let counted = |cache: &larder::Cache| (cache.stats().computed, cache.stats().memory_hits);
    assert_eq!(caches.iter().map(counted).collect::<Vec<_>>(), [(1, 2); 3]);
    drop(scopes);
    for runtime in &runtimes {
        let _entered = runtime.enter();
        length("word");
    }
    let expected = [(1, 2), (1, 2), (1, 5)];
    assert_eq!(caches.iter().map(counted).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn of_two_the_inner_one_holds_until_it_is_dropped() {
    let outer = registry_scope();
    register("outer", roomy());
    let inner = registry_scope();
    assert_eq!(larder::kinds(), ["ai", "web"]);
    register("inner", roomy());
    drop(inner);
    assert_eq!(larder::kinds(), ["ai", "outer", "web"]);
    // In the other order.
    let inner = registry_scope();
    register("inner", roomy());
    drop(outer);
    assert_eq!(larder::kinds(), ["ai", "inner", "web"]);
    drop(inner);
    assert!(larder::cache("inner").is_none() && larder::cache("outer").is_none());
}

#[tokio::test]
async fn what_it_held_is_let_go_of() {
    let scope = registry_scope();
    let cache = register("held", roomy());
    let weak = cache.downgrade();
    drop(cache);
    assert!(weak.upgrade().is_some());
    drop(scope);
    assert!(weak.upgrade().is_none());
}

#[tokio::test]
async fn a_fallback_in_it_is_its_own() {
    let outside = larder::fallback();
    let scope = registry_scope();
    larder::fallback().set("key", 1).await;
    assert_eq!(larder::fallback().get("key").await, Some(1));
    assert!(!outside.exists("key").await);
    drop(scope);
    assert!(!larder::fallback().exists("key").await);
}

#[test]
#[should_panic(expected = "a registry scope belongs to a tokio runtime")]
fn outside_of_a_runtime_it_says_so() {
    drop(registry_scope());
}
