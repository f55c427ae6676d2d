//! Control of one call, by wrapping the call.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::future::ready;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::FutureExt;
use larder::call::{self, Control, Origin};
use larder::testing::ManualClock;
use larder::{Cache, CacheConfig, KeyBuilder, cached};
use support::map_store::MapStore;
use support::{Log, Runs, register, register_over, roomy};

/// Registers a cache of this kind over a store, with an empty memory and this clock.
fn register_timed(kind: &str, store: &Arc<MapStore>, clock: &ManualClock) -> Cache {
    let cache = Cache::builder(kind, &roomy().build().expect("valid settings"))
        .clock(clock.clone())
        .store(store.clone())
        .build()
        .expect("a cache");
    larder::register(cache.clone());
    cache
}

#[tokio::test]
async fn bypass_neither_reads_nor_keeps() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "bypassed")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let cache = register("bypassed", roomy());

    assert_eq!(call::bypass(run(1)).await, 1);
    assert_eq!(cache.stats().total_entries, 0);
    assert_eq!(run(1).await, 2);
    let bypassed = call::outcome(call::bypass(run(1))).await;
    assert_eq!((bypassed.value, bypassed.origin), (3, Origin::Bypassed));
    assert_eq!(run(1).await, 2, "what was kept stays");
    let stats = cache.stats();
    assert_eq!((stats.bypassed, stats.misses, stats.hits), (2, 1, 1));
}

#[tokio::test]
async fn refresh_computes_anew_and_keeps_in_both_tiers() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "refreshed")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("refreshed", &store);

    assert_eq!(run(1).await, 1);
    let refreshed = call::outcome(call::refresh(run(1))).await;
    assert_eq!((refreshed.value, refreshed.origin), (2, Origin::Computed));
    assert_eq!(run(1).await, 2);
    assert!(cache.flush(Duration::from_secs(1)).await);
    register_over("refreshed", &store);
    let next = call::outcome(run(1)).await;
    assert_eq!((next.value, next.origin), (2, Origin::Store));
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_what_was_there() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "failing")]
    async fn run(_id: u32) -> Result<usize, String> {
        match RUNS.count() {
            1 => Ok(1),
            n => Err(format!("attempt {n}")),
        }
    }
    register("failing", roomy());

    assert_eq!(run(1).await, Ok(1));
    assert_eq!(call::refresh(run(1)).await, Err("attempt 2".to_owned()));
    assert_eq!(run(1).await, Ok(1));
}

#[tokio::test]
async fn a_refresh_joins_nobody() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "unjoined")]
    async fn run(_id: u32) -> usize {
        let run = RUNS.count();
        tokio::task::yield_now().await;
        run
    }
    register("unjoined", roomy());

    let (first, second) = tokio::join!(run(1), call::refresh(run(1)));
    assert_eq!((first, second), (1, 2));
}

#[tokio::test]
async fn peek_never_starts_the_body() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "peeked")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("peeked", &store);

    assert_eq!(call::peek(run(1)).await, None);
    let nothing = call::outcome(call::peek(run(1))).await;
    assert_eq!((nothing.value, nothing.origin), (None, Origin::Stopped));
    assert_eq!(RUNS.total(), 0);

    run(1).await;
    let found = call::outcome(call::peek(run(1))).await;
    assert_eq!((found.value, found.origin), (Some(1), Origin::Memory));
    assert!(cache.flush(Duration::from_secs(1)).await);
    register_over("peeked", &store);
    let found = call::outcome(call::peek(run(1))).await;
    assert_eq!((found.value, found.origin), (Some(1), Origin::Store));
    let found = call::outcome(call::peek(run(1))).await;
    assert_eq!(found.origin, Origin::Memory, "it is in memory then");
}

