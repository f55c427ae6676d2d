//! Nobody gets what was answered to another tenant.

use std::collections::BTreeSet;

use fixture::RedisServer;
use futures_util::future::join_all;

use crate::client::{Gateway, asks, streams};
use crate::endpoint::Endpoint;

const TENANTS: [&str; 2] = ["acme", "globex"];

const QUESTIONS: usize = 8;

/// Both ask the same, in turns and at the same time, in one piece and in pieces. No two answers of the
/// endpoint are the same: what one tenant is answered, the other one must never be.
async fn ask_all(gateway: &Gateway) -> [BTreeSet<String>; 2] {
    let mut seen = [BTreeSet::new(), BTreeSet::new()];
    for _round in 0..3 {
        let asked = (0..QUESTIONS).flat_map(|n| {
            let question = format!("Question {n}?");
            let requests = [asks("steady", &question), streams("steady", &question)];
            requests.into_iter().flat_map(|request| {
                TENANTS.map(|tenant| {
                    let request = request.clone();
                    async move { (tenant, gateway.ask(tenant, &request).await) }
                })
            })
        });
        for (tenant, answer) in join_all(asked).await {
            assert_eq!(answer.status, 200, "{answer:?}");
            seen[usize::from(tenant == TENANTS[1])].insert(answer.text());
        }
    }
    seen
}

fn cross(seen: &[BTreeSet<String>; 2]) -> bool {
    !seen[0].is_disjoint(&seen[1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_no_answer_crosses_and_each_has_its_own_hits() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let seen = ask_all(&gateway).await;
    assert!(!cross(&seen), "{seen:?}");
    // In one piece and in pieces, once for each of the two.
    assert_eq!(seen.each_ref().map(BTreeSet::len), [2 * QUESTIONS; 2]);
    assert_eq!(endpoint.calls(), 4 * QUESTIONS);
    for tenant in TENANTS {
        for request in [
            asks("steady", "Question 0?"),
            streams("steady", "Question 0?"),
        ] {
            assert_eq!(gateway.ask(tenant, &request).await.source(), "hit");
            assert_eq!(
                gateway.ask("third", &request).await.source() == "hit",
                tenant == TENANTS[1]
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_redis_no_answer_crosses_and_each_has_its_own_hits() {
    let server = RedisServer::start();
    let endpoint = Endpoint::start().await;
    let first = Gateway::over(&endpoint, &server.url());
    let before = ask_all(&first).await;
    assert!(!cross(&before), "{before:?}");
    // What is queued is written.
    first.terminate();
    let calls = endpoint.calls();
    let second = Gateway::over(&endpoint, &server.url());
    second.redis_is("healthy").await;
    let after = ask_all(&second).await;
    assert_eq!(after, before);
    assert_eq!(endpoint.calls(), calls);
    assert_eq!(
        second
            .ask("third", &asks("steady", "Question 0?"))
            .await
            .source(),
        "miss"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_follows_the_stream_of_another_tenant() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let request = streams("gated", "Why?");
    // More than one of them can take.
    endpoint.let_pass(10);
    let (first, second) = tokio::join!(
        gateway.open("acme", &request),
        gateway.open("globex", &request)
    );
    assert_eq!((first.source(), second.source()), ("miss", "miss"));
    endpoint.let_pass(20);
    let (first, second) = tokio::join!(first.whole(), second.whole());
    assert_ne!(first.text(), second.text());
    assert_eq!(endpoint.calls(), 2);
}
