//! From kinds to caches, while the program runs. One process of its own: what it checks is the
//! registry of the whole program.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use larder::cached;
use larder::call::{self, Origin};
use support::{Log, Runs, register, roomy};

#[cached(kind = "unheard-of")]
async fn unheard_of(id: u32) -> u32 {
    RUNS.count();
    id
}

static RUNS: Runs = Runs::new();

#[cached]
async fn of_the_default_kind(id: u32) -> u32 {
    id
}

/// One test, because the steps build on each other.
#[tokio::test]
async fn kinds_are_found_replaced_and_closed_while_the_program_runs() {
    let log = Log::collect_warnings();

    // Nothing is initialised: the first call does it.
    assert_eq!(larder::kinds(), [""; 0]);
    assert_eq!(of_the_default_kind(1).await, 1);
    assert_eq!(larder::kinds(), ["ai", "web"]);
    let again = call::outcome(of_the_default_kind(1)).await;
    assert_eq!(again.origin, Origin::Memory);

    // A kind that nobody knows: the body runs, one warning, a counter.
    for id in [1, 1, 2] {
        assert_eq!(unheard_of(id).await, id);
    }
    assert_eq!(RUNS.total(), 3);
    assert_eq!(larder::unknown_kind_calls(), 3);
    assert_eq!(call::outcome(unheard_of(1)).await.origin, Origin::Uncached);
    let warnings = log.lines();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("unheard-of") && warnings[0].contains(r#"["ai", "web"]"#));

    // Registered later: the next call finds it. Replaced: the next call finds the new one.
    let first = register("unheard-of", roomy());
    unheard_of(1).await;
    unheard_of(1).await;
    assert_eq!(RUNS.total(), 5);
    let second = register("unheard-of", roomy());
    unheard_of(1).await;
    assert_eq!(RUNS.total(), 6);
    assert_eq!((first.stats().computed, second.stats().computed), (1, 1));

    // `init` keeps what is registered.
    larder::init().await.expect("an empty environment");
    assert_eq!(larder::kinds(), ["ai", "unheard-of", "web"]);
    unheard_of(1).await;
    assert_eq!(RUNS.total(), 6);

    // Closed: calls go on without a cache, until somebody registers one.
    larder::close().await;
    assert_eq!(larder::kinds(), [""; 0]);
    unheard_of(1).await;
    assert_eq!(of_the_default_kind(1).await, 1);
    assert_eq!(RUNS.total(), 7);
    assert_eq!(larder::kinds(), [""; 0]);
    larder::init().await.expect("an empty environment");
    let fresh = call::outcome(of_the_default_kind(1)).await;
    assert_eq!(fresh.origin, Origin::Computed);

    counters_of_threads_that_have_ended_are_kept().await;
}

async fn counters_of_threads_that_have_ended_are_kept() {
    let cache = register("threads", roomy());
    #[cached(kind = "threads")]
    async fn id(id: u32) -> u32 {
        id
    }
    id(1).await;
    for _ in 0..10 {
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(async {
                for _ in 0..100 {
                    id(1).await;
                }
            });
        })
        .join()
        .expect("no panic");
    }
    assert_eq!(cache.stats().memory_hits, 1000);
}
