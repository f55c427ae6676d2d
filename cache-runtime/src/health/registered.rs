//! All kinds of the process.

use futures_util::future::join_all;

use super::{Health, HealthStatus};
use crate::cache::Cache;
use crate::registry;

/// Looks at all kinds that are [registered](crate::register) at this moment, side by side, as
/// [`Cache::health`](crate::Cache::health) does. It takes as long as the time budget of a look-up
/// (50 ms by default), and writes nothing.
///
/// Nothing is initialised by this: before [`init`](crate::init) or the first cached call there may be
/// no kind, and then there is nothing wrong.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use larder::{Cache, CacheConfig, HealthStatus};
///
/// let config = CacheConfig::builder().build()?;
/// larder::register(Cache::builder("geo", &config).build()?);
///
/// let health = larder::health().await;
/// assert_eq!(health.status, HealthStatus::Healthy, "{health}");
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
pub async fn health() -> Health {
    let caches: Vec<_> = registry::kinds()
        .iter()
        .filter_map(|kind| registry::cache(kind))
        .collect();
    let worker = caches.iter().find_map(|cache| cache.kind().worker.clone());
    let kinds = caches.iter().map(Cache::health);
    Health::of(worker, join_all(kinds).await)
}

/// Whether this process is to be restarted, for the liveness probe of an orchestrator. Asks nobody and
/// costs nothing.
///
/// It is always healthy: whoever gets this answer has a process that runs, and a restart brings back
/// no store. What would be wrong with the process itself (no thread to answer on, no memory) shows in
/// the answer that does not come.
#[must_use]
pub fn liveness() -> HealthStatus {
    HealthStatus::Healthy
}

/// Whether this process is to be sent requests, for the readiness probe of an orchestrator: not while
/// the status is [`Unhealthy`](HealthStatus::Unhealthy). It is what [`health`] says.
///
/// A store that is away makes it degraded and no more, because functions go on without it; unless a
/// kind can keep nothing without the store, or was configured with
/// [`fail_on_connection_error`](crate::CacheConfigBuilder::fail_on_connection_error).
pub async fn readiness() -> Health {
    health().await
}
