//! Caches for those who need one whatever happens.

use std::time::Duration;

use super::{Registry, in_force};
use crate::cache::Cache;

/// Name of the kind, which is not registered.
const FALLBACK: &str = "fallback";

/// Lifetime of its values.
const TTL: Duration = Duration::from_secs(1800);

/// Room for entries.
const ENTRIES: usize = 100;

impl Registry {
    fn fallback(&self) -> Cache {
        let fallback = || Cache::without_store(FALLBACK, TTL, ENTRIES);
        self.fallback.get_or_init(fallback).clone()
    }
}

/// A cache in memory, for those who need one whatever happens: lifetime 30 min, 100 entries.
///
/// It is the same one each time, so what was kept by one caller is found by the next, and bears the
/// name `fallback`. It is not registered: no annotated function finds it, [`close`](super::close)
/// leaves it as it is, and [`cache`](super::cache) does not know it, unless somebody registers it.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sessions = larder::cache("sessions").unwrap_or_else(larder::fallback);
/// sessions.set("session:1", 7).await;
/// assert_eq!(larder::fallback().get::<i32>("session:1").await, Some(7));
/// # });
/// ```
#[must_use]
pub fn fallback() -> Cache {
    in_force().fallback()
}

/// The cache that these switches of an application ask for: with `fallback_only` the [`fallback`],
/// else with `enable_ai` the one behind the kind `ai`, else that of `web`; the [`fallback`] where
/// nobody has registered that kind.
///
/// Like the first cached call, the first use makes `web` and `ai` from the environment.
///
/// ```
/// # use cache_runtime as larder;
/// let cache = larder::conditional(true, false);
/// assert_eq!(cache.name(), "ai");
/// assert_eq!(larder::conditional(true, true).name(), "fallback");
/// ```
#[must_use]
pub fn conditional(enable_ai: bool, fallback_only: bool) -> Cache {
    let registry = in_force();
    if fallback_only {
        return registry.fallback();
    }
    registry.first_use();
    let kind = if enable_ai { "ai" } else { "web" };
    registry.get(kind).unwrap_or_else(|| registry.fallback())
}
