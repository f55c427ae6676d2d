//! What goes wrong at the endpoint.

use serde_json::Value;

use crate::client::{Answer, Gateway, asks, streams};
use crate::endpoint::Endpoint;

/// One that waits, and for endpoints that stall one that does not wait for long: a second is longer than
/// anything else takes.
struct Gateways {
    patient: Gateway,
    hasty: Gateway,
}

impl Gateways {
    fn before(endpoint: &Endpoint) -> Self {
        Self {
            patient: Gateway::before(endpoint),
            hasty: Gateway::with(endpoint, &[("OPENAI_TIMEOUT", "1")]),
        }
    }

    async fn ask(&self, model: &str, request: &Value) -> Answer {
        let gateway = if model == "stalls" {
            &self.hasty
        } else {
            &self.patient
        };
        gateway.ask("acme", request).await
    }
}

fn error_of(answer: &Answer) -> String {
    answer.json()["error"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_have_their_status_and_are_not_kept() {
    let endpoint = Endpoint::start().await;
    let gateways = Gateways::before(&endpoint);
    for (model, status, message) in [
        ("busy", 429, "refusal"),
        ("down", 500, "refusal"),
        ("locked", 502, "the endpoint does not let the gateway in"),
        ("website", 502, "the endpoint answers what is no answer"),
        ("garbage", 502, "the endpoint answers what is no answer"),
        ("cut", 502, "the endpoint has broken off"),
        ("stalls", 504, "the endpoint takes too long"),
    ] {
        let before = endpoint.calls();
        for attempt in 1..=2 {
            let answer = gateways.ask(model, &asks(model, "Why?")).await;
            assert_eq!(answer.status, status, "{model}: {answer:?}");
            assert!(error_of(&answer).starts_with(message), "{answer:?}");
            assert_eq!(answer.headers.contains_key("retry-after"), model == "busy");
            assert_eq!(endpoint.calls(), before + attempt, "{model}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_never_begins_has_the_status_of_its_failure() {
    let endpoint = Endpoint::start().await;
    let gateways = Gateways::before(&endpoint);
    for (model, status) in [
        ("busy", 429),
        ("down", 500),
        ("locked", 502),
        ("website", 502),
    ] {
        let before = endpoint.calls();
        for attempt in 1..=2 {
            let answer = gateways.ask(model, &streams(model, "Why?")).await;
            assert_eq!(answer.status, status, "{model}: {answer:?}");
            assert!(!error_of(&answer).is_empty(), "{answer:?}");
            assert_eq!(endpoint.calls(), before + attempt, "{model}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_does_not_come_to_its_end_says_so_and_is_not_kept() {
    let endpoint = Endpoint::start().await;
    let gateways = Gateways::before(&endpoint);
    for (model, message) in [
        ("cut", "the endpoint has broken off"),
        ("unfinished", "the endpoint has broken off"),
        ("moans", "overloaded"),
        ("garbage", "the endpoint answers what is no answer"),
        ("stalls", "the endpoint takes too long"),
    ] {
        let before = endpoint.calls();
        for attempt in 1..=2 {
            let answer = gateways.ask(model, &streams(model, "Why?")).await;
            assert_eq!(answer.source(), "miss", "{model}");
            let events = answer.events();
            assert!(events[1].contains("Answer"), "{model}: {events:?}");
            let last = events.last().expect("an event");
            assert!(last.contains(message), "{model}: {events:?}");
            assert!(!answer.body.contains("[DONE]"), "{model}");
            assert_eq!(endpoint.calls(), before + attempt, "{model}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_not_whole_are_passed_on_and_not_kept() {
    let endpoint = Endpoint::start().await;
    let gateways = Gateways::before(&endpoint);
    for model in [
        "length",
        "content_filter",
        "mute",
        "refusal",
        "no_tool_calls",
    ] {
        for request in [asks(model, "Why?"), streams(model, "Why?")] {
            let before = endpoint.calls();
            for attempt in 1..=2 {
                let answer = gateways.ask(model, &request).await;
                let seen = (answer.status.as_u16(), answer.source());
                assert_eq!(seen, (200, "miss"), "{request}");
                let number = format!("Answer {}", before + attempt);
                let says_something = ["length", "content_filter"].contains(&model);
                assert_eq!(answer.text().starts_with(&number), says_something);
                assert_eq!(endpoint.calls(), before + attempt, "{request}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_not_there_is_a_bad_gateway() {
    let endpoint = Endpoint::start().await;
    // Nobody listens on the port for nothing.
    let nowhere = [("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")];
    let gateway = Gateway::with(&endpoint, &nowhere);
    for request in [asks("steady", "Why?"), streams("steady", "Why?")] {
        let answer = gateway.ask("acme", &request).await;
        assert_eq!(answer.status, 502);
        assert_eq!(error_of(&answer), "the endpoint cannot be reached");
    }
}
