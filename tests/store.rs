//! Stores of the application's own, and what one that hangs may cost. Time stands still here and
//! jumps to the next timer, so budgets are exact.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder::call::{self, Origin};
use larder::{Cache, cached};
use support::map_store::MapStore;
use support::{Runs, roomy};
use tokio::time::Instant;

fn register(kind: &str, store: &Arc<MapStore>) -> Cache {
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder(kind, &config)
        .store(store.clone())
        .build()
        .expect("a cache");
    larder::register(cache.clone());
    cache
}

#[tokio::test(start_paused = true)]
async fn a_store_of_the_applications_own_serves_the_next_process() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "own")]
    async fn id(id: u32) -> u32 {
        RUNS.count();
        id
    }
    let store = Arc::<MapStore>::default();
    let first = register("own", &store);
    assert_eq!(id(1).await, 1);
    assert!(first.flush(Duration::from_secs(1)).await);

    let second = register("own", &store);
    assert_eq!(call::outcome(id(1)).await.origin, Origin::Store);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(second.stats().backend_type, "map");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_a_call_its_budget_and_no_more() {
    #[cached(kind = "hanging")]
    async fn id(id: u32) -> u32 {
        id
    }
    let store = Arc::<MapStore>::default();
    store.hangs.store(true, Ordering::SeqCst);
    register("hanging", &store);

    let start = Instant::now();
    assert_eq!(id(1).await, 1);
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(id(1).await, 1);
    assert_eq!(start.elapsed(), Duration::from_millis(50), "from memory");
    assert!(store.timeouts.load(Ordering::SeqCst) >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_dropped_while_it_asks_the_store_hands_over() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "asking")]
    async fn id(id: u32) -> u32 {
        RUNS.count();
        id
    }
    let store = Arc::<MapStore>::default();
    store.hangs.store(true, Ordering::SeqCst);
    register("asking", &store);

    let asking = tokio::spawn(id(1));
    tokio::task::yield_now().await;
    let waiters: Vec<_> = (0..3).map(|_| tokio::spawn(id(1))).collect();
    tokio::task::yield_now().await;
    asking.abort();
    let start = Instant::now();
    for waiter in waiters {
        assert_eq!(waiter.await.expect("no panic"), 1);
    }
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_queued_write_to_a_store_that_hangs_is_given_up_in_twice_the_budget() {
    #[cached(kind = "closing")]
    async fn id(id: u32) -> u32 {
        id
    }
    let store = Arc::<MapStore>::default();
    let cache = register("closing", &store);
    id(1).await;
    store.hangs.store(true, Ordering::SeqCst);
    let start = Instant::now();
    assert!(
        cache.flush(Duration::from_secs(5)).await,
        "the write was given up"
    );
    assert_eq!(start.elapsed(), Duration::from_millis(100));
    assert_eq!(cache.stats().store_timeouts, 1);
}
