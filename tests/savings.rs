//! What answers cost, and what those have saved that were there already: `tokens` and `cost`.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::testing::ManualClock;
use larder::{Cache, Charges, Savings, cached, call};
use serde::{Deserialize, Serialize};
use support::map_store::MapStore;
use support::{Runs, eventually, poll_once, register, register_over, roomy};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    text: String,
    tokens: u32,
    cost: f64,
}

impl Answer {
    fn of(tokens: u32) -> Self {
        Self {
            text: "The sea was calm.".to_owned(),
            tokens,
            cost: f64::from(tokens) / 1000.0,
        }
    }

    fn cost(&self) -> f64 {
        self.cost
    }
}

fn savings(cache: &Cache, operation: &str) -> Savings {
    let operation = cache.statistics().operations.remove(operation);
    operation.unwrap_or_default().savings
}

/// Of one tenant.
fn savings_of(cache: &Cache, tenant: &str, operation: &str) -> Savings {
    let tenant = cache.statistics().tenants.remove(tenant);
    let savings = tenant.unwrap_or_default().savings.remove(operation);
    savings.unwrap_or_default()
}

/// Calls, tokens, and thousandths of the unit of money.
fn sums(charges: Charges) -> (u64, u64, u64) {
    let exact = charges.nano_cost.checked_rem(1_000_000);
    assert_eq!(exact, Some(0), "{charges:?}");
    (charges.calls, charges.tokens, charges.nano_cost / 1_000_000)
}

fn both(cache: &Cache, operation: &str) -> [(u64, u64, u64); 2] {
    let savings = savings(cache, operation);
    assert_eq!(savings.bad_prices, 0);
    [sums(savings.billed), sums(savings.replayed)]
}

