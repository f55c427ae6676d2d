//! Hits in Redis: no memory tier, one connection for each contender, the same server for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cached::AsyncRedisCache;
use fixture::{RedisServer, Reply};
use larder::{Cache, CacheConfig};
use redis::aio::MultiplexedConnection;

use crate::workload::{LIFETIME, text};
use crate::{hits, is_measured, is_wanted, report, rounds};

/// Keys of each size. Each caller has keys of its own, so that nobody waits for another's look-up.
const KEYS: usize = 1024;

/// Sizes of the values, as they are called and in bytes.
const SIZES: [(&str, usize); 2] = [("200B", 200), ("10KB", 10 * 1024)];

/// The longest value that larder reads from a store: the end of its `GETRANGE`.
const LIMIT: usize = 8 * 1024 * 1024;

static BODIES: AtomicUsize = AtomicUsize::new(0);

async fn body(_key: &str, bytes: usize) -> String {
    BODIES.fetch_add(1, Ordering::Relaxed);
    std::future::ready(text(bytes)).await
}

#[larder::cached(kind = "bench-redis", op = "value", ttl = "1h")]
async fn larder_value(key: String, bytes: usize) -> String {
    body(&key, bytes).await
}

#[cached::macros::concurrent_cached(
    ty = "AsyncRedisCache<String, String>",
    create = { cached_store().await },
    key = "String",
    convert = { key.clone() },
    map_error = |error| error.to_string()
)]
async fn cached_value(key: String, bytes: usize) -> Result<String, String> {
    Ok(body(&key, bytes).await)
}

/// Where `cached` finds its server: it makes its store at the first call.
static CACHED_URL: std::sync::OnceLock<String> = std::sync::OnceLock::new();

async fn cached_store() -> AsyncRedisCache<String, String> {
    let url = CACHED_URL.get().expect("the server is started first");
    AsyncRedisCache::builder("cached")
        .ttl(LIFETIME)
        .connection_string(url)
        .build()
        .await
        .expect("a connection to the server")
}

/// The command that larder sends, and nothing else: the bytes stay as they are.
async fn raw_value(connection: &mut MultiplexedConnection, key: &str) -> Vec<u8> {
    redis::cmd("GETRANGE")
        .arg(key)
        .arg(0)
        .arg(LIMIT)
        .query_async(connection)
        .await
        .expect("the server answers")
}

pub(crate) fn bench() {
    if SIZES.iter().any(|(size, _)| wanted(size).next().is_some()) {
        let server = RedisServer::start();
        hits::two_threads().block_on(measure(&server));
    }
}

/// The rows of this size that are asked for, with their numbers of callers.
fn wanted(size: &str) -> impl Iterator<Item = (String, usize)> {
    [1, 64, 256]
        .into_iter()
        .map(move |at_once| (format!("redis-{size}-{at_once}"), at_once))
        .filter(|(row, _)| is_wanted(row))
}

async fn measure(server: &RedisServer) {
    CACHED_URL.get_or_init(|| server.url());
    let cache = register_larder(server).await;
    let raw = redis::Client::open(server.url())
        .expect("a URL of the fixture")
        .get_multiplexed_async_connection()
        .await
        .expect("a connection to the server");
    for (size, bytes) in SIZES {
        let keys: Vec<String> = (0..KEYS).map(|key| format!("{size}:{key}")).collect();
        for key in &keys {
            larder_value(key.clone(), bytes).await;
            cached_value(key.clone(), bytes).await.expect("a value");
        }
        let written = cache.flush(Duration::from_secs(10)).await;
        let raw_keys = stored_by_larder(server, bytes);
        assert_eq!((written, raw_keys.len()), (true, KEYS));
        let bodies = BODIES.load(Ordering::Relaxed);
        for (row, at_once) in wanted(size) {
            let calls = match (is_measured(), at_once) {
                (false, _) => KEYS,
                (true, 1) => 2 * KEYS,
                (true, _) => 8 * KEYS,
            };
            for round in 0..rounds() {
                let load = Load {
                    row: &row,
                    round,
                    at_once,
                    calls,
                };
                load.run("larder", &keys, move |key| async move {
                    larder_value(key, bytes).await.len()
                })
                .await;
                let raw = raw.clone();
                load.run("raw", &raw_keys, move |key| {
                    let mut raw = raw.clone();
                    async move { raw_value(&mut raw, &key).await.len() }
                })
                .await;
                load.run("cached", &keys, move |key| async move {
                    cached_value(key, bytes).await.expect("a value").len()
                })
                .await;
            }
        }
        let ran = BODIES.load(Ordering::Relaxed) - bodies;
        assert_eq!(ran, 0, "bodies ran in measured calls");
    }
    let stats = cache.stats();
    assert_eq!((stats.joined, stats.store_failures), (0, 0), "{stats:?}");
}

async fn register_larder(server: &RedisServer) -> Cache {
    let config = CacheConfig::builder()
        .enable_l1_cache(false)
        .redis_url(server.url())
        .compression_threshold(1 << 20)
        .build()
        .expect("a configuration within all bounds");
    let cache = Cache::builder("bench-redis", &config)
        .build()
        .expect("a cache over Redis");
    assert!(cache.connect().await, "the server does not answer");
    larder::register(cache.clone());
    cache
}

/// The keys of larder's values of this size.
fn stored_by_larder(server: &RedisServer, bytes: usize) -> Vec<String> {
    let Reply::List(keys) = server.command(&["KEYS", "*op:value*"]) else {
        panic!("no list of keys");
    };
    let keys = keys.into_iter().map(|key| match key {
        Reply::Bytes(key) => String::from_utf8(key).expect("a readable key"),
        other => panic!("not a key: {other:?}"),
    });
    keys.filter(|key| match server.command(&["STRLEN", key.as_str()]) {
        Reply::Int(length) => {
            usize::try_from(length).is_ok_and(|length| (bytes..2 * bytes).contains(&length))
        }
        other => panic!("not a length: {other:?}"),
    })
    .collect()
}

/// One measurement: so many calls, so many of them at once.
struct Load<'a> {
    row: &'a str,
    round: usize,
    at_once: usize,
    calls: usize,
}

impl Load<'_> {
    /// `call` returns how many bytes it read.
    async fn run<F, R>(&self, name: &str, keys: &[String], call: F)
    where
        F: Fn(String) -> R + Clone + Send + 'static,
        R: Future<Output = usize> + Send,
    {
        let each = self.calls / self.at_once;
        let keys: Arc<[String]> = keys.into();
        let step = self.at_once;
        let started = Instant::now();
        let callers: Vec<_> = (0..self.at_once)
            .map(|caller| {
                let (call, keys) = (call.clone(), keys.clone());
                tokio::spawn(async move {
                    let own = keys.iter().skip(caller).step_by(step).cycle();
                    let mut times = Vec::with_capacity(each);
                    for key in own.take(each) {
                        let key = key.clone();
                        let started = Instant::now();
                        assert!(call(key).await > 0, "an empty value");
                        times.push(started.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut times = Vec::with_capacity(self.calls);
        for caller in callers {
            times.append(&mut caller.await.expect("a caller does not panic"));
        }
        let wall = started.elapsed();
        times.sort_unstable();
        let Self { row, round, .. } = *self;
        let each = wall.as_secs_f64() / f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX));
        report(row, name, round, "per-second", each.recip());
        report(
            row,
            name,
            round,
            "p50-us",
            times[times.len() / 2].as_secs_f64() * 1e6,
        );
    }
}
