//! What is kept, under whatever name it is returned.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use larder::cached;
use serde::{Deserialize, Serialize};

use crate::support::{Runs, make_room};

#[tokio::test]
async fn numbers_letters_and_truth() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn is_small(n: u64) -> bool {
        RUNS.count();
        n < 10
    }
    #[cached]
    async fn letter(n: u8) -> char {
        RUNS.count();
        char::from(b'a' + n)
    }
    #[cached]
    async fn ratio(left: u32, right: u32) -> f64 {
        RUNS.count();
        f64::from(left) / f64::from(right)
    }
    #[cached]
    async fn wide(n: i128) -> i128 {
        RUNS.count();
        n << 100
    }
    make_room();

    for _ in 0..2 {
        assert!(is_small(9).await);
        assert!(!is_small(10).await);
        assert_eq!(letter(0).await, 'a');
        assert_eq!(letter(25).await, 'z');
        assert!((ratio(1, 2).await - 0.5).abs() < f64::EPSILON);
        assert!(ratio(0, 0).await.is_nan());
        assert_eq!(wide(1).await, 1 << 100);
        assert_eq!(wide(-1).await, -1 << 100);
    }
    assert_eq!(RUNS.total(), 8);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Answer {
    Unknown,
    Short(String),
    Long { lines: Vec<String>, took: Duration },
    Nested(Box<Answer>),
}

#[tokio::test]
async fn an_enum_of_the_applications_own() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn answer(length: u8) -> Answer {
        RUNS.count();
        match length {
            0 => Answer::Unknown,
            1 => Answer::Short("yes".into()),
            2 => Answer::Long {
                lines: vec!["yes".into(), "no".into()],
                took: Duration::from_millis(7),
            },
            _ => Answer::Nested(Box::new(Answer::Unknown)),
        }
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(answer(0).await, Answer::Unknown);
        assert_eq!(answer(1).await, Answer::Short("yes".to_owned()));
        assert!(matches!(answer(2).await, Answer::Long { lines, .. } if lines.len() == 2));
        assert!(matches!(answer(3).await, Answer::Nested(inner) if *inner == Answer::Unknown));
    }
    assert_eq!(RUNS.total(), 4);
}

/// Not `Clone`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Page {
    number: u32,
}

#[tokio::test]
async fn a_value_behind_arc_that_cannot_be_cloned() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn plain(number: u32) -> Arc<Page> {
        RUNS.count();
        Arc::new(Page { number })
    }
    #[cached]
    async fn fallible(number: u32) -> Result<Arc<Page>, String> {
        RUNS.count();
        if number == 0 {
            return Err("none".into());
        }
        Ok(Page { number }.into())
    }
    #[cached]
    async fn optional(number: u32) -> Option<Arc<Page>> {
        RUNS.count();
        (number > 0).then(|| Arc::new(Page { number }))
    }
    #[cached]
    async fn both(number: u32) -> Result<Option<Arc<Page>>, String> {
        RUNS.count();
        Ok((number > 0).then_some(Page { number }).map(Into::into))
    }
    make_room();

    assert!(Arc::ptr_eq(&plain(1).await, &plain(1).await));
    assert_eq!(plain(2).await.number, 2);
    assert_eq!(RUNS.total(), 2);
    for _ in 0..2 {
        assert_eq!(fallible(0).await, Err("none".to_owned()));
        assert_eq!(optional(0).await, None);
        assert_eq!(both(0).await, Ok(None));
    }
    assert_eq!(RUNS.total(), 8);
    for _ in 0..2 {
        assert!(fallible(1).await.is_ok_and(|page| page.number == 1));
        assert!(optional(1).await.is_some_and(|page| page.number == 1));
        assert!(both(1).await.is_ok_and(|page| page.is_some()));
    }
    assert_eq!(RUNS.total(), 11);
}

#[tokio::test]
async fn results_and_options_in_options() {
    use Option as Maybe;

    static RUNS: Runs = Runs::new();
    #[cached]
    async fn option(n: u8) -> Maybe<Maybe<u8>> {
        RUNS.count();
        (n > 0).then(|| n.checked_sub(2))
    }
    #[cached]
    async fn result(digits: Option<&str>) -> Option<Result<u8, String>> {
        RUNS.count();
        digits.map(|digits| digits.parse().map_err(|_| digits.to_owned()))
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(option(0).await, None);
        assert_eq!(result(None).await, None);
    }
    assert_eq!(RUNS.total(), 4);
    for _ in 0..2 {
        assert_eq!(option(1).await, Some(None));
        assert_eq!(option(3).await, Some(Some(1)));
        assert_eq!(result(Some("1")).await, Some(Ok(1)));
        assert_eq!(result(Some("2")).await, Some(Ok(2)));
    }
    assert_eq!(RUNS.total(), 8);
    assert_eq!(result(Some("x")).await, Some(Err("x".to_owned())));
}

#[tokio::test]
async fn collections_and_texts_that_may_be_borrowed() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn lengths(words: &[&str]) -> HashMap<String, Vec<usize>> {
        RUNS.count();
        let lengths = words.iter().map(|word| ((*word).into(), vec![word.len()]));
        lengths.collect()
    }
    #[cached]
    async fn grid(of: u8) -> [BTreeMap<u8, (u8, char)>; 2] {
        RUNS.count();
        [[(of, (of, 'a'))].into(), [(0, (of, 'b'))].into()]
    }
    #[cached]
    async fn name(id: u32) -> Cow<'static, str> {
        RUNS.count();
        if id == 0 {
            "nobody".into()
        } else {
            id.to_string().into()
        }
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(lengths(&["a", "bc"]).await["bc"], [2]);
        assert_eq!(lengths(&["a"]).await.len(), 1);
        assert_eq!(grid(1).await[0][&1], (1, 'a'));
        assert_eq!(grid(2).await[1][&0], (2, 'b'));
        assert_eq!(name(0).await, "nobody");
        assert_eq!(name(1).await, "1");
    }
    assert_eq!(RUNS.total(), 6);
}
