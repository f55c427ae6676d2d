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
const PAUSE_MILLIS: u64 = 500;

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
        if !runtime::has_timer() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut task = lock(&self.task);
        task.has_news = true;
        if task.running.as_ref().is_none_or(JoinHandle::is_finished) {
            let run = run(self.tier.clone(), self.task.clone());
            task.running = Some(runtime.spawn(run));
        }
    }
}

async fn run(tier: Weak<StoreTier>, task: Arc<Mutex<Task>>) {
    loop {
        let pause = fastrand::u64(PAUSE_MILLIS / 2..=PAUSE_MILLIS);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        lock(&task).has_news = false;
        let Some(tier) = tier.upgrade() else {
            return;
        };
        tier.tell_untold().await;
        let has_untold = tier.has_untold();
        let mut task = lock(&task);
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
