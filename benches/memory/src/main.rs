//! What a million entries take, and how often a cache with room for a tenth of the keys has what is
//! asked for: `cargo run --release -p memory`. Fails where a figure is not reached.
#![allow(
    clippy::expect_used,
    reason = "a measurement that cannot be made ends the run"
)]

use std::process::ExitCode;

use larder::{Cache, CacheConfig};

const ENTRIES: usize = 1_000_000;

/// Bytes that one entry may take, its key of 32 bytes and its value of 100 among them.
const BYTES: u64 = 300;

const KEYS: u32 = 100_000;
const ROOM: usize = 10_000;
const REQUESTS: u32 = 1_000_000;
const SEED: u64 = 20_260;

/// The part of all requests that a cache should answer.
const RATIO: f64 = 0.77;

/// Where there are scans, each request is followed by one for a key that nobody asks for again, with
/// this probability.
const SCANNED: f64 = 0.05;

#[larder::cached(kind = "entries")]
async fn value(key: &str) -> String {
    assert_eq!(key.len(), 32);
    "v".repeat(100)
}

#[larder::cached(kind = "ratio")]
async fn number(key: u32) -> u32 {
    key
}

fn register(kind: &str, entries: usize) -> Cache {
    let config = CacheConfig::builder().l1_cache_size(entries).build();
    let cache = Cache::builder(kind, &config.expect("valid settings")).build();
    let cache = cache.expect("a cache");
    larder::register(cache.clone());
    cache
}

/// Runs something to its end and counts the bytes that it leaves allocated.
fn left_allocated(run: impl Future<Output = ()>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let counted = allocation_counter::measure(|| runtime.block_on(run));
    u64::try_from(counted.bytes_current).expect("more than before")
}

/// Bytes for each entry: of the application's own keys, and of a function.
fn bytes_of_an_entry() -> [u64; 2] {
    let key = |entry: usize| format!("{entry:032}");
    let room = 2 * ENTRIES;
    let cache = register("entries", room);
    let of_keys = left_allocated(async {
        for entry in 0..ENTRIES {
            cache.set(&key(entry), "v".repeat(100)).await;
        }
    });
    assert_eq!(cache.size(), ENTRIES);
    let cache = register("entries", room);
    let of_calls = left_allocated(async {
        for entry in 0..ENTRIES {
            value(&key(entry)).await;
        }
    });
    assert_eq!(cache.size(), ENTRIES);
    [of_keys, of_calls].map(|bytes| bytes / ENTRIES as u64)
}

/// How many of the requests were answered, of those that are not scans. Key number *k* is asked for
/// with a probability that goes with 1 / *k*^0.99.
fn hit_ratio(scanned: f64) -> f64 {
    let cache = register("ratio", ROOM);
    let mut sum = 0.0;
    let cumulative: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            sum += f64::from(rank).powf(-0.99);
            sum
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut scan = KEYS;
    let mut requests = || {
        let drawn = random.f64() * sum;
        let key = cumulative.partition_point(|upto| *upto <= drawn);
        let scanned = (random.f64() < scanned).then(|| {
            scan += 1;
            scan
        });
        (u32::try_from(key).expect("a key"), scanned)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let hits = runtime.expect("a runtime").block_on(async {
        for _ in 0..REQUESTS {
            let (key, scanned) = requests();
            number(key).await;
            if let Some(scanned) = scanned {
                number(scanned).await;
            }
        }
        // No key of a scan is asked for twice.
        cache.stats().memory_hits
    });
    f64::from(u32::try_from(hits).expect("a count")) / f64::from(REQUESTS)
}

fn main() -> ExitCode {
    let mut reached = true;
    let [of_keys, of_calls] = bytes_of_an_entry();
    for (what, bytes) in [("application's key", of_keys), ("call", of_calls)] {
        println!("an entry of {ENTRIES}, {what}: {bytes} bytes, limit {BYTES}");
        reached &= bytes <= BYTES;
    }
    for (what, scanned) in [("zipf", 0.0), ("zipf and scans", SCANNED)] {
        let ratio = hit_ratio(scanned);
        println!("hit ratio, {what}: {ratio:.4}, limit {RATIO}");
        reached &= ratio >= RATIO;
    }
    if reached {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
