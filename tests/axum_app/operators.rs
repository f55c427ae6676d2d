//! What the service answers to operators.

use fixture::RedisServer;
use hyper::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::exposition::Exposition;
use crate::load::is_healthy;
use crate::process::{App, TOKEN};
use crate::support::eventually;

/// On a busy machine Redis may not answer at once.
async fn eventually_healthy(app: &App) -> Json {
    let mut found = Json::Null;
    eventually("all is well", async || {
        let ready = app.get("/internal/health/ready").await;
        assert_eq!(ready.status, StatusCode::OK);
        found = ready.json();
        found["status"] == "healthy"
    })
    .await;
    found
}

async fn eventually_degraded(app: &App) {
    eventually("Redis is of no use", async || {
        let ready = app.get("/internal/health/ready").await.json();
        ready["status"] == "degraded" && !is_healthy(&ready, "store")
    })
    .await;
}

/// Whatever is there for everybody says nothing of this.
async fn shows_nothing_private(app: &App) {
    for path in [
        "health/live",
        "health/ready",
        "cache/status",
        "cache/metrics",
    ] {
        let answer = app.get(&format!("/internal/{path}")).await;
        assert_eq!(answer.status, StatusCode::OK);
        for private in ["acme", "nobody else", "127.0.0.1", "keeper", TOKEN] {
            let body = &answer.body;
            assert!(!body.contains(private), "{private} in {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_status_and_metrics_say_how_the_kinds_stand() {
    let mut server = RedisServer::start();
    let app = App::over(&server.url());
    for _ in 0..3 {
        app.get("/products/7").await;
    }
    app.summarize("acme", "A text that nobody else has.").await;

    let live = app.get("/internal/health/live").await;
    assert_eq!(
        (live.status, &*live.body),
        (StatusCode::OK, r#"{"status":"healthy"}"#)
    );
    let ready = eventually_healthy(&app).await;
    assert_eq!(ready["kinds"][0]["kind"], "ai");
    assert_eq!(ready["kinds"][1]["kind"], "web");

    let status = app.get("/internal/cache/status").await;
    let json = status.json();
    let web = &json["kinds"]["web"];
    assert_eq!(web["backend"], "redis");
    assert_eq!((&web["hits"], &web["misses"]), (&json!(2), &json!(1)));
    assert_eq!(web["store"]["breaker"], "closed");
    assert_eq!(web["store"]["created_connections"], 1);
    assert_eq!(json["kinds"]["ai"]["outcomes"]["computed"], 1);
    assert_eq!(json["health"]["kinds"][1]["kind"], "web");

    let metrics = app.get("/internal/cache/metrics").await;
    assert_eq!(
        metrics.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let read = Exposition::read(&metrics.body).expect("the text format");
    let labels = [("kind", "web"), ("outcome", "memory_hit")];
    assert_eq!(read.value("cache_operations_total", &labels), Some(2.0));
    let ratio = read.value("cache_hit_ratio", &[("kind", "web")]);
    assert_eq!(ratio, Some(2.0 / 3.0));
    let bytes = read.value("cache_memory_usage_bytes", &[("kind", "ai")]);
    assert!(bytes.expect("a value") > 0.0);

    shows_nothing_private(&app).await;

    let port = server.port();
    let not_let_in = App::over(&format!("redis://keeper:parrot@127.0.0.1:{port}/0"));
    not_let_in.summarize("acme", "Nor has nobody else.").await;
    eventually_degraded(&not_let_in).await;
    shows_nothing_private(&not_let_in).await;

    server.kill();
    eventually_degraded(&app).await;
    shows_nothing_private(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_operators_may_invalidate() {
    let app = App::start(&[("OPERATOR_TOKEN", TOKEN)]);
    app.get("/products/7").await;
    let json = ("content-type", "application/json");
    let (path, all) = ("/internal/cache/invalidate", r#"{"kind":"web","all":true}"#);
    let wrong = ("authorization", "Bearer 3d6bf24b0e4e");
    for headers in [&[json][..], &[json, wrong]] {
        let answer = app.ask(Method::POST, path, headers, all).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(app.get("/products/7").await.origin(), "memory");
    let done = app.invalidate(&json!({"kind": "web", "all": true})).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert_eq!(app.get("/products/7").await.origin(), "computed");

    let closed = App::start(&[]);
    let done = closed
        .invalidate(&json!({"kind": "web", "all": true}))
        .await;
    assert_eq!(done.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_invalidated_is_a_problem_that_says_why() {
    let app = App::start(&[("OPERATOR_TOKEN", TOKEN)]);
    let bearer = format!("Bearer {TOKEN}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
    ];
    let huge = format!(r#"{{"kind":"web","tag":"{}"}}"#, "x".repeat(1024 * 1024));
    for (body, status, expected) in [
        ("{", 400, "EOF"),
        (r#"{"kind":"web","all":true,"tag":"a"}"#, 422, "several"),
        (r#"{"kind":"web"}"#, 422, "exactly one of `operation`"),
        (r#"{"kind":"web","key":"a"}"#, 422, "unknown field `key`"),
        (
            r#"{"kind":"geo","all":true}"#,
            404,
            "registered are `ai`, `web`",
        ),
        (&huge, 413, "length limit"),
    ] {
        let path = "/internal/cache/invalidate";
        let answer = app.ask(Method::POST, path, &headers, body.to_owned()).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains(expected), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_invalidations_are_queued() {
    let mut server = RedisServer::start();
    let app = App::over(&server.url());
    app.get("/products/7").await;
    server.kill();
    let wish = json!({"kind": "web", "operation": "product"});
    let done = app.invalidate(&wish).await;
    let expected = json!({"kind": "web", "reach": "queued"});
    assert_eq!((done.status, done.json()), (StatusCode::OK, expected));
    assert_eq!(app.get("/products/7").await.origin(), "computed");
    server.restart();
    eventually("Redis is told again", async || {
        app.invalidate(&wish).await.json()["reach"] == "everywhere"
    })
    .await;
}
