//! Types of results: what is kept is decided by the type, under whatever name.

use std::error::Error;
use std::fmt;
use std::num::ParseIntError;
use std::sync::Arc;

use larder::cached;
use serde::{Deserialize, Serialize};

use crate::support::{Runs, make_room};

type Parsed<T> = Result<T, ParseIntError>;

#[tokio::test]
async fn an_alias_of_result() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn number(digits: &str) -> Parsed<u32> {
        RUNS.count();
        digits.parse()
    }
    make_room();

    assert!(number("x").await.is_err());
    assert!(number("x").await.is_err());
    assert_eq!(RUNS.total(), 2);
    assert_eq!(number("1").await, Ok(1));
    assert_eq!(number("1").await, Ok(1));
    assert_eq!(RUNS.total(), 3);
}

/// Neither `Clone` nor known to serde.
#[derive(Debug)]
enum Failure {
    Parse(ParseIntError),
    Other(Box<dyn Error + Send + Sync>),
}

impl From<ParseIntError> for Failure {
    fn from(error: ParseIntError) -> Self {
        Self::Parse(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl Error for Failure {}

#[tokio::test]
async fn an_error_of_the_applications_own() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn even(digits: &str) -> Result<u32, Failure> {
        RUNS.count();
        let number: u32 = digits.parse()?;
        if number % 2 == 1 {
            return Err(Failure::Other("odd".into()));
        }
        Ok(number)
    }
    make_room();

    assert!(matches!(even("x").await, Err(Failure::Parse(_))));
    assert!(matches!(even("1").await, Err(Failure::Other(_))));
    assert!(matches!(even("1").await, Err(Failure::Other(_))));
    assert_eq!(RUNS.total(), 3);
    assert!(matches!(even("2").await, Ok(2)));
    assert!(matches!(even("2").await, Ok(2)));
    assert_eq!(RUNS.total(), 4);
}

#[tokio::test]
async fn a_boxed_error() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn even(digits: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
        RUNS.count();
        let number: u32 = digits.parse()?;
        if number % 2 == 1 {
            Err("odd".into())
        } else if number > 100 {
            Err(Box::new(Failure::Other("large".into())))
        } else {
            Ok(number)
        }
    }
    let message = async |digits| even(digits).await.map_err(|error| error.to_string());
    make_room();

    assert_eq!(message("1").await, Err("odd".to_owned()));
    assert_eq!(message("102").await, Err("large".to_owned()));
    assert_eq!(message("2").await, Ok(2));
    assert_eq!(message("2").await, Ok(2));
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn a_coercion_in_the_tail() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn refused(id: u32) -> Result<u32, Box<dyn Error>> {
        RUNS.count();
        if id > 0 {
            return Ok(id);
        }
        Err(Box::new(Failure::Other("zero".into())))
    }
    #[cached]
    async fn numbers(id: u32) -> Box<[u32]> {
        RUNS.count();
        Box::new([id, id + 1])
    }
    make_room();

    assert!(refused(0).await.is_err());
    assert!(refused(0).await.is_err());
    assert!(matches!(refused(1).await, Ok(1)));
    assert!(matches!(refused(1).await, Ok(1)));
    assert_eq!(RUNS.total(), 3);
    assert_eq!(*numbers(1).await, [1, 2]);
    assert_eq!(*numbers(1).await, [1, 2]);
    assert_eq!(RUNS.total(), 4);
}

type Found = Option<String>;

#[tokio::test]
async fn an_alias_of_option() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn name(id: u32) -> Found {
        RUNS.count();
        (id > 0).then(|| id.to_string())
    }
    make_room();

    assert_eq!(name(0).await, None);
    assert_eq!(name(0).await, None);
    assert_eq!(RUNS.total(), 2);
    assert_eq!(name(1).await.as_deref(), Some("1"));
    assert_eq!(name(1).await.as_deref(), Some("1"));
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn an_option_in_a_result() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn name(id: i32) -> Result<Option<String>, Failure> {
        RUNS.count();
        if id < 0 {
            Err(Failure::Other("negative".into()))?;
        }
        if id == 0 {
            return Ok(None);
        }
        Ok(Some(id.to_string()))
    }
    make_room();

    assert!(name(-1).await.is_err());
    assert!(name(-1).await.is_err());
    assert_eq!(RUNS.total(), 2);
    assert!(matches!(name(0).await, Ok(None)));
    assert!(matches!(name(0).await, Ok(None)));
    assert_eq!(RUNS.total(), 4);
    assert!(matches!(name(1).await, Ok(Some(one)) if one == "1"));
    assert!(matches!(name(1).await, Ok(Some(one)) if one == "1"));
    assert_eq!(RUNS.total(), 5);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Report<T> {
    lines: Vec<T>,
}

#[tokio::test]
async fn a_generic_struct_of_the_applications_own() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn report<T>(line: T) -> Report<T>
    where
        T: Clone + Send + Sync + Serialize + serde::de::DeserializeOwned + 'static,
    {
        RUNS.count();
        Report { lines: vec![line] }
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(report(1_u8).await.lines, [1_u8]);
        assert_eq!(report(1_u64).await.lines, [1_u64]);
    }
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_tuple() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn halves(text: &str) -> (String, Option<String>) {
        RUNS.count();
        match text.split_once(' ') {
            Some((left, right)) => (left.to_owned(), Some(right.to_owned())),
            None => (text.to_owned(), None),
        }
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(halves("a b").await, ("a".to_owned(), Some("b".to_owned())));
        assert_eq!(halves("a").await, ("a".to_owned(), None));
    }
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn an_error_that_cannot_leave_its_thread() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn checked(id: u32) -> Result<u32, std::rc::Rc<str>> {
        RUNS.count();
        if id == 0 { Err("zero".into()) } else { Ok(id) }
    }
    make_room();

    assert_eq!(checked(0).await, Err("zero".into()));
    assert_eq!(checked(1).await, Ok(1));
    assert_eq!(checked(1).await, Ok(1));
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn what_is_kept_may_itself_be_a_box_or_a_text() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn boxed(id: u32) -> Box<str> {
        RUNS.count();
        id.to_string().into()
    }
    make_room();

    assert_eq!(&*boxed(1).await, "1");
    assert_eq!(&*boxed(1).await, "1");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(Arc::<str>::from(boxed(2).await).len(), 1);
}
