//! What streams cost, and what those have saved that were there already: `tokens` and `cost` over their chunks.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use larder::call::{self, Control, Origin};
use larder::{Cache, Charges, Savings, cached};
use serde::Serialize;
use support::feed::{Feed, Next};
use support::map_store::MapStore;
use support::{eventually, poll_once, register, register_over, roomy};

type Item = Result<String, String>;

fn chunks(number: usize) -> impl Iterator<Item = Next> {
    (0..number).map(|chunk| Next::Chunk(format!("chunk {chunk}")))
}

fn complete(number: usize) -> Arc<Feed> {
    Feed::of(chunks(number).chain([Next::End]))
}

async fn all(stream: impl Stream<Item = Item>) -> Result<Vec<String>, String> {
    stream.try_collect().await
}

fn savings(cache: &Cache, operation: &str) -> Savings {
    let operation = cache.statistics().operations.remove(operation);
    operation.unwrap_or_default().savings
}

/// Calls, tokens, and thousandths of the unit of money.
fn sums(charges: Charges) -> (u64, u64, u64) {
    (charges.calls, charges.tokens, charges.nano_cost / 1_000_000)
}

fn both(cache: &Cache, operation: &str) -> [(u64, u64, u64); 2] {
    let savings = savings(cache, operation);
    assert_eq!(savings.bad_prices, 0);
    [sums(savings.billed), sums(savings.replayed)]
}

/// What all chunks cost together.
fn cost(chunks: &[String]) -> f64 {
    chunks.iter().map(|_| 0.002).sum()
}

const NOTHING: (u64, u64, u64) = (0, 0, 0);

