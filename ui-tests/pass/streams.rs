//! Functions that return a stream.
#![allow(clippy::cast_precision_loss, reason = "numbers of chunks are small")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use larder::cached;

use crate::support::{Runs, make_room};

type Chunk = Result<String, Infallible>;

async fn all<S: Stream<Item = Result<T, E>>, T, E: std::fmt::Debug>(stream: S) -> Vec<T> {
    match stream.try_collect().await {
        Ok(chunks) => chunks,
        Err(error) => panic!("{error:?}"),
    }
}

/// Has a stream read twice, and its body run once.
macro_rules! runs_once {
    ($runs:ident: $call:expr => $expected:expr) => {
        for _ in 0..2 {
            assert_eq!(all($call).await, $expected);
        }
        assert_eq!($runs.total(), 1);
    };
}

#[tokio::test]
async fn streams_without_a_name() {
    static PLAIN: Runs = Runs::new();
    static SENT: Runs = Runs::new();
    static LONG: Runs = Runs::new();
    #[cached]
    fn plain(text: String) -> impl Stream<Item = Result<String, Infallible>> {
        PLAIN.count();
        stream::iter([Ok(text)])
    }
    #[cached]
    fn sent(text: &str) -> impl Stream<Item = Chunk> + Send + Unpin {
        SENT.count();
        stream::iter([Ok(text.to_owned())])
    }
    #[cached]
    fn long<'a>(text: &'a str) -> impl Stream<Item = Chunk> + 'a {
        LONG.count();
        stream::iter(text.split(' ').map(str::to_owned).map(Ok))
    }
    make_room();
    runs_once!(PLAIN: plain("a".to_owned()) => ["a"]);
    runs_once!(SENT: sent("a") => ["a"]);
    runs_once!(LONG: long("a b") => ["a", "b"]);
}

#[tokio::test]
async fn boxed_streams() {
    static NAMED: Runs = Runs::new();
    static WRITTEN_OUT: Runs = Runs::new();
    static BORROWED: Runs = Runs::new();
    #[cached]
    fn named(n: u32) -> BoxStream<'static, Result<u32, Infallible>> {
        NAMED.count();
        if n == 0 {
            return stream::empty().boxed();
        }
        stream::iter((0..n).map(Ok)).boxed()
    }
    #[cached]
    fn written_out(n: u32) -> Pin<Box<dyn Stream<Item = Result<u32, Infallible>> + Send>> {
        WRITTEN_OUT.count();
        Box::pin(stream::iter((0..n).map(Ok)))
    }
    #[cached]
    fn borrowed<'a>(text: &'a str, names: &'a HashMap<u8, String>) -> BoxStream<'a, Chunk> {
        BORROWED.count();
        if text.is_empty() {
            return Box::pin(stream::empty());
        }
        stream::iter(text.bytes())
            .map(|byte| Ok(names.get(&byte).cloned().unwrap_or_default()))
            .boxed()
    }
    make_room();
    runs_once!(NAMED: named(2) => [0, 1]);
    assert!(all(named(0)).await.is_empty());
    runs_once!(WRITTEN_OUT: written_out(2) => [0, 1]);
    let names = HashMap::from([(b'a', "Ada".to_owned())]);
    runs_once!(BORROWED: borrowed("ab", &names) => ["Ada", ""]);
}

#[tokio::test]
async fn arguments_of_many_forms() {
    static RUNS: Runs = Runs::new();
    struct Point {
        x: u32,
        y: u32,
    }
    #[cached(skip(_skipped))]
    fn many(
        Point { x, mut y }: Point,
        &z: &u32,
        list: &[u32],
        option: Option<&str>,
        mut text: &str,
        #[cfg(any())] never: u32,
        _skipped: Arc<std::sync::Mutex<u32>>,
    ) -> impl Stream<Item = Result<u32, Infallible>> + Send {
        RUNS.count();
        y += 1;
        text = text.trim();
        let length = text.len() + option.map_or(0, str::len);
        let length = u32::try_from(length).unwrap_or_default();
        let numbers = [x, y, z, length].into_iter().chain(list.iter().copied());
        stream::iter(numbers.map(Ok))
    }
    make_room();
    let call = || {
        let point = Point { x: 1, y: 2 };
        many(point, &3, &[5], Some("a"), " b ", Arc::default())
    };
    runs_once!(RUNS: call() => [1, 3, 3, 2, 5]);
}

