//! Functions that are not `async` and return a future.
#![allow(clippy::manual_async_fn, reason = "it is what is tested")]

use std::future::{Future, ready};
use std::num::ParseIntError;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use larder::cached;
use serde::Serialize;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn a_block_is_the_whole_body() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn doubled(n: u32) -> impl Future<Output = u32> {
        async move {
            RUNS.count();
            tokio::task::yield_now().await;
            n * 2
        }
    }
    make_room();

    assert_eq!(doubled(1).await, 2);
    assert_eq!(doubled(1).await, 2);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(doubled(2).await, 4);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_future_that_can_be_sent() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn joined(words: Vec<String>, by: char) -> impl Future<Output = String> + Send {
        async move {
            RUNS.count();
            tokio::task::yield_now().await;
            words.join(&by.to_string())
        }
    }
    let call = |by| tokio::spawn(joined(vec!["a".to_owned(), "b".to_owned()], by));
    make_room();

    for _ in 0..2 {
        assert!(call('-').await.is_ok_and(|joined| joined == "a-b"));
        assert!(call('+').await.is_ok_and(|joined| joined == "a+b"));
    }
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_future_that_borrows_from_arguments() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn named<'a>(text: &'a str, least: usize) -> impl Future<Output = usize> + 'a {
        async move {
            RUNS.count();
            let words = text.split(' ');
            words.filter(|word| word.len() >= least).count()
        }
    }
    #[cached]
    fn unnamed(words: &[String]) -> impl Future<Output = Option<String>> + Send + '_ {
        async move {
            RUNS.count();
            words.first().cloned()
        }
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(named("a bc", 1).await, 2);
        assert_eq!(named("a bc", 2).await, 1);
        let words = ["a".to_owned(), "b".to_owned()];
        assert_eq!(unnamed(&words).await.as_deref(), Some("a"));
        assert_eq!(unnamed(&words[1..]).await.as_deref(), Some("b"));
    }
    assert_eq!(RUNS.total(), 4);
    assert_eq!(unnamed(&[]).await, None);
    assert_eq!(unnamed(&[]).await, None);
    assert_eq!(RUNS.total(), 6);
}

#[tokio::test]
async fn a_return_and_a_question_mark_in_the_block() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn even(digits: &str) -> impl Future<Output = Result<u32, Box<dyn std::error::Error>>> {
        let digits = digits.trim().to_owned();
        async move {
            RUNS.count();
            if digits.is_empty() {
                return Err("empty".into());
            }
            let number: u32 = digits.parse()?;
            if number % 2 == 1 {
                return Err(format!("{number} is odd").into());
            }
            Ok(number)
        }
    }
    make_room();

    for digits in ["", "", "x", "x", "1", "1"] {
        assert!(even(digits).await.is_err());
    }
    assert_eq!(RUNS.total(), 6);
    for _ in 0..2 {
        assert!(matches!(even("2").await, Ok(2)));
        assert!(matches!(even("4").await, Ok(4)));
    }
    assert_eq!(RUNS.total(), 8);
}

static QUERIES: Runs = Runs::new();

struct Database {
    prefix: &'static str,
}

struct Repository {
    database: Arc<Database>,
}

impl Repository {
    fn new(prefix: &'static str) -> Self {
        let database = Arc::new(Database { prefix });
        Self { database }
    }

    #[cached(key = (self.database.prefix, id))]
    fn name(&self, id: u32) -> impl Future<Output = Option<String>> + Send + 'static {
        let database = Arc::clone(&self.database);
        let id = i64::from(id);
        async move {
            QUERIES.count();
            tokio::task::yield_now().await;
            (id > 0).then(|| format!("{} {id}", database.prefix))
        }
    }

    #[cached(key = (self.database.prefix, ids))]
    fn names(&self, mut ids: Vec<u32>) -> impl Future<Output = Vec<String>> + Send + use<> {
        let database = self.database.clone();
        ids.sort_unstable();
        async move {
            QUERIES.count();
            let mut names = Vec::new();
            for id in ids {
                tokio::task::yield_now().await;
                names.push(format!("{} {id}", database.prefix));
            }
            names
        }
    }

    #[cached(key = "{self.database.prefix}:{id}")]
    fn row(&self, id: u32) -> impl Future<Output = Result<String, String>> + Send + '_ {
        let Database { prefix } = &*self.database;
        if id > 100 {
            tracing::debug!("a large number");
        }
        async move {
            QUERIES.count();
            if id == 0 {
                return Err("no row 0".to_owned());
            }
            Ok(format!("{prefix} row {id}"))
        }
    }
}

