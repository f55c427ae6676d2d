//! Stores of the application's own, and what one that hangs may cost. Time stands still here and
//! jumps to the next timer, so budgets are exact.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder::cached;
use larder::call::{self, Origin};
use support::map_store::MapStore;
use support::{Runs, register_over};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_store_of_the_applications_own_serves_the_next_process() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "own")]
    async fn id(id: u32) -> u32 {
        RUNS.count();
        id
    }
    let store = Arc::<MapStore>::default();
    let first = register_over("own", &store);
    assert_eq!(id(1).await, 1);
    assert!(first.flush(Duration::from_secs(1)).await);

    let second = register_over("own", &store);
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
    let cache = register_over("hanging", &store);

    let start = Instant::now();
    assert_eq!(id(1).await, 1);
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(id(1).await, 1);
    assert_eq!(start.elapsed(), Duration::from_millis(50), "from memory");
    assert!(cache.stats().store_timeouts >= 1);
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
    register_over("asking", &store);

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
    let cache = register_over("closing", &store);
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

/// Cannot be cloned, and serde's feature `rc` is off.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Report {
    text: String,
}

fn report(id: u32) -> Arc<Report> {
    let text = format!("report {id}");
    Arc::new(Report { text })
}

#[tokio::test(start_paused = true)]
async fn an_arc_is_kept_in_memory_and_its_content_in_the_store() {
    #[cached(kind = "shared")]
    async fn plain(id: u32) -> Arc<Report> {
        report(id)
    }
    #[cached(kind = "shared")]
    async fn fallible(id: u32) -> Result<Arc<Report>, String> {
        Ok(report(id))
    }
    #[cached(kind = "shared")]
    async fn optional(id: u32) -> Option<Arc<Report>> {
        (id > 0).then(|| report(id))
    }
    #[cached(kind = "shared")]
    async fn both(id: u32) -> Result<Option<Arc<Report>>, String> {
        Ok((id > 0).then(|| report(id)))
    }
    let store = Arc::<MapStore>::default();
    for origin in [Origin::Computed, Origin::Store] {
        let cache = register_over("shared", &store);
        let first = call::outcome(plain(1)).await;
        assert_eq!((first.origin, &first.value), (origin, &report(1)));
        let again = call::outcome(plain(1)).await;
        assert_eq!(again.origin, Origin::Memory);
        assert!(Arc::ptr_eq(&first.value, &again.value));

        let fallible = call::outcome(fallible(1)).await;
        assert_eq!((fallible.origin, fallible.value), (origin, Ok(report(1))));
        let optional_value = call::outcome(optional(1)).await;
        let expected = (origin, Some(report(1)));
        assert_eq!((optional_value.origin, optional_value.value), expected);
        let both_value = call::outcome(both(1)).await;
        let expected = (origin, Ok(Some(report(1))));
        assert_eq!((both_value.origin, both_value.value), expected);

        assert_eq!(call::outcome(optional(0)).await.origin, Origin::Computed);
        assert_eq!(call::outcome(both(0)).await.origin, Origin::Computed);
        assert!(cache.flush(Duration::from_secs(1)).await);
    }
}

/// Two functions of one name, in two blocks that a macro writes in one place.
macro_rules! adds {
    ($($summand:literal)*) => {
        [$({
            #[cached(kind = "twins")]
            async fn add(number: u32) -> u32 {
                number + $summand
            }
            Box::pin(add(1)) as std::pin::Pin<Box<dyn Future<Output = u32>>>
        }),*]
    };
}

#[tokio::test(start_paused = true)]
async fn functions_that_a_macro_writes_in_one_place_never_share_in_a_store() {
    let store = Arc::<MapStore>::default();
    for first in [0, 1] {
        let cache = register_over("twins", &store);
        let mut sums = adds!(1 2);
        // Which one is called first differs from process to process.
        let expected = [2, 3];
        assert_eq!((&mut sums[first]).await, expected[first]);
        assert_eq!((&mut sums[1 - first]).await, expected[1 - first]);
        assert!(cache.flush(Duration::from_secs(1)).await);
    }
}
