//! Answers that know themselves whether they are to be kept.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use larder::{Cache, Cacheable, cached, call};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use support::map_store::MapStore;
use support::{Runs, register, roomy};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Completion {
    text: String,
    finish_reason: String,
}

impl Completion {
    fn of(finish_reason: &str) -> Self {
        Self {
            text: "The sea was calm.".to_owned(),
            finish_reason: finish_reason.to_owned(),
        }
    }
}

impl Cacheable for Completion {
    fn is_cacheable(&self) -> bool {
        assert_ne!(self.finish_reason, "panic", "on purpose");
        self.finish_reason == "stop"
    }
}

/// Says nothing about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Untold(String);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A cache with settings for language models over a store.
fn register_ai(kind: &str) -> (Cache, Arc<MapStore>) {
    let store = Arc::<MapStore>::default();
    let config = roomy().ai().build().expect("valid settings");
    let cache = Cache::builder(kind, &config).store(store.clone()).build();
    let cache = cache.expect("a cache");
    larder::register(cache.clone());
    (cache, store)
}

#[tokio::test]
async fn an_incomplete_answer_is_in_no_tier_whatever_the_function_returns() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "incomplete")]
    async fn plainly(reason: &str) -> Completion {
        RUNS.count();
        Completion::of(reason)
    }
    #[cached(kind = "incomplete")]
    async fn fallibly(reason: &str) -> Result<Completion, Failure> {
        RUNS.count();
        Ok(Completion::of(reason))
    }
    #[cached(kind = "incomplete")]
    async fn clonable(reason: &str) -> Result<Completion, String> {
        RUNS.count();
        Ok(Completion::of(reason))
    }
    #[cached(kind = "incomplete")]
    async fn optionally(reason: &str) -> Result<Option<Completion>, Failure> {
        RUNS.count();
        Ok(Some(Completion::of(reason)))
    }
    #[cached(kind = "incomplete")]
    async fn maybe(reason: &str) -> Option<Completion> {
        RUNS.count();
        Some(Completion::of(reason))
    }
    #[cached(kind = "incomplete")]
    async fn shared(reason: &str) -> Result<Arc<Completion>, String> {
        RUNS.count();
        Ok(Arc::new(Completion::of(reason)))
    }
    #[cached(kind = "incomplete")]
    async fn listed(reason: &str) -> Vec<Completion> {
        RUNS.count();
        vec![Completion::of("stop"), Completion::of(reason)]
    }
    #[cached(kind = "incomplete", local)]
    fn locally(reason: &str) -> Result<Completion, String> {
        RUNS.count();
        Ok(Completion::of(reason))
    }
    #[cached(kind = "incomplete", share_errors, timeout(hard = "1m"))]
    async fn demanding(reason: &str) -> anyhow::Result<Completion> {
        RUNS.count();
        Ok(Completion::of(reason))
    }
    #[cached(kind = "incomplete", detach, err_ttl = "1m")]
    async fn detached(reason: String) -> Result<Completion, String> {
        RUNS.count();
        Ok(Completion::of(&reason))
    }
    #[cached(kind = "incomplete")]
    fn in_a_future(reason: &str) -> impl Future<Output = Completion> + use<> {
        let answer = Completion::of(reason);
        async move {
            RUNS.count();
            answer
        }
    }
    let (cache, store) = register_ai("incomplete");

    let mut expected = 0;
    for (is_kept, reason) in [(false, "length"), (false, "content_filter"), (true, "stop")] {
        for attempt in 0..2 {
            if attempt == 0 || !is_kept {
                expected += 11;
            }
            let answer = Completion::of(reason);
            assert_eq!(plainly(reason).await, answer);
            assert_eq!(fallibly(reason).await.expect("an answer"), answer);
            assert_eq!(clonable(reason).await.expect("an answer"), answer);
            assert_eq!(
                optionally(reason).await.expect("an answer"),
                Some(answer.clone())
            );
            assert_eq!(maybe(reason).await, Some(answer.clone()));
            assert_eq!(*shared(reason).await.expect("an answer"), answer);
            assert_eq!(listed(reason).await.last(), Some(&answer));
            assert_eq!(locally(reason).expect("an answer"), answer);
            assert_eq!(demanding(reason).await.expect("an answer"), answer);
            let owned = reason.to_owned();
            assert_eq!(detached(owned).await.expect("an answer"), answer);
            assert_eq!(in_a_future(reason).await, answer);
            assert_eq!(RUNS.total(), expected, "{reason}");
        }
    }
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(store.entries.lock().expect("no panic").len(), 10);
    let stats = cache.stats();
    assert_eq!(
        (stats.computed, stats.not_kept, stats.rule_panics),
        (11, 44, 0)
    );
}

