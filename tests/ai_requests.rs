//! What can be asked of a language model, and what cannot.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::call::{self, MissReason, Origin};
use larder::{
    AiCache, AiRequest, Cache, CacheConfigBuilder, Cacheable, Codec, EventFilter, EventKind,
    Happened,
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use support::map_store::MapStore;
use support::{Log, Runs, register, register_over, roomy};

const TEXT: &str = "The sea was calm.";

fn words(max_words: u32) -> AiRequest<'static> {
    AiRequest::new("summarize", TEXT).option("max_words", &max_words)
}

fn ai(kind: &str, config: CacheConfigBuilder) -> AiCache {
    register(kind, config).ai()
}

struct Refusing {
    _part: u8,
}

const REFUSING: Refusing = Refusing { _part: 0 };

impl Serialize for Refusing {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("secret"))
    }
}

#[derive(Serialize)]
enum Choice {
    Unit,
    Struct { a: u8 },
    Newtype(u8),
    Tuple(u8, u8),
}

#[derive(Serialize)]
struct Pair(u8, u8);

#[derive(Serialize)]
struct One {
    a: u8,
}

/// With the beginning of what is told of each.
fn bad_requests() -> Vec<(AiRequest<'static>, String)> {
    let request = || AiRequest::new("summarize", TEXT);
    let nameless = BTreeMap::from([(1, "secret")]);
    let refusing = BTreeMap::from([("a", REFUSING)]);
    let variant = "options of a request: found a variant of an enum";
    let refused = "options of a request: found a value that refuses to be serialized";
    let twice = "options of a request: found a name twice";
    let one = One { a: 1 };
    let bad = [
        (
            AiRequest::new("summarize", ""),
            "text of a request: found none",
        ),
        (
            AiRequest::new("", TEXT),
            "operation of a request: found none",
        ),
        (
            AiRequest::new(" \n", TEXT),
            "operation of a request: found none",
        ),
        (
            request().options(&7),
            "options of a request: found a number",
        ),
        (
            request().options(&0.5),
            "options of a request: found a number",
        ),
        (
            request().options("secret"),
            "options of a request: found a text",
        ),
        (
            request().options(&'s'),
            "options of a request: found a text",
        ),
        (
            request().options(&true),
            "options of a request: found a truth value",
        ),
        (
            request().options(&[1, 2]),
            "options of a request: found a tuple",
        ),
        (
            request().options(&vec![("a", 1)]),
            "options of a request: found a sequence",
        ),
        (
            request().options(&json!([1])),
            "options of a request: found a sequence",
        ),
        (
            request().options(&Pair(1, 2)),
            "options of a request: found a tuple",
        ),
        (request().options(&Choice::Unit), variant),
        (request().options(&Choice::Struct { a: 1 }), variant),
        (request().options(&Choice::Newtype(1)), variant),
        (request().options(&Choice::Tuple(1, 2)), variant),
        (
            request().options(&nameless),
            "options of a request: found a map whose keys are not texts",
        ),
        (request().options(&REFUSING), refused),
        (request().options(&refusing), refused),
        (request().option("secret", &1).option("secret", &1), twice),
        (request().options(&one).options(&one), twice),
        (
            request().question("a").question("a"),
            "question of a request: found a second one",
        ),
        (
            request().question(&REFUSING),
            "question of a request: found the value refused to be serialized",
        ),
    ];
    let bad = bad.into_iter();
    bad.map(|(request, expected)| (request, format!("the {expected}")))
        .collect()
}

#[tokio::test]
async fn what_cannot_be_a_request_is_told_by_store_and_computed_each_time() {
    static RUNS: Runs = Runs::new();
    let answers = ai("rejecting", roomy().ai());
    let bad = bad_requests();
    let cases = bad.len();
    for (request, expected) in bad {
        let error = answers.store(&request, 1).await.expect_err(&expected);
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        let told = request.clone().checked().expect_err(&expected).to_string();
        assert_eq!(told, error.to_string());
        assert_eq!(answers.lookup::<usize>(&request).await, None, "{expected}");
        assert!(!answers.remove(&request).await);
        assert_eq!(answers.key(&request), None);
        for _ in 0..2 {
            let before = RUNS.total();
            let run = answers.get_or_compute(&request, async || RUNS.count());
            let found = call::outcome(run).await;
            assert_eq!((found.value, found.origin), (before + 1, Origin::Uncached));
            assert_eq!(found.miss, Some(MissReason::NoKey));
        }
    }
    assert_eq!(answers.cache().stats().no_key, 3 * cases as u64);
    assert_eq!(answers.cache().size(), 0);
}

