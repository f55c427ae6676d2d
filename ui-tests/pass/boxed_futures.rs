//! Functions that are not `async` and return a boxed future.

use std::future::{Future, ready};
use std::num::ParseIntError;
use std::pin::Pin;
use std::sync::Arc;

use larder::cached;

use crate::support::{Runs, make_room};

fn assert_send<F: Future + Send>(future: F) -> F {
    future
}

#[tokio::test]
async fn a_boxed_block_is_the_whole_body() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn doubled(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async move {
            RUNS.count();
            tokio::task::yield_now().await;
            n * 2
        })
    }
    make_room();

    assert_eq!(assert_send(doubled(1)).await, 2);
    assert!(tokio::spawn(doubled(1)).await.is_ok_and(|n| n == 2));
    assert_eq!(RUNS.total(), 1);
    assert_eq!(doubled(2).await, 4);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_boxed_future_that_borrows_from_arguments() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn unnamed(text: &str) -> Pin<Box<dyn Future<Output = Option<String>> + Send + '_>> {
        Box::pin(async move {
            RUNS.count();
            let (first, _) = text.split_once(' ')?;
            Some(first.to_owned())
        })
    }
    #[cached]
    fn named<'a>(left: &'a str, right: &'a str) -> Pin<Box<dyn Future<Output = String> + 'a>> {
        Box::pin(async move {
            RUNS.count();
            format!("{left}{right}")
        })
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(unnamed("a b").await.as_deref(), Some("a"));
        assert_eq!(unnamed("c b").await.as_deref(), Some("c"));
        assert_eq!(named("a", "bc").await, "abc");
        assert_eq!(named("ab", "c").await, "abc");
    }
    assert_eq!(RUNS.total(), 4);
    assert_eq!(unnamed("a").await, None);
    assert_eq!(unnamed("a").await, None);
    assert_eq!(RUNS.total(), 6);
}

mod spelled_out {
    #![allow(unused_qualifications, reason = "it is what is tested")]

    #[larder::cached]
    pub(super) fn half(
        n: u32,
    ) -> std::pin::Pin<std::boxed::Box<dyn std::future::Future<Output = Option<u32>> + Send>> {
        std::boxed::Box::pin(async move {
            super::HALVES.count();
            n.is_multiple_of(2).then_some(n / 2)
        })
    }
}

static HALVES: Runs = Runs::new();

#[tokio::test]
async fn a_return_type_with_whole_paths() {
    make_room();

    assert_eq!(spelled_out::half(2).await, Some(1));
    assert_eq!(spelled_out::half(2).await, Some(1));
    assert_eq!(HALVES.total(), 1);
    assert_eq!(spelled_out::half(4).await, Some(2));
    assert_eq!(HALVES.total(), 2);
    assert_eq!(spelled_out::half(1).await, None);
    assert_eq!(spelled_out::half(1).await, None);
    assert_eq!(HALVES.total(), 4);
}

struct Database {
    prefix: &'static str,
}

struct Repository {
    database: Arc<Database>,
}

static QUERIES: Runs = Runs::new();
static ROWS: Runs = Runs::new();

impl Repository {
    #[cached(key = (self.database.prefix, id))]
    fn name(&self, id: u32) -> Pin<Box<dyn Future<Output = String> + Send + 'static>> {
        let database = self.database.clone();
        Box::pin(async move {
            QUERIES.count();
            tokio::task::yield_now().await;
            format!("{} {id}", database.prefix)
        })
    }

    #[cached(key = (self.database.prefix, id))]
    fn row(&self, id: &str) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + '_>> {
        let id = match id.trim().parse::<u32>() {
            Ok(id) => id,
            Err(error) => return Box::pin(async move { Err(error.to_string()) }),
        };
        if id == 0 {
            return Box::pin(ready(Err("no row 0".to_owned())));
        }
        let prefix = &self.database.prefix;
        Box::pin(async move {
            ROWS.count();
            if id > 100 {
                return Err(format!("{id} is too large"));
            }
            Ok(format!("{prefix} row {id}"))
        })
    }
}

#[tokio::test]
async fn statements_before_the_box() {
    let repository = |prefix| Repository {
        database: Arc::new(Database { prefix }),
    };
    make_room();

    for _ in 0..2 {
        // The future outlives what it was made from.
        let name = repository("a").name(1);
        assert_eq!(name.await, "a 1");
        assert_eq!(repository("a").name(2).await, "a 2");
        assert_eq!(repository("b").name(2).await, "b 2");
    }
    assert_eq!(QUERIES.total(), 3);
}

