//! All kinds of the process.

use futures_util::future::join_all;

use super::{Health, HealthStatus, KindHealth};
use crate::cache::Cache;
use crate::registry;

/// Looks at all kinds that are [registered](crate::register) at this moment, side by side, as
/// [`Cache::health`](crate::Cache::health) does. It takes as long as the time budget of a look-up
/// (50 ms by default), and writes nothing.
///
/// It is what the readiness probe of an orchestrator asks: a process is not to be sent requests while
/// the status is [`Unhealthy`](HealthStatus::Unhealthy). A store that is away makes it degraded and no
/// more, because functions go on without it; unless a kind can keep nothing without the store, or was
/// configured with [`fail_on_connection_error`](crate::CacheConfigBuilder::fail_on_connection_error).
///
/// Each kind has the name that it was registered by. Nothing is initialised by this: before [`init`](crate::init) or the first cached call there may be
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
    let caches: Vec<(String, Cache)> = registry::kinds()
        .into_iter()
        .filter_map(|kind| registry::cache(&kind).map(|cache| (kind, cache)))
        .collect();
    let mut workers = caches.iter().map(|(_, cache)| cache.kind().worker.clone());
    let worker = workers.find_map(|worker| worker);
    let kinds = caches.into_iter().map(async |(kind, cache)| KindHealth {
        kind,
        ..cache.health().await
    });
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
