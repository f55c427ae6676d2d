//! Memoized streams: chunks pass through as they come, and are kept and replayed when all have come.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt};
use larder::call::{self, Control, MissReason, Origin};
use larder::{Cache, cached};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::feed::{Cut, Feed, Next, chunks, given};
use support::map_store::MapStore;
use support::{Runs, poll_once, register, register_over, roomy};
use tokio::time::Instant;

type Item = Result<String, String>;

#[cached(kind = "streams", op = "told", skip(feed))]
fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send + use<> {
    let _ = id;
    feed.open()
}

fn kind() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(register("streams", roomy())));
}

fn complete(number: usize) -> Arc<Feed> {
    given(number, Some(Next::End))
}

/// What a stream has at hand, without waiting.
fn at_hand<S: Stream<Item = Item> + Unpin>(stream: &mut S) -> Vec<Item> {
    let mut items = Vec::new();
    while let Poll::Ready(Some(item)) = poll_once(&mut stream.next()) {
        items.push(item);
    }
    items
}

async fn all<S: Stream<Item = Item>>(stream: S) -> Result<Vec<String>, String> {
    stream.try_collect().await
}

async fn is_kept(id: u32) -> bool {
    let peeked = call::peek(all(told(id, Feed::new()))).await;
    peeked.is_some()
}

/// The chunks of a stream, and where they come from.
async fn outcome<T, E>(
    stream: impl Stream<Item = Result<T, E>>,
    control: Control,
) -> (Result<Vec<T>, E>, Option<Origin>) {
    let mut stream = call::stream(control, stream);
    let chunks = (&mut stream).try_collect().await;
    (chunks, stream.origin())
}

#[tokio::test]
async fn chunks_pass_through_as_they_come_and_are_replayed_when_all_have_come() {
    kind();
    let feed = Feed::new();
    let mut first = told(1, feed.clone());
    assert_eq!(feed.runs(), 0, "nothing happens before the first poll");
    for chunk in chunks(3) {
        assert!(at_hand(&mut first).is_empty());
        feed.chunk(&chunk);
        assert_eq!(at_hand(&mut first), [Ok(chunk)]);
    }
    assert!(!is_kept(1).await);
    feed.give(Next::End);
    assert_eq!(first.next().await, None);
    assert_eq!(first.next().await, None);
    assert_eq!(feed.dropped(), 1);

    let mut again = call::stream(Control::new(), told(1, feed.clone()));
    assert_eq!(again.origin(), None);
    assert_eq!(all(&mut again).await, Ok(chunks(3)));
    assert_eq!((again.origin(), feed.runs()), (Some(Origin::Memory), 1));
}

#[tokio::test]
async fn a_stream_that_is_cut_at_any_chunk_is_not_kept() {
    kind();
    let mut id = 100;
    for number in 0..=4 {
        for cut in Cut::ALL {
            id += 1;
            let feed = cut.feed(number);
            let mut stream = told(id, feed.clone());
            cut.read(&mut stream, &feed, number).await;
            assert!(!is_kept(id).await, "{cut:?} after {number}");
            drop(stream);
            let runs = usize::from(cut.begins(number));
            assert_eq!((feed.runs(), feed.dropped()), (runs, runs));
            assert!(!is_kept(id).await, "{cut:?} after {number}");
            // The next one is not in its way.
            assert_eq!(all(told(id, complete(2))).await, Ok(chunks(2)));
            assert!(is_kept(id).await);
        }
    }
}

