//! A stream that is running, and those who follow it.
//!
//! The body belongs to all followers. Whoever of them wants an item that is not there yet polls the
//! body, if it is due: that is, if it was woken or gave an item since it was last polled. What wakes the
//! body wakes everybody who waits, so that nobody depends on the one who polled
//! last. Of a stream that is too long to keep, those who are far behind are waited for (`seats`).
//! A follower that goes while the body is due wakes the others as well.
//!
//! The lock is held for a few steps at a time. Nothing of the user's happens meanwhile: no chunk is
//! cloned or dropped, no waker called, no body polled.

use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;
use tracing::Instrument;

use super::body::{Body, Origin};
use super::chain::{Item, Link};
use super::chunks::{Chunked, Chunks};
use super::following::{Detached, Following};
use super::running::{Follower, Joined, Running};
use super::seats::{End, LetGo, Seats, Wakers};
use super::shape::{Fails, Streamed};
use super::{MOST_BYTES, MOST_CHUNKS, PATIENCE};
use crate::call::{Failing, Price, Rule, Turn};
use crate::kind::Kind;
use crate::observe::Ending;
use crate::runtime::Instant;
use crate::sync::{Mutex, lock};

/// What is asked about the chunks in the end.
pub(super) type MakeRule<T> = Box<dyn FnOnce(&Vec<T>) -> Rule + Send>;

/// What one who follows gets next.
pub(super) type NextItem<K, F> = Option<Result<<K as Chunked>::Chunk, <F as Failing>::Error>>;

pub(super) struct Live<K: Chunked, F: Fails> {
    state: Mutex<State<K, F>>,
    /// For the body.
    bell: Waker,
    shape: Streamed<K, F>,
    /// Where the body goes on when all have gone, if it does.
    background: Option<(Arc<Kind>, Handle)>,
    origin: Origin,
    /// Of all chunks, where they are all and have one.
    price: OnceLock<Price>,
}

type State<K, F> = Seats<Box<Work<K, F>>, <K as Chunked>::Chunk>;

/// What is under way. The body goes first: who begins anew does so after that.
pub(super) struct Work<K: Chunked, F: Fails> {
    body: Body<Result<K::Chunk, F::Error>>,
    /// As long as the chunks may be kept.
    recording: Option<(Turn, MakeRule<K::Chunk>)>,
}

/// What wakes the body wakes everybody who waits. Weak: the body may keep it for ever.
struct Bell<K: Chunked, F: Fails>(Weak<Live<K, F>>);

impl<K: Chunked, F: Fails> Wake for Bell<K, F> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let Some(live) = self.0.upgrade() else {
            return;
        };
        let mut state = lock(&live.state);
        state.is_due = true;
        let waiting = state.waiting();
        drop(state);
        waiting.wake();
    }
}

/// What a follower finds.
pub(super) enum Found<K: Chunked, F: Fails> {
    Link(Arc<Link<K::Chunk>>),
    End(End),
    /// It is to poll the body.
    Work(Box<Work<K, F>>),
    Nothing,
    /// Nothing, because somebody is too far behind. It looks again at this moment, if not before.
    HeldUp(Instant),
    LetGo,
}

impl<K: Chunked, F: Fails> Live<K, F> {
    /// Runs a body, and has it joined by others where its turn allows it.
    pub(super) fn begin(
        shape: Streamed<K, F>,
        turn: Turn,
        body: Body<Result<K::Chunk, F::Error>>,
        rule: MakeRule<K::Chunk>,
        origin: Origin,
    ) -> Following<K, F> {
        let root = Link::root();
        let background = turn.goes_on();
        let mut seats = State::new(&root);
        let seat = seats.seat(Some(root));
        let live = Arc::new_cyclic(|live: &Weak<Self>| Self {
            state: Mutex::new(seats),
            bell: Waker::from(Arc::new(Bell(live.clone()))),
            shape,
            background,
            origin,
            price: OnceLock::new(),
        });
        let following = Following::new(live.clone(), seat);
        let joined: Arc<dyn Joined> = live.clone();
        turn.show(Running::of::<Following<K, F>>(Arc::downgrade(&joined)));
        let work = Box::new(Work {
            body,
            recording: Some((turn, rule)),
        });
        // Who has joined meanwhile waits for it.
        let waiting = {
            let mut state = lock(&live.state);
            state.work = Some(work);
            state.waiting()
        };
        waiting.wake();
        following
    }