#[tokio::test]
async fn peek_does_not_wait_for_a_computation() {
    #[cached(kind = "waiting")]
    async fn run(id: u32) -> u32 {
        tokio::task::yield_now().await;
        id
    }
    register("waiting", roomy());

    let (computed, peeked) = tokio::join!(run(1), call::peek(run(1)));
    assert_eq!((computed, peeked), (1, None));
}

#[tokio::test]
async fn remove_and_expire_forget_exactly_one_call_in_both_tiers() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "removed", skip(run))]
    async fn id(id: u32, run: &Runs) -> u32 {
        run.count();
        id
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("removed", &store);
    let flushed = async || cache.flush(Duration::from_secs(1)).await;

    assert!(!call::remove(id(1, &RUNS)).await, "nothing to forget");
    assert_eq!(RUNS.total(), 0);
    id(1, &RUNS).await;
    id(2, &RUNS).await;
    assert!(flushed().await);
    assert!(call::remove(id(1, &RUNS)).await);
    assert_eq!(call::peek(id(1, &RUNS)).await, None);
    assert_eq!(store.keys_of_entries().len(), 1);
    assert_eq!(call::peek(id(2, &RUNS)).await, Some(2));

    assert!(call::expire(id(2, &RUNS)).await);
    assert_eq!(call::outcome(id(2, &RUNS)).await.origin, Origin::Computed);
    assert_eq!(RUNS.total(), 3);

    // What is still on its way to the store is forgotten too.
    assert!(call::remove(id(2, &RUNS)).await);
    assert!(flushed().await);
    assert!(store.keys_of_entries().is_empty());
}

#[tokio::test]
async fn a_key_is_the_name_in_the_store() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "named", op = "named.run")]
    async fn run(id: u32) -> u32 {
        RUNS.count();
        id
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("named", &store);

    let key = call::key(run(1)).await.expect("a key");
    assert_eq!(RUNS.total(), 0);
    run(1).await;
    assert_eq!(call::key(run(1)).await.as_ref(), Some(&key));
    assert!(cache.flush(Duration::from_secs(1)).await);
    let stored: Vec<String> = store
        .entries
        .lock()
        .expect("no panic")
        .keys()
        .cloned()
        .collect();
    assert_eq!(stored, std::slice::from_ref(&key));
    let config = CacheConfig::builder().build().expect("valid settings");
    let built = KeyBuilder::new(&config, "named", "named.run").expect("valid settings");
    assert_eq!(built.arg("id", &1_u32).build().expect("a key"), key);

    register("named", roomy());
    assert_eq!(call::key(run(1)).await, Some(key), "without a store too");
    #[cached(kind = "named", local)]
    async fn in_memory(id: u32) -> u32 {
        id
    }
    assert_eq!(call::key(in_memory(1)).await, None);
}

#[tokio::test]
async fn max_age_takes_nothing_that_is_older() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "aging")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let clock = ManualClock::new();
    let store = Arc::<MapStore>::default();
    let open = || register_timed("aging", &store, &clock);
    let cache = open();
    let seconds = Duration::from_secs;

    assert_eq!(run(1).await, 1);
    assert!(cache.flush(seconds(1)).await);
    clock.advance(seconds(10));
    assert_eq!(call::max_age(seconds(10), run(1)).await, 1);
    assert_eq!(call::peek(call::max_age(seconds(9), run(1))).await, None);
    open();
    assert_eq!(call::peek(call::max_age(seconds(9), run(1))).await, None);
    assert_eq!(call::max_age(seconds(9), run(1)).await, 2);
    assert_eq!(run(1).await, 2, "it took the place of the old one");
}

#[tokio::test]
async fn a_caller_with_a_max_age_does_not_take_an_old_value_from_another_caller() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "joining")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let clock = ManualClock::new();
    let store = Arc::<MapStore>::default();
    let open = || register_timed("joining", &store, &clock);
    let cache = open();
    run(1).await;
    assert!(cache.flush(Duration::from_secs(1)).await);
    clock.advance(Duration::from_secs(10));
    open();

    // The first one leads and brings the old value from the store.
    let (old, new) = tokio::join!(run(1), call::max_age(Duration::from_secs(1), run(1)));
    assert_eq!((old, new), (1, 2));
}

