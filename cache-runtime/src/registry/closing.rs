//! How the caches come to their end.

use std::fmt;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{InForce, in_force};
use crate::cache::Cache;
use crate::call::Background;
use crate::observe::flush as flush_events;
use crate::runtime;

/// How long [`close`] takes, for all kinds together.
const CLOSE: Duration = Duration::from_secs(5);

/// Nobody waits for longer: what is later than that cannot be told by all clocks.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// What has become of the caches that were [closed](close), and of what they still had to do.
///
/// Each number counts caches; one behind several kinds is one.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// larder::init().await?;
/// let report = larder::close().await;
/// println!("{report}");
/// assert!(report.is_clean());
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// Those that were there.
    pub kinds: usize,
    /// Of `kinds`, those that wrote everything that was queued, and told their stores of everything
    /// that was invalidated. A cache without a store is one of them.
    pub written: usize,
    /// Of `kinds`, those whose computations in the background were not done in time.
    pub gave_up_computations: usize,
    /// Of `kinds`, those of which values were not written: there was no time for it, or the store
    /// failed.
    pub gave_up_writes: usize,
    /// Of `kinds`, those that could not tell the store of some invalidations: other processes may go
    /// on serving what they are about until its lifetime is over.
    pub untold: usize,
}

impl CloseReport {
    /// Whether nothing was given up and everything told.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.written == self.kinds && self.gave_up_computations == 0
    }

    fn add(&mut self, end: End) {
        self.kinds += 1;
        self.written += usize::from(!end.gave_up_writes && !end.is_untold);
        self.gave_up_computations += usize::from(end.gave_up_computations);
        self.gave_up_writes += usize::from(end.gave_up_writes);
        self.untold += usize::from(end.is_untold);
    }
}

impl fmt::Display for CloseReport {
    /// In one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kinds,
            written,
            gave_up_computations,
            gave_up_writes,
            untold,
        } = self;
        write!(
            f,
            "closed {kinds} kinds of cache: {written} wrote everything, {gave_up_computations} gave \
             up computations, {gave_up_writes} gave up writes, {untold} could not tell the store of \
             invalidations"
        )
    }
}

/// What became of one cache.
#[derive(Clone, Copy, Default)]
struct End {
    gave_up_computations: bool,
    gave_up_writes: bool,
    is_untold: bool,
}

/// Does what [`close_within`] does, within five seconds.
pub async fn close() -> CloseReport {
    close_within(CLOSE).await
}

/// Waits for the computations that go on without a caller, for at most three fifths of `deadline`,
/// writes what is queued for the stores, within `deadline` in all, lets go of their connections and
/// forgets all kinds. Computations that are not done by then are dropped, for which they have up to
/// 200 ms more.
///
/// With `single_flight = "cluster"`, other processes are told within that time of computations that
/// have brought nothing: else they wait for up to three seconds.
///
/// Listeners ([`Cache::on_event`](crate::Cache::on_event)) are told of what has happened until then,
/// within `deadline` too. One that is stuck, of whatever cache of the process, is waited for until then, and
/// a warning says so.
///
/// What goes wrong with one kind keeps no other one from closing, and is logged as a warning.
///
/// Calls that come later run without a cache, until [`init`](super::init) or
/// [`register`](super::register) is called again. The kinds are forgotten at once; dropping the future
/// leaves the rest to the background, which has what is left of `deadline` for it.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn example() {
/// use std::time::Duration;
///
/// let report = larder::close_within(Duration::from_secs(20)).await;
/// if !report.is_clean() {
///     eprintln!("{report}");
/// }
/// # }
/// ```
pub async fn close_within(deadline: Duration) -> CloseReport {
    let end = end_of(deadline);
    let registry = in_force();
    let kinds = {
        let mut state = registry.lock();
        state.initialized = true;
        state.stand_ins.clear();
        take(&mut state.kinds)
    };
    registry.changed();
    let mut caches: Vec<Cache> = Vec::with_capacity(kinds.len());
    for cache in kinds.into_values() {
        if !caches.iter().any(|other| other.is_same(&cache)) {
            caches.push(cache);
        }
    }
    let closing = Closing {
        registry,
        caches,
        end,
    };
    closing.see_through().await
}

/// [Unregisters](super::unregister) one kind and closes its cache, as [`close_within`] does with all
/// of them; `None` where there was none. A connection that it shares with other kinds stays. A cache
/// that stands behind another kind too is not closed, and the report counts none.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use larder::{Cache, CacheConfig};
///
/// larder::register(Cache::builder("import", &CacheConfig::builder().build()?).build()?);
/// let report = larder::close_kind("import", Duration::from_secs(1)).await;
/// assert!(report.is_some_and(|report| report.is_clean()));
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
pub async fn close_kind(kind: &str, deadline: Duration) -> Option<CloseReport> {
    let end = end_of(deadline);
    let registry = in_force();
    let cache = super::unregister(kind)?;
    // After that: of two who take the last two kinds of a cache at once, at least one closes it.
    if registered(&registry).any(|other| other.is_same(&cache)) {
        return Some(CloseReport::default());
    }
    let closing = Closing {
        registry,
        caches: vec![cache],
        end,
    };
    Some(closing.see_through().await)
}

