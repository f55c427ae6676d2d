//! What operators have forgotten.

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::{Request, StatusCode};
use larder::axum::{Guard, Routes, TenantLayer};
use larder::cached;
use larder::call::{self, Origin};
use serde_json::{Value as Json, json};

use crate::support::{register, roomy};
use crate::{Answer, ask};

fn router() -> Router {
    Routes::new().guard(Guard::when(|_| true)).into_router()
}

async fn post(router: &Router, body: impl Into<Body>) -> Answer {
    let request = Request::post("/cache/invalidate").header("content-type", "application/json");
    ask(router, request.body(body.into()).expect("a request")).await
}

async fn invalidate(body: Json) -> Json {
    let answer = post(&router(), body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

async fn is_kept<F: Future<Output = u32>>(call: F) -> bool {
    call::outcome(call).await.origin == Origin::Memory
}

#[tokio::test]
async fn mon_23_what_is_named_is_forgotten_and_nothing_else() {
    #[cached(kind = "named", op = "named.one", tags("id:{id}"))]
    async fn one(id: u32) -> u32 {
        id
    }
    #[cached(kind = "named", op = "named.other")]
    async fn other(id: u32) -> u32 {
        id
    }
    let cache = register("named", roomy());

    for (target, answer, kept) in [
        (
            json!({"operation": "named.one"}),
            json!({"reach": "everywhere"}),
            [false, false, true, true, false],
        ),
        (
            json!({"tag": "id:1"}),
            json!({"reach": "everywhere"}),
            [false, true, true, true, true],
        ),
        (
            json!({"tag": "id:1", "tenant": "acme"}),
            json!({"reach": "everywhere"}),
            [true, true, true, true, false],
        ),
        (
            json!({"tenant": "acme"}),
            json!({"reach": "everywhere"}),
            [true, true, true, true, false],
        ),
        (
            json!({"pattern": "user:*"}),
            json!({"removed": 1}),
            [true, true, true, false, true],
        ),
        (
            json!({"pattern": "user:*", "tenant": "acme"}),
            json!({"removed": 0}),
            [true, true, true, true, true],
        ),
        (
            json!({"all": true}),
            json!({"reach": "everywhere"}),
            [false, false, false, false, false],
        ),
        (
            json!({"all": true, "expire": true}),
            json!({"reach": "everywhere"}),
            [false, false, false, false, false],
        ),
    ] {
        for id in [1, 2] {
            one(id).await;
        }
        other(1).await;
        cache.set("user:1", 1_u32).await;
        call::tenant("acme", one(1)).await;

        let mut body = target.clone();
        body["kind"] = json!("named");
        let mut expected = answer;
        expected["kind"] = json!("named");
        assert_eq!(invalidate(body).await, expected, "{target}");
        let found = [
            is_kept(one(1)).await,
            is_kept(one(2)).await,
            is_kept(other(1)).await,
            cache.exists("user:1").await,
            is_kept(call::tenant("acme", one(1))).await,
        ];
        assert_eq!(found, kept, "{target}");
    }
}

#[tokio::test]
async fn keys_of_a_tenant_are_counted_for_it() {
    let cache = register("counted", roomy());
    call::tenant("acme", async {
        for key in ["user:1", "user:2", "order:1"] {
            cache.set(key, 1).await;
        }
    })
    .await;
    let body = json!({"kind": "counted", "pattern": "user:*", "tenant": "acme", "expire": true});
    let answer = invalidate(body).await;
    assert_eq!(answer, json!({"kind": "counted", "removed": 2}));
    let left = call::tenant("acme", cache.keys("*")).await;
    assert_eq!(left, ["order:1"]);
}

#[tokio::test]
async fn what_is_expired_may_still_stand_in_for_a_failure() {
    #[cached(
        kind = "standing in",
        op = "standing",
        stale_if_error = "1h",
        key = (),
        tags("t")
    )]
    async fn standing(fails: bool) -> Result<u32, String> {
        if fails { Err("down".to_owned()) } else { Ok(7) }
    }
    register("standing in", roomy());

    for target in [
        json!({"operation": "standing"}),
        json!({"tag": "t", "tenant": "acme"}),
        json!({"tenant": "acme"}),
        json!({"all": true}),
    ] {
        for expire in [true, false] {
            let refreshed = call::tenant("acme", call::refresh(standing(false))).await;
            assert_eq!(refreshed, Ok(7));
            let mut body = target.clone();
            body["kind"] = json!("standing in");
            body["expire"] = json!(expire);
            invalidate(body.clone()).await;
            let answer = call::tenant("acme", standing(true)).await;
            assert_eq!(answer.is_ok(), expire, "{body}");
        }
    }
}

