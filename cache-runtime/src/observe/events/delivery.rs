//! From where things happen to those who listen: one queue and one thread for the whole process.
//!
//! Who tells of an event never waits: where the queue is full, the event is dropped and counted. The
//! thread begins with the first listener and ends when the last one is gone; what it calls may do
//! anything. It is no task, because caches and functions that are not async need no runtime.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::Notify;

use super::event::CacheEvent;
use super::listener::Registered;

/// So many events wait at most.
const ROOM: usize = 4096;

static DELIVERY: Delivery = Delivery {
    state: Mutex::new(State {
        queue: VecDeque::new(),
        listeners: 0,
        is_running: false,
        taken: 0,
        done: 0,
    }),
    changed: Condvar::new(),
    told: Notify::const_new(),
};

thread_local! {
    static IS_HERE: Cell<bool> = const { Cell::new(false) };
}

struct Delivery {
    state: Mutex<State>,
    /// For the thread: there is something to do, or nobody to do it for.
    changed: Condvar,
    /// For those who wait until events are told.
    told: Notify,
}

struct State {
    queue: VecDeque<Told>,
    listeners: usize,
    is_running: bool,
    /// Events that came into the queue so far.
    taken: u64,
    /// Of these, those that everybody has heard of.
    done: u64,
}

/// An event, and who listened when it happened.
pub(super) struct Told {
    pub(super) event: Box<CacheEvent>,
    pub(super) to: Arc<[Arc<Registered>]>,
}

/// Whether this is the thread that calls listeners: what they cause there is not told, or a listener
/// might be told for ever of what it does itself.
pub(super) fn is_here() -> bool {
    IS_HERE.try_with(Cell::get).unwrap_or(true)
}

/// Has the event told; without room for it gives it back.
pub(super) fn tell(told: Told) -> Result<(), Told> {
    let mut state = DELIVERY.lock();
    if !state.is_running || state.queue.len() >= ROOM {
        return Err(told);
    }
    state.queue.push_back(told);
    state.taken += 1;
    drop(state);
    DELIVERY.changed.notify_one();
    Ok(())
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
    loop {
        let mut told = pin!(DELIVERY.told.notified());
        // Before the look: nothing is told unnoticed in between.
        told.as_mut().enable();
        if DELIVERY.lock().done >= taken {
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
        while let Some(told) = self.next() {
            // A log may panic, and so may what is dropped here: values and callbacks.
            let call = || {
                let Told { event, to } = told;
                to.iter().for_each(|listener| listener.call(&event));
            };
            let _ = catch_unwind(AssertUnwindSafe(call));
            self.lock().done += 1;
            self.told.notify_waiters();
        }
    }

    /// The next event; `None` where nobody listens any more.
    fn next(&self) -> Option<Told> {
        let mut state = self.lock();
        loop {
            if let Some(told) = state.queue.pop_front() {
                return Some(told);
            }
            if state.listeners == 0 {
                state.queue = VecDeque::new();
                state.is_running = false;
                return None;
            }
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}
