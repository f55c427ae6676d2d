//! Which cache stands behind each kind, for the whole program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::cache::Cache;
use crate::config::{CacheConfig, Preset};
use crate::error::CacheError;
use crate::factory::caches;
use crate::verify;

/// How long [`close`] waits for queued writes, for all kinds together.
const CLOSE: Duration = Duration::from_secs(5);

/// Of that, the time for computations that go on without a caller: what they bring is to be written.
const BACKGROUND: Duration = Duration::from_secs(3);

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    kinds: BTreeMap::new(),
    initialized: false,
    unknown: BTreeSet::new(),
});

/// Changes with the registry. What was looked up in an older one is looked up again.
static EPOCH: AtomicU64 = AtomicU64::new(1);

static UNKNOWN_KIND_CALLS: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
struct Registry {
    kinds: BTreeMap<String, Cache>,
    /// Whether the environment has been read, or need not be.
    initialized: bool,
    /// Kinds that were asked for in vain, each warned of once.
    unknown: BTreeSet<String>,
}

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn changed() {
    EPOCH.fetch_add(1, Ordering::Release);
}

#[inline]
pub(crate) fn epoch() -> u64 {
    EPOCH.load(Ordering::Acquire)
}

/// Makes the kinds of the environment: [`init_with`] with [`CacheConfig::from_environment`].
///
/// | variable | meaning | default |
/// |---|---|---|
/// | `CACHE_PRESET` | name of a [`Preset`](crate::Preset) | `development` |
/// | `CACHE_REDIS_URL` | as [`redis_url`](crate::CacheConfigBuilder::redis_url) takes it | in memory only |
/// | `ENABLE_AI_CACHE` | whether the kind `ai` has settings and lifetimes for language models | as the preset says |
/// | `CACHE_CONFIG_FILE` | a file with settings, in JSON or TOML | none |
/// | `CACHE_CUSTOM_CONFIG` | settings in JSON, which come before all others | none |
///
/// `docs/configuration.md` has all of them, and every setting. `disabled` is not off: it keeps a few
/// entries in memory, and never uses Redis.
///
/// Where nobody calls `init`, the first cached call reads the same variables. It cannot return an
/// error, so it logs a warning and caches in memory if they cannot be used.
///
/// # Errors
/// [`CacheError::Configuration`] with every problem, if a variable or the file cannot be used, and
/// those of [`init_with`].
pub async fn init() -> Result<(), CacheError> {
    init_with(&CacheConfig::from_environment()?).await
}

/// Makes the kinds of this configuration and, where a Redis is named, waits for at most a second for
/// its answer: `web` (without settings for language models), `ai`, and those that have
/// [settings of their own](CacheConfig::kinds). They share connections where they have the same Redis.
///
/// Annotated functions that do not fit the kinds are logged as warnings, as [`verify`](crate::verify) finds them:
/// register the kinds of your own before.
///
/// Kinds that are registered already stay as they are. A Redis that does not answer is no error, unless
/// `fail_on_connection_error` is set: the caches work without it, and find it when it comes.
///
/// # Errors
/// [`CacheError::Configuration`] where no cache can be built; [`CacheError::Infrastructure`] where the
/// store cannot be reached and `fail_on_connection_error` is set: nothing is registered then.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use larder::{CacheConfigBuilder, ConfigSources};
///
/// let loaded = ConfigSources::new().environment().load()?;
/// let config = CacheConfigBuilder::from(loaded)
///     .kind("geo", |geo| geo.l1_cache_size(50_000))
///     .build()?;
/// larder::init_with(&config).await?;
/// assert!(larder::kinds().contains(&"geo".to_owned()));
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
pub async fn init_with(config: &CacheConfig) -> Result<(), CacheError> {
    let caches = caches(config)?;
    if config.fail_on_connection_error {
        for cache in &caches {
            let connected = cache.try_connect().await;
            connected.map_err(|error| config.for_kind(cache.name()).unreachable(&error))?;
        }
    }
    {
        let mut registry = registry();
        for cache in &caches {
            add_if_missing(&mut registry, cache);
        }
        registry.initialized = true;
    }
    changed();
    for kind in caches.iter().map(Cache::name) {
        // The registered one, which may not be the one that was just made.
        if let Some(cache) = cache(kind) {
            cache.connect().await;
        }
    }
    for problem in verify::problems() {
        tracing::warn!("{problem}");
    }
    Ok(())
}

fn add_if_missing(registry: &mut Registry, cache: &Cache) {
    registry
        .kinds
        .entry(cache.name().to_owned())
        .or_insert_with(|| cache.clone());
}

