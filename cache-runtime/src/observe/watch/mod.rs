//! What a cache does at the moment.
//!
//! - [`analysis`]: what is found
//! - [`window`]: what it is found from

mod analysis;
mod window;

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

pub use analysis::{Analysis, Rating, SlowOperation, SlowPart};

use crate::cache::{Cache, WeakCache};
use crate::runtime;
use window::{MOST_MOMENTS, Moment, Window};

/// The shortest pace, and the longest window.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps a loop going that looks at what a cache does; when this is dropped, the loop ends. Made by
/// [`Cache::watch`].
#[derive(Debug)]
#[must_use = "the loop ends when this is dropped"]
pub struct Watch {
    /// `None`: there was no runtime for it.
    task: Option<JoinHandle<()>>,
    latest: watch::Receiver<Option<Analysis>>,
}

impl Watch {
    /// The usual window (MON-19).
    pub const WINDOW: Duration = Duration::from_secs(60);

    /// The usual pace (MON-19).
    pub const PACE: Duration = Duration::from_secs(5);

    /// What was found last; `None` before the second look.
    #[must_use]
    pub fn latest(&self) -> Option<Analysis> {
        self.latest.borrow().clone()
    }

    /// For somebody who wants to be told of every look.
    #[must_use]
    pub fn subscribe(&self) -> WatchSubscriber {
        WatchSubscriber {
            latest: self.latest.clone(),
        }
    }

    /// Whether the loop goes on: it ends with the runtime that it was begun on, and when nobody keeps the
    /// cache any more.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Somebody who is told what a [`Watch`] finds.
#[derive(Clone, Debug)]
pub struct WatchSubscriber {
    latest: watch::Receiver<Option<Analysis>>,
}

impl WatchSubscriber {
    /// The next thing that is found, or what was found and not seen yet: of several the latest. `None` when
    /// the [`Watch`] has ended.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Analysis> {
        loop {
            // What has not been seen comes before the end.
            self.latest.changed().await.ok()?;
            let latest = self.latest.borrow_and_update().clone();
            if latest.is_some() {
                return latest;
            }
        }
    }
}

impl Cache {
    /// Looks for so long at what the cache does, and says how well that is. What has become slow is compared
    /// with everything that was counted before.
    ///
    /// `None` outside of a tokio runtime with timers.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use std::time::Duration;
    ///
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// let analysis = cache.analyze(Duration::from_millis(10)).await.unwrap();
    /// // Nobody has asked for anything.
    /// assert_eq!((analysis.operations, analysis.rating), (0, None));
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    pub async fn analyze(&self, window: Duration) -> Option<Analysis> {
        if !runtime::has_timer() {
            return None;
        }
        let before = self.moment();
        sleep(window.min(LONGEST)).await;
        let now = self.moment();
        Some(Analysis {
            slow_operations: now.slower_than_before(&before),
            ..now.analysis(&before)
        })
    }

    /// Looks every so often at what the cache has done in the last so many seconds: calls a second, hits,
    /// times, and what has become slow. The usual window is [`Watch::WINDOW`], the usual pace
    /// [`Watch::PACE`].
    ///
    /// The window is a day long at most, and has 600 looks at most: the pace is from 100 ms, and from a
    /// 600th of the window, to the whole window. Until the window is full, what is found is about the time
    /// since the first look.
    ///
    /// The loop goes on as long as the guard that is returned is there, as long as somebody keeps the cache,
    /// and as long as the runtime that this was called on. What is counted is not changed by it. Outside of
    /// a tokio runtime with timers nothing is watched: a warning says so, and
    /// [`is_running`](Watch::is_running) is false.
    ///
    /// An operation [has become slow](SlowOperation) when its misses, or its hits that are not from memory,
    /// take at least twice as long between two looks as in the quicker four fifths of all looks of the
    /// window, five at least.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use larder::Rating;
    ///
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// let watch = cache.watch(Duration::from_secs(10), Duration::from_millis(100));
    /// let mut found = watch.subscribe();
    /// // …
    /// if let Some(analysis) = found.next().await {
    ///     println!("{:.0} calls a second", analysis.operations_per_second);
    ///     if analysis.rating == Some(Rating::Poor) {
    ///         println!("the cache is of little use");
    ///     }
    /// }
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    pub fn watch(&self, window: Duration, every: Duration) -> Watch {
        let (tell, latest) = watch::channel(None);
        if !runtime::has_timer() {
            tracing::warn!(
                kind = self.name(),
                "nobody watches what the cache does: there is no tokio runtime with timers"
            );
            return Watch { task: None, latest };
        }
        let window = window.clamp(SHORTEST, LONGEST);
        let shortest = SHORTEST.max(window / (MOST_MOMENTS - 1));
        let every = every.clamp(shortest, window);
        let looking = look(self.downgrade(), window, every, tell);
        Watch {
            task: Some(tokio::spawn(looking)),
            latest,
        }
    }

    fn moment(&self) -> Moment {
        Moment::of(&self.statistics_since_start(), Instant::now())
    }
}

async fn look(
    cache: WeakCache,
    window: Duration,
    every: Duration,
    tell: watch::Sender<Option<Analysis>>,
) {
    let mut looks = interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut window = Window::new(window);
    loop {
        looks.tick().await;
        let Some(cache) = cache.upgrade() else {
            return;
        };
        if let Some(analysis) = window.push(cache.moment()) {
            tell.send_replace(Some(analysis));
        }
    }
}
