//! How the room that a cache takes in memory is measured: of larder alone by the program of this
//! package, which has limits, and of larder beside its peers by `benches/room.rs`.
#![allow(
    clippy::expect_used,
    reason = "a measurement that cannot be made ends the run"
)]

use larder::{Cache, CacheConfig};
use tokio::runtime::{Builder, Runtime};

/// Entries of which the bytes are counted.
pub const ENTRIES: usize = 1_000_000;

/// What a cache has room for that holds them: none is evicted, into whatever shard they fall.
pub const ROOM_FOR_ENTRIES: usize = 2 * ENTRIES;

/// What a cache has room for whose hits are counted: a tenth of the keys.
pub const ROOM_FOR_HITS: usize = 10_000;

/// Where there are scans, each request is followed by one for a key that nobody asks for again, with
/// this probability.
pub const SCANNED: f64 = 0.05;

const KEYS: u32 = 100_000;
const REQUESTS: u32 = 1_000_000;
const SEED: u64 = 20_260;

/// Registers a kind with room for so many entries.
///
/// # Panics
/// If they are none, or more than a cache takes.
#[must_use]
pub fn register(kind: &str, entries: usize) -> Cache {
    let config = CacheConfig::builder().l1_cache_size(entries).build();
    let cache = Cache::builder(kind, &config.expect("valid settings")).build();
    let cache = cache.expect("a cache");
    larder::register(cache.clone());
    cache
}

/// A value of 100 bytes.
#[must_use]
pub fn value() -> String {
    "v".repeat(100)
}

/// A cache that `new` makes, and the bytes that it takes for each of so many entries: it is asked for
/// keys of 32 bytes, on one thread, and does everything there.
///
/// # Panics
/// If there is less afterwards than before.
pub fn bytes_of_an_entry<C>(new: impl FnOnce() -> C, ask: &impl AsyncFn(&C, &str)) -> (C, u64) {
    let runtime = runtime();
    let mut cache = None;
    let counted = allocation_counter::measure(|| {
        let cache = cache.insert(new());
        runtime.block_on(async {
            for number in 0..ENTRIES {
                ask(cache, &key(number)).await;
            }
        });
    });
    let left = u64::try_from(counted.bytes_current).expect("more than before");
    (cache.expect("just made"), left / ENTRIES as u64)
}

/// The part of the requests that are hits, of those that are not scans. `is_hit` asks a cache that is
/// empty at first. Key number *k* is asked for with a probability that goes with 1 / *k*^0.99.
pub fn hit_ratio(scanned: f64, is_hit: &impl AsyncFn(&str) -> bool) -> f64 {
    let mut sum = 0.0;
    let cumulative: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            sum += f64::from(rank).powf(-0.99);
            sum
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut scans = cumulative.len()..;
    let mut hits = 0;
    runtime().block_on(async {
        for _ in 0..REQUESTS {
            let drawn = random.f64() * sum;
            let asked = cumulative.partition_point(|upto| *upto <= drawn);
            hits += u32::from(is_hit(&key(asked)).await);
            if random.f64() < scanned
                && let Some(scan) = scans.next()
            {
                is_hit(&key(scan)).await;
            }
        }
    });
    f64::from(hits) / f64::from(REQUESTS)
}

fn key(number: usize) -> String {
    format!("{number:032}")
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().build();
    runtime.expect("a runtime")
}
