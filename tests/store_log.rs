//! What operators are told about entries that are not served and values that are not stored: once
//! for each reason, without keys and values. A process of its own, for its log.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use larder::{Cache, CacheConfig, Codec};
use support::Log;
use support::map_store::MapStore;

fn over(store: &Arc<MapStore>) -> Cache {
    let config = CacheConfig::builder()
        .codec(Codec::Json)
        .enable_l1_cache(false);
    Cache::builder("logged", &config.build().expect("valid settings"))
        .store(store.clone())
        .build()
        .expect("a cache")
}

fn move_entry(store: &MapStore, from: &str, to: &str) {
    let mut entries = store.entries.lock().expect("no panic");
    let entry = entries[from].clone();
    entries.insert(to.to_owned(), entry);
}

#[tokio::test]
async fn the_first_of_each_reason_is_logged_and_all_are_counted() {
    let log = Log::collect_warnings();
    let store = Arc::<MapStore>::default();
    let cache = over(&store);
    for n in 0..3 {
        let key = format!("canary:{n}");
        cache.set(&key, "canary".to_owned()).await;
        assert_eq!(cache.get::<u64>(&key).await, None);

        move_entry(
            &store,
            "logged:key:canary:0",
            &format!("logged:key:moved:{n}"),
        );
        assert_eq!(cache.get::<String>(&format!("moved:{n}")).await, None);

        let pairs = BTreeMap::from([((1, 2), "canary".to_owned())]);
        cache.set("pairs", pairs).await;
        cache.set("long", "canary".repeat(1_500_000)).await;
    }
    let stats = cache.stats();
    assert_eq!((stats.refused.undecodable, stats.refused.damaged), (3, 3));
    assert_eq!(
        (stats.unserializable_values, stats.oversized_values),
        (3, 3)
    );

    let lines = log.lines();
    for expected in ["a type that has changed", "written under another key"] {
        let told = lines.iter().filter(|line| line.contains(expected));
        assert_eq!(told.count(), 1, "{lines:#?}");
    }
    for expected in ["the codec cannot write it", "longer than 8 MiB"] {
        let told = lines.iter().filter(|line| line.contains(expected));
        assert_eq!(told.count(), 1, "{lines:#?}");
    }
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains("logged")));
    assert!(!lines.concat().contains("canary"), "{lines:#?}");
}
