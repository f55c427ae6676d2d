//! Readers of one stream that come, go and wait, with what may happen meanwhile.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use shuttle::sync::mpsc;
use tokio::runtime::Runtime;
use tracing::Span;

use super::body::{Body, Origin};
use super::chunks::Chunked;
use super::following::{Cut, Following};
use super::live::Live;
use super::shape::Streamed;
use super::*;
use crate::call::Shareable;
use crate::flight::{Flights, Role};
use crate::key::SharedKey;
use crate::runtime::pass;
use crate::tests::try_orders;

/// Chunks are numbers: a hundred for each body that was begun before, and one for each chunk of its own.
#[derive(Clone, Copy)]
struct Numbers;

impl Chunked for Numbers {
    type Chunk = u64;

    fn measure(_chunk: &u64) -> u64 {
        1
    }
}

impl Failing for Numbers {
    type Error = u64;

    fn share(error: u64) -> (u64, Option<Shareable>) {
        (error, Some(Arc::new(error)))
    }

    fn restored(shared: &(dyn Any + Send + Sync)) -> Option<u64> {
        shared.downcast_ref().copied()
    }
}

/// How a body ends that has given all its chunks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Whole,
    Fails,
    Panics,
}

/// One key, and the body of its stream.
struct World {
    kind: Arc<Kind>,
    flights: Arc<Flights>,
    key: SharedKey,
    is_detached: bool,
    /// So many chunks a body gives.
    length: u64,
    /// How the first body ends; all others end whole.
    ends: Ends,
    given: Mutex<Given>,
    begun: AtomicUsize,
    dropped: AtomicUsize,
}

/// What bodies may give by now, and whom to wake when that is more.
#[derive(Default)]
struct Given {
    steps: u64,
    waiting: Vec<Waker>,
}

struct Opened {
    world: Arc<World>,
    run: u64,
    at: u64,
}

impl Stream for Opened {
    type Item = Result<u64, u64>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut given = lock(&self.world.given);
        if given.steps <= self.at {
            given.waiting.push(context.waker().clone());
            return Poll::Pending;
        }
        drop(given);
        self.at += 1;
        let is_last = self.at > self.world.length;
        let ends = self.world.ends;
        match ends {
            _ if !is_last => Poll::Ready(Some(Ok(self.run * 100 + self.at))),
            Ends::Fails if self.run == 0 => Poll::Ready(Some(Err(self.run))),
            Ends::Panics if self.run == 0 => panic!("the body panics"),
            _ => Poll::Ready(None),
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.world.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// What a reader had.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Whole(Vec<u64>),
    /// The sum of what was kept.
    Kept(u64),
    Failed,
    Panicked,
    /// It went.
    Part(Vec<u64>),
}

impl World {
    fn new(length: u64, ends: Ends, is_detached: bool) -> Arc<Self> {
        Arc::new(Self {
            kind: Arc::new(Kind {
                background: Background::default(),
                memory: Mutex::new(None),
                generations: Generations::new(),
            }),
            flights: Arc::default(),
            key: [1].into(),
            is_detached,
            length,
            ends,
            given: Mutex::default(),
            begun: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
        })
    }

