//! A module that forbids what it can: an expansion may neither do it nor ask for an exception.
#![forbid(
    unsafe_code,
    unreachable_code,
    unused_imports,
    unused_variables,
    unused_qualifications,
    clippy::empty_loop,
    clippy::no_effect_underscore_binding
)]

use std::convert::Infallible;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use larder::cached;

use crate::support::{Runs, make_room};

#[derive(larder::Options)]
struct Request {
    words: u32,
    #[options(skip)]
    _trace: u32,
}

#[derive(larder::Options)]
struct Nothing {}

#[tokio::test]
async fn options_under_forbidden_lints() {
    #[cached(options = request)]
    async fn requested(request: Request, _nothing: u8) -> u32 {
        request.words
    }
    #[cached(options = nothing)]
    async fn nothing(nothing: Nothing) -> bool {
        let Nothing {} = nothing;
        true
    }
    make_room();

    let request = |trace| Request {
        words: 2,
        _trace: trace,
    };
    assert_eq!(requested(request(1), 1).await, 2);
    assert_eq!(requested(request(2), 1).await, 2);
    assert!(nothing(Nothing {}).await);
}

#[tokio::test]
async fn a_function_under_forbidden_lints() {
    static RUNS: Runs = Runs::new();
    #[cached(ttl = "1h", skip(_log))]
    async fn checked(text: &str, version: u32, _log: &str) -> Result<usize, String> {
        RUNS.count();
        if text.is_empty() || version == 0 {
            return Err("empty".to_owned());
        }
        Ok(text.len())
    }
    make_room();

    assert_eq!(checked("", 1, "a").await, Err("empty".to_owned()));
    assert_eq!(checked("abc", 1, "a").await, Ok(3));
    assert_eq!(checked("abc", 1, "b").await, Ok(3));
    assert_eq!(RUNS.total(), 2);
    assert_eq!(checked("abc", 2, "a").await, Ok(3));
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn streams_and_prices_under_forbidden_lints() {
    static RUNS: Runs = Runs::new();
    #[cached(tokens = String::len, cost = |_| 0.5, refresh_ahead = 0.9, ttl = "1h", normalize = "trim")]
    async fn priced(text: &str, version: u32) -> Result<String, String> {
        RUNS.count();
        if version == 0 {
            return Err("none".to_owned());
        }
        Ok(text.to_owned())
    }
    #[cached(detach, skip(_log), tokens = Vec::len, pace = "1ms")]
    fn streamed(text: &str, _log: &str) -> impl Stream<Item = Result<String, Infallible>> {
        RUNS.count();
        stream::iter([Ok(text.to_owned())])
    }
    #[cached]
    fn boxed(text: &str, mut words: usize) -> BoxStream<'static, Result<String, Infallible>> {
        RUNS.count();
        if words == 0 {
            return stream::empty().boxed();
        }
        words += 1;
        stream::iter(vec![Ok(text.to_owned()); words]).boxed()
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(priced("a", 1).await.as_deref(), Ok("a"));
        let told: Result<Vec<_>, _> = streamed("a", "b").try_collect().await;
        assert_eq!(told, Ok(vec!["a".to_owned()]));
        let told: Result<Vec<_>, _> = boxed("a", 1).try_collect().await;
        assert_eq!(told, Ok(vec!["a".to_owned(); 2]));
    }
    assert_eq!(RUNS.total(), 3);
}
