//! Those who call a cache, what becomes of them, and the bodies that run for them.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

use crate::contenders::{Body, Call, Contender, Failure};

/// Whoever has no answer by then never gets one. The clock is one that stands still while any task
/// can run, so nobody waits for this.
const DEADLINE: Duration = Duration::from_hours(1);

/// A key that no cache has seen, and as many after it.
pub(crate) fn fresh_keys(count: u32) -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(count, Ordering::Relaxed)
}

/// Waits until every task waits for something.
pub(crate) async fn settle() {
    // The clock does not move before.
    sleep(Duration::from_millis(1)).await;
}

/// Polls a call that cannot have an answer yet, and wakes nobody when it could go on.
pub(crate) fn poll_once(call: &mut Call) {
    let mut context = Context::from_waker(Waker::noop());
    let polled = Pin::new(call).poll(&mut context);
    assert!(polled.is_pending(), "it had an answer at once: {polled:?}");
}

/// Counts the bodies of one scenario.
#[derive(Clone, Default)]
pub(crate) struct Bodies(Arc<Counts>);

#[derive(Default)]
struct Counts {
    started: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
    starts: Mutex<BTreeSet<Instant>>,
}

impl Bodies {
    /// A body that does this work, told which body it is: the first to start has the number 1.
    pub(crate) fn body<W>(&self, work: impl FnOnce(usize) -> W + Send + 'static) -> Body
    where
        W: Future<Output = Result<u32, Failure>> + Send,
    {
        let counts = self.0.clone();
        Box::pin(async move {
            let number = counts.started.fetch_add(1, Ordering::Relaxed) + 1;
            let running = Running::of(counts);
            let result = work(number).await;
            drop(running);
            result
        })
    }

    /// How many were started.
    pub(crate) fn started(&self) -> usize {
        self.0.started.load(Ordering::Relaxed)
    }

    /// How many ran at once, at most.
    pub(crate) fn most(&self) -> usize {
        self.0.most.load(Ordering::Relaxed)
    }

    /// At how many different times some were started.
    pub(crate) fn turns(&self) -> usize {
        self.0.starts.lock().expect("no panic under the lock").len()
    }
}

/// A body that has not ended and was not dropped.
struct Running(Arc<Counts>);

impl Running {
    fn of(counts: Arc<Counts>) -> Self {
        let running = counts.running.fetch_add(1, Ordering::Relaxed) + 1;
        counts.most.fetch_max(running, Ordering::Relaxed);
        let mut starts = counts.starts.lock().expect("no panic under the lock");
        starts.insert(Instant::now());
        drop(starts);
        Self(counts)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Callers that are under way, and what those got that are not.
#[derive(Default)]
pub(crate) struct Callers {
    waiting: JoinSet<Result<u32, Failure>>,
    pub(crate) values: usize,
    /// Errors of a body.
    pub(crate) failures: usize,
    /// Errors that the cache made itself.
    pub(crate) errors: usize,
    pub(crate) panics: usize,
}

impl Callers {
    /// One more.
    pub(crate) fn call(&mut self, contender: Contender, key: u32, body: Body) {
        self.waiting.spawn((contender.call)(key, body));
    }

    /// Waits for the answers of all, or until nobody can get one any more.
    pub(crate) async fn wait(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        while let Ok(Some(ended)) = timeout_at(deadline, self.waiting.join_next()).await {
            self.count(&ended);
        }
    }

    fn count(&mut self, ended: &Result<Result<u32, Failure>, JoinError>) {
        let counter = match ended {
            Ok(Ok(_)) => &mut self.values,
            Ok(Err(Failure::OfBody)) => &mut self.failures,
            Ok(Err(Failure::OfCache)) => &mut self.errors,
            Err(_) => &mut self.panics,
        };
        *counter += 1;
    }
}