#[tokio::test]
async fn other_kinds_ask_only_with_settings_for_language_models() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "unasked")]
    async fn unasked(reason: &str) -> Completion {
        RUNS.count();
        Completion::of(reason)
    }
    #[cached(kind = "unasked", cache_if = Cacheable::is_cacheable)]
    async fn asked_by_the_attribute(reason: &str) -> Completion {
        RUNS.count();
        Completion::of(reason)
    }
    register("unasked", roomy());

    assert_eq!(unasked("length").await, unasked("length").await);
    assert_eq!(RUNS.total(), 1);
    asked_by_the_attribute("length").await;
    asked_by_the_attribute("length").await;
    assert_eq!(RUNS.total(), 3);

    // What the kind is, is found out while the program runs.
    let (_cache, _store) = register_ai("unasked");
    unasked("length").await;
    unasked("length").await;
    assert_eq!(RUNS.total(), 5);
}

#[tokio::test]
async fn the_kind_ai_asks_with_and_without_settings() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "ai")]
    async fn answer(reason: &str) -> Completion {
        RUNS.count();
        Completion::of(reason)
    }
    for config in [roomy(), roomy().ai()] {
        register("ai", config);
        let before = RUNS.total();
        for reason in ["length", "length", "stop", "stop"] {
            answer(reason).await;
        }
        assert_eq!(RUNS.total() - before, 3);
    }
}

#[tokio::test]
async fn what_does_not_say_whether_it_is_to_be_kept_is_kept_as_ever() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "untold")]
    async fn untold(_id: u32) -> Untold {
        RUNS.count();
        Untold(String::new())
    }
    #[cached(kind = "untold")]
    async fn untold_list(_id: u32) -> Result<Vec<Untold>, String> {
        RUNS.count();
        Ok(Vec::new())
    }
    #[cached(kind = "untold", value = plain)]
    async fn whatever_it_is(_id: u32) -> Option<Completion> {
        RUNS.count();
        None
    }
    #[cached(kind = "untold", none_ttl = "1m")]
    async fn nothing(_id: u32) -> Option<Completion> {
        RUNS.count();
        None
    }
    register_ai("untold");

    for _ in 0..2 {
        assert_eq!(untold(1).await, Untold(String::new()));
        assert_eq!(untold_list(1).await.as_deref(), Ok([].as_slice()));
        assert_eq!(whatever_it_is(1).await, None);
        assert_eq!(nothing(1).await, None);
        assert_eq!(RUNS.total(), 4);
    }
}

#[tokio::test]
async fn a_stream_without_a_chunk_is_no_answer_and_chunks_are_not_asked_one_by_one() {
    static RUNS: Runs = Runs::new();
    type Chunks = Vec<Completion>;
    #[cached(kind = "chunks")]
    fn told(reasons: &str) -> impl Stream<Item = Result<Completion, Infallible>> {
        RUNS.count();
        let chunks: Chunks = reasons.split_whitespace().map(Completion::of).collect();
        stream::iter(chunks).map(Ok)
    }
    #[cached(kind = "chunks.elsewhere")]
    fn told_elsewhere(reasons: &str) -> impl Stream<Item = Result<Completion, Infallible>> {
        RUNS.count();
        let chunks: Chunks = reasons.split_whitespace().map(Completion::of).collect();
        stream::iter(chunks).map(Ok)
    }
    let (cache, store) = register_ai("chunks");
    register("chunks.elsewhere", roomy());

    for (reasons, runs) in [("", 2), ("", 3), ("length stop", 5), ("length stop", 5)] {
        let chunks: Chunks = told(reasons).try_collect().await.expect("infallible");
        assert_eq!(chunks.len(), reasons.split_whitespace().count());
        let elsewhere: Chunks = told_elsewhere(reasons)
            .try_collect()
            .await
            .expect("infallible");
        assert_eq!(elsewhere, chunks);
        assert_eq!(RUNS.total(), runs, "{reasons:?}");
    }
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(store.entries.lock().expect("no panic").len(), 1);
    assert_eq!((cache.stats().computed, cache.stats().not_kept), (1, 2));
}