    /// What there is for the follower in this seat, which is woken when there is more.
    pub(super) fn look(&self, seat: u64, waker: &Waker) -> Found<K, F> {
        let own = waker.clone();
        let mut waiting = Wakers::default();
        let (mut _moved, mut _waker, mut gone) = (None, None, Vec::new());
        let found = {
            let mut state = lock(&self.state);
            let state = &mut *state;
            match (state.next_of(seat), state.end) {
                (Err(LetGo), _) => Found::LetGo,
                (Ok(Some((place, link))), _) => {
                    let held_up = state.holds_up(place);
                    _moved = state.move_on(seat, link.clone());
                    if held_up && state.can_go_on() {
                        waiting = state.waiting();
                    }
                    Found::Link(link)
                }
                (Ok(None), Some(end)) => Found::End(end),
                (Ok(None), None) => {
                    // Before it polls: the body may wake it at once.
                    _waker = state.wait(seat, own);
                    let until;
                    (gone, until) = state.be_patient();
                    // Nobody has the body while that is let go of: it may panic.
                    let can_go_on = gone.is_empty() && state.can_go_on();
                    state.is_due &= !can_go_on;
                    match (state.work.take_if(|_| can_go_on), until) {
                        (Some(work), _) => Found::Work(work),
                        (None, Some(until)) => Found::HeldUp(until),
                        (None, None) => Found::Nothing,
                    }
                }
            }
        };
        waiting.wake();
        if gone.is_empty() {
            return found;
        }
        self.origin.span.in_scope(|| warn_of_gone(gone.len()));
        drop(gone);
        self.look(seat, waker)
    }

    /// Polls the body, and hands what it gives to everybody. `seat` is at the end of the chain, and gets
    /// the item itself.
    pub(super) fn drive(&self, mut work: Box<Work<K, F>>, seat: u64) -> Poll<NextItem<K, F>> {
        let driving = Driving {
            live: self,
            seat,
            is_over: false,
        };
        match work.body.poll_next(&mut Context::from_waker(&self.bell)) {
            Poll::Pending => {
                driving.put_back(work, None, false);
                Poll::Pending
            }
            Poll::Ready(Some(Ok(chunk))) => {
                let bytes = K::measure(&chunk);
                let place = lock(&self.state).last.place.after(bytes);
                if place.bytes > MOST_BYTES || place.chunks > MOST_CHUNKS {
                    self.give_up(&mut work, Ending::NotKept);
                }
                // Nobody else is there, and nobody is going to be.
                if work.recording.is_none() && self.is_alone() {
                    driving.put_back(work, None, true);
                    return Poll::Ready(Some(Ok(chunk)));
                }
                let link = Link::new(Item::Chunk(chunk.clone()), place);
                driving.put_back(work, Some(link), true);
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.give_up(&mut work, Ending::Failed);
                let (error, shared) = F::share(error);
                let place = lock(&self.state).last.place.after(0);
                let link = shared.map(|it| Link::new(Item::Failure(it), place));
                driving.put_back(work, link, true);
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                if let Some((mut turn, rule)) = work.recording.take() {
                    let root = lock(&self.state).root.clone();
                    let chunks = root.iter().flat_map(|root| root.chunks()).cloned();
                    let chunks = Arc::new(Chunks::Stream(chunks.collect()));
                    let rule = |chunks: &Arc<Chunks<K::Chunk>>| rule(chunks.list());
                    self.origin.within(|| {
                        if let Some(price) = turn.charge(&chunks) {
                            // Nothing is there: a body has one end.
                            let _ = self.price.set(price);
                        }
                        drop(turn.keep(self.shape, chunks, rule));
                    });
                }
                driving.end();
                Poll::Ready(None)
            }
        }
    }

    /// Of all chunks, when they are all.
    pub(super) fn price(&self) -> Option<Price> {
        self.price.get().copied()
    }

    /// Nothing is kept of it.
    fn give_up(&self, work: &mut Work<K, F>, ending: Ending) {
        if let Some((turn, _)) = work.recording.take() {
            self.origin.within(|| turn.cut(ending));
        }
    }

