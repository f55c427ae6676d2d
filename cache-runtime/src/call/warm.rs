//! Many calls ahead of those who need them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};

use super::control::Report;
use super::outcome::{Origin, StaleCause};
use super::wrapped::reporting;

/// Calls that run at once, unless the caller says another number.
const AT_ONCE: usize = 8;

/// Runs these calls, so that their results are there when somebody needs them: cached calls, which
/// annotated functions and [`Cache::get_or_compute`](crate::Cache::get_or_compute) return.
///
/// Nothing happens before [`run`](Warm::run). Eight calls run at once, unless
/// [`concurrency`](Warm::concurrency) says otherwise; the next one is taken from the iterator when
/// one of them ends.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn profile(user: u64) -> String { String::new() }
/// # async fn load(key: &str) -> String { String::new() }
/// # async fn example(cache: larder::Cache) {
/// use larder::call;
///
/// let report = call::warm((1..=1000).map(|user| profile(user)))
///     .concurrency(16)
///     .on_progress(|so_far| println!("{} of 1000", so_far.total()))
///     .run()
///     .await;
/// println!("{} were there, {} failed", report.present, report.failed);
///
/// let keys = ["home", "prices"];
/// let pages = keys.iter().map(|key| cache.get_or_compute(key, move || load(key)));
/// call::warm(pages).run().await;
/// # }
/// ```
pub fn warm<C>(calls: C) -> Warm<C::IntoIter, fn(WarmReport)>
where
    C: IntoIterator,
    C::Item: Future,
{
    Warm {
        calls: calls.into_iter(),
        concurrency: AT_ONCE,
        on_progress: |_| {},
    }
}

/// Calls that are to be run: see [`warm`].
#[expect(missing_debug_implementations, reason = "would show the arguments")]
#[must_use = "nothing runs before `run`"]
pub struct Warm<C, P> {
    calls: C,
    concurrency: usize,
    on_progress: P,
}

/// What has become of the calls that [`warm`] ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmReport {
    /// Those whose body ran. Their results are kept, where the operation and its lifetime allow it.
    pub computed: u64,
    /// Those whose result was there, or was being computed by another call.
    pub present: u64,
    /// Those that failed or panicked, also where there was an older result to serve, and those that
    /// no cache has anything of: nobody knows the kind, it or the operation is switched off, an
    /// argument has no key, or what was run is no cached call.
    pub failed: u64,
}

impl WarmReport {
    /// All calls that have ended.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.computed + self.present + self.failed
    }
}

impl<C, P> Warm<C, P>
where
    C: Iterator<Item: Future>,
    P: FnMut(WarmReport),
{
    /// Lets so many calls run at once. Zero is taken as one.
    pub fn concurrency(self, concurrency: usize) -> Self {
        Self {
            concurrency,
            ..self
        }
    }

    /// Has this called after each call that ended, with what has become of all so far. After a panic
    /// it is not called again; the calls go on.
    pub fn on_progress<Q: FnMut(WarmReport)>(self, on_progress: Q) -> Warm<C, Q> {
        Warm {
            calls: self.calls,
            concurrency: self.concurrency,
            on_progress,
        }
    }

    /// Runs the calls, all of them in the task that awaits this. A call that panics is counted as
    /// failed, and the others go on.
    ///
    /// Dropping the future drops the calls that are running; the results of those that have ended
    /// are kept.
    ///
    /// # Panics
    /// Where the iterator over the calls does.
    pub async fn run(mut self) -> WarmReport {
        let ended = stream::iter(self.calls).map(run_one);
        let mut ended = pin!(ended.buffer_unordered(self.concurrency.max(1)));
        let mut report = WarmReport::default();
        let mut is_told = true;
        while let Some(end) = ended.next().await {
            *match end {
                End::Computed => &mut report.computed,
                End::Present => &mut report.present,
                End::Failed => &mut report.failed,
            } += 1;
            let tell = AssertUnwindSafe(|| (self.on_progress)(report));
            if is_told && catch_unwind(tell).is_err() {
                is_told = false;
                tracing::warn!("the progress callback of `warm` panicked, and is not called again");
            }
        }
        report
    }
}

/// How a call ended.
enum End {
    Computed,
    Present,
    Failed,
}

async fn run_one(call: impl Future) -> End {
    let report = Arc::<OnceLock<Report>>::default();
    let call = reporting(report.clone(), call).map(drop);
    if AssertUnwindSafe(call).catch_unwind().await.is_err() {
        return End::Failed;
    }
    match report.get() {
        Some(Report::Returned(told)) if !told.has_failed => match told.origin {
            Origin::Computed => End::Computed,
            Origin::Memory
            | Origin::Store
            | Origin::Joined
            | Origin::Stale(StaleCause::Revalidating) => End::Present,
            Origin::Stale(StaleCause::Failed | StaleCause::Slow)
            | Origin::Bypassed
            | Origin::Uncached
            | Origin::TimedOut
            | Origin::Stopped
            | Origin::Unreached => End::Failed,
        },
        _ => End::Failed,
    }
}
