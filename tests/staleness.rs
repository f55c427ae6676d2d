//! What is served past its lifetime, and what is done before that.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::call::{self, MissReason, Origin, StaleCause};
use larder::testing::ManualClock;
use larder::{Cache, CacheConfigBuilder, cached};
use support::map_store::MapStore;
use support::{Runs, eventually, poll_once, roomy};
use tokio::sync::Semaphore;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn register(kind: &str, config: CacheConfigBuilder) -> (Cache, ManualClock) {
    let clock = ManualClock::new();
    let cache = Cache::builder(kind, &config.build().expect("valid settings"))
        .clock(clock.clone())
        .build()
        .expect("a cache");
    larder::register(cache.clone());
    (cache, clock)
}

#[tokio::test]
async fn a_value_past_its_lifetime_is_served_while_a_new_one_is_computed() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "swr", ttl = "1m", stale_while_revalidate = "1m")]
    async fn slow(id: &str) -> String {
        let run = RUNS.count();
        if run > 1 {
            GATE.acquire().await.expect("never closed").forget();
        }
        format!("{id}{run}")
    }
    let (cache, clock) = register("swr", roomy());

    assert_eq!(slow("a").await, "a1");
    clock.advance(MINUTE);
    let stale = call::outcome(slow("a")).await;
    assert_eq!(stale.value, "a1");
    assert_eq!(stale.origin, Origin::Stale(StaleCause::Revalidating));
    assert_eq!(stale.age, MINUTE);
    eventually("it is computed", async || RUNS.total() == 2).await;
    // Nobody waits, and nobody computes beside.
    for _ in 0..10 {
        assert_eq!(slow("a").await, "a1");
    }
    GATE.add_permits(1);
    eventually("the new one is served", async || slow("a").await == "a2").await;
    assert_eq!(RUNS.total(), 2);
    let stats = cache.stats();
    assert_eq!((stats.computed, stats.refreshed), (1, 1));
    assert!(stats.stale >= 11);

    // Past the window it is a miss.
    clock.advance(2 * MINUTE);
    GATE.add_permits(1);
    let late = call::outcome(slow("a")).await;
    assert_eq!((late.value.as_str(), late.origin), ("a3", Origin::Computed));
    assert_eq!(late.miss, Some(MissReason::Expired));
}

#[tokio::test]
async fn a_value_near_the_end_of_its_lifetime_is_computed_ahead() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "ahead", ttl = "100s", refresh_ahead = 0.8)]
    async fn number(_id: u32) -> usize {
        RUNS.count()
    }
    let (_, clock) = register("ahead", roomy());

    assert_eq!(number(1).await, 1);
    clock.advance(79 * SECOND);
    assert_eq!(number(1).await, 1);
    tokio::task::yield_now().await;
    assert_eq!(RUNS.total(), 1);
    clock.advance(SECOND);
    assert_eq!(number(1).await, 1);
    eventually("the new one is served", async || number(1).await == 2).await;
    assert_eq!(RUNS.total(), 2);
    // Not without an access.
    clock.advance(99 * SECOND);
    tokio::task::yield_now().await;
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_failing_body_is_asked_once_a_period_and_its_old_value_served() {
    static RUNS: Runs = Runs::new();
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(kind = "sie", ttl = "1m", stale_if_error = "10m")]
    async fn flaky(_id: u32) -> Result<usize, String> {
        let run = RUNS.count();
        if FAILS.load(Ordering::SeqCst) {
            return Err("down".to_owned());
        }
        Ok(run)
    }
    let (cache, clock) = register("sie", roomy());

    assert_eq!(flaky(1).await, Ok(1));
    FAILS.store(true, Ordering::SeqCst);
    clock.advance(MINUTE);
    let stale = call::outcome(flaky(1)).await;
    assert_eq!(stale.value, Ok(1));
    assert_eq!(stale.origin, Origin::Stale(StaleCause::Failed));
    assert_eq!(RUNS.total(), 2);
    for _ in 0..10 {
        assert_eq!(flaky(1).await, Ok(1));
    }
    assert_eq!(RUNS.total(), 2);
    clock.advance(30 * SECOND);
    assert_eq!(flaky(1).await, Ok(1));
    assert_eq!(RUNS.total(), 3);
    // Failures do not renew it: ten minutes after its lifetime it is over.
    for _ in 0..19 {
        clock.advance(30 * SECOND);
        let _ = flaky(1).await;
    }
    assert_eq!(flaky(1).await, Err("down".to_owned()));
    FAILS.store(false, Ordering::SeqCst);
    assert!(flaky(1).await.is_ok());
    assert!(cache.stats().stale >= 13);
}

