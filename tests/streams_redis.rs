//! Memoized streams over real Redis servers.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use fixture::{RedisServer, Reply};
use futures_util::future::join_all;
use futures_util::stream;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt};
use larder::call::{self, Control, Origin};
use larder::{Cache, Codec, cached};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::feed::{Cut, Feed, Next, chunks};
use support::{Runs, eventually, register, roomy};

type Item = Result<String, String>;

/// A cache that is registered and connected, as a fresh process would have it.
async fn fresh(kind: &str, server: &RedisServer, codec: Codec) -> Cache {
    let config = roomy()
        .redis_url(server.url())
        .store_budget(Duration::from_secs(2))
        .codec(codec);
    let cache = register(kind, config);
    assert!(cache.connect().await);
    cache
}

/// How many entries the server has.
async fn entries(cache: &Cache, server: &RedisServer) -> usize {
    assert!(cache.flush(Duration::from_secs(5)).await);
    let keys = server.command(&["KEYS", "*:op:*"]);
    let keys = keys.list().iter().map(|key| key.text().to_owned());
    let length = |key: &String| server.command(&["STRLEN", key]);
    keys.filter(|key| !key.contains(":gen:") && length(key) != Reply::Int(16))
        .count()
}

async fn outcome<T, E>(
    stream: impl Stream<Item = Result<T, E>>,
) -> (Result<Vec<T>, E>, Option<Origin>) {
    let mut stream = call::stream(Control::new(), stream);
    let chunks = (&mut stream).try_collect().await;
    (chunks, stream.origin())
}

