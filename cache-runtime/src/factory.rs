//! Caches for common purposes, with their connection tried.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::cache::Cache;
use crate::config::{CacheConfig, CacheConfigBuilder};
use crate::error::CacheError;
use crate::store::Store;

/// Where tests find a Redis, if they are not told.
const TEST_REDIS_URL: &str = "redis://localhost:6379/15";

const TESTING: &str = "testing";

/// What is kept of a cache's lifetimes where it has to do without its store.
const WHILE_AWAY: u32 = 4;

/// Builds caches for a purpose that the application names; nothing is guessed.
///
/// Each method starts from the defaults of its purpose. Settings of the application's own go
/// through the builder of the same name (`web_app`, `ai_app`) and [`from_config`](Self::from_config).
#[derive(Debug)]
#[non_exhaustive]
pub struct CacheFactory;

impl CacheFactory {
    /// The defaults of web applications: lifetime 30 min, 200 entries in memory, compression
    /// above 2000 bytes at level 6.
    pub fn web_app() -> CacheConfigBuilder {
        CacheConfig::builder()
            .default_ttl(Duration::from_secs(1800))
            .l1_cache_size(200)
            .compression_threshold(2000)
    }

    /// The defaults of applications that call language models: lifetime 1 h and those of
    /// [`CacheConfigBuilder::ai`], 100 entries in memory, compression above 1000 bytes at level 6,
    /// texts of more than 500 characters hashed.
    pub fn ai_app() -> CacheConfigBuilder {
        CacheConfig::builder().text_hash_threshold(500)
    }

    /// A cache of the kind `web` over this Redis, with the defaults of web applications.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for a URL that cannot be used. A Redis that does not answer
    /// is no error: the cache works in memory and finds it when it comes.
    pub async fn for_web_app(redis_url: &str) -> Result<Cache, CacheError> {
        let config = Self::web_app().redis_url(redis_url).build()?;
        make("for_web_app", "web", &config).await
    }

    /// A cache of the kind `ai` over this Redis, with the defaults of applications that call
    /// language models.
    ///
    /// # Errors
    /// As [`for_web_app`](Self::for_web_app).
    pub async fn for_ai_app(redis_url: &str) -> Result<Cache, CacheError> {
        let config = Self::ai_app().redis_url(redis_url).build()?;
        make("for_ai_app", "ai", &config).await
    }

    /// A cache of the kind `testing`, in memory: lifetime 60 s, 50 entries.
    ///
    /// # Errors
    /// None so far.
    pub async fn for_testing() -> Result<Cache, CacheError> {
        let config = CacheConfig::builder()
            .default_ttl(Duration::from_secs(60))
            .l1_cache_size(50)
            .build()?;
        make("for_testing", TESTING, &config).await
    }

    /// A cache of the kind `testing` in this Redis, without a memory tier: lifetime 60 s,
    /// compression above 1000 bytes at level 1. Tests use a database that nothing else uses: see
    /// [`test_redis_url`](Self::test_redis_url).
    ///
    /// # Errors
    /// As [`for_web_app`](Self::for_web_app).
    pub async fn for_testing_with_redis(redis_url: &str) -> Result<Cache, CacheError> {
        let config = CacheConfig::builder()
            .default_ttl(Duration::from_secs(60))
            .compression_level(1)
            .enable_l1_cache(false)
            .redis_url(redis_url)
            .build()?;
        make("for_testing_with_redis", TESTING, &config).await
    }

    /// The Redis that tests use: what the variable `TEST_REDIS_URL` says, else
    /// `redis://localhost:6379/15`.
    #[must_use]
    pub fn test_redis_url() -> String {
        let said = std::env::var("TEST_REDIS_URL").ok();
        let said = said.filter(|url| !url.trim().is_empty());
        said.unwrap_or_else(|| TEST_REDIS_URL.to_owned())
    }

    /// A cache of the kind `ai` where the settings have some for language models, else of the kind
    /// `web`.
    ///
    /// # Errors
    /// As [`for_kind`](Self::for_kind).
    pub async fn from_config(config: &CacheConfig) -> Result<Cache, CacheError> {
        make("from_config", kind_of(config), config).await
    }