#[tokio::test]
async fn of_two_wrappers_the_inner_one_has_the_last_word() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "nested")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let cache = register("nested", roomy());

    run(1).await;
    assert_eq!(call::bypass(call::refresh(run(1))).await, 2);
    assert_eq!(run(1).await, 2);
    let hour = Duration::from_secs(3600);
    call::ttl(hour, call::ttl(Duration::ZERO, run(2))).await;
    assert_eq!(cache.stats().total_entries, 1);
    let all = call::outcome(call::ttl(hour, call::refresh(call::max_age(hour, run(2)))));
    assert_eq!(all.await.origin, Origin::Computed);
    assert_eq!(cache.stats().total_entries, 2);
    assert!(call::remove(call::remove(run(2))).await, "both are told");
    assert_eq!(call::peek(run(2)).await, None);
}

struct Service;

trait Lookup {
    async fn found(&self, id: u32) -> u32;
}

impl Service {
    #[cached(kind = "methods", skip(self))]
    async fn method(&self, id: u32) -> u32 {
        id
    }
}

impl Lookup for Service {
    #[cached(kind = "methods", skip(self))]
    async fn found(&self, id: u32) -> u32 {
        id
    }
}

#[cached(kind = "methods")]
fn future(id: u32) -> impl Future<Output = u32> {
    let doubled = id * 2;
    async move { doubled / 2 }
}

#[tokio::test]
async fn control_holds_for_methods_trait_methods_and_functions_that_return_futures() {
    register("methods", roomy());

    macro_rules! check {
        ($call:expr) => {
            assert_eq!(call::peek($call).await, None);
            assert_eq!($call.await, 1);
            assert_eq!(call::peek($call).await, Some(1));
            assert_eq!(call::outcome($call).await.origin, Origin::Memory);
            assert_eq!(
                call::outcome(call::refresh($call)).await.origin,
                Origin::Computed
            );
            assert!(call::remove($call).await);
            assert_eq!(call::peek($call).await, None);
        };
    }
    check!(Service.method(1));
    check!(Service.found(1));
    check!(future(1));
}

/// What is wrapped is not always the call itself.
mod around {
    use super::*;

    #[cached(kind = "around")]
    async fn id(id: u32) -> u32 {
        id
    }

    async fn indirectly(n: u32) -> u32 {
        id(n).await + 100
    }

    async fn later(n: u32) -> u32 {
        tokio::task::yield_now().await;
        id(n).await
    }

    /// Once: a kind that is registered again begins with an empty memory.
    fn make_room() {
        static ROOM: Once = Once::new();
        ROOM.call_once(|| drop(register("around", roomy())));
    }

    #[tokio::test]
    async fn control_reaches_the_first_cached_call_of_the_first_poll() {
        make_room();

        assert_eq!(call::peek(indirectly(1)).await, None, "dropped half-way");
        assert_eq!(call::outcome(indirectly(1)).await.origin, Origin::Computed);
        assert_eq!(call::peek(indirectly(1)).await, Some(101));

        // Of several that are polled together, the first one.
        let both = call::outcome(async { tokio::join!(id(1), id(2)) }).await;
        assert_eq!((both.value, both.origin), ((1, 2), Origin::Memory));
        let both =
            call::refresh(async { tokio::join!(call::outcome(id(1)), call::outcome(id(2))) });
        let (first, second) = both.await;
        assert_eq!(first.origin, Origin::Computed);
        assert_eq!(second.origin, Origin::Memory);
        assert_eq!(call::peek(async { tokio::join!(id(3), id(1)) }).await, None);

        // Of a race, the one that is polled first.
        let race = async {
            tokio::select! {
                biased;
                id = id(1) => id,
                () = ready(()) => 0,
            }
        };
        assert_eq!(call::outcome(race).await.origin, Origin::Memory);
        let race = async {
            tokio::select! {
                biased;
                () = ready(()) => 0,
                id = id(1) => id,
            }
        };
        assert_eq!(call::outcome(race).await.origin, Origin::Unreached);

        // A time-out changes nothing.
        let in_time = tokio::time::timeout(Duration::from_secs(60), id(4));
        let outcome = call::outcome(in_time).await;
        assert_eq!((outcome.value, outcome.origin), (Ok(4), Origin::Computed));
        let outcome = tokio::time::timeout(Duration::from_secs(60), call::outcome(id(4))).await;
        assert_eq!(outcome.expect("in time").origin, Origin::Memory);
    }

