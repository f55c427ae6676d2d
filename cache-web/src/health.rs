//! `GET /health/live` and `GET /health/ready`: the probes of orchestrators and load balancers.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use cache_runtime::HealthStatus;
use serde::Serialize;

pub(crate) async fn live() -> Response {
    Brief::of(cache_runtime::liveness())
}

/// Everything that is known of each kind.
pub(crate) async fn ready() -> Response {
    let health = cache_runtime::readiness().await;
    answer(health.status, &health)
}

/// For everybody who may not see more.
pub(crate) async fn ready_in_a_word() -> Response {
    Brief::of(cache_runtime::readiness().await.status)
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
