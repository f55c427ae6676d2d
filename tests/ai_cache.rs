//! Answers of language models without a macro: who computes, who waits, how long it is kept, for whom,
//! and what is told of it.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use larder::call::{self, MissReason, Origin};
use larder::testing::ManualClock;
use larder::{
    AiCache, AiRequest, Cache, CacheConfigBuilder, Promotion, TextTier, TextTiers, cached,
};
use serde::Serialize;
use support::map_store::MapStore;
use support::{Runs, eventually, poll_once, register, register_over, roomy};
use tokio::sync::Semaphore;
use tokio::time::timeout;

const TEXT: &str = "The sea was calm.";

#[derive(Serialize)]
struct Words {
    max_words: u32,
}

fn words(max_words: u32) -> AiRequest<'static> {
    AiRequest::new("summarize", TEXT).options(&Words { max_words })
}

fn ai(kind: &str, config: CacheConfigBuilder) -> AiCache {
    register(kind, config).ai()
}

#[tokio::test]
async fn of_a_thousand_callers_one_computes() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    let answers = ai("crowd", roomy());
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let answers = answers.clone();
            tokio::spawn(async move {
                let compute = async || {
                    let _pass = GATE.acquire().await;
                    RUNS.count()
                };
                answers.get_or_compute(&words(1), compute).await
            })
        })
        .collect();
    tokio::task::yield_now().await;
    GATE.add_permits(1);
    for caller in callers {
        assert_eq!(caller.await.expect("no panic"), 1);
    }
    assert_eq!(RUNS.total(), 1);
    let stats = answers.cache().stats();
    assert_eq!((stats.computed, stats.hits), (1, 999));
}

#[tokio::test]
async fn a_failure_is_the_callers_alone() {
    static RUNS: Runs = Runs::new();
    let answers = ai("failing", roomy());
    let failing = async || Err::<String, _>(RUNS.count());
    for run in 1..=2 {
        let failed = answers.get_or_try_compute(&words(1), failing).await;
        assert_eq!(failed, Err(run));
    }
    let working = async || Ok::<_, usize>("yes".to_owned());
    let found = answers.get_or_try_compute(&words(1), working).await;
    assert_eq!(found, Ok("yes".to_owned()));
    let found = answers.get_or_try_compute(&words(1), failing).await;
    assert_eq!(found, Ok("yes".to_owned()));
}

#[tokio::test]
async fn a_caller_may_be_dropped_at_each_await() {
    let store = Arc::<MapStore>::default();
    let answers = register_over("dropped", &store).ai();
    for polls in 0.. {
        let request = words(polls);
        let computed = async || {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            polls
        };
        let mut first = Box::pin(answers.get_or_compute(&request, computed));
        let is_ready = (0..polls).any(|_| poll_once(&mut first).is_ready());
        // One that waits takes over, or takes what is there.
        let mut second = Box::pin(answers.get_or_compute(&request, computed));
        let found = poll_once(&mut second);
        drop(first);
        let found = match found {
            Poll::Ready(found) => found,
            Poll::Pending => second.await,
        };
        assert_eq!(found, polls);
        let found = answers.lookup(&request).await;
        assert_eq!(found, Some(polls));
        if is_ready {
            assert!(polls > 3, "it waits {polls} times");
            break;
        }
    }

    // The same where an answer is stored, looked up and removed.
    for polls in 0..8 {
        let request = words(1000 + polls);
        macro_rules! dropped_after_polls {
            ($future:expr) => {
                let mut future = Box::pin($future);
                let _ready = (0..polls).any(|_| poll_once(&mut future).is_ready());
            };
        }
        dropped_after_polls!(answers.store(&request, 1_u32));
        let found = answers.lookup(&request).await;
        assert!(matches!(found, None | Some(1_u32)), "{found:?}");
        dropped_after_polls!(answers.lookup::<u32>(&request));
        answers.store(&request, 2_u32).await.expect("a request");
        dropped_after_polls!(answers.remove(&request));
        let found = answers.lookup(&request).await;
        assert!(matches!(found, None | Some(2_u32)), "{found:?}");
        assert_eq!(answers.get_or_compute(&request, async || 2).await, 2_u32);
        dropped_after_polls!(answers.remove_operation("summarize"));
    }
    assert_eq!(answers.get_or_compute(&words(1), async || 9).await, 9);
}