#[tokio::test]
async fn what_comes_after_an_error_passes_through_and_nothing_of_it_is_kept() {
    kind();
    let feed = given(2, Some(Next::Failure("no".to_owned())));
    feed.chunk("more");
    feed.give(Next::End);
    let items: Vec<Item> = told(200, feed).collect().await;
    let [first, second] = [0, 1].map(|n| Ok(format!("chunk {n}")));
    assert_eq!(
        items,
        [first, second, Err("no".to_owned()), Ok("more".to_owned())]
    );
    assert!(!is_kept(200).await);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Piece {
    Text(String),
    Bytes(Vec<u8>),
    Number(f64),
    Nothing,
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = prop_oneof![
        any::<String>().prop_map(Piece::Text),
        any::<Vec<u8>>().prop_map(Piece::Bytes),
        any::<f64>()
            .prop_filter("is itself", |it| !it.is_nan())
            .prop_map(Piece::Number),
        Just(Piece::Nothing),
    ];
    prop::collection::vec(piece, 0..40)
}

#[test]
fn a_replay_is_what_was_computed_from_memory_and_from_a_store() {
    #[cached(kind = "replayed", op = "replayed.pieces", skip(pieces))]
    fn told(id: u64, pieces: Vec<Piece>) -> impl Stream<Item = Result<Piece, Infallible>> + Send {
        let _ = id;
        stream::iter(pieces.into_iter().map(Ok))
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let store = Arc::<MapStore>::default();
    let ids = AtomicUsize::new(0);
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|it| it.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(200),
        failure_persistence: None,
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(&pieces(), |pieces| {
        let id = ids.fetch_add(1, Ordering::SeqCst) as u64;
        runtime.block_on(async {
            for origin in [
                Origin::Computed,
                Origin::Memory,
                Origin::Store,
                Origin::Memory,
            ] {
                if matches!(origin, Origin::Computed | Origin::Store) {
                    register_over("replayed", &store);
                }
                let given = if origin == Origin::Computed {
                    pieces.clone()
                } else {
                    Vec::new()
                };
                let (replayed, from) = outcome(told(id, given), Control::new()).await;
                assert_eq!((replayed.as_ref(), from), (Ok(&pieces), Some(origin)));
                let cache = larder::cache("replayed").expect("registered");
                assert!(cache.flush(Duration::from_secs(5)).await);
            }
        });
        Ok(())
    });
    ran.expect("the same");
}

#[tokio::test]
async fn the_body_has_copies_of_what_is_borrowed_and_lends_them_to_its_stream() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "streams", op = "borrowed", ttl = "1h")]
    fn words(
        text: &str,
        between: Option<&char>,
        (from, to): (usize, usize),
    ) -> BoxStream<'static, Result<String, Infallible>> {
        RUNS.count();
        let between = between.copied().unwrap_or(' ');
        if from > to {
            return stream::empty().boxed();
        }
        let words: Vec<_> = text.split(between).map(str::to_owned).collect();
        let words = words.into_iter().take(to).skip(from);
        stream::iter(words.map(Ok)).boxed()
    }
    #[cached(kind = "streams", op = "borrowed.on")]
    fn lines<'a>(text: &'a str) -> impl Stream<Item = Result<String, Infallible>> + Send + use<'a> {
        RUNS.count();
        // It borrows as it goes.
        stream::iter(text.lines()).then(|line| ready(Ok(line.to_uppercase())))
    }
    kind();
    for _ in 0..2 {
        let text = "a,b,c,d".to_owned();
        let stream = words(&text, Some(&','), (1, 3));
        drop(text);
        assert_eq!(
            stream.try_collect::<Vec<_>>().await,
            Ok(vec!["b".to_owned(), "c".to_owned()])
        );
        let nothing: Vec<_> = words("a b", None, (3, 1)).collect().await;
        assert!(nothing.is_empty(), "no chunk is a stream too");
        let lines: Vec<_> = lines("x\ny").try_collect().await.expect("infallible");
        assert_eq!(lines, ["X", "Y"]);
    }
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn methods_take_an_arc_of_self_and_generic_functions_are_told_apart() {
    struct Teller {
        name: String,
    }
    impl Teller {
        #[cached(kind = "streams", op = "method", key = (&self.name, greeting), detach)]
        fn tell(
            self: Arc<Self>,
            greeting: &str,
        ) -> impl Stream<Item = Result<String, Infallible>> + Send + use<> {
            stream::iter([Ok(greeting.to_owned()), Ok(self.name.clone())])
        }
    }
    #[cached(kind = "streams", op = "generic")]
    fn told<T>(value: T) -> impl Stream<Item = Result<T, Infallible>> + Send
    where
        T: Clone + Send + Sync + Serialize + for<'de> Deserialize<'de> + 'static,
    {
        stream::iter([Ok(value.clone()), Ok(value)])
    }
    kind();
    for name in ["Ada", "Bob", "Ada"] {
        let teller = Arc::new(Teller {
            name: name.to_owned(),
        });
        let told: Vec<_> = teller
            .tell("Hello")
            .try_collect()
            .await
            .expect("infallible");
        assert_eq!(told, ["Hello", name]);
    }
    assert_eq!(told(1_u32).try_collect::<Vec<_>>().await, Ok(vec![1, 1]));
    assert_eq!(told(1_u64).try_collect::<Vec<_>>().await, Ok(vec![1, 1]));
}

