//! Attributes beside ours, and lints that must not take the expansion for the user's code.
#![warn(
    clippy::async_yields_async,
    clippy::items_after_statements,
    clippy::let_unit_value,
    clippy::no_effect_underscore_binding,
    clippy::shadow_unrelated,
    clippy::too_many_lines,
    clippy::unused_async,
    clippy::used_underscore_binding,
    let_underscore_drop,
    missing_docs,
    single_use_lifetimes,
    unreachable_code,
    unused_lifetimes,
    unused_qualifications,
    variant_size_differences
)]

use larder::cached;

use crate::support::{Runs, make_room};

static RUNS: Runs = Runs::new();

/// The length of a text.
///
/// # Errors
/// For an empty text.
#[must_use = "it took long"]
#[allow(clippy::len_zero, reason = "to see that it is still allowed")]
#[cached(ttl = "90s")]
#[inline]
#[doc(alias = "len")]
pub(crate) async fn length(text: &str) -> Option<usize> {
    RUNS.count();
    (text.len() > 0).then_some(text.len())
}

#[tokio::test]
async fn attributes_and_documentation_stay() {
    make_room();

    assert_eq!(length("abc").await, Some(3));
    assert_eq!(length("abc").await, Some(3));
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn an_attribute_inside_the_body_stays() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn first(words: &[&str]) -> Option<String> {
        #![allow(clippy::get_first, reason = "to see that it is still allowed")]
        RUNS.count();
        words.get(0).map(ToString::to_string)
    }
    make_room();

    assert_eq!(first(&["a"]).await.as_deref(), Some("a"));
    assert_eq!(first(&["a"]).await.as_deref(), Some("a"));
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn items_come_first_in_a_body() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn scaled(_version: u32, n: u32) -> u32 {
        use std::ops::Mul;
        static FACTOR: u32 = 3;
        fn scale(n: u32) -> u32 {
            n.mul(FACTOR)
        }
        RUNS.count();
        scale(n)
    }
    make_room();

    assert_eq!(scaled(0, 2).await, 6);
    assert_eq!(scaled(0, 2).await, 6);
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_body_without_an_end_of_its_own() {
    #[cached]
    async fn unfinished(n: u32) -> Vec<u32> {
        panic!("no answer to {n}")
    }
    #[cached]
    async fn returning(n: u32) -> Result<u32, String> {
        if n > 0 {
            return Ok(n);
        }
        return_early().map(|()| 0)
    }
    fn return_early() -> Result<(), String> {
        Err("zero".to_owned())
    }
    make_room();

    assert!(tokio::spawn(unfinished(1)).await.is_err());
    assert_eq!(returning(0).await, Err("zero".to_owned()));
    assert_eq!(returning(1).await, Ok(1));
}

mod deprecated {
    #[deprecated(note = "to see that a call says so, and the function itself does not")]
    #[larder::cached]
    pub(super) async fn old(n: u32) -> u32 {
        super::OLD_RUNS.count();
        n
    }
}

static OLD_RUNS: Runs = Runs::new();

#[tokio::test]
#[expect(deprecated, reason = "the attribute stays")]
async fn a_deprecated_function() {
    make_room();

    assert_eq!(deprecated::old(1).await, 1);
    assert_eq!(deprecated::old(1).await, 1);
    assert_eq!(OLD_RUNS.total(), 1);
}

#[tokio::test]
async fn a_body_on_one_line_has_no_unnecessary_braces() {
    #[cached]
    #[rustfmt::skip]
    async fn next(n: u32) -> u32 { n + 1 }
    make_room();

    assert_eq!(next(1).await, 2);
    assert_eq!(next(1).await, 2);
}

#[tokio::test]
async fn a_name_with_an_underscore_in_a_text_is_not_used_by_us() {
    static RUNS: Runs = Runs::new();
    #[cached(text = _question, op = "lints.asked")]
    async fn asked(_question: &str, _version: u32) -> u32 {
        RUNS.count();
        7
    }
    make_room();

    assert_eq!(asked("a", 1).await, 7);
    assert_eq!(asked("a", 1).await, 7);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(asked("b", 1).await, 7);
    assert_eq!(RUNS.total(), 2);
}