#[tokio::test]
async fn an_expired_value_serves_a_failure_and_a_removed_one_does_not() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(
        kind = "verbs",
        op = "verbs.flaky",
        ttl = "1h",
        stale_if_error = "1h",
        tags("t:{id}")
    )]
    async fn flaky(id: u32) -> Result<u32, String> {
        if FAILS.load(Ordering::SeqCst) {
            return Err("down".to_owned());
        }
        Ok(id)
    }
    let (cache, clock) = register("verbs", roomy());
    let fill = async || {
        clock.advance(2 * MINUTE);
        FAILS.store(false, Ordering::SeqCst);
        assert_eq!(call::refresh(flaky(1)).await, Ok(1));
        FAILS.store(true, Ordering::SeqCst);
    };
    let down = || Err("down".to_owned());

    for how in 0..4 {
        fill().await;
        match how {
            0 => assert!(call::expire(flaky(1)).await),
            1 => drop(cache.expire_tag("t:1").await),
            2 => drop(cache.expire_operation("verbs.flaky").await),
            _ => drop(cache.expire_all().await),
        }
        assert_eq!(call::peek(flaky(1)).await, None);
        let outcome = call::outcome(flaky(1)).await;
        assert_eq!(outcome.value, Ok(1), "{how}");
        assert_eq!(outcome.origin, Origin::Stale(StaleCause::Failed));
        assert_eq!(outcome.miss, Some(MissReason::Invalidated));
        // The pause is over: removed in the meantime, it serves nobody.
        fill().await;
        match how {
            0 => assert!(call::remove(flaky(1)).await),
            1 => drop(cache.remove_tag("t:1").await),
            2 => drop(cache.remove_operation("verbs.flaky").await),
            _ => drop(cache.clear().await),
        }
        assert_eq!(flaky(1).await, down(), "{how}");
    }
    // Expired and then removed with everything of its operation.
    fill().await;
    assert!(call::expire(flaky(1)).await);
    cache.remove_operation("verbs.flaky").await;
    assert_eq!(flaky(1).await, down());
}

#[tokio::test]
async fn a_none_and_a_failure_are_kept_for_as_long_as_they_may_be() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "negative", ttl = "1h", none_ttl = "1m", err_ttl = "5s")]
    async fn found(id: u32) -> Result<Option<usize>, String> {
        let run = RUNS.count();
        match id {
            0 => Ok(None),
            1 => Err(format!("run {run}")),
            _ => Ok(Some(run)),
        }
    }
    let (_, clock) = register("negative", roomy());

    for _ in 0..3 {
        assert_eq!(found(0).await, Ok(None));
        assert_eq!(found(1).await, Err("run 2".to_owned()));
        assert_eq!(found(2).await, Ok(Some(3)));
    }
    let kept = call::outcome(found(0)).await;
    assert_eq!((kept.value, kept.origin), (Ok(None), Origin::Memory));
    clock.advance(5 * SECOND);
    assert_eq!(found(1).await, Err("run 4".to_owned()));
    assert_eq!(found(0).await, Ok(None));
    clock.advance(55 * SECOND);
    assert_eq!(found(0).await, Ok(None));
    assert_eq!(RUNS.total(), 5);
    // No longer than a value would be kept.
    let short = Duration::from_secs(1);
    assert_eq!(call::ttl(short, call::refresh(found(0))).await, Ok(None));
    clock.advance(short);
    assert_eq!(found(0).await, Ok(None));
    assert_eq!(RUNS.total(), 7);
}

