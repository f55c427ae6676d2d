//! Answers in pieces.

use futures_util::future::join_all;
use hyper::StatusCode;

use crate::client::{Answer, Gateway, Opened, streams};
use crate::endpoint::{Endpoint, TOKENS};
use crate::support::eventually;

/// Words of an answer to a question of one word, with what is before and after them.
const PIECES: usize = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pieces_pass_as_they_come_and_are_replayed_byte_for_byte() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let request = streams("gated", "Why?");
    endpoint.let_pass(1);
    let mut first = gateway.open("acme", &request).await;
    assert_eq!((first.status, first.source()), (StatusCode::OK, "miss"));
    assert_eq!(first.headers["content-type"], "text/event-stream");
    let mut body = first.some().await.expect("a piece");
    // The second piece is not sent before the first one was read.
    assert_eq!(body.matches("data: ").count(), 1, "{body}");
    endpoint.let_pass(1);
    let second = first.some().await.expect("a piece");
    assert!(second.contains("Answer"), "{second}");
    endpoint.let_pass(PIECES);
    body += &second;
    body += &first.whole().await.body;

    let again = gateway.ask("acme", &request).await;
    assert_eq!((again.source(), &again.body), ("hit", &body));
    assert_eq!(again.text(), "Answer 1: “Why?” – schön!");
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_not_matter_how_the_endpoint_writes_its_events() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let mut seen = Vec::new();
    for model in ["steady", "odd", "odd"] {
        let answer = gateway.ask("acme", &streams(model, "Naïve?")).await;
        seen.push((
            answer.source().to_owned(),
            answer.text().replace(['1', '2'], "n"),
        ));
    }
    let text = "Answer n: “Naïve?” – schön!".to_owned();
    let expected = ["miss", "miss", "hit"].map(|source| (source.to_owned(), text.clone()));
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_took_is_told_to_those_who_ask_for_it() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let plain = streams("steady", "Why?");
    let mut with_usage = plain.clone();
    with_usage["stream_options"] = serde_json::json!({"include_usage": true});
    for source in ["miss", "hit"] {
        let answer = gateway.ask("acme", &plain).await;
        assert_eq!(answer.source(), source);
        assert!(!answer.body.contains("total_tokens"), "{answer:?}");
        let answer = gateway.ask("acme", &with_usage).await;
        assert_eq!(answer.source(), source);
        let total = format!("\"total_tokens\":{TOKENS}");
        assert!(answer.body.contains(&total), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_later_follows_from_the_beginning() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let request = streams("gated", "Why?");
    endpoint.let_pass(2);
    let mut first = gateway.open("acme", &request).await;
    let mut begun = first.some().await.expect("a piece");
    while !begun.contains("Answer") {
        begun += &first.some().await.expect("a piece");
    }
    let mut later = Vec::new();
    for follower in join_all((0..19).map(|_| gateway.open("acme", &request))).await {
        assert_eq!(follower.source(), "joined");
        later.push(follower);
    }
    endpoint.let_pass(PIECES);
    let answers: Vec<Answer> = join_all(later.into_iter().map(Opened::whole)).await;
    let first = begun + &first.whole().await.body;
    assert!(answers.iter().all(|answer| answer.body == first));
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_kept_although_its_client_has_gone() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let request = streams("gated", "Why?");
    endpoint.let_pass(2);
    let mut gone = gateway.open("acme", &request).await;
    gone.some().await.expect("a piece");
    drop(gone);
    endpoint.let_pass(PIECES);
    eventually("all of it is there", async || {
        gateway.ask("acme", &request).await.source() == "hit"
    })
    .await;
    let answer = gateway.ask("acme", &request).await;
    assert_eq!(answer.text(), "Answer 1: “Why?” – schön!");
    assert_eq!(endpoint.calls(), 1);
}
