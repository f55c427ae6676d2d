//! Kinds over a real Redis that are closed while it fails, or switched off.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::pin::pin;
use std::time::{Duration, Instant};

use fixture::RedisServer;
use futures_util::future::{Either, select};
use larder::call::{self, Origin};
use larder::testing::registry_scope;
use larder::{Cache, CloseReport, Reach, cached};
use support::{Runs, eventually, register, roomy};
use tokio::sync::Semaphore;

const PATIENCE: Duration = Duration::from_secs(5);

/// A cache that is registered and connected.
async fn over(server: &RedisServer, kind: &str, budget: Duration) -> Cache {
    let config = roomy().redis_url(server.url()).store_budget(budget);
    let cache = register(kind, config);
    assert!(cache.connect().await);
    cache
}

/// Has a value computed while the server goes, and closes everything before anybody else runs.
async fn close_with_a_write(
    server: &mut RedisServer,
    budget: Duration,
    end: fn(&mut RedisServer),
    deadline: Duration,
) -> CloseReport {
    static BEGUN: Semaphore = Semaphore::const_new(0);
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "lost-writes")]
    async fn run(id: u32) -> u32 {
        BEGUN.add_permits(1);
        GATE.acquire().await.expect("never closed").forget();
        id
    }
    let _scope = registry_scope();
    let cache = over(server, "lost-writes", budget).await;
    {
        let mut call = pin!(run(1));
        // The store has been asked by then.
        match select(call.as_mut(), pin!(BEGUN.acquire())).await {
            Either::Left(_) => panic!("the body has to wait"),
            Either::Right((begun, _)) => begun.expect("never closed").forget(),
        }
        end(server);
        GATE.add_permits(1);
        assert_eq!(call.await, 1);
    }
    let report = larder::close_within(deadline).await;
    assert_eq!(cache.size(), 1);
    report
}

#[tokio::test]
async fn what_a_redis_does_not_take_is_given_up_and_told() {
    let (short, long) = (Duration::from_millis(300), Duration::from_secs(3));
    let nothing: fn(&mut RedisServer) = |_| ();
    // Budget of a look-up, what becomes of Redis, and how long all of it may take.
    let faults = [
        (PATIENCE, nothing, long, 0),
        // Nobody waits until the write fails.
        (PATIENCE, RedisServer::stop, short, 1),
        // It fails meanwhile.
        (short, RedisServer::stop, long, 1),
        (short, RedisServer::kill, long, 1),
    ];
    for (at, (budget, end, deadline, given_up)) in faults.into_iter().enumerate() {
        let mut server = RedisServer::start();
        let began = Instant::now();
        let report = close_with_a_write(&mut server, budget, end, deadline).await;
        assert!(began.elapsed() < PATIENCE, "{at}: {:?}", began.elapsed());
        let counted = (report.kinds, report.written, report.gave_up_writes);
        assert_eq!(counted, (3, 3 - given_up, given_up), "{at}: {report}");
        assert_eq!((report.untold, report.gave_up_computations), (0, 0), "{at}");
        assert_eq!(report.is_clean(), given_up == 0, "{at}");
    }
}

#[tokio::test]
async fn a_redis_that_cannot_be_told_of_a_removal_is_told_apart() {
    let _scope = registry_scope();
    let (mut server, healthy) = (RedisServer::start(), RedisServer::start());
    let budget = Duration::from_millis(300);
    let removed = over(&server, "removed", budget).await;
    let kept = over(&healthy, "kept", budget).await;
    removed.set("key", 1).await;
    server.kill();
    removed.remove("key").await;
    assert_eq!(removed.remove_operation("any").await, Reach::Queued);
    kept.set("key", 1).await;

    let report = larder::close_within(Duration::from_secs(1)).await;
    assert_eq!((report.kinds, report.written, report.untold), (4, 3, 1));
    assert!(!report.is_clean());
    let line = report.to_string();
    assert!(line.contains("closed 4 kinds of cache: 3 wrote everything"));
    assert!(line.contains("1 could not tell the store of invalidations"));
    assert_eq!(line.lines().count(), 1);
    // The other one is closed all the same.
    let clients = || healthy.command(&["CLIENT", "LIST", "TYPE", "normal"]);
    eventually("the connection is gone", async || {
        clients().text().lines().count() == 1
    })
    .await;
}

#[tokio::test]
async fn what_other_processes_invalidate_is_heard_while_a_kind_is_off() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "heard-off", op = "heard-off.run")]
    async fn run() -> usize {
        RUNS.count()
    }
    let server = RedisServer::start();
    let theirs = over(&server, "heard-off", PATIENCE).await;
    let ours = over(&server, "heard-off", PATIENCE).await;
    run().await;
    ours.set("key", 1).await;
    ours.set("kept", 1).await;
    assert!(ours.flush(PATIENCE).await);
    ours.switch_off();

    theirs.remove_operation("heard-off.run").await;
    theirs.remove("key").await;
    // The last message that is sent.
    eventually("the removal is heard", async || {
        ours.active_keys() == ["kept"]
    })
    .await;
    ours.switch_on();
    assert_eq!(call::outcome(run()).await.origin, Origin::Computed);
    assert_eq!(ours.get::<i32>("key").await, None);
    let hits = ours.stats().memory_hits;
    assert_eq!(ours.get("kept").await, Some(1));
    assert_eq!(ours.stats().memory_hits, hits + 1);
}
