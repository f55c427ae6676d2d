//! Requests to language models and annotated functions that ask the same.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use larder::call::{self, Origin};
use larder::{AiCache, AiRequest, CacheConfigBuilder, cached};
use serde::Serialize;
use serde_json::json;
use support::map_store::MapStore;
use support::{Runs, register, register_over, roomy};

const TEXT: &str = "The sea was calm.";

#[derive(Serialize)]
struct Words {
    max_words: u32,
}

fn ai(kind: &str, config: CacheConfigBuilder) -> AiCache {
    register(kind, config).ai()
}

#[tokio::test]
async fn a_function_and_a_request_that_ask_the_same_have_their_answers_in_common() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "common", op = "common.summarize")]
    async fn summarize(text: &str, max_words: u32) -> String {
        format!("{} of {} in {max_words}", RUNS.count(), text.len())
    }
    let request =
        |max_words: u32| AiRequest::new("common.summarize", TEXT).option("max_words", &max_words);
    let store = Arc::<MapStore>::default();
    let answers = register_over("common", &store).ai();

    // The request comes before the function was ever called.
    answers
        .store(&request(1), "stored".to_owned())
        .await
        .expect("a request");
    assert_eq!(summarize(TEXT, 1).await, "stored");
    let computed = summarize(TEXT, 2).await;
    assert_eq!(answers.lookup(&request(2)).await, Some(computed.clone()));
    assert_eq!(answers.lookup::<String>(&request(3)).await, None);
    assert_eq!(RUNS.total(), 1);
    let found = call::outcome(summarize(TEXT, 1)).await;
    assert_eq!(found.origin, Origin::Memory);
    assert_eq!(found.key, answers.key(&request(1)));

    // Another process, that calls the function first.
    assert!(answers.cache().flush(Duration::from_secs(5)).await);
    let answers = register_over("common", &store).ai();
    let found = call::outcome(summarize(TEXT, 1)).await;
    assert_eq!((found.origin, &*found.value), (Origin::Store, "stored"));
    let compute = async || -> String { panic!("it is there") };
    let found = call::outcome(answers.get_or_compute(&request(1), compute)).await;
    assert_eq!((found.origin, &*found.value), (Origin::Memory, "stored"));
    let found = call::outcome(answers.get_or_compute(&request(2), compute)).await;
    assert_eq!((found.origin, found.value), (Origin::Store, computed));
    assert_eq!(RUNS.total(), 1);

    // What one of them forgets, the other has forgotten.
    assert!(answers.remove(&request(1)).await);
    assert!(!answers.remove(&request(1)).await);
    assert_eq!(call::peek(summarize(TEXT, 1)).await, None);
    assert!(call::remove(summarize(TEXT, 2)).await);
    assert_eq!(answers.lookup::<String>(&request(2)).await, None);
}

#[tokio::test]
async fn a_question_is_the_parameter_of_that_name() {
    #[derive(Serialize)]
    struct Both {
        question: &'static str,
        depth: u8,
    }
    let _scope = larder::testing::registry_scope();
    #[cached(kind = "ai", op = "common.qa")]
    async fn qa(text: &str, question: &str, depth: u8) -> String {
        format!("{text} {question} {depth}")
    }
    #[cached(kind = "notai", op = "common.qa")]
    async fn elsewhere(text: &str, question: &str, depth: u8) -> String {
        format!("{text} {question} {depth}")
    }
    for (kind, expected) in [
        ("ai", qa(TEXT, "why?", 3).await),
        ("notai", {
            register("notai", roomy());
            elsewhere(TEXT, "why?", 3).await
        }),
    ] {
        let answers = larder::cache(kind).expect("a cache").ai();
        let request = || AiRequest::new("common.qa", TEXT);
        let both = Both {
            question: "why?",
            depth: 3,
        };
        for same in [
            request().option("depth", &3_u8).question("why?"),
            request().question("why?").option("depth", &3_u8),
            request().options(&both),
        ] {
            assert_eq!(
                answers.lookup(&same).await,
                Some(expected.clone()),
                "{kind}"
            );
        }
        for other in [
            request().option("depth", &3_u8),
            request().option("depth", &3_u8).question(&Some("why?")),
            request().options(&both).question("why?"),
            request().option("depth", &3_i8).question("why?"),
        ] {
            assert_eq!(answers.lookup::<String>(&other).await, None, "{kind}");
        }
    }
}