/// Makes `cache` the one behind its kind, in place of the one that was there.
///
/// Takes effect for every call that begins afterwards. A program that registers kinds before its
/// first cached call still gets `web` and `ai` from the environment, unless it registers those
/// too.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{Cache, CacheConfig};
///
/// let config = CacheConfig::builder().l1_cache_size(5000).build()?;
/// larder::register(Cache::builder("geo", &config).build()?);
/// assert!(larder::kinds().contains(&"geo".to_owned()));
/// # Ok::<(), larder::CacheError>(())
/// ```
pub fn register(cache: Cache) {
    let mut registry = registry();
    registry.unknown.remove(cache.name());
    registry.kinds.insert(cache.name().to_owned(), cache);
    drop(registry);
    changed();
}

/// The cache behind a kind: one that was [registered](register), or `web` or `ai` after [`init`] or
/// the first cached call.
#[must_use]
pub fn cache(kind: &str) -> Option<Cache> {
    registry().kinds.get(kind).cloned()
}

/// The kinds that are registered, sorted.
#[must_use]
pub fn kinds() -> Vec<String> {
    registry().kinds.keys().cloned().collect()
}

/// How many calls ran without a cache because nobody knew their kind.
#[must_use]
pub fn unknown_kind_calls() -> u64 {
    UNKNOWN_KIND_CALLS.load(Ordering::Relaxed)
}

/// Waits for the computations that go on without a caller, for at most three seconds, writes what is
/// queued for the stores, within five seconds in all, lets go of their connections and forgets all
/// kinds. Computations that are not done by then are dropped.
///
/// Calls that come later run without a cache, until [`init`] or [`register`] is called again.
/// The kinds are forgotten at once; dropping the future leaves the rest to the background.
pub async fn close() {
    registry().initialized = true;
    let caches = std::mem::take(&mut registry().kinds);
    changed();
    let caches: Vec<Cache> = caches.into_values().collect();
    let began = Instant::now();
    join_all(caches.iter().map(async |cache| {
        if !cache.kind().background.finish(BACKGROUND).await {
            let kind = cache.name();
            tracing::warn!(kind, "some computations in the background were given up");
        }
    }))
    .await;
    // What goes on for one kind may write into another.
    let left = CLOSE.saturating_sub(began.elapsed());
    join_all(caches.iter().map(async |cache| {
        if !cache.flush(left).await {
            let kind = cache.name();
            let store = cache.kind().store.as_ref();
            if store.is_some_and(|store| store.has_untold()) {
                tracing::warn!(
                    kind,
                    "the store was not told of some invalidations: other processes may go on serving \
                     what they are about until its lifetime is over"
                );
            } else {
                tracing::warn!(kind, "some writes to the store were given up");
            }
        }
    }))
    .await;
    join_all(caches.iter().map(Cache::leave)).await;
    // Kinds may share a connection, so it stays until all of them are done with it.
    for cache in &caches {
        cache.disconnect();
    }
}

/// The kinds that a call finds. Reads the environment where nobody has done so.
pub(crate) fn known_kinds() -> Vec<String> {
    first_use();
    kinds()
}

/// The cache behind a kind, for a call. Reads the environment where nobody has done so.
pub(crate) fn find(kind: &str) -> Option<Cache> {
    first_use();
    let mut registry = registry();
    if let Some(cache) = registry.kinds.get(kind) {
        return Some(cache.clone());
    }
    if registry.unknown.insert(kind.to_owned()) {
        let registered: Vec<String> = registry.kinds.keys().cloned().collect();
        // A log may be anything; it is not called with the lock held.
        drop(registry);
        tracing::warn!(
            kind,
            ?registered,
            "nobody registered this kind of cache: its functions run without one"
        );
    }
    None
}

pub(crate) fn count_unknown_kind() {
    UNKNOWN_KIND_CALLS.fetch_add(1, Ordering::Relaxed);
}

/// Makes the kinds of an application that did not call [`init`]. Lenient: there is nobody to tell
/// of an error.
fn first_use() {
    let mut registry = registry();
    if registry.initialized {
        return;
    }
    registry.initialized = true;
    let from_environment = CacheConfig::from_environment().and_then(|config| caches(&config));
    let caches = match &from_environment {
        Ok(caches) => caches.clone(),
        Err(_) => caches(&Preset::Development.config()).unwrap_or_default(),
    };
    for cache in &caches {
        add_if_missing(&mut registry, cache);
    }
    drop(registry);
    changed();
    if let Err(error) = from_environment {
        tracing::warn!(
            %error,
            "the environment cannot be used: caching in memory, as in the development preset"
        );
    }
}
