//! Errors, and the many names of a `Result`.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;

use larder::cached;

use crate::support::{Runs, make_room};

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
            crate::errors::ROWS.count();
            let id = id.parse()?;
            if id == 0 {
                return Err(Error::Missing(id));
            }
            Ok(format!("row {id}"))
        }

        #[larder::cached]
        pub(in super::super) async fn newest(table: &str) -> Result<Option<u32>> {
            crate::errors::ROWS.count();
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
