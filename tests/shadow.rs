//! Hits whose body runs again in the background, to compare what it returns.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use larder::call::{self, Origin};
use larder::testing::ManualClock;
use larder::{Cache, Ending, ShadowStatistics, cached};
use support::map_store::MapStore;
use support::{Runs, eventually, register, roomy};
use tokio::sync::Notify;

fn shadow(cache: &Cache, operation: &str) -> ShadowStatistics {
    let statistics = cache.statistics();
    let operation = statistics.operations.get(operation);
    operation
        .map(|operation| operation.shadow)
        .unwrap_or_default()
}

fn counted(shadow: ShadowStatistics) -> [u64; 3] {
    [shadow.same, shadow.different, shadow.failed]
}

#[tokio::test]
async fn what_differs_is_counted_and_neither_kept_nor_served() {
    static NOW: AtomicU32 = AtomicU32::new(1);
    #[cached(kind = "shadow", op = "rate", shadow = 1.0)]
    async fn rate(currency: &str) -> Result<Option<u32>, String> {
        assert_eq!(currency, "EUR");
        match NOW.load(Ordering::SeqCst) {
            0 => Ok(None),
            13 => Err("no rate".to_owned()),
            rate => Ok(Some(rate)),
        }
    }
    let cache = register("shadow", roomy());
    let mut expected = [0; 3];
    assert_eq!(rate("EUR").await, Ok(Some(1)));
    for (now, at) in [(1, 0), (2, 1), (13, 2), (0, 2), (1, 0)] {
        NOW.store(now, Ordering::SeqCst);
        assert_eq!(rate("EUR").await, Ok(Some(1)), "the answer that is kept");
        expected[at] += 1;
        let counts = async || counted(shadow(&cache, "rate")) == expected;
        eventually("it was compared", counts).await;
    }
    let shadow = shadow(&cache, "rate");
    assert_eq!(shadow.difference_ratio(), Some(1.0 / 3.0));
    let counts = cache.statistics().operations["rate"].counts.clone();
    assert_eq!(counts.of(Ending::MemoryHit), 5);
    assert_eq!(
        (
            counts.of(Ending::Computed),
            counts.calls(),
            counts.refreshed
        ),
        (1, 6, 0)
    );
    // Nobody ever waited for it.
    assert_eq!(call::outcome(rate("EUR")).await.origin, Origin::Memory);
}

#[tokio::test]
async fn half_of_the_room_in_the_background_is_left_to_what_somebody_needs() {
    static RUNS: Runs = Runs::new();
    static RENEWALS: Runs = Runs::new();
    #[cached(kind = "shadow.room", op = "shadowed", shadow = 1.0)]
    async fn shadowed() -> u32 {
        if RUNS.count() > 1 {
            std::future::pending::<()>().await;
        }
        7
    }
    #[cached(
        kind = "shadow.room",
        op = "renewed",
        ttl = "1m",
        stale_while_revalidate = "1h"
    )]
    async fn renewed() -> usize {
        RENEWALS.count()
    }
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("shadow.room", &config).clock(clock.clone());
    larder::register(cache.build().expect("a cache"));
    assert_eq!(renewed().await, 1);
    for _ in 0..300 {
        assert_eq!(shadowed().await, 7);
    }
    // All of these have begun.
    eventually("they run", async || RUNS.total() == 129).await;
    clock.advance(Duration::from_secs(61));
    assert_eq!(renewed().await, 1);
    eventually("it was renewed", async || renewed().await == 2).await;
    assert_eq!(RUNS.total(), 129);
}

#[tokio::test]
async fn a_body_that_compares_is_billed() {
    #[cached(kind = "shadow.billed", op = "ask", shadow = 1.0, tokens = |it| *it)]
    async fn ask(tokens: u32) -> u32 {
        tokens
    }
    let cache = register("shadow.billed", roomy());
    assert_eq!((ask(7).await, ask(7).await), (7, 7));
    eventually("it was compared", async || shadow(&cache, "ask").same == 1).await;
    let savings = cache.statistics().operations["ask"].savings;
    assert_eq!((savings.billed.calls, savings.billed.tokens), (2, 14));
    assert_eq!((savings.replayed.calls, savings.replayed.tokens), (1, 7));
}

