//! One computation for many callers.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder::cached;
use support::{Runs, eventually, poll_once, register, roomy};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_of_one_cold_key_run_the_body_once() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "one-key")]
    async fn slow(id: u32) -> String {
        RUNS.count();
        let _pass = GATE.acquire().await;
        id.to_string()
    }
    let cache = register("one-key", roomy());

    let mut callers: JoinSet<String> = (0..1000).map(|_| slow(7)).collect();
    eventually("the body runs", async || RUNS.total() == 1).await;
    GATE.add_permits(1);
    while let Some(answer) = callers.join_next().await {
        assert_eq!(answer.expect("no panic"), "7");
    }
    assert_eq!(RUNS.total(), 1);
    let stats = cache.stats();
    assert_eq!(stats.computed, 1);
    assert_eq!(stats.joined + stats.memory_hits, 999);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_cold_keys_run_a_hundred_bodies_at_once() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "many-keys")]
    async fn slow(id: u32) -> u32 {
        RUNS.count();
        let _pass = GATE.acquire().await;
        id
    }
    register("many-keys", roomy());

    let mut callers: JoinSet<u32> = (0..1000).map(|n| slow(n % 100)).collect();
    // No body ends before the gate opens: all hundred are under way together.
    eventually("all bodies run", async || RUNS.total() == 100).await;
    GATE.add_permits(100);
    while let Some(answer) = callers.join_next().await {
        assert!(answer.expect("no panic") < 100);
    }
    assert_eq!(RUNS.total(), 100);
}

#[tokio::test]
async fn a_dropped_leader_hands_over_to_a_waiter() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "hand-over")]
    async fn slow(id: u32) -> u32 {
        RUNS.count();
        let _pass = GATE.acquire().await;
        id
    }
    register("hand-over", roomy());

    let leader = tokio::spawn(slow(1));
    eventually("the leader runs", async || RUNS.total() == 1).await;
    let waiters: Vec<_> = (0..10).map(|_| tokio::spawn(slow(1))).collect();
    tokio::task::yield_now().await;
    leader.abort();
    eventually("a waiter runs", async || RUNS.total() == 2).await;
    GATE.add_permits(1);
    for waiter in waiters {
        assert_eq!(waiter.await.expect("no panic"), 1);
    }
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_waiter_that_is_never_polled_again_holds_up_nobody() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "sleepy")]
    async fn slow(id: u32) -> u32 {
        RUNS.count();
        let _pass = GATE.acquire().await;
        id
    }
    register("sleepy", roomy());

    let leader = tokio::spawn(slow(1));
    eventually("the leader runs", async || RUNS.total() == 1).await;
    let mut sleepy = Box::pin(slow(1));
    assert!(poll_once(&mut sleepy).is_pending());
    leader.abort();
    let _ = leader.await;
    GATE.add_permits(1);
    assert_eq!(slow(1).await, 1);
    assert_eq!(sleepy.await, 1);
    assert_eq!(RUNS.total(), 2);
}

/// An error that nobody else can have: it is not `Clone`.
#[derive(Debug, PartialEq)]
struct Refusal(u32);

#[tokio::test]
async fn callers_that_wait_for_a_failure_that_is_clone_get_it() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "failing-alike")]
    async fn failing(id: u32) -> Result<u32, String> {
        let run = RUNS.count();
        let _pass = GATE.acquire().await;
        Err(format!("no {id} in run {run}"))
    }
    let cache = register("failing-alike", roomy());

    let mut callers: JoinSet<_> = (0..10).map(|_| failing(1)).collect();
    eventually("the leader runs", async || RUNS.total() == 1).await;
    tokio::task::yield_now().await;
    GATE.add_permits(1);
    while let Some(answer) = callers.join_next().await {
        let failure = Err("no 1 in run 1".to_owned());
        assert_eq!(answer.expect("no panic"), failure);
    }
    assert_eq!(RUNS.total(), 1);
    // It is not kept.
    assert_eq!(failing(1).await, Err("no 1 in run 2".to_owned()));
    assert_eq!((cache.stats().joined, cache.stats().failed), (9, 2));
}

#[tokio::test]
async fn callers_that_wait_for_a_failure_run_side_by_side() {
    static RUNS: Runs = Runs::new();
    static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "failing")]
    async fn failing(id: u32) -> Result<u32, Refusal> {
        RUNS.count();
        AT_ONCE.fetch_add(1, Ordering::SeqCst);
        // Used up: one permit lets one body through.
        GATE.acquire().await.expect("never closed").forget();
        AT_ONCE.fetch_sub(1, Ordering::SeqCst);
        Err(Refusal(id))
    }
    register("failing", roomy());

    let mut callers: JoinSet<_> = (0..10).map(|_| failing(1)).collect();
    eventually("the leader runs", async || RUNS.total() == 1).await;
    GATE.add_permits(1);
    eventually("the others run", async || {
        AT_ONCE.load(Ordering::SeqCst) == 9
    })
    .await;
    GATE.add_permits(9);
    while let Some(answer) = callers.join_next().await {
        assert_eq!(answer.expect("no panic"), Err(Refusal(1)));
    }
    assert_eq!(RUNS.total(), 10);
}