#[tokio::test]
async fn options_are_about_the_list_of_chunks() {
    type Numbers = Vec<u32>;
    static RUNS: Runs = Runs::new();
    #[cached(
        kind = "listed",
        op = "listed",
        cache_if = |chunks| chunks.len() > 1,
        unless = Vec::is_empty,
        ttl = |chunks| Duration::from_secs(chunks[0].into()),
        weight = |chunks| chunks.len() * 1000,
        tags("upto:{to}"),
        version = 3,
        share_errors
    )]
    fn up_to(to: u32) -> impl Stream<Item = anyhow::Result<u32>> + Send {
        RUNS.count();
        stream::iter((1..=to).map(Ok))
    }
    let cache = register("listed", roomy().l1_cache_bytes(1 << 20));
    for to in 0..4 {
        for again in [false, true] {
            let (numbers, origin) = outcome(up_to(to), Control::new()).await;
            assert_eq!(numbers.expect("no error"), (1..=to).collect::<Numbers>());
            let is_kept = to > 1 && again;
            assert_eq!(
                origin,
                Some(if is_kept {
                    Origin::Memory
                } else {
                    Origin::Computed
                })
            );
        }
    }
    let weight = cache.stats().weight;
    assert!((5000..6000).contains(&weight), "{weight}");
    cache.remove_tag("upto:3").await;
    assert_eq!(
        outcome(up_to(3), Control::new()).await.1,
        Some(Origin::Computed)
    );
    assert_eq!(
        outcome(up_to(2), Control::new()).await.1,
        Some(Origin::Memory)
    );
}