#[tokio::test]
async fn a_stream_that_is_cut_at_any_chunk_is_not_stored() {
    #[cached(kind = "cut", op = "cut", skip(feed))]
    fn told(id: usize, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let server = RedisServer::start();
    let cache = fresh("cut", &server, Codec::MessagePack).await;
    for number in 0..=4 {
        for cut in Cut::ALL {
            let feed = cut.feed(number);
            let mut stream = told(number, feed.clone());
            cut.read(&mut stream, &feed, number).await;
            assert_eq!(entries(&cache, &server).await, 0, "{cut:?} after {number}");
            drop(stream);
            assert_eq!(entries(&cache, &server).await, 0, "{cut:?} after {number}");
            assert_eq!(feed.runs(), usize::from(cut.begins(number)));
        }
    }
    let complete = chunks(2).into_iter().map(Next::Chunk).chain([Next::End]);
    let told = outcome(told(9, Feed::of(complete))).await;
    assert_eq!(told, (Ok(chunks(2)), Some(Origin::Computed)));
    assert_eq!(entries(&cache, &server).await, 1);
}

#[test]
fn another_process_replays_what_was_computed_with_every_codec() {
    #[cached(kind = "replays", op = "replays", skip(chunks))]
    fn told(id: u64, chunks: Vec<Vec<u8>>) -> impl Stream<Item = Result<Vec<u8>, String>> + Send {
        let _ = id;
        stream::iter(chunks.into_iter().map(Ok))
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let server = RedisServer::start();
    let mut codecs = vec![Codec::MessagePack, Codec::Json];
    #[cfg(feature = "bincode")]
    codecs.push(Codec::Bincode);
    let mut id = 0;
    for codec in codecs {
        let lists = prop::collection::vec(any::<Vec<u8>>(), 0..20);
        let lists = prop::collection::vec(lists, 10);
        let config = Config {
            cases: 4,
            failure_persistence: None,
            ..Config::default()
        };
        let first = std::cell::Cell::new(id);
        let ran = TestRunner::new(config).run(&lists, |lists| {
            runtime.block_on(async {
                let first_id = first.get();
                let cache = fresh("replays", &server, codec).await;
                for (id, chunks) in (first_id..).zip(&lists) {
                    let told = outcome(told(id, chunks.clone())).await;
                    assert_eq!(told, (Ok(chunks.clone()), Some(Origin::Computed)));
                }
                assert!(cache.flush(Duration::from_secs(5)).await);
                fresh("replays", &server, codec).await;
                for origin in [Origin::Store, Origin::Memory] {
                    for (id, chunks) in (first_id..).zip(&lists) {
                        let told = outcome(told(id, Vec::new())).await;
                        assert_eq!(told, (Ok(chunks.clone()), Some(origin)));
                    }
                }
                first.set(first_id + 10);
            });
            Ok(())
        });
        ran.expect("the same");
        id = first.get();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_chunk_crosses_from_one_tenant_to_another() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "crossing", op = "crossing", skip(tenant))]
    fn answer(prompt: usize, tenant: String) -> impl Stream<Item = Item> + Send {
        RUNS.count();
        let chunks = (0..10).map(move |n| Ok(format!("{tenant} {prompt} {n}")));
        stream::iter(chunks).then(async |chunk| {
            tokio::task::yield_now().await;
            chunk
        })
    }
    let server = RedisServer::start();
    for _ in 0..2 {
        // As two processes, one after the other.
        let cache = fresh("crossing", &server, Codec::MessagePack).await;
        let tenants = ["a", "b", "", "ab"];
        let tasks = (0..160).map(|n| {
            let (tenant, prompt) = (tenants[n % 4], n / 4 % 5);
            let expected: Vec<_> = (0..10).map(|n| format!("{tenant} {prompt} {n}")).collect();
            tokio::spawn(call::tenant(tenant, async move {
                let told: Result<Vec<_>, _> = answer(prompt, tenant.to_owned()).try_collect().await;
                assert_eq!(told, Ok(expected));
            }))
        });
        for ended in join_all(tasks.collect::<Vec<_>>()).await {
            ended.expect("each has its own");
        }
        assert!(cache.flush(Duration::from_secs(5)).await);
        assert_eq!(RUNS.total(), 20, "and each has its own hits");
    }
}

#[tokio::test]
async fn what_was_invalidated_while_it_ran_is_not_stored_and_what_is_detached_is() {
    #[cached(kind = "midway", op = "midway", skip(feed), detach)]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let server = RedisServer::start();
    let cache = fresh("midway", &server, Codec::MessagePack).await;
    for number in 0..3 {
        let feed = Feed::of(chunks(number).into_iter().map(Next::Chunk));
        let mut stream = told(1, feed.clone());
        let seen = (&mut stream).take(number).try_collect::<Vec<_>>().await;
        assert_eq!(seen, Ok(chunks(number)));
        // It has begun, also where it has given nothing.
        assert!(stream.next().now_or_never().is_none());
        eventually("the body runs", async || {
            let _ = stream.next().now_or_never();
            feed.runs() == 1
        })
        .await;
        cache.remove_operation("midway").await;
        feed.give(Next::End);
        assert_eq!(stream.next().await, None);
        assert_eq!(entries(&cache, &server).await, 0);
    }

    let feed = Feed::of([Next::Chunk("a".to_owned())]);
    let mut stream = told(2, feed.clone());
    assert_eq!(stream.next().await, Some(Ok("a".to_owned())));
    drop(stream);
    feed.chunk("b");
    feed.give(Next::End);
    eventually("it is stored", async || entries(&cache, &server).await == 1).await;
    fresh("midway", &server, Codec::MessagePack).await;
    let told = outcome(told(2, Feed::new())).await;
    assert_eq!(
        told,
        (
            Ok(vec!["a".to_owned(), "b".to_owned()]),
            Some(Origin::Store)
        )
    );
}

#[tokio::test]
async fn a_redis_that_is_killed_while_a_stream_runs_costs_no_chunk() {
    #[cached(kind = "killed", op = "killed", skip(feed))]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let mut server = RedisServer::start();
    fresh("killed", &server, Codec::MessagePack).await;
    let feed = Feed::of([Next::Chunk(chunks(1).remove(0))]);
    let mut stream = told(1, feed.clone());
    assert_eq!(stream.next().await, Some(Ok("chunk 0".to_owned())));
    server.kill();
    feed.chunk("chunk 1");
    feed.give(Next::End);
    assert_eq!(
        stream.try_collect::<Vec<_>>().await,
        Ok(vec!["chunk 1".to_owned()])
    );
    let again = outcome(told(1, feed.clone())).await.0;
    assert_eq!(again, Ok(chunks(2)));
}

#[tokio::test]
async fn who_waits_while_the_store_is_asked_follows_the_stream_that_begins_then() {
    #[cached(kind = "waits", op = "waits", skip(feed))]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let server = RedisServer::start();
    fresh("waits", &server, Codec::MessagePack).await;
    let feed = Feed::of([Next::Chunk("chunk 0".to_owned())]);
    // Tasks: each is polled again only if it is woken.
    let tasks = [(); 3].map(|()| {
        let mut stream = told(1, feed.clone());
        tokio::spawn(async move { (stream.next().await, stream) })
    });
    // It has not come to its end: nobody could have waited for that.
    let firsts = tokio::time::timeout(Duration::from_secs(5), join_all(tasks)).await;
    for first in firsts.expect("nobody waits for the end") {
        let (first, _stream) = first.expect("no panic");
        assert_eq!(first, Some(Ok("chunk 0".to_owned())));
    }
    assert_eq!(feed.runs(), 1);
}
