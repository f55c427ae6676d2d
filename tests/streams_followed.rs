//! Streams that several callers read at the same time: who comes late, who goes early, and what
//! becomes of the others.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt};
use larder::call::{self, Control, Origin};
use larder::testing::ManualClock;
use larder::{Cache, Ending, cached};
use support::feed::{Feed, Next};
use support::{Log, Runs, eventually, poll_once, register, roomy};
use tokio::sync::Notify;
use tokio::time::Instant;

type Item = Result<String, String>;
type Told = BoxStream<'static, Item>;

#[cached(kind = "followed", op = "told", skip(feed), tags("told"))]
fn told(id: u32, feed: Arc<Feed>) -> BoxStream<'static, Item> {
    let _ = id;
    feed.open().boxed()
}

#[cached(kind = "followed", op = "told.detached", skip(feed), detach)]
fn detached(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
    let _ = id;
    feed.open()
}

fn kind() -> Cache {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(register("followed", roomy())));
    larder::cache("followed").expect("registered")
}

fn chunk(number: usize) -> String {
    format!("chunk {number}")
}

fn chunks(number: usize) -> Vec<Item> {
    (0..number).map(|number| Ok(chunk(number))).collect()
}

/// What a stream has at hand, without waiting.
fn at_hand<S: Stream + Unpin>(stream: &mut S) -> Vec<S::Item> {
    let mut items = Vec::new();
    while let Poll::Ready(Some(item)) = poll_once(&mut stream.next()) {
        items.push(item);
    }
    items
}

async fn all(stream: impl Stream<Item = Item>) -> Vec<Item> {
    stream.collect().await
}

