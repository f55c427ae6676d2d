//! One computation for the callers of several processes. Each process is a cache of its own over the
//! same Redis, and in the end a process of its own.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use fixture::{Fault, Proxy, RedisServer, Reply};
use larder::call::{self, Origin};
use larder::testing::ManualClock;
use larder::{Cache, CacheConfigBuilder, cached};
use support::map_store::MapStore;
use support::{Runs, eventually, poll_once, register_over, roomy};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};

fn over(url: &str) -> CacheConfigBuilder {
    roomy().redis_url(url).store_budget(Duration::from_secs(2))
}

async fn process(kind: &str, url: &str) -> Cache {
    let config = over(url).build().expect("valid settings");
    let cache = Cache::builder(kind, &config).build().expect("a cache");
    assert!(cache.connect().await);
    cache
}

async fn processes<const N: usize>(kind: &str, server: &RedisServer) -> [Cache; N] {
    let mut processes = Vec::new();
    for _ in 0..N {
        processes.push(process(kind, &server.url()).await);
    }
    processes.try_into().expect("so many")
}

/// Has a process begin a call of a cold key.
fn begin<T: Send + 'static>(
    process: &Cache,
    called: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    larder::register(process.clone());
    let mut called: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(called);
    // From here on it belongs to this process.
    assert!(poll_once(&mut called).is_pending());
    tokio::spawn(called)
}

/// How often somebody has found the claim of another process on a key without an entry. A claim that is
/// refused reads the clock of the server, and nothing else does that but what reads a lifetime too.
fn refused(server: &RedisServer) -> usize {
    server.calls("time").saturating_sub(server.calls("pttl"))
}

async fn refused_reach(server: &RedisServer, number: usize) {
    let waits = async || refused(server) >= number;
    eventually("others wait", waits).await;
}

async fn runs_reach(runs: &Runs, number: usize) {
    eventually("the body runs", async || runs.total() >= number).await;
}

#[tokio::test]
async fn what_two_processes_want_one_of_them_computes() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "two", op = "two.slow", single_flight = "cluster")]
    async fn slow(id: u32) -> usize {
        let run = RUNS.count();
        let _pass = GATE.acquire().await;
        run + id as usize
    }
    let server = RedisServer::start();
    let [first, second] = processes("two", &server).await;

    let computes = begin(&first, call::outcome(slow(10)));
    runs_reach(&RUNS, 1).await;
    let waits = begin(&second, call::outcome(slow(10)));
    refused_reach(&server, 1).await;
    let other_key = begin(&second, slow(20));
    runs_reach(&RUNS, 2).await;
    GATE.add_permits(1);

    let (first, second) = (computes.await.expect("done"), waits.await.expect("done"));
    assert_eq!((first.value, first.origin), (11, Origin::Computed));
    assert_eq!((second.value, second.origin), (11, Origin::Store));
    assert_eq!(other_key.await.expect("done"), 22);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn where_a_computation_is_given_up_one_other_process_computes() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "given-up", op = "given-up.slow", single_flight = "cluster")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        let _pass = GATE.acquire().await;
        run
    }
    let server = RedisServer::start();
    let [first, second, third] = processes("given-up", &server).await;

    let computes = begin(&first, slow(1));
    runs_reach(&RUNS, 1).await;
    let waits = [begin(&second, slow(1)), begin(&third, slow(1))];
    refused_reach(&server, 2).await;
    computes.abort();
    runs_reach(&RUNS, 2).await;
    refused_reach(&server, 3).await;
    GATE.add_permits(1);
    for waits in waits {
        assert_eq!(waits.await.expect("done"), 2);
    }
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn where_a_computation_brings_nothing_to_keep_all_others_compute_side_by_side() {
    static FAILURES: Runs = Runs::new();
    static FAIL: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "nothing", op = "nothing.failing", single_flight = "cluster")]
    async fn failing(_id: u32) -> Result<u32, String> {
        FAILURES.count();
        let _pass = FAIL.acquire().await;
        Err("failed".to_owned())
    }
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(
        kind = "nothing",
        op = "nothing.unkept",
        single_flight = "cluster",
        unless = |_| true
    )]
    async fn unkept(_id: u32) -> usize {
        let run = RUNS.count();
        GATE.acquire().await.expect("never closed").forget();
        run
    }
    let server = RedisServer::start();
    let [first, second, third] = processes("nothing", &server).await;

    let computes = begin(&first, unkept(1));
    runs_reach(&RUNS, 1).await;
    let wait = [begin(&second, unkept(1)), begin(&third, unkept(1))];
    refused_reach(&server, 2).await;
    GATE.add_permits(1);
    assert_eq!(computes.await.expect("done"), 1);
    // Neither waits for the other.
    runs_reach(&RUNS, 3).await;
    GATE.add_permits(2);
    for waits in wait {
        assert!(waits.await.expect("done") > 1);
    }

    let before = refused(&server);
    let fails = begin(&first, failing(1));
    runs_reach(&FAILURES, 1).await;
    let wait = [begin(&second, failing(1)), begin(&third, failing(1))];
    refused_reach(&server, before + 2).await;
    FAIL.add_permits(1);
    for failed in [fails].into_iter().chain(wait) {
        assert_eq!(failed.await.expect("done"), Err("failed".to_owned()));
    }
    assert_eq!(FAILURES.total(), 3);
}