#[tokio::test]
async fn options_of_any_type_are_the_parameters_by_their_names() {
    #[cached(kind = "optional", op = "optional.run")]
    async fn run(text: &str, depth: u64, tone: Option<String>) -> String {
        format!("{text} {depth} {tone:?}")
    }
    #[derive(Clone, Serialize)]
    struct Tone {
        tone: Option<String>,
    }
    #[derive(Serialize)]
    struct Flat {
        #[serde(flatten)]
        tone: Tone,
        depth: u64,
    }
    #[derive(Serialize)]
    struct Behind(Option<Flat>);
    let answers = ai("optional", roomy());
    let request = || AiRequest::new("optional.run", TEXT);
    let tone = Tone {
        tone: Some("dry".to_owned()),
    };
    let with_tone = run(TEXT, 7, tone.tone.clone()).await;
    let without = run(TEXT, 7, None).await;
    let flat = Flat {
        tone: tone.clone(),
        depth: 7,
    };
    for same in [
        request().options(&flat),
        request().options(&Behind(Some(flat))),
        request().options(&tone).option("depth", &7_u64),
        request().option("depth", &7_u64).options(&tone),
    ] {
        assert_eq!(answers.lookup(&same).await, Some(with_tone.clone()));
    }
    // In JSON nothing says that a text is the `Some` of an option.
    let json = json!({ "depth": 7, "tone": null });
    for other in [
        request().options(&json),
        request().options(&json!({ "depth": 7, "tone": "dry" })),
    ] {
        assert_eq!(answers.lookup::<String>(&other).await, None);
    }
    let none = Flat {
        tone: Tone { tone: None },
        depth: 7,
    };
    assert_eq!(
        answers.lookup(&request().options(&none)).await,
        Some(without)
    );
}

#[tokio::test]
async fn numbers_in_options_count_with_their_types() {
    #[cached(kind = "numbered", op = "optional.numbers")]
    async fn numbers(text: &str, a: u64, b: i64, c: f64) -> String {
        format!("{text} {a} {b} {c}")
    }
    #[cached(kind = "numbered", op = "optional.map")]
    async fn map(text: &str, a: u32, b: u32) -> String {
        format!("{text} {a} {b}")
    }
    let answers = ai("numbered", roomy());
    let expected = numbers(TEXT, 1, -1, 0.5).await;
    let json = json!({ "c": 0.5, "b": -1, "a": 1 });
    let request = AiRequest::new("optional.numbers", TEXT).options(&json);
    assert_eq!(answers.lookup(&request).await, Some(expected));
    let expected = map(TEXT, 1, 2).await;
    let request =
        AiRequest::new("optional.map", TEXT).options(&BTreeMap::from([("b", 2), ("a", 1)]));
    assert_eq!(answers.lookup::<String>(&request).await, None);
    let options = BTreeMap::from([("b", 2_u32), ("a", 1)]);
    let request = AiRequest::new("optional.map", TEXT).options(&options);
    assert_eq!(answers.lookup(&request).await, Some(expected));
}

#[tokio::test]
async fn no_options_are_no_parameters() {
    #[cached(kind = "bare", op = "optional.plain")]
    async fn plain(text: &str) -> String {
        text.to_uppercase()
    }
    let answers = ai("bare", roomy());
    let expected = plain(TEXT).await;
    let request = || AiRequest::new("optional.plain", TEXT);
    for same in [
        request(),
        request().options(&()),
        request().options(&None::<Words>),
        request().options(&json!({})),
        request().options(&json!(null)),
    ] {
        assert_eq!(answers.lookup(&same).await, Some(expected.clone()));
    }
}

#[tokio::test]
async fn a_tag_of_a_request_is_one_of_the_function() {
    #[cached(kind = "tagged", op = "tagged.run", tags("user:{id}"))]
    async fn run(text: &str, id: u32) -> String {
        format!("{} for {id}", text.len())
    }
    for over_store in [false, true] {
        let store = Arc::<MapStore>::default();
        let fresh = || {
            if over_store {
                register_over("tagged", &store).ai()
            } else {
                ai("tagged", roomy())
            }
        };
        let answers = fresh();
        let request = |id: u32| {
            let request = AiRequest::new("tagged.run", TEXT).option("id", &id);
            request.tag(format_args!("user:{id}"))
        };
        for id in [1, 2] {
            let stored = answers.store(&request(id), "stored".to_owned()).await;
            stored.expect("a request");
        }
        let third = request(3);
        let computed = answers.get_or_compute(&third, async || "computed".to_owned());
        computed.await;
        assert!(answers.cache().flush(Duration::from_secs(5)).await);
        let answers = if over_store { fresh() } else { answers };
        assert_eq!(run(TEXT, 1).await, "stored");
        assert_eq!(run(TEXT, 3).await, "computed");
        for id in [1, 3] {
            answers.cache().remove_tag(&format!("user:{id}")).await;
            assert_eq!(answers.lookup::<String>(&request(id)).await, None);
            assert_eq!(run(TEXT, id).await, format!("17 for {id}"));
            assert!(answers.lookup::<String>(&request(id)).await.is_some());
        }
        assert_eq!(run(TEXT, 2).await, "stored");
    }
}