async fn is_kept(id: u32) -> bool {
    call::peek(all(told(id, Feed::new()))).await.is_some()
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Woken {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll_with<S: Stream + Unpin>(stream: &mut S, woken: &Arc<Woken>) -> Poll<Option<S::Item>> {
    let waker = Waker::from(woken.clone());
    Pin::new(stream).poll_next(&mut Context::from_waker(&waker))
}

const CHUNKS: usize = 5;

#[tokio::test]
async fn who_comes_late_gets_what_was_and_then_follows() {
    kind();
    let feed = Feed::new();
    let mut readers = Vec::new();
    let mut read: Vec<Vec<Item>> = Vec::new();
    for number in 0..=CHUNKS {
        let mut reader = call::stream(Control::new(), told(1, feed.clone()));
        let was = at_hand(&mut reader);
        assert_eq!(was, chunks(number));
        let origin = if number == 0 {
            Origin::Computed
        } else {
            Origin::Joined
        };
        assert_eq!(reader.origin(), Some(origin));
        readers.push(reader);
        read.push(was);
        let next = if number < CHUNKS {
            Next::Chunk(chunk(number))
        } else {
            Next::End
        };
        feed.give(next);
        for (reader, read) in readers.iter_mut().zip(&mut read).rev() {
            read.extend(at_hand(reader));
        }
    }
    for (mut reader, read) in readers.into_iter().zip(read) {
        assert_eq!(read, chunks(CHUNKS));
        assert_eq!(reader.next().await, None);
    }
    assert_eq!((feed.runs(), feed.dropped()), (1, 1));
    assert!(is_kept(1).await);
}

#[tokio::test]
async fn the_first_caller_may_go_at_any_chunk_and_the_others_go_on() {
    kind();
    for number in 0..=CHUNKS {
        let id = 100 + u32::try_from(number).expect("small");
        let feed = Feed::new();
        let mut first = told(id, feed.clone());
        let mut follower = told(id, feed.clone());
        assert!(at_hand(&mut first).is_empty());
        for number in 0..number {
            feed.chunk(&chunk(number));
            at_hand(&mut first);
        }
        let woken = Arc::<Woken>::default();
        let mut read = Vec::new();
        while let Poll::Ready(Some(item)) = poll_with(&mut follower, &woken) {
            read.push(item);
        }
        assert_eq!(read, chunks(number));
        drop(first);
        // The one that is left is woken by what comes.
        for number in number..CHUNKS {
            let before = woken.times();
            feed.chunk(&chunk(number));
            assert!(woken.times() > before, "{number}");
            while let Poll::Ready(Some(item)) = poll_with(&mut follower, &woken) {
                read.push(item);
            }
        }
        feed.give(Next::End);
        assert_eq!(follower.next().await, None);
        assert_eq!((read, feed.runs()), (chunks(CHUNKS), 1));
        assert!(is_kept(id).await);
    }
}

#[tokio::test]
async fn who_was_to_poll_the_body_and_goes_leaves_that_to_another_one() {
    kind();
    let feed = Feed::new();
    let (mut first, mut second) = (told(2, feed.clone()), told(2, feed.clone()));
    let [of_first, of_second] = [(); 2].map(|()| Arc::<Woken>::default());
    assert!(poll_with(&mut first, &of_first).is_pending());
    assert!(poll_with(&mut second, &of_second).is_pending());
    feed.chunk("a");
    assert_eq!((of_first.times(), of_second.times()), (1, 1), "either may");
    // The second one looks before, and after the first has taken it.
    assert_eq!(
        poll_with(&mut first, &of_first),
        Poll::Ready(Some(Ok("a".to_owned())))
    );
    assert_eq!(
        poll_with(&mut second, &of_second),
        Poll::Ready(Some(Ok("a".to_owned())))
    );
    // Now the body wants to be polled, and the first one could have.
    assert!(poll_with(&mut second, &of_second).is_pending());
    let before = of_second.times();
    feed.chunk("b");
    assert!(of_second.times() > before);
    drop(first);
    assert_eq!(
        poll_with(&mut second, &of_second),
        Poll::Ready(Some(Ok("b".to_owned())))
    );
}

#[tokio::test]
async fn a_reader_that_is_not_polled_any_more_holds_up_nobody() {
    kind();
    let feed = Feed::new();
    let (mut stuck, mut reader) = (told(3, feed.clone()), told(3, feed.clone()));
    assert!(at_hand(&mut stuck).is_empty());
    let reads = tokio::spawn(async move { reader.by_ref().take(2).collect::<Vec<_>>().await });
    tokio::task::yield_now().await;
    for number in 0..2 {
        feed.chunk(&chunk(number));
    }
    assert_eq!(reads.await.expect("no panic"), chunks(2));
    drop(stuck);
}

#[tokio::test]
async fn when_all_have_gone_the_body_is_dropped() {
    kind();
    for number in 0..=CHUNKS {
        let id = 200 + u32::try_from(number).expect("small");
        let feed = Feed::new();
        let mut readers = [(); 3].map(|()| told(id, feed.clone()));
        for number in 0..number {
            feed.chunk(&chunk(number));
        }
        for reader in &mut readers {
            assert_eq!(at_hand(reader), chunks(number));
        }
        let [first, second, third] = readers;
        drop((second, first));
        assert_eq!(feed.dropped(), 0);
        drop(third);
        assert_eq!((feed.runs(), feed.dropped()), (1, 1));
        feed.give(Next::End);
        assert!(!is_kept(id).await);
        assert_eq!(all(told(id, feed.clone())).await, chunks(number));
        assert_eq!(feed.runs(), 2);
    }
}

#[tokio::test]
async fn a_detached_stream_goes_on_without_callers_is_joined_and_kept() {
    kind();
    for number in 0..=CHUNKS {
        let id = u32::try_from(number).expect("small");
        let feed = Feed::new();
        let mut reader = detached(id, feed.clone());
        for number in 0..number {
            feed.chunk(&chunk(number));
        }
        assert_eq!(at_hand(&mut reader), chunks(number));
        drop(reader);
        assert_eq!(feed.dropped(), 0);
        feed.chunk(&chunk(number));
        // One that comes meanwhile joins it, and one that goes then does no harm.
        let mut joins = call::stream(Control::new(), detached(id, feed.clone()));
        assert_eq!(at_hand(&mut joins), chunks(number + 1));
        assert_eq!(joins.origin(), Some(Origin::Joined));
        drop(joins);
        feed.give(Next::End);
        eventually("it comes to its end", async || feed.dropped() == 1).await;
        let mut replay = call::stream(Control::new(), detached(id, Feed::new()));
        assert_eq!(all(&mut replay).await, chunks(number + 1));
        assert_eq!((replay.origin(), feed.runs()), (Some(Origin::Memory), 1));
    }
}

#[tokio::test]
async fn a_detached_stream_that_fails_in_the_background_is_not_kept() {
    kind();
    for last in [Next::Failure("no".to_owned()), Next::Panic] {
        let feed = Feed::new();
        let mut reader = detached(50, feed.clone());
        assert!(at_hand(&mut reader).is_empty());
        drop(reader);
        feed.chunk("a");
        feed.give(last);
        eventually("it ends", async || feed.dropped() == 1).await;
        let peeked = call::peek(all(detached(50, Feed::new()))).await;
        assert_eq!(peeked, None);
    }
}

#[tokio::test]
async fn closing_ends_what_goes_on_without_callers() {
    #[cached(kind = "closed", op = "closed", skip(feed), detach)]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    register("closed", roomy());
    let feed = Feed::new();
    at_hand(&mut told(1, feed.clone()));
    larder::close_kind("closed", Duration::from_millis(20)).await;
    assert_eq!(feed.dropped(), 1);
}

#[tokio::test]
async fn what_was_invalidated_while_it_ran_is_neither_kept_nor_joined() {
    #[derive(Clone, Copy, Debug)]
    enum By {
        Key,
        Tag,
        Operation,
        Kind,
    }
    let cache = kind();
    let mut id = 300;
    for by in [By::Key, By::Tag, By::Operation, By::Kind] {
        for number in 0..=CHUNKS {
            id += 1;
            let feed = Feed::new();
            let mut first = told(id, feed.clone());
            let mut follower = told(id, feed.clone());
            for number in 0..number {
                feed.chunk(&chunk(number));
            }
            let was = [at_hand(&mut first), at_hand(&mut follower)];
            assert_eq!(was, [chunks(number), chunks(number)]);
            match by {
                By::Key => drop(call::remove(all(told(id, Feed::new()))).await),
                By::Tag => drop(cache.remove_tag("told").await),
                By::Operation => drop(cache.remove_operation("told").await),
                By::Kind => drop(cache.clear().await),
            }
            let anew = Feed::of([Next::Chunk("new".to_owned())]);
            let mut late = call::stream(Control::new(), told(id, anew.clone()));
            assert_eq!(
                at_hand(&mut late),
                [Ok("new".to_owned())],
                "{by:?} at {number}"
            );
            assert_eq!(late.origin(), Some(Origin::Computed));
            // Who comes then joins the new one.
            let mut later = told(id, Feed::new());
            assert_eq!(at_hand(&mut later), [Ok("new".to_owned())]);

            feed.chunk("old");
            feed.give(Next::End);
            for reader in [first, follower] {
                assert_eq!(all(reader).await, [Ok("old".to_owned())]);
            }
            assert!(!is_kept(id).await, "{by:?} at {number}");
            anew.give(Next::End);
            assert!(all(late).await.is_empty());
            assert_eq!(all(told(id, Feed::new())).await, [Ok("new".to_owned())]);
        }
    }
}

#[tokio::test]
async fn a_failure_reaches_all_at_its_place() {
    kind();
    let feed = Feed::new();
    let mut first = told(4, feed.clone());
    let mut second = told(4, feed.clone());
    feed.chunk("a");
    assert_eq!(at_hand(&mut first).len(), 1);
    assert_eq!(at_hand(&mut second).len(), 1);
    let mut slow = told(4, feed.clone());
    assert!(poll_once(&mut slow.next()).is_ready());
    feed.give(Next::Failure("no".to_owned()));
    feed.chunk("more");
    assert_eq!(
        at_hand(&mut first),
        [Err("no".to_owned()), Ok("more".to_owned())]
    );
    // Nothing is kept any more, so nobody joins it.
    let other = Feed::of([Next::Chunk("other".to_owned())]);
    assert_eq!(
        at_hand(&mut told(4, other.clone())),
        [Ok("other".to_owned())]
    );
    feed.give(Next::End);
    for reader in [second, slow] {
        assert_eq!(
            all(reader).await,
            [Err("no".to_owned()), Ok("more".to_owned())]
        );
    }
    assert!(all(first).await.is_empty());
    assert!(!is_kept(4).await);
}

#[tokio::test]
async fn where_an_error_cannot_be_shared_each_caller_runs_the_body() {
    static ALONE: Runs = Runs::new();
    static SHARED: Runs = Runs::new();
    #[derive(Debug)]
    struct NotToBeCloned;
    #[cached(kind = "followed", op = "alone", skip(feed))]
    fn alone(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Result<String, NotToBeCloned>> + Send {
        let _ = id;
        ALONE.count();
        feed.open().map_err(|_| NotToBeCloned)
    }
    #[cached(kind = "followed", op = "shared", skip(feed), share_errors)]
    fn shared(id: u32, feed: Arc<Feed>) -> impl Stream<Item = anyhow::Result<String>> + Send {
        let _ = id;
        SHARED.count();
        feed.open().map_err(anyhow::Error::msg)
    }
    kind();
    let feed = Feed::of([Next::Chunk(chunk(0))]);
    let mut readers = [(); 3].map(|()| alone(1, feed.clone()));
    for reader in &mut readers {
        assert_eq!(at_hand(reader).len(), 1);
    }
    assert_eq!(ALONE.total(), 3);
    feed.give(Next::End);
    for reader in readers {
        assert_eq!(reader.count().await, 0);
    }
    let kept = call::peek(alone(1, Feed::new()).try_collect::<Vec<_>>()).await;
    assert_eq!(kept.expect("kept").expect("complete"), [chunk(0)]);

    let feed = Feed::of([Next::Chunk(chunk(0))]);
    let mut readers = [(); 3].map(|()| shared(1, feed.clone()));
    for reader in &mut readers {
        assert_eq!(at_hand(reader).len(), 1);
    }
    feed.give(Next::Failure("of one".to_owned()));
    for reader in readers {
        let error = reader.try_collect::<Vec<_>>().await.expect_err("failed");
        assert_eq!(error.to_string(), "of one");
        assert!(error.is::<larder::SharedError>());
    }
    assert_eq!(SHARED.total(), 1);
}

#[tokio::test]
async fn after_a_panic_who_had_nothing_begins_anew_and_nobody_takes_a_part_for_all() {
    kind();
    let feed = Feed::of([Next::Chunk(chunk(0))]);
    let mut reads = told(5, feed.clone());
    assert_eq!(at_hand(&mut reads), chunks(1));
    let mut follows = told(5, feed.clone());
    assert_eq!(at_hand(&mut follows), chunks(1));
    let panics = |reader: &mut Told| {
        let next = || poll_once(&mut reader.next());
        catch_unwind(AssertUnwindSafe(next)).is_err()
    };
    feed.give(Next::Panic);
    assert!(panics(&mut reads));
    assert!(panics(&mut follows), "it had a part");
    for reader in [&mut reads, &mut follows] {
        assert!(
            poll_once(&mut reader.next()).is_pending(),
            "there is no end"
        );
    }
    assert!(!is_kept(5).await);

    // Those that had nothing yet.
    let feed = Feed::new();
    let mut first = told(6, feed.clone());
    let mut others = [(); 3].map(|()| told(6, feed.clone()));
    assert!(at_hand(&mut first).is_empty());
    for other in &mut others {
        assert!(at_hand(other).is_empty());
    }
    feed.give(Next::Panic);
    assert!(panics(&mut first));
    assert_eq!(feed.runs(), 1);
    // One tries again, and the rest run for themselves when that panics too.
    let [second, rest @ ..] = &mut others;
    assert!(panics(second));
    assert_eq!(feed.runs(), 2);
    feed.begin_anew();
    feed.chunk(&chunk(0));
    feed.give(Next::End);
    for (runs, other) in (3..).zip(rest) {
        assert_eq!(at_hand(other), chunks(1));
        assert_eq!(feed.runs(), 3, "{runs}");
    }
    assert!(is_kept(6).await);
}

#[tokio::test]
async fn who_wants_a_new_answer_joins_nobody_and_is_joined_by_nobody() {
    kind();
    let (old, new) = (Feed::new(), Feed::new());
    old.chunk("old");
    new.chunk("new");
    let mut first = told(7, old.clone());
    assert_eq!(at_hand(&mut first), [Ok("old".to_owned())]);
    let mut refreshes = call::stream(Control::new().refresh(), told(7, new.clone()));
    assert_eq!(at_hand(&mut refreshes), [Ok("new".to_owned())]);
    let mut bypasses = call::stream(Control::new().bypass(), told(7, new.clone()));
    assert_eq!(at_hand(&mut bypasses), [Ok("new".to_owned())]);
    let mut joins = told(7, Feed::new());
    assert_eq!(at_hand(&mut joins), [Ok("old".to_owned())]);
    new.give(Next::End);
    assert!(all(refreshes).await.is_empty());
    old.give(Next::End);
    assert!(all(first).await.is_empty());
    assert_eq!(all(told(7, Feed::new())).await, [Ok("new".to_owned())]);
}

#[tokio::test]
async fn who_wants_a_young_answer_joins_no_stream_that_began_long_ago() {
    #[cached(kind = "young", op = "young", skip(feed))]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("young", &config)
        .clock(clock.clone())
        .build();
    larder::register(cache.expect("a cache"));
    let feed = Feed::of([Next::Chunk(chunk(0))]);
    let mut first = told(1, feed.clone());
    at_hand(&mut first);
    clock.advance(Duration::from_secs(10));
    for (age, origin) in [
        (60, Origin::Joined),
        (5, Origin::Computed),
        (60, Origin::Joined),
    ] {
        let young = Control::new().max_age(Duration::from_secs(age));
        let mut reader = call::stream(young, told(1, feed.clone()));
        assert_eq!(at_hand(&mut reader), chunks(1));
        assert_eq!(reader.origin(), Some(origin));
    }
}

#[tokio::test]
async fn with_single_flight_off_each_call_runs_the_body() {
    #[cached(kind = "followed", op = "off", skip(feed), single_flight = "off")]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    kind();
    let feed = Feed::of([Next::Chunk(chunk(0))]);
    let mut readers = [(); 3].map(|()| told(1, feed.clone()));
    for reader in &mut readers {
        assert_eq!(at_hand(reader), chunks(1));
    }
    assert_eq!(feed.runs(), 3);
    feed.give(Next::End);
    for reader in readers {
        assert!(all(reader).await.is_empty());
    }
    assert_eq!(all(told(1, Feed::new())).await, chunks(1));
}

#[tokio::test]
async fn functions_that_share_an_operation_and_fail_in_other_ways_do_not_join_each_other() {
    #[cached(kind = "other-ways", op = "x", skip(feed), shared)]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    #[cached(kind = "other-ways", op = "x", skip(feed), shared)]
    fn told_otherwise(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Result<String, u8>> + Send {
        let _ = id;
        feed.open().map_err(|_| 1)
    }
    register("other-ways", roomy());
    let feed = Feed::of([Next::Chunk(chunk(0))]);
    let mut first = told(1, feed.clone());
    assert_eq!(at_hand(&mut first), chunks(1));
    assert_eq!(
        at_hand(&mut told_otherwise(1, feed.clone())),
        [Ok(chunk(0))]
    );
    assert_eq!(feed.runs(), 2);
    feed.give(Next::End);
    assert!(all(first).await.is_empty());
    assert_eq!(at_hand(&mut told_otherwise(1, Feed::new())), [Ok(chunk(0))]);
}

/// Gives one of several chunks at every other poll, and is woken from a thread of its own.
struct FromAnotherThread(usize);

impl Stream for FromAnotherThread {
    type Item = Result<usize, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0 += 1;
        if self.0.is_multiple_of(2) {
            let next = self.0 / 2;
            return Poll::Ready((next <= 20).then_some(Ok(next)));
        }
        let waker = context.waker().clone();
        std::thread::spawn(move || waker.wake());
        Poll::Pending
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_that_come_and_go_get_all_of_it_in_order_and_nothing_else() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "crowd", op = "crowd", detach)]
    fn crowd(id: u32) -> impl Stream<Item = Result<usize, Infallible>> + Send {
        let _ = id;
        RUNS.count();
        FromAnotherThread(0)
    }
    let cache = register("crowd", roomy());
    let expected: Vec<usize> = (1..=20).collect();
    for round in 0..15 {
        let tasks = (0..64_usize).map(|task| {
            let expected = expected.clone();
            tokio::spawn(async move {
                for _ in 0..task % 7 {
                    tokio::task::yield_now().await;
                }
                let stream = crowd(u32::try_from(task % 3).expect("small") + round * 3);
                let reads = if task % 5 == 0 { task % 20 } else { usize::MAX };
                let read: Vec<_> = stream.take(reads).try_collect().await.expect("infallible");
                assert_eq!(read, expected[..reads.min(20)]);
            })
        });
        let all = join_all(tasks.collect::<Vec<_>>());
        let all = tokio::time::timeout(Duration::from_secs(20), all).await;
        for ended in all.expect("nobody waits for ever") {
            ended.expect("as expected");
        }
        if round % 4 == 3 {
            cache.remove_operation("crowd").await;
        }
    }
    assert_eq!(RUNS.total(), 45, "each key runs once");
}

/// A run of the callers of one key, by force: steps are chosen by a small generator, and every reader
/// has to see a beginning of what was given, whole where it saw the end.
#[tokio::test]
async fn whoever_is_polled_and_dropped_when_no_reader_sees_anything_but_a_beginning() {
    #[cached(kind = "steps", op = "steps", skip(feed))]
    fn told(id: u64, feed: Arc<Feed>) -> BoxStream<'static, Item> {
        let _ = id;
        feed.open().boxed()
    }
    register("steps", roomy());
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let number = random.usize(0..6);
        let feed = Feed::new();
        let mut readers: Vec<(Told, Vec<Item>, bool)> = Vec::new();
        let mut given = 0;
        for _ in 0..60 {
            match random.usize(0..10) {
                0..2 => readers.push((told(seed, feed.clone()), Vec::new(), false)),
                2..4 if given <= number => {
                    let next = if given < number {
                        Next::Chunk(chunk(given))
                    } else {
                        Next::End
                    };
                    feed.give(next);
                    given += 1;
                }
                4 if !readers.is_empty() => {
                    drop(readers.swap_remove(random.usize(0..readers.len())));
                }
                _ if !readers.is_empty() => {
                    let reader = random.usize(0..readers.len());
                    let (stream, read, has_ended) = &mut readers[reader];
                    match poll_once(&mut stream.next()) {
                        Poll::Ready(Some(item)) => read.push(item),
                        Poll::Ready(None) => *has_ended = true,
                        Poll::Pending => {}
                    }
                    assert!(chunks(number).starts_with(read), "seed {seed}");
                    assert!(!*has_ended || read.len() == number, "seed {seed}");
                }
                _ => {}
            }
        }
        for left in given..=number {
            let next = if left < number {
                Next::Chunk(chunk(left))
            } else {
                Next::End
            };
            feed.give(next);
        }
        for (stream, mut read, _) in readers {
            read.extend(all(stream).await);
            assert_eq!(read, chunks(number), "seed {seed}");
        }
        assert_eq!(feed.dropped(), feed.runs(), "seed {seed}");
    }
}

