//! What is said of a Redis URL where Redis is no part of the build.

use std::sync::Arc;

use secrecy::SecretString;

use super::CacheConfig;
use crate::store::Store;

pub(super) fn check(config: &CacheConfig, url: &SecretString) -> Result<(), String> {
    open(config, url).map(drop)
}

pub(super) fn shown_url(_config: &CacheConfig) -> String {
    "(not shown)".to_owned()
}

pub(super) fn url_without_user(_config: &CacheConfig) -> Option<String> {
    None
}

pub(super) fn warnings(_config: &CacheConfig) -> Vec<String> {
    Vec::new()
}

pub(super) fn open(_config: &CacheConfig, _url: &SecretString) -> Result<Arc<dyn Store>, String> {
    Err(
        "redis_url is set, and this program was built without the feature `redis`; enable the \
         feature or remove the URL"
            .to_owned(),
    )
}