#[tokio::test]
async fn a_generic_function_sees_the_bound_alone() {
    static RUNS: Runs = Runs::new();
    fn answer<T: DeserializeOwned>() -> Result<T, String> {
        RUNS.count();
        let answer = json!({ "text": "", "finish_reason": "length" });
        serde_json::from_value(answer).map_err(|error| error.to_string())
    }
    #[cached(kind = "bound")]
    async fn bound<T>() -> Result<T, String>
    where
        T: Cacheable + Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
    {
        answer()
    }
    #[cached(kind = "bound")]
    async fn unbound<T>() -> Result<T, String>
    where
        T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
    {
        answer()
    }
    register_ai("bound");

    bound::<Completion>().await.expect("an answer");
    bound::<Completion>().await.expect("an answer");
    assert_eq!(RUNS.total(), 2);
    unbound::<Completion>().await.expect("an answer");
    unbound::<Completion>().await.expect("an answer");
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn callers_that_waited_for_an_incomplete_answer_take_it() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "waiting")]
    async fn cut(_id: u32) -> Completion {
        RUNS.count();
        tokio::task::yield_now().await;
        Completion::of("length")
    }
    let (cache, _store) = register_ai("waiting");

    let answers = tokio::join!(cut(1), cut(1), cut(1));
    assert_eq!(answers.0, answers.2);
    assert_eq!(RUNS.total(), 1);
    assert_eq!((cache.stats().not_kept, cache.stats().joined), (1, 2));
    let again = call::outcome(cut(1)).await;
    assert_eq!(again.origin, call::Origin::Computed);
}

#[tokio::test]
async fn a_panic_of_the_answer_is_contained() {
    #[cached(kind = "panicking")]
    async fn panicking(reason: &str) -> Completion {
        Completion::of(reason)
    }
    let (cache, _store) = register_ai("panicking");

    for _ in 0..2 {
        assert_eq!(panicking("panic").await, Completion::of("panic"));
    }
    let stats = cache.stats();
    assert_eq!((stats.not_kept, stats.rule_panics), (2, 2));
}

#[tokio::test]
async fn an_answer_that_the_attribute_refuses_is_not_asked() {
    #[cached(kind = "refused.first", cache_if = |_| false)]
    async fn refused(reason: &str) -> Completion {
        Completion::of(reason)
    }
    let (cache, _store) = register_ai("refused.first");

    refused("panic").await;
    assert_eq!((cache.stats().not_kept, cache.stats().rule_panics), (1, 0));
}

#[test]
fn types_of_the_standard_library_are_kept_unless_they_are_empty() {
    fn check<T: Cacheable + ?Sized>(answer: &T, is_kept: bool, what: &str) {
        assert_eq!(answer.is_cacheable(), is_kept, "{what}");
    }
    for (text, is_kept) in [
        ("", false),
        (" \n\t\u{a0}", false),
        ("a", true),
        (" 0 ", true),
    ] {
        check(text, is_kept, text);
        check(&text, is_kept, text);
        check(&text.to_owned(), is_kept, text);
        check(&Box::<str>::from(text), is_kept, text);
        check(&Arc::<str>::from(text), is_kept, text);
        check(&Cow::Borrowed(text), is_kept, text);
        check(&Some(text), is_kept, text);
        check(&Arc::new(Box::new(Some(text))), is_kept, text);
        check(&vec![text], is_kept, text);
        check(&[text, text], is_kept, text);
        check(&json!(text), is_kept, text);
    }
    check::<Vec<u8>>(&vec![], false, "an empty list");
    check::<[u8]>(&[], false, "an empty slice");
    check(&vec![0_u8], true, "a list of numbers");
    check(&vec!["a", ""], false, "a list with an empty text");
    check(
        &VecDeque::from(["a", ""]),
        false,
        "a queue with an empty text",
    );
    check(&VecDeque::from(["a"]), true, "a queue");
    check(&None::<u8>, false, "nothing");
    check(&HashMap::<u8, Untold>::new(), false, "an empty map");
    check(&HashMap::from([(1, Untold(String::new()))]), true, "a map");
    check(&BTreeMap::<u8, u8>::new(), false, "an empty map");
    check(&BTreeMap::from([(1, 1)]), true, "a map");
    check(&HashSet::<u8>::new(), false, "an empty set");
    check(&BTreeSet::from([1]), true, "a set");
    for (value, is_kept) in [
        (json!(null), false),
        (json!(" "), false),
        (json!([]), false),
        (json!({}), false),
        (json!(false), true),
        (json!(0), true),
        (json!([null]), true),
        (json!({ "choices": [] }), true),
    ] {
        check(&value, is_kept, &value.to_string());
    }
    check(&(), true, "()");
    check(&false, true, "false");
    check(&'\0', true, "a character");
    check(&(0_u8, 0_i128).0, true, "zero");
    check(&f64::NAN, true, "a float");
}