#[tokio::test]
async fn a_none_that_is_kept_is_found_in_the_store() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "negative-store", none_ttl = "1m")]
    async fn found(id: u32) -> Option<u32> {
        RUNS.count();
        (id > 0).then_some(id)
    }
    let store = Arc::new(MapStore::default());
    let cache = support::register_over("negative-store", &store);
    assert_eq!(found(0).await, None);
    assert!(cache.flush(SECOND).await);
    support::register_over("negative-store", &store);
    let kept = call::outcome(found(0)).await;
    assert_eq!((kept.value, kept.origin), (None, Origin::Store));
    assert_eq!(RUNS.total(), 1);
}

#[derive(Clone, Debug, PartialEq)]
enum Trouble {
    Late(Duration),
}

impl From<larder::TimedOut> for Trouble {
    fn from(timed_out: larder::TimedOut) -> Self {
        Self::Late(timed_out.after)
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_hard_time_out_callers_have_an_error_and_nothing_goes_on() {
    static RUNS: Runs = Runs::new();
    static ENDED: Runs = Runs::new();
    #[cached(kind = "hard", timeout(hard = "5s"))]
    async fn slow(id: &u32) -> Result<u32, Trouble> {
        RUNS.count();
        tokio::time::sleep(MINUTE).await;
        ENDED.count();
        Ok(*id)
    }
    let (cache, _) = register("hard", roomy());

    let ids = [1, 1, 1];
    let began = tokio::time::Instant::now();
    let answers = futures_util::future::join_all(ids.iter().map(slow)).await;
    assert_eq!(began.elapsed(), 5 * SECOND);
    assert_eq!(
        answers,
        [const { Err(Trouble::Late(Duration::from_secs(5))) }; 3]
    );
    tokio::time::sleep(2 * MINUTE).await;
    // One body for all of them, which nobody takes over whose time is over as well.
    assert_eq!((RUNS.total(), ENDED.total()), (1, 0));
    assert_eq!(cache.stats().timed_out, 3);
}

#[tokio::test(start_paused = true)]
async fn after_a_soft_time_out_the_old_value_is_served_and_the_new_one_kept() {
    static RUNS: Runs = Runs::new();
    #[cached(
        kind = "soft",
        ttl = "1m",
        stale_if_error = "1h",
        timeout(soft = "100ms", hard = "5s")
    )]
    async fn slow(_id: &str, seconds: u64) -> Result<usize, Trouble> {
        let run = RUNS.count();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(run)
    }
    let (cache, clock) = register("soft", roomy());

    // Without an old value there is nothing but to wait.
    assert_eq!(slow("a", 3).await, Ok(1));
    clock.advance(MINUTE);
    let began = tokio::time::Instant::now();
    let later = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        slow("a", 3).await
    };
    let (first, second) = tokio::join!(call::outcome(slow("a", 3)), later);
    assert_eq!(began.elapsed(), Duration::from_millis(150));
    assert_eq!((first.value, second), (Ok(1), Ok(1)));
    assert_eq!(first.origin, Origin::Stale(StaleCause::Slow));
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(slow("a", 3).await, Ok(2));
    assert_eq!(RUNS.total(), 2);
    assert_eq!((cache.stats().computed, cache.stats().refreshed), (1, 1));

    // Nothing old, and longer than anybody waits: it goes on all the same.
    let began = tokio::time::Instant::now();
    assert_eq!(slow("b", 10).await, Err(Trouble::Late(5 * SECOND)));
    assert_eq!(began.elapsed(), 5 * SECOND);
    tokio::time::sleep(6 * SECOND).await;
    assert_eq!(call::peek(slow("b", 10)).await, Some(Ok(3)));
}