    #[tokio::test]
    async fn control_does_not_reach_what_is_not_called_at_once() {
        make_room();

        let spawned = call::outcome(async { tokio::spawn(id(11)).await.expect("no panic") });
        let spawned = spawned.await;
        assert_eq!((spawned.value, spawned.origin), (11, Origin::Unreached));
        let refreshed = call::outcome(call::refresh(later(11))).await;
        assert_eq!((refreshed.value, refreshed.origin), (11, Origin::Unreached));
        let nothing = call::outcome(call::bypass(async { 7 })).await;
        assert_eq!((nothing.value, nothing.origin), (7, Origin::Unreached));

        // What would stop the call drops the future instead.
        let reached = Runs::new();
        let uncached = async {
            tokio::task::yield_now().await;
            reached.count();
        };
        assert_eq!(call::peek(uncached).await, None);
        assert_eq!(reached.total(), 0);
        assert_eq!(call::peek(later(11)).await, None);
        assert!(!call::remove(later(11)).await);
        assert!(!call::expire(later(11)).await);
        assert_eq!(call::key(later(11)).await, None);
        let outcome = call::outcome(call::peek(later(11))).await;
        assert_eq!((outcome.value, outcome.origin), (None, Origin::Unreached));
        assert_eq!(call::peek(id(11)).await, Some(11), "nothing was forgotten");
    }
}

#[tokio::test]
async fn a_call_without_a_cache_is_stopped_all_the_same() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "nobody's")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    assert_eq!(call::peek(run(1)).await, None);
    assert!(!call::remove(run(1)).await);
    assert_eq!(call::key(run(1)).await, None);
    assert_eq!(RUNS.total(), 0);
    assert_eq!(call::outcome(run(1)).await.origin, Origin::Uncached);
    assert_eq!(call::refresh(run(1)).await, 2);
}

#[tokio::test]
async fn control_holds_for_a_computation_under_a_key_of_the_applications_own() {
    let cache = register("chosen", roomy());
    let compute = |n: u32| cache.get_or_compute("n", async move || n);

    assert_eq!(call::peek(compute(1)).await, None);
    assert_eq!(compute(1).await, 1);
    assert_eq!(compute(2).await, 1);
    assert_eq!(call::refresh(compute(3)).await, 3);
    assert_eq!(call::peek(compute(4)).await, Some(3));
    assert!(call::remove(compute(4)).await);
    assert_eq!(cache.get::<u32>("n").await, None);
}

#[test]
fn control_of_a_function_that_is_not_async() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "sync", local)]
    fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let cache = register("sync", roomy());

    let first = call::sync(Control::new(), || run(1));
    assert_eq!((first.value, first.origin), (1, Origin::Computed));
    let again = call::sync(Control::new(), || run(1));
    assert_eq!((again.value, again.origin), (1, Origin::Memory));
    let refreshed = call::sync(Control::new().refresh(), || run(1));
    assert_eq!((refreshed.value, refreshed.origin), (2, Origin::Computed));
    let bypassed = call::sync(Control::new().bypass(), || run(1));
    assert_eq!((bypassed.value, bypassed.origin), (3, Origin::Bypassed));
    assert_eq!(run(1), 2);
    call::sync(Control::new().ttl(Duration::ZERO), || run(2));
    assert_eq!(cache.stats().total_entries, 1);
    let unreached = call::sync(Control::new(), || 7);
    assert_eq!((unreached.value, unreached.origin), (7, Origin::Unreached));
}