#[test]
fn the_name_of_an_operation_is_bounded() {
    let long = "o".repeat(1025);
    assert!(AiRequest::new(&long[1..], TEXT).checked().is_ok());
    let error = AiRequest::new(&long, TEXT).checked().expect_err("too long");
    let expected = "the operation of a request: found a name of 1025 bytes";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_stays_in_memory() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Unwritable(u8);
    impl Cacheable for Unwritable {
        fn is_cacheable(&self) -> bool {
            true
        }
    }
    impl Serialize for Unwritable {
        fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let store = Arc::<MapStore>::default();
    let answers = register_over("unwritable", &store).ai();
    answers
        .store(&words(1), Unwritable(1))
        .await
        .expect("a request");
    assert_eq!(answers.lookup(&words(1)).await, Some(Unwritable(1)));
    let computed = answers
        .get_or_compute(&words(2), async || Unwritable(2))
        .await;
    assert_eq!(computed, Unwritable(2));
    assert_eq!(answers.lookup(&words(2)).await, Some(Unwritable(2)));
    assert!(answers.cache().flush(Duration::from_secs(5)).await);
    assert_eq!(store.keys_of_entries(), [""; 0]);
    assert_eq!(answers.cache().stats().unserializable_values, 2);
}

#[tokio::test]
async fn a_confidence_that_is_no_number_is_that_or_is_asked_for_again() {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Scored {
        text: String,
        confidence: f64,
    }
    impl Cacheable for Scored {
        fn is_cacheable(&self) -> bool {
            true
        }
    }
    // JSON has no such number: what it writes is no confidence, and so a miss.
    for (codec, is_found) in [(Codec::MessagePack, true), (Codec::Json, false)] {
        let store = Arc::<MapStore>::default();
        let process = || {
            let config = roomy().codec(codec).build().expect("valid settings");
            let cache = Cache::builder("scored", &config).store(store.clone());
            cache.build().expect("a cache").ai()
        };
        let answer = Scored {
            text: "calm".to_owned(),
            confidence: f64::NAN,
        };
        let first = process();
        let stored = first.store(&words(1), answer.clone()).await;
        stored.expect("a request");
        let found = first.lookup::<Scored>(&words(1)).await;
        assert!(found.is_some_and(|it| it.confidence.is_nan()));
        assert!(first.cache().flush(Duration::from_secs(5)).await);
        let found = process().lookup::<Scored>(&words(1)).await;
        assert_eq!(found.is_some(), is_found, "{codec:?}");
        assert!(found.is_none_or(|it| it.confidence.is_nan() && it.text == "calm"));
        let again = process();
        let request = words(1);
        let again = again.get_or_compute(&request, async || answer.clone());
        assert!(again.await.confidence.is_nan());
    }
}

#[tokio::test]
async fn an_option_that_is_no_number_is_one_as_any_other() {
    let answers = ai("numberless", roomy());
    let request = |value: f64| AiRequest::new("score", TEXT).option("threshold", &value);
    for (number, value) in [f64::NAN, 0.0, -0.0, f64::INFINITY].into_iter().enumerate() {
        for _ in 0..2 {
            let request = request(value);
            let found = answers.get_or_compute(&request, async || number);
            assert_eq!(found.await, number, "{value}");
        }
    }
    // There is one of them, whatever its bits.
    assert_eq!(answers.lookup(&request(-f64::NAN)).await, Some(0_usize));
    assert_eq!(answers.cache().stats().computed, 4);
}

#[tokio::test]
async fn listeners_hear_of_what_is_no_request() {
    let answers = ai("overheard", roomy());
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let listener = heard.clone();
    let filter = EventFilter::all().only([EventKind::Miss]);
    answers.cache().on_event(filter, move |event| {
        if let Happened::Miss { ending, .. } = event.what() {
            listener.lock().expect("no panic").push(ending.to_string());
        }
    });
    let none = AiRequest::new("summarize", "");
    assert_eq!(answers.get_or_compute(&none, async || 1).await, 1);
    assert_eq!(answers.lookup::<i32>(&none).await, None);
    assert_eq!(answers.lookup::<i32>(&words(1)).await, None);
    answers.cache().flush_events().await;
    let heard = heard.lock().expect("no panic");
    assert_eq!(*heard, ["no_key", "no_key", "missed"]);
    assert_eq!(answers.cache().stats().misses, 3);
}

#[tokio::test]
async fn a_text_that_is_too_long_goes_past_the_cache() {
    static RUNS: Runs = Runs::new();
    let answers = ai("lengthy", roomy().ai().max_text_length(4));
    // Characters count, not bytes.
    for (text, is_kept) in [("äöüß", true), ("abcde", false)] {
        let request = AiRequest::new("summarize", text);
        let run = || answers.get_or_compute(&request, async || RUNS.count());
        let first = call::outcome(run()).await;
        assert_eq!(run().await == first.value, is_kept, "{text}");
        assert_eq!(first.miss == Some(MissReason::TextTooLong), !is_kept);
        assert_eq!(first.text_length, Some(text.chars().count()));
        answers.store(&request, 0_usize).await.expect("a request");
        let found = answers.lookup::<usize>(&request).await;
        assert_eq!(found, is_kept.then_some(0));
        assert_eq!(answers.key(&request).is_some(), is_kept);
        assert_eq!(answers.remove(&request).await, is_kept);
    }
    // Two computations, what was stored, and a look-up.
    assert_eq!(answers.cache().stats().text_too_long, 4);
}

#[tokio::test]
async fn different_requests_are_bounded_and_what_is_more_is_not_kept() {
    const MOST: usize = 10_000;
    let (log, _guard) = Log::collect_warnings_here();
    let answers = ai("bounded", roomy());
    let names: Vec<String> = (0..=MOST).map(|number| format!("op{number}")).collect();
    for name in &names {
        let found = answers.lookup::<u32>(&AiRequest::new(name, TEXT)).await;
        assert_eq!(found, None);
    }
    let [first, .., one_more] = &names[..] else {
        panic!("there are many");
    };
    for (name, is_kept) in [(first, true), (one_more, false)] {
        let request = AiRequest::new(name, TEXT);
        answers.store(&request, 1_u32).await.expect("a request");
        assert_eq!(answers.lookup::<u32>(&request).await.is_some(), is_kept);
        assert_eq!(answers.get_or_compute(&request, async || 1_u32).await, 1);
    }
    // Other texts are no different requests.
    let request = AiRequest::new(first, "another text");
    answers.store(&request, 2_u32).await.expect("a request");
    assert_eq!(answers.lookup(&request).await, Some(2_u32));
    assert_eq!(answers.cache().stats().no_key, 4);
    let lines = log.lines();
    let told = lines
        .iter()
        .filter(|line| line.contains("too many different requests"));
    assert_eq!(told.count(), 1, "{lines:?}");
}

#[tokio::test]
async fn texts_of_any_length_and_alphabet_are_kept_apart() {
    let store = Arc::<MapStore>::default();
    let answers = register_over("alphabets", &store).ai();
    let long = "ä".repeat(300_000);
    let longer = format!("{long}ä");
    let texts = [
        "a", "A", " a", "a ", "ａ", "é", "e\u{301}", "\0", "|", "a|opts:", "%", "%7c", "漢字",
        "🦀", "hash:", "\u{feff}", &long, &longer,
    ];
    for _ in 0..2 {
        for (number, text) in texts.iter().enumerate() {
            let request = AiRequest::new("sum|marize é", text);
            let found = answers.get_or_compute(&request, async || number).await;
            assert_eq!(found, number);
        }
    }
    assert_eq!(answers.cache().stats().computed, texts.len() as u64);
    assert!(answers.cache().flush(Duration::from_secs(5)).await);
    assert_eq!(store.keys_of_entries().len(), texts.len());
    let answers = register_over("alphabets", &store).ai();
    for (number, text) in texts.iter().enumerate() {
        let request = AiRequest::new("sum|marize é", text);
        assert_eq!(answers.lookup(&request).await, Some(number));
    }
    assert_eq!(
        answers.remove_operation("sum|marize é").await,
        texts.len() as u64
    );
}

#[tokio::test]
async fn nothing_of_a_request_is_shown() {
    let answers = ai("silent", roomy().ai());
    let request = AiRequest::new("summarize", "secret")
        .option("secret", "secret")
        .question("secret")
        .version("secret");
    let shown = format!("{request:?} {answers:?}");
    assert!(shown.contains("summarize"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}