#[tokio::test(start_paused = true)]
async fn a_detached_computation_outlives_its_caller_with_tenant_and_span() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "detached", detach)]
    async fn slow(name: &str, parts: &[u32], option: Option<&str>) -> (String, usize, bool) {
        RUNS.count();
        tokio::time::sleep(MINUTE).await;
        let inner = call::outcome(inner(7)).await;
        assert_eq!(inner.value, 7);
        (name.to_owned(), parts.len(), option.is_some())
    }
    #[cached(kind = "detached")]
    async fn inner(id: u32) -> u32 {
        id
    }
    let (_, _) = register("detached", roomy());

    {
        let name = "a".to_owned();
        let parts = vec![1, 2, 3];
        let call = call::tenant("acme", slow(&name, &parts, Some("x")));
        let given_up = tokio::time::timeout(SECOND, call).await;
        assert!(given_up.is_err());
    }
    tokio::time::sleep(MINUTE).await;
    let kept = call::peek(slow("a", &[1, 2, 3], Some("x")));
    assert_eq!(
        call::tenant("acme", kept).await,
        Some(("a".to_owned(), 3, true))
    );
    assert_eq!(call::peek(slow("a", &[1, 2, 3], Some("x"))).await, None);
    assert_eq!(call::tenant("acme", call::peek(inner(7))).await, Some(7));
    assert_eq!(call::peek(inner(7)).await, None);
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn alone_every_call_runs_the_body() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "alone", single_flight = "off")]
    async fn slow(id: u32) -> u32 {
        RUNS.count();
        let _pass = GATE.acquire().await;
        id
    }
    register("alone", roomy());
    let callers: Vec<_> = (0..5).map(|_| tokio::spawn(slow(1))).collect();
    eventually("all run", async || RUNS.total() == 5).await;
    GATE.add_permits(5);
    for caller in callers {
        assert_eq!(caller.await.expect("no panic"), 1);
    }
    assert_eq!(slow(1).await, 1);
    assert_eq!(RUNS.total(), 5);
}

#[tokio::test]
async fn shared_errors_have_the_original_as_their_source() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    type Boxed = Box<dyn std::error::Error + Send + Sync>;
    #[cached(kind = "shared-errors", share_errors, err_ttl = "1m")]
    async fn failing(id: u32) -> Result<u32, Boxed> {
        RUNS.count();
        let _pass = GATE.acquire().await;
        Err(Box::new(std::io::Error::other(format!("no {id}"))))
    }
    register("shared-errors", roomy());
    let callers: Vec<_> = (0..5).map(|_| tokio::spawn(failing(1))).collect();
    eventually("the leader runs", async || RUNS.total() == 1).await;
    tokio::task::yield_now().await;
    GATE.add_permits(1);
    for caller in callers {
        let error = caller.await.expect("no panic").expect_err("a failure");
        assert_eq!(error.to_string(), "no 1");
        let original = error.source().expect("the original");
        assert!(original.downcast_ref::<std::io::Error>().is_some());
    }
    assert!(failing(1).await.is_err());
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_the_old_value_and_one_without_a_value_takes_it_away() {
    static RUNS: Runs = Runs::new();
    static ANSWERS: std::sync::Mutex<Vec<Result<Option<u32>, Unlike>>> =
        std::sync::Mutex::new(Vec::new());
    #[derive(Debug, PartialEq)]
    struct Unlike;
    #[cached(kind = "swr-fails", ttl = "1m", stale_while_revalidate = "1h")]
    async fn number(_id: u32) -> Result<Option<u32>, Unlike> {
        RUNS.count();
        ANSWERS.lock().expect("no panic").pop().expect("an answer")
    }
    let next = |answer| ANSWERS.lock().expect("no panic").push(answer);
    let (_, clock) = register("swr-fails", roomy());

    next(Ok(Some(1)));
    assert_eq!(number(1).await, Ok(Some(1)));
    clock.advance(MINUTE);
    next(Err(Unlike));
    assert_eq!(number(1).await, Ok(Some(1)));
    eventually("it fails", async || RUNS.total() == 2).await;
    for _ in 0..10 {
        assert_eq!(number(1).await, Ok(Some(1)));
        tokio::task::yield_now().await;
    }
    // Not asked again for a while.
    assert_eq!(RUNS.total(), 2);
    clock.advance(MINUTE);
    next(Ok(None));
    assert_eq!(number(1).await, Ok(Some(1)));
    eventually("it is gone", async || RUNS.total() == 3).await;
    next(Ok(Some(4)));
    assert_eq!(number(1).await, Ok(Some(4)));
    assert_eq!(RUNS.total(), 4);
}

