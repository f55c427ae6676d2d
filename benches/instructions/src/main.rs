//! Calls one function again and again with one key: `instructions FUNCTION BYTES CALLS ENTRIES`, where
//! the key has so many bytes, and so many other keys are in memory. `count.py` beside this counts the
//! instructions of a hit with it.
#![allow(
    clippy::expect_used,
    reason = "a measurement that cannot be made ends the run"
)]

use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use larder::CacheConfig;
use quick_cache::sync::Cache;
use tokio::runtime::Runtime;

const LIFETIME: Duration = Duration::from_secs(3600);

#[larder::cached(ttl = "1h")]
async fn annotated(key: &str) -> String {
    value(key)
}

async fn of_a_tenant(key: &str) -> String {
    larder::call::tenant("a tenant", annotated(key)).await
}

/// What one would write without a library: an entry is a value and the end of its lifetime.
async fn by_hand(key: &str) -> String {
    type Entry = Arc<(String, Instant)>;
    static CACHE: LazyLock<Cache<String, Entry>> = LazyLock::new(|| Cache::new(1000));
    if let Some(entry) = CACHE.get(key)
        && entry.1 > Instant::now()
    {
        return entry.0.clone();
    }
    let value = value(key);
    let entry = Arc::new((value.clone(), Instant::now() + LIFETIME));
    CACHE.insert(key.to_owned(), entry);
    value
}

fn value(key: &str) -> String {
    assert!(!key.is_empty());
    "v".repeat(200)
}

/// What is counted: `count.py` names it.
#[inline(never)]
fn counted<F: Future<Output = String>>(
    runtime: &Runtime,
    calls: u64,
    key: &'static str,
    function: impl Fn(&'static str) -> F,
) {
    runtime.block_on(async {
        for _ in 0..calls {
            black_box(function(black_box(key)).await);
        }
    });
}

/// Registers the kind, with room for twice as many entries, and puts so many there.
async fn fill(entries: usize) {
    let config = CacheConfig::builder()
        .l1_cache_size(2 * entries + 100)
        .build();
    let cache = larder::Cache::builder("web", &config.expect("valid settings")).build();
    let cache = cache.expect("a cache");
    larder::register(cache.clone());
    for entry in 0..entries {
        cache.set(&format!("{entry:032}"), value("k")).await;
    }
    assert_eq!(cache.size(), entries);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [function, bytes, calls, entries] = arguments.as_slice() else {
        panic!("usage: instructions annotated|of-a-tenant|by-hand BYTES CALLS ENTRIES");
    };
    let key = "k".repeat(bytes.parse().expect("a number of bytes"));
    let key: &'static str = key.leak();
    let calls = calls.parse().expect("a number of calls");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let entries = entries.parse().expect("a number of entries");
    // The first call computes, and the second one fills the thread's buffers.
    match function.as_str() {
        "annotated" => {
            runtime.block_on(async {
                fill(entries).await;
                annotated(key).await;
                annotated(key).await;
            });
            counted(&runtime, calls, key, annotated);
        }
        "of-a-tenant" => {
            runtime.block_on(async {
                fill(entries).await;
                of_a_tenant(key).await;
                of_a_tenant(key).await;
            });
            counted(&runtime, calls, key, of_a_tenant);
        }
        "by-hand" => {
            runtime.block_on(by_hand(key));
            counted(&runtime, calls, key, by_hand);
        }
        other => panic!("there is no function {other}"),
    }
}
