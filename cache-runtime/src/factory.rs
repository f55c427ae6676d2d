//! Caches for common purposes, with their connection tried.

use std::time::Duration;

use crate::cache::Cache;
use crate::config::{CacheConfig, CacheConfigBuilder};
use crate::error::CacheError;

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
        Self::from_config(&Self::web_app().redis_url(redis_url).build()?).await
    }

    /// A cache of the kind `ai` over this Redis, with the defaults of applications that call
    /// language models.
    ///
    /// # Errors
    /// As [`for_web_app`](Self::for_web_app).
    pub async fn for_ai_app(redis_url: &str) -> Result<Cache, CacheError> {
        Self::from_config(&Self::ai_app().redis_url(redis_url).build()?).await
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
        Self::for_kind("testing", &config).await
    }

    /// A cache of the kind `testing` in this Redis, without a memory tier: lifetime 60 s,
    /// compression at level 1. Tests use a database that nothing else uses, 15 by convention.
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
        Self::for_kind("testing", &config).await
    }

    /// A cache of the kind `ai` where the settings have some for language models, else of the kind
    /// `web`.
    ///
    /// # Errors
    /// As [`for_kind`](Self::for_kind).
    pub async fn from_config(config: &CacheConfig) -> Result<Cache, CacheError> {
        let kind = if config.ai.is_some() { "ai" } else { "web" };
        Self::for_kind(kind, config).await
    }

    /// A cache of this kind with these settings. Waits for at most a second for the first answer
    /// of a configured Redis.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for settings that cannot be used;
    /// [`CacheError::Infrastructure`] where the store cannot be reached and
    /// `fail_on_connection_error` is set.
    pub async fn for_kind(kind: &str, config: &CacheConfig) -> Result<Cache, CacheError> {
        let cache = Cache::builder(kind, config).build()?;
        match cache.try_connect().await {
            Err(error) if config.fail_on_connection_error => Err(config.unreachable(&error)),
            _ => Ok(cache),
        }
    }
}