#[tokio::test]
async fn what_is_computed_is_billed_and_what_is_there_is_replayed() {
    #[cached(kind = "priced", op = "ask", tokens = |it| it.tokens, cost = Answer::cost)]
    async fn ask(tokens: u32) -> Result<Answer, String> {
        tokio::task::yield_now().await;
        if tokens == 0 {
            return Err("no tokens".to_owned());
        }
        Ok(Answer::of(tokens))
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("priced", &store);
    let sums = |cache: &Cache| both(cache, "ask");

    ask(10).await.expect("an answer");
    assert_eq!(sums(&cache), [(1, 10, 10), (0, 0, 0)]);
    // From memory, the short way.
    assert_eq!(ask(10).await.expect("an answer"), Answer::of(10));
    assert_eq!(sums(&cache), [(1, 10, 10), (1, 10, 10)]);
    // The long way.
    let outcome = call::outcome(ask(10)).await;
    assert_eq!(outcome.origin, call::Origin::Memory);
    call::peek(ask(10)).await.expect("an answer").expect("one");
    assert_eq!(sums(&cache), [(1, 10, 10), (3, 30, 30)]);
    // Another caller.
    let (first, second) = tokio::join!(ask(5), ask(5));
    assert_eq!(first, second);
    assert_eq!(sums(&cache), [(2, 15, 15), (4, 35, 35)]);
    // Failures, and what is looked for in vain, cost nothing that anybody knows.
    ask(0).await.expect_err("no tokens");
    assert_eq!(call::peek(ask(1)).await, None);
    assert_eq!(sums(&cache), [(2, 15, 15), (4, 35, 35)]);
    // Computed although it is there.
    call::refresh(ask(10)).await.expect("an answer");
    call::bypass(ask(10)).await.expect("an answer");
    assert_eq!(sums(&cache), [(4, 35, 35), (4, 35, 35)]);
    // From the store, in another process.
    assert!(cache.flush(Duration::from_secs(1)).await);
    let cache = register_over("priced", &store);
    let outcome = call::outcome(ask(10)).await;
    assert_eq!(outcome.origin, call::Origin::Store);
    assert_eq!(sums(&cache), [(0, 0, 0), (1, 10, 10)]);
    assert_eq!(savings(&cache, "ask").saved_ratio(), Some(1.0));
}

#[tokio::test]
async fn every_form_of_function_has_prices() {
    #[cached(kind = "forms", op = "future", tokens = |it| it.tokens, cost = |it| it.cost)]
    fn future(tokens: u32) -> impl Future<Output = Answer> + use<> {
        let answer = Answer::of(tokens);
        async move { answer }
    }
    #[cached(kind = "forms", op = "boxed", tokens = |it| it.tokens, cost = |it| it.cost)]
    fn boxed(tokens: u32) -> Pin<Box<dyn Future<Output = Option<Answer>> + Send>> {
        Box::pin(async move { Some(Answer::of(tokens)) })
    }
    #[cached(kind = "forms", op = "sync", local, tokens = |it| it.tokens, cost = |it| it.cost)]
    fn sync(tokens: u32) -> Answer {
        Answer::of(tokens)
    }
    #[cached(kind = "forms", op = "plain", value = plain, tokens = |it| it.as_ref().map_or(0, |it| it.tokens))]
    async fn plain(tokens: u32) -> Result<Answer, String> {
        Err(tokens.to_string())
    }
    #[cached(kind = "forms", op = "limited", timeout(hard = "1m"), tokens = |it| it.tokens, cost = |it| it.cost)]
    async fn limited(tokens: u32) -> anyhow::Result<Arc<Answer>> {
        Ok(Arc::new(Answer::of(tokens)))
    }
    #[cached(kind = "forms", op = "weighed", weight = |it| it.text.len(), tokens = |it| i64::from(it.tokens))]
    async fn weighed(tokens: u32) -> Answer {
        Answer::of(tokens)
    }
    let cache = register("forms", roomy());
    for _ in 0..3 {
        future(7).await;
        boxed(7).await;
        sync(7);
        plain(7).await.expect_err("on purpose");
        limited(7).await.expect("an answer");
        weighed(7).await;
    }

    for operation in ["future", "boxed", "sync", "limited"] {
        let expected = [(1, 7, 7), (2, 14, 14)];
        assert_eq!(both(&cache, operation), expected, "{operation}");
    }
    assert_eq!(both(&cache, "weighed"), [(1, 7, 0), (2, 14, 0)]);
    assert_eq!(both(&cache, "plain"), [(1, 0, 0), (2, 0, 0)]);
    let ratio = savings(&cache, "weighed").saved_ratio();
    assert!(ratio.is_some_and(|ratio| (ratio - 2.0 / 3.0).abs() < 1e-9));
    assert_eq!(savings(&cache, "plain").saved_ratio(), None);
}

#[tokio::test]
async fn bodies_that_go_on_without_their_callers_are_billed() {
    #[cached(kind = "going.on", op = "detached", detach, tokens = |it| it.tokens)]
    async fn detached(tokens: u32) -> Answer {
        tokio::task::yield_now().await;
        Answer::of(tokens)
    }
    #[cached(kind = "going.on", op = "renewed", ttl = "1m", stale_while_revalidate = "1m", tokens = |it| it.tokens)]
    async fn renewed(tokens: u32) -> Answer {
        Answer::of(tokens)
    }
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("going.on", &config).clock(clock.clone());
    let cache = cache.build().expect("a cache");
    larder::register(cache.clone());

    let mut call = Box::pin(detached(7));
    assert!(poll_once(&mut call).is_pending());
    drop(call);
    eventually("the body ends", async || {
        both(&cache, "detached") == [(1, 7, 0), (0, 0, 0)]
    })
    .await;

    renewed(7).await;
    clock.advance(Duration::from_secs(61));
    let stale = call::outcome(renewed(7)).await;
    assert!(matches!(stale.origin, call::Origin::Stale(_)));
    eventually("the body has run again", async || {
        both(&cache, "renewed") == [(2, 14, 0), (1, 7, 0)]
    })
    .await;
}

#[tokio::test]
async fn an_old_answer_in_the_place_of_a_failure_is_replayed() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(kind = "failing", op = "fails", ttl = "1m", stale_if_error = "1h", tokens = |it| it.tokens)]
    async fn fails(tokens: u32) -> Result<Answer, String> {
        if FAILS.load(Ordering::SeqCst) {
            return Err("away".to_owned());
        }
        Ok(Answer::of(tokens))
    }
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("failing", &config).clock(clock.clone());
    let cache = cache.build().expect("a cache");
    larder::register(cache.clone());

    fails(7).await.expect("an answer");
    FAILS.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(61));
    fails(7).await.expect("the old answer");
    assert_eq!(both(&cache, "fails"), [(1, 7, 0), (1, 7, 0)]);
}

