//! `larder::axum` inside of one process: extractors, tenants, and the routes for operators.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/exposition.rs"]
mod exposition;
#[path = "../support/mod.rs"]
mod support;

mod extractor;
mod guard;
mod invalidate;
mod invalidations;
mod reports;
mod tenant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value as Json;
use tower_service::Service;

/// What a router has answered.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The sentence of a problem.
    #[track_caller]
    fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        problem["detail"].as_str().expect("a sentence").to_owned()
    }
}

async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().call(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).expect("text"),
    }
}

async fn get(router: &Router, path: &str) -> Answer {
    let request = Request::get(path).body(Body::empty());
    ask(router, request.expect("a request")).await
}

async fn get_with(router: &Router, path: &str, header: (&str, &str)) -> Answer {
    let request = Request::get(path).header(header.0, header.1);
    ask(router, request.body(Body::empty()).expect("a request")).await
}
