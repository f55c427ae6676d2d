//! What answers took, and what was saved.

use serde_json::{Value, json};

use crate::client::{Gateway, asks, streams};
use crate::endpoint::{COMPLETION_TOKENS, Endpoint, PROMPT_TOKENS, TOKENS};
use crate::support::eventually;

fn agrees(shown: &Value, answers: u64) -> bool {
    // By the prices of the example, in billionths of a dollar.
    let nano_cost = answers * (PROMPT_TOKENS * 150 + COMPLETION_TOKENS * 600);
    *shown == json!({"calls": answers, "tokens": answers * TOKENS, "nano_cost": nano_cost})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn savings_are_the_sum_of_what_was_replayed() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    let mut asked = Vec::new();
    for question in ["Why?", "Where?", "When?"] {
        for make in [asks, streams] {
            asked.push(("acme", make("steady", question)));
        }
    }
    asked.push(("globex", asks("steady", "Why?")));
    asked.push(("globex", streams("steady", "Why?")));
    // Answers that are not kept have been paid for all the same; failures have not.
    asked.extend([asks, streams].map(|make| ("globex", make("length", "Why?"))));
    asked.extend([asks, streams].map(|make| ("globex", make("busy", "Why?"))));
    let mut replayed = 0;
    for _round in 0..3 {
        for (tenant, request) in &asked {
            let answer = gateway.ask(tenant, request).await;
            replayed += u64::from(answer.status == 200 && answer.source() == "hit");
        }
    }
    // Half of them in pieces.
    assert_eq!(replayed, 2 * 8);
    let savings = gateway.get("/savings").await.json();
    for operation in ["chat", "chat.stream"] {
        let shown = &savings["operations"][operation];
        assert!(agrees(&shown["billed"], 4 + 3), "{savings}");
        assert!(agrees(&shown["replayed"], replayed / 2), "{savings}");
    }
    for operation in ["chat", "chat.stream"] {
        for (tenant, billed, replayed) in [("acme", 3, 6), ("globex", 1 + 3, 2)] {
            let shown = &savings["tenants"][tenant]["savings"][operation];
            assert!(agrees(&shown["billed"], billed), "{savings}");
            assert!(agrees(&shown["replayed"], replayed), "{savings}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_paid_for_without_a_client_is_billed() {
    let endpoint = Endpoint::start().await;
    let gateway = Gateway::before(&endpoint);
    endpoint.let_pass(2);
    let mut gone = gateway.open("acme", &streams("gated", "Why?")).await;
    gone.some().await.expect("a piece");
    drop(gone);
    endpoint.let_pass(20);
    eventually("it is billed", async || {
        let savings = gateway.get("/savings").await.json();
        agrees(&savings["operations"]["chat.stream"]["billed"], 1)
    })
    .await;
}