#[tokio::test]
async fn dropped_at_each_poll_a_call_is_in_nobodys_way() {
    #[cached(kind = "dropped", op = "dropped")]
    fn slow(id: u32) -> impl Stream<Item = Result<u32, Infallible>> + Send {
        stream::iter(0..3).then(move |n| async move {
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
            Ok(n + id)
        })
    }
    register("dropped", roomy());
    for polls in 0..12 {
        let id = polls * 10;
        let mut dropped = slow(id);
        for _ in 0..polls {
            // Each is woken at once.
            let _ = poll_once(&mut dropped.next());
        }
        drop(dropped);
        let told: Vec<_> = slow(id).try_collect().await.expect("infallible");
        assert_eq!(told, [id, id + 1, id + 2]);
    }
}

type Other = BoxStream<'static, Result<u8, Infallible>>;

/// A body that is woken while it is polled, and another reader looks in vain before that and after it.
struct Busy {
    other: Arc<Mutex<Option<Other>>>,
    woken: Arc<Woken>,
    was_polled: bool,
}

impl Stream for Busy {
    type Item = Result<u8, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.was_polled {
            return Poll::Ready(Some(Ok(7)));
        }
        self.was_polled = true;
        let mut other = self.other.lock().expect("no panic");
        let other = other.as_mut().expect("it was put there");
        assert!(poll_with(other, &self.woken).is_pending());
        context.waker().wake_by_ref();
        assert!(poll_with(other, &self.woken).is_pending());
        Poll::Pending
    }
}