#[tokio::test]
async fn chunks_that_serde_does_not_know_stay_in_memory() {
    #[derive(Clone, Debug, PartialEq)]
    struct Unknown(u32);
    #[cached(kind = "own", op = "own", local)]
    fn told(id: u32) -> impl Stream<Item = Result<Unknown, Infallible>> + Send {
        stream::iter([Ok(Unknown(id)), Ok(Unknown(id + 1))])
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("own", &store);
    for origin in [Origin::Computed, Origin::Memory] {
        let told = outcome(told(1), Control::new()).await;
        assert_eq!(told, (Ok(vec![Unknown(1), Unknown(2)]), Some(origin)));
    }
    assert!(cache.flush(Duration::from_secs(5)).await);
    assert!(store.entries.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn a_stream_and_a_function_of_one_operation_never_take_each_others_entries() {
    #[cached(kind = "both", op = "both", shared)]
    fn streamed(id: u32) -> impl Stream<Item = Result<u32, Infallible>> + Send {
        stream::iter([Ok(id), Ok(id)])
    }
    #[cached(kind = "both", op = "both", shared)]
    async fn listed(id: u32) -> Vec<u32> {
        vec![id, 0]
    }
    let store = Arc::<MapStore>::default();
    for stream_first in [true, false] {
        let cache = register_over("both", &store);
        let id = u32::from(stream_first);
        for step in [stream_first, !stream_first] {
            if step {
                let (chunks, origin) = outcome(streamed(id), Control::new()).await;
                assert_eq!((chunks, origin), (Ok(vec![id, id]), Some(Origin::Computed)));
            } else {
                let outcome = call::outcome(listed(id)).await;
                assert_eq!(
                    (outcome.value, outcome.origin),
                    (vec![id, 0], Origin::Computed)
                );
            }
            assert!(cache.flush(Duration::from_secs(5)).await);
            // As after a restart.
            register_over("both", &store);
        }
    }
}

#[tokio::test]
async fn a_single_stream_is_controlled_as_any_other_call() {
    kind();
    let feed = complete(2);
    let of = |control| outcome(told(300, feed.clone()), control);
    assert_eq!(
        of(Control::new().bypass()).await,
        (Ok(chunks(2)), Some(Origin::Bypassed))
    );
    assert!(!is_kept(300).await);
    assert_eq!(
        of(Control::new().ttl(Duration::ZERO)).await.1,
        Some(Origin::Computed)
    );
    assert!(!is_kept(300).await);
    assert_eq!(of(Control::new()).await.1, Some(Origin::Computed));
    assert_eq!(
        of(Control::new().ttl(Duration::ZERO)).await.1,
        Some(Origin::Memory)
    );
    assert_eq!(
        of(Control::new().max_age(Duration::from_secs(60))).await.1,
        Some(Origin::Memory)
    );
    let runs = feed.runs();
    assert_eq!(of(Control::new().refresh()).await.1, Some(Origin::Computed));
    assert_eq!(feed.runs(), runs + 1);

    let mut stream = call::stream(Control::new(), told(301, complete(1)));
    assert_eq!(stream.outcome(), None);
    assert_eq!(stream.next().await, Some(Ok("chunk 0".to_owned())));
    let outcome = stream.outcome().expect("known with the first chunk");
    assert_eq!(
        (outcome.origin, outcome.miss),
        (Origin::Computed, Some(MissReason::Absent))
    );
    assert!(outcome.key.is_some_and(|key| key.contains("told")));

    // Wrappers of futures, with adapters between them and the stream.
    let next = |id| {
        told(id, feed.clone())
            .map(|it| it)
            .into_future()
            .map(|(next, _)| next)
    };
    assert!(call::key(next(300)).await.is_some());
    assert_eq!(
        call::peek(next(300)).await,
        Some(Some(Ok("chunk 0".to_owned())))
    );
    assert_eq!(call::outcome(next(300)).await.origin, Origin::Memory);
    assert!(call::remove(next(300)).await);
    assert_eq!(call::peek(next(300)).await, None);
    let refreshed = call::refresh(all(told(300, feed.clone()))).await;
    assert_eq!(refreshed, Ok(chunks(2)));
    assert!(is_kept(300).await);

    let elsewhere = call::stream(Control::new(), stream::iter([1]));
    assert_eq!(elsewhere.map(|it| it + 1).collect::<Vec<_>>().await, [2]);
    let mut elsewhere = call::stream(Control::new(), stream::iter([1]));
    elsewhere.next().await;
    assert_eq!(elsewhere.origin(), Some(Origin::Unreached));
}

#[tokio::test]
async fn a_stream_without_a_cache_runs_as_without_the_attribute() {
    #[cached(kind = "nobody.registered.it", key = ())]
    fn unknown(feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        feed.open()
    }
    #[cached(kind = "switched", key = ())]
    fn switched(feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        feed.open()
    }
    register("switched", roomy()).switch_off();
    let feed = complete(3);
    for _ in 0..2 {
        let unknown = outcome(unknown(feed.clone()), Control::new()).await;
        assert_eq!(unknown, (Ok(chunks(3)), Some(Origin::Uncached)));
        let switched = outcome(switched(feed.clone()), Control::new()).await;
        assert_eq!(switched, (Ok(chunks(3)), Some(Origin::Uncached)));
    }
    assert_eq!((feed.runs(), feed.dropped()), (4, 4));
}

#[tokio::test]
async fn a_stream_belongs_to_the_tenant_of_the_place_where_it_was_made() {
    kind();
    let made_for = async |tenant: &'static str, feed: &Arc<Feed>| {
        call::tenant(tenant, ready(()).map(|()| told(400, feed.clone()))).await
    };
    let (a, b, nobody) = (complete(1), complete(2), complete(3));
    // Polled outside of the tenant.
    assert_eq!(all(made_for("a", &a).await).await, Ok(chunks(1)));
    assert_eq!(all(made_for("b", &b).await).await, Ok(chunks(2)));
    assert_eq!(all(told(400, nobody.clone())).await, Ok(chunks(3)));
    let none = Feed::new();
    for _ in 0..2 {
        let polled = call::tenant("b", all(made_for("a", &none).await)).await;
        assert_eq!(polled, Ok(chunks(1)));
        let wished = outcome(told(400, none.clone()), Control::new().tenant("b")).await;
        assert_eq!(wished, (Ok(chunks(2)), Some(Origin::Memory)));
        assert_eq!(all(told(400, none.clone())).await, Ok(chunks(3)));
    }
    assert_eq!(none.runs(), 0);
}

#[tokio::test]
async fn cached_calls_in_the_body_belong_to_the_tenant_of_the_stream() {
    #[cached(kind = "within")]
    async fn inner(_id: u32, tenant: &str) -> String {
        tenant.to_owned()
    }
    #[cached(kind = "within", skip(tenant))]
    async fn first(_id: u32, tenant: &str) -> String {
        tenant.to_owned()
    }
    #[cached(kind = "within")]
    fn outer(tenant: String) -> impl Stream<Item = Result<String, Infallible>> + Send {
        stream::once(async move {
            inner(1, &tenant).await;
            tokio::task::yield_now().await;
            Ok(first(1, &tenant).await)
        })
    }
    register("within", roomy());
    let of = async |tenant: &'static str| {
        let made = ready(()).map(|()| outer(tenant.to_owned()));
        let made = call::tenant(tenant, made).await;
        made.try_collect::<Vec<_>>().await.expect("infallible")
    };
    for _ in 0..2 {
        for tenant in ["a", "b"] {
            assert_eq!(of(tenant).await, [tenant]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_chunk_crosses_from_one_tenant_to_another() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "tenants", op = "answer", skip(tenant))]
    fn answer(prompt: u32, tenant: String) -> impl Stream<Item = Item> + Send {
        RUNS.count();
        let chunks = (0..20).map(move |n| Ok(format!("{tenant} {prompt} {n}")));
        stream::iter(chunks).then(async |chunk| {
            tokio::task::yield_now().await;
            chunk
        })
    }
    register("tenants", roomy());
    let tenants = ["a", "b", "", "ab"];
    let tasks = (0..400).map(|n| {
        let (tenant, prompt) = (tenants[n % 4], u32::try_from(n / 4 % 10).expect("small"));
        let expected: Vec<_> = (0..20).map(|n| format!("{tenant} {prompt} {n}")).collect();
        tokio::spawn(call::tenant(tenant, async move {
            let told = all(answer(prompt, tenant.to_owned())).await;
            assert_eq!(told, Ok(expected));
        }))
    });
    for ended in join_all(tasks.collect::<Vec<_>>()).await {
        ended.expect("each has its own");
    }
    assert_eq!(RUNS.total(), 40, "and each has its own hits");
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_paced_and_the_first_run_is_not() {
    #[cached(kind = "streams", op = "paced", pace = "20ms", key = ())]
    fn paced(feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        feed.open()
    }
    kind();
    let start = Instant::now();
    assert_eq!(all(paced(complete(5))).await, Ok(chunks(5)));
    assert_eq!(start.elapsed(), Duration::ZERO);
    let mut replay = paced(Feed::new());
    for chunk in 0..5_u32 {
        assert_eq!(replay.next().await, Some(Ok(format!("chunk {chunk}"))));
        assert_eq!(start.elapsed().as_millis() / 20, u128::from(chunk));
    }
    let end = start.elapsed();
    assert_eq!(replay.next().await, None);
    assert_eq!(start.elapsed(), end, "nothing comes after the last one");
    // Who is slower than that does not wait on top.
    let mut replay = paced(Feed::new());
    replay.next().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = Instant::now();
    replay.next().await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A chunk that shows serde a MiB and counts how many of it there are.
struct Large;

static LARGE: AtomicUsize = AtomicUsize::new(0);
static MOST_LARGE: AtomicUsize = AtomicUsize::new(0);

impl Large {
    fn new() -> Self {
        let number = LARGE.fetch_add(1, Ordering::SeqCst) + 1;
        MOST_LARGE.fetch_max(number, Ordering::SeqCst);
        Self
    }
}

impl Clone for Large {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        LARGE.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Serialize for Large {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        static BYTES: [u8; 1 << 20] = [7; 1 << 20];
        serializer.serialize_bytes(&BYTES)
    }
}

impl<'de> Deserialize<'de> for Large {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self::new())
    }
}

/// One test, because it counts all of them.
#[tokio::test]
async fn what_is_held_of_a_stream_is_bounded() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "large", op = "large")]
    fn large(number: u64) -> impl Stream<Item = Result<Large, Infallible>> + Send {
        RUNS.count();
        stream::unfold(number, |left| async move {
            (left > 0).then(|| (Ok(Large::new()), left - 1))
        })
    }
    let there = || LARGE.load(Ordering::SeqCst);
    let cache = register("large", roomy());

    // Seven of them are kept.
    assert_eq!(large(7).count().await, 7);
    assert_eq!(large(7).count().await, 7);
    assert_eq!((RUNS.total(), there()), (1, 7));
    // Eight are more than 8 MiB, and are passed through.
    for runs in [2, 3] {
        assert_eq!(large(8).count().await, 8);
        assert_eq!((RUNS.total(), there()), (runs, 7));
    }
    cache.clear().await;

    // One that never ends, and a reader that goes.
    MOST_LARGE.store(0, Ordering::SeqCst);
    let mut endless = large(u64::MAX);
    for _ in 0..1000 {
        endless.next().await.expect("endless").expect("infallible");
    }
    assert!(there() <= 1, "what was passed is let go of: {}", there());
    assert!(MOST_LARGE.load(Ordering::SeqCst) <= 20);
    drop(endless);
    assert_eq!(there(), 0);

    // One reader is slow: the other one waits for it, and both get everything.
    MOST_LARGE.store(0, Ordering::SeqCst);
    let (mut fast, mut slow) = (large(100), large(100));
    let next = |stream: &mut (dyn Stream<Item = Result<Large, Infallible>> + Send + Unpin)| {
        match poll_once(&mut stream.next()) {
            Poll::Ready(Some(chunk)) => chunk.is_ok(),
            Poll::Ready(None) | Poll::Pending => false,
        }
    };
    assert!(next(&mut fast) && next(&mut slow));
    let mut ahead = 0;
    while next(&mut fast) {
        ahead += 1;
        assert!(ahead < 20);
    }
    assert!(ahead >= 7, "{ahead}");
    assert!(MOST_LARGE.load(Ordering::SeqCst) <= 20);
    // Nobody joins it any more.
    let runs = RUNS.total();
    let mut late = large(100);
    assert!(next(&mut late));
    assert_eq!(RUNS.total(), runs + 1);
    drop(late);
    let (fast, slow) = tokio::join!(fast.count(), slow.count());
    assert_eq!((fast, slow), (99 - ahead, 99));
    assert!(MOST_LARGE.load(Ordering::SeqCst) <= 20);
    assert_eq!(there(), 0);

    // The slow one goes: the other one is woken, and waits for nobody.
    let (mut fast, mut slow) = (large(100), large(100));
    assert!(next(&mut fast) && next(&mut slow));
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let mut ahead = 0;
    while fast.poll_next_unpin(&mut context).is_ready() {
        ahead += 1;
    }
    let before = woken.0.load(Ordering::SeqCst);
    drop(slow);
    assert_eq!(woken.0.load(Ordering::SeqCst), before + 1);
    assert_eq!(fast.count().await, 99 - ahead);
    assert_eq!(there(), 0);
}

