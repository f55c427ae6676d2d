//! What answers of language models have cost that no function gave, and what those have saved that were
//! there already: of answers that say it themselves.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use larder::call::{self, Origin};
use larder::{AiCache, AiRequest, Cache, Cacheable, Charges, Savings};
use serde::{Deserialize, Serialize};
use support::map_store::MapStore;
use support::{register, register_over, roomy};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    text: String,
    tokens: u64,
}

impl Cacheable for Answer {
    fn is_cacheable(&self) -> bool {
        assert!(self.text != "panics", "on purpose");
        self.text.is_cacheable()
    }

    fn tokens(&self) -> Option<u64> {
        assert!(self.tokens != 13, "on purpose");
        Some(self.tokens)
    }

    fn cost(&self) -> Option<f64> {
        Some(match self.tokens {
            14 => f64::NAN,
            tokens => f64::from(u32::try_from(tokens).ok()?) / 1000.0,
        })
    }
}

fn answer(tokens: u64) -> Answer {
    let text = "The sea was calm.".to_owned();
    Answer { text, tokens }
}

fn request(text: &str) -> AiRequest<'_> {
    AiRequest::new("ask", text)
}

fn savings(cache: &Cache) -> Savings {
    let operation = cache.statistics().operations.remove("ask");
    operation.unwrap_or_default().savings
}

/// Answers, tokens, and thousandths of the unit of money.
fn sums(charges: Charges) -> (u64, u64, u64) {
    (charges.calls, charges.tokens, charges.nano_cost / 1_000_000)
}

fn both(answers: &AiCache) -> [(u64, u64, u64); 2] {
    let savings = savings(answers.cache());
    assert_eq!(savings.bad_prices, 0);
    [sums(savings.billed), sums(savings.replayed)]
}

const NOTHING: (u64, u64, u64) = (0, 0, 0);

#[tokio::test]
async fn an_answer_is_billed_when_it_is_computed_and_replayed_when_it_is_there() {
    let store = Arc::<MapStore>::default();
    let answers = register_over("asked", &store).ai();
    let request = request("a");
    let run = || answers.get_or_compute(&request, async || answer(5));
    assert_eq!(answers.lookup::<Answer>(&request).await, None);
    assert_eq!(both(&answers), [NOTHING; 2]);
    run().await;
    assert_eq!(both(&answers), [(1, 5, 5), NOTHING]);
    // The short way, and the long one.
    run().await;
    call::outcome(run()).await;
    answers.lookup::<Answer>(&request).await;
    call::outcome(answers.lookup::<Answer>(&request)).await;
    assert_eq!(both(&answers), [(1, 5, 5), (4, 20, 20)]);
    // Computed although it is there.
    call::bypass(run()).await;
    call::refresh(run()).await;
    answers.cache().switch_off();
    run().await;
    answers.cache().switch_on();
    assert_eq!(both(&answers), [(4, 20, 20), (4, 20, 20)]);
    assert!(answers.cache().flush(Duration::from_secs(5)).await);

    // From the store, in another process.
    let answers = register_over("asked", &store).ai();
    let found = call::outcome(answers.lookup::<Answer>(&request)).await;
    assert_eq!(found.origin, Origin::Store);
    let all = answers.get_or_compute(&request, async || answer(7));
    assert_eq!(all.await, answer(5));
    assert_eq!(both(&answers), [NOTHING, (2, 10, 10)]);
    assert_eq!(savings(answers.cache()).saved_ratio(), Some(1.0));
}

#[tokio::test]
async fn an_answer_that_was_got_elsewhere_is_billed_when_it_is_stored() {
    let answers = register("elsewhere", roomy()).ai();
    let stored = answers.store(&request("a"), answer(5)).await;
    stored.expect("a request");
    // Kept or not, somebody has paid for it.
    let empty = Answer {
        text: String::new(),
        tokens: 2,
    };
    let stored = answers.store(&request("b"), empty).await;
    stored.expect("a request");
    assert_eq!(both(&answers), [(2, 7, 7), NOTHING]);
    answers.lookup::<Answer>(&request("a")).await;
    answers.lookup::<Answer>(&request("b")).await;
    assert_eq!(both(&answers), [(2, 7, 7), (1, 5, 5)]);
}

#[tokio::test]
async fn what_fails_is_in_neither_and_what_has_no_key_is_billed() {
    let answers = register("failing.asked", roomy()).ai();
    let failing = async || Err::<Answer, _>("no");
    let failed = answers.get_or_try_compute(&request("a"), failing).await;
    assert_eq!(failed, Err("no"));
    let working = async || Ok::<_, &str>(answer(3));
    let found = answers.get_or_try_compute(&request("a"), working).await;
    assert_eq!(found, Ok(answer(3)));
    assert_eq!(both(&answers), [(1, 3, 3), NOTHING]);
    // It is counted with the misses of its kind.
    answers
        .get_or_compute(&request(""), async || answer(4))
        .await;
    let statistics = answers.cache().statistics();
    assert_eq!(sums(statistics.savings.billed), (2, 7, 7));
}

#[tokio::test]
async fn each_tenant_has_its_own_sums() {
    let answers = register("tenants.asked", roomy()).ai();
    for (tenant, calls) in [("acme", 3), ("umbrella", 2)] {
        for _ in 0..calls {
            let request = request("a");
            let run = answers.get_or_compute(&request, async || answer(5));
            call::tenant(tenant, run).await;
        }
    }
    let tenants = answers.cache().statistics().tenants;
    for (tenant, replayed) in [("acme", 2), ("umbrella", 1)] {
        let savings = tenants[tenant].savings["ask"];
        assert_eq!(sums(savings.billed), (1, 5, 5));
        assert_eq!(
            sums(savings.replayed),
            (replayed, 5 * replayed, 5 * replayed)
        );
    }
}

#[tokio::test]
async fn answers_that_say_nothing_are_not_counted_and_bad_prices_decide_nothing() {
    let answers = register("bad.asked", roomy()).ai();
    for _ in 0..2 {
        answers
            .get_or_compute(&request("text"), async || "calm".to_owned())
            .await;
    }
    assert_eq!(both(&answers), [NOTHING; 2]);
    assert_eq!(savings(answers.cache()).calls, 1);
    // One panics, and one costs what is no number.
    for tokens in [13, 14] {
        for _ in 0..2 {
            let text = tokens.to_string();
            let request = request(&text);
            let got = answers.get_or_compute(&request, async || answer(tokens));
            assert_eq!(got.await, answer(tokens));
        }
    }
    let savings = savings(answers.cache());
    assert_eq!(savings.bad_prices, 4);
    assert_eq!(sums(savings.billed), (2, 14, 0));
    assert_eq!(sums(savings.replayed), (2, 14, 0));
}

#[tokio::test]
async fn what_panics_when_it_is_asked_whether_to_keep_it_is_counted_and_not_stored() {
    let answers = register("panicking.asked", roomy()).ai();
    let panics = Answer {
        text: "panics".to_owned(),
        tokens: 1,
    };
    let stored = answers.store(&request("a"), panics.clone()).await;
    stored.expect("a request");
    assert_eq!(answers.lookup::<Answer>(&request("a")).await, None);
    assert_eq!(answers.cache().stats().rule_panics, 1);
    let request = request("a");
    let got = answers.get_or_compute(&request, async || panics.clone());
    assert_eq!(got.await, panics);
    assert_eq!(answers.cache().stats().rule_panics, 2);
}
