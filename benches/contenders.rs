//! Asynchronous functions that remember, each as the users of its crate would write it.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use larder::{Cache, CacheConfig};

use crate::workload::{LIFETIME, ROOM, VALUE, cold, warm};

/// Registers the kind of the functions that are annotated here.
pub(crate) fn register_larder() -> Cache {
    let config = CacheConfig::builder()
        .l1_cache_size(ROOM)
        .build()
        .expect("a configuration within all bounds");
    let cache = Cache::builder("bench", &config)
        .build()
        .expect("a cache in memory");
    larder::register(cache.clone());
    cache
}

/// What a call costs that remembers nothing and returns nothing.
pub(crate) async fn empty(_key: &str) -> String {
    String::new()
}

/// What nobody can do without: the clone of the value.
pub(crate) async fn clone_only(_key: &str) -> String {
    VALUE.clone()
}

/// The macro of this workspace.
#[larder::cached(kind = "bench", op = "warm", ttl = "1h")]
pub(crate) async fn larder_warm(key: &str) -> String {
    warm(key).await
}

#[larder::cached(kind = "bench", op = "cold", ttl = "1h")]
pub(crate) async fn larder_cold(key: String) -> String {
    cold(&key).await
}

/// `quick_cache` by hand, without lifetimes.
pub(crate) async fn by_hand_plain(key: &str) -> String {
    static CACHE: LazyLock<quick_cache::sync::Cache<String, String>> =
        LazyLock::new(|| quick_cache::sync::Cache::new(ROOM));
    if let Some(value) = CACHE.get(key) {
        return value;
    }
    let value = warm(key).await;
    CACHE.insert(key.to_owned(), value.clone());
    value
}

/// `quick_cache` by hand, with lifetimes: an entry is a value and the end of its life.
pub(crate) async fn by_hand_expiring(key: &str) -> String {
    type Entry = Arc<(String, Instant)>;
    static CACHE: LazyLock<quick_cache::sync::Cache<String, Entry>> =
        LazyLock::new(|| quick_cache::sync::Cache::new(ROOM));
    if let Some(entry) = CACHE.get(key)
        && Instant::now() < entry.1
    {
        return entry.0.clone();
    }
    let value = warm(key).await;
    let entry = Arc::new((value.clone(), Instant::now() + LIFETIME));
    CACHE.insert(key.to_owned(), entry);
    value
}

pub(crate) async fn by_hand_cold(key: String) -> String {
    static CACHE: LazyLock<quick_cache::sync::Cache<String, String>> =
        LazyLock::new(|| quick_cache::sync::Cache::new(ROOM));
    let computed = async { Ok::<_, std::convert::Infallible>(cold(&key).await) };
    match CACHE.get_or_insert_async(&key, computed).await {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

static MOKA: LazyLock<moka::future::Cache<String, String>> = LazyLock::new(|| {
    moka::future::Cache::builder()
        .max_capacity(ROOM as u64)
        .time_to_live(LIFETIME)
        .build()
});

pub(crate) async fn moka_get_with(key: &str) -> String {
    MOKA.get_with(key.to_owned(), warm(key)).await
}

/// The way of moka that copies the key only where it is new.
pub(crate) async fn moka_get_with_by_ref(key: &str) -> String {
    MOKA.get_with_by_ref(key, warm(key)).await
}

pub(crate) async fn moka_cold(key: String) -> String {
    MOKA.get_with(key.clone(), cold(&key)).await
}

#[cached::macros::cached(
    max_size = 40_000,
    ttl_secs = 3600,
    key = "String",
    convert = { key.to_owned() }
)]
pub(crate) async fn cached_lru_ttl(key: &str) -> String {
    warm(key).await
}

#[cached::macros::concurrent_cached(
    max_size = 40_000,
    ttl_secs = 3600,
    key = "String",
    convert = { key.to_owned() }
)]
pub(crate) async fn cached_sharded_lru_ttl(key: &str) -> String {
    warm(key).await
}

#[cached::macros::concurrent_cached(
    max_size = 40_000,
    key = "String",
    convert = { key.to_owned() }
)]
pub(crate) async fn cached_sharded_lru(key: &str) -> String {
    warm(key).await
}

#[cached::macros::cached(max_size = 40_000, ttl_secs = 3600)]
pub(crate) async fn cached_cold(key: String) -> String {
    cold(&key).await
}

#[cached::macros::cached(max_size = 40_000, ttl_secs = 3600, sync_writes = true)]
pub(crate) async fn cached_cold_sync_writes(key: String) -> String {
    cold(&key).await
}

#[cached::macros::cached(max_size = 40_000, ttl_secs = 3600, sync_writes = "by_key")]
pub(crate) async fn cached_cold_by_key(key: String) -> String {
    cold(&key).await
}

#[cached::macros::concurrent_cached(max_size = 40_000, ttl_secs = 3600)]
pub(crate) async fn cached_cold_sharded(key: String) -> String {
    cold(&key).await
}