#[tokio::test]
async fn methods_and_traits() {
    static METHOD: Runs = Runs::new();
    static TRAIT: Runs = Runs::new();
    trait Told {
        fn told(self: Arc<Self>, times: usize) -> BoxStream<'static, Chunk>;
    }
    struct Teller(String);
    impl Teller {
        #[cached(key = (&self.0, times))]
        fn tell(self: Arc<Self>, times: usize) -> impl Stream<Item = Chunk> + Send {
            METHOD.count();
            stream::iter(vec![Ok(self.0.clone()); times])
        }

        #[cached(skip(self))]
        fn consumed(self, n: u8) -> impl Stream<Item = Result<u8, Infallible>> {
            stream::iter([Ok(n), Ok(u8::try_from(self.0.len()).unwrap_or_default())])
        }
    }
    impl Told for Teller {
        #[cached(key = (&self.0, times))]
        fn told(self: Arc<Self>, times: usize) -> BoxStream<'static, Chunk> {
            TRAIT.count();
            Box::pin(stream::iter(vec![Ok(self.0.clone()); times]))
        }
    }
    make_room();
    let teller = Arc::new(Teller("Ada".to_owned()));
    runs_once!(METHOD: teller.clone().tell(2) => ["Ada", "Ada"]);
    runs_once!(TRAIT: teller.clone().told(1) => ["Ada"]);
    assert_eq!(all(Teller("Bob".to_owned()).consumed(1)).await, [1, 3]);
}

#[tokio::test]
async fn generic_functions() {
    static RUNS: Runs = Runs::new();
    #[cached]
    fn repeated<T, const N: usize>(value: T) -> impl Stream<Item = Result<T, String>> + Send
    where
        T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
    {
        RUNS.count();
        stream::iter(vec![Ok(value); N])
    }
    make_room();
    for _ in 0..2 {
        assert_eq!(all(repeated::<_, 2>(7_u8)).await, [7, 7]);
        assert_eq!(all(repeated::<_, 1>(7_u8)).await, [7]);
        assert_eq!(all(repeated::<_, 1>("a".to_owned())).await, ["a"]);
    }
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn with_every_option_that_streams_have() {
    static RUNS: Runs = Runs::new();
    #[cached(
        kind = "web",
        op = "ui.stream",
        ttl = std::time::Duration::from_secs(60 * u64::from(n)),
        version = "2",
        tags("n:{n}"),
        cache_if = |chunks| chunks.len() == 2,
        unless = |chunks: &Vec<String>| chunks.is_empty(),
        weight = |chunks| chunks.iter().map(String::len).sum::<usize>(),
        tokens = Vec::len,
        cost = |chunks: &Vec<String>| chunks.len() as f64 / 2.0,
        text = text,
        normalize = "trim",
        skip(_log),
        detach,
        share_errors,
        pace = "1ms",
        single_flight = "process"
    )]
    fn optioned(
        text: &str,
        n: u32,
        _log: &Arc<str>,
    ) -> impl Stream<Item = Result<String, Box<dyn std::error::Error + Send + Sync>>> {
        RUNS.count();
        stream::iter([Ok(text.to_owned()), Ok(n.to_string())])
    }
    make_room();
    let log = Arc::from("");
    runs_once!(RUNS: optioned("a", 1, &log) => ["a", "1"]);
    assert_eq!(all(optioned(" a ", 1, &log)).await, ["a", "1"]);
    assert_eq!(RUNS.total(), 1);
}

#[derive(Clone, larder::Options)]
struct Request {
    words: usize,
    #[options(skip)]
    _trace: u32,
}

/// What is not for serde.
#[derive(Clone, Debug, PartialEq)]
struct Word(String);

