//! Caches that are made when they are first asked for.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use larder::call::{self, Origin};
use larder::{Cache, cached};
use support::{Log, Runs, poll_once, register, roomy};
use tokio::sync::Barrier;
use tokio::time::timeout;

fn made(kind: &str) -> Cache {
    Cache::builder(kind, &roomy().build().expect("valid settings"))
        .build()
        .expect("a cache")
}

/// A mark in a cache, by which it is known again.
async fn marked(kind: &str, mark: usize) -> Cache {
    let cache = made(kind);
    cache.set("mark", mark).await;
    cache
}

async fn mark(cache: &Cache) -> Option<usize> {
    cache.get("mark").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_who_ask_at_once_get_the_one_that_one_of_them_makes() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "asked")]
    async fn run(id: u32) -> u32 {
        id
    }
    let barrier = Arc::new(Barrier::new(200));
    let tasks = (0..200).map(|_| {
        let barrier = barrier.clone();
        tokio::spawn(async move {
            barrier.wait().await;
            let make = async || {
                let run = RUNS.count();
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(marked("asked", run).await)
            };
            larder::get_or_register("asked", make).await
        })
    });
    for task in join_all(tasks).await {
        let cache = task.expect("no panic").expect("no error");
        assert_eq!(mark(&cache).await, Some(1));
    }
    assert_eq!(RUNS.total(), 1);
    run(1).await;
    assert_eq!(call::outcome(run(1)).await.origin, Origin::Memory);
    // Not made again.
    let again = larder::get_or_register("asked", async || Err("not called")).await;
    assert_eq!(mark(&again.expect("no error")).await, Some(1));
}

#[tokio::test]
async fn a_failure_is_its_callers_alone_and_the_next_one_tries() {
    let ask = |answer: Result<usize, &'static str>| async move {
        larder::get_or_register("failing", async || {
            tokio::task::yield_now().await;
            match answer {
                Ok(mark) => Ok(marked("failing", mark).await),
                Err(error) => Err(error),
            }
        })
        .await
    };
    let asked = [Err("first"), Err("second"), Ok(3), Ok(4), Err("fifth")];
    let answers = join_all(asked.map(ask)).await;
    let mut marks = Vec::new();
    for answer in &answers {
        marks.push(match answer {
            Ok(cache) => Ok(mark(cache).await),
            Err(error) => Err(*error),
        });
    }
    let third = Ok(Some(3));
    assert_eq!(marks, [Err("first"), Err("second"), third, third, third]);
}

#[tokio::test]
async fn one_that_panics_or_is_dropped_leaves_the_turn_to_the_next() {
    let ask = |mark: usize| {
        larder::get_or_register("left", async move || {
            tokio::task::yield_now().await;
            assert!(mark > 1, "as the test wants it");
            if mark == 2 {
                pending::<()>().await;
            }
            Ok::<_, Infallible>(marked("left", mark).await)
        })
    };
    let mut panicking = Box::pin(AssertUnwindSafe(ask(1)).catch_unwind());
    let mut hanging = Box::pin(ask(2));
    let mut third = Box::pin(ask(3));
    assert!(poll_once(&mut panicking).is_pending());
    assert!(poll_once(&mut hanging).is_pending());
    assert!(poll_once(&mut third).is_pending());
    assert!(panicking.await.is_err());
    // It has its turn, and stays in it.
    for _ in 0..10 {
        assert!(poll_once(&mut hanging).is_pending());
        assert!(poll_once(&mut third).is_pending());
        tokio::task::yield_now().await;
    }
    drop(hanging);
    let cache = third.await.expect("no error");
    assert_eq!(mark(&cache).await, Some(3));
}

#[tokio::test]
async fn those_who_ask_for_different_kinds_do_not_wait_for_each_other() {
    let mut slow = Box::pin(larder::get_or_register("slow", pending::<Result<_, ()>>));
    assert!(poll_once(&mut slow).is_pending());
    let quick = async || Ok::<_, Infallible>(made("quick"));
    let mut quick = Box::pin(larder::get_or_register("quick", quick));
    assert!(poll_once(&mut quick).is_ready());
    // Also from inside.
    let nested = larder::get_or_register("outer", || {
        larder::get_or_register("inner", async || Ok::<_, Infallible>(made("inner")))
    });
    let nested = nested.await.expect("no error");
    assert_eq!(nested.name(), "inner");
}

#[tokio::test]
async fn one_that_is_registered_by_hand_meanwhile_is_the_one_that_all_get() {
    let make = async || {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(marked("by-hand", 1).await)
    };
    let mut making = Box::pin(larder::get_or_register("by-hand", make));
    let mut waiting = Box::pin(larder::get_or_register("by-hand", pending::<Result<_, ()>>));
    assert!(poll_once(&mut making).is_pending());
    assert!(poll_once(&mut waiting).is_pending());

    register("by-hand", roomy()).set("mark", 7_usize).await;

    // At once, whatever the one does that makes it.
    let waited = timeout(Duration::from_secs(5), waiting).await;
    let registered = waited.expect("told").expect("no error");
    assert_eq!(mark(&registered).await, Some(7));
    assert_eq!(mark(&making.await.expect("no error")).await, Some(7));
    let found = larder::cache("by-hand").expect("it is registered");
    assert_eq!(mark(&found).await, Some(7));
}

#[tokio::test]
async fn one_with_another_name_stands_behind_the_kind_that_was_asked_for() {
    #[cached(kind = "asked-for")]
    async fn run(id: u32) -> u32 {
        id
    }
    let (log, _guard) = Log::collect_warnings_here();
    for _ in 0..2 {
        let make = async || Ok::<_, Infallible>(marked("named", 1).await);
        let cache = larder::get_or_register("asked-for", make).await;
        let cache = cache.expect("no error");
        assert_eq!((cache.name(), mark(&cache).await), ("named", Some(1)));
    }
    assert!(larder::cache("asked-for").is_some());
    assert!(larder::cache("named").is_none());
    run(1).await;
    assert_eq!(call::outcome(run(1)).await.origin, Origin::Memory);
    let warnings = log.lines();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("asked-for") && warnings[0].contains("named"));
}

#[tokio::test]
async fn the_environment_is_not_read_for_it() {
    let _scope = larder::testing::registry_scope();
    drop(larder::unregister("web"));
    let make = async || Ok::<_, Infallible>(marked("web", 1).await);
    let web = larder::get_or_register("web", make)
        .await
        .expect("no error");
    assert_eq!(mark(&web).await, Some(1));
    larder::init().await.expect("an empty environment");
    let web = larder::cache("web").expect("it is registered");
    assert_eq!(mark(&web).await, Some(1));
}

#[tokio::test]
async fn one_that_is_being_made_while_everything_is_closed_is_registered_all_the_same() {
    let _scope = larder::testing::registry_scope();
    let make = async || {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(marked("late", 1).await)
    };
    let mut making = Box::pin(larder::get_or_register("late", make));
    assert!(poll_once(&mut making).is_pending());
    assert_eq!(larder::close().await.kinds, 2);
    assert_eq!(mark(&making.await.expect("no error")).await, Some(1));
    assert_eq!(larder::kinds(), ["late"]);
    let report = larder::close().await;
    assert_eq!((report.kinds, report.is_clean()), (1, true));
}