#[tokio::test]
async fn statements_before_the_block() {
    make_room();

    for _ in 0..2 {
        // The future outlives what it was made from.
        let call = |prefix, id| tokio::spawn(Repository::new(prefix).name(id));
        assert!(
            call("a", 1)
                .await
                .is_ok_and(|name| name.as_deref() == Some("a 1"))
        );
        assert!(
            call("a", 2)
                .await
                .is_ok_and(|name| name.as_deref() == Some("a 2"))
        );
        assert!(
            call("b", 1)
                .await
                .is_ok_and(|name| name.as_deref() == Some("b 1"))
        );
    }
    assert_eq!(QUERIES.total(), 3);
    for _ in 0..2 {
        let names = Repository::new("a").names(vec![2, 1]);
        assert_eq!(names.await, ["a 1", "a 2"]);
        let names = Repository::new("a").names(vec![3]);
        assert_eq!(names.await, ["a 3"]);
    }
    assert_eq!(QUERIES.total(), 5);
    let repository = Repository::new("a");
    for _ in 0..2 {
        assert_eq!(repository.row(1).await.as_deref(), Ok("a row 1"));
        assert_eq!(repository.row(101).await.as_deref(), Ok("a row 101"));
    }
    assert_eq!(QUERIES.total(), 7);
    assert!(repository.row(0).await.is_err());
    assert!(repository.row(0).await.is_err());
    assert_eq!(QUERIES.total(), 9);
}

#[tokio::test]
async fn a_future_that_another_function_makes() {
    static RUNS: Runs = Runs::new();
    async fn inner(n: u32) -> u32 {
        RUNS.count();
        tokio::task::yield_now().await;
        n * 2
    }
    #[cached]
    fn delegated(n: u32) -> impl Future<Output = u32> {
        let n = n + 1;
        inner(n)
    }
    #[cached]
    fn known(digits: &str) -> impl Future<Output = Result<u32, ParseIntError>> {
        ready(digits.parse())
    }
    make_room();

    assert_eq!(delegated(1).await, 4);
    assert_eq!(delegated(1).await, 4);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(delegated(2).await, 6);
    assert_eq!(RUNS.total(), 2);
    for _ in 0..2 {
        assert_eq!(known("1").await, Ok(1));
        assert_eq!(known("2").await, Ok(2));
        assert!(known("x").await.is_err());
    }
}

#[tokio::test]
async fn nothing_happens_before_the_future_is_polled() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn doubled(n: u32) -> impl Future<Output = u32> {
        async move {
            RUNS.count();
            n * 2
        }
    }
    make_room();

    let never = doubled(1);
    let later = doubled(1);
    drop(never);
    assert_eq!(RUNS.total(), 0);
    assert_eq!(doubled(1).await, 2);
    assert_eq!(later.await, 2);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(doubled(2).await, 4);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn type_arguments_and_a_future_do_not_mix() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn shown<T>(value: T, times: usize) -> impl Future<Output = String> + Send
    where
        T: std::fmt::Display + Serialize + Send + Sync,
    {
        async move {
            RUNS.count();
            format!("{}{}", value.to_string().repeat(times), size_of::<T>())
        }
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(shown(1_u8, 2).await, "111");
        assert_eq!(shown(1_u16, 2).await, "112");
        assert_eq!(shown(2_u16, 2).await, "222");
    }
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn a_future_that_cannot_leave_its_thread() {
    static RUNS: Runs = Runs::new();
    #[cached(key = **n)]
    fn plain(n: &Rc<u32>) -> impl Future<Output = u32> {
        let n = Rc::clone(n);
        async move {
            RUNS.count();
            tokio::task::yield_now().await;
            *n + 1
        }
    }
    #[cached(key = **n)]
    fn boxed(n: &Rc<u32>) -> Pin<Box<dyn Future<Output = u32> + '_>> {
        Box::pin(async move {
            RUNS.count();
            tokio::task::yield_now().await;
            **n + 1
        })
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(plain(&Rc::new(1)).await, 2);
        assert_eq!(plain(&Rc::new(2)).await, 3);
        assert_eq!(boxed(&Rc::new(1)).await, 2);
        assert_eq!(boxed(&Rc::new(2)).await, 3);
    }
    assert_eq!(RUNS.total(), 4);
}

#[tokio::test]
async fn a_block_that_borrows_its_arguments() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn length(text: &str) -> impl Future<Output = usize> + '_ {
        async {
            RUNS.count();
            text.len()
        }
    }
    make_room();

    assert_eq!(length("abc").await, 3);
    assert_eq!(length("abc").await, 3);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(length("ab").await, 2);
    assert_eq!(RUNS.total(), 2);
}
