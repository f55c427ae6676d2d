//! What the registered kinds have counted.

use axum::http::StatusCode;
use cache_runtime::{Cache, CacheStats};

use crate::problem::Problem;

/// The kinds, sorted, each with what it has counted.
///
/// # Errors
/// 503 where the runtime is about to end.
pub(crate) async fn gather() -> Result<Vec<(String, CacheStats)>, Problem> {
    let kinds = cache_runtime::kinds();
    let caches: Vec<Cache> = kinds
        .iter()
        .filter_map(|kind| cache_runtime::cache(kind))
        .collect();
    // It walks over all entries in memory, and there may be millions.
    let count = move || {
        caches
            .iter()
            .map(|cache| (cache.name().to_owned(), cache.stats()))
            .collect()
    };
    tokio::task::spawn_blocking(count).await.map_err(|_ending| {
        let detail = "the application is about to end";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })
}

/// How calls and look-ups have ended, each of them once.
pub(crate) fn outcomes(stats: &CacheStats) -> [(&'static str, u64); 12] {
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
    ]
}
