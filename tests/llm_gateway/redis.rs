//! A Redis that comes and goes.

use fixture::RedisServer;

use crate::client::{Gateway, asks, streams};
use crate::endpoint::Endpoint;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_was_answered_another_one_finds_in_redis() {
    let server = RedisServer::start();
    let endpoint = Endpoint::start().await;
    let requests = [asks("steady", "Why?"), streams("steady", "Why?")];
    let first = Gateway::over(&endpoint, &server.url());
    let mut bodies = Vec::new();
    for request in &requests {
        bodies.push(first.ask("acme", request).await.body);
    }
    // What is queued is written.
    first.terminate();
    let second = Gateway::over(&endpoint, &server.url());
    second.redis_is("healthy").await;
    for (request, body) in requests.iter().zip(&bodies) {
        let answer = second.ask("acme", request).await;
        assert_eq!((answer.source(), &answer.body), ("hit", body));
    }
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_waits_for_is_in_redis_when_the_process_has_ended() {
    let server = RedisServer::start();
    let endpoint = Endpoint::start().await;
    let request = streams("gated", "Why?");
    let first = Gateway::over(&endpoint, &server.url());
    endpoint.let_pass(2);
    let mut gone = first.open("acme", &request).await;
    gone.some().await.expect("a piece");
    drop(gone);
    endpoint.let_pass(20);
    first.terminate();
    let second = Gateway::over(&endpoint, &server.url());
    second.redis_is("healthy").await;
    assert_eq!(second.ask("acme", &request).await.source(), "hit");
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_redis_the_gateway_answers_and_finds_its_way_back() {
    let mut server = RedisServer::start();
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::over(&endpoint, &server.url());
    gateway.redis_is("healthy").await;
    gateway.ask("acme", &asks("steady", "Before?")).await;
    server.kill();
    for make in [asks, streams] {
        for source in ["miss", "hit"] {
            let answer = gateway.ask("acme", &make("steady", "Meanwhile?")).await;
            assert_eq!((answer.status.as_u16(), answer.source()), (200, source));
        }
    }
    gateway.redis_is("degraded").await;
    server.restart();
    gateway.redis_is("healthy").await;
    for make in [asks, streams] {
        let answer = gateway.ask("acme", &make("steady", "After?")).await;
        assert_eq!((answer.status.as_u16(), answer.source()), (200, "miss"));
    }
}