#[tokio::test]
async fn an_old_value_is_found_in_the_store_after_a_restart() {
    static RUNS: Runs = Runs::new();
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(
        kind = "stale-store",
        ttl = "1m",
        stale_if_error = "1h",
        stale_while_revalidate = "1s"
    )]
    async fn number(id: u32) -> Result<u32, String> {
        RUNS.count();
        if FAILS.load(Ordering::SeqCst) {
            return Err("down".to_owned());
        }
        Ok(id)
    }
    let store = Arc::new(MapStore::default());
    let clock = ManualClock::new();
    let start = || {
        let cache = Cache::builder("stale-store", &roomy().build().expect("valid settings"))
            .store(store.clone())
            .clock(clock.clone())
            .build()
            .expect("a cache");
        larder::register(cache.clone());
        cache
    };
    let cache = start();
    assert_eq!(number(1).await, Ok(1));
    assert!(cache.flush(SECOND).await);

    FAILS.store(true, Ordering::SeqCst);
    clock.advance(2 * MINUTE);
    start();
    let stale = call::outcome(number(1)).await;
    assert_eq!((stale.value, stale.age), (Ok(1), 2 * MINUTE));
    assert_eq!(stale.origin, Origin::Stale(StaleCause::Failed));
    assert_eq!(stale.miss, Some(MissReason::Expired));
    // Expired by another process, it serves a failure; removed, it does not.
    clock.advance(MINUTE);
    start().expire_all().await;
    start();
    assert_eq!(number(1).await, Ok(1));
    clock.advance(MINUTE);
    start()
        .remove_operation("staleness::an_old_value_is_found_in_the_store_after_a_restart::number")
        .await;
    start();
    assert_eq!(call::refresh(number(1)).await, Err("down".to_owned()));
}

#[tokio::test]
async fn a_rule_that_panics_keeps_nothing_and_harms_nobody() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "rule-panics", cache_if = |it: &u32| { assert!(*it > 1); true }, ttl = |_| -> Duration { panic!("no lifetime") })]
    async fn number(id: u32) -> u32 {
        RUNS.count();
        id
    }
    let (cache, _) = register("rule-panics", roomy());
    assert_eq!((number(1).await, number(1).await), (1, 1));
    assert_eq!((number(2).await, number(2).await), (2, 2));
    assert_eq!(RUNS.total(), 4);
    assert_eq!(cache.stats().rule_panics, 4);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_counts_for_calls_without_a_cache_too() {
    #[cached(kind = "nobody-knows-this-kind", timeout(hard = "5s"))]
    async fn slow(_id: u32) -> Result<u32, Trouble> {
        std::future::pending().await
    }
    register("web", roomy());
    let began = tokio::time::Instant::now();
    let late = Err(Trouble::Late(5 * SECOND));
    assert_eq!(slow(1).await, late);
    assert_eq!(call::bypass(slow(1)).await, late);
    assert_eq!(began.elapsed(), 10 * SECOND);
}