#[tokio::test]
async fn what_would_stop_a_call_passes_by_a_function_that_cannot_be_stopped() {
    #[cached(kind = "passing", local)]
    fn doubled(id: u32) -> u32 {
        id * 2
    }
    #[cached(kind = "passing")]
    async fn id(id: u32) -> u32 {
        id
    }
    register("passing", roomy());

    let both = async { id(doubled(1)).await };
    assert_eq!(call::peek(both).await, None);
    assert_eq!(id(2).await, 2);
    assert_eq!(call::peek(async { id(doubled(1)).await }).await, Some(2));
    let outcome = call::outcome(async { doubled(1) }).await;
    assert_eq!((outcome.value, outcome.origin), (2, Origin::Memory));
}

#[tokio::test]
async fn a_wrapper_that_is_dropped_or_panics_leaves_no_wishes_behind() {
    #[cached(kind = "left")]
    async fn id(id: u32) -> u32 {
        id
    }
    let cache = register("left", roomy());

    let panics = call::bypass(async { panic!("before any cached call") });
    assert!(tokio::spawn(panics).await.is_err());
    let sync = std::panic::catch_unwind(|| call::sync(Control::new().bypass(), || panic!("too")));
    assert!(sync.is_err());
    drop(call::bypass(id(1)));
    assert_eq!(id(1).await, 1);
    assert_eq!(cache.stats().total_entries, 1);
}

#[tokio::test]
async fn cached_functions_in_a_key_leave_control_to_the_call() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "keyed", local)]
    fn slug(name: &str) -> String {
        name.to_lowercase()
    }
    #[cached(kind = "keyed", key = slug(name))]
    async fn page(name: &str) -> usize {
        drop(name.to_owned());
        RUNS.count()
    }
    let cache = register("keyed", roomy());

    assert_eq!(page("A").await, 1);
    assert_eq!(call::bypass(page("A")).await, 2);
    assert_eq!(call::refresh(page("a")).await, 3);
    let outcome = call::outcome(page("A")).await;
    assert_eq!((outcome.value, outcome.origin), (3, Origin::Memory));
    call::ttl(Duration::ZERO, page("B")).await;
    assert_eq!(cache.stats().computed, 5, "two of `page`, three of `slug`");
}

#[tokio::test]
async fn a_computation_that_began_before_a_refresh_does_not_undo_it() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "overtaken", skip(steps))]
    async fn run(_id: u32, steps: u32) -> usize {
        let run = RUNS.count();
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        run
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("overtaken", &store);

    let refreshed = async {
        while RUNS.total() == 0 {
            tokio::task::yield_now().await;
        }
        call::refresh(run(1, 0)).await
    };
    assert_eq!(tokio::join!(run(1, 20), refreshed), (1, 2));
    assert_eq!(run(1, 0).await, 2);
    assert!(cache.flush(Duration::from_secs(1)).await);
    register_over("overtaken", &store);
    assert_eq!(run(1, 0).await, 2, "in the store too");
}

#[tokio::test]
async fn a_look_up_that_began_before_a_refresh_does_not_undo_it() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "looked-up")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let clock = ManualClock::new();
    let store = Arc::<MapStore>::default();
    let open = || register_timed("looked-up", &store, &clock);
    let cache = open();
    assert_eq!(run(1).await, 1);
    assert!(cache.flush(Duration::from_secs(1)).await);
    clock.advance(Duration::from_secs(1));
    open();

    // The store answers the first one in its second poll. What it says is the old value by then.
    assert_eq!(tokio::join!(run(1), call::refresh(run(1))), (2, 2));
    assert_eq!(run(1).await, 2);
}

