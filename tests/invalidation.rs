//! What was invalidated is not served any more, whatever was under way when it was.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use larder::call::{self, Control, Origin};
use larder::testing::ManualClock;
use larder::{Cache, Reach, cached};
use support::map_store::MapStore;
use support::{Runs, register, register_over, roomy};
use tokio::sync::Semaphore;

/// Polls once.
macro_rules! begin {
    ($($call:ident),+) => {
        $(assert!((&mut $call).now_or_never().is_none(), "it waits");)+
    };
}

#[tokio::test]
async fn nothing_that_began_before_a_removal_is_kept_or_given_to_others() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "removed-under-way")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        GATE.acquire().await.expect("never closed").forget();
        run
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("removed-under-way", &store);

    let (mut leader, mut waiter) = (Box::pin(slow(1)), Box::pin(slow(1)));
    while RUNS.total() == 0 {
        begin!(leader, waiter);
        tokio::task::yield_now().await;
    }
    assert!(!call::remove(slow(1)).await);
    let mut later = Box::pin(slow(1));
    while RUNS.total() == 1 {
        begin!(waiter, later);
        tokio::task::yield_now().await;
    }

    GATE.add_permits(1);
    assert_eq!(leader.await, 1);
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(call::peek(slow(1)).await, None);
    assert!(store.keys_of_entries().is_empty());

    GATE.add_permits(1);
    assert_eq!(tokio::join!(waiter, later), (2, 2));
    assert_eq!(call::outcome(slow(1)).await.origin, Origin::Memory);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn nothing_that_began_before_a_kind_was_cleared_is_kept_or_given_to_others() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "cleared-under-way")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        GATE.acquire().await.expect("never closed").forget();
        run
    }
    let cache = register("cleared-under-way", roomy());

    let (mut leader, mut waiter) = (Box::pin(slow(1)), Box::pin(slow(1)));
    begin!(leader, waiter);
    cache.clear().await;
    GATE.add_permits(2);
    assert_eq!(leader.await, 1);
    assert_eq!(call::peek(slow(1)).await, None);
    assert_eq!(waiter.await, 2);
    assert_eq!(slow(1).await, 2);
}

