//! From where things happen to those who listen: one queue and one thread for the whole process.
//!
//! Who tells of an event never waits: where the queue is full, the event is dropped and counted. The
//! thread begins with the first listener and ends when the last one is gone; what it calls may do
//! anything. It is no task, because caches and functions that are not async need no runtime.
//!
//! To wake a thread costs more than all else that is done for an event. So the thread takes all that
//! waits at once, and when it has told that, it looks once more by itself before it sleeps: whoever tells
//! of the next event meanwhile need not wake it.

use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;

use super::event::CacheEvent;
use super::listener::Registered;

/// So many events wait at most.
const ROOM: u64 = 4096;

/// After so long the thread looks by itself whether there is more.
const PAUSE: Duration = Duration::from_millis(1);

/// It is woken before that where so many wait.
const MANY: usize = 256;

static DELIVERY: Delivery = Delivery {
    state: Mutex::new(State {
        queue: Vec::new(),
        listeners: 0,
        is_running: false,
        wakes_at: usize::MAX,
        taken: 0,
    }),
    changed: Condvar::new(),
    begun: AtomicU64::new(0),
    done: AtomicU64::new(0),
    is_awaited: AtomicBool::new(false),
    told: Notify::const_new(),
};

thread_local! {
    static IS_HERE: Cell<bool> = const { Cell::new(false) };
}

struct Delivery {
    state: Mutex<State>,
    /// For the thread: there is something to do, or nobody to do it for.
    changed: Condvar,
    /// Of the events that came into the queue, those that somebody has heard of. Written by the thread alone, as
    /// the next one.
    begun: AtomicU64,
    /// Those that everybody has heard of.
    done: AtomicU64,
    /// Somebody waits until events are told.
    is_awaited: AtomicBool,
    /// For those.
    told: Notify,
}

struct State {
    queue: Vec<Told>,
    listeners: usize,
    is_running: bool,
    /// The thread is to be woken when so many are in the queue.
    wakes_at: usize,
    /// Events that came into the queue so far.
    taken: u64,
}

/// An event, and who listened when it happened.
pub(super) struct Told {
    pub(super) event: CacheEvent,
    pub(super) to: Arc<[Arc<Registered>]>,
}

/// Whether this is the thread that calls listeners: what they cause there is not told, or a listener
/// might be told for ever of what it does itself.
pub(super) fn is_here() -> bool {
    IS_HERE.try_with(Cell::get).unwrap_or(true)
}

/// Has the event told, and says whether there was room for it.
#[must_use]
pub(super) fn tell(told: Told) -> bool {
    let mut state = DELIVERY.lock();
    let waiting = state.taken - DELIVERY.begun.load(Ordering::Relaxed);
    if !state.is_running || waiting >= ROOM {
        // First: what the event holds may do anything when it is dropped.
        drop(state);
        return false;
    }
    state.queue.push(told);
    state.taken += 1;
    let wakes = state.queue.len() >= state.wakes_at;
    if wakes {
        state.wakes_at = usize::MAX;
    }
    drop(state);
    if wakes {
        DELIVERY.changed.notify_one();
    }
    true
}

/// Returns when everything is told that has happened before.
///
/// May be dropped at any time.
pub(crate) async fn flush() {
    if is_here() {
        // It would wait for itself.
        return;
    }
    let taken = DELIVERY.lock().taken;
    DELIVERY.changed.notify_one();
    loop {
        let mut told = pin!(DELIVERY.told.notified());
        // Before the look: nothing is told unnoticed in between.
        told.as_mut().enable();
        DELIVERY.is_awaited.store(true, Ordering::SeqCst);
        if DELIVERY.done.load(Ordering::SeqCst) >= taken {
            return;
        }
        told.await;
    }
}

/// The right of a listener to be called: while there is one, there is a thread.
pub(super) struct Place(());

impl Place {
    pub(super) fn take() -> Self {
        let mut state = DELIVERY.lock();
        state.listeners += 1;
        let begun = if state.is_running {
            Ok(())
        } else {
            let thread = thread::Builder::new().name("larder-events".to_owned());
            thread.spawn(|| DELIVERY.run()).map(drop)
        };
        state.is_running = begun.is_ok();
        drop(state);
        if let Err(error) = begun {
            tracing::warn!(%error, "no thread to call listeners on: they are told of nothing");
        }
        Self(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        DELIVERY.lock().listeners -= 1;
        DELIVERY.changed.notify_one();
    }
}

impl Delivery {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        IS_HERE.set(true);
        let mut all = Vec::new();
        while self.next(&mut all) {
            for told in all.drain(..) {
                self.begun.fetch_add(1, Ordering::Relaxed);
                // A log may panic, and so may what is dropped here: values and callbacks.
                let call = || {
                    let Told { event, to } = told;
                    to.iter().for_each(|listener| listener.call(&event));
                };
                if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
                    // To drop it might panic again, and end the thread.
                    mem::forget(payload);
                }
                self.done.fetch_add(1, Ordering::SeqCst);
                if self.is_awaited.load(Ordering::SeqCst) {
                    self.is_awaited.store(false, Ordering::SeqCst);
                    self.told.notify_waiters();
                }
            }
        }
    }

    /// The next events; false where nobody listens any more.
    fn next(&self, all: &mut Vec<Told>) -> bool {
        let mut state = self.lock();
        let mut has_looked = false;
        loop {
            if !state.queue.is_empty() {
                state.wakes_at = usize::MAX;
                mem::swap(&mut state.queue, all);
                return true;
            }
            if state.listeners == 0 {
                state.queue = Vec::new();
                state.is_running = false;
                return false;
            }
            if has_looked {
                // There may have been many.
                (*all, state.queue) = (Vec::new(), Vec::new());
                state.wakes_at = 1;
                let woken = self.changed.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
            } else {
                state.wakes_at = MANY;
                let woken = self.changed.wait_timeout(state, PAUSE);
                (state, _) = woken.unwrap_or_else(PoisonError::into_inner);
                has_looked = true;
            }
        }
    }
}
