//! What one process invalidates, in the memory of the others. Each process is a cache of its own over
//! the same Redis.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fixture::{Fault, Proxy, RedisServer};
use futures_util::future::{join, join_all};
use larder::call::{self, Origin};
use larder::testing::ManualClock;
use larder::{Cache, CacheConfigBuilder, Reach, cached};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::{Runs, eventually, roomy};
use tokio::sync::{Semaphore, oneshot};

const PATIENCE: Duration = Duration::from_secs(5);

fn over(url: &str) -> CacheConfigBuilder {
    roomy().redis_url(url).store_budget(Duration::from_secs(2))
}

/// A process of its own, which hears the others.
async fn process(kind: &str, config: CacheConfigBuilder) -> Cache {
    let config = config.build().expect("valid settings");
    let cache = Cache::builder(kind, &config).build().expect("a cache");
    assert!(cache.connect().await);
    cache
}

async fn processes(kind: &str, server: &RedisServer) -> [Cache; 2] {
    let url = server.url();
    [
        process(kind, over(&url)).await,
        process(kind, over(&url)).await,
    ]
}

/// Where a process has a call from.
async fn origin<F: Future>(process: &Cache, called: impl Fn() -> F) -> Origin {
    larder::register(process.clone());
    call::outcome(called()).await.origin
}

#[tokio::test]
async fn a_key_that_one_process_removes_or_replaces_is_gone_from_the_others() {
    let server = RedisServer::start();
    let [ours, theirs] = processes("keys", &server).await;
    ours.set("kept", 0).await;
    ours.set("key", 1).await;
    assert_eq!(theirs.get("key").await, Some(1));
    assert_eq!(theirs.get("kept").await, Some(0));
    let memory_hits = |cache: &Cache| cache.stats().memory_hits;

    ours.set("key", 2).await;
    eventually("it is replaced", async || {
        theirs.get("key").await == Some(2)
    })
    .await;
    assert!(ours.remove("key").await);
    eventually("it is removed", async || {
        theirs.get::<i32>("key").await.is_none()
    })
    .await;

    // Nothing else is touched, and nobody is told of what he did himself.
    for cache in [&ours, &theirs] {
        let before = memory_hits(cache);
        assert_eq!(cache.get("kept").await, Some(0));
        assert_eq!(memory_hits(cache), before + 1);
    }
}

#[tokio::test]
async fn what_one_process_computes_anew_is_what_the_others_have() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "anew", op = "anew.run")]
    async fn run() -> usize {
        RUNS.count()
    }
    let server = RedisServer::start();
    let [ours, theirs] = processes("anew", &server).await;
    for process in [&ours, &theirs] {
        larder::register(process.clone());
        assert_eq!(run().await, 1);
        assert!(process.flush(PATIENCE).await);
    }
    larder::register(ours);
    assert_eq!(call::refresh(run()).await, 2);
    larder::register(theirs);
    eventually("they have the new one", async || run().await == 2).await;
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn what_is_invalidated_together_is_gone_from_all_processes() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "scopes", op = "scopes.tagged", tags("user:{id}"))]
    async fn tagged(id: u32) -> usize {
        RUNS.count() + id as usize
    }
    #[cached(kind = "scopes", op = "scopes.plain")]
    async fn plain() -> usize {
        RUNS.count()
    }
    let server = RedisServer::start();
    let [ours, theirs] = processes("scopes", &server).await;
    let has_in_memory = async |call: &str| match call {
        "tagged" => origin(&theirs, || tagged(1)).await == Origin::Memory,
        "of a tenant" => {
            let called = || call::tenant("acme", async { call::outcome(tagged(1)).await.origin });
            larder::register(theirs.clone());
            called().await == Origin::Memory
        }
        _ => origin(&theirs, plain).await == Origin::Memory,
    };
    let calls = ["tagged", "of a tenant", "plain"];
    for (what, touched) in [
        ("tag", vec!["tagged"]),
        ("operation", vec!["tagged", "of a tenant"]),
        ("tenant", vec!["of a tenant"]),
        ("kind", vec!["tagged", "of a tenant", "plain"]),
        ("everything", vec!["tagged", "of a tenant", "plain"]),
    ] {
        for call in calls {
            has_in_memory(call).await;
            assert!(has_in_memory(call).await, "{call} before {what}");
        }
        let reach = match what {
            "tag" => ours.remove_tag("user:1").await,
            "operation" => ours.expire_operation("scopes.tagged").await,
            "tenant" => ours.remove_tenant("acme").await,
            "kind" => ours.expire_all().await,
            _ => ours.clear().await,
        };
        assert_eq!(reach, Reach::Everywhere, "{what}");
        for call in calls {
            if touched.contains(&call) {
                eventually("it is gone", async || !has_in_memory(call).await).await;
            } else {
                assert!(has_in_memory(call).await, "{call} after {what}");
            }
        }
    }
}