#[tokio::test]
async fn an_old_answer_is_replayed_once_whatever_becomes_of_the_body_behind_it() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(kind = "failing.behind", op = "renewed", ttl = "1m", stale_while_revalidate = "1h", stale_if_error = "1h", tokens = |it| it.tokens)]
    async fn renewed(tokens: u32) -> Result<Answer, String> {
        if FAILS.load(Ordering::SeqCst) {
            return Err("away".to_owned());
        }
        Ok(Answer::of(tokens))
    }
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("failing.behind", &config).clock(clock.clone());
    let cache = cache.build().expect("a cache");
    larder::register(cache.clone());

    renewed(7).await.expect("an answer");
    FAILS.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(61));
    renewed(7).await.expect("the old answer");
    eventually("the body has failed", async || cache.stats().refreshed == 1).await;
    assert_eq!(both(&cache, "renewed"), [(1, 7, 0), (1, 7, 0)]);
    let operation = cache.statistics().operations.remove("renewed");
    let operation = operation.expect("it was called");
    // The body that failed is none of those that say how long an answer takes.
    assert_eq!((operation.counts.calls(), operation.bodies.count), (2, 1));
}

#[tokio::test]
async fn failures_do_not_make_answers_look_quick() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "failing.first", op = "ask")]
    async fn ask(_id: u32) -> Result<u32, String> {
        if RUNS.count() < 10 {
            return Err("too many requests".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
        Ok(1)
    }
    let cache = register("failing.first", roomy());
    for _ in 0..9 {
        ask(1).await.expect_err("too many");
    }
    assert_eq!(cache.statistics().savings.time, None);
    for _ in 0..2 {
        ask(1).await.expect("an answer");
    }
    let saved = cache.statistics().savings.time.expect("an estimate");
    assert!(saved >= Duration::from_millis(5), "{saved:?}");
}

#[tokio::test]
async fn answers_that_are_not_kept_are_billed_each_time() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("on purpose"))
        }
    }
    #[cached(kind = "unkept", op = "unkept", cache_if = |_| false, tokens = |it| it.tokens)]
    async fn unkept(tokens: u32) -> Answer {
        Answer::of(tokens)
    }
    #[cached(kind = "unkept", op = "keyless", tokens = |it| it.tokens)]
    async fn keyless(_refuses: Refuses) -> Answer {
        Answer::of(7)
    }
    #[cached(kind = "unkept", op = "keyless.sync", local, tokens = |it| it.tokens)]
    fn keyless_sync(_refuses: Refuses) -> Answer {
        Answer::of(7)
    }
    #[cached(kind = "nobody.registered.it", op = "homeless", tokens = |it| it.tokens)]
    async fn homeless() -> Answer {
        Answer::of(7)
    }
    let cache = register("unkept", roomy());
    homeless().await;
    for calls in 1..=2 {
        unkept(7).await;
        keyless(Refuses).await;
        keyless_sync(Refuses);
        for operation in ["unkept", "keyless", "keyless.sync"] {
            let expected = [(calls, 7 * calls, 0), (0, 0, 0)];
            assert_eq!(both(&cache, operation), expected, "{operation}");
        }
    }
    cache.switch_off();
    unkept(7).await;
    assert_eq!(both(&cache, "unkept"), [(3, 21, 0), (0, 0, 0)]);
}

#[tokio::test]
async fn a_price_that_is_none_is_counted_and_taken_as_zero() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "bad", op = "cost", tokens = |_| 3_u8, cost = |it| if it.is_nan() { panic!("on purpose") } else { *it })]
    async fn cost(_case: u32, cost: f64) -> f64 {
        RUNS.count();
        cost
    }
    #[cached(kind = "bad", op = "tokens", tokens = |it| { assert_ne!(*it, 0, "on purpose"); *it })]
    async fn tokens(tokens: i128) -> i128 {
        RUNS.count();
        tokens
    }
    let cache = register("bad", roomy());

    let bad = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -1.0,
        -f64::MIN_POSITIVE,
    ];
    for (case, bad) in (0..).zip(bad) {
        let before = savings(&cache, "cost");
        for _ in 0..2 {
            let answer = cost(case, bad).await;
            assert_eq!(answer.to_bits(), bad.to_bits());
        }
        let after = savings(&cache, "cost");
        assert_eq!(after.bad_prices, before.bad_prices + 2, "{bad}");
        // What can be counted is.
        assert_eq!(after.billed.calls, before.billed.calls + 1);
        assert_eq!(after.replayed.tokens, before.replayed.tokens + 3);
        assert_eq!((after.billed.nano_cost, after.replayed.nano_cost), (0, 0));
    }
    for bad in [0, -1, i128::MAX] {
        let before = savings(&cache, "tokens");
        assert_eq!((tokens(bad).await, tokens(bad).await), (bad, bad));
        let after = savings(&cache, "tokens");
        assert_eq!(after.bad_prices, before.bad_prices + 2, "{bad}");
        assert_eq!((after.billed.tokens, after.replayed.tokens), (0, 0));
    }
    // Each was kept: a price decides nothing.
    assert_eq!(RUNS.total(), 8);
}