#[tokio::test]
async fn below_a_tenant_a_tag_is_that_of_the_tenant_of_the_request() {
    #[cached(kind = "below", op = "below", tags("t"))]
    async fn tagged() -> u32 {
        7
    }
    register("below", roomy());
    call::tenant("acme", tagged()).await;
    tagged().await;

    let router = router().layer(TenantLayer::new(|_| Some("acme".to_owned())));
    let answer = post(&router, r#"{"kind": "below", "tag": "t"}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(is_kept(tagged()).await);
    assert!(!is_kept(call::tenant("acme", tagged())).await);
}

#[tokio::test]
async fn a_body_that_says_something_else_is_answered_with_what_was_expected() {
    let cache = register("misunderstood", roomy());
    cache.set("key", 1).await;
    let router = router();
    for (body, status, expected) in [
        ("", StatusCode::BAD_REQUEST, "EOF"),
        ("all", StatusCode::BAD_REQUEST, "expected value"),
        (
            r#"{"kind": "misunderstood""#,
            StatusCode::BAD_REQUEST,
            "EOF",
        ),
        ("[]", StatusCode::UNPROCESSABLE_ENTITY, "expected struct"),
        (
            "{}",
            StatusCode::UNPROCESSABLE_ENTITY,
            "missing field `kind`",
        ),
        (
            r#"{"kind": "misunderstood"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "found nothing to invalidate; expected exactly one of `operation`",
        ),
        (
            r#"{"kind": "misunderstood", "all": false}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "found nothing to invalidate",
        ),
        (
            r#"{"kind": "misunderstood", "all": true, "operation": "a"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "found several things to invalidate",
        ),
        (
            r#"{"kind": "misunderstood", "tag": "a", "pattern": "*"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "found several things to invalidate",
        ),
        (
            r#"{"kind": "misunderstood", "operation": "a", "tenant": "b"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "found several things to invalidate",
        ),
        (
            r#"{"kind": "misunderstood", "pattern": ""}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "found an empty name",
        ),
        (
            r#"{"kind": "misunderstood", "tag": "a", "tenant": ""}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "found an empty name",
        ),
        (
            r#"{"kind": "misunderstood", "op": "a"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "unknown field `op`, expected one of `kind`, `operation`, `tag`",
        ),
        (
            r#"{"kind": "misunderstood", "all": "yes"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "expected a boolean",
        ),
        (
            r#"{"kind": "misunderstood", "tag": "a", "tag": "b"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "duplicate field `tag`",
        ),
        (
            r#"{"kind": "mistaken", "all": true}"#,
            StatusCode::NOT_FOUND,
            "nobody registered the kind `mistaken`; registered are `",
        ),
    ] {
        let answer = post(&router, body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.problem().contains(expected), "{body}: {answer:?}");
    }
    let untold = Request::post("/cache/invalidate");
    let untold = untold.body(Body::from(r#"{"kind": "misunderstood", "all": true}"#));
    let answer = ask(&router, untold.expect("a request")).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(cache.exists("key").await);
}

#[tokio::test]
async fn a_body_is_bounded_whatever_the_application_allows_elsewhere() {
    register("bounded", roomy());
    let allows_more = Router::new()
        .merge(router())
        .layer(DefaultBodyLimit::disable());
    let of =
        |length: usize| json!({"kind": "bounded", "operation": "x".repeat(length)}).to_string();
    let answer = post(&allows_more, of(60_000)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let answer = post(&allows_more, of(70_000)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    answer.problem();

    // One that does not say how long it is.
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1024]));
    let answer = post(&allows_more, Body::from_stream(endless)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}
