//! What the registered kinds have counted.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use cache_runtime::Cache;
use tokio::sync::Mutex;

use crate::problem::Problem;

/// Held by whoever counts. A client that has left does not end that, so one that asks again and again
/// would occupy every thread there is for such work.
static COUNTING: Mutex<()> = Mutex::const_new(());

/// What comes of a count, on a thread for work that takes long: it walks over all entries in memory, and
/// there may be millions. One count goes on at a time in a process; others wait for it.
///
/// # Errors
/// 503 where the runtime is about to end; 500 where a store panics that is asked for its connections.
pub(crate) async fn count<T: Send + 'static>(
    figures: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = COUNTING.lock().await;
    let count = move || {
        let _turn = turn;
        figures()
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

/// What is found of each kind that is registered, by its name.
///
/// # Errors
/// As those of a [`count`].
pub(crate) async fn of_each<T: Send + 'static>(
    figures: impl Fn(&Cache) -> T + Send + 'static,
) -> Result<BTreeMap<String, T>, Problem> {
    let caches: Vec<(String, Cache)> = cache_runtime::kinds()
        .into_iter()
        .filter_map(|kind| cache_runtime::cache(&kind).map(|cache| (kind, cache)))
        .collect();
    count(move || {
        let caches = caches.into_iter();
        caches
            .map(|(kind, cache)| (kind, figures(&cache)))
            .collect()
    })
    .await
}