#[tokio::test]
async fn a_refresh_whose_result_is_not_kept_leaves_nothing_of_the_old_one() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "gone")]
    async fn found(_id: u32) -> Option<usize> {
        Some(RUNS.count()).filter(|run| run % 2 == 1)
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("gone", &store);

    assert_eq!(found(1).await, Some(1));
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(call::refresh(found(1)).await, None);
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(call::peek(found(1)).await, None);
    assert!(store.keys_of_entries().is_empty());
}

#[tokio::test]
async fn what_a_wrapper_does_not_own_goes_on_after_it() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "lent")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    register("lent", roomy());

    let mut lent = Box::pin(run(1));
    assert_eq!(call::peek(&mut lent).await, None);
    assert_eq!(lent.await, 1);

    let shared = run(2).shared();
    let (peeked, computed) = tokio::join!(call::peek(shared.clone()), shared);
    assert_eq!((peeked, computed), (None, 2));

    let tasks = tokio::task::LocalSet::new();
    let spawned = tasks.spawn_local(run(3));
    assert_eq!(
        call::peek(tasks.run_until(std::future::pending::<()>())).await,
        None
    );
    let spawned = tasks.run_until(spawned).await;
    assert_eq!(spawned.expect("no panic"), 3);
}

#[tokio::test]
async fn callers_with_a_max_age_compute_once_for_all_of_them() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "herd")]
    async fn run(_id: u32) -> usize {
        let run = RUNS.count();
        tokio::task::yield_now().await;
        run
    }
    let clock = ManualClock::new();
    let store = Arc::<MapStore>::default();
    let open = || register_timed("herd", &store, &clock);
    let cache = open();
    run(1).await;
    assert!(cache.flush(Duration::from_secs(1)).await);
    clock.advance(Duration::from_secs(10));
    open();

    let herd = (0..50).map(|_| call::max_age(Duration::from_secs(1), run(1)));
    let (old, new) = tokio::join!(run(1), futures_util::future::join_all(herd));
    assert_eq!((old, RUNS.total()), (1, 2));
    assert!(new.iter().all(|value| *value == 2));
}

#[tokio::test]
async fn where_one_wrapper_wants_no_body_to_start_none_does() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "stopped")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    #[cached(kind = "stopped", local)]
    fn run_here(_id: u32) -> usize {
        RUNS.count()
    }
    let cache = register("stopped", roomy());

    assert_eq!(call::peek(call::bypass(run(1))).await, None);
    assert_eq!(call::peek(call::refresh(run(1))).await, None);
    assert!(!call::refresh(call::remove(run(1))).await);
    assert_eq!(RUNS.total(), 0);

    // A function that cannot be stopped has its own wishes, and leaves the others to the next call.
    let both = async {
        let here = call::sync(Control::new().ttl(Duration::ZERO), || run_here(1));
        run(u32::try_from(here.value).unwrap_or(0)).await
    };
    assert_eq!(call::peek(both).await, None);
    assert_eq!((RUNS.total(), cache.stats().total_entries), (1, 0));
}

#[tokio::test]
async fn wishes_that_no_cached_call_takes_are_logged() {
    #[cached(local)]
    fn length(text: &str) -> usize {
        text.len()
    }
    let (log, _guard) = Log::collect_warnings_here();
    let control = || Control::new().refresh();
    assert_eq!(call::sync(control(), || length("four")).value, 4);
    assert_eq!(call::refresh(async { 4 }).await, 4);
    assert_eq!(call::sync(control(), || 4).value, 4);
    assert_eq!(call::sync(Control::new(), || 4).value, 4);
    assert_eq!(call::outcome(async { 4 }).await.value, 4);
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines.iter().all(|line| line.contains("Refresh")),
        "{lines:?}"
    );
}
