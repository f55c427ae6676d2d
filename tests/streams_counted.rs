//! How calls of memoized streams are counted and told: each in exactly one way, whoever's body it reads
//! and whatever becomes of that.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use larder::call::{self, Control, Origin};
use larder::{Cache, Ending, EventFilter, EventKind, Happened, cached};
use support::feed::{Feed, Next};
use support::{eventually, poll_once, register, roomy};

type Item = Result<String, String>;

/// The ways in which calls of this operation have ended.
fn endings(cache: &Cache, operation: &str) -> Vec<(Ending, u64)> {
    let operation = cache.statistics().operations.remove(operation);
    let counts = operation.unwrap_or_default().counts;
    let all = Ending::ALL.map(|ending| (ending, counts.of(ending)));
    all.into_iter().filter(|(_, number)| *number > 0).collect()
}

/// What a stream has at hand, without waiting.
fn at_hand<S: Stream + Unpin>(stream: &mut S) -> Vec<S::Item> {
    let mut items = Vec::new();
    while let Poll::Ready(Some(item)) = poll_once(&mut stream.next()) {
        items.push(item);
    }
    items
}

fn panics<S: Stream + Unpin>(stream: &mut S) -> bool {
    let next = || poll_once(&mut stream.next()).is_ready();
    catch_unwind(AssertUnwindSafe(next)).is_err()
}

#[tokio::test]
async fn who_reads_along_has_joined_when_it_has_all_and_not_before() {
    #[cached(kind = "along", op = "told", skip(feed))]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache = register("along", roomy());
    let feed = Feed::of([Next::Chunk("a".to_owned())]);
    let mut readers: Vec<_> = (0..4).map(|_| told(1, feed.clone())).collect();
    for reader in &mut readers {
        assert_eq!(at_hand(reader).len(), 1);
    }
    assert_eq!(endings(&cache, "told"), []);
    // It has seen a part and no end.
    drop(readers.pop());
    assert_eq!(endings(&cache, "told"), [(Ending::Abandoned, 1)]);
    feed.give(Next::End);
    for reader in &mut readers {
        assert_eq!(reader.next().await, None);
        assert_eq!(reader.next().await, None);
    }
    let all = [
        (Ending::Joined, 2),
        (Ending::Computed, 1),
        (Ending::Abandoned, 1),
    ];
    assert_eq!(endings(&cache, "told"), all);
    drop(readers);
    assert_eq!(endings(&cache, "told"), all);
}

#[tokio::test]
async fn who_has_the_failure_of_another_call_has_joined_it() {
    #[cached(kind = "failing", op = "told", skip(feed))]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache = register("failing", roomy());
    let feed = Feed::of([Next::Chunk("a".to_owned())]);
    let mut readers: Vec<_> = (0..3).map(|_| told(1, feed.clone())).collect();
    for reader in &mut readers {
        assert_eq!(at_hand(reader).len(), 1);
    }
    feed.give(Next::Failure("no".to_owned()));
    feed.give(Next::End);
    // Most readers go then.
    for reader in readers.drain(..2) {
        assert_eq!(
            reader.try_collect::<Vec<_>>().await,
            Err(String::from("no"))
        );
    }
    let mut last = readers.pop().expect("one more");
    assert_eq!(at_hand(&mut last), [Err("no".to_owned())]);
    assert_eq!(last.next().await, None);
    assert_eq!(
        endings(&cache, "told"),
        [(Ending::Joined, 2), (Ending::Failed, 1)]
    );
}