#[tokio::test]
async fn with_the_options_that_do_not_go_with_others() {
    static LOCAL: Runs = Runs::new();
    static REQUESTED: Runs = Runs::new();
    static KEYED: Runs = Runs::new();
    #[cached(local, single_flight = "off", weight = Vec::len)]
    fn local(text: &str) -> impl Stream<Item = Result<Word, Infallible>> {
        LOCAL.count();
        stream::iter([Ok(Word(text.to_owned()))])
    }
    #[cached(options = request, unless = Vec::is_empty, ttl = |_| larder::Ttl::Never)]
    fn requested(text: &str, request: &Request) -> impl Stream<Item = Chunk> {
        REQUESTED.count();
        stream::iter(vec![Ok(text.to_owned()); request.words])
    }
    #[cached(key = "{text}:{words.len()}", tags("{text}"), crate = larder)]
    fn keyed(text: &str, words: &[String]) -> impl Stream<Item = Chunk> {
        KEYED.count();
        stream::iter([Ok(text.to_owned()), Ok(words.concat())])
    }
    make_room();
    runs_once!(LOCAL: local("a") => [Word("a".to_owned())]);
    let request = |trace| Request {
        words: 2,
        _trace: trace,
    };
    runs_once!(REQUESTED: requested("a", &request(1)) => ["a", "a"]);
    runs_once!(REQUESTED: requested("a", &request(2)) => ["a", "a"]);
    runs_once!(KEYED: keyed("a", &["b".to_owned()]) => ["a", "b"]);
}

#[tokio::test]
async fn traits_with_streams() {
    static DEFAULT: Runs = Runs::new();
    static NAMELESS: Runs = Runs::new();
    static BESIDE: Runs = Runs::new();
    trait Tells: Send + Sync + 'static {
        fn name(&self) -> String;

        #[cached(key = (self.name(), times))]
        fn tell(self: Arc<Self>, times: usize) -> impl Stream<Item = Chunk> + Send {
            DEFAULT.count();
            stream::iter(vec![Ok(self.name()); times])
        }

        fn nameless(self: Arc<Self>, text: &str) -> impl Stream<Item = Chunk> + Send;
    }
    #[async_trait::async_trait]
    trait Waits {
        async fn wait(&self) -> u32;
        fn told(self: Arc<Self>, text: &str) -> BoxStream<'static, Chunk>;
    }
    struct Teller(String);
    impl Tells for Teller {
        fn name(&self) -> String {
            self.0.clone()
        }

        #[cached(skip(self))]
        fn nameless(self: Arc<Self>, text: &str) -> impl Stream<Item = Chunk> + Send {
            NAMELESS.count();
            stream::iter([Ok(text.to_owned())])
        }
    }
    #[async_trait::async_trait]
    impl Waits for Teller {
        async fn wait(&self) -> u32 {
            7
        }

        #[cached(key = (&self.0, text))]
        fn told(self: Arc<Self>, text: &str) -> BoxStream<'static, Chunk> {
            BESIDE.count();
            let text = text.to_owned();
            stream::once(async move { Ok(format!("{text} {}", self.wait().await)) }).boxed()
        }
    }
    make_room();
    let teller = Arc::new(Teller("Ada".to_owned()));
    runs_once!(DEFAULT: teller.clone().tell(2) => ["Ada", "Ada"]);
    runs_once!(NAMELESS: teller.clone().nameless("a") => ["a"]);
    runs_once!(BESIDE: teller.clone().told("a") => ["a 7"]);
}

#[tokio::test]
async fn a_stream_goes_into_another_task_though_its_arguments_were_borrowed() {
    #[cached]
    fn words(text: &str) -> BoxStream<'static, Chunk> {
        let words: Vec<_> = text.split(' ').map(str::to_owned).map(Ok).collect();
        stream::iter(words).boxed()
    }
    make_room();
    let text = "a b".to_owned();
    let words = words(&text);
    drop(text);
    let told = tokio::spawn(all(words)).await;
    assert_eq!(told.ok(), Some(vec!["a".to_owned(), "b".to_owned()]));
}
