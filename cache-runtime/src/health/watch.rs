//! A look at all kinds every now and then.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::{Health, health};
use crate::runtime;

/// The shortest and the longest pace.
const PACES: [Duration; 2] = [
    Duration::from_millis(100),
    Duration::from_secs(365 * 24 * 60 * 60),
];

/// Keeps a loop going that looks at the health of all kinds; when this is dropped, the loop ends. Made
/// by [`watch_health`].
#[derive(Debug)]
#[must_use = "the loop ends when this is dropped"]
pub struct HealthWatch {
    /// `None`: there was no runtime for it.
    task: Option<JoinHandle<()>>,
}

impl HealthWatch {
    /// The usual pace: a minute.
    pub const PACE: Duration = Duration::from_secs(60);

    /// Whether the loop goes on: it ends with the runtime that it was begun on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }
}

impl Drop for HealthWatch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Looks at the [`health`] of all kinds now and every so often, 100 ms to a year, and tells
/// `on_health` each time. The usual pace is [`HealthWatch::PACE`].
///
/// The loop goes on as long as the guard that is returned is there, and as long as the runtime that
/// this was called on. A round that takes longer than the pace delays the next one. `on_health` is called on
/// a thread of the runtime and keeps it for as long as it takes; a panic in it is logged, and the next
/// round comes. It may be called a last time while the guard is dropped.
///
/// Outside of a tokio runtime with timers nothing is watched: a warning says so, and
/// [`is_running`](HealthWatch::is_running) is false.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use larder::{HealthStatus, HealthWatch};
///
/// let watch = larder::watch_health(HealthWatch::PACE, |health| {
///     if health.status == HealthStatus::Unhealthy {
///         eprintln!("{health}"); // wake somebody up
///     }
/// });
/// assert!(watch.is_running());
/// # });
/// ```
pub fn watch_health(
    every: Duration,
    on_health: impl Fn(&Health) + Send + Sync + 'static,
) -> HealthWatch {
    if !runtime::has_timer() {
        tracing::warn!(
            "nobody watches the health of the caches: there is no tokio runtime with timers"
        );
        return HealthWatch { task: None };
    }
    let [shortest, longest] = PACES;
    let every = every.clamp(shortest, longest);
    let task = tokio::spawn(async move {
        let mut rounds = interval(every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            let health = health().await;
            let told = catch_unwind(AssertUnwindSafe(|| on_health(&health)));
            if told.is_err() {
                tracing::error!("who is told of the health of the caches has panicked");
            }
        }
    });
    HealthWatch { task: Some(task) }
}