#[tokio::test]
async fn who_looks_while_the_body_is_polled_and_woken_is_woken_when_that_is_over() {
    #[cached(kind = "followed", op = "busy", key = ())]
    fn busy(body: Busy) -> impl Stream<Item = Result<u8, Infallible>> + Send {
        body
    }
    kind();
    let (woken, place) = (Arc::<Woken>::default(), Arc::default());
    let body = || Busy {
        other: Arc::clone(&place),
        woken: woken.clone(),
        was_polled: false,
    };
    *place.lock().expect("no panic") = Some(busy(body()).boxed());
    let mut first = busy(body());
    assert!(poll_once(&mut first.next()).is_pending());
    // The first one is not polled again.
    assert_eq!(woken.times(), 2);
    let mut other = place
        .lock()
        .expect("no panic")
        .take()
        .expect("it was put there");
    assert_eq!(poll_with(&mut other, &woken), Poll::Ready(Some(Ok(7))));
    drop(first);
}

/// Longer than what is kept, when the gate is open.
#[cached(kind = "followed", op = "long", skip(gate, runs))]
fn long(
    id: u32,
    gate: Arc<Notify>,
    runs: &'static Runs,
) -> impl Stream<Item = Result<u32, Infallible>> + Send {
    let _ = id;
    runs.count();
    let opens = stream::once(async move { gate.notified().await });
    opens.flat_map(|()| stream::iter((0..LONG).map(Ok)))
}