#[tokio::test]
async fn what_a_function_keeps_of_another_type_is_no_answer() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "typed", op = "typed.count")]
    async fn count(text: &str) -> usize {
        RUNS.count() + text.len()
    }
    for over_store in [false, true] {
        let store = Arc::<MapStore>::default();
        let answers = if over_store {
            register_over("typed", &store).ai()
        } else {
            ai("typed", roomy())
        };
        let request = AiRequest::new("typed.count", TEXT);
        let counted = count(TEXT).await;
        assert_eq!(answers.lookup::<String>(&request).await, None);
        assert_eq!(answers.lookup(&request).await, Some(counted));
        let named = answers.get_or_compute(&request, async || "named".to_owned());
        assert_eq!(named.await, "named");
        // In memory each has its own, and one more call of the function takes nothing for a hit.
        let found = call::outcome(count(TEXT)).await;
        assert_eq!((found.value, found.origin), (counted, Origin::Memory));
        assert_eq!(answers.lookup(&request).await, Some("named".to_owned()));
        // What is stored takes the place of both, and what is removed is gone as either.
        answers.store(&request, 0.5).await.expect("a request");
        assert_eq!(answers.lookup::<String>(&request).await, None);
        assert_eq!(call::peek(count(TEXT)).await, None);
        assert_eq!(answers.lookup(&request).await, Some(0.5));
        count(TEXT).await;
        assert!(answers.remove(&request).await);
        assert_eq!(answers.lookup::<f64>(&request).await, None);
        assert_eq!(answers.lookup::<usize>(&request).await, None);
    }
}

mod twice {
    use larder::cached;

    #[cached(kind = "unclear", op = "unclear.twice")]
    pub(super) async fn first(text: &str) -> String {
        format!("first of {text}")
    }
    #[cached(kind = "unclear", op = "unclear.twice")]
    pub(super) async fn second(text: &str) -> String {
        format!("second of {text}")
    }
}

#[tokio::test]
async fn functions_that_one_request_could_mean_are_told_apart() {
    #[cached(kind = "unclear", op = "unclear.run", version = 2)]
    async fn versioned(text: &str) -> String {
        text.to_uppercase()
    }
    let answers = ai("unclear", roomy());
    let expected = versioned(TEXT).await;
    let request = || AiRequest::new("unclear.run", TEXT);
    assert_eq!(answers.lookup::<String>(&request()).await, None);
    assert_eq!(answers.lookup(&request().version(2)).await, Some(expected));

    let request = AiRequest::new("unclear.twice", TEXT);
    answers
        .store(&request, "neither".to_owned())
        .await
        .expect("a request");
    assert_ne!(twice::first(TEXT).await, "neither");
    assert_ne!(twice::second(TEXT).await, "neither");
    assert_eq!(answers.lookup(&request).await, Some("neither".to_owned()));
}

mod one {
    use larder::cached;

    use crate::support::Runs;

    pub(super) static RUNS: Runs = Runs::new();

    #[cached(kind = "one", op = "one.run", shared)]
    pub(super) async fn first(text: &str) -> String {
        format!("{} of {text}", RUNS.count())
    }
    #[cached(kind = "one", op = "one.run", shared)]
    pub(super) async fn second(text: &str) -> String {
        format!("{} of {text}", RUNS.count())
    }
}

#[tokio::test]
async fn functions_that_are_one_operation_share_it_with_requests() {
    static RUNS: Runs = Runs::new();
    let answers = ai("one", roomy());
    let request = AiRequest::new("one.run", TEXT);
    let computed = answers.get_or_compute(&request, async || format!("{} of", RUNS.count()));
    let computed = computed.await;
    assert_eq!(one::first(TEXT).await, computed);
    assert_eq!(one::second(TEXT).await, computed);
    assert_eq!((RUNS.total(), one::RUNS.total()), (1, 0));
}