#[tokio::test]
async fn what_is_cleared_is_not_read_back_from_a_store_that_was_asked_before() {
    #[cached(kind = "cleared-while-read")]
    async fn run(id: u32, runs: &'static str) -> String {
        format!("{id} {runs}")
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("cleared-while-read", &store);
    assert_eq!(run(1, "a").await, "1 a");
    assert!(cache.flush(Duration::from_secs(1)).await);
    let cache = register_over("cleared-while-read", &store);

    let mut reader = Box::pin(call::outcome(run(1, "a")));
    begin!(reader);
    cache.clear().await;
    assert_eq!(reader.await.origin, Origin::Computed);
}

/// A kind whose computation of one key waits at a gate.
struct UnderWay {
    cache: Cache,
    gate: Semaphore,
}

impl UnderWay {
    fn of(kind: &str) -> Self {
        Self {
            cache: register(kind, roomy()),
            gate: Semaphore::new(0),
        }
    }

    async fn compute(&self, key: &str) -> String {
        let compute = async || {
            let _pass = self.gate.acquire().await;
            "computed".to_owned()
        };
        self.cache.get_or_compute(key, compute).await
    }
}

#[tokio::test]
async fn a_value_that_is_set_stays_when_an_older_computation_ends() {
    let under_way = UnderWay::of("set-under-way");
    let mut computing = Box::pin(under_way.compute("user:1"));
    begin!(computing);
    under_way.cache.set("user:1", "set".to_owned()).await;
    under_way.gate.add_permits(1);
    assert_eq!(computing.await, "computed");
    assert_eq!(under_way.compute("user:1").await, "set");
}

#[tokio::test]
async fn a_pattern_reaches_what_is_being_computed() {
    let under_way = UnderWay::of("matched-under-way");
    let (mut one, mut two) = (
        Box::pin(under_way.compute("user:1")),
        Box::pin(under_way.compute("shop:1")),
    );
    begin!(one, two);
    assert_eq!(under_way.cache.remove_matching("user:*").await, 0);
    under_way.gate.add_permits(2);
    assert_eq!(
        tokio::join!(one, two),
        ("computed".into(), "computed".into())
    );
    assert_eq!(under_way.cache.active_keys(), ["shop:1"]);
}

#[tokio::test]
async fn a_value_may_call_a_cached_function_when_it_is_removed() {
    #[derive(Clone)]
    struct Talkative(u32);
    impl Drop for Talkative {
        fn drop(&mut self) {
            // Only as the last one: a call under way has a clone.
            name(self.0);
        }
    }
    #[cached(kind = "talkative", local)]
    fn name(id: u32) -> String {
        id.to_string()
    }
    #[cached(kind = "talkative", local)]
    async fn talk(id: u32) -> Arc<Talkative> {
        Arc::new(Talkative(id))
    }
    let cache = register("talkative", roomy());

    drop(talk(1).await);
    assert!(call::remove(talk(1)).await);
    drop(talk(2).await);
    drop(call::refresh(talk(2)).await);
    cache.clear().await;
    // Three values, and the name of each: the second one again, because it was cleared too.
    assert_eq!(cache.stats().computed, 6);
}

#[cached(kind = "operations", op = "sum")]
async fn sum(a: u32, b: u32) -> u32 {
    a + b
}

#[cached(kind = "operations", op = "difference")]
async fn difference(a: u32, b: u32) -> u32 {
    a - b
}

#[tokio::test]
async fn an_operation_is_removed_as_a_whole_and_no_other_one() {
    let store = Arc::<MapStore>::default();
    let cache = register_over("operations", &store);
    let origins = async || {
        let mut origins = Vec::new();
        for b in 0..3 {
            origins.push(call::outcome(sum(7, b)).await.origin);
        }
        origins.push(call::outcome(difference(7, 1)).await.origin);
        origins
    };
    let with = |sum, difference| [sum, sum, sum, difference];

    assert_eq!(origins().await, [Origin::Computed; 4]);
    assert_eq!(cache.remove_operation("sum").await, Reach::Everywhere);
    let (computed, memory) = (Origin::Computed, Origin::Memory);
    assert_eq!(origins().await, with(computed, memory));
    assert_eq!(origins().await, [memory; 4]);
    cache.expire_operation("difference").await;
    cache.remove_operation("nothing").await;
    assert_eq!(origins().await, with(memory, computed));

    // What has been in the store since before is served to no other process.
    assert!(cache.flush(Duration::from_secs(1)).await);
    cache.remove_operation("sum").await;
    let cache = register_over("operations", &store);
    assert_eq!(origins().await, with(computed, Origin::Store));
    assert_eq!(cache.stats().refused.invalidated, 3);
    cache.expire_all().await;
    assert_eq!(origins().await, [computed; 4]);
}

#[tokio::test]
async fn nothing_that_began_before_its_operation_was_removed_is_kept_or_given_to_others() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "operation-under-way", op = "slow")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        GATE.acquire().await.expect("never closed").forget();
        run
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("operation-under-way", &store);

    let (mut leader, mut waiter) = (Box::pin(slow(1)), Box::pin(slow(1)));
    while RUNS.total() == 0 {
        begin!(leader, waiter);
        tokio::task::yield_now().await;
    }
    cache.remove_operation("slow").await;
    GATE.add_permits(1);
    assert_eq!(leader.await, 1);
    assert_eq!(call::peek(slow(1)).await, None);
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert!(store.keys_of_entries().is_empty());
    GATE.add_permits(1);
    assert_eq!(waiter.await, 2);
}

#[cached(kind = "tagged", tags("user:{id}", "names"))]
async fn name(id: u32) -> String {
    format!("user {id}")
}

#[cached(kind = "tagged", tags("user:{user.0}", "{{{page}}}"))]
fn orders(user: (u32,), page: u32) -> impl Future<Output = Vec<u32>> + Send {
    let orders = vec![user.0, page];
    async move { orders }
}

#[cached(kind = "tagged", local, tags("user:{id}"))]
fn age(id: u32) -> u32 {
    id + 30
}

