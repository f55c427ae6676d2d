//! Which texts are the same in keys: `normalize = …`.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::borrow::Cow;
use std::sync::Arc;

use larder::{CacheConfig, KeyBuilder, TextNormalization, cached, call};
use support::map_store::MapStore;
use support::{Runs, register, register_over, roomy};

/// A letter with its accent, and the same letter composed.
const DECOMPOSED: &str = "cafe\u{301}";
const COMPOSED: &str = "caf\u{e9}";

#[tokio::test]
async fn texts_that_differ_in_what_does_not_count_are_one_call_and_the_body_gets_the_text_as_it_is()
{
    static RUNS: Runs = Runs::new();
    #[cached(kind = "alike", normalize = "trim")]
    async fn trimmed(text: &str) -> String {
        RUNS.count();
        text.to_owned()
    }
    #[cached(kind = "alike", normalize = "unicode", text = article)]
    async fn composed(article: String) -> String {
        RUNS.count();
        article
    }
    #[cached(kind = "alike", normalize = "none")]
    async fn as_it_is(text: Arc<str>) -> String {
        RUNS.count();
        text.to_string()
    }
    #[cached(kind = "alike")]
    async fn by_default(text: Cow<'_, str>) -> String {
        RUNS.count();
        text.into_owned()
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("alike", &store);

    for (text, runs, answer) in [
        (" ok \n", 1, " ok \n"),
        ("ok", 1, " ok \n"),
        ("\u{a0}ok", 1, " ok \n"),
        ("o k", 2, "o k"),
        ("OK", 3, "OK"),
        (DECOMPOSED, 4, DECOMPOSED),
        (COMPOSED, 5, COMPOSED),
    ] {
        assert_eq!(trimmed(text).await, answer);
        assert_eq!(RUNS.total(), runs, "{text:?}");
    }
    for (text, runs, answer) in [
        (DECOMPOSED, 6, DECOMPOSED),
        (COMPOSED, 6, DECOMPOSED),
        (DECOMPOSED, 6, DECOMPOSED),
        ("cafe", 7, "cafe"),
        (" cafe", 8, " cafe"),
    ] {
        assert_eq!(composed(text.to_owned()).await, answer);
        assert_eq!(RUNS.total(), runs, "{text:?}");
    }
    for (text, runs) in [("ok", 10), (" ok", 12), (COMPOSED, 14), (DECOMPOSED, 16)] {
        assert_eq!(as_it_is(text.into()).await, text);
        assert_eq!(by_default(text.into()).await, text);
        assert_eq!(RUNS.total(), runs, "{text:?}");
    }
    assert!(cache.flush(std::time::Duration::from_secs(1)).await);
    assert_eq!(store.entries.lock().expect("no panic").len(), 16);
}

#[tokio::test]
async fn the_text_that_is_one_by_itself_is_normalised_in_its_place_alone() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "ai", op = "by.itself", normalize = "trim")]
    async fn answer(prompt: &str, question: &str) -> String {
        RUNS.count();
        format!("{prompt}{question}")
    }
    register("ai", roomy().ai());

    answer("a ", "b").await;
    assert_eq!(answer(" a", "b").await, "a b");
    assert_eq!(RUNS.total(), 1);
    // Another argument counts as it is.
    answer("a", " b").await;
    assert_eq!(RUNS.total(), 2);
}

/// One function in three builds of a program: they never share an entry, though their texts and all
/// else are the same.
#[tokio::test]
async fn programs_with_other_policies_keep_to_themselves() {
    mod build_1 {
        #[larder::cached(kind = "builds", op = "echo")]
        pub(crate) async fn echo(text: &str) -> String {
            format!("1 {text}")
        }
    }
    let names = |normalization| {
        let config = CacheConfig::builder().build().expect("valid settings");
        let key = KeyBuilder::new(&config, "builds", "echo").expect("a key");
        let key = key.normalize(normalization).text("ok");
        key.build().expect("a name")
    };
    register_over("builds", &Arc::<MapStore>::default());

    let [none, trim, unicode] = [
        TextNormalization::None,
        TextNormalization::Trim,
        TextNormalization::Unicode,
    ]
    .map(names);
    assert_ne!(none, trim);
    assert_ne!(none, unicode);
    assert_ne!(trim, unicode);
    // What there was before there were policies has the names that it had.
    let config = CacheConfig::builder().build().expect("valid settings");
    let key = KeyBuilder::new(&config, "builds", "echo").expect("a key");
    assert_eq!(key.text("ok").build().expect("a name"), none);
    assert_eq!(call::key(build_1::echo("ok")).await, Some(none));
}

