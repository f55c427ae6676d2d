//! Attributes of others beside ours.
#![expect(clippy::non_minimal_cfg, reason = "a condition that always holds")]

use larder::cached;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn a_span_around_the_function_and_one_inside() {
    static RUNS: Runs = Runs::new();
    #[tracing::instrument]
    #[cached]
    async fn above(text: &str, times: usize) -> String {
        RUNS.count();
        tokio::task::yield_now().await;
        text.repeat(times)
    }
    #[cached]
    #[tracing::instrument]
    async fn below(text: &str, times: usize) -> String {
        RUNS.count();
        tokio::task::yield_now().await;
        text.repeat(times)
    }
    make_room();

    assert_eq!(above("ab", 2).await, "abab");
    assert_eq!(above("ab", 2).await, "abab");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(above("ab", 1).await, "ab");
    assert_eq!(RUNS.total(), 2);
    assert_eq!(below("ab", 2).await, "abab");
    assert_eq!(below("ab", 2).await, "abab");
    assert_eq!(RUNS.total(), 3);
    assert_eq!(below("ab", 1).await, "ab");
    assert_eq!(RUNS.total(), 4);
}

struct Database;

#[tokio::test]
async fn a_span_with_errors_results_and_what_it_leaves_out() {
    static RUNS: Runs = Runs::new();
    #[tracing::instrument(skip(db), err, ret, fields(table = "users"))]
    #[cached(skip(db))]
    async fn above(db: &Database, id: &str) -> Result<u32, std::num::ParseIntError> {
        RUNS.count();
        let Database = db;
        let id: u32 = id.parse()?;
        Ok(id)
    }
    #[cached(skip(db))]
    #[tracing::instrument(level = "debug", skip_all, err(Debug), ret)]
    async fn below(db: &Database, id: &str) -> Result<u32, Box<dyn std::error::Error>> {
        RUNS.count();
        let Database = db;
        if id.is_empty() {
            return Err("empty".into());
        }
        Ok(id.parse()?)
    }
    make_room();

    assert!(above(&Database, "x").await.is_err());
    assert!(above(&Database, "x").await.is_err());
    assert!(below(&Database, "").await.is_err());
    assert!(below(&Database, "").await.is_err());
    assert_eq!(RUNS.total(), 4);
    for _ in 0..2 {
        assert_eq!(above(&Database, "1").await, Ok(1));
        assert_eq!(above(&Database, "2").await, Ok(2));
        assert!(matches!(below(&Database, "1").await, Ok(1)));
        assert!(matches!(below(&Database, "2").await, Ok(2)));
    }
    assert_eq!(RUNS.total(), 8);
}

static RUNS_OF_SPANS: Runs = Runs::new();

#[derive(Debug)]
struct Service {
    id: u32,
}

impl Service {
    #[tracing::instrument(skip(self), fields(id = self.id))]
    #[cached(key = (self.id, name))]
    async fn above(&self, name: &str) -> Option<String> {
        RUNS_OF_SPANS.count();
        let found = name.split(' ').nth(1)?;
        Some(format!("{found} {}", self.id))
    }

    #[cached(key = (self.id, name))]
    #[tracing::instrument(name = "found", ret)]
    async fn below<'a>(&'a self, mut name: &'a str) -> Option<String> {
        RUNS_OF_SPANS.count();
        name = name.split(' ').nth(1)?;
        Some(format!("{name} {}", self.id))
    }
}

#[tokio::test]
async fn a_method_with_a_span() {
    let service = Service { id: 7 };
    make_room();

    for _ in 0..2 {
        assert_eq!(service.above("a b").await.as_deref(), Some("b 7"));
        assert_eq!(service.above("a c").await.as_deref(), Some("c 7"));
        assert_eq!(service.below("a b").await.as_deref(), Some("b 7"));
        assert_eq!(service.below("a c").await.as_deref(), Some("c 7"));
    }
    assert_eq!(RUNS_OF_SPANS.total(), 4);
    assert_eq!(service.above("a").await, None);
    assert_eq!(service.below("a").await, None);
    assert_eq!(RUNS_OF_SPANS.total(), 6);
}