    /// Whether nobody else follows, or may begin to.
    fn is_alone(&self) -> bool {
        let mut _root = None;
        let mut state = lock(&self.state);
        _root = state.root.take();
        let is_alone = state.number() == 1;
        drop(state);
        is_alone
    }

    /// A follower goes.
    pub(super) fn leave(self: &Arc<Self>, seat: u64) {
        let mut waiting = Wakers::default();
        let (mut _left, mut _root) = (None, None);
        let (mut work, mut goes_on) = (None, None);
        {
            let mut state = lock(&self.state);
            let state = &mut *state;
            _left = state.leave(seat);
            if state.number() > 0 {
                if state.can_go_on() {
                    waiting = state.waiting();
                }
            } else if let Some((kind, runtime)) = self
                .background
                .as_ref()
                .filter(|_| !state.was_left && state.work.is_some() && state.may_join())
            {
                state.was_left = true;
                let seat = state.seat(None);
                goes_on = Some((seat, kind, runtime));
            } else {
                work = state.work.take();
                _root = state.root.take();
            }
        }
        waiting.wake();
        drop(work);
        if let Some((seat, kind, runtime)) = goes_on {
            let rest = Detached::new(self.clone(), seat);
            let span = self.origin.span.clone();
            kind.background.go_on(runtime, rest.instrument(span));
        }
    }
}

#[cold]
fn warn_of_gone(readers: usize) {
    tracing::warn!(
        readers,
        "a stream that is too long to keep goes on without readers that are far behind and took no chunk \
         for {} s",
        PATIENCE.as_secs()
    );
}

impl<K: Chunked, F: Fails> Joined for Live<K, F> {
    fn join(self: Arc<Self>) -> Option<Follower> {
        let mut state = lock(&self.state);
        let root = state.root.clone()?;
        let seat = state.seat(Some(root));
        drop(state);
        Some(Box::new(Following::new(self, seat)))
    }
}

/// Somebody polls the body. Dropped while that panics, it tells the others.
struct Driving<'a, K: Chunked, F: Fails> {
    live: &'a Live<K, F>,
    seat: u64,
    is_over: bool,
}

impl<K: Chunked, F: Fails> Driving<'_, K, F> {
    /// The body may be polled again; with a new link, where there is one, and with nobody who may join
    /// where nothing is recorded.
    fn put_back(
        mut self,
        work: Box<Work<K, F>>,
        link: Option<Arc<Link<K::Chunk>>>,
        has_item: bool,
    ) {
        let (mut _root, mut _last, mut _moved) = (None, None, None);
        let waiting = {
            let mut state = lock(&self.live.state);
            let state = &mut *state;
            if work.recording.is_none() {
                _root = state.root.take();
            }
            state.work = Some(work);
            // It may have been woken meanwhile.
            state.is_due |= has_item;
            if has_item {
                let last = link.as_ref().unwrap_or(&state.last).clone();
                _moved = state.move_on(self.seat, last);
            }
            let has_more = link.is_some();
            if let Some(link) = link {
                state.last.append(link.clone());
                _last = Some(std::mem::replace(&mut state.last, link));
            }
            // Who looked in vain meanwhile may poll it now.
            if has_more || state.can_go_on() {
                state.waiting()
            } else {
                Wakers::default()
            }
        };
        self.is_over = true;
        waiting.wake();
    }

    fn end(mut self) {
        self.is_over = true;
        self.live.end(End::Complete);
    }
}

impl<K: Chunked, F: Fails> Drop for Driving<'_, K, F> {
    fn drop(&mut self) {
        if !self.is_over {
            self.live.end(End::Panicked);
        }
    }
}

impl<K: Chunked, F: Fails> Live<K, F> {
    /// Whether it goes on, and may be kept.
    pub(super) fn is_recorded(&self) -> bool {
        let state = lock(&self.state);
        state.end.is_none() && state.may_join()
    }

    fn end(&self, end: End) {
        let mut _root = None;
        let waiting = {
            let mut state = lock(&self.state);
            state.end = Some(end);
            _root = state.root.take();
            state.waiting()
        };
        waiting.wake();
    }
}
