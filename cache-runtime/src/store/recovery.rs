//! The task that tells a store again what it could not be told: keys that were removed or replaced, and
//! generations that were invalidated.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::StoreTier;
use crate::runtime;

/// The pause between two attempts is between half of this and all of it, so that many processes do
/// not come back in step.
const PAUSE: Duration = Duration::from_millis(500);

/// Where the store answers and takes nothing, pauses grow up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// The task ends when everything is told, with the cache, and with the runtime that it was started
/// on.
pub(super) struct Recovery {
    tier: Weak<StoreTier>,
    task: Arc<Mutex<Task>>,
}

#[derive(Default)]
struct Task {
    running: Option<JoinHandle<()>>,
    /// Something was noted that it has not looked at.
    has_news: bool,
    /// What has become of the last attempt.
    last: Option<Attempt>,
}

/// What has become of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The store was told of something, or there was nothing to tell yet.
    Helped,
    Away,
    /// The store answers, and took nothing.
    InVain,
}

impl Recovery {
    pub(super) fn of(tier: Weak<StoreTier>) -> Self {
        Self {
            tier,
            task: Arc::default(),
        }
    }

    /// Has somebody see to it that the store is told of what was just noted, if those who noted it do
    /// not do so before.
    pub(super) fn begin(&self) {
        let mut task = lock(&self.task);
        task.has_news = true;
        if task.running.as_ref().is_none_or(JoinHandle::is_finished)
            && let Ok(runtime) = Handle::try_current()
        {
            let run = run(self.tier.clone(), self.task.clone());
            task.running = Some(runtime.spawn(run));
        }
    }

    /// Whether the last attempt has told the store of nothing, although there was something to tell.
    pub(super) fn is_in_vain(&self) -> bool {
        let last = lock(&self.task).last;
        last.is_some_and(|last| last != Attempt::Helped)
    }

    /// Until something is noted again.
    pub(super) fn end(&self) {
        if let Some(running) = lock(&self.task).running.take() {
            running.abort();
        }
    }
}

async fn run(tier: Weak<StoreTier>, task: Arc<Mutex<Task>>) {
    // Looked at here, with nothing locked: it may be logged.
    if !runtime::has_timer() {
        return;
    }
    let mut longest = PAUSE;
    loop {
        let Some(before) = tier.upgrade().map(|tier| tier.latest_write()) else {
            return;
        };
        tokio::time::sleep(longest.mul_f64(fastrand::f64() / 2.0 + 0.5)).await;
        lock(&task).has_news = false;
        let Some(tier) = tier.upgrade() else {
            return;
        };
        let attempt = tier.tell_untold(before).await;
        longest = match attempt {
            Attempt::InVain => LONGEST_PAUSE.min(longest * 2),
            Attempt::Helped | Attempt::Away => PAUSE,
        };
        let has_untold = tier.has_untold();
        let mut task = lock(&task);
        task.last = Some(attempt);
        if !has_untold && !task.has_news {
            // Whoever notes something from now on begins another one.
            task.running = None;
            return;
        }
    }
}

fn lock(task: &Mutex<Task>) -> MutexGuard<'_, Task> {
    task.lock().unwrap_or_else(PoisonError::into_inner)
}