#[tokio::test]
async fn what_wraps_a_call_of_a_function_wraps_a_request() {
    static RUNS: Runs = Runs::new();
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("wrapped", &config).clock(clock.clone());
    let answers = cache.build().expect("a cache").ai();
    let request = words(1);
    let run = || answers.get_or_compute(&request, async || RUNS.count());

    assert_eq!(call::peek(run()).await, None);
    let first = call::outcome(run()).await;
    assert_eq!((first.value, first.origin), (1, Origin::Computed));
    assert_eq!(first.miss, Some(MissReason::Absent));
    assert_eq!(call::peek(run()).await, Some(1));
    assert_eq!(call::bypass(run()).await, 2);
    assert_eq!(run().await, 1);
    assert_eq!(call::refresh(run()).await, 3);
    assert_eq!(run().await, 3);
    assert_eq!(call::key(run()).await, answers.key(&request));
    assert!(call::remove(run()).await);
    assert_eq!(run().await, 4);
    assert!(call::expire(run()).await);

    let minute = Duration::from_secs(60);
    assert_eq!(call::ttl(minute, run()).await, 5);
    clock.advance(minute / 2);
    assert_eq!(call::max_age(minute / 2, run()).await, 5);
    assert_eq!(call::max_age(minute / 3, run()).await, 6);
    clock.advance(minute);
    assert_eq!(run().await, 6);
    assert_eq!(call::ttl(minute, call::refresh(run())).await, 7);
    clock.advance(minute);
    assert_eq!(run().await, 8);

    // A look-up computes nothing, and says where its answer is from.
    let found = call::outcome(answers.lookup::<usize>(&request)).await;
    assert_eq!((found.value, found.origin), (Some(8), Origin::Memory));
    clock.advance(minute);
    let found = call::max_age(minute / 2, answers.lookup::<usize>(&request));
    assert_eq!(found.await, None);
    let found = call::outcome(answers.lookup::<usize>(&words(2))).await;
    assert_eq!((found.value, found.origin), (None, Origin::Stopped));
}

#[tokio::test]
async fn what_is_switched_off_is_off_for_requests() {
    static RUNS: Runs = Runs::new();
    let answers = ai("dark", roomy());
    let request = words(1);
    let run = || answers.get_or_compute(&request, async || RUNS.count());
    assert_eq!(run().await, 1);
    for operation_alone in [true, false] {
        let before = RUNS.total();
        if operation_alone {
            answers.cache().switch_operation_off("summarize");
        } else {
            answers.cache().switch_off();
        }
        let found = call::outcome(run()).await;
        assert_eq!((found.value, found.origin), (before + 1, Origin::Uncached));
        assert_eq!(found.miss, Some(MissReason::SwitchedOff));
        assert_eq!(found.operation.as_deref(), Some("summarize"));
        assert_eq!(answers.lookup::<usize>(&request).await, None);
        if operation_alone {
            answers.cache().switch_operation_on("summarize");
        } else {
            answers.cache().switch_on();
        }
        assert_eq!(run().await, 1);
    }
    assert_eq!(answers.cache().stats().switched_off, 4);
    // What is stored meanwhile is not there, nor what it would have replaced.
    answers.cache().switch_off();
    answers.store(&request, 7_usize).await.expect("a request");
    answers.cache().switch_on();
    assert_eq!(answers.lookup::<usize>(&request).await, None);
}