#[tokio::test]
async fn sums_stay_at_what_is_the_most() {
    #[cached(kind = "most", op = "most", tokens = |it| *it, cost = |_| f64::MAX)]
    async fn most(tokens: u64) -> u64 {
        tokens
    }
    let cache = register("most", roomy());
    for _ in 0..3 {
        most(u64::MAX - 1).await;
    }
    let savings = savings(&cache, "most");
    assert_eq!(savings.bad_prices, 0);
    assert_eq!(savings.billed.tokens, u64::MAX - 1);
    assert_eq!(savings.replayed.tokens, u64::MAX);
    assert_eq!(savings.replayed.nano_cost, u64::MAX);
    assert!((savings.replayed.cost() - 18_446_744_073.7).abs() < 0.1);
}

#[tokio::test]
async fn functions_without_prices_have_saved_calls_and_time_and_nothing_else() {
    #[cached(kind = "unpriced", op = "free")]
    async fn free(id: u32) -> u32 {
        id
    }
    #[cached(kind = "unpriced.elsewhere", op = "free", tokens = |it| *it)]
    async fn priced(id: u32) -> u32 {
        id
    }
    let cache = register("unpriced", roomy());
    let other = register("unpriced.elsewhere", roomy());
    for _ in 0..3 {
        free(1).await;
    }
    priced(1).await;
    let free = savings(&cache, "free");
    assert_eq!(free.calls, 2);
    assert!(free.time.is_some());
    let nothing = Charges::default();
    assert_eq!((free.billed, free.replayed), (nothing, nothing));
    assert_eq!(free.saved_ratio(), None);
    assert_eq!(savings(&other, "free").billed.tokens, 1);
}

#[tokio::test]
async fn the_time_that_hits_have_saved_is_that_of_as_many_bodies() {
    #[cached(kind = "time", op = "slow")]
    async fn slow(id: u32) -> u32 {
        tokio::task::yield_now().await;
        id
    }
    #[cached(kind = "time", op = "quick")]
    async fn quick(id: u32) -> u32 {
        id
    }
    let cache = register("time", roomy());
    slow(1).await;
    quick(1).await;
    assert_eq!(savings(&cache, "slow").time, Some(Duration::ZERO));
    for _ in 0..5 {
        slow(1).await;
        quick(1).await;
    }
    call::tenant("acme", slow(1)).await;
    for _ in 0..3 {
        call::tenant("acme", slow(1)).await;
    }
    cache.set("key", 1).await;
    cache.get::<i32>("key").await;

    let statistics = cache.statistics();
    let operations = &statistics.operations;
    let body = operations["slow"].bodies.mean();
    assert!(body > Duration::ZERO);
    let slow = operations["slow"].savings;
    assert_eq!((slow.calls, slow.time), (8, Some(body * 8)));
    // Of the application's own keys nobody knows what they would take.
    assert_eq!(operations["keys"].savings.calls, 1);
    assert_eq!(operations["keys"].savings.time, None);
    let quick = operations["quick"].savings.time.expect("a time");
    let all = statistics.savings;
    assert_eq!((all.calls, all.time), (14, Some(body * 8 + quick)));
    let acme = statistics.tenants["acme"].savings["slow"];
    assert_eq!((acme.calls, acme.time), (3, Some(body * 3)));
}

#[tokio::test]
async fn without_monitoring_nobody_knows_how_much_time_was_saved() {
    #[cached(kind = "untimed", op = "untimed", tokens = |it| *it)]
    async fn untimed(id: u32) -> u32 {
        id
    }
    let cache = register("untimed", roomy().enable_monitoring(false));
    untimed(7).await;
    call::tenant("acme", untimed(7)).await;
    call::tenant("acme", untimed(7)).await;
    untimed(7).await;
    let all = savings(&cache, "untimed");
    assert_eq!((all.calls, all.time), (2, None));
    assert_eq!((all.billed.tokens, all.replayed.tokens), (14, 14));
    assert_eq!(savings_of(&cache, "acme", "untimed").time, None);
    assert_eq!(cache.statistics().savings.time, None);
}

