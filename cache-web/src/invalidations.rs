//! `GET /cache/invalidation-stats` and `GET /cache/invalidation-recommendations`: what was invalidated in the
//! last hour, and what that says about lifetimes and patterns.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use cache_runtime::Cache;
use cache_runtime::insight::{Advice, Recommendation};
use serde::Serialize;

use crate::figures::of_each;
use crate::problem::Problem;

#[derive(Serialize)]
struct Report<T> {
    kinds: BTreeMap<String, T>,
}

pub(crate) async fn statistics() -> Result<Response, Problem> {
    report(Cache::invalidation_statistics).await
}

pub(crate) async fn recommendations() -> Result<Response, Problem> {
    report(|cache| {
        let mut found = cache.recommendations();
        found.retain(is_about_invalidation);
        found
    })
    .await
}

async fn report<T: Serialize + Send + 'static>(
    figures: impl Fn(&Cache) -> T + Send + 'static,
) -> Result<Response, Problem> {
    let kinds = of_each(figures).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(Report { kinds })).into_response())
}

fn is_about_invalidation(recommendation: &Recommendation) -> bool {
    matches!(
        recommendation.advice,
        Advice::FrequentInvalidation
            | Advice::DominantInvalidation
            | Advice::VainInvalidation
            | Advice::BroadInvalidation
    )
}