#[tokio::test]
async fn the_builder_of_keys_knows_what_the_attribute_says() {
    #[cached(kind = "built", op = "built.trim", normalize = "trim")]
    async fn trimmed(text: &str, words: u32) -> String {
        format!("{text} {words}")
    }
    #[cached(
        kind = "built",
        op = "built.unicode",
        normalize = "unicode",
        version = 2
    )]
    async fn composed(text: &str) -> String {
        text.to_owned()
    }
    #[cached(kind = "built", op = "built.none", normalize = "none")]
    async fn untouched(text: &str) -> String {
        text.to_owned()
    }
    register_over("built", &Arc::<MapStore>::default());
    let config = roomy().build().expect("valid settings");
    let builder = |operation| KeyBuilder::new(&config, "built", operation).expect("a key");

    let key = builder("built.trim").normalize(TextNormalization::Trim);
    let key = key.text("ok ").arg("words", &7_u32).build();
    assert_eq!(call::key(trimmed(" ok", 7)).await, key.ok());
    let key = builder("built.unicode").normalize(TextNormalization::Unicode);
    let key = key.text(COMPOSED).version(2).build();
    assert_eq!(call::key(composed(DECOMPOSED)).await, key.ok());
    let key = builder("built.none").text(DECOMPOSED).build();
    assert_eq!(call::key(untouched(DECOMPOSED)).await, key.ok());
    // Without a text there is nothing to normalise, and an attribute cannot say so.
    let key = |normalization| {
        let key = builder("built.none").normalize(normalization);
        key.arg("words", &7_u32).build().expect("a name")
    };
    assert_eq!(key(TextNormalization::Trim), key(TextNormalization::None));
}

#[test]
fn sites_say_what_counts_of_their_texts() {
    #[cached(kind = "described", op = "described.trim", normalize = "trim", local)]
    fn trimmed(text: &str) -> String {
        text.to_owned()
    }
    #[cached(kind = "described", op = "described.none", local)]
    fn untouched(text: &str) -> String {
        text.to_owned()
    }
    let said: Vec<_> = larder::sites()
        .filter(|site| site.kind() == "described")
        .map(|site| (site.operation(), site.normalization()))
        .collect();
    let expected = [
        ("described.none".to_owned(), TextNormalization::None),
        ("described.trim".to_owned(), TextNormalization::Trim),
    ];
    assert_eq!(said, expected);
    assert_eq!(trimmed(" "), untouched(" "));
}

#[test]
fn a_text_that_is_normalised_already_is_not_copied() {
    let long = "The sea was calm. ".repeat(100);
    for (normalization, text, copies) in [
        (TextNormalization::None, DECOMPOSED, false),
        (TextNormalization::Trim, " ok\n", false),
        (TextNormalization::Trim, DECOMPOSED, false),
        (TextNormalization::Unicode, " ok\n", false),
        (TextNormalization::Unicode, long.as_str(), false),
        (TextNormalization::Unicode, COMPOSED, false),
        (TextNormalization::Unicode, "日本語 한국어 ñ 🦀", false),
        // An accent that nothing takes up: only a second look tells that this is its normal form.
        (TextNormalization::Unicode, "x\u{301}", false),
        (TextNormalization::Unicode, DECOMPOSED, true),
        (TextNormalization::Unicode, "\u{212b}", true),
    ] {
        let normalized = normalization.normalized(text);
        let is_copied = matches!(normalized, Cow::Owned(_));
        assert_eq!(is_copied, copies, "{normalization:?} {text:?}");
        assert_eq!(normalization.normalized(&normalized), normalized);
        let allocations = allocation_counter::measure(|| {
            std::hint::black_box(normalization.normalized(std::hint::black_box(text)));
        });
        assert_eq!(
            allocations.count_total > 0,
            copies,
            "{normalization:?} {text:?}"
        );
    }
}