#[tokio::test]
async fn only_a_part_of_the_hits_is_compared() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "shadow.part", op = "rate", shadow = 0.1)]
    async fn rate() -> u32 {
        RUNS.count();
        1
    }
    let cache = register("shadow.part", roomy());
    for _ in 0..2000 {
        rate().await;
        tokio::task::yield_now().await;
    }
    let drawn = || counted(shadow(&cache, "rate")).iter().sum::<u64>();
    eventually("all were compared", async || {
        drawn() + 1 == RUNS.total() as u64
    })
    .await;
    // 200 are expected; one run in a billion is beyond these.
    assert!((100..320).contains(&drawn()), "{}", drawn());
}

#[tokio::test]
async fn hits_in_the_store_are_compared_where_there_is_no_memory() {
    #[cached(kind = "shadow.store", op = "rate", shadow = 1.0)]
    async fn rate() -> u32 {
        1
    }
    let store = Arc::<MapStore>::default();
    let config = roomy()
        .enable_l1_cache(false)
        .build()
        .expect("valid settings");
    let cache = Cache::builder("shadow.store", &config).store(store);
    let cache = cache.build().expect("a cache");
    larder::register(cache.clone());
    rate().await;
    assert!(cache.flush(Duration::from_secs(5)).await);
    let outcome = call::outcome(rate()).await;
    assert_eq!((outcome.value, outcome.origin), (1, Origin::Store));
    eventually("it was compared", async || shadow(&cache, "rate").same == 1).await;
}

#[tokio::test]
async fn values_are_the_same_whatever_the_order_of_their_maps() {
    use std::collections::HashMap;
    #[cached(kind = "shadow.maps", op = "counts", shadow = 1.0)]
    async fn counts() -> HashMap<u32, u32> {
        // Each has an order of its own.
        (0..50).map(|n| (n, n)).collect()
    }
    let cache = register("shadow.maps", roomy());
    for _ in 0..10 {
        counts().await;
    }
    eventually("all were compared", async || {
        counted(shadow(&cache, "counts")) == [9, 0, 0]
    })
    .await;
}

#[tokio::test]
async fn a_body_that_compares_has_the_tenant_of_its_call() {
    #[cached(kind = "shadow.tenants", op = "inner")]
    async fn inner() -> u32 {
        1
    }
    #[cached(kind = "shadow.tenants", op = "outer", shadow = 1.0)]
    async fn outer() -> u32 {
        inner().await
    }
    let cache = register("shadow.tenants", roomy());
    for _ in 0..2 {
        call::tenant("acme", outer()).await;
    }
    eventually("it was compared", async || {
        shadow(&cache, "outer").same == 1
    })
    .await;
    let tenants = cache.statistics().tenants;
    assert_eq!(tenants["acme"].operations["inner"].calls(), 2);
    assert_eq!(cache.statistics().operations["inner"].counts.calls(), 2);
}

#[tokio::test]
async fn a_body_that_panics_has_failed() {
    static PANICS: AtomicBool = AtomicBool::new(false);
    #[cached(kind = "shadow.panics", op = "rate", shadow = 1)]
    async fn rate() -> u32 {
        if PANICS.load(Ordering::SeqCst) {
            // Without a message of the panic hook.
            resume_unwind(Box::new("no rate"));
        }
        1
    }
    let cache = register("shadow.panics", roomy());
    rate().await;
    PANICS.store(true, Ordering::SeqCst);
    assert_eq!(rate().await, 1);
    eventually("it was counted", async || {
        counted(shadow(&cache, "rate")) == [0, 0, 1]
    })
    .await;
}

#[tokio::test]
async fn what_was_invalidated_meanwhile_is_not_compared() {
    static NOW: AtomicU32 = AtomicU32::new(1);
    static ENDS: Notify = Notify::const_new();
    #[cached(kind = "shadow.invalidated", op = "rate", shadow = 1.0, tokens = |it| *it)]
    async fn rate() -> u32 {
        let now = NOW.load(Ordering::SeqCst);
        if now > 1 {
            ENDS.notified().await;
        }
        now
    }
    let cache = register("shadow.invalidated", roomy());
    for (runs, by_key) in [(2, true), (4, false)] {
        NOW.store(1, Ordering::SeqCst);
        rate().await;
        NOW.store(2, Ordering::SeqCst);
        assert_eq!(rate().await, 1);
        if by_key {
            call::remove(rate()).await;
        } else {
            cache.remove_operation("rate").await;
        }
        ENDS.notify_one();
        eventually("the body has ended", async || {
            cache.statistics().savings.billed.calls == runs
        })
        .await;
    }
    assert_eq!(counted(shadow(&cache, "rate")), [0; 3]);
}