#[tokio::test]
async fn the_lifetime_is_that_of_the_operation() {
    #[cached(kind = "lasting", op = "lasting.attribute", ttl = "10m")]
    async fn attribute(text: &str) -> String {
        text.to_owned()
    }
    #[cached(kind = "lasting", op = "lasting.both", ttl = "10m")]
    async fn both(text: &str) -> String {
        text.to_owned()
    }
    // They stand for their operations without being called.
    let _ = (attribute, both);
    let clock = ManualClock::new();
    let config = roomy()
        .ai()
        .operation_ttl("qa", Duration::from_secs(50))
        .operation_ttl("lasting.both", Duration::from_secs(70));
    let config = config.build().expect("valid settings");
    let cache = Cache::builder("lasting", &config).clock(clock.clone());
    let answers = cache.build().expect("a cache").ai();
    for (operation, seconds) in [
        ("qa", 50),
        ("lasting.both", 70),
        ("lasting.attribute", 600),
        ("summarize", 7200),
        ("sentiment", 86_400),
        ("key_points", 5400),
        ("questions", 3600),
        ("anything", 3600),
    ] {
        for is_computed in [true, false] {
            let request = AiRequest::new(operation, TEXT);
            if is_computed {
                answers.get_or_compute(&request, async || 1).await;
            } else {
                answers.store(&request, 1).await.expect("a request");
            }
            clock.advance(Duration::from_millis(seconds * 1000 - 1));
            assert_eq!(answers.lookup(&request).await, Some(1), "{operation}");
            clock.advance(Duration::from_millis(1));
            assert_eq!(answers.lookup::<i32>(&request).await, None, "{operation}");
        }
    }
}

#[tokio::test]
async fn what_is_removed_while_it_is_computed_is_not_kept() {
    let answers = ai("withdrawn", roomy());
    for by_operation in [true, false] {
        let gate = Semaphore::new(0);
        let request = words(1);
        let compute = async || {
            let _pass = gate.acquire().await;
            "old".to_owned()
        };
        let mut old = Box::pin(answers.get_or_compute(&request, compute));
        assert!(poll_once(&mut old).is_pending());
        if by_operation {
            answers.remove_operation("summarize").await;
        } else {
            answers.remove(&request).await;
        }
        let new = answers.get_or_compute(&request, async || "new".to_owned());
        let new = timeout(Duration::from_secs(10), new).await;
        assert_eq!(
            new.as_deref(),
            Ok("new"),
            "it joins no computation that is over"
        );
        gate.add_permits(1);
        assert_eq!(old.await, "old");
        assert_eq!(answers.lookup(&request).await, Some("new".to_owned()));
        answers.remove(&request).await;
    }
}

#[tokio::test]
async fn tenants_have_their_own_answers_to_the_same_prompts() {
    for over_store in [false, true] {
        let store = Arc::<MapStore>::default();
        let answers = if over_store {
            register_over("prompted", &store).ai()
        } else {
            ai("prompted", roomy())
        };
        let runs = Arc::<AtomicUsize>::default();
        let mut callers = Vec::new();
        for round in 0..20 {
            for tenant in ["a", "b", ""] {
                for prompt in 0..5 {
                    let (answers, runs) = (answers.clone(), runs.clone());
                    callers.push(tokio::spawn(call::tenant(tenant, async move {
                        let request = words(prompt);
                        let compute = async || {
                            runs.fetch_add(1, Ordering::SeqCst);
                            tokio::task::yield_now().await;
                            format!("{tenant} {prompt}")
                        };
                        let answer = match round % 3 {
                            0 => answers.get_or_compute(&request, compute).await,
                            1 => {
                                call::outcome(answers.get_or_compute(&request, compute))
                                    .await
                                    .value
                            }
                            _ => match answers.lookup(&request).await {
                                Some(answer) => answer,
                                None => return,
                            },
                        };
                        assert_eq!(answer, format!("{tenant} {prompt}"));
                    })));
                }
            }
        }
        for caller in callers {
            caller.await.expect("no panic");
        }
        assert_eq!(runs.load(Ordering::SeqCst), 15);
        let key = |tenant| call::tenant(tenant, async { answers.key(&words(1)) });
        let (one, other) = (key("a").await, key("b").await);
        assert_ne!(one, other);
        assert_eq!(
            one,
            call::tenant("a", async { answers.key(&words(1)) }).await
        );
        // What one removes the other has.
        assert!(call::tenant("a", answers.remove(&words(1))).await);
        assert!(!call::tenant("a", answers.remove(&words(1))).await);
        let kept = call::tenant("b", answers.lookup::<String>(&words(1))).await;
        assert_eq!(kept.as_deref(), Some("b 1"));
        assert_eq!(answers.lookup::<String>(&words(1)).await, None);
    }
}