fn end_of(deadline: Duration) -> Instant {
    Instant::now() + deadline.min(LONGEST)
}

fn registered(registry: &InForce) -> impl Iterator<Item = Cache> {
    let registered: Vec<Cache> = registry.lock().kinds.values().cloned().collect();
    registered.into_iter()
}

/// Caches that nobody finds any more, and that come to their end.
struct Closing {
    registry: InForce,
    caches: Vec<Cache>,
    end: Instant,
}

impl Closing {
    /// Dropped before, it goes on in the background.
    async fn see_through(self) -> CloseReport {
        let closing = Arc::new(self);
        let mut unless_done = GoesOn(Some(closing.clone()));
        let report = closing.close().await;
        unless_done.0 = None;
        report
    }

    async fn close(&self) -> CloseReport {
        let report = finish(&self.caches, self.end).await;
        // Kinds may share a connection, so it stays until all of them are done with it.
        let others: Vec<Cache> = registered(&self.registry).collect();
        let is_shared = |cache: &Cache| others.iter().any(|other| other.shares_store(cache));
        let alone = self.caches.iter().filter(|cache| !is_shared(cache));
        alone.for_each(disconnect);
        report
    }
}

/// Holds the caches, so that what nobody waits for any more is done: what tells a store of
/// invalidations ends with the last handle.
struct GoesOn(Option<Arc<Closing>>);

impl Drop for GoesOn {
    fn drop(&mut self) {
        if let Some(closing) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move { closing.close().await });
        }
    }
}

/// Has all of these do what they still have to do.
async fn finish(caches: &[Cache], end: Instant) -> CloseReport {
    let began = Instant::now();
    let patience = end.saturating_duration_since(began) / 5 * 3;
    let before: Vec<u64> = caches.iter().map(lost_writes).collect();
    let finished = join_all(caches.iter().map(async |cache| {
        let is_done = cache.kind().background.finish(patience).await;
        if !is_done {
            let kind = cache.name();
            tracing::warn!(kind, "some computations in the background were given up");
        }
        is_done
    }))
    .await;
    // Dropping some was no time for writes.
    let dropping = began.elapsed().saturating_sub(patience);
    let end = end + dropping.min(Background::DROP);
    // What goes on for one kind may write into another: so all of them have come here first.
    let ends = caches.iter().zip(before).zip(finished);
    let ends = join_all(ends.map(async |((cache, before), is_done)| End {
        gave_up_computations: !is_done,
        ..write(cache, end, before).await
    }))
    .await;
    let stores = caches
        .iter()
        .filter_map(|cache| cache.kind().store.as_ref());
    let _ = runtime::until(end, join_all(stores.map(|store| store.claims_ended()))).await;
    let leaving = caches.iter().map(async |cache| {
        // Who does not hear it notices the silence.
        let _ = AssertUnwindSafe(cache.leave()).catch_unwind().await;
    });
    let _ = runtime::until(end, join_all(leaving)).await;
    // Without timers, a listener that never returns would be waited for just as long.
    if runtime::has_timer() && runtime::until(end, flush_events()).await.is_none() {
        tracing::warn!("listeners were not told of everything that has happened");
    }
    let mut report = CloseReport::default();
    for end in ends {
        report.add(end);
    }
    report
}

/// Has one cache write what is queued, and says what of that was given up since it had lost so many
/// writes.
async fn write(cache: &Cache, end: Instant, lost_before: u64) -> End {
    let left = end.saturating_duration_since(Instant::now());
    // A store of the application's own may panic.
    let flush = AssertUnwindSafe(cache.flush(left)).catch_unwind();
    let has_panicked = flush.await.is_err();
    let store = cache.kind().store.as_ref();
    let is_untold = store.is_some_and(|store| store.has_untold());
    let has_queued = store.is_some_and(|store| store.has_queued());
    let has_lost = has_queued || lost_writes(cache) > lost_before;
    // What it could not wait for is queued still; after a panic nobody can say what is.
    let gave_up_writes = has_lost || (has_panicked && !is_untold);
    let kind = cache.name();
    if is_untold {
        tracing::warn!(
            kind,
            "the store was not told of some invalidations: other processes may go on serving \
             what they are about until its lifetime is over"
        );
    }
    if gave_up_writes {
        tracing::warn!(kind, "some writes to the store were given up");
    }
    End {
        gave_up_writes,
        is_untold,
        ..End::default()
    }
}

fn lost_writes(cache: &Cache) -> u64 {
    let store = cache.kind().store.as_ref();
    store.map_or(0, |store| store.lost_writes())
}

fn disconnect(cache: &Cache) {
    if catch_unwind(AssertUnwindSafe(|| cache.disconnect())).is_err() {
        let kind = cache.name();
        tracing::warn!(kind, "the store panicked when it was to disconnect");
    }
}