#[tokio::test]
async fn what_has_a_tag_is_removed_with_it_and_nothing_else() {
    let store = Arc::<MapStore>::default();
    let cache = register_over("tagged", &store);
    // Of the users 1 and 2: name, first page, second page, age.
    let computed = async || {
        let mut computed = String::new();
        for id in [1, 2] {
            let origins = [
                call::outcome(name(id)).await.origin,
                call::outcome(orders((id,), 1)).await.origin,
                call::outcome(orders((id,), 2)).await.origin,
                call::sync(Control::new(), || age(id)).origin,
            ];
            computed.extend(origins.map(|it| if it == Origin::Computed { 'c' } else { '-' }));
            computed.push(' ');
        }
        computed
    };

    assert_eq!(computed().await, "cccc cccc ");
    let sent = tokio::spawn(async { (name(1).await, orders((1,), 1).await) });
    assert_eq!(sent.await.expect("no panic"), ("user 1".into(), vec![1, 1]));
    assert_eq!(computed().await, "---- ---- ");
    cache.remove_tag("user:1").await;
    assert_eq!(computed().await, "cccc ---- ");
    cache.expire_tag("names").await;
    assert_eq!(computed().await, "c--- c--- ");
    cache.remove_tag("{2}").await;
    assert_eq!(computed().await, "--c- --c- ");
    // Those of a tenant are others.
    call::tenant("acme", cache.remove_tag("user:2")).await;
    assert_eq!(computed().await, "---- ---- ");
    assert_eq!(call::tenant("acme", computed()).await, "cccc cccc ");
    call::tenant("acme", cache.remove_tag("user:2")).await;
    assert_eq!(call::tenant("acme", computed()).await, "---- cccc ");
    assert_eq!(computed().await, "---- ---- ");

    // What has been in the store since before is served to no other process.
    assert!(cache.flush(Duration::from_secs(1)).await);
    cache.remove_tag("user:1").await;
    register_over("tagged", &store);
    assert_eq!(
        computed().await,
        "cccc ---c ",
        "what is local is not in the store"
    );
}

#[tokio::test]
async fn a_tenant_is_removed_as_a_whole_and_no_other_one() {
    #[cached(kind = "removed-tenants")]
    async fn name(id: u32) -> String {
        id.to_string()
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("removed-tenants", &store);
    let of = |tenant: &'static str, cache: Cache| async move {
        let both = async {
            let origin = call::outcome(name(1)).await.origin;
            (origin, cache.get::<u32>("number").await)
        };
        call::tenant(tenant, both).await
    };
    for tenant in ["acme", "umbrella"] {
        assert_eq!(of(tenant, cache.clone()).await, (Origin::Computed, None));
        call::tenant(tenant, cache.set("number", 7_u32)).await;
    }
    assert_eq!(call::outcome(name(1)).await.origin, Origin::Computed);
    assert!(cache.flush(Duration::from_secs(1)).await);

    cache.remove_tenant("acme").await;
    assert_eq!(of("acme", cache.clone()).await, (Origin::Computed, None));
    let others = (Origin::Memory, Some(7));
    assert_eq!(of("umbrella", cache.clone()).await, others);
    assert_eq!(call::outcome(name(1)).await.origin, Origin::Memory);

    cache.remove_tenant("acme").await;
    let cache = register_over("removed-tenants", &store);
    assert_eq!(of("acme", cache.clone()).await, (Origin::Computed, None));
    let others = (Origin::Store, Some(7));
    assert_eq!(of("umbrella", cache.clone()).await, others);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_told_of_an_invalidation_later() {
    #[cached(kind = "told-later", op = "told-later")]
    async fn name(id: u32) -> String {
        id.to_string()
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("told-later", &store);
    name(1).await;
    assert!(cache.flush(Duration::from_secs(1)).await);

    store.hangs.store(true, Ordering::SeqCst);
    assert_eq!(cache.remove_operation("told-later").await, Reach::Queued);
    store.hangs.store(false, Ordering::SeqCst);
    // The first look tells it, and does not take what is there.
    assert_eq!(call::peek(name(1)).await, None);
    register_over("told-later", &store);
    assert_eq!(call::peek(name(1)).await, None);
}

#[tokio::test]
async fn another_process_follows_within_two_seconds_in_what_it_reads_from_the_store() {
    let store = Arc::<MapStore>::default();
    let clock = ManualClock::new();
    let open = || {
        let mut config = roomy().build().expect("valid settings");
        // The builder would have it that there is a Redis then.
        config.enable_l1_cache = false;
        let cache = Cache::builder("follows", &config).clock(clock.clone());
        cache.store(store.clone()).build().expect("a cache")
    };
    let (one, other) = (open(), open());
    one.set("a", 1).await;
    assert_eq!(other.get::<i32>("a").await, Some(1));
    one.expire_all().await;
    assert_eq!(one.get::<i32>("a").await, None);
    clock.advance(Duration::from_millis(1999));
    assert_eq!(other.get::<i32>("a").await, Some(1));
    clock.advance(Duration::from_millis(1));
    assert_eq!(other.get::<i32>("a").await, None);
}

#[tokio::test]
async fn many_removals_are_remembered_in_bounded_memory() {
    #[cached(kind = "many-removals")]
    async fn name(id: u32) -> String {
        id.to_string()
    }
    let cache = register("many-removals", roomy());
    call::tenant("kept", name(1)).await;
    call::tenant("removed", name(1)).await;
    cache.remove_tenant("removed").await;
    let remove = |tenants: std::ops::Range<u32>| {
        for tenant in tenants {
            let removed = cache.remove_tenant(&tenant.to_string()).now_or_never();
            assert_eq!(removed, Some(Reach::Everywhere));
        }
    };
    remove(0..70_000);
    let more = allocation_counter::measure(|| remove(70_000..300_000));
    assert!(more.bytes_current < 500_000, "{more:?}");
    let origin = async |tenant| call::tenant(tenant, call::outcome(name(1))).await.origin;
    assert_eq!(origin("kept").await, Origin::Memory);
    assert_eq!(origin("removed").await, Origin::Computed);
}

#[tokio::test]
async fn a_none_from_before_a_removal_is_given_to_nobody() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "none-under-way")]
    async fn found(_id: u32) -> Option<usize> {
        let run = RUNS.count();
        GATE.acquire().await.expect("never closed").forget();
        (run > 1).then_some(run)
    }
    let cache = register("none-under-way", roomy());
    let call = || Box::pin(call::tenant("acme", found(1)));

    let mut leader = call();
    begin!(leader);
    cache.remove_tenant("acme").await;
    let mut later = call();
    begin!(later);
    GATE.add_permits(2);
    assert_eq!(tokio::join!(leader, later), (None, Some(2)));
}

