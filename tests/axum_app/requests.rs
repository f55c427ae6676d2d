//! What the service answers to its users.

use fixture::RedisServer;
use hyper::{Method, StatusCode};
use serde_json::json;

use crate::process::App;
use crate::support::eventually;

const TEXT: &str = "Ships follow the lamp. The keeper trims the lamp. Gulls shout.";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_again_comes_from_memory() {
    let app = App::start(&[]);
    for origin in ["computed", "memory"] {
        let product = app.get("/products/7").await;
        assert_eq!(product.status, StatusCode::OK);
        let expected = json!({"id": 7, "name": "kettle no. 7", "cents": 700});
        assert_eq!((product.json(), product.origin()), (expected, origin));

        let summary = app.summarize("acme", TEXT).await;
        assert_eq!(summary.status, StatusCode::OK);
        assert_eq!(summary.json()["words_in"], 11);
        assert_eq!(summary.origin(), origin);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_price_is_told_at_once() {
    let app = App::start(&[]);
    app.get("/products/7").await;
    app.get("/products/8").await;
    let json = [("content-type", "application/json")];
    let path = "/products/7/price";
    let changed = app.ask(Method::PUT, path, &json, "1250").await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get("/products/7").await.json()["cents"], 1250);
    assert_eq!(app.get("/products/8").await.origin(), "memory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_answered_is_a_client_error() {
    let app = App::start(&[]);
    let headers = [("x-tenant", "acme")];
    let too_long = vec![b'a'; 3 * 1024 * 1024];
    for (method, path, headers, body, expected) in [
        (Method::GET, "/products/5000", &[][..], vec![], 404),
        (Method::GET, "/products/kettle", &[], vec![], 400),
        (Method::GET, "/nowhere", &[], vec![], 404),
        (Method::PUT, "/products/7/price", &[], b"12".to_vec(), 415),
        (Method::POST, "/summaries", &[], b"A text.".to_vec(), 400),
        (Method::POST, "/summaries", &headers, vec![0xff], 400),
        (Method::POST, "/summaries", &headers, too_long, 413),
    ] {
        let answer = app.ask(method, path, headers, body).await;
        assert_eq!(answer.status.as_u16(), expected, "{path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_share_no_summaries() {
    let server = RedisServer::start();
    let [first, second] = [App::over(&server.url()), App::over(&server.url())];
    assert_eq!(first.summarize("acme", TEXT).await.origin(), "computed");
    assert_eq!(first.summarize("acme", TEXT).await.origin(), "memory");
    assert_eq!(first.summarize("other", TEXT).await.origin(), "computed");
    // Neither do they in Redis.
    eventually("another process finds it there", async || {
        second.summarize("acme", TEXT).await.origin() != "computed"
    })
    .await;
    assert_eq!(second.summarize("third", TEXT).await.origin(), "computed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_finds_it_in_redis_until_it_is_invalidated() {
    let server = RedisServer::start();
    let [first, second] = [App::over(&server.url()), App::over(&server.url())];
    // What is written behind one call is there before the next one. On a busy machine a write may
    // take longer than it is given.
    let mut id = 0;
    eventually("what one has computed is found by the other", async || {
        id += 1;
        first.get(&format!("/products/{}", id + 1)).await;
        second.get(&format!("/products/{id}")).await.origin() == "store"
    })
    .await;
    let path = format!("/products/{id}");
    assert_eq!(second.get(&path).await.origin(), "memory");

    let wish = json!({"kind": "web", "tag": format!("product:{id}")});
    eventually("Redis is told", async || {
        let done = first.invalidate(&wish).await;
        assert_eq!(done.status, StatusCode::OK);
        done.json() == json!({"kind": "web", "reach": "everywhere"})
    })
    .await;
    assert_eq!(first.get(&path).await.origin(), "computed");
    // In its memory it is there still, and is not served.
    eventually("the other one has heard of it", async || {
        second.get(&path).await.origin() != "memory"
    })
    .await;
}
