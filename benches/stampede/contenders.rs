//! The caches that the suite runs on, each by its way for computing a missing value once.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use larder::{Cache, CacheConfig};

/// Room of every cache: nothing is evicted.
const ROOM: usize = 40_000;

/// What a caller asks a cache to compute.
pub(crate) type Body = Pin<Box<dyn Future<Output = Result<u32, Failure>> + Send>>;

/// One caller of a cache.
pub(crate) type Call = Pin<Box<dyn Future<Output = Result<u32, Failure>> + Send>>;

/// Why a caller has no value.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A body failed.
    OfBody,
    /// The cache made an error of its own.
    OfCache,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OfBody => "the body failed",
            Self::OfCache => "the cache failed",
        })
    }
}

impl std::error::Error for Failure {}

/// A cache, and how it is asked for the value of a key.
#[derive(Clone, Copy)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) call: fn(u32, Body) -> Call,
}

/// The one whose promises are checked.
pub(crate) const LARDER: Contender = Contender {
    name: "larder",
    call: |key, body| Box::pin(larder_cached(key, body)),
};

/// The same with an error that every waiter could have a copy of.
pub(crate) const LARDER_WITH_CLONED_ERRORS: Contender = Contender {
    name: "larder",
    call: |key, body| {
        Box::pin(async move {
            let answer = larder_cached_with_cloned_errors(key, body).await;
            answer.map_err(|CloneOfFailure| Failure::OfBody)
        })
    },
};

pub(crate) const ALL: [Contender; 6] = [
    LARDER,
    Contender {
        name: "quick-cache",
        call: |key, body| Box::pin(quick_cache(key, body)),
    },
    Contender {
        name: "moka",
        call: |key, body| Box::pin(moka(key, body)),
    },
    Contender {
        name: "foyer",
        call: |key, body| Box::pin(foyer(key, body)),
    },
    Contender {
        name: "cached-by-key",
        call: |key, body| Box::pin(cached_by_key(key, body)),
    },
    Contender {
        name: "cached-sync-writes",
        call: |key, body| Box::pin(cached_sync_writes(key, body)),
    },
];

/// Registers the kind of the functions that are annotated here.
pub(crate) fn register_larder() {
    let config = CacheConfig::builder()
        .l1_cache_size(ROOM)
        .build()
        .expect("a configuration within all bounds");
    let cache = Cache::builder("stampede", &config)
        .build()
        .expect("a cache in memory");
    larder::register(cache);
}

#[larder::cached(kind = "stampede", skip(body))]
async fn larder_cached(key: u32, body: Body) -> Result<u32, Failure> {
    body.await
}

#[derive(Clone)]
struct CloneOfFailure;

#[larder::cached(kind = "stampede", skip(body))]
async fn larder_cached_with_cloned_errors(key: u32, body: Body) -> Result<u32, CloneOfFailure> {
    body.await.map_err(|_| CloneOfFailure)
}

/// `get_value_or_guard_async` is the same in two steps: this is how it is meant to be used.
async fn quick_cache(key: u32, body: Body) -> Result<u32, Failure> {
    static CACHE: LazyLock<quick_cache::sync::Cache<u32, u32>> =
        LazyLock::new(|| quick_cache::sync::Cache::new(ROOM));
    CACHE.get_or_insert_async(&key, body).await
}

/// `get_with` is the same for bodies that cannot fail.
async fn moka(key: u32, body: Body) -> Result<u32, Failure> {
    static CACHE: LazyLock<moka::future::Cache<u32, u32>> =
        LazyLock::new(|| moka::future::Cache::new(ROOM as u64));
    let answer = CACHE.try_get_with(key, body).await;
    // One error for all who waited, of which each has an `Arc`.
    answer.map_err(|failure: Arc<Failure>| match *failure {
        Failure::OfBody => Failure::OfBody,
        Failure::OfCache => Failure::OfCache,
    })
}

/// `get_or_fetch` is the only way to compute a value, and spawns the body as a task of its own.
async fn foyer(key: u32, body: Body) -> Result<u32, Failure> {
    static CACHE: LazyLock<foyer_memory::Cache<u32, u32>> =
        LazyLock::new(|| foyer_memory::CacheBuilder::new(ROOM).build());
    match CACHE.get_or_fetch(&key, || body).await {
        Ok(entry) => Ok(*entry.value()),
        Err(error) if error.downcast_ref::<Failure>().is_some() => Err(Failure::OfBody),
        Err(_) => Err(Failure::OfCache),
    }
}

#[cached::macros::cached(
    max_size = 40_000,
    key = "u32",
    convert = { key },
    sync_writes = "by_key"
)]
#[allow(unused_variables, reason = "the key is for the attribute")]
async fn cached_by_key(key: u32, body: Body) -> Result<u32, Failure> {
    body.await
}

#[cached::macros::cached(max_size = 40_000, key = "u32", convert = { key }, sync_writes = true)]
#[allow(unused_variables, reason = "the key is for the attribute")]
async fn cached_sync_writes(key: u32, body: Body) -> Result<u32, Failure> {
    body.await
}