#[tokio::test]
async fn a_stream_is_billed_when_its_body_has_come_to_its_end_and_replayed_when_it_is_there() {
    #[cached(kind = "priced", op = "told", skip(feed), tokens = Vec::len, cost = |it| cost(it))]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("priced", &store);
    let sums = |cache: &Cache| both(cache, "told");

    let feed = Feed::of(chunks(3));
    let mut first = told(1, feed.clone());
    for _ in 0..3 {
        first.next().await.expect("a chunk").expect("no failure");
    }
    // There may be more to come.
    assert_eq!(sums(&cache), [NOTHING, NOTHING]);
    feed.give(Next::End);
    assert_eq!(first.next().await, None);
    assert_eq!(first.next().await, None);
    assert_eq!(sums(&cache), [(1, 3, 6), NOTHING]);
    // The short way, and the long one.
    all(told(1, feed.clone())).await.expect("complete");
    let mut again = call::stream(Control::new(), told(1, feed.clone()));
    all(&mut again).await.expect("complete");
    assert_eq!(again.origin(), Some(Origin::Memory));
    assert_eq!(sums(&cache), [(1, 3, 6), (2, 6, 12)]);
    // Computed although it is there.
    call::refresh(all(told(1, complete(4))))
        .await
        .expect("complete");
    call::bypass(all(told(1, complete(2))))
        .await
        .expect("complete");
    cache.switch_off();
    all(told(1, complete(1))).await.expect("complete");
    cache.switch_on();
    assert_eq!(sums(&cache), [(4, 10, 20), (2, 6, 12)]);
    // From the store, in another process.
    assert!(cache.flush(Duration::from_secs(1)).await);
    let cache = register_over("priced", &store);
    let mut again = call::stream(Control::new(), told(1, Feed::new()));
    all(&mut again).await.expect("complete");
    assert_eq!(again.origin(), Some(Origin::Store));
    assert_eq!(sums(&cache), [NOTHING, (1, 4, 8)]);
    assert_eq!(savings(&cache, "told").saved_ratio(), Some(1.0));
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_billed_for_nothing() {
    #[cached(kind = "cut", op = "cut", skip(feed), tokens = |chunks| 1 + chunks.len())]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache = register("cut", roomy());
    let mut id = 0;
    for bypasses in [false, true] {
        for cut in [
            None,
            Some(Next::Failure("cut".to_owned())),
            Some(Next::Panic),
        ] {
            id += 1;
            // Also one that goes on after a failure.
            let given = chunks(2).chain(cut).chain([Next::End]);
            let control = Control::new();
            let control = if bypasses { control.bypass() } else { control };
            let mut stream = call::stream(control, told(id, Feed::of(given)));
            let reads = async {
                stream.next().await.expect("a chunk").expect("a chunk");
                stream.next().await.expect("a chunk").expect("a chunk");
                if id % 3 != 1 {
                    while stream.next().await.is_some() {}
                }
            };
            let _ = AssertUnwindSafe(reads).catch_unwind().await;
            drop(stream);
        }
    }
    assert_eq!(id, 6);
    assert_eq!(both(&cache, "cut"), [NOTHING, NOTHING]);
    // It would be counted.
    all(told(99, complete(2))).await.expect("complete");
    assert_eq!(both(&cache, "cut"), [(1, 3, 0), NOTHING]);
}

#[tokio::test]
async fn who_has_a_stream_whole_from_another_caller_has_it_replayed() {
    #[cached(kind = "followed", op = "told", skip(feed), tokens = Vec::len)]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache = register("followed", roomy());
    let feed = Feed::of(chunks(2));
    let mut streams: Vec<_> = (0..4).map(|_| told(1, feed.clone())).collect();
    for stream in &mut streams {
        stream.next().await.expect("a chunk").expect("a chunk");
    }
    // One of the followers leaves before the end.
    drop(streams.pop());
    feed.chunk("chunk 2");
    feed.give(Next::End);
    for stream in &mut streams {
        assert_eq!(all(stream).await.expect("complete").len(), 2);
    }
    assert_eq!(feed.runs(), 1);
    assert_eq!(both(&cache, "told"), [(1, 3, 0), (2, 6, 0)]);

    // The one whose body it is goes, and who follows reads on.
    let feed = Feed::of(chunks(1));
    let mut streams: Vec<_> = (0..2).map(|_| told(2, feed.clone())).collect();
    for stream in &mut streams {
        stream.next().await.expect("a chunk").expect("a chunk");
    }
    drop(streams.remove(0));
    feed.give(Next::End);
    assert_eq!(streams[0].next().await, None);
    assert_eq!(both(&cache, "told"), [(2, 4, 0), (3, 7, 0)]);

    // What breaks off for one does so for all.
    let feed = Feed::of(chunks(1).chain([Next::Failure("cut".to_owned()), Next::End]));
    let mut streams: Vec<_> = (0..2).map(|_| told(3, feed.clone())).collect();
    for stream in &mut streams {
        stream.next().await.expect("a chunk").expect("a chunk");
    }
    for stream in &mut streams {
        assert_eq!(stream.next().await, Some(Err("cut".to_owned())));
        assert_eq!(stream.next().await, None);
    }
    assert_eq!(both(&cache, "told"), [(2, 4, 0), (3, 7, 0)]);
}

#[tokio::test]
async fn each_tenant_is_billed_for_its_own_streams_whoever_reads_them_to_the_end() {
    #[cached(kind = "of.tenants", op = "told", skip(feed), detach, tokens = Vec::len)]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache = register("of.tenants", roomy());
    let of = |tenant: &str| {
        let tenant = cache
            .statistics()
            .tenants
            .remove(tenant)
            .unwrap_or_default();
        let savings = tenant.savings.get("told").copied().unwrap_or_default();
        [sums(savings.billed), sums(savings.replayed)]
    };
    let stream = |tenant: &str, feed| call::stream(Control::new().tenant(tenant), told(1, feed));
    let feed = Feed::of(chunks(1));
    let mut acme = stream("acme", feed.clone());
    acme.next().await.expect("a chunk").expect("a chunk");
    // It goes on in the background, where no tenant is set.
    drop(acme);
    feed.chunk("chunk 1");
    feed.give(Next::End);
    eventually("the body has come to its end", async || {
        of("acme") == [(1, 2, 0), NOTHING]
    })
    .await;
    all(stream("umbrella", complete(5)))
        .await
        .expect("complete");
    all(stream("umbrella", Feed::new()))
        .await
        .expect("complete");
    all(stream("acme", Feed::new())).await.expect("complete");
    let mut bypassed = call::stream(Control::new().tenant("acme").bypass(), told(1, complete(7)));
    all(&mut bypassed).await.expect("complete");
    assert_eq!(of("acme"), [(2, 9, 0), (1, 2, 0)]);
    assert_eq!(of("umbrella"), [(1, 5, 0), (1, 5, 0)]);
    assert_eq!(both(&cache, "told"), [(3, 14, 0), (2, 7, 0)]);
}

#[tokio::test]
async fn every_form_of_stream_has_prices_and_bad_ones_decide_nothing() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("on purpose"))
        }
    }
    #[cached(kind = "forms", op = "boxed", tokens = Vec::len)]
    fn boxed(number: u64) -> stream::BoxStream<'static, Result<u64, String>> {
        stream::iter((0..number).map(Ok)).boxed()
    }
    #[cached(kind = "forms", op = "local", local, weight = Vec::len, tokens = Vec::len)]
    fn local(number: u64) -> impl Stream<Item = Result<u64, String>> + Send {
        stream::iter((0..number).map(Ok))
    }
    #[cached(kind = "forms", op = "unkept", cache_if = |_| false, tokens = |it| it.iter().sum::<u64>())]
    fn unkept(number: u64) -> impl Stream<Item = Result<u64, String>> + Send {
        stream::iter((0..number).map(Ok))
    }
    #[cached(kind = "forms", op = "keyless", tokens = Vec::len)]
    fn keyless(_refuses: Refuses) -> impl Stream<Item = Result<u64, String>> + Send {
        stream::iter((0..4).map(Ok))
    }
    #[cached(kind = "forms", op = "bad", tokens = Vec::len, cost = |it| if it.len() == 3 { panic!("on purpose") } else { f64::NAN })]
    fn bad(number: u64) -> impl Stream<Item = Result<u64, String>> + Send {
        stream::iter((0..number).map(Ok))
    }
    let cache = register("forms", roomy());
    for _ in 0..2 {
        assert_eq!(boxed(4).try_collect::<Vec<_>>().await, Ok(vec![0, 1, 2, 3]));
        local(4).try_collect::<Vec<_>>().await.expect("complete");
        unkept(4).try_collect::<Vec<_>>().await.expect("complete");
        keyless(Refuses)
            .try_collect::<Vec<_>>()
            .await
            .expect("complete");
        bad(3).try_collect::<Vec<_>>().await.expect("complete");
        bad(4).try_collect::<Vec<_>>().await.expect("complete");
    }
    for operation in ["boxed", "local"] {
        let expected = [(1, 4, 0), (1, 4, 0)];
        assert_eq!(both(&cache, operation), expected, "{operation}");
    }
    assert_eq!(both(&cache, "unkept"), [(2, 12, 0), NOTHING]);
    assert_eq!(both(&cache, "keyless"), [(2, 8, 0), NOTHING]);
    let bad = savings(&cache, "bad");
    assert_eq!(
        (sums(bad.billed), sums(bad.replayed)),
        ((2, 7, 0), (2, 7, 0))
    );
    assert_eq!(bad.bad_prices, 4);
}