#[tokio::test]
async fn a_kind_that_wants_a_tenant_keeps_nothing_without() {
    static RUNS: Runs = Runs::new();
    let answers = ai("parted", roomy().require_tenant(true));
    let request = words(1);
    let run = || answers.get_or_compute(&request, async || RUNS.count());
    assert_eq!((run().await, run().await), (1, 2));
    answers.store(&request, 0_usize).await.expect("a request");
    assert_eq!(answers.lookup::<usize>(&request).await, None);
    assert_eq!(answers.key(&request), None);
    assert!(!answers.remove(&request).await);
    assert_eq!(answers.cache().stats().no_tenant, 4);
    assert_eq!(call::tenant("a", run()).await, 3);
    assert_eq!(call::tenant("a", run()).await, 3);
    assert!(call::tenant("a", answers.remove(&request)).await);
}

#[tokio::test]
async fn which_answers_enter_memory_goes_by_the_text() {
    let store = Arc::<MapStore>::default();
    let config = roomy()
        .ai()
        .text_size_tiers(TextTiers::new(2, 4, 8))
        .promotion(Promotion::by_text())
        .build()
        .expect("valid settings");
    let cache = Cache::builder("promoted", &config).store(store.clone());
    let answers = cache.build().expect("a cache").ai();
    for (operation, text, enters) in [
        ("summarize", "a", true),
        ("summarize", "äbc", true),
        ("summarize", "abcde", false),
        ("qa", "abc", false),
        ("sentiment", "abcde", true),
        ("sentiment", "abcdefghi", false),
    ] {
        let request = AiRequest::new(operation, text);
        for is_computed in [true, false] {
            if is_computed {
                answers.get_or_compute(&request, async || 1).await;
            } else {
                answers.store(&request, 1).await.expect("a request");
            }
            let size = answers.cache().size();
            assert_eq!(size, usize::from(enters), "{operation} {text}");
            assert!(answers.cache().flush(Duration::from_secs(5)).await);
            assert_eq!(answers.lookup(&request).await, Some(1));
            assert!(answers.remove(&request).await);
        }
    }
}

#[tokio::test]
async fn an_outcome_says_what_is_known_of_the_request() {
    let clock = ManualClock::new();
    let config = roomy().ai().text_size_tiers(TextTiers::new(2, 4, 8));
    let config = config.build().expect("valid settings");
    let cache = Cache::builder("telling", &config).clock(clock.clone());
    let answers = cache.build().expect("a cache").ai();
    let request = AiRequest::new("summarize", "äbc");
    let run = || answers.get_or_compute(&request, async || 1);
    let made = call::outcome(run()).await;
    let stored_at = made.stored_at.expect("it is kept");
    assert_eq!(made.operation.as_deref(), Some("summarize"));
    assert_eq!(
        (made.text_length, made.text_tier),
        (Some(3), Some(TextTier::Medium))
    );
    assert!(made.key_time.is_some());
    let minute = Duration::from_secs(60);
    clock.advance(minute);
    for found in [
        call::outcome(run()).await,
        call::outcome(async { answers.lookup(&request).await.unwrap_or_default() }).await,
    ] {
        assert_eq!((found.origin, found.age), (Origin::Memory, minute));
        assert_eq!(found.stored_at, Some(stored_at));
        assert_eq!(found.operation.as_deref(), Some("summarize"));
        assert_eq!(
            (found.text_length, found.text_tier),
            (Some(3), Some(TextTier::Medium))
        );
        assert!(found.key_time.is_some());
    }
    let anew = call::outcome(call::refresh(run())).await;
    assert_eq!(anew.stored_at, Some(stored_at + minute));
    // As long as it takes to copy it, at least.
    let long = "x".repeat(4_000_000);
    let long = AiRequest::new("summarize", &long);
    for key_time in [
        call::outcome(answers.get_or_compute(&long, async || 1))
            .await
            .key_time,
        call::outcome(answers.lookup::<i32>(&long)).await.key_time,
    ] {
        assert!(key_time > Some(Duration::from_micros(20)), "{key_time:?}");
    }
    let zero = call::outcome(call::ttl(Duration::ZERO, call::refresh(run()))).await;
    assert_eq!(zero.stored_at, None);
}

