//! What is kept, under whatever name it is returned.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
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

/// How many applications name their results: only the value is written.
mod store {
    #[derive(Debug, PartialEq)]
    pub(super) enum Error {
        Missing(u32),
        Number(std::num::ParseIntError),
    }

    impl From<std::num::ParseIntError> for Error {
        fn from(error: std::num::ParseIntError) -> Self {
            Self::Number(error)
        }
    }

    pub(super) type Result<T> = std::result::Result<T, Error>;

    pub(super) mod rows {
        use super::{Error, Result};

        #[larder::cached]
        pub(in super::super) async fn row(id: &str) -> Result<String> {
            crate::values::ROWS.count();
            let id = id.parse()?;
            if id == 0 {
                return Err(Error::Missing(id));
            }
            Ok(format!("row {id}"))
        }

        #[larder::cached]
        pub(in super::super) async fn newest(table: &str) -> Result<Option<u32>> {
            crate::values::ROWS.count();
            if table.is_empty() {
                return Ok(None);
            }
            Ok(Some(table.parse()?))
        }
    }
}

static ROWS: Runs = Runs::new();

#[tokio::test]
async fn a_result_with_the_error_of_its_module() {
    use store::Error;
    use store::rows::{newest, row};
    make_room();

    for _ in 0..2 {
        assert!(matches!(row("x").await, Err(Error::Number(_))));
        assert_eq!(row("0").await, Err(Error::Missing(0)));
        assert_eq!(newest("").await, Ok(None));
    }
    assert_eq!(ROWS.total(), 6);
    for _ in 0..2 {
        assert_eq!(row("1").await.as_deref(), Ok("row 1"));
        assert_eq!(row("2").await.as_deref(), Ok("row 2"));
        assert_eq!(newest("7").await, Ok(Some(7)));
    }
    assert_eq!(ROWS.total(), 9);
}

type Tried<T, E = Box<dyn Error + Send + Sync>> = Result<T, E>;

#[tokio::test]
async fn an_alias_with_an_error_by_default() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn number(digits: &str) -> Tried<NonZeroU32> {
        RUNS.count();
        if digits == "-" {
            return Err("a sign is no number".into());
        }
        let number: u32 = digits.parse()?;
        NonZeroU32::new(number).ok_or_else(|| "zero".into())
    }
    let shown = async |digits| number(digits).await.map_err(|error| error.to_string());
    make_room();

    assert_eq!(shown("-").await, Err("a sign is no number".to_owned()));
    assert_eq!(shown("0").await, Err("zero".to_owned()));
    assert!(shown("x").await.is_err());
    assert!(shown("x").await.is_err());
    assert_eq!(RUNS.total(), 4);
    for _ in 0..2 {
        assert_eq!(shown("1").await, Ok(NonZeroU32::MIN));
        assert_eq!(shown("2").await.map(NonZeroU32::get), Ok(2));
    }
    assert_eq!(RUNS.total(), 6);
}

/// Like the error of `anyhow`: made of every error, and itself none.
struct Report(Box<dyn Error + Send + Sync>);

impl<E: Error + Send + Sync + 'static> From<E> for Report {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[tokio::test]
async fn an_error_that_is_made_of_every_error() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn sum(numbers: &[u8]) -> Result<u32, Report> {
        RUNS.count();
        let text = std::str::from_utf8(numbers)?;
        let numbers = text.split(' ').map(str::parse);
        let numbers: Vec<u32> = numbers.collect::<Result<_, _>>()?;
        if numbers.len() > 3 {
            return Err(fmt::Error.into());
        }
        Ok(numbers.into_iter().sum())
    }
    make_room();

    for _ in 0..2 {
        assert!(sum(b"1 x").await.is_err());
        assert!(sum(&[0xff]).await.is_err());
        assert!(sum(b"1 2 3 4").await.is_err());
    }
    assert_eq!(RUNS.total(), 6);
    for _ in 0..2 {
        assert!(matches!(sum(b"1 2").await, Ok(3)));
        assert!(matches!(sum(b"7").await, Ok(7)));
    }
    assert_eq!(RUNS.total(), 8);
}

#[tokio::test]
async fn a_success_without_a_value() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn check(name: &str) -> Result<(), String> {
        RUNS.count();
        if name.is_empty() {
            return Err("empty".into());
        }
        Ok(())
    }
    #[cached]
    async fn found(name: &str) -> Option<()> {
        RUNS.count();
        name.find('a')?;
        Some(())
    }
    make_room();

    for _ in 0..2 {
        assert!(check("").await.is_err());
        assert!(found("b").await.is_none());
    }
    assert_eq!(RUNS.total(), 4);
    for _ in 0..2 {
        assert!(check("a").await.is_ok());
        assert!(check("b").await.is_ok());
        assert!(found("a").await.is_some());
    }
    assert_eq!(RUNS.total(), 7);
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