#[tokio::test]
async fn nobody_waits_for_what_was_invalidated_on_the_way() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "on-the-way", op = "on-the-way.slow", single_flight = "cluster")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        GATE.acquire().await.expect("never closed").forget();
        run
    }
    let server = RedisServer::start();
    let [first, second, third] = processes("on-the-way", &server).await;
    for id in [1, 2] {
        let (runs, before) = (RUNS.total(), refused(&server));
        let old = begin(&first, slow(id));
        runs_reach(&RUNS, runs + 1).await;
        let waits = begin(&second, slow(id));
        refused_reach(&server, before + 1).await;
        larder::register(third.clone());
        if id == 1 {
            // A claim is no entry.
            assert!(!call::remove(slow(id)).await);
        } else {
            third.remove_operation("on-the-way.slow").await;
        }
        runs_reach(&RUNS, runs + 2).await;
        GATE.add_permits(2);
        assert_eq!(old.await.expect("done"), runs + 1);
        assert_eq!(waits.await.expect("done"), runs + 2);
        // What is from before it serves nobody.
        assert!(first.flush(Duration::from_secs(5)).await);
        assert!(second.flush(Duration::from_secs(5)).await);
        larder::register(third.clone());
        assert_eq!(slow(id).await, runs + 2);
    }
}

#[tokio::test]
async fn an_old_value_stays_for_those_whose_body_fails_while_another_one_is_computed() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(
        kind = "old",
        op = "old.once",
        single_flight = "cluster",
        stale_if_error = "1h"
    )]
    async fn once(_id: u32) -> Result<usize, String> {
        match RUNS.count() {
            1 => Ok(1),
            run => {
                GATE.acquire().await.expect("never closed").forget();
                Err(format!("failed in run {run}"))
            }
        }
    }
    let server = RedisServer::start();
    let [first, second, third] = processes("old", &server).await;
    larder::register(first.clone());
    assert_eq!(once(1).await, Ok(1));
    assert!(first.flush(Duration::from_secs(5)).await);
    first.expire_operation("old.once").await;

    let fails = begin(&first, once(1));
    runs_reach(&RUNS, 2).await;
    // It has never had the value in memory.
    let waits = begin(&second, call::outcome(once(1)));
    refused_reach(&server, 1).await;
    let name = call::key(once(1)).await.expect("a key");
    assert!(server.command(&["STRLEN", &name]).int() > 64 + 48);
    GATE.add_permits(2);
    assert_eq!(fails.await.expect("done"), Ok(1));
    let waited = waits.await.expect("done");
    assert_eq!(waited.value, Ok(1));
    assert!(matches!(waited.origin, Origin::Stale(_)), "{waited:?}");
    assert_eq!(RUNS.total(), 3);

    // What is left of the claims is in nobody's way.
    larder::register(third.clone());
    assert_eq!(call::peek(once(1)).await, None);
    third.remove_operation("old.once").await;
    GATE.add_permits(1);
    assert_eq!(once(1).await, Err("failed in run 4".to_owned()));
}