#[tokio::test]
async fn a_pattern_that_one_process_removes_is_gone_from_the_others() {
    let server = RedisServer::start();
    let [ours, theirs] = processes("patterns", &server).await;
    for n in 0..10 {
        ours.set(&format!("n:{n}"), n).await;
        assert_eq!(theirs.get(&format!("n:{n}")).await, Some(n));
    }
    assert_eq!(ours.remove_matching("n:*").await, 10);
    eventually("all of them are gone", async || {
        for n in 0..10 {
            if theirs.get::<i32>(&format!("n:{n}")).await.is_some() {
                return false;
            }
        }
        true
    })
    .await;
}

#[tokio::test]
async fn what_is_invalidated_while_a_process_is_cut_off_is_gone_when_it_is_back() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let ours = process("cut-off", over(&server.url())).await;
    let theirs = process("cut-off", over(&proxy.url())).await;
    ours.set("key", 1).await;
    assert_eq!(theirs.get("key").await, Some(1));

    proxy.set(Fault::Reset);
    assert!(ours.remove("key").await);
    // Nobody could tell it.
    assert_eq!(theirs.get("key").await, Some(1));
    proxy.set(Fault::None);
    eventually("it is back", async || theirs.ping().await).await;
    eventually("it is gone", async || {
        theirs.get::<i32>("key").await.is_none()
    })
    .await;
}

#[tokio::test]
async fn a_runtime_that_stands_still_is_noticed_before_the_ceiling() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "still", op = "still.runs")]
    async fn runs() -> usize {
        RUNS.count()
    }
    let server = RedisServer::start();
    let clock = ManualClock::new();
    let ceiling = Duration::from_secs(30);
    let config = over(&server.url())
        .store_budget(Duration::from_millis(50))
        .invalidation_ceiling(ceiling);
    let config = config.build().expect("valid settings");
    let theirs = Cache::builder("still", &config).clock(clock.clone());
    let theirs = theirs.build().expect("a cache");
    let ours = process("still", over(&server.url())).await;
    ours.set("key", 1).await;

    // Their runtime is another one, and stands still from when all is in memory until it is let go.
    let (stands_still, when_it_does) = oneshot::channel();
    let (let_go, is_let_go) = mpsc::channel::<()>();
    let (end, is_over) = oneshot::channel::<()>();
    let their_cache = theirs.clone();
    let their_runtime = thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            assert!(their_cache.connect().await);
            assert_eq!(their_cache.get("key").await, Some(1));
            assert_eq!(origin(&their_cache, runs).await, Origin::Computed);
            assert!(their_cache.flush(PATIENCE).await);
            stands_still.send(()).expect("somebody waits");
            // The other end is dropped.
            let _ = is_let_go.recv();
            let _ = is_over.await;
        });
    });
    when_it_does.await.expect("all is in memory");
    assert!(ours.remove("key").await);
    let reach = ours.remove_operation("still.runs").await;
    assert_eq!(reach, Reach::Everywhere);
    assert_eq!(theirs.get("key").await, Some(1), "nobody tells it");
    assert_eq!(origin(&theirs, runs).await, Origin::Memory);
    clock.advance(ceiling);
    assert_eq!(theirs.get::<i32>("key").await, None);
    assert_eq!(origin(&theirs, runs).await, Origin::Computed);

    drop(let_go);
    eventually("others are heard again", async || {
        ours.set("key", 2).await;
        theirs.get("key").await == Some(2)
    })
    .await;
    drop(end);
    their_runtime.join().expect("no panic");
}

#[tokio::test]
async fn what_is_computed_while_something_is_missed_is_looked_up_before_it_is_served() {
    static BODY: Semaphore = Semaphore::const_new(0);
    static RUNS: Runs = Runs::new();
    #[cached(kind = "doubt", op = "doubt.slow")]
    async fn slow() -> usize {
        let run = RUNS.count();
        BODY.acquire().await.expect("never closed").forget();
        run
    }
    let server = RedisServer::start();
    let [ours, theirs] = processes("doubt", &server).await;
    theirs.set("witness", 1).await;
    let in_memory = async || {
        let before = theirs.stats().memory_hits;
        assert_eq!(theirs.get("witness").await, Some(1));
        theirs.stats().memory_hits > before
    };
    assert!(in_memory().await);
    larder::register(theirs.clone());
    let computed = async {
        eventually("the body runs", async || RUNS.total() == 1).await;
        // Very much: all that is in memory is doubted.
        ours.remove_matching("nothing*").await;
        eventually("it is doubted", async || !in_memory().await).await;
        // Enough for all, should they run it.
        BODY.add_permits(10);
    };
    // Those who wait have it, too: they do not run the body one after the other.
    let callers = join_all((0..10).map(|_| slow()));
    assert_eq!(join(callers, computed).await.0, [1; 10]);
    assert_eq!(RUNS.total(), 1);
    assert!(theirs.flush(PATIENCE).await);
    let origins = [origin(&theirs, slow).await, origin(&theirs, slow).await];
    assert_eq!(origins, [Origin::Store, Origin::Memory]);
}

