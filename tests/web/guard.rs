//! Who may use the routes for operators.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use larder::axum::{Guard, Routes};
use larder::{Cache, CacheError};

use crate::support::{register, roomy};
use crate::{Answer, ask, get, get_with};

const TOKEN: &str = "3d6bf24b0e4f";

async fn invalidate(router: &Router, kind: &str, header: Option<(&str, &str)>) -> Answer {
    let request = Request::post("/cache/invalidate").header("content-type", "application/json");
    let request = match header {
        Some((name, value)) => request.header(name, value),
        None => request,
    };
    let body = format!(r#"{{"kind": "{kind}", "all": true}}"#);
    ask(router, request.body(Body::from(body)).expect("a request")).await
}

async fn filled(kind: &str) -> Cache {
    let cache = register(kind, roomy());
    cache.set("key", 1).await;
    cache
}

#[tokio::test]
async fn without_a_guard_nothing_can_be_invalidated() {
    let cache = filled("unguarded").await;
    let router = Routes::new().into_router();
    let answer = invalidate(&router, "unguarded", None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(cache.exists("key").await);
    assert_eq!(get(&router, "/cache/status").await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_who_sends_the_token_may_invalidate() {
    let cache = filled("bearer").await;
    let guard = Guard::bearer(TOKEN).expect("a token");
    let router = Routes::new().guard(guard).into_router();

    let shorter = &TOKEN[1..];
    for (header, challenge) in [
        (None, "Bearer"),
        (Some("Basic 3d6bf24b0e4f".to_owned()), "Bearer"),
        (Some(TOKEN.to_owned()), "Bearer"),
        (Some("Bearer".to_owned()), "Bearer"),
        (Some("Bearer ".to_owned()), "Bearer error=\"invalid_token\""),
        (
            Some(format!("Bearer {shorter}")),
            "Bearer error=\"invalid_token\"",
        ),
        (
            Some(format!("Bearer {TOKEN}0")),
            "Bearer error=\"invalid_token\"",
        ),
        (
            Some(format!("Bearer {}", TOKEN.to_uppercase())),
            "Bearer error=\"invalid_token\"",
        ),
    ] {
        let header = header.as_deref().map(|value| ("authorization", value));
        let answer = invalidate(&router, "bearer", header).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{header:?}");
        assert_eq!(answer.header("www-authenticate"), Some(challenge));
        assert!(!answer.problem().contains(TOKEN), "{answer:?}");
    }
    assert!(cache.exists("key").await);

    for scheme in ["Bearer", "bearer"] {
        cache.set("key", 1).await;
        let header = format!("{scheme} {TOKEN}");
        let answer = invalidate(&router, "bearer", Some(("authorization", &header))).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert!(!cache.exists("key").await);
    }
}

#[tokio::test]
async fn a_closure_decides_in_place_of_a_token() {
    let cache = filled("closure").await;
    let guard = Guard::when(|parts| parts.headers.contains_key("x-operator"));
    let router = Routes::new().guard(guard).into_router();

    let bearer = ("authorization", "Bearer 3d6bf24b0e4f");
    for header in [None, Some(bearer)] {
        let answer = invalidate(&router, "closure", header).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        answer.problem();
    }
    assert!(cache.exists("key").await);
    let answer = invalidate(&router, "closure", Some(("x-operator", "ada"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!cache.exists("key").await);
}

#[tokio::test]
async fn nobody_passes_a_closure_that_panics() {
    let cache = filled("panicking guard").await;
    let guard = Guard::when(|parts| parts.headers["x-operator"] == "ada");
    let router = Routes::new().guard(guard).into_router();
    // As a server does it: a task for each connection.
    let request = router.clone();
    let ended =
        tokio::spawn(async move { invalidate(&request, "panicking guard", None).await }).await;
    assert!(ended.expect_err("no answer").is_panic());
    assert!(cache.exists("key").await);
    let answer = invalidate(&router, "panicking guard", Some(("x-operator", "ada"))).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refused_request_is_not_read() {
    let guard = Guard::bearer(TOKEN).expect("a token");
    let router = Routes::new().guard(guard).into_router();
    let endless = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::post("/cache/invalidate").body(Body::from_stream(endless));
    let answer = ask(&router, request.expect("a request")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn reports_that_are_guarded_are_shown_to_nobody_else_and_health_is_a_word() {
    register("guarded reports", roomy());
    let guard = Guard::bearer(TOKEN).expect("a token");
    let router = Routes::new().guard_reports(guard).into_router();
    let bearer = format!("Bearer {TOKEN}");
    for path in ["/cache/status", "/cache/metrics", "/metrics/cache"] {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(!answer.body.contains("guarded reports"));
        let answer = get_with(&router, path, ("authorization", &bearer)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.body.contains("guarded reports"));
    }
    for path in ["/health/live", "/health/ready"] {
        let answer = get(&router, path).await.json();
        let fields: Vec<_> = answer.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["status"], "{path}");
    }
    let answer = invalidate(&router, "guarded reports", None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_guarded_stays_guarded_by_a_guard_that_comes_later() {
    let guards = ["3d6bf24b0e4f", "0a1b2c3d4e5f"].map(|token| Guard::bearer(token).expect("one"));
    let [first, second] = guards;
    let router = Routes::new().guard_reports(first).guard(second);
    let router = router.into_router();
    for path in ["/cache/status", "/cache/metrics", "/metrics/cache"] {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        for (token, status) in [
            ("Bearer 3d6bf24b0e4f", StatusCode::UNAUTHORIZED),
            ("Bearer 0a1b2c3d4e5f", StatusCode::OK),
        ] {
            let answer = get_with(&router, path, ("authorization", token)).await;
            assert_eq!(answer.status, status, "{path}");
        }
    }
    let ready = get(&router, "/health/ready").await.json();
    assert_eq!(ready.as_object().expect("an object").len(), 1, "{ready}");
}

#[test]
fn a_token_that_nobody_could_send_is_refused_and_none_is_shown() {
    for token in ["", " ", "a b", "3d6bf24b0e4f\n", "straße", "\u{7f}"] {
        let refusal = Guard::bearer(token).expect_err("a token that cannot be sent");
        assert!(matches!(refusal, CacheError::Validation { .. }));
        let message = refusal.to_string();
        assert!(message.contains("visible ASCII"), "{message}");
        assert!(!message.contains("3d6b"), "{message}");
    }
    let guard = Guard::bearer(TOKEN).expect("a token");
    let shown = format!("{guard:?} {:?}", Routes::new().guard(guard.clone()));
    assert!(!shown.contains(TOKEN), "{shown}");
}