#[tokio::test]
async fn a_method_that_outlives_its_caller_takes_itself_in_an_arc() {
    static GATE: Semaphore = Semaphore::const_new(0);
    struct Service {
        name: String,
    }
    impl Service {
        #[cached(kind = "arc", op = "arc.greet", key = (self.name, who, of), detach)]
        async fn greet(self: Arc<Self>, mut who: &str, (of, _): (u32, u32)) -> String {
            let _pass = GATE.acquire().await;
            if of == 0 {
                who = "nobody";
            }
            format!("{} greets {who}", self.name)
        }
    }
    register("arc", roomy());
    let service = Arc::new(Service {
        name: "Ada".to_owned(),
    });
    {
        let who = "Bob".to_owned();
        let mut call = Box::pin(service.clone().greet(&who, (1, 2)));
        assert!(poll_once(&mut call).is_pending());
    }
    GATE.add_permits(1);
    let kept = async || call::peek(service.clone().greet("Bob", (1, 2))).await;
    eventually("it is kept", async || kept().await.is_some()).await;
    assert_eq!(kept().await.as_deref(), Some("Ada greets Bob"));
}

#[tokio::test]
async fn jitter_takes_a_part_of_a_lifetime_at_most() {
    #[cached(kind = "jitter", ttl = "100s")]
    async fn number(id: u32) -> u32 {
        id
    }
    let (cache, clock) = register("jitter", roomy().jitter(0.5));
    for id in 0..200 {
        number(id).await;
    }
    clock.advance(Duration::from_millis(49_999));
    assert_eq!(cache.size(), 200);
    clock.advance(Duration::from_millis(25_001));
    assert!((20..180).contains(&cache.size()), "{}", cache.size());
    clock.advance(26 * SECOND);
    assert_eq!(cache.size(), 0);
    for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = roomy().jitter(wrong).build().expect_err("not a part");
        assert!(error.to_string().contains("jitter is"), "{error}");
    }
}

#[tokio::test]
async fn an_outcome_says_why_the_cache_had_nothing() {
    #[cached(kind = "reasons", op = "reasons.number", ttl = "1m")]
    async fn number(id: u32) -> u32 {
        id
    }
    #[cached(kind = "reasons", ttl = "1m", key = "{Refuses}")]
    async fn without_a_key(_id: u32) -> u32 {
        1
    }
    struct Refuses;
    impl serde::Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let store = Arc::new(MapStore::default());
    let clock = ManualClock::new();
    let cache = Cache::builder("reasons", &roomy().build().expect("valid settings"))
        .store(store.clone())
        .clock(clock.clone())
        .build()
        .expect("a cache");
    larder::register(cache.clone());
    let why = async || {
        let outcome = call::outcome(number(7)).await;
        assert_eq!(outcome.value, 7);
        let key = outcome.key.expect("a name in the store");
        assert!(key.starts_with("reasons:op:reasons.number|"), "{key}");
        assert_eq!(outcome.miss.is_some(), outcome.origin == Origin::Computed);
        outcome.miss
    };

    assert_eq!(why().await, Some(MissReason::Absent));
    assert_eq!(why().await, None);
    clock.advance(MINUTE);
    assert_eq!(why().await, Some(MissReason::Expired));
    cache.remove_operation("reasons.number").await;
    assert_eq!(why().await, Some(MissReason::Invalidated));
    clock.advance(2 * SECOND);
    let old = call::outcome(call::max_age(SECOND, number(7))).await;
    assert_eq!(old.miss, Some(MissReason::TooOld));
    let refreshed = call::outcome(call::refresh(number(7))).await;
    assert_eq!(refreshed.miss, Some(MissReason::Refreshed));
    let refused = call::outcome(without_a_key(1)).await;
    assert_eq!(
        (refused.origin, refused.miss),
        (Origin::Uncached, Some(MissReason::NoKey))
    );
    assert_eq!(refused.key, None);

    // What is in the store, and not what it should be.
    assert!(cache.flush(SECOND).await);
    for entry in store.entries.lock().expect("no panic").values_mut() {
        entry.clear();
        entry.push(1);
    }
    larder::register(
        Cache::builder("reasons", &roomy().build().expect("valid settings"))
            .store(store.clone())
            .clock(clock.clone())
            .build()
            .expect("a cache"),
    );
    assert_eq!(why().await, Some(MissReason::Unreadable));
}