#[tokio::test]
async fn an_attribute_under_a_condition() {
    static RUNS: Runs = Runs::new();
    #[cfg_attr(all(), cached(ttl = "1h", skip(_log)))]
    async fn with(n: u32, _log: &str) -> u32 {
        RUNS.count();
        tokio::task::yield_now().await;
        n
    }
    #[cfg_attr(any(), cached(ttl = "1h", skip(_log)))]
    async fn without(n: u32, _log: &str) -> u32 {
        RUNS.count();
        tokio::task::yield_now().await;
        n
    }
    #[cached]
    #[cfg_attr(all(), allow(clippy::identity_op), must_use)]
    #[cfg_attr(any(), no_such_attribute)]
    #[cfg(all())]
    async fn beside(n: u32) -> u32 {
        RUNS.count();
        n + 0
    }
    #[cached]
    #[cfg(any())]
    async fn beside(n: Missing) -> Missing {
        n
    }
    make_room();

    assert_eq!(with(1, "a").await, 1);
    assert_eq!(with(1, "b").await, 1);
    assert_eq!(with(2, "b").await, 2);
    assert_eq!(RUNS.total(), 2);
    assert_eq!(without(1, "a").await, 1);
    assert_eq!(without(1, "a").await, 1);
    assert_eq!(RUNS.total(), 4);
    assert_eq!(beside(1).await, 1);
    assert_eq!(beside(1).await, 1);
    assert_eq!(RUNS.total(), 5);
    assert_eq!(beside(2).await, 2);
    assert_eq!(RUNS.total(), 6);
}

#[tokio::test]
async fn an_expected_lint_is_still_found_once() {
    static RUNS: Runs = Runs::new();
    #[expect(clippy::too_many_arguments, reason = "to see that it is found")]
    #[cached]
    async fn sum(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u8 {
        RUNS.count();
        a + b + c + d + e + f + g + h
    }
    #[cached(skip(log))]
    #[expect(unused_variables, reason = "to see that it is found")]
    async fn answer(question: &str, log: &str) -> u8 {
        #[expect(unused_mut, reason = "to see that it is found")]
        let mut answer = 42;
        RUNS.count();
        answer
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(sum(1, 2, 3, 4, 5, 6, 7, 8).await, 36);
        assert_eq!(sum(1, 2, 3, 4, 5, 6, 7, 9).await, 37);
        assert_eq!(answer("why", "a").await, 42);
        assert_eq!(answer("who", "b").await, 42);
    }
    assert_eq!(RUNS.total(), 4);
}

#[tokio::test]
async fn attributes_of_parameters_and_in_the_body() {
    static RUNS: Runs = Runs::new();
    #[cached]
    #[inline(never)]
    #[doc(hidden)]
    async fn shown(
        #[allow(unused_variables)] id: u32,
        #[allow(unused_mut)] mut name: &str,
    ) -> String {
        RUNS.count();
        #[cfg(any())]
        let name = Missing::of(name);
        #[cfg(all())]
        let name = name.trim();
        match name {
            #[cfg(any())]
            "" => Missing,
            "" => "nobody".into(),
            #[rustfmt::skip]
            name => { name . to_owned () },
        }
    }
    make_room();

    assert_eq!(shown(1, " Ada ").await, "Ada");
    assert_eq!(shown(1, " Ada ").await, "Ada");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(shown(2, " Ada ").await, "Ada");
    assert_eq!(shown(1, "  ").await, "nobody");
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn type_parameters_under_a_condition() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn size<#[cfg(any())] T: Missing, #[cfg(all())] T: Copy>(times: usize) -> usize {
        RUNS.count();
        size_of::<T>() * times
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(size::<u8>(2).await, 2);
        assert_eq!(size::<u16>(2).await, 4);
        assert_eq!(size::<u16>(3).await, 6);
    }
    assert_eq!(RUNS.total(), 3);
}
