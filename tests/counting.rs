//! That every call ends in one way, and is counted in it.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fixture::{Fault, Proxy, RedisServer};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use larder::call::{self, Control};
use larder::{AiRequest, Cache, Cacheable, Counts, Ending, EventFilter, EventKind, cached};
use serde::{Serialize, Serializer};
use support::notes::what;
use support::{eventually, poll_once, register, roomy};
use tokio::sync::Notify;

const CALLS: u64 = 100_000;
const TASKS: u64 = 16;

/// How a body behaves.
#[derive(Clone, Copy, Debug)]
enum Body {
    Answers,
    Waits,
    Fails,
    HasNone,
    Panics,
}

impl Body {
    fn any(random: &mut fastrand::Rng) -> Self {
        match random.u8(..40) {
            0 => Self::Panics,
            1..=3 => Self::Fails,
            4..=5 => Self::HasNone,
            6..=15 => Self::Waits,
            _ => Self::Answers,
        }
    }

    async fn run(self, id: u32) -> Result<Option<String>, String> {
        match self {
            Self::Answers => {}
            Self::Waits => {
                for _ in 0..id % 4 {
                    tokio::task::yield_now().await;
                }
            }
            Self::Fails => return Err("no answer".to_owned()),
            Self::HasNone => return Ok(None),
            // Without a message of the panic hook.
            Self::Panics => resume_unwind(Box::new("no answer")),
        }
        Ok(Some(format!("answer {id}")))
    }
}

#[cached(kind = "counting", op = "plain", skip(body))]
async fn plain(id: u32, body: Body) -> Result<Option<String>, String> {
    body.run(id).await
}

#[cached(
    kind = "counting",
    op = "stale",
    ttl = "1s",
    stale_while_revalidate = "1h",
    stale_if_error = "1h",
    skip(body)
)]
async fn stale(id: u32, body: Body) -> Result<Option<String>, String> {
    body.run(id).await
}

#[cached(
    kind = "counting",
    op = "detached",
    detach,
    none_ttl = "1m",
    err_ttl = "1m",
    skip(body)
)]
async fn detached(id: u32, body: Body) -> Result<Option<String>, String> {
    body.run(id).await
}

#[cached(kind = "counting", op = "local", local, skip(body))]
fn local(id: u32, body: Body) -> Option<u32> {
    match body {
        Body::Panics => resume_unwind(Box::new("no answer")),
        Body::HasNone => None,
        _ => Some(id),
    }
}

const OPERATIONS: [&str; 5] = ["plain", "stale", "detached", "local", "keys"];

/// The calls of one operation that were made.
type Made = [AtomicU64; OPERATIONS.len()];

fn controls(random: &mut fastrand::Rng) -> Control {
    match random.u8(..10) {
        0 => Control::new().refresh(),
        1 => Control::new().bypass(),
        2 => Control::new().max_age(Duration::ZERO),
        3 => Control::new().ttl(Duration::ZERO),
        _ => Control::new(),
    }
}