#[tokio::test]
async fn callers_that_wait_while_redis_restarts_do_not_run_the_body_one_after_the_other() {
    static BODY: Semaphore = Semaphore::const_new(0);
    static RUNS: Runs = Runs::new();
    #[cached(kind = "restarts", op = "restarts.slow", tags("tag"))]
    async fn slow() -> usize {
        let run = RUNS.count();
        BODY.acquire().await.expect("never closed").forget();
        run
    }
    let mut server = RedisServer::start();
    let cache = process("restarts", over(&server.url())).await;
    larder::register(cache.clone());
    cache.set("witness", 1).await;
    let restarted = async {
        eventually("the body runs", async || RUNS.total() == 1).await;
        server.kill();
        server.restart();
        eventually("all in memory is doubted", async || {
            cache.get::<i32>("witness").await.is_none()
        })
        .await;
        // Enough for all, should they run it.
        BODY.add_permits(10);
    };
    let callers = join_all((0..10).map(|_| slow()));
    assert_eq!(join(callers, restarted).await.0, [1; 10]);
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_value_that_cannot_be_stored_is_announced_all_the_same() {
    /// No codec takes it.
    #[derive(Clone)]
    struct Unstorable;
    impl Serialize for Unstorable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("not to be stored"))
        }
    }
    impl<'de> Deserialize<'de> for Unstorable {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(D::Error::custom("not stored"))
        }
    }
    let server = RedisServer::start();
    let [ours, theirs] = processes("unstorable", &server).await;
    ours.set("key", 1).await;
    assert_eq!(theirs.get("key").await, Some(1));
    ours.set("key", Unstorable).await;
    eventually("it is gone", async || {
        theirs.get::<i32>("key").await.is_none()
    })
    .await;
}

#[tokio::test]
async fn without_a_store_memory_goes_on_for_as_long_as_it_is_told_to() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "alone")]
    async fn number() -> usize {
        RUNS.count()
    }
    let mut server = RedisServer::start();
    let config = over(&server.url()).memory_ttl_while_away(Duration::from_secs(1));
    let cache = process("alone", config).await;
    larder::register(cache.clone());
    assert_eq!(number().await, 1);
    server.kill();
    eventually("the loss is noticed", async || !cache.ping().await).await;
    assert_eq!((number().await, RUNS.total()), (1, 1));
    eventually("it is computed again", async || number().await > 1).await;
}

#[tokio::test]
async fn a_user_who_may_not_listen_looks_up_again_instead() {
    let server = RedisServer::start_with_acl(&["user deaf on >pass ~* resetchannels +@all"]);
    let url = format!("redis://deaf:pass@127.0.0.1:{}/0", server.port());
    let ours = process("deaf", over(&server.url())).await;
    let theirs = process("deaf", over(&url)).await;
    ours.set("key", 1).await;
    assert_eq!(theirs.get("key").await, Some(1));
    assert!(ours.remove("key").await);
    eventually("it is gone", async || {
        theirs.get::<i32>("key").await.is_none()
    })
    .await;
    // Who may not publish can still remove.
    theirs.set("other", 1).await;
    assert!(theirs.remove("other").await);
    assert!(theirs.flush(PATIENCE).await);
}

#[tokio::test]
async fn messages_without_the_secret_change_nothing() {
    let server = RedisServer::start();
    let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let url = server.url();
    let ours = process("secret", over(&url).key_secret(secret.to_owned())).await;
    let theirs = process("secret", over(&url).key_secret(secret.to_owned())).await;
    ours.set("key", 1).await;
    ours.set("other", 1).await;
    assert_eq!(theirs.get("key").await, Some(1));
    assert_eq!(theirs.get("other").await, Some(1));
    let mut forged = b"\x01\x02".to_vec();
    forged.extend_from_slice(&[7; 16]);
    let heard = server.command(&[b"PUBLISH".as_slice(), b"secret:bus", &forged]);
    assert_eq!(heard.int(), 2);

    assert!(ours.remove("other").await);
    eventually("the real one is heard", async || {
        theirs.get::<i32>("other").await.is_none()
    })
    .await;
    let before = theirs.stats().memory_hits;
    assert_eq!(theirs.get("key").await, Some(1));
    assert_eq!(theirs.stats().memory_hits, before + 1);
}

#[tokio::test]
async fn a_lost_message_is_missed_before_the_ceiling() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let ceiling = Duration::from_secs(2);
    let ours = process("lossy", over(&server.url()).invalidation_ceiling(ceiling)).await;
    let theirs = over(&proxy.url()).invalidation_ceiling(ceiling);
    let theirs = process("lossy", theirs).await;
    for n in 0..50 {
        ours.set(&format!("n:{n}"), n).await;
        assert_eq!(theirs.get(&format!("n:{n}")).await, Some(n));
    }
    proxy.set(Fault::DropPushes { percent: 50 });
    for n in 0..50 {
        assert!(ours.remove(&format!("n:{n}")).await);
    }
    assert!(proxy.dropped_pushes() > 0);
    eventually("all of them are gone", async || {
        for n in 0..50 {
            if theirs.get::<i32>(&format!("n:{n}")).await.is_some() {
                return false;
            }
        }
        true
    })
    .await;
}