const LONG: u32 = 250_000;

async fn numbers(stream: &mut (impl Stream<Item = Result<u32, Infallible>> + Unpin)) -> Vec<u32> {
    stream.map(|it| it.expect("infallible")).collect().await
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_for_long_holds_up_nobody_and_takes_no_part_for_all() {
    static RUNS: Runs = Runs::new();
    let cache = kind();
    let (log, _guard) = Log::collect_warnings_here();
    let gate = Arc::<Notify>::default();
    let readers = async || [(); 4].map(|()| long(1, gate.clone(), &RUNS).boxed());
    let mut readers = call::tenant("slow", readers()).await;
    for reader in &mut readers {
        assert!(poll_once(&mut reader.next()).is_pending());
    }
    let [mut fast, mut has_part, mut has_nothing, mut other] = readers;
    gate.notify_one();
    for number in 0..3 {
        assert_eq!(has_part.next().await, Some(Ok(number)));
    }
    let start = Instant::now();
    let both = async { tokio::join!(numbers(&mut fast), numbers(&mut other)) };
    let both = tokio::time::timeout(Duration::from_secs(600), both).await;
    let (fast, other) = both.expect("nobody waits for ever");
    assert!(fast == other && fast.into_iter().eq(0..LONG));
    assert_eq!(start.elapsed().as_secs(), 30);
    let lines = log.lines();
    let of_each = lines
        .iter()
        .filter(|it| it.contains("took no chunk for 30 s"));
    assert_eq!(of_each.count(), 2, "{lines:?}");

    let next = AssertUnwindSafe(has_part.next()).catch_unwind().await;
    let panic = next.expect_err("it was let go of");
    let panic = panic.downcast_ref::<&str>().expect("a message");
    assert!(panic.contains("did not wait"), "{panic}");
    assert!(
        poll_once(&mut has_part.next()).is_pending(),
        "nor is this the end"
    );
    gate.notify_one();
    assert_eq!(RUNS.total(), 1);
    assert!(numbers(&mut has_nothing).await.into_iter().eq(0..LONG));
    assert_eq!(RUNS.total(), 2, "it has begun anew");
    let counts = &cache.statistics().tenants["slow"].operations["long"];
    let ended = [Ending::NotKept, Ending::Joined, Ending::Panicked].map(|it| counts.of(it));
    // Not kept: for the first one, which began it, and for the one that began anew.
    assert_eq!((ended, counts.calls()), ([2, 1, 1], 4));
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_is_waited_for_as_long_as_it_takes_something() {
    static RUNS: Runs = Runs::new();
    kind();
    let gate = Arc::<Notify>::default();
    let mut readers = [(); 2].map(|()| long(2, gate.clone(), &RUNS).boxed());
    for reader in &mut readers {
        assert!(poll_once(&mut reader.next()).is_pending());
    }
    let [mut fast, mut slow] = readers;
    gate.notify_one();
    let start = Instant::now();
    let slow = async {
        let mut read = Vec::new();
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(29)).await;
            read.push(slow.next().await.expect("more").expect("infallible"));
        }
        read.extend(numbers(&mut slow).await);
        read
    };
    let (fast, slow) = tokio::join!(numbers(&mut fast), slow);
    assert!(fast == slow && fast.into_iter().eq(0..LONG));
    assert_eq!((start.elapsed().as_secs(), RUNS.total()), (145, 1));
}

