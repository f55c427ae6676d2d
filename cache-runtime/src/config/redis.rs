//! What there is to know about a Redis URL, where Redis is a part of the build.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::CacheConfig;
use crate::store::Store;
use crate::store::redis::{Address, Pace, RedisStore};

/// What is wrong with the URL.
pub(super) fn check(config: &CacheConfig, url: &SecretString) -> Result<(), String> {
    address(config, url).map(drop)
}

/// The URL of a configuration without user and password.
pub(super) fn shown_url(config: &CacheConfig) -> String {
    let url = config.redis_url.as_ref();
    url.map_or_else(String::new, |url| {
        address(config, url).map_or_else(|error| error, |it| it.to_string())
    })
}

/// The URL of a configuration as it was written, but for users and passwords.
pub(super) fn url_without_user(config: &CacheConfig) -> Option<String> {
    let mut url = Url::parse(config.redis_url.as_ref()?.expose_secret()).ok()?;
    // Nothing to take away where there is no host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let parameters: Vec<_> = url
        .query_pairs()
        .filter(|(name, _)| !name.starts_with("sentinel_"))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if parameters.is_empty() {
        url.set_query(None);
    } else {
        url.query_pairs_mut().clear().extend_pairs(parameters);
    }
    Some(url.into())
}

/// What is worth a word about the way to Redis, before there is one.
pub(super) fn warnings(config: &CacheConfig) -> Vec<String> {
    let Some(Ok(address)) = config.redis_url.as_ref().map(|url| address(config, url)) else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    if address.shows_password {
        warnings.push(
            "a password travels without TLS: whoever is on the way can read it; use rediss://"
                .to_owned(),
        );
    }
    let has_password = |url: &SecretString| {
        let url = Url::parse(url.expose_secret()).ok();
        url.is_some_and(|url| url.password().is_some())
    };
    let security = &config.security;
    let comes_before = security.redis_auth.is_some() || security.acl_password.is_some();
    if comes_before && config.redis_url.as_ref().is_some_and(has_password) {
        warnings.push(
            "the password in redis_url is not used: redis_auth or acl_password comes before it; \
             leave one of them out"
                .to_owned(),
        );
    }
    // In production these are errors.
    if !config.is_production() {
        warnings.extend(security.warnings());
    }
    warnings
}

pub(super) fn open(config: &CacheConfig, url: &SecretString) -> Result<Arc<dyn Store>, String> {
    let address = address(config, url)?;
    let redis = address.to_string();
    if !address.without_meaning.is_empty() {
        let parameters = address.without_meaning.join(", ");
        tracing::info!(
            redis,
            parameters,
            "these parameters of redis_url mean nothing here: connections are not pooled"
        );
    }
    for warning in warnings(config) {
        tracing::warn!(redis, "{warning}");
    }
    Ok(Arc::new(RedisStore::new(address, config.pace())))
}

impl CacheConfig {
    pub(super) fn pace(&self) -> Pace {
        Pace {
            budget: self.store_budget,
            open_for: self.open_for,
            attempt: self.connection_timeout,
        }
    }
}

fn address(config: &CacheConfig, url: &SecretString) -> Result<Address, String> {
    let address = Address::parse(url, &config.security)?;
    Ok(address.limited_to(config.max_connections))
}