#[tokio::test]
async fn a_stream_that_is_longer_than_what_is_kept_is_billed_for_nothing() {
    #[cached(kind = "long", op = "long", tokens = Vec::len)]
    fn long(number: u32) -> impl Stream<Item = Result<u32, String>> + Send {
        stream::iter((0..number).map(Ok))
    }
    let cache = register("long", roomy());
    for number in [100_001, 100_000] {
        for bypasses in [true, false] {
            let control = Control::new();
            let control = if bypasses { control.bypass() } else { control };
            let read = call::stream(control, long(number)).count().await;
            assert_eq!(u32::try_from(read), Ok(number));
        }
    }
    assert_eq!(both(&cache, "long"), [(2, 200_000, 0), NOTHING]);
}

#[tokio::test]
async fn a_body_that_nobody_reads_to_its_end_is_billed_when_another_one_was() {
    #[cached(kind = "anew", op = "anew", skip(feed), tokens = Vec::len)]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache = register("anew", roomy());
    let feed = Feed::of(chunks(1));
    let mut first = told(1, feed.clone());
    first.next().await.expect("a chunk").expect("a chunk");
    assert!(poll_once(&mut first.next()).is_pending());
    drop(first);
    assert_eq!(both(&cache, "anew"), [NOTHING, NOTHING]);
    all(told(1, complete(3))).await.expect("complete");
    assert_eq!(both(&cache, "anew"), [(1, 3, 0), NOTHING]);
}