#[tokio::test]
async fn each_tenant_is_billed_for_its_own_answers_whoever_computes_them() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("on purpose"))
        }
    }
    #[cached(kind = "of.tenants", op = "ask", tokens = |it| it.tokens)]
    async fn ask(tokens: u32) -> Answer {
        tokio::task::yield_now().await;
        Answer::of(tokens)
    }
    static BEGUN: Runs = Runs::new();
    #[cached(kind = "of.tenants", op = "detached", detach, tokens = |it| it.tokens)]
    async fn detached(tokens: u32) -> Answer {
        BEGUN.count();
        tokio::task::yield_now().await;
        Answer::of(tokens)
    }
    #[cached(kind = "of.tenants", op = "renewed", ttl = "1m", stale_while_revalidate = "1m", tokens = |it| it.tokens)]
    async fn renewed(tokens: u32) -> Answer {
        Answer::of(tokens)
    }
    #[cached(kind = "of.tenants", op = "keyless", tokens = |it| it.tokens)]
    async fn keyless(_refuses: Refuses) -> Answer {
        Answer::of(7)
    }
    let clock = ManualClock::new();
    let store = Arc::<MapStore>::default();
    let config = roomy().build().expect("valid settings");
    let make = || {
        let cache = Cache::builder("of.tenants", &config).store(store.clone());
        let cache = cache.clock(clock.clone()).build().expect("a cache");
        larder::register(cache.clone());
        cache
    };
    let cache = make();
    let sums_of = |cache: &Cache, tenant: &str, operation: &str| {
        let savings = savings_of(cache, tenant, operation);
        [sums(savings.billed), sums(savings.replayed)]
    };

    ask(5).await;
    // As calls of a gateway come: both at once, and each twice.
    let acme = async || call::tenant("acme", ask(10)).await;
    let umbrella = async || call::tenant("umbrella", ask(10)).await;
    tokio::join!(acme(), umbrella(), acme(), umbrella());
    acme().await;
    call::tenant("umbrella", call::bypass(ask(10))).await;
    call::tenant("umbrella", call::refresh(ask(10))).await;
    let acme = sums_of(&cache, "acme", "ask");
    assert_eq!(acme, [(1, 10, 0), (2, 20, 0)]);
    let umbrella = sums_of(&cache, "umbrella", "ask");
    assert_eq!(umbrella, [(3, 30, 0), (1, 10, 0)]);
    assert_eq!(both(&cache, "ask"), [(5, 45, 0), (3, 30, 0)]);

    // Nobody waits for it any more, and no tenant is set where it ends.
    let mut call = Box::pin(call::tenant("acme", detached(7)));
    eventually("the body has begun", async || {
        assert!(poll_once(&mut call).is_pending());
        BEGUN.total() == 1
    })
    .await;
    drop(call);
    eventually("the body ends", async || {
        sums_of(&cache, "acme", "detached") == [(1, 7, 0), (0, 0, 0)]
    })
    .await;
    call::tenant("acme", renewed(7)).await;
    clock.advance(Duration::from_secs(61));
    call::tenant("acme", renewed(7)).await;
    eventually("the body has run again", async || {
        sums_of(&cache, "acme", "renewed") == [(2, 14, 0), (1, 7, 0)]
    })
    .await;
    // Nothing is kept of these.
    call::tenant("acme", keyless(Refuses)).await;
    assert_eq!(sums_of(&cache, "acme", "keyless"), [(1, 7, 0), (0, 0, 0)]);
    cache.switch_off();
    call::tenant("acme", ask(10)).await;
    assert_eq!(sums_of(&cache, "acme", "ask"), [(2, 20, 0), (2, 20, 0)]);

    // From the store, in another process.
    cache.switch_on();
    assert!(cache.flush(Duration::from_secs(1)).await);
    let cache = make();
    call::tenant("umbrella", ask(10)).await;
    let umbrella = sums_of(&cache, "umbrella", "ask");
    assert_eq!(umbrella, [(0, 0, 0), (1, 10, 0)]);
    assert!(!cache.statistics().tenants.contains_key("acme"));
}