    /// The same for a value that looks like a file with settings: a map, for example. Here
    /// `operation_ttls` make it a cache of the kind `ai` too, as they did in the Python system.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use std::collections::BTreeMap;
    /// use larder::CacheFactory;
    ///
    /// let settings = BTreeMap::from([("default_ttl", 600), ("text_hash_threshold", 200)]);
    /// let cache = CacheFactory::from_value(&settings).await?;
    /// assert_eq!(cache.name(), "ai");
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`CacheConfig::from_value`] and [`for_kind`](Self::for_kind).
    pub async fn from_value<T: Serialize>(settings: &T) -> Result<Cache, CacheError> {
        let mut config = CacheConfig::from_value(settings)?;
        if config.ai.is_none() && !config.operation_ttls.is_empty() {
            config = CacheConfigBuilder::from(config).ai().build()?;
        }
        make("from_value", kind_of(&config), &config).await
    }

    /// A cache as [`from_config`](Self::from_config) makes it, whatever
    /// [`fail_on_connection_error`](CacheConfigBuilder::fail_on_connection_error) says. Where the store
    /// cannot be reached now, it is the same cache, which finds its store when that comes; until then
    /// what is in memory is served for a quarter of the lifetime, unless `memory_ttl_while_away` says
    /// something else.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for settings that cannot be used.
    pub async fn create_with_fallback(config: &CacheConfig) -> Result<Cache, CacheError> {
        let kind = kind_of(config);
        let mut config = config.for_kind(kind);
        config.fail_on_connection_error = false;
        let while_away = Duration::from_secs(1).max(config.default_ttl / WHILE_AWAY);
        config.memory_ttl_while_away.get_or_insert(while_away);
        make("create_with_fallback", kind, &config).await
    }

    /// A cache of this kind with these settings. Waits for the first answer of a configured Redis as
    /// long as [`Cache::connect`] does.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for settings that cannot be used;
    /// [`CacheError::Infrastructure`] where the store cannot be reached and
    /// `fail_on_connection_error` is set.
    pub async fn for_kind(kind: &str, config: &CacheConfig) -> Result<Cache, CacheError> {
        make("for_kind", kind, config).await
    }
}

/// The kind that a configuration is for.
fn kind_of(config: &CacheConfig) -> &'static str {
    if config.ai.is_some() { "ai" } else { "web" }
}

/// Does what `method` of the factory is there for.
async fn make(method: &str, kind: &str, config: &CacheConfig) -> Result<Cache, CacheError> {
    let config = config.for_kind(kind);
    let cache = Cache::builder(kind, &config).build()?;
    match cache.try_connect().await {
        Ok(()) => Ok(cache),
        Err(error) if config.fail_on_connection_error => Err(config.unreachable(&error)),
        Err(error) => {
            tracing::warn!(
                method,
                kind,
                %error,
                "the factory made a cache whose store is away: it works without it, and finds it when \
                 it comes"
            );
            Ok(cache)
        }
    }
}

/// The caches of all kinds of a configuration; those with the same Redis share its connections.
pub(crate) fn caches(config: &CacheConfig) -> Result<Vec<Cache>, CacheError> {
    let clashes = config.clashes();
    if !clashes.is_empty() {
        return Err(CacheError::Configuration {
            problems: clashes,
            warnings: Vec::new(),
        });
    }
    let mut stores: Vec<(CacheConfig, Arc<dyn Store>)> = Vec::new();
    let mut caches = Vec::new();
    let named = config.kinds.keys().map(String::as_str);
    let others = named.filter(|kind| !["web", "ai"].contains(kind));
    for kind in ["web", "ai"].into_iter().chain(others) {
        let mut of_kind = config.for_kind(kind);
        if kind == "web" {
            of_kind = of_kind.without_ai();
        }
        let known = stores.iter().find(|(other, _)| of_kind.has_store_of(other));
        let store = match known {
            Some((_, store)) => Some(store.clone()),
            None => of_kind.open_store()?,
        };
        let builder = Cache::builder(kind, &of_kind);
        caches.push(
            match store {
                Some(store) => {
                    stores.push((of_kind, store.clone()));
                    builder.store(store)
                }
                None => builder,
            }
            .build()?,
        );
    }
    Ok(caches)
}
