//! What was invalidated, and what that says.

use axum::Router;
use axum::http::StatusCode;
use larder::axum::{Guard, Routes};
use larder::testing::registry_scope;
use larder::{Cache, cached};
use serde_json::{Value as Json, json};

use crate::support::{register, roomy};
use crate::{get, get_with};

#[cached(kind = "invalidated", op = "article", ttl = "4h", tags("canary-{id}"))]
async fn article(id: u32) -> u32 {
    id
}

/// Sixty times an operation is forgotten, and a pattern, a tag and a tenant once.
async fn invalidated() -> Cache {
    let cache = register("invalidated", roomy());
    for _ in 0..60 {
        article(1).await;
        cache.remove_operation("article").await;
    }
    cache.set("canary:1", 1).await;
    cache.remove_matching("canary:*").await;
    cache.remove_tag("canary-1").await;
    cache.remove_tenant("canary").await;
    cache
}

async fn of_kind(router: &Router, path: &str) -> Json {
    let answer = get(router, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!answer.body.contains("canary"), "{answer:?}");
    answer.json()["kinds"]["invalidated"].clone()
}

#[tokio::test]
async fn mon_23_what_was_invalidated_in_the_last_hour_is_told_by_kind() {
    let _scope = registry_scope();
    let cache = invalidated().await;
    register("untouched", roomy());
    let router = Routes::new().into_router();
    let path = "/cache/invalidation-stats";
    let told = of_kind(&router, path).await;
    assert_eq!(told["last_hour"], 61);
    assert_eq!(told["rate"], "warning");
    assert_eq!(told["of_tenants_and_tags"], 2);
    let article =
        json!({"target": "operation", "pattern": "article", "count": 60, "removed_keys": null});
    assert_eq!(told["patterns"][0], article);
    let statistics = cache.invalidation_statistics();
    assert_eq!(told["removed_keys"], statistics.removed_keys);
    let untouched = get(&router, path).await.json()["kinds"]["untouched"].clone();
    assert_eq!(untouched["last_hour"], 0);
    assert_eq!(untouched["rate"], "usual");
}

#[tokio::test]
async fn mon_23_recommendations_about_invalidations_are_told_and_no_others() {
    let _scope = registry_scope();
    let cache = invalidated().await;
    let router = Routes::new().into_router();
    let path = "/cache/invalidation-recommendations";
    let told = of_kind(&router, path).await;
    let types = |told: &Json| -> Vec<_> {
        let told = told.as_array().expect("a list").iter();
        told.map(|it| it["type"].clone()).collect()
    };
    assert_eq!(
        types(&told),
        ["frequent_invalidation", "dominant_invalidation"]
    );
    assert_eq!(told[1]["suggestion"]["setting"], "operation_ttls");
    assert_eq!(told[1]["suggestion"]["value"], "2h");
    // There is more to say about it: nothing that was asked for was there.
    let all = serde_json::to_value(cache.recommendations()).expect("JSON");
    assert!(types(&all).contains(&json!("low_hit_rate")));
    cache.reset_statistics();
    assert_eq!(of_kind(&router, path).await, json!([]));
}

#[tokio::test]
async fn reports_about_invalidations_are_guarded_as_the_others_are() {
    let _scope = registry_scope();
    invalidated().await;
    let guard = Guard::bearer("3d6bf24b0e4f").expect("a token");
    let router = Routes::new().guard_reports(guard).into_router();
    for path in [
        "/cache/invalidation-stats",
        "/cache/invalidation-recommendations",
    ] {
        for token in [None, Some("Bearer 3d6bf24b0e4e")] {
            let answer = match token {
                None => get(&router, path).await,
                Some(token) => get_with(&router, path, ("authorization", token)).await,
            };
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(!answer.body.contains("invalidated"), "{answer:?}");
        }
        let operator = ("authorization", "Bearer 3d6bf24b0e4f");
        let answer = get_with(&router, path, operator).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.body.contains("invalidated"));
    }
}