#[tokio::test]
async fn what_was_saved_since_a_moment_or_a_reset_is_what_has_come_since() {
    #[cached(kind = "since", op = "ask", tokens = |it| it.tokens, cost = Answer::cost)]
    async fn ask(tokens: u32) -> Answer {
        Answer::of(tokens)
    }
    #[cached(kind = "since", op = "later", tokens = |it| it.tokens)]
    async fn later(tokens: u32) -> Answer {
        Answer::of(tokens)
    }
    let cache = register("since", roomy());
    let call = async |tokens| call::tenant("acme", ask(tokens)).await;
    for _ in 0..3 {
        call(10).await;
    }
    let before = cache.statistics();
    call(10).await;
    call(5).await;
    later(1).await;
    let now = cache.statistics();
    let since = now.since(&before);
    let body = now.operations["ask"].bodies.mean();
    for savings in [
        since.operations["ask"].savings,
        since.tenants["acme"].savings["ask"],
    ] {
        assert_eq!((savings.calls, savings.time), (1, Some(body)));
        assert_eq!(sums(savings.billed), (1, 5, 5));
        assert_eq!(sums(savings.replayed), (1, 10, 10));
    }
    assert_eq!(sums(since.savings.billed), (2, 6, 5));

    cache.reset_statistics();
    let reset = cache.statistics();
    let nothing = savings(&cache, "ask");
    assert_eq!((nothing.calls, nothing.time), (0, Some(Duration::ZERO)));
    assert_eq!(sums(reset.savings.billed), (0, 0, 0));
    call(10).await;
    assert_eq!(both(&cache, "ask"), [(0, 0, 0), (1, 10, 10)]);
    let acme = savings_of(&cache, "acme", "ask");
    assert_eq!((acme.calls, sums(acme.replayed)), (1, (1, 10, 10)));
    let all = cache.statistics_since_start().savings;
    assert_eq!(
        [sums(all.billed), sums(all.replayed)],
        [(3, 16, 15), (4, 40, 40)]
    );
}

#[tokio::test]
async fn savings_are_written_with_their_units() {
    #[cached(kind = "written", op = "ask", tokens = |it| it.tokens, cost = Answer::cost)]
    async fn ask(tokens: u32) -> Answer {
        Answer::of(tokens)
    }
    let cache = register("written", roomy());
    for _ in 0..2 {
        call::tenant("acme", ask(10)).await;
    }
    let statistics = cache.statistics();
    let time = statistics.savings.time.expect("a time");
    let written = serde_json::to_value(&statistics).expect("JSON");
    for savings in [
        &written["savings"],
        &written["operations"]["ask"]["savings"],
        &written["tenants"]["acme"]["savings"]["ask"],
    ] {
        let charges = serde_json::json!({"calls": 1, "tokens": 10, "nano_cost": 10_000_000});
        let expected = serde_json::json!({
            "calls": 1,
            "time_seconds": time.as_secs_f64(),
            "billed": charges,
            "replayed": charges,
            "bad_prices": 0,
        });
        assert_eq!(savings, &expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_answer_is_in_one_of_the_two_sums() {
    #[cached(kind = "truth", op = "truth", tokens = |it| *it)]
    async fn truth(id: u32) -> u32 {
        tokio::task::yield_now().await;
        id
    }
    let cache = register("truth", roomy());
    let tasks = (0..16).map(|task| {
        tokio::spawn(async move {
            for call in 0..1000_u32 {
                let id = (call * 7 + task) % 40;
                match call % 10 {
                    0 => call::refresh(truth(id)).await,
                    1 => call::bypass(truth(id)).await,
                    2 => call::outcome(truth(id)).await.value,
                    _ => truth(id).await,
                };
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    let savings = savings(&cache, "truth");
    let stats = cache.stats();
    assert_eq!(savings.billed.calls + savings.replayed.calls, 16_000);
    assert_eq!(savings.replayed.calls, stats.hits);
    assert_eq!(
        savings.billed.calls,
        stats.computed + stats.not_kept + stats.bypassed
    );
    let tokens: u64 = (0..16_u64)
        .flat_map(|task| (0..1000).map(move |call| (call * 7 + task) % 40))
        .sum();
    assert_eq!(savings.billed.tokens + savings.replayed.tokens, tokens);
}
