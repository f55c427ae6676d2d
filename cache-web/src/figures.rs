//! What the registered kinds have counted.

use axum::http::StatusCode;
use cache_runtime::{Cache, CacheStats};
use tokio::sync::Mutex;

use crate::problem::Problem;

/// Held by whoever counts. A client that has left does not end that, so one that asks again and again
/// would occupy every thread there is for such work.
static COUNTING: Mutex<()> = Mutex::const_new(());

/// The kinds as they are registered, sorted, each with what its cache has counted. One count goes on at
/// a time in a process; others wait for it.
///
/// # Errors
/// 503 where the runtime is about to end; 500 where a store panics that is asked for its connections.
pub(crate) async fn gather() -> Result<Vec<(String, CacheStats)>, Problem> {
    let turn = COUNTING.lock().await;
    let caches: Vec<(String, Cache)> = cache_runtime::kinds()
        .into_iter()
        .filter_map(|kind| cache_runtime::cache(&kind).map(|cache| (kind, cache)))
        .collect();
    // It walks over all entries in memory, and there may be millions.
    let count = move || {
        let _turn = turn;
        caches
            .into_iter()
            .map(|(kind, cache)| (kind, cache.stats()))
            .collect()
    };
    tokio::task::spawn_blocking(count).await.map_err(|error| {
        if error.is_panic() {
            tracing::error!("a look at the figures of the caches has panicked");
            let detail = "the figures cannot be told: a store has panicked";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        } else {
            let detail = "the application is about to end";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    })
}

/// How calls and look-ups have ended, each of them once.
pub(crate) fn outcomes(stats: &CacheStats) -> [(&'static str, u64); 13] {
    let others = stats.computed
        + stats.not_kept
        + stats.no_key
        + stats.text_too_long
        + stats.no_tenant
        + stats.timed_out;
    [
        ("memory_hit", stats.memory_hits),
        ("store_hit", stats.store_hits),
        ("joined", stats.joined),
        ("stale", stats.stale),
        ("computed", stats.computed),
        ("not_kept", stats.not_kept),
        ("missed", stats.misses.saturating_sub(others)),
        ("no_key", stats.no_key),
        ("text_too_long", stats.text_too_long),
        ("no_tenant", stats.no_tenant),
        ("timed_out", stats.timed_out),
        ("bypassed", stats.bypassed),
        ("switched_off", stats.switched_off),
    ]
}