/// What a body is to do, when it is let go.
struct Script {
    gate: Semaphore,
    fails: AtomicBool,
    runs: Runs,
}

impl Script {
    const fn new() -> Self {
        Self {
            gate: Semaphore::const_new(0),
            fails: AtomicBool::new(false),
            runs: Runs::new(),
        }
    }

    async fn run(&self) -> Result<usize, String> {
        let run = self.runs.count();
        self.gate.acquire().await.expect("never closed").forget();
        if self.fails.load(Ordering::SeqCst) {
            Err(format!("run {run}"))
        } else {
            Ok(run)
        }
    }

    fn end(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
        self.gate.add_permits(1);
    }
}

#[tokio::test]
async fn an_old_value_that_is_removed_while_the_body_runs_is_served_to_nobody() {
    static SCRIPT: Script = Script::new();
    #[cached(kind = "removed-spare", ttl = "1m", stale_if_error = "1h")]
    async fn number(_id: u32) -> Result<usize, String> {
        SCRIPT.run().await
    }
    let (_, clock) = register("removed-spare", roomy());
    SCRIPT.end(false);
    assert_eq!(number(1).await, Ok(1));
    clock.advance(MINUTE);
    let call = tokio::spawn(number(1));
    eventually("the body runs", async || SCRIPT.runs.total() == 2).await;
    assert!(!call::remove(number(1)).await, "it was not fresh");
    SCRIPT.end(true);
    assert_eq!(call.await.expect("no panic"), Err("run 2".to_owned()));
}

#[tokio::test]
async fn while_a_refresh_is_under_way_a_failure_is_answered_with_the_old_value() {
    static SCRIPT: Script = Script::new();
    #[cached(kind = "newer-spare", ttl = "1m", stale_if_error = "1h")]
    async fn number(_id: u32) -> Result<usize, String> {
        SCRIPT.run().await
    }
    let (_, clock) = register("newer-spare", roomy());
    SCRIPT.end(false);
    assert_eq!(number(1).await, Ok(1));
    clock.advance(MINUTE);
    let call = tokio::spawn(call::outcome(number(1)));
    eventually("the body runs", async || SCRIPT.runs.total() == 2).await;
    let refresh = tokio::spawn(call::refresh(number(1)));
    eventually("another one runs", async || SCRIPT.runs.total() == 3).await;
    // The first to be let go is the first that waits, so its result is not kept by the refresh.
    SCRIPT.end(true);
    let failed = call.await.expect("no panic");
    assert_eq!(failed.origin, Origin::Stale(StaleCause::Failed));
    SCRIPT.end(false);
    assert_eq!(refresh.await.expect("no panic"), Ok(3));
    assert_eq!(number(1).await, Ok(3));
}

#[tokio::test]
async fn a_value_from_a_refresh_that_ended_first_is_served_for_a_failure() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "newer-value", ttl = "1m", stale_if_error = "1h")]
    async fn number(_id: u32) -> Result<usize, String> {
        match RUNS.count() {
            2 => {
                let _pass = GATE.acquire().await;
                Err("down".to_owned())
            }
            run => Ok(run),
        }
    }
    let (_, clock) = register("newer-value", roomy());
    assert_eq!(number(1).await, Ok(1));
    clock.advance(MINUTE);
    let call = tokio::spawn(call::outcome(number(1)));
    eventually("the body runs", async || RUNS.total() == 2).await;
    assert_eq!(call::refresh(number(1)).await, Ok(3));
    GATE.add_permits(1);
    let failed = call.await.expect("no panic");
    assert_eq!((failed.value, failed.origin), (Ok(3), Origin::Memory));
}