#[tokio::test]
async fn nothing_of_the_users_happens_while_something_is_locked() {
    /// Its clones and drops read the stream that it is a chunk of.
    struct Curious(Place);
    impl Curious {
        fn look(&self) {
            let taken = self.0.try_lock().ok().and_then(|mut it| it.take());
            if let Some(mut stream) = taken {
                let chunk = poll_once(&mut stream.next());
                std::mem::forget(chunk);
                if let Ok(mut place) = self.0.try_lock() {
                    *place = Some(stream);
                }
            }
        }
    }
    impl Clone for Curious {
        fn clone(&self) -> Self {
            self.look();
            Self(self.0.clone())
        }
    }
    impl Drop for Curious {
        fn drop(&mut self) {
            self.look();
        }
    }
    type Place = Arc<Mutex<Option<BoxStream<'static, Result<Curious, Infallible>>>>>;
    #[cached(kind = "curious", key = (), local)]
    fn told(place: Place) -> impl Stream<Item = Result<Curious, Infallible>> + Send {
        stream::iter((0..3).map(move |_| Ok(Curious(place.clone()))))
    }
    register("curious", roomy());
    let place = Place::default();
    *place.lock().expect("no panic") = Some(told(place.clone()).boxed());
    let ends = tokio::spawn(async move {
        let count = told(place.clone()).count().await;
        drop(place.lock().map(|mut it| it.take()));
        count
    });
    let count = tokio::time::timeout(Duration::from_secs(10), ends).await;
    assert_eq!(count.expect("it does not hang").expect("no panic"), 3);
}
