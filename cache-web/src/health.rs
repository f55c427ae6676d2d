//! `GET /health/live` and `GET /health/ready`: the probes of orchestrators and load balancers.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use cache_runtime::{Health, HealthStatus, KindHealth, PartHealth};
use serde::Serialize;

pub(crate) async fn live() -> Response {
    Brief::of(cache_runtime::liveness())
}

/// How each part of each kind stands.
pub(crate) async fn ready() -> Response {
    let health = cache_runtime::health().await;
    answer(health.status, &InShort::from(&health))
}

/// For everybody who may not see more.
pub(crate) async fn ready_in_a_word() -> Response {
    Brief::of(cache_runtime::health().await.status)
}

/// How everything stands, and not why: a reason may name addresses, files and users, which is nothing
/// for whoever asks.
#[derive(Serialize)]
pub(crate) struct InShort<'a> {
    status: HealthStatus,
    process: u32,
    worker: Option<&'a str>,
    kinds: Vec<KindInShort<'a>>,
}

#[derive(Serialize)]
struct KindInShort<'a> {
    kind: &'a str,
    status: HealthStatus,
    parts: Vec<PartInShort>,
}

#[derive(Serialize)]
struct PartInShort {
    part: &'static str,
    status: HealthStatus,
}

impl<'a> From<&'a Health> for InShort<'a> {
    fn from(health: &'a Health) -> Self {
        Self {
            status: health.status,
            process: health.process,
            worker: health.worker.as_deref(),
            kinds: health.kinds.iter().map(KindInShort::from).collect(),
        }
    }
}

impl<'a> From<&'a KindHealth> for KindInShort<'a> {
    fn from(kind: &'a KindHealth) -> Self {
        Self {
            kind: &kind.kind,
            status: kind.status,
            parts: kind.parts.iter().map(PartInShort::from).collect(),
        }
    }
}

impl From<&PartHealth> for PartInShort {
    fn from(part: &PartHealth) -> Self {
        Self {
            part: part.part,
            status: part.status,
        }
    }
}

#[derive(Serialize)]
struct Brief {
    status: HealthStatus,
}

impl Brief {
    fn of(status: HealthStatus) -> Response {
        answer(status, &Self { status })
    }
}

fn answer(status: HealthStatus, body: &impl Serialize) -> Response {
    let code = match status {
        HealthStatus::Healthy | HealthStatus::Degraded => StatusCode::OK,
        HealthStatus::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