#[tokio::test]
async fn an_expiry_ends_the_pause_after_a_failure() {
    static RUNS: Runs = Runs::new();
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(
        kind = "paused",
        op = "paused.number",
        ttl = "1h",
        stale_if_error = "1h"
    )]
    async fn number(_id: u32) -> Result<usize, String> {
        let run = RUNS.count();
        if FAILS.load(Ordering::SeqCst) {
            return Err("down".to_owned());
        }
        Ok(run)
    }
    let (cache, _) = register("paused", roomy());
    assert_eq!(number(1).await, Ok(1));
    FAILS.store(true, Ordering::SeqCst);
    let mut runs = 1;
    for how in [0, 1, 2, 2, 1, 0] {
        match how {
            0 => drop(call::expire(number(1)).await),
            1 => drop(cache.expire_operation("paused.number").await),
            _ => drop(cache.expire_all().await),
        }
        for _ in 0..3 {
            assert_eq!(number(1).await, Ok(1));
        }
        runs += 1;
        assert_eq!(RUNS.total(), runs, "{how}: asked once");
    }
    FAILS.store(false, Ordering::SeqCst);
    cache.expire_all().await;
    assert_eq!(number(1).await, Ok(runs + 1));
}

#[tokio::test]
async fn a_failure_takes_the_place_of_no_value_and_outlives_its_own_time_nowhere() {
    static RUNS: Runs = Runs::new();
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(kind = "failures", ttl = "1h", err_ttl = "5s", stale_if_error = "1h")]
    async fn number(_id: u32) -> Result<usize, String> {
        let run = RUNS.count();
        if FAILS.load(Ordering::SeqCst) {
            return Err(format!("run {run}"));
        }
        Ok(run)
    }
    let (_, clock) = register("failures", roomy());
    assert_eq!(number(1).await, Ok(1));
    clock.advance(10 * SECOND);
    FAILS.store(true, Ordering::SeqCst);
    assert_eq!(
        call::max_age(5 * SECOND, number(1)).await,
        Err("run 2".to_owned())
    );
    assert_eq!(number(1).await, Ok(1));

    assert_eq!(number(2).await, Err("run 3".to_owned()));
    clock.advance(6 * SECOND);
    assert_eq!(number(2).await, Err("run 4".to_owned()));
    assert_eq!(number(2).await, Err("run 4".to_owned()));
}

#[tokio::test]
async fn a_failing_refresh_over_a_store_is_not_tried_again_at_once() {
    static RUNS: Runs = Runs::new();
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(kind = "swr-store", ttl = "1m", stale_while_revalidate = "1h")]
    async fn number(_id: u32) -> Result<usize, String> {
        let run = RUNS.count();
        if FAILS.load(Ordering::SeqCst) {
            return Err("down".to_owned());
        }
        Ok(run)
    }
    let store = Arc::new(MapStore::default());
    let clock = ManualClock::new();
    let cache = Cache::builder("swr-store", &roomy().build().expect("valid settings"))
        .store(store)
        .clock(clock.clone())
        .build()
        .expect("a cache");
    larder::register(cache.clone());
    assert_eq!(number(1).await, Ok(1));
    assert!(cache.flush(SECOND).await);
    FAILS.store(true, Ordering::SeqCst);
    clock.advance(MINUTE);
    assert_eq!(number(1).await, Ok(1));
    eventually("it fails", async || cache.stats().refreshed == 1).await;
    for _ in 0..10 {
        assert_eq!(number(1).await, Ok(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(RUNS.total(), 2);
    clock.advance(30 * SECOND);
    assert_eq!(number(1).await, Ok(1));
    eventually("again", async || RUNS.total() == 3).await;
}

#[tokio::test]
async fn a_shared_anyhow_error_has_the_type_of_the_original_behind_it() {
    #[derive(Debug)]
    struct NoPage;
    impl std::fmt::Display for NoPage {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no page")
        }
    }
    impl std::error::Error for NoPage {}
    #[cached(kind = "shared-anyhow", share_errors)]
    async fn failing(_id: u32) -> anyhow::Result<u32> {
        Err(NoPage)?
    }
    register("shared-anyhow", roomy());
    let error = failing(1).await.expect_err("a failure");
    let shared: &larder::SharedError = error.downcast_ref().expect("shared");
    let original = std::error::Error::source(shared).expect("the original");
    assert!(original.is::<NoPage>());
}