#[tokio::test]
async fn several_boxes_of_which_one_is_returned() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn even(digits: &str) -> Pin<Box<dyn Future<Output = Result<u32, ParseIntError>> + Send>> {
        let number: u32 = match digits.parse() {
            Ok(number) => number,
            Err(error) => {
                RUNS.count();
                return Box::pin(async move { Err(error) });
            }
        };
        if number > 100 {
            return Box::pin(ready(Ok(100)));
        }
        Box::pin(async move {
            RUNS.count();
            tokio::task::yield_now().await;
            if number % 2 == 1 {
                return Ok(number + 1);
            }
            Ok(number)
        })
    }
    let repository = Repository {
        database: Arc::new(Database { prefix: "c" }),
    };
    make_room();

    assert!(even("x").await.is_err());
    assert!(even("x").await.is_err());
    assert_eq!(RUNS.total(), 2);
    for _ in 0..2 {
        assert_eq!(even("1").await, Ok(2));
        assert_eq!(even("2").await, Ok(2));
        assert_eq!(even("101").await, Ok(100));
        assert_eq!(repository.row("1").await.as_deref(), Ok("c row 1"));
        assert_eq!(repository.row("0").await, Err("no row 0".to_owned()));
        assert!(repository.row("x").await.is_err());
        assert!(repository.row("101").await.is_err());
    }
    assert_eq!(RUNS.total(), 4);
}

static SUMS: Runs = Runs::new();

#[cached]
fn fib(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        SUMS.count();
        if n < 2 {
            return n;
        }
        fib(n - 1).await + fib(n - 2).await
    })
}

#[tokio::test]
async fn recursion_by_boxed_futures() {
    make_room();

    assert_eq!(fib(50).await, 12_586_269_025);
    assert_eq!(SUMS.total(), 51);
    assert!(
        tokio::spawn(fib(50))
            .await
            .is_ok_and(|n| n == 12_586_269_025)
    );
    assert_eq!(SUMS.total(), 51);
    assert_eq!(fib(51).await, 20_365_011_074);
    assert_eq!(SUMS.total(), 52);
}

static HOPS: Runs = Runs::new();

#[cached]
fn is_even(n: u32) -> Pin<Box<dyn Future<Output = bool> + Send>> {
    if n == 0 {
        return Box::pin(ready(true));
    }
    Box::pin(async move {
        HOPS.count();
        is_odd(n - 1).await
    })
}

#[cached]
async fn is_odd(n: u32) -> bool {
    HOPS.count();
    match n {
        0 => false,
        n => is_even(n - 1).await,
    }
}

#[tokio::test]
async fn a_boxed_and_an_async_function_that_call_each_other() {
    make_room();

    assert!(is_even(10).await);
    assert_eq!(HOPS.total(), 10);
    assert!(is_even(10).await);
    assert!(is_odd(9).await);
    assert_eq!(HOPS.total(), 10);
    assert!(is_odd(11).await);
    assert_eq!(HOPS.total(), 11);
}

type Answer<'a> = Pin<Box<dyn Future<Output = String> + Send + 'a>>;

/// What `#[async_trait]` makes, by hand.
trait Model: Send + Sync {
    fn name(&self) -> &str;

    fn answer<'a>(&'a self, question: &'a str) -> Answer<'a>;
}

static ANSWERS: Runs = Runs::new();

struct Polite;

impl Model for Polite {
    fn name(&self) -> &'static str {
        "polite"
    }

    #[cached(key = (self.name(), question))]
    fn answer<'a>(
        &'a self,
        question: &'a str,
    ) -> Pin<Box<dyn Future<Output = String> + Send + 'a>> {
        Box::pin(async move {
            ANSWERS.count();
            format!("{question} please")
        })
    }
}

struct Short;

impl Model for Short {
    fn name(&self) -> &'static str {
        "short"
    }

    #[cached(key = (self.name(), question))]
    fn answer<'a>(
        &'a self,
        question: &'a str,
    ) -> Pin<Box<dyn Future<Output = String> + Send + 'a>> {
        let length = question.len();
        Box::pin(async move {
            ANSWERS.count();
            format!("{} {length}", self.name())
        })
    }
}

#[tokio::test]
async fn a_trait_object_whose_methods_return_boxed_futures() {
    let models: [Arc<dyn Model>; 2] = [Arc::new(Polite), Arc::new(Short)];
    make_room();

    for _ in 0..2 {
        assert_eq!(models[0].answer("why").await, "why please");
        assert_eq!(models[1].answer("why").await, "short 3");
        assert_eq!(models[1].answer("who").await, "short 3");
    }
    assert_eq!(ANSWERS.total(), 3);
}
