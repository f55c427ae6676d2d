//! Health, status and metrics.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use fixture::RedisServer;
use larder::axum::Routes;
use larder::{CacheConfig, cached, call};
use serde_json::json;

use crate::exposition::Exposition;
use crate::support::{register, roomy};
use crate::{ask, get};

/// Calls of every outcome that can be had without a store.
async fn use_everything(kind: &str) {
    #[cached(kind = "reported", op = "reported.number")]
    async fn number(n: u32) -> Option<u32> {
        (n > 0).then_some(n)
    }
    let cache = register(kind, roomy());
    number(1).await; // computed
    number(1).await; // from memory
    number(1).await;
    number(0).await; // not kept
    call::bypass(number(1)).await;
    cache.get::<u32>("nothing").await; // missed
    cache.get::<u32>(&"k".repeat(20_000)).await; // no key
}

#[tokio::test]
async fn metrics_are_in_the_text_format_and_count_every_call_once() {
    use_everything("reported").await;
    let strange = "a \"strange\"\n\\kind\\n";
    register(strange, roomy()).set("secret-key", 1).await;
    let router = Router::new().nest("/internal", Routes::new().into_router());
    let answer = get(&router, "/internal/cache/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(!answer.body.contains("secret-key"));
    let read = Exposition::read(&answer.body).expect("the text format");

    let ratio = read.value("cache_hit_ratio", &[("kind", "reported")]);
    assert_eq!(ratio, Some(2.0 / 6.0));
    // Nothing was asked of it.
    assert_eq!(read.value("cache_hit_ratio", &[("kind", strange)]), None);
    for (outcome, count) in [
        ("memory_hit", 2.0),
        ("store_hit", 0.0),
        ("joined", 0.0),
        ("stale", 0.0),
        ("computed", 1.0),
        ("not_kept", 1.0),
        ("missed", 1.0),
        ("no_key", 1.0),
        ("text_too_long", 0.0),
        ("no_tenant", 0.0),
        ("timed_out", 0.0),
        ("bypassed", 1.0),
    ] {
        let labels = [("kind", "reported"), ("outcome", outcome)];
        let found = read.value("cache_operations_total", &labels);
        assert_eq!(found, Some(count), "{outcome}");
    }
    let bytes = read.value("cache_memory_usage_bytes", &[("kind", strange)]);
    assert!(bytes.expect("a value") > 0.0);
    let entries = read.value("cache_memory_entries", &[("kind", strange)]);
    assert_eq!(entries, Some(1.0));
    assert!(read.value("cache_unknown_kind_calls_total", &[]).is_some());
    assert_eq!(read.families["cache_operations_total"], "counter");
}

#[tokio::test]
async fn status_says_of_each_kind_what_operators_need() {
    use_everything("reported").await;
    let router = Routes::new().into_router();
    let answer = get(&router, "/cache/status").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let status = answer.json();
    let kind = &status["kinds"]["reported"];
    assert_eq!(kind["backend"], "memory");
    assert_eq!((&kind["hits"], &kind["misses"]), (&json!(2), &json!(4)));
    assert_eq!(kind["hit_ratio"], json!(2.0 / 6.0));
    assert_eq!(kind["outcomes"]["bypassed"], 1);
    assert_eq!(kind["memory"]["entries"], 1);
    assert_eq!(kind["memory"]["max_entries"], 1000);
    assert_eq!(kind["store"], json!(null));
    let health = status["health"]["kinds"].as_array().expect("a list");
    let health = health.iter().find(|health| health["kind"] == "reported");
    assert_eq!(health.expect("the kind")["status"], "healthy");
    assert!(status["unknown_kind_calls"].is_u64());
}

#[tokio::test]
async fn a_process_is_ready_until_it_is_unhealthy_and_lives_all_the_while() {
    let router = Routes::new().into_router();
    register("well", roomy());
    let ready = get(&router, "/health/ready").await;
    assert_eq!(ready.status, StatusCode::OK, "{ready:?}");
    assert_eq!(ready.header("cache-control"), Some("no-store"));
    assert_eq!(ready.json()["status"], "healthy");

    // Neither memory nor a store that answers: nothing is kept.
    let absent = RedisServer::absent();
    let config = CacheConfig::builder().redis_url(absent.url());
    register("unwell", config.enable_l1_cache(false));
    let ready = get(&router, "/health/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let ready = ready.json();
    assert_eq!(ready["status"], "unhealthy");
    let kinds = ready["kinds"].as_array().expect("a list");
    let unwell = kinds.iter().find(|kind| kind["kind"] == "unwell");
    assert_eq!(unwell.expect("the kind")["status"], "unhealthy");

    let live = get(&router, "/health/live").await;
    assert_eq!(live.status, StatusCode::OK);
    assert_eq!(live.json(), json!({"status": "healthy"}));
}

#[tokio::test]
async fn reports_are_asked_for_by_get_and_by_head() {
    let router = Routes::new().into_router();
    for path in ["/health/live", "/cache/status", "/cache/metrics"] {
        let head = Request::head(path).body(Body::empty());
        let head = ask(&router, head.expect("a request")).await;
        assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
        let post = Request::post(path).body(Body::empty());
        let post = ask(&router, post.expect("a request")).await;
        assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}
