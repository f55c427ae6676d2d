//! Answers in one piece.

use futures_util::future::join_all;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::client::{Gateway, asks, streams};
use crate::endpoint::Endpoint;
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_again_is_answered_without_the_endpoint() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let request = asks("steady", "Why is the sea salty?");
    let first = gateway.ask("acme", &request).await;
    assert_eq!((first.status, first.source()), (StatusCode::OK, "miss"));
    assert_eq!(first.text(), "Answer 1: “Why is the sea salty?” – schön!");
    // What the gateway does not know is passed on too.
    assert_eq!(first.json()["system_fingerprint"], "of the test");
    let again = gateway.ask("acme", &request).await;
    assert_eq!((again.source(), &again.body), ("hit", &first.body));
    assert!(
        again.headers["age"]
            .to_str()
            .is_ok_and(|age| age.parse::<u64>().is_ok())
    );
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_has_tools_called_is_one_as_any_other() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    for model in ["tool_calls", "forced_tool_call", "function_call"] {
        for request in [asks(model, "Why?"), streams(model, "Why?")] {
            let before = endpoint.calls();
            let first = gateway.ask("acme", &request).await;
            assert_eq!((first.status.as_u16(), first.source()), (200, "miss"));
            assert!(first.body.contains("look_up"), "{first:?}");
            let again = gateway.ask("acme", &request).await;
            let seen = (again.source(), &again.body);
            assert_eq!(seen, ("hit", &first.body), "{request}");
            assert_eq!(endpoint.calls(), before + 1, "{request}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_endpoint_is_asked_what_the_client_asks_with_the_key_of_the_gateway() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let mut request = asks("steady", "Why?");
    request["tools"] = json!([{"type": "function", "function": {"name": "tide"}}]);
    request["user"] = "ada".into();
    request["messages"][0]["name"] = "harbour".into();
    gateway.ask("acme", &request).await;
    let (headers, mut asked) = endpoint.requests().remove(0);
    assert_eq!(headers["authorization"], "Bearer sk-parrot");
    assert!(!headers.contains_key("x-tenant"));
    let stream = asked
        .as_object_mut()
        .and_then(|asked| asked.remove("stream"));
    assert_eq!((stream, asked), (Some(Value::Bool(false)), request));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_counts_that_may_change_an_answer() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let request = asks("steady", "Why?");
    gateway.ask("acme", &request).await;
    for (field, value) in [
        ("temperature", json!(0.6)),
        ("max_tokens", json!(100)),
        ("seed", json!(7)),
        ("seed", json!(8)),
        ("model", json!("other")),
        ("messages", json!([{"role": "user", "content": "Why?"}])),
        (
            "messages",
            json!([{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]),
        ),
        ("messages", json!([])),
    ] {
        let mut other = request.clone();
        other[field] = value;
        assert_eq!(
            gateway.ask("acme", &other).await.source(),
            "miss",
            "{other}"
        );
        assert_eq!(gateway.ask("acme", &other).await.source(), "hit", "{other}");
    }
    let mut same = request.clone();
    same["user"] = "ada".into();
    assert_eq!(gateway.ask("acme", &same).await.source(), "hit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_ask_at_once_is_asked_once() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let request = asks("gated", "Why?");
    let release = async {
        eventually("the first one is under way", async || endpoint.calls() > 0).await;
        // Not a condition, because nobody shows who waits: who comes later has a hit.
        endpoint.let_pass(1);
    };
    let all = join_all((0..20).map(|_| gateway.ask("acme", &request)));
    let (answers, ()) = tokio::join!(all, release);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let missed = answers.iter().filter(|answer| answer.source() == "miss");
    assert_eq!((missed.count(), endpoint.calls()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_kept_although_its_client_has_gone() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let request = asks("gated", "Why?");
    tokio::select! {
        _ = gateway.open("acme", &request) => panic!("nothing let it pass"),
        () = eventually("it is asked", async || endpoint.calls() == 1) => {}
    }
    endpoint.let_pass(1);
    let answer = gateway.ask("acme", &request).await;
    assert!(answer.text().starts_with("Answer 1"));
    assert_ne!(answer.source(), "miss");
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_told_so() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    for (tenant, request, status) in [
        ("", asks("steady", "Why?"), 400),
        ("acme", json!({"model": "steady"}), 422),
        ("acme", json!([]), 422),
        ("acme", json!({"model": "steady", "messages": "Why?"}), 422),
    ] {
        let answer = gateway.ask(tenant, &request).await;
        assert_eq!(answer.status.as_u16(), status, "{request}: {answer:?}");
    }
    assert_eq!(endpoint.calls(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics_are_there() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    gateway.ask("acme", &asks("steady", "Why?")).await;
    for path in ["/health/live", "/health/ready", "/cache/status"] {
        assert_eq!(gateway.get(path).await.status, StatusCode::OK, "{path}");
    }
    let metrics = gateway.get("/cache/metrics").await.body;
    assert!(metrics.contains("cache_calls_total"), "{metrics}");
    assert_eq!(gateway.terminate(), "");
}