#[tokio::test]
async fn of_many_that_waited_for_a_failure_a_few_run_at_once() {
    static RUNS: Runs = Runs::new();
    static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "failing-often")]
    async fn failing(id: u32) -> Result<u32, Refusal> {
        let run = RUNS.count();
        AT_ONCE.fetch_add(1, Ordering::SeqCst);
        GATE.acquire().await.expect("never closed").forget();
        AT_ONCE.fetch_sub(1, Ordering::SeqCst);
        if run < 30 { Err(Refusal(id)) } else { Ok(id) }
    }
    register("failing-often", roomy());

    let mut callers: JoinSet<_> = (0..100).map(|_| failing(1)).collect();
    eventually("the leader runs", async || RUNS.total() == 1).await;
    // One waits, and is not polled any more.
    let mut held_up = Box::pin(failing(1));
    assert!(poll_once(&mut held_up).is_pending());
    GATE.add_permits(1);
    let sixteen = async || AT_ONCE.load(Ordering::SeqCst) == 16;
    eventually("sixteen run", sixteen).await;
    for _ in 0..10 {
        assert_eq!(RUNS.total(), 17);
        tokio::task::yield_now().await;
    }
    for run in 18..30 {
        GATE.add_permits(1);
        eventually("the next one runs", async || RUNS.total() >= run).await;
        assert!(AT_ONCE.load(Ordering::SeqCst) <= 16);
    }
    // The thirtieth brings a value, and nobody computes who has not begun.
    GATE.add_permits(100);
    let mut failures = 0;
    while let Some(answer) = callers.join_next().await {
        failures += usize::from(answer.expect("no panic").is_err());
    }
    assert_eq!(held_up.await, Ok(1));
    // Those that ran beside it had begun before.
    assert!(RUNS.total() <= 30 + 15, "{}", RUNS.total());
    assert_eq!(failures, 29);
}

#[tokio::test]
async fn callers_that_wait_for_a_none_take_it() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "absent")]
    async fn absent(id: u32) -> Option<u32> {
        RUNS.count();
        let _pass = GATE.acquire().await;
        (id > 1).then_some(id)
    }
    register("absent", roomy());

    let mut callers: JoinSet<_> = (0..10).map(|_| absent(1)).collect();
    eventually("the leader runs", async || RUNS.total() == 1).await;
    tokio::task::yield_now().await;
    GATE.add_permits(1);
    while let Some(answer) = callers.join_next().await {
        assert_eq!(answer.expect("no panic"), None);
    }
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_panic_is_its_callers_own_and_a_waiter_tries_again() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "panicking")]
    async fn panicking(id: u32) -> u32 {
        let run = RUNS.count();
        let _pass = GATE.acquire().await;
        assert!(run > 1, "the first run panics");
        id
    }
    register("panicking", roomy());

    let first = tokio::spawn(panicking(1));
    eventually("the leader runs", async || RUNS.total() == 1).await;
    let second = tokio::spawn(panicking(1));
    tokio::task::yield_now().await;
    GATE.add_permits(2);
    assert!(first.await.expect_err("a panic").is_panic());
    assert_eq!(second.await.expect("no panic"), 1);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn after_a_second_panic_the_waiters_run_side_by_side() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "panicking-on")]
    async fn panicking(id: u32) -> u32 {
        RUNS.count();
        // Used up: one permit lets one body through.
        GATE.acquire().await.expect("never closed").forget();
        panic!("no {id}");
    }
    register("panicking-on", roomy());

    let callers: Vec<_> = (0..10).map(|_| tokio::spawn(panicking(1))).collect();
    eventually("the leader runs", async || RUNS.total() == 1).await;
    GATE.add_permits(1);
    eventually("one waiter tries again", async || RUNS.total() == 2).await;
    GATE.add_permits(1);
    eventually("the rest run", async || RUNS.total() == 10).await;
    GATE.add_permits(8);
    for caller in callers {
        assert!(caller.await.expect_err("a panic").is_panic());
    }
}

#[tokio::test]
async fn a_function_may_call_itself_with_other_arguments() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "recursive")]
    async fn fibonacci(n: u64) -> u64 {
        RUNS.count();
        match n {
            0 | 1 => n,
            n => Box::pin(fibonacci(n - 1)).await + Box::pin(fibonacci(n - 2)).await,
        }
    }
    register("recursive", roomy());

    assert_eq!(fibonacci(60).await, 1_548_008_755_920);
    assert_eq!(RUNS.total(), 61);
}

/// Drops a call after each number of polls, while others want the same key: whoever is dropped,
/// the others get the answer, and nothing is left behind that would block the next call.
#[tokio::test]
async fn a_call_may_be_dropped_at_any_await() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "dropped")]
    async fn steps(id: u32) -> u32 {
        RUNS.count();
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        id
    }
    register("dropped", roomy());

    for polls in 0..6 {
        let mut dropped = Box::pin(steps(polls));
        let mut other = Box::pin(steps(polls));
        for _ in 0..polls {
            if poll_once(&mut dropped).is_ready() {
                break;
            }
        }
        assert!(polls == 0 || polls > 3 || poll_once(&mut other).is_pending());
        drop(dropped);
        let answer = tokio::time::timeout(Duration::from_secs(5), other).await;
        assert_eq!(answer, Ok(polls));
        assert_eq!(steps(polls).await, polls);
    }
}

#[tokio::test]
async fn who_comes_after_many_who_wait_computes_for_himself() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "crowded")]
    async fn slow(id: u32) -> u32 {
        RUNS.count();
        let _pass = GATE.acquire().await;
        id
    }
    register("crowded", roomy());
    let mut callers: Vec<_> = (0..65_540).map(|_| Box::pin(slow(1))).collect();
    for caller in &mut callers {
        assert!(poll_once(caller).is_pending());
    }
    // One for 65 536 callers, and four by themselves.
    assert_eq!(RUNS.total(), 5);
    GATE.add_permits(1);
    for caller in callers {
        assert_eq!(caller.await, 1);
    }
    assert_eq!(RUNS.total(), 5);
}
