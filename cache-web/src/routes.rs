//! The routes for operators, as a router that the application mounts.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::guard::{Guard, check};
use crate::health::{live, ready, ready_in_a_word};
use crate::invalidate::invalidate;
use crate::invalidations::{recommendations, statistics};
use crate::metrics::metrics;
use crate::status::{open_status, status};

/// The longest body that invalidation takes, in bytes: four times the longest key.
const LONGEST_BODY: usize = 64 * 1024;

/// Routes for operators, made into a router that the application mounts where it likes.
///
/// | route | answers |
/// |---|---|
/// | `GET /health/live` | 200, as long as the process answers; for liveness probes |
/// | `GET /health/ready` | 503 while the status is `unhealthy`, else 200; JSON, as [`Health`](cache_runtime::Health) has it, without the reasons. A store that is away is `degraded`: functions go on without it |
/// | `GET /cache/status` | JSON: the same, what each kind has counted and saved, how full it is, how its store stands; the reasons too where [`guard_reports`](Self::guard_reports) keeps it for operators |
/// | `GET /cache/metrics`, `GET /metrics/cache` | the same for Prometheus, in its text format 0.0.4 |
/// | `GET /cache/invalidation-stats` | JSON: what was invalidated in the last hour, by kind, as [`invalidation_statistics`](cache_runtime::Cache::invalidation_statistics) has it: names of operations and shapes of patterns, nothing else |
/// | `GET /cache/invalidation-recommendations` | JSON: of the [recommendations](cache_runtime::Cache::recommendations) of each kind those that come of invalidations |
/// | `POST /cache/invalidate` | forgets what is named; only where there is a [`Guard`] |
///
/// None of them shows a key, an argument, a tenant or a value. A reason may name addresses, files and
/// users of the store; it is shown to nobody who has not passed a guard. Errors are
/// [problems](crate::Problem).
///
/// ```
/// # mod larder { pub use cache_runtime::CacheError; pub use cache_web as axum; }
/// use axum::Router;
/// use larder::axum::{Guard, Routes};
///
/// # fn example(token: String) -> Result<Router, larder::CacheError> {
/// let routes = Routes::new().guard(Guard::bearer(token)?);
/// let application: Router = Router::new().nest("/internal", routes.into_router());
/// # Ok(application)
/// # }
/// ```
///
/// # Metrics
///
/// What [`publish_metrics`](cache_runtime::publish_metrics) publishes, and nothing that the application measures
/// besides; among it:
///
/// | metric | labels | |
/// |---|---|---|
/// | `cache_hit_ratio` | `kind` | hits as a part of hits and misses since the start, 0 to 1 |
/// | `cache_operations_total` | `kind`, `outcome` | calls and look-ups by [how they ended](cache_runtime::Ending) |
/// | `cache_calls_total` | `kind`, `operation`, `outcome` | the same by operation |
/// | `cache_memory_usage_bytes` | `kind` | what [`CacheStats::memory_usage_bytes`](cache_runtime::CacheStats::memory_usage_bytes) counts |
/// | `cache_memory_entries`, `cache_memory_evictions_total` | `kind` | entries in memory, and those that had to go |
/// | `cache_store_failures_total` | `kind` | store operations that failed; of kinds with a store |
/// | `cache_unknown_kind_calls_total` | | calls whose kind nobody registered |
///
/// `docs/observability.md` has all of them. `kind` is the name that a cache was registered by; one that stands
/// behind several is counted under each of them.
///
/// Status, metrics and recommendations walk over all entries in memory, for one request at a time; others wait.
///
/// # Invalidation
///
/// The body is JSON of at most 64 KiB: a `kind`, and exactly one of
///
/// | | forgets | as |
/// |---|---|---|
/// | `"operation": "summarize"` | all results of an operation, of all tenants | [`remove_operation`](cache_runtime::Cache::remove_operation) |
/// | `"tag": "user:7"` | all results with a tag, of the `tenant` beside it | [`remove_tag`](cache_runtime::Cache::remove_tag) |
/// | `"tenant": "acme"` | everything of a tenant | [`remove_tenant`](cache_runtime::Cache::remove_tenant) |
/// | `"pattern": "user:*"` | keys that the application chose, of the `tenant` beside it | [`remove_matching`](cache_runtime::Cache::remove_matching) |
/// | `"all": true` | everything of the kind | [`clear`](cache_runtime::Cache::clear) |
///
/// With `"expire": true` what is forgotten may still stand in for a failure; for a pattern, that
/// makes no difference. The answer has `"reach": "everywhere"` or `"queued"`, as
/// [`Reach`](cache_runtime::Reach) says it, and for a pattern the number of keys, as `"removed": 3`.
///
/// ```sh
/// curl --json '{"kind": "ai", "operation": "summarize"}' -H "Authorization: Bearer $TOKEN" \
///     http://127.0.0.1:3000/internal/cache/invalidate
/// ```
///
/// | answered with | where |
/// |---|---|
/// | 400 | the body is no JSON |
/// | 401, 403 | the [`Guard`] does not let the request pass |
/// | 404 | nobody registered the kind |
/// | 413 | the body is too long |
/// | 415 | the body is not said to be `application/json` |
/// | 422 | the body names nothing, several things, or something unknown |
///
/// A tag or a pattern without a `tenant` is about calls without one; below a
/// [`TenantLayer`](crate::TenantLayer), about those of the tenant of the request.
#[derive(Clone, Debug, Default)]
#[must_use = "`into_router` makes them into a router"]
pub struct Routes {
    guard: Option<Guard>,
    guards_reports: bool,
}

impl Routes {
    /// The routes that everybody may use who reaches them; none of them says why something is not as it
    /// should be.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds invalidation, for those whom the guard lets pass. It takes the place of a guard that was
    /// there before; what that one has guarded stays guarded.
    pub fn guard(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Adds invalidation, and lets nobody see status, metrics and what was invalidated but those whom the
    /// guard lets pass. There the status has reasons. Health stays open for probes, and says the status in a word.
    pub fn guard_reports(self, guard: Guard) -> Self {
        Self {
            guards_reports: true,
            ..self.guard(guard)
        }
    }

    /// A router with these routes, for an application with any state.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let mut router = Router::new().route("/health/live", get(live));
        let mut reports = Router::new()
            .route("/cache/metrics", get(metrics))
            .route("/metrics/cache", get(metrics))
            .route("/cache/invalidation-stats", get(statistics))
            .route("/cache/invalidation-recommendations", get(recommendations));
        let mut readiness = get(ready);
        let mut stands = get(open_status);
        if let Some(guard) = self.guard {
            let guarded = from_fn_with_state(guard, check);
            if self.guards_reports {
                readiness = get(ready_in_a_word);
                stands = get(status).route_layer(guarded.clone());
                reports = reports.route_layer(guarded.clone());
            }
            let invalidation = post(invalidate)
                .layer(DefaultBodyLimit::max(LONGEST_BODY))
                .route_layer(guarded);
            router = router.route("/cache/invalidate", invalidation);
        }
        router
            .route("/health/ready", readiness)
            .route("/cache/status", stands)
            .merge(reports)
    }
}