/// Makes one call in one of all the ways, and perhaps leaves it early.
async fn call_once(cache: &Cache, random: &mut fastrand::Rng, made: &Made) {
    let (id, body) = (random.u32(..50), Body::any(random));
    let at = random.usize(..OPERATIONS.len());
    made[at].fetch_add(1, Ordering::Relaxed);
    let control = controls(random);
    let way = random.u8(..20);
    let key = format!("key {id}");
    let call = async {
        match OPERATIONS[at] {
            "plain" => match way {
                0 => drop(call::peek(plain(id, body)).await),
                1 => drop(call::remove(plain(id, body)).await),
                2 => drop(call::expire(plain(id, body)).await),
                3 => drop(call::key(plain(id, body)).await),
                4 => drop(call::refresh(plain(id, body)).await),
                5 => drop(call::bypass(plain(id, body)).await),
                6 => drop(call::max_age(Duration::ZERO, plain(id, body)).await),
                _ => drop(plain(id, body).await),
            },
            "stale" => match way {
                0 => drop(call::expire(stale(id, body)).await),
                _ => drop(stale(id, body).await),
            },
            "detached" => drop(detached(id, body).await),
            "local" => drop(call::sync(control, || local(id, body))),
            _ => match way {
                0..=4 => drop(cache.get::<String>(&key).await),
                5..=6 => drop(cache.get_many::<String>(&[&key]).await),
                _ => drop(cache.get_or_try_compute(&key, || body.run(id)).await),
            },
        }
    };
    let polls = if random.u8(..4) == 0 {
        random.usize(1..4)
    } else {
        usize::MAX
    };
    let mut call = Box::pin(AssertUnwindSafe(call).catch_unwind());
    for _ in 0..polls {
        if polls < usize::MAX {
            if poll_once(&mut call).is_ready() {
                return;
            }
            tokio::task::yield_now().await;
        } else {
            let _ = call.await;
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_thousand_calls_end_in_one_way_each() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let config = roomy().redis_url(proxy.url()).l1_cache_size(60);
    let cache = register("counting", config);
    eventually("Redis answers", async || cache.ping().await).await;
    let made = Arc::<Made>::default();
    let of_tenant = Arc::new(AtomicU64::new(0));
    let is_over = Arc::new(AtomicBool::new(false));

    let trouble = tokio::spawn({
        let (cache, is_over) = (cache.clone(), is_over.clone());
        async move {
            let mut random = fastrand::Rng::with_seed(1);
            while !is_over.load(Ordering::Relaxed) {
                match random.u8(..6) {
                    0 => proxy.set(Fault::Refuse),
                    1 => proxy.set(Fault::SwallowAll),
                    2 => {
                        cache.switch_off();
                        tokio::task::yield_now().await;
                        cache.switch_on();
                    }
                    3 => drop(cache.remove_operation("plain").await),
                    _ => proxy.set(Fault::None),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let tasks = (0..TASKS).map(|task| {
        let (cache, made, of_tenant) = (cache.clone(), made.clone(), of_tenant.clone());
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(task);
            for _ in 0..CALLS / TASKS {
                if random.bool() {
                    of_tenant.fetch_add(1, Ordering::Relaxed);
                    let tenant = if random.bool() { "acme" } else { "globex" };
                    call::tenant(tenant, call_once(&cache, &mut random, &made)).await;
                } else {
                    call_once(&cache, &mut random, &made).await;
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic of the test's own");
    }
    is_over.store(true, Ordering::Relaxed);
    trouble.await.expect("no panic of the test's own");

    let ended = || {
        let statistics = cache.statistics();
        OPERATIONS.map(|name| {
            let operation = statistics.operations.get(name);
            operation.map_or(0, |operation| operation.counts.calls())
        })
    };
    let made = made.each_ref().map(|made| made.load(Ordering::Relaxed));
    // Bodies that have no caller any more end in the background.
    eventually("each call has ended", async || ended() == made).await;
    let statistics = cache.statistics();
    assert_eq!(statistics.counts.calls(), CALLS);
    let stats = cache.stats();
    let neither = stats.abandoned + stats.bypassed + stats.switched_off + stats.stopped;
    assert_eq!(stats.hits + stats.misses + neither, CALLS);
    let tenants = statistics
        .tenants
        .values()
        .flat_map(|it| it.operations.values());
    let tenants: u64 = tenants.map(Counts::calls).sum();
    assert_eq!(tenants, of_tenant.load(Ordering::Relaxed));
    // Otherwise it would say little.
    let missing = [
        Ending::NoKey,
        Ending::TextTooLong,
        Ending::NoTenant,
        Ending::TimedOut,
    ];
    for ending in Ending::ALL {
        let is_missing = missing.contains(&ending);
        assert_eq!(
            statistics.counts.of(ending) == 0,
            is_missing,
            "{ending}: {stats:?}"
        );
    }
}

#[tokio::test]
async fn a_none_that_is_no_result_of_a_function_is_no_hit_of_it() {
    #[cached(kind = "counting.shared", op = "shared", shared, none_ttl = "1h")]
    async fn perhaps(id: u32) -> Option<u32> {
        (id > 3).then_some(id)
    }
    #[cached(kind = "counting.shared", op = "shared", shared)]
    async fn surely(id: u32) -> u32 {
        id
    }
    let cache = register("counting.shared", roomy());
    // From here on this thread knows both.
    assert_eq!((surely(4).await, perhaps(4).await), (4, Some(4)));
    cache.reset_statistics();
    assert_eq!((perhaps(1).await, surely(1).await), (None, 1));
    let of_tenant = async || (perhaps(1).await, surely(1).await);
    assert_eq!(call::tenant("acme", of_tenant()).await, (None, 1));

    let statistics = cache.statistics();
    let all = &statistics.operations["shared"].counts;
    assert_eq!((all.calls(), all.of(Ending::Computed)), (4, 4));
    let acme = &statistics.tenants["acme"].operations["shared"];
    assert_eq!((acme.calls(), acme.of(Ending::Computed)), (2, 2));
    // What was computed has taken the place of the `None`.
    assert_eq!(perhaps(1).await, Some(1));
    let all = &cache.statistics().operations["shared"].counts;
    assert_eq!((all.calls(), all.hits()), (5, 1));
}

#[tokio::test]
async fn what_is_removed_while_it_is_computed_is_counted_as_not_kept() {
    static ENDS: Notify = Notify::const_new();
    #[cached(kind = "counting.removed", op = "slow")]
    async fn slow() -> u32 {
        ENDS.notified().await;
        7
    }
    let cache = register("counting.removed", roomy());
    let mut running = Box::pin(call::outcome(slow()));
    assert!(poll_once(&mut running).is_pending());
    call::remove(slow()).await;
    ENDS.notify_one();
    let outcome = running.await;
    assert_eq!((outcome.value, outcome.stored_at), (7, None));
    assert_eq!(call::peek(slow()).await, None);
    let stats = cache.stats();
    assert_eq!((stats.computed, stats.not_kept), (0, 1));
    assert_eq!((stats.stopped, stats.missed), (1, 1));
}

/// What panics when it becomes a part of a key.
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panics()
    }
}

/// Without a message of the panic hook.
fn panics<T>() -> T {
    resume_unwind(Box::new("on purpose"))
}

#[tokio::test]
async fn a_panic_before_a_future_or_a_stream_is_made_ends_the_call() {
    #[cached(kind = "counting.made", op = "future")]
    fn future(part: &Unwritable) -> impl Future<Output = u32> + Send + use<> {
        let _ = part;
        ready(7)
    }
    #[cached(kind = "counting.made", op = "stream", key = panics::<u32>())]
    fn stream() -> impl Stream<Item = Result<u32, String>> + Send {
        stream::iter([Ok(7)])
    }
    #[cached(kind = "counting.made", op = "lasting", ttl = panics::<Duration>())]
    fn lasting() -> impl Stream<Item = Result<u32, String>> + Send {
        stream::iter([Ok(7)])
    }
    #[cached(kind = "counting.made", op = "made")]
    fn made(panic: bool) -> impl Future<Output = u32> + Send {
        if panic {
            return ready(panics());
        }
        ready(7)
    }
    let cache = register("counting.made", roomy());
    let call = async |name: &str| match name {
        "future" => drop(future(&Unwritable).await),
        "stream" => drop(stream().count().await),
        "lasting" => drop(lasting().count().await),
        _ => drop(made(true).await),
    };
    let names = ["future", "stream", "lasting", "made"];
    for name in names {
        let call = || call::tenant("acme", call(name));
        for _ in 0..2 {
            let ended = AssertUnwindSafe(call()).catch_unwind().await;
            assert!(ended.is_err(), "{name}");
        }
        cache.switch_off();
        let ended = AssertUnwindSafe(call()).catch_unwind().await;
        assert!(ended.is_err(), "{name}");
        cache.switch_on();
    }
    // One that is never polled is no call, whatever else panics.
    let unpolled = catch_unwind(|| {
        let _unpolled = (made(false), panics::<()>());
    });
    assert!(unpolled.is_err());
    let statistics = cache.statistics();
    for name in names {
        let counts = &statistics.operations[name].counts;
        let of_tenant = &statistics.tenants["acme"].operations[name];
        for counts in [counts, of_tenant] {
            let ended = [Ending::Panicked, Ending::SwitchedOff].map(|it| counts.of(it));
            assert_eq!((ended, counts.calls()), ([2, 1], 3), "{name}");
        }
        // They took no time that says something.
        assert_eq!(statistics.operations[name].misses.count, 0, "{name}");
    }
}

/// Breaks when it is to be cloned.
#[derive(serde::Serialize, serde::Deserialize)]
struct Fragile(u32);

static IS_HANDLED_WITHOUT_CARE: AtomicBool = AtomicBool::new(false);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        if IS_HANDLED_WITHOUT_CARE.load(Ordering::Relaxed) {
            return panics();
        }
        Self(self.0)
    }
}

impl Cacheable for Fragile {
    fn is_cacheable(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_hit_whose_clone_panics_is_a_hit_counted_and_told() {
    #[cached(kind = "counting.fragile", op = "fragile")]
    async fn fragile() -> Fragile {
        Fragile(1)
    }
    let cache = register("counting.fragile", roomy());
    let answers = cache.ai();
    let request = AiRequest::new("answer", "a text");
    fragile().await;
    cache.set("key", Fragile(2)).await;
    answers
        .store(&request, Fragile(3))
        .await
        .expect("a request");
    IS_HANDLED_WITHOUT_CARE.store(true, Ordering::Relaxed);
    let all_break = async || {
        let compute = async || Fragile(4);
        let before = cache.statistics().counts;
        assert!(AssertUnwindSafe(fragile()).catch_unwind().await.is_err());
        let look_up = AssertUnwindSafe(cache.get::<Fragile>("key"));
        assert!(look_up.catch_unwind().await.is_err());
        let computed = AssertUnwindSafe(cache.get_or_compute("key", compute));
        assert!(computed.catch_unwind().await.is_err());
        let look_up = AssertUnwindSafe(answers.lookup::<Fragile>(&request));
        assert!(look_up.catch_unwind().await.is_err());
        let computed = AssertUnwindSafe(answers.get_or_compute(&request, compute));
        assert!(computed.catch_unwind().await.is_err());
        let counts = cache.statistics().counts.since(&before);
        assert_eq!((counts.calls(), counts.of(Ending::MemoryHit)), (5, 5));
    };
    all_break().await;
    let heard = what(&cache, EventFilter::all().only([EventKind::Hit]));
    all_break().await;
    assert_eq!(heard.since(&cache).await.len(), 5);
}