    fn give(&self) {
        let waiting = {
            let mut given = lock(&self.given);
            given.steps += 1;
            std::mem::take(&mut given.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// All chunks, and the end.
    fn give_all(&self) {
        (0..=self.length).for_each(|_| self.give());
    }

    fn chunks(&self, run: u64) -> Vec<u64> {
        (1..=self.length).map(|at| run * 100 + at).collect()
    }

    fn in_memory(&self) -> Option<u64> {
        lock(&self.kind.memory).as_ref().map(|entry| entry.value)
    }

    /// One call, as `call/pending.rs` and `stream/memoized.rs` make it, whose reader goes when it has
    /// had so many chunks.
    fn read(self: &Arc<Self>, most: usize) -> Read {
        loop {
            let following = match self.enter() {
                Ok(following) => following,
                Err(sum) => return Read::Kept(sum),
            };
            if let Some(read) = follow(following, most) {
                return read;
            }
        }
    }

    /// The first steps of a call: what is kept, or a stream to follow.
    fn enter(self: &Arc<Self>) -> Result<Following<Numbers, Numbers>, u64> {
        loop {
            if let Some(sum) = self.in_memory() {
                return Err(sum);
            }
            return match block_on(self.flights.join(&self.key)) {
                Role::Waiter(Landing::Entry(entry)) => Err(entry.value),
                Role::Waiter(_) => continue,
                Role::Alone(turn) => Ok(self.begin(self.flights.fly_in_turn(&self.key, turn))),
                Role::Leader(leader) => {
                    let there = lock(&self.kind.memory).clone();
                    let Some(entry) = there else {
                        return Ok(self.begin(leader));
                    };
                    leader.land(Landing::Entry(entry.clone()));
                    Err(entry.value)
                }
                Role::Follower(shown) => {
                    let joined = shown.running.as_ref().and_then(Running::join);
                    let joined = joined.and_then(|it| it.downcast().ok());
                    let Some(following) = joined else {
                        self.flights.end_shown(&self.key, &shown);
                        continue;
                    };
                    Ok(*following)
                }
            };
        }
    }

    fn begin(self: &Arc<Self>, leader: Leader) -> Following<Numbers, Numbers> {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        let runtime = || {
            let builder = &mut tokio::runtime::Builder::new_current_thread();
            builder.build().unwrap()
        };
        let background = self.is_detached.then(|| RUNTIME.get_or_init(runtime));
        let turn = Turn {
            kind: self.kind.clone(),
            leader,
            background: background.map(|runtime| runtime.handle().clone()),
        };
        let opened = Opened {
            world: self.clone(),
            run: self.begun.fetch_add(1, Ordering::SeqCst) as u64,
            at: 0,
        };
        let origin = Origin {
            tenant: None,
            span: Span::none(),
        };
        let make: body::Make<_> = Box::new(|sink| Box::pin(sink.feed(opened)));
        let body = Body::begin(make, origin.clone(), Span::none());
        let shape = Streamed(PhantomData);
        Live::begin(shape, turn, body, Box::new(|_| Rule), origin)
    }

    /// What holds when all readers have gone.
    fn has_ended(&self) {
        let tasks = std::mem::take(&mut *lock(&self.kind.background.0));
        for task in tasks {
            task.join().unwrap();
        }
        let begun = self.begun.load(Ordering::SeqCst);
        assert_eq!(self.dropped.load(Ordering::SeqCst), begun);
        if let Some(kept) = self.in_memory() {
            assert!(self.length <= MOST_CHUNKS);
            let is_whole = |run| self.chunks(run).iter().sum::<u64>() == kept;
            assert!((0..begun as u64).any(is_whole), "{kept}");
        }
    }
}

/// Reads to the end, or to where its reader goes. `None`: it begins anew.
fn follow(mut following: Following<Numbers, Numbers>, most: usize) -> Option<Read> {
    let mut read = Vec::new();
    while read.len() < most {
        let next = || block_on(poll_fn(|context| following.poll_next(context)));
        match catch_unwind(AssertUnwindSafe(next)) {
            Ok(Ok(Some(Ok(chunk)))) => read.push(chunk),
            Ok(Ok(Some(Err(_)))) => return Some(Read::Failed),
            Ok(Ok(None)) => return Some(Read::Whole(read)),
            Ok(Err(_)) if read.is_empty() => return None,
            Ok(Err(_)) | Err(_) => return Some(Read::Panicked),
        }
    }
    Some(Read::Part(read))
}

fn reader(world: &Arc<World>, most: usize) -> JoinHandle<Read> {
    let world = world.clone();
    thread::spawn(move || world.read(most))
}

const ALL: usize = usize::MAX;

/// Readers of all and of a part, while the body gives what it has.
fn readers(world: &Arc<World>, most: [usize; 3]) -> [Read; 3] {
    let readers = most.map(|most| reader(world, most));
    world.give_all();
    let read = readers.map(|reader| reader.join().unwrap());
    world.has_ended();
    for read in &read {
        let (Read::Whole(chunks) | Read::Part(chunks)) = read else {
            continue;
        };
        // A beginning of one body's chunks.
        let run = chunks.first().map_or(0, |chunk| chunk / 100);
        assert!(world.chunks(run).starts_with(chunks), "{read:?}");
        let is_whole = matches!(read, Read::Whole(_));
        assert!(!is_whole || chunks.len() as u64 == world.length, "{read:?}");
    }
    read
}

#[test]
fn one_body_is_for_all_readers_and_is_kept() {
    try_orders(|| {
        let world = World::new(2, Ends::Whole, false);
        for read in readers(&world, [ALL; 3]) {
            let is_all = read == Read::Whole(world.chunks(0)) || read == Read::Kept(3);
            assert!(is_all, "{read:?}");
        }
        assert_eq!(world.begun.load(Ordering::SeqCst), 1);
        assert_eq!(world.in_memory(), Some(3));
    });
}

#[test]
fn whoever_goes_when_leaves_nobody_waiting() {
    try_orders(|| {
        let world = World::new(2, Ends::Whole, false);
        let [all, ..] = readers(&world, [ALL, 0, 1]);
        assert!(matches!(all, Read::Whole(_) | Read::Kept(_)), "{all:?}");
        assert!(world.in_memory().is_some());
    });
}

#[test]
fn who_is_not_polled_any_more_holds_up_nobody() {
    for polls in 0..3 {
        try_orders(move || {
            let world = World::new(2, Ends::Whole, false);
            let (others_are_done, done) = mpsc::channel::<()>();
            let stuck = {
                let world = world.clone();
                thread::spawn(move || {
                    let Ok(mut following) = world.enter() else {
                        return;
                    };
                    for _ in 0..polls {
                        // Nobody wakes it.
                        let _ = following.poll_next(&mut Context::from_waker(Waker::noop()));
                    }
                    // Until they have gone, it has not.
                    let _ = done.recv();
                })
            };
            let readers = [reader(&world, ALL), reader(&world, ALL)];
            world.give_all();
            for reader in readers {
                let read = reader.join().unwrap();
                assert!(matches!(read, Read::Whole(_) | Read::Kept(3)), "{read:?}");
            }
            drop(others_are_done);
            stuck.join().unwrap();
            world.has_ended();
        });
    }
}

#[test]
fn who_has_waited_for_a_slow_one_goes_on_when_that_has_moved() {
    try_orders(|| {
        let world = World::new(8, Ends::Whole, false);
        world.give_all();
        let both = [world.enter(), world.enter()];
        let [Ok(mut slow), Ok(joined)] = both else {
            panic!("nothing is kept");
        };
        let (tells, told) = mpsc::channel();
        let fast = thread::spawn(move || {
            let mut fast = joined;
            let mut read = 0;
            while let Ok(Some(Ok(_))) = block_on(poll_fn(|context| fast.poll_next(context))) {
                read += 1;
                tells.send(read).unwrap();
            }
            read
        });
        for moved in 0..8 {
            // It moves when the other one is as far ahead as that may be.
            while told.recv().unwrap() < (moved + MOST_CHUNKS).min(world.length) {}
            let polled = slow.poll_next(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Ready(Ok(Some(Ok(_))))));
            if moved + MOST_CHUNKS >= world.length {
                break;
            }
        }
        drop(slow);
        assert_eq!(fast.join().unwrap(), world.length);
        world.has_ended();
    });
}

/// One reads all it can, and one has so many chunks and takes none for as long as that takes.
fn one_reads_and_one_takes_nothing(polls: usize) {
    let world = World::new(8, Ends::Whole, false);
    let Ok(mut slow) = world.enter() else {
        panic!("nothing is kept");
    };
    let fast = reader(&world, ALL);
    let is_over = Arc::new(AtomicUsize::new(0));
    let passes = thread::spawn({
        let is_over = is_over.clone();
        move || {
            while is_over.load(Ordering::SeqCst) == 0 {
                pass(PATIENCE);
                thread::yield_now();
            }
        }
    });
    world.give_all();
    let mut polled = 0;
    for _ in 0..polls {
        let next = slow.poll_next(&mut Context::from_waker(Waker::noop()));
        polled += usize::from(matches!(next, Poll::Ready(Ok(Some(Ok(_))))));
    }
    let read = fast.join().unwrap();
    is_over.store(1, Ordering::SeqCst);
    passes.join().unwrap();
    // It has joined, or its own was begun when nobody could.
    let run = u64::from(world.begun.load(Ordering::SeqCst) > 1);
    assert_eq!(read, Read::Whole(world.chunks(run)));
    if run == 0 && polled < 8 {
        let next = slow.poll_next(&mut Context::from_waker(Waker::noop()));
        let is_near = polled as u64 + MOST_CHUNKS >= 8;
        let goes_on = matches!(next, Poll::Ready(Ok(Some(Ok(_)))));
        let is_cut = matches!(next, Poll::Ready(Err(Cut::LetGo)));
        assert!(is_cut || (is_near && goes_on));
    }
    drop(slow);
    world.has_ended();
}

#[test]
fn who_takes_nothing_for_long_holds_up_nobody_and_takes_no_part_for_all() {
    for polls in 0..4 {
        try_orders(move || one_reads_and_one_takes_nothing(polls));
    }
}

#[test]
fn what_goes_on_without_readers_is_joined_and_kept() {
    try_orders(|| {
        let world = World::new(2, Ends::Whole, true);
        readers(&world, [0, 1, 2]);
        // Nobody has read to the end.
        assert_eq!(world.begun.load(Ordering::SeqCst), 1);
        assert_eq!(world.in_memory(), Some(3));
    });
}

#[test]
fn a_body_that_fails_does_so_for_all_and_is_not_kept() {
    try_orders(|| {
        let world = World::new(1, Ends::Fails, false);
        let read = readers(&world, [ALL; 3]);
        assert!(read.contains(&Read::Failed));
        assert_ne!(world.in_memory(), Some(1));
    });
}

#[test]
fn after_a_panic_nobody_takes_a_part_for_all_and_nobody_waits() {
    try_orders(|| {
        for is_detached in [false, true] {
            let world = World::new(1, Ends::Panics, is_detached);
            let read = readers(&world, [ALL, ALL, 1]);
            let whole = |read: &Read| *read == Read::Whole(world.chunks(0));
            assert!(!read.iter().any(whole), "{read:?}");
            assert_ne!(world.in_memory(), Some(1));
        }
    });
}

#[test]
fn a_stream_that_is_too_long_has_its_readers_wait_for_each_other_and_for_nobody_who_has_gone() {
    try_orders(|| {
        for is_detached in [false, true] {
            let world = World::new(5, Ends::Whole, is_detached);
            let [first, second, _] = readers(&world, [ALL, ALL, 1]);
            for read in [first, second] {
                assert!(matches!(read, Read::Whole(_)), "{read:?}");
            }
            assert_eq!(world.in_memory(), None);
        }
    });
}

#[test]
fn what_is_removed_while_it_runs_is_neither_kept_nor_joined() {
    try_orders(|| {
        let world = World::new(1, Ends::Whole, true);
        let readers = [reader(&world, ALL), reader(&world, 0)];
        world.give();
        // Who begins meanwhile may be from after it.
        let before = world.begun.load(Ordering::SeqCst) as u64;
        let remove = || *lock(&world.kind.memory) = None;
        world.flights.invalidate(&world.key, remove);
        world.give();
        let is_new = |read| match read {
            Read::Whole(chunks) => chunks[0] / 100 >= before,
            Read::Kept(sum) => sum / 100 >= before,
            _ => false,
        };
        assert!(is_new(world.read(ALL)));
        for reader in readers {
            reader.join().unwrap();
        }
        assert!(is_new(world.read(ALL)));
        world.has_ended();
    });
}