#[tokio::test]
async fn so_many_chunks_are_kept_and_not_one_more() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "many", op = "many")]
    fn many(number: u32) -> impl Stream<Item = Result<u8, Infallible>> + Send {
        RUNS.count();
        stream::iter((0..number).map(|_| Ok(1)))
    }
    register("many", roomy());
    for (number, runs) in [(100_000, [1, 1]), (100_001, [2, 3])] {
        for runs in runs {
            assert_eq!(many(number).count().await, number as usize);
            assert_eq!(RUNS.total(), runs);
        }
    }
}

#[tokio::test]
async fn a_stream_that_never_ends_ends_with_its_reader() {
    struct Gone(Arc<AtomicUsize>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    #[cached(kind = "streams", op = "endless", key = (), detach)]
    fn endless(gone: Arc<AtomicUsize>) -> impl Stream<Item = Result<u64, Infallible>> + Send {
        let gone = Gone(gone);
        stream::iter(0..).map(move |n| {
            let _ = &gone;
            Ok(n)
        })
    }
    kind();
    let gone = Arc::<AtomicUsize>::default();
    let first: Vec<_> = endless(gone.clone()).take(1000).collect().await;
    assert_eq!(first.len(), 1000);
    // With `detach` it goes on, to the bound.
    support::eventually("it is dropped", async || gone.load(Ordering::SeqCst) == 1).await;
    let mut again = call::stream(Control::new(), endless(gone.clone()));
    again.next().await;
    assert_eq!(again.origin(), Some(Origin::Computed));
}

#[tokio::test]
async fn a_stream_with_a_text_that_is_too_long_goes_past_the_cache() {
    #[cached(kind = "brief", op = "brief", text = text)]
    fn brief(text: &str) -> impl Stream<Item = Result<usize, Infallible>> + Send + use<> {
        let length = text.len();
        stream::iter([Ok(length), Ok(length)])
    }
    let cache = register("brief", roomy().ai().max_text_length(4));
    for (text, origins) in [
        ("äöüß", [Origin::Computed, Origin::Memory]),
        ("abcde", [Origin::Uncached, Origin::Uncached]),
    ] {
        for origin in origins {
            let told = outcome(brief(text), Control::new()).await;
            assert_eq!(told, (Ok(vec![text.len(); 2]), Some(origin)));
        }
    }
    assert_eq!(cache.stats().text_too_long, 2);
}

#[tokio::test]
async fn a_chunk_that_cannot_be_written_keeps_the_stream_in_memory() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Unwritable(u8);
    impl Serialize for Unwritable {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if self.0 == 2 {
                return Err(serde::ser::Error::custom("on purpose"));
            }
            serializer.serialize_u8(self.0)
        }
    }
    #[cached(kind = "unwritable", op = "unwritable", key = last)]
    fn up_to(last: u8) -> impl Stream<Item = Result<Unwritable, Infallible>> + Send {
        stream::iter((0..=last).map(|n| Ok(Unwritable(n))))
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("unwritable", &store);
    for origin in [Origin::Computed, Origin::Memory] {
        let told = outcome(up_to(2), Control::new()).await;
        assert_eq!(told, (Ok((0..3).map(Unwritable).collect()), Some(origin)));
    }
    assert!(cache.flush(Duration::from_secs(5)).await);
    assert_eq!(store.keys_of_entries(), [""; 0]);
    assert_eq!(cache.stats().unserializable_values, 1);
    // Others are none the worse for it.
    assert_eq!(
        outcome(up_to(1), Control::new()).await.0,
        Ok((0..2).map(Unwritable).collect())
    );
    assert!(cache.flush(Duration::from_secs(5)).await);
    assert_eq!(store.keys_of_entries().len(), 1);
}

#[tokio::test]
async fn closing_and_statistics_know_streams_as_any_other_call() {
    #[cached(kind = "counted", op = "counted", skip(feed))]
    fn counted(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache: Cache = register("counted", roomy());
    let feed = complete(2);
    all(counted(1, feed.clone())).await.expect("complete");
    all(counted(1, feed.clone())).await.expect("complete");
    let failing = given(1, Some(Next::Failure("no".to_owned())));
    all(counted(2, failing)).await.expect_err("as it says");
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses), (1, 2));
}
