//! `GET /cache/status`: how each kind stands, for operators.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use cache_runtime::{Breaker, Cache, CacheStats, Charges, Ending, Savings};
use serde::Serialize;

use crate::figures::of_each;
use crate::health::InShort;
use crate::problem::Problem;

/// With the reasons, for operators alone.
pub(crate) async fn status() -> Result<Response, Problem> {
    let kinds = of_each(KindStatus::of).await?;
    Ok(answer(cache_runtime::health().await, kinds))
}

/// For everybody.
pub(crate) async fn open_status() -> Result<Response, Problem> {
    let kinds = of_each(KindStatus::of).await?;
    let health = cache_runtime::health().await;
    Ok(answer(InShort::from(&health), kinds))
}

fn answer<H: Serialize>(health: H, kinds: BTreeMap<String, KindStatus>) -> Response {
    let status = Status {
        health,
        kinds,
        unknown_kind_calls: cache_runtime::unknown_kind_calls(),
    };
    ([(CACHE_CONTROL, "no-store")], Json(status)).into_response()
}

#[derive(Serialize)]
struct Status<H> {
    health: H,
    kinds: BTreeMap<String, KindStatus>,
    unknown_kind_calls: u64,
}

#[derive(Serialize)]
struct KindStatus {
    backend: &'static str,
    hits: u64,
    misses: u64,
    hit_ratio: Option<f64>,
    /// Under the names that the metrics have.
    outcomes: BTreeMap<&'static str, u64>,
    savings: Saved,
    failed_listeners: u64,
    dropped_events: u64,
    memory: Memory,
    /// Absent for a kind without a store.
    store: Option<Store>,
    default_ttl_seconds: u64,
}

#[derive(Serialize)]
struct Saved {
    calls: u64,
    time_seconds: Option<f64>,
    billed: Price,
    replayed: Price,
}

#[derive(Serialize)]
struct Price {
    calls: u64,
    tokens: u64,
    cost: f64,
}

#[derive(Serialize)]
struct Memory {
    entries: usize,
    expired_entries: usize,
    max_entries: usize,
    usage_bytes: usize,
    max_bytes: Option<u64>,
    evictions: u64,
    expirations: u64,
    too_large_values: u64,
}

#[derive(Serialize)]
struct Store {
    breaker: &'static str,
    operations_under_way: u64,
    available_operations: Option<u64>,
    created_connections: u64,
    failures: u64,
    timeouts: u64,
    refused_entries: u64,
    unserializable_values: u64,
    oversized_values: u64,
    dropped_writes: u64,
    refused_writes: u64,
    heard_invalidations: u64,
}

impl KindStatus {
    fn of(cache: &Cache) -> Self {
        let stats = &cache.stats();
        let statistics = cache.statistics_since_start();
        // All of one moment, so that the outcomes add up to what is made of them.
        let counts = &statistics.counts;
        let outcomes = Ending::ALL.map(|ending| (ending.name(), counts.of(ending)));
        Self {
            backend: stats.backend_type,
            hits: counts.hits(),
            misses: counts.misses(),
            hit_ratio: counts.hit_ratio(),
            outcomes: outcomes.into(),
            savings: Saved::of(&statistics.savings),
            failed_listeners: stats.failed_listeners,
            dropped_events: stats.dropped_events,
            memory: Memory {
                entries: stats.total_entries,
                expired_entries: stats.expired_entries,
                max_entries: stats.max_size,
                usage_bytes: stats.memory_usage_bytes,
                max_bytes: stats.max_bytes,
                evictions: stats.evictions,
                expirations: stats.expirations,
                too_large_values: stats.too_large_for_memory,
            },
            store: (stats.backend_type != "memory").then(|| Store::of(stats)),
            default_ttl_seconds: stats.default_ttl.as_secs(),
        }
    }
}

impl Saved {
    fn of(savings: &Savings) -> Self {
        let price = |charges: &Charges| Price {
            calls: charges.calls,
            tokens: charges.tokens,
            cost: charges.cost(),
        };
        Self {
            calls: savings.calls,
            time_seconds: savings.time.map(|time| time.as_secs_f64()),
            billed: price(&savings.billed),
            replayed: price(&savings.replayed),
        }
    }
}

impl Store {
    fn of(stats: &CacheStats) -> Self {
        Self {
            breaker: match stats.connections.breaker {
                Breaker::Closed => "closed",
                Breaker::HalfOpen => "half_open",
                Breaker::Open => "open",
            },
            operations_under_way: stats.connections.in_use,
            available_operations: stats.connections.available,
            created_connections: stats.connections.created_connections,
            failures: stats.store_failures,
            timeouts: stats.store_timeouts,
            refused_entries: stats.refused.total(),
            unserializable_values: stats.unserializable_values,
            oversized_values: stats.oversized_values,
            dropped_writes: stats.dropped_writes,
            refused_writes: stats.refused_writes,
            heard_invalidations: stats.heard_invalidations,
        }
    }
}