#[tokio::test]
async fn what_is_computed_anew_in_the_background_after_a_removal_is_kept() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(1);
    #[cached(
        kind = "behind",
        op = "behind.slow",
        ttl = "1m",
        stale_while_revalidate = "1h",
        single_flight = "cluster"
    )]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        GATE.acquire().await.expect("never closed").forget();
        run
    }
    let server = RedisServer::start();
    let clock = ManualClock::new();
    let config = over(&server.url()).build().expect("valid settings");
    let process = || {
        let process = Cache::builder("behind", &config).clock(clock.clone());
        process.build().expect("a cache")
    };
    let [first, second, third] = [process(), process(), process()];
    for process in [&first, &second, &third] {
        assert!(process.connect().await);
        larder::register(process.clone());
        assert_eq!(slow(1).await, 1);
        assert!(process.flush(Duration::from_secs(5)).await);
    }
    clock.advance(Duration::from_secs(120));
    larder::register(first.clone());
    assert_eq!(slow(1).await, 1);
    runs_reach(&RUNS, 2).await;
    larder::register(second.clone());
    assert_eq!(slow(1).await, 1);
    // After the first claim of all, and that of the first process now.
    eventually("it waits", async || server.calls("time") >= 3).await;
    larder::register(third);
    assert!(call::remove(slow(1)).await);
    runs_reach(&RUNS, 3).await;
    GATE.add_permits(2);
    larder::register(second);
    eventually("it is kept", async || call::peek(slow(1)).await == Some(3)).await;
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn whoever_waits_computes_when_redis_is_away() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "away", op = "away.slow", single_flight = "cluster")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        let _pass = GATE.acquire().await;
        run
    }
    let mut server = RedisServer::start();
    let [first, second] = processes("away", &server).await;
    let computes = begin(&first, slow(1));
    runs_reach(&RUNS, 1).await;
    let waits = begin(&second, slow(1));
    refused_reach(&server, 1).await;
    server.kill();
    runs_reach(&RUNS, 2).await;
    GATE.add_permits(1);
    assert_eq!(computes.await.expect("done"), 1);
    assert_eq!(waits.await.expect("done"), 2);
}

#[tokio::test]
async fn a_process_does_not_wait_for_a_claim_of_its_own_that_is_left_over() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "left-over", op = "left-over.slow", single_flight = "cluster")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        let _pass = GATE.acquire().await;
        run
    }
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let cache = process("left-over", &proxy.url()).await;
    let given_up = begin(&cache, slow(1));
    runs_reach(&RUNS, 1).await;
    let name = call::key(slow(1)).await.expect("a key");
    proxy.set(Fault::Refuse);
    eventually("Redis is away", async || !cache.ping().await).await;
    let before = cache.stats().store_failures;
    given_up.abort();
    eventually("nobody is told", async || {
        cache.stats().store_failures > before
    })
    .await;
    proxy.set(Fault::None);
    eventually("Redis is there again", async || cache.ping().await).await;
    assert_eq!(server.command(&["EXISTS", &name]).int(), 1);

    let computes = begin(&cache, slow(1));
    runs_reach(&RUNS, 2).await;
    assert_eq!(refused(&server), 0);
    GATE.add_permits(1);
    assert_eq!(computes.await.expect("done"), 2);
}

