//! Everything in a request belongs to its tenant.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::routing::get as on_get;
use futures_util::{StreamExt, stream};
use larder::axum::TenantLayer;
use larder::{cached, call};
use tower_service::Service;

use crate::support::{Runs, register, roomy};
use crate::{ask, get, get_with};

fn by_header() -> TenantLayer {
    TenantLayer::header(HeaderName::from_static("x-tenant"))
}

#[tokio::test]
async fn calls_of_two_tenants_share_nothing() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "shared by requests", op = "requests.run")]
    async fn run() -> usize {
        RUNS.count()
    }
    async fn handler() -> String {
        run().await.to_string()
    }
    register("shared by requests", roomy());
    let layers = [
        by_header(),
        TenantLayer::new(|parts| {
            let tenant = parts.headers.get("x-tenant")?.to_str().ok()?;
            Some(tenant.to_owned())
        }),
    ];
    for layer in layers {
        let router = Router::new().route("/", on_get(handler)).layer(layer);
        for _ in 0..2 {
            assert_eq!(get(&router, "/").await.body, "1");
            assert_eq!(get_with(&router, "/", ("x-tenant", "a")).await.body, "2");
            assert_eq!(get_with(&router, "/", ("x-tenant", "b")).await.body, "3");
            // An empty one is none.
            assert_eq!(get_with(&router, "/", ("x-tenant", "")).await.body, "1");
        }
    }
    assert_eq!(call::tenant("a", run()).await, 2);
}

#[tokio::test]
async fn where_a_tenant_is_required_a_request_without_one_is_not_served() {
    static SERVED: AtomicUsize = AtomicUsize::new(0);
    async fn handler() {
        SERVED.fetch_add(1, Ordering::SeqCst);
    }
    let router = |layer: TenantLayer| Router::new().route("/", on_get(handler)).layer(layer);

    let of_header = router(by_header().required());
    let of_closure = router(TenantLayer::new(|_| Some(String::new())).required());
    for (router, expected) in [(&of_header, "`x-tenant`"), (&of_closure, "no tenant")] {
        let answer = get(router, "/").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.problem().contains(expected), "{answer:?}");
    }
    let empty = get_with(&of_header, "/", ("x-tenant", "")).await;
    assert_eq!(empty.status, StatusCode::BAD_REQUEST);
    assert_eq!(SERVED.load(Ordering::SeqCst), 0);
    let answer = get_with(&of_header, "/", ("x-tenant", "acme")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(SERVED.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_header_that_does_not_say_who_is_served_by_nobody() {
    let router = Router::new()
        .route("/", on_get(|| async {}))
        .layer(by_header());
    let twice = Request::get("/").header("x-tenant", "a");
    let twice = twice.header("x-tenant", "b").body(Body::empty());
    let invisible = HeaderValue::from_bytes(b"stra\xc3\x9fe").expect("bytes that can be sent");
    let invisible = Request::get("/").header("x-tenant", invisible);
    for (request, expected) in [
        (twice, "is there twice"),
        (invisible.body(Body::empty()), "is no visible ASCII"),
    ] {
        let answer = ask(&router, request.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.problem().contains(expected), "{answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_streamed_belongs_to_the_tenant_to_its_end() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "streamed", op = "streamed.run")]
    async fn run() -> usize {
        RUNS.count()
    }
    #[cached(kind = "streamed", op = "streamed.dropped", local)]
    fn dropped() -> usize {
        RUNS.count()
    }

    struct OnDrop;
    impl Drop for OnDrop {
        fn drop(&mut self) {
            dropped();
        }
    }

    async fn handler() -> Body {
        let part = stream::once(async { Ok::<_, Infallible>(run().await.to_string()) });
        let never = stream::once(async {
            let _guard = OnDrop;
            std::future::pending().await
        });
        Body::from_stream(part.chain(never))
    }

    register("streamed", roomy());
    assert_eq!(run().await, 1);
    assert_eq!(dropped(), 2);
    let router: Router = Router::new().route("/", on_get(handler)).layer(by_header());
    let request = Request::get("/").header("x-tenant", "acme");
    let request = request.body(Body::empty()).expect("a request");
    let response = router.clone().call(request).await;
    let mut body = response.expect("infallible").into_body().into_data_stream();
    let first = body.next().await;
    assert_eq!(first.expect("a part").expect("no error"), "3");
    // The second part is begun, and never comes.
    let mut next = Box::pin(body.next());
    assert!(crate::support::poll_once(&mut next).is_pending());
    drop(next);
    drop(body);
    assert_eq!(RUNS.total(), 4);
    let of_tenant = call::tenant("acme", async { (run().await, dropped()) });
    assert_eq!(of_tenant.await, (3, 4));
    assert_eq!((run().await, dropped()), (1, 2));
}

#[tokio::test]
async fn what_is_known_of_a_body_is_still_known() {
    let router = Router::new()
        .route("/", on_get(|| async { "seven" }))
        .layer(by_header());
    let request = Request::get("/").header("x-tenant", "acme");
    let request = request.body(Body::empty()).expect("a request");
    let response = router.clone().call(request).await;
    let response = response.expect("infallible");
    let body = axum::body::HttpBody::size_hint(response.body());
    assert_eq!(body.exact(), Some(5));
}

#[tokio::test]
async fn a_closure_that_panics_ends_its_request_and_no_other() {
    static SERVED: AtomicUsize = AtomicUsize::new(0);
    async fn handler() -> String {
        SERVED.fetch_add(1, Ordering::SeqCst).to_string()
    }
    let layer = TenantLayer::new(|parts| {
        let tenant = parts.headers["x-tenant"].to_str().ok()?;
        Some(tenant.to_owned())
    });
    let router = Router::new().route("/", on_get(handler)).layer(layer);
    // As a server does it: a task for each connection.
    let request = router.clone();
    let ended = tokio::spawn(async move { get(&request, "/").await }).await;
    assert!(ended.expect_err("no answer").is_panic());
    assert_eq!(SERVED.load(Ordering::SeqCst), 0);
    let answer = get_with(&router, "/", ("x-tenant", "acme")).await;
    assert_eq!(answer.body, "0");
}

#[tokio::test]
async fn a_tenant_ends_with_its_request() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "ended", op = "ended.run", local)]
    async fn run() -> usize {
        RUNS.count()
    }
    async fn handler() -> String {
        run().await.to_string()
    }
    register("ended", roomy());
    let router = Router::new().route("/", on_get(handler)).layer(by_header());
    assert_eq!(get_with(&router, "/", ("x-tenant", "acme")).await.body, "1");
    // On the same task.
    assert_eq!(run().await, 2);
    assert_eq!(get(&router, "/").await.body, "2");
}