#[tokio::test]
async fn who_begins_anew_is_counted_as_what_that_comes_to_and_is_told_so() {
    #[cached(kind = "anew", op = "told", skip(feed))]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache = register("anew", roomy());
    let feed = Feed::new();
    let reader = || call::stream(Control::new(), told(1, feed.clone()));
    let mut readers = [reader(), reader(), reader(), reader()];
    for reader in &mut readers {
        assert!(at_hand(reader).is_empty());
    }
    let [first, second, third, fourth] = &mut readers;
    feed.give(Next::Panic);
    assert!(panics(first));
    // The others begin anew together, and that panics too.
    feed.begin_anew();
    for reader in [&mut *second, &mut *third, &mut *fourth] {
        assert!(at_hand(reader).is_empty());
    }
    assert_eq!(feed.runs(), 2);
    feed.give(Next::Panic);
    assert!(panics(second));
    // After that they do not wait for each other, and what they have is kept.
    feed.begin_anew();
    assert!(at_hand(third).is_empty());
    assert!(at_hand(fourth).is_empty());
    assert_eq!(feed.runs(), 4);
    feed.chunk("a");
    feed.give(Next::End);
    assert_eq!(third.next().await, Some(Ok("a".to_owned())));
    assert_eq!(third.next().await, None);
    let origins = readers.each_ref().map(call::ControlledStream::origin);
    assert_eq!(origins, [Some(Origin::Computed); 4]);
    drop(readers);
    assert_eq!(
        endings(&cache, "told"),
        [
            (Ending::Computed, 1),
            (Ending::Panicked, 2),
            (Ending::Abandoned, 1)
        ]
    );
    let mut again = reader();
    assert_eq!(at_hand(&mut again), [Ok("a".to_owned())]);
    assert_eq!(again.origin(), Some(Origin::Memory));
}

#[tokio::test]
async fn the_text_of_who_begins_anew_is_counted_once() {
    #[cached(kind = "anew.text", op = "told", text = text, skip(feed))]
    fn told(text: &str, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = text;
        feed.open()
    }
    let cache = register("anew.text", roomy());
    let feed = Feed::new();
    let (mut first, mut second) = (told("four", feed.clone()), told("four", feed.clone()));
    assert!(at_hand(&mut first).is_empty() && at_hand(&mut second).is_empty());
    feed.give(Next::Panic);
    assert!(panics(&mut first));
    feed.begin_anew();
    feed.give(Next::End);
    assert!(at_hand(&mut second).is_empty());
    assert_eq!(feed.runs(), 2);
    let texts = cache.statistics().operations["told"].texts;
    assert_eq!((texts.count, texts.characters), (2, 8));
}

#[tokio::test]
async fn who_has_a_part_of_what_panics_has_panicked() {
    #[cached(kind = "part", op = "told", skip(feed))]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache = register("part", roomy());
    let feed = Feed::of([Next::Chunk("a".to_owned())]);
    let mut readers = [told(1, feed.clone()), told(1, feed.clone())];
    for reader in &mut readers {
        assert_eq!(at_hand(reader).len(), 1);
    }
    feed.give(Next::Panic);
    assert!(readers.iter_mut().all(panics));
    drop(readers);
    assert_eq!(endings(&cache, "told"), [(Ending::Panicked, 2)]);
}

#[tokio::test]
async fn a_stream_that_is_too_long_to_keep_has_not_failed() {
    #[cached(kind = "lengthy", op = "lengthy", key = ())]
    fn numbers(number: u32) -> impl Stream<Item = Result<u32, String>> + Send {
        stream::iter((0..number).map(Ok))
    }
    let cache = register("lengthy", roomy());
    assert_eq!(numbers(100_001).count().await, 100_001);
    assert_eq!(endings(&cache, "lengthy"), [(Ending::NotKept, 1)]);
    // It was given up long before its end.
    assert_eq!(cache.statistics().operations["lengthy"].bodies.count, 0);
    // The reader of one that is begun anew wants nothing older, nor does the next one.
    assert_eq!(numbers(1).count().await, 1);
    assert_eq!(call::refresh(numbers(100_001).count()).await, 100_001);
    let mut next = call::stream(Control::new(), numbers(2));
    assert_eq!((&mut next).count().await, 2);
    assert_eq!(next.origin(), Some(Origin::Computed));
    assert_eq!(
        endings(&cache, "lengthy"),
        [(Ending::Computed, 2), (Ending::NotKept, 2)]
    );
}