#[tokio::test]
async fn calls_that_are_dropped_and_keys_that_are_removed_leave_nothing_wrong_behind() {
    const KEYS: usize = 4;
    static VERSIONS: [AtomicU64; KEYS] = [const { AtomicU64::new(0) }; KEYS];
    #[cached(kind = "force", op = "force.slow", single_flight = "cluster")]
    async fn slow(key: usize) -> u64 {
        let version = VERSIONS[key].load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..3))).await;
        version
    }
    let server = RedisServer::start();
    let processes: [Cache; 3] = processes("force", &server).await;
    // What each process may not go behind any more.
    let mut acknowledged = [[0; KEYS]; 3];
    let mut calls: JoinSet<()> = JoinSet::new();
    for step in 0..3000 {
        let (process, key) = (fastrand::usize(..3), fastrand::usize(..KEYS));
        larder::register(processes[process].clone());
        if fastrand::u8(..20) == 0 {
            let version = VERSIONS[key].fetch_add(1, Ordering::SeqCst) + 1;
            call::remove(slow(key)).await;
            acknowledged[process][key] = version;
            continue;
        }
        let least = acknowledged[process][key];
        let mut called = Box::pin(slow(key));
        // From here on it belongs to this process.
        let first = poll_once(&mut called);
        let lasts = match fastrand::u8(..3) {
            0 => Duration::from_millis(fastrand::u64(..5)),
            _ => Duration::from_secs(30),
        };
        calls.spawn(async move {
            let answer = match first {
                Poll::Ready(answer) => Ok(answer),
                Poll::Pending => timeout(lasts, called).await,
            };
            match answer {
                Ok(version) => assert!(version >= least, "{version} and not {least}"),
                Err(_dropped) => assert!(lasts < Duration::from_secs(1), "it hangs"),
            }
        });
        if step % 8 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    while let Some(ended) = calls.join_next().await {
        ended.expect("no panic");
    }
    for process in &processes {
        assert!(process.flush(Duration::from_secs(10)).await);
    }
    let claim = |key: &Reply| {
        let Reply::Bytes(value) = server.command(&["GET", key.text()]) else {
            // It was there before.
            return None;
        };
        let claim = value.windows(4).position(|bytes| bytes == b"LRDC")?;
        let ends = value[claim + 8..][..8].try_into().expect("8 bytes");
        Some(u64::from_le_bytes(ends))
    };
    eventually("no claim holds any more", async || {
        let keys = server.command(&["KEYS", "force:*"]);
        let claims = keys.list().iter().filter_map(claim);
        claims.into_iter().all(|ends| ends == 0)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whoever_has_waited_for_a_minute_computes() {
    #[cached(kind = "minute", op = "minute.quick", single_flight = "cluster")]
    async fn quick(id: u32) -> u32 {
        id
    }
    let store = Arc::new(MapStore::default());
    register_over("minute", &store);
    let began = Instant::now();
    assert_eq!(quick(1).await, 1);
    assert!(began.elapsed() < Duration::from_secs(1));
    store.is_claimed.store(true, Ordering::SeqCst);
    let began = Instant::now();
    assert_eq!(quick(2).await, 2);
    let waited = Duration::from_secs(60)..Duration::from_secs(64);
    assert!(waited.contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn whoever_hears_nothing_looks_now_and_then() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "deaf", op = "deaf.slow", single_flight = "cluster")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        let _pass = GATE.acquire().await;
        run
    }
    let user = "user deaf on nopass ~* resetchannels +@all -subscribe -publish";
    let server = RedisServer::start_with_acl(&[user, "user default on nopass ~* &* +@all"]);
    let url = server.url().replace("redis://", "redis://deaf:none@");
    let (first, second) = (process("deaf", &url).await, process("deaf", &url).await);
    let computes = begin(&first, slow(1));
    runs_reach(&RUNS, 1).await;
    let waits = begin(&second, slow(1));
    refused_reach(&server, 2).await;
    GATE.add_permits(1);
    assert_eq!(computes.await.expect("done"), 1);
    assert_eq!(waits.await.expect("done"), 1);
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_claim_that_nobody_of_us_made_holds_up_nobody() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "forged", op = "forged.slow", single_flight = "cluster")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        let _pass = GATE.acquire().await;
        run
    }
    let server = RedisServer::start();
    let [first, second] = processes("forged", &server).await;
    // By another process, with the generations that count.
    let computes = begin(&first, slow(1));
    runs_reach(&RUNS, 1).await;
    let name = call::key(slow(1)).await.expect("a key");
    let Reply::Bytes(claim) = server.command(&["GET", &name]) else {
        panic!("there is no claim");
    };
    GATE.add_permits(1);
    assert_eq!(computes.await.expect("done"), 1);
    assert!(first.flush(Duration::from_secs(5)).await);

    larder::register(second.clone());
    // Until the next century, for ever, until the past, and cut off.
    let until = |ends: u64| [&claim[..8], &ends.to_le_bytes(), &claim[16..]].concat();
    let mut claims = [4_102_444_800_000, u64::MAX, 0].map(until).to_vec();
    claims.push(claim[..20].to_vec());
    for (run, claim) in claims.iter().enumerate() {
        server.command(&[&b"SET"[..], name.as_bytes(), claim]);
        assert_eq!(slow(1).await, run + 2);
        assert!(second.flush(Duration::from_secs(5)).await);
        assert!(server.command(&["PTTL", &name]).int() > 0);
        assert!(call::remove(slow(1)).await);
    }
    assert_eq!(refused(&server), 0);
    server.command(&["DEL", &name]);
    server.command(&["LPUSH", &name, "no string"]);
    assert_eq!(slow(1).await, 6);
    assert!(second.flush(Duration::from_secs(5)).await);
    assert!(matches!(server.command(&["GET", &name]), Reply::Bytes(_)));
}
