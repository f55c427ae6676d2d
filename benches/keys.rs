//! Hits whose argument is a text: how what a hit costs grows with the length of its key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use criterion::Criterion;
use larder::{Cache, CacheConfig, HashAlgorithm};
use sha2::{Digest, Sha256};

use crate::in_process::over;
use crate::turns::Turns;
use crate::workload::{VALUE, text, warm, warm_bodies};
use crate::{contenders, hits, rounds};

/// Lengths of the texts, as they are called and in bytes.
const SIZES: [(&str, usize); 4] = [
    ("32B", 32),
    ("2KB", 2 * 1024),
    ("10KB", 10 * 1024),
    ("100KB", 100 * 1024),
];

/// Texts from this length on are also hashed with BLAKE3.
const LONG: usize = 10 * 1024;

#[larder::cached(kind = "bench", op = "text", ttl = "1h")]
async fn larder_in_memory(text: &str) -> String {
    warm(text).await
}

#[larder::cached(kind = "bench-store", op = "text", ttl = "1h")]
async fn larder_in_store(text: &str) -> String {
    warm(text).await
}

#[larder::cached(kind = "bench-store-blake3", op = "text", ttl = "1h")]
async fn larder_in_store_blake3(text: &str) -> String {
    warm(text).await
}

/// Encoded values by the hexadecimal digest of a text: what is written by hand.
#[derive(Default)]
struct ByHand {
    entries: Mutex<HashMap<String, Vec<u8>>>,
}

impl ByHand {
    fn with_an_entry_of(key: String) -> Self {
        let by_hand = Self::default();
        let bytes = rmp_serde::to_vec_named(&*VALUE).expect("a text in MessagePack");
        by_hand
            .entries
            .lock()
            .expect("no panic under the lock")
            .insert(key, bytes);
        by_hand
    }

    fn get(&self, key: &str) -> Option<String> {
        let entries = self.entries.lock().expect("no panic under the lock");
        rmp_serde::from_slice(entries.get(key)?).ok()
    }
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    let mut key = String::with_capacity(2 * digest.len());
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    key.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
    key
}

fn blake3(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

pub(crate) fn bench(criterion: &mut Criterion) {
    contenders::register_larder();
    let sha256_cache = register("bench-store", HashAlgorithm::Sha256);
    let blake3_cache = register("bench-store-blake3", HashAlgorithm::Blake3);
    for (size, bytes) in SIZES {
        let text = text(bytes);
        hits::current_thread().block_on(async {
            contenders::by_hand_plain(&text).await;
            larder_in_memory(&text).await;
            larder_in_store(&text).await;
            larder_in_store_blake3(&text).await;
            for cache in [&sha256_cache, &blake3_cache] {
                assert!(cache.flush(Duration::from_secs(1)).await, "not written");
            }
        });
        let bodies = warm_bodies();
        in_memory(criterion, size, &text);
        in_store(criterion, size, &text);
        assert_eq!(bodies, warm_bodies(), "bodies ran in measured calls");
    }
}

fn register(kind: &str, algorithm: HashAlgorithm) -> Cache {
    let config = CacheConfig::builder()
        .hash_algorithm(algorithm)
        .build()
        .expect("a configuration within all bounds");
    let cache = over(&Arc::default(), kind, config);
    larder::register(cache.clone());
    cache
}

fn in_memory(criterion: &mut Criterion, size: &str, text: &str) {
    let mut turns = Turns::new(criterion, &format!("key-memory-{size}"));
    for round in 0..rounds() {
        turns.take("larder", round, || larder_in_memory(text));
        turns.take("by-hand-plain", round, || contenders::by_hand_plain(text));
    }
}

fn in_store(criterion: &mut Criterion, size: &str, text: &str) {
    let with_sha256 = ByHand::with_an_entry_of(sha256(text));
    let with_blake3 = ByHand::with_an_entry_of(blake3(text));
    let mut turns = Turns::new(criterion, &format!("key-store-{size}"));
    for round in 0..rounds() {
        turns.take("larder", round, || larder_in_store(text));
        turns.take("by-hand", round, || async {
            with_sha256.get(&sha256(text)).expect("an entry")
        });
        if text.len() >= LONG {
            turns.take("larder-blake3", round, || larder_in_store_blake3(text));
            turns.take("by-hand-blake3", round, || async {
                with_blake3.get(&blake3(text)).expect("an entry")
            });
        }
    }
}