#[tokio::test]
async fn listeners_hear_of_who_reads_along_as_the_statistics_do() {
    #[cached(kind = "heard", op = "told", skip(feed))]
    fn told(id: u32, feed: Arc<Feed>) -> impl Stream<Item = Item> + Send {
        let _ = id;
        feed.open()
    }
    let cache = register("heard", roomy());
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let listener = heard.clone();
    let kinds = EventKind::HITS.into_iter().chain([EventKind::Miss]);
    let filter = EventFilter::all().only(kinds).with_values();
    cache.on_event(filter, move |event| {
        let what = match event.what() {
            Happened::Hit(origin) => origin.to_string(),
            Happened::Miss { ending, .. } => ending.to_string(),
            _ => "something else".to_owned(),
        };
        listener.lock().expect("no panic").push(what);
    });
    let feed = Feed::of([Next::Chunk("a".to_owned())]);
    let mut readers = [(); 3].map(|()| told(1, feed.clone()));
    for reader in &mut readers {
        assert_eq!(at_hand(reader).len(), 1);
    }
    let [first, second, third] = readers;
    drop(third);
    feed.give(Next::End);
    for reader in [first, second, told(1, feed.clone())] {
        reader.try_collect::<Vec<_>>().await.expect("complete");
    }
    cache.flush_events().await;
    let heard = heard.lock().expect("no panic");
    assert_eq!(*heard, ["computed", "joined", "memory"]);
}

/// What a body does, and at which chunk.
#[derive(Clone, Copy)]
enum Does {
    GoesOn,
    Fails(u32),
    Panics(u32),
}

impl Does {
    fn any(random: &mut fastrand::Rng) -> Self {
        match random.u8(..10) {
            0 => Self::Panics(random.u32(..3)),
            1 => Self::Fails(random.u32(..3)),
            _ => Self::GoesOn,
        }
    }

    async fn chunk(self, number: u32) -> Result<u32, String> {
        tokio::task::yield_now().await;
        match self {
            Self::Panics(at) if at == number => resume_unwind(Box::new("on purpose")),
            Self::Fails(at) if at == number => Err("on purpose".to_owned()),
            _ => Ok(number),
        }
    }
}

#[cached(kind = "counted.once", op = "left", skip(does))]
fn left(id: u32, does: Does) -> impl Stream<Item = Result<u32, String>> + Send {
    let _ = id;
    stream::iter(0..4).then(move |number| does.chunk(number))
}

#[cached(kind = "counted.once", op = "goes.on", skip(does), detach)]
fn goes_on(id: u32, does: Does) -> impl Stream<Item = Result<u32, String>> + Send {
    let _ = id;
    stream::iter(0..4).then(move |number| does.chunk(number))
}

/// Makes a call, and reads a part of its stream, to its first failure at most.
async fn call_any(random: &mut fastrand::Rng, is_detached: bool) {
    let (id, does) = (random.u32(..4), Does::any(random));
    let control = match random.u8(..20) {
        0 => Control::new().bypass(),
        1 => Control::new().refresh(),
        _ => Control::new(),
    };
    let stream = if is_detached {
        goes_on(id, does).boxed()
    } else {
        left(id, does).boxed()
    };
    let mut stream = call::stream(control, stream);
    let most = random.usize(..6);
    let reads = async {
        if most == 0 {
            return drop(poll_once(&mut stream.next()));
        }
        for _ in 0..most {
            if !matches!(stream.next().await, Some(Ok(_))) {
                return;
            }
        }
    };
    let _ = AssertUnwindSafe(reads).catch_unwind().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_calls_each_is_counted_once() {
    const TASKS: u64 = 16;
    const CALLS: u64 = 1000;
    let cache = register("counted.once", roomy());
    let tasks = (0..TASKS).map(|seed| {
        let cache = cache.clone();
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            for call in 0..CALLS {
                call_any(&mut random, call % 2 == 0).await;
                if random.u8(..) == 0 {
                    cache.remove_operation("left").await;
                    cache.remove_operation("goes.on").await;
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic but those of bodies");
    }
    // Some go on without their callers.
    eventually("each has ended", async || {
        let operations = cache.statistics().operations;
        let calls = ["left", "goes.on"].map(|it| operations[it].counts.calls());
        assert!(calls.iter().all(|calls| *calls <= TASKS * CALLS / 2));
        calls == [TASKS * CALLS / 2; 2]
    })
    .await;
    for operation in ["left", "goes.on"] {
        let ways = endings(&cache, operation);
        for ending in [
            Ending::MemoryHit,
            Ending::Joined,
            Ending::Computed,
            Ending::Failed,
            Ending::Panicked,
            Ending::Bypassed,
        ] {
            assert!(ways.iter().any(|(way, _)| *way == ending), "{ways:?}");
        }
    }
}
