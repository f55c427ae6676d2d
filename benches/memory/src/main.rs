//! What a million entries take, and how often a cache with room for a tenth of the keys has what is
//! asked for: `cargo run --release -p memory`. Fails where a figure is not reached.
use std::process::ExitCode;

use larder::call::{self, Origin};
use memory::{
    ENTRIES, ROOM_FOR_ENTRIES, ROOM_FOR_HITS, SCANNED, bytes_of_an_entry, hit_ratio, register,
};

/// Bytes that one entry may take, its key of 32 bytes and its value of 100 among them.
const BYTES: u64 = 300;

/// The part of all requests that a cache should answer.
const RATIO: f64 = 0.77;

#[larder::cached(kind = "memory")]
async fn value(key: &str) -> String {
    assert_eq!(key.len(), 32);
    memory::value()
}

fn main() -> ExitCode {
    let mut reached = true;
    let new = || register("memory", ROOM_FOR_ENTRIES);
    let of_key = bytes_of_an_entry(new, &async |cache, key| {
        cache.set(key, memory::value()).await;
    });
    let of_call = bytes_of_an_entry(new, &async |_, key| drop(value(key).await));
    for (what, (cache, bytes)) in [("application's key", of_key), ("call", of_call)] {
        assert_eq!(cache.size(), ENTRIES);
        println!("an entry of {ENTRIES}, {what}: {bytes} bytes, limit {BYTES}");
        reached &= bytes <= BYTES;
    }
    for (what, scanned) in [("zipf", 0.0), ("zipf and scans", SCANNED)] {
        let _cache = register("memory", ROOM_FOR_HITS);
        let is_hit = async |key: &str| call::outcome(value(key)).await.origin == Origin::Memory;
        let ratio = hit_ratio(scanned, &is_hit);
        println!("hit ratio, {what}: {ratio:.4}, limit {RATIO}");
        reached &= ratio >= RATIO;
    }
    if reached {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