#[tokio::test]
async fn an_outcome_says_what_is_known_of_the_call_of_a_function() {
    #[cached(kind = "knowing", op = "knowing.run")]
    async fn run(text: &str, id: u32) -> Option<usize> {
        (id > 0).then_some(text.len())
    }
    #[cached(kind = "nobody knows it")]
    async fn nowhere(id: u32) -> u32 {
        id
    }
    let clock = ManualClock::new();
    let store = Arc::<MapStore>::default();
    let fresh = || {
        let config = roomy().build().expect("valid settings");
        let cache = Cache::builder("knowing", &config).clock(clock.clone());
        larder::register(cache.store(store.clone()).build().expect("a cache"));
        larder::cache("knowing").expect("a cache")
    };
    let cache = fresh();
    let long = "ä".repeat(600);
    let made = call::outcome(run(&long, 1)).await;
    let stored_at = made.stored_at.expect("it is kept");
    assert!(cache.flush(Duration::from_secs(5)).await);
    let second = Duration::from_secs(1);
    clock.advance(second);
    fresh();
    for origin in [Origin::Store, Origin::Memory] {
        let found = call::outcome(run(&long, 1)).await;
        assert_eq!((found.origin, found.age), (origin, second));
        assert_eq!(found.stored_at, Some(stored_at));
        assert_eq!(found.operation.as_deref(), Some("knowing.run"));
        assert_eq!(found.text_length, Some(600));
        assert_eq!(found.text_tier, Some(TextTier::Medium));
        assert!(found.key_time.is_some());
    }
    // A `None` is not kept.
    let made = call::outcome(run(&long, 0)).await;
    assert_eq!((made.origin, made.stored_at), (Origin::Computed, None));
    let bypassed = call::outcome(call::bypass(run(&long, 1))).await;
    assert_eq!(bypassed.operation.as_deref(), Some("knowing.run"));
    assert_eq!(
        (bypassed.text_length, bypassed.stored_at),
        (Some(600), None)
    );

    let unknown = call::outcome(nowhere(1)).await;
    assert_eq!((unknown.operation, unknown.key_time), (None, None));
    let unreached = call::outcome(async { 1 }).await;
    assert_eq!((unreached.operation, unreached.text_length), (None, None));
    let chosen = call::outcome(cache.get_or_compute("key", async || 1)).await;
    assert_eq!((chosen.operation, chosen.text_length), (None, None));
    assert!(chosen.stored_at.is_some());
}

#[tokio::test]
async fn an_answer_in_memory_is_found_by_those_who_joined_too() {
    let answers = ai("joining", roomy());
    let gate = Semaphore::new(0);
    let request = words(1);
    let compute = async || {
        let _pass = gate.acquire().await;
        1_u8
    };
    let mut first = Box::pin(answers.get_or_compute(&request, compute));
    assert!(poll_once(&mut first).is_pending());
    let mut second = Box::pin(call::outcome(answers.get_or_compute(&request, compute)));
    assert!(poll_once(&mut second).is_pending());
    // One that wants another type does not take it.
    let mut third = Box::pin(answers.get_or_compute(&request, async || "third".to_owned()));
    let third = poll_once(&mut third);
    assert!(third.is_ready(), "another type is another computation");
    gate.add_permits(1);
    assert_eq!(first.await, 1);
    assert_eq!(second.await.origin, Origin::Joined);
}

#[tokio::test]
async fn many_tasks_use_one_handle() {
    let answers = ai("handled", roomy());
    let task = tokio::spawn({
        let answers = AiCache::from(answers.cache().clone());
        async move { answers.store(&words(1), 1_u64).await }
    });
    task.await.expect("no panic").expect("a request");
    let there = async || answers.lookup::<u64>(&words(1)).await == Some(1);
    eventually("it is there", there).await;
}