#[tokio::test]
async fn of_two_that_compute_anew_the_later_one_has_the_last_word() {
    static RUNS: Runs = Runs::new();
    static GATES: [Semaphore; 5] = [const { Semaphore::const_new(0) }; 5];
    #[cached(kind = "two-refreshes")]
    async fn run(_id: u32) -> usize {
        let run = RUNS.count();
        GATES[run].acquire().await.expect("never closed").forget();
        run
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("two-refreshes", &store);
    let refresh = || Box::pin(call::refresh(run(1)));

    for (first, order) in [(1, [1, 2]), (3, [4, 3])] {
        let (mut one, mut two) = (refresh(), refresh());
        while RUNS.total() < first {
            begin!(one);
            tokio::task::yield_now().await;
        }
        while RUNS.total() == first {
            begin!(two);
            tokio::task::yield_now().await;
        }
        for run in order {
            GATES[run].add_permits(1);
            if run == first {
                assert_eq!((&mut one).await, run);
            } else {
                assert_eq!((&mut two).await, run);
            }
        }
        assert_eq!(call::peek(run(1)).await, Some(first + 1));
        assert!(cache.flush(Duration::from_secs(1)).await);
        let cache = register_over("two-refreshes", &store);
        assert_eq!(
            call::peek(run(1)).await,
            Some(first + 1),
            "in the store too"
        );
        drop(cache);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_store_could_not_be_told_of_a_key_is_not_served() {
    let store = Arc::<MapStore>::default();
    let open = || {
        let mut config = roomy().build().expect("valid settings");
        // The builder would have it that there is a Redis then.
        config.enable_l1_cache = false;
        let cache = Cache::builder("untold", &config).store(store.clone());
        cache.build().expect("a cache")
    };
    let cache = open();
    for key in ["removed", "set", "kept"] {
        cache.set(key, 1).await;
    }
    store.hangs.store(true, Ordering::SeqCst);
    assert!(!cache.remove("removed").await);
    cache.set("set", 2).await;
    // What was on its way is given up; on this clock that takes no time.
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.hangs.store(false, Ordering::SeqCst);

    assert_eq!(cache.get::<i32>("removed").await, None);
    assert_ne!(cache.get::<i32>("set").await, Some(1));
    assert_eq!(cache.get::<i32>("kept").await, Some(1));
    // The look-ups have seen to it that the store is told.
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(open().get::<i32>("removed").await, None);
    assert_ne!(open().get::<i32>("set").await, Some(1));
    assert_eq!(open().get::<i32>("kept").await, Some(1));
    cache.set("removed", 3).await;
    assert_eq!(cache.get::<i32>("removed").await, Some(3));
}

#[tokio::test]
async fn what_a_refresh_did_not_find_any_more_is_not_read_from_the_store() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "refreshed-away")]
    async fn found(_id: u32) -> Option<usize> {
        Some(RUNS.count()).filter(|run| *run != 2)
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("refreshed-away", &store);
    assert_eq!(found(1).await, Some(1));
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(call::refresh(found(1)).await, None);
    assert_eq!(found(1).await, Some(3));
}

#[tokio::test]
async fn a_key_that_is_set_while_it_is_looked_up_is_found() {
    let store = Arc::<MapStore>::default();
    register_over("set-while-read", &store).set("a", 1).await;
    let cache = register_over("set-while-read", &store);
    let mut get = Box::pin(cache.get::<i32>("a"));
    begin!(get);
    cache.set("a", 2).await;
    assert_eq!(get.await, Some(2));
}

#[tokio::test]
async fn a_removal_while_a_key_is_set_wins() {
    let store = Arc::<MapStore>::default();
    let cache = register_over("removed-while-set", &store);
    let mut set = Box::pin(cache.set("a", 1));
    begin!(set);
    cache.remove("a").await;
    set.await;
    assert_eq!(cache.get::<i32>("a").await, None);
    let cache = register_over("removed-while-set", &store);
    assert_eq!(cache.get::<i32>("a").await, None);
}

#[tokio::test]
async fn a_longer_lifetime_that_comes_along_spoils_no_look_up() {
    #[cached(kind = "lifetimes-together", ttl = "1h")]
    async fn short(id: u32) -> u32 {
        id
    }
    #[cached(kind = "lifetimes-together", ttl = "9h")]
    async fn long(id: u32) -> u32 {
        id
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("lifetimes-together", &store);
    tokio::join!(short(1), long(1));
    assert!(cache.flush(Duration::from_secs(1)).await);
    register_over("lifetimes-together", &store);
    let (short, long) = tokio::join!(call::outcome(short(1)), call::outcome(long(1)));
    assert_eq!((short.origin, long.origin), (Origin::Store, Origin::Store));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_took_another_one_along_and_failed_is_not_waited_for() {
    let store = Arc::<MapStore>::default();
    let mut config = roomy().build().expect("valid settings");
    // The builder would have it that there is a Redis then.
    config.enable_l1_cache = false;
    let cache = Cache::builder("merged", &config).store(store.clone());
    let cache = cache.build().expect("a cache");
    cache.set("k", 1).await;
    store.hangs.store(true, Ordering::SeqCst);
    // While the queue is busy with another key, what is set and what is computed meet in it.
    let millisecond = Duration::from_millis(1);
    assert!(
        tokio::time::timeout(millisecond, cache.set("other", 1))
            .await
            .is_err()
    );
    assert!(
        tokio::time::timeout(millisecond, cache.set("k", 2))
            .await
            .is_err()
    );
    assert_eq!(cache.get_or_compute("k", async || 3).await, 3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.hangs.store(false, Ordering::SeqCst);

    assert_eq!(cache.get::<i32>("k").await, None);
    // That look-up has seen to it that the store is told.
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(cache.get_or_compute("k", async || 4).await, 4);
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(cache.get::<i32>("k").await, Some(4));
}

#[tokio::test(start_paused = true)]
async fn what_a_pattern_could_not_be_removed_from_the_store_is_not_served() {
    let store = Arc::<MapStore>::default();
    let cache = Cache::builder("untold-pattern", &roomy().build().expect("valid settings"))
        .store(store.clone())
        .build()
        .expect("a cache");
    cache.set("user:1", 1).await;
    store.hangs.store(true, Ordering::SeqCst);
    cache.remove_matching("user:*").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.hangs.store(false, Ordering::SeqCst);
    assert_eq!(cache.get::<i32>("user:1").await, None);
}
