//! What entries take in memory, and how often a cache that has not room for all has what is asked
//! for: larder beside its peers.
//!
//! `scripts/bench --room` runs this and writes the table in `docs/benchmarks.md`. By hand:
//!
//! ```text
//! cargo bench -p benches --bench room
//! ```
//!
//! What was counted goes to standard output as lines `room|contender|0|counted|number`. No clock is
//! in it: one round is enough.
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::call::{self, Origin};
use memory::{ROOM_FOR_ENTRIES, ROOM_FOR_HITS, SCANNED, bytes_of_an_entry, hit_ratio};

/// Lifetime of every entry, where the contender knows lifetimes.
const LIFETIME: Duration = Duration::from_hours(1);

#[larder::cached(kind = "room", ttl = "1h")]
async fn value(key: &str) -> String {
    assert_eq!(key.len(), 32);
    memory::value()
}

type Plain = quick_cache::sync::Cache<String, String>;
type Expiring = quick_cache::sync::Cache<String, Arc<(String, Instant)>>;

/// Counts for a cache with so much room as `new` is given. `is_hit` asks for a key, and keeps a value
/// where there is none.
fn count<C>(name: &str, new: &impl Fn(usize) -> C, is_hit: &impl AsyncFn(&C, &str) -> bool) {
    let ask = async |cache: &C, key: &str| {
        is_hit(cache, key).await;
    };
    let (_, bytes) = bytes_of_an_entry(|| new(ROOM_FOR_ENTRIES), &ask);
    println!("room|{name}|0|bytes|{bytes}");
    for (counted, scanned) in [("zipf", 0.0), ("scans", SCANNED)] {
        let cache = new(ROOM_FOR_HITS);
        let ratio = hit_ratio(scanned, &async |key: &str| is_hit(&cache, key).await);
        println!("room|{name}|0|{counted}|{ratio:.4}");
    }
}

fn main() {
    let larder = |room| memory::register("room", room);
    count("larder", &larder, &async |_, key| {
        call::outcome(value(key)).await.origin == Origin::Memory
    });

    count("by-hand-plain", &Plain::new, &async |cache, key| {
        let found = cache.get(key);
        if found.is_none() {
            cache.insert(key.to_owned(), memory::value());
        }
        found.is_some()
    });

    count("by-hand-expiring", &Expiring::new, &async |cache, key| {
        let found = cache.get(key).filter(|entry| Instant::now() < entry.1);
        if found.is_none() {
            let entry = Arc::new((memory::value(), Instant::now() + LIFETIME));
            cache.insert(key.to_owned(), entry);
        }
        found.is_some()
    });

    let moka = |room: usize| {
        let moka = moka::future::Cache::<String, String>::builder();
        moka.max_capacity(room as u64)
            .time_to_live(LIFETIME)
            .build()
    };
    count("moka", &moka, &async |cache, key| {
        let entry = cache.entry_by_ref(key);
        let entry = entry.or_insert_with(async { memory::value() }).await;
        !entry.is_fresh()
    });

    let cached = |room| cached::ShardedLruTtlCache::<String, String>::new(room, LIFETIME);
    count("cached-sharded-ttl", &cached, &async |cache, key| {
        let found = cache.get(key);
        if found.is_none() {
            cache.set(key.to_owned(), memory::value());
        }
        found.is_some()
    });

    let cached = cached::ShardedLruCache::<String, String>::new;
    count("cached-sharded", &cached, &async |cache, key| {
        let found = cache.get(key);
        if found.is_none() {
            cache.set(key.to_owned(), memory::value());
        }
        found.is_some()
    });

    let foyer = |room| -> foyer_memory::Cache<String, String> {
        foyer_memory::CacheBuilder::new(room).build()
    };
    count("foyer", &foyer, &async |cache, key| {
        let found = cache.get(key);
        if found.is_none() {
            cache.insert(key.to_owned(), memory::value());
        }
        found.is_some()
    });
}
