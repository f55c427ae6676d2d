//! The two clocks of a cache: a cheap monotonic one for memory, the wall clock for what other
//! processes read.
//!
//! A look-up in memory reads the monotonic clock once. It is the operating system's coarse clock
//! (about 5 ns a reading, up to 4 ms late on Linux), because a lifetime is never shorter than a
//! second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A reading of the monotonic clock. Only comparisons and differences mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u64);

impl Tick {
    /// Later than every reading: an entry that never expires.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(ticks(duration)))
    }

    /// Zero where `earlier` is the later one.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        coarsetime::Duration::from_ticks(self.0.saturating_sub(earlier.0)).into()
    }

    pub(crate) fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(ticks(duration)))
    }
}

/// A time that one thread moves and others compare with, at the cost of a load. Who sees it moved sees
/// what was done before.
#[derive(Debug)]
pub(crate) struct Deadline(AtomicU64);

impl Deadline {
    pub(crate) const fn never() -> Self {
        Self(AtomicU64::new(Tick::NEVER.0))
    }

    pub(crate) fn set(&self, at: Tick) {
        self.0.store(at.0, Ordering::Release);
    }

    #[inline]
    pub(crate) fn has_passed(&self, now: Tick) -> bool {
        now.0 >= self.0.load(Ordering::Acquire)
    }
}

/// Saturates at 136 years: the coarse clock counts seconds in 32 bits.
fn ticks(duration: Duration) -> u64 {
    let most = Duration::from_secs(u32::MAX.into());
    coarsetime::Duration::from(duration.min(most)).as_ticks()
}

/// Four years: room for the times of entries that are older than the machine's last start.
const BEFORE_BOOT: u64 = 1 << 59;

/// Milliseconds since 1970, as envelopes carry them.
pub(crate) type UnixMillis = u64;

/// Where a cache reads the time: the system's clocks, or a [`ManualClock`] in tests.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    Manual(ManualClock),
}

impl Clock {
    #[inline]
    pub(crate) fn now(&self) -> Tick {
        match self {
            Self::System => {
                let since_boot = coarsetime::Instant::now_without_cache_update().as_ticks();
                Tick(BEFORE_BOOT + since_boot)
            }
            Self::Manual(clock) => Tick(ticks(clock.elapsed())),
        }
    }

    /// The wall clock so long ago.
    pub(crate) fn time_before(&self, age: Duration) -> SystemTime {
        let now = Duration::from_millis(self.unix_millis());
        UNIX_EPOCH + now.saturating_sub(age)
    }

    pub(crate) fn unix_millis(&self) -> UnixMillis {
        let since_epoch = match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            Self::Manual(clock) => clock.elapsed(),
        };
        millis(since_epoch)
    }
}

/// Saturates after 580 million years.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A clock that stands still until it is told to move: for tests of lifetimes.
///
/// Clones show the same time. It begins on 1 January 2020, so that times before "now" exist.
///
/// Annotated functions follow it once the cache is [registered](crate::register()). It is the clock
/// of lifetimes: what waits, like the option `timeout`, goes by tokio's, which `tokio::time::pause`
/// controls.
///
/// ```
/// # use cache_runtime as larder;
/// use std::time::Duration;
/// use larder::testing::ManualClock;
/// use larder::{Cache, CacheConfig};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let clock = ManualClock::new();
/// let config = CacheConfig::builder().default_ttl(Duration::from_secs(60)).build()?;
/// let cache = Cache::builder("sessions", &config).clock(clock.clone()).build()?;
///
/// cache.set("session:1", "open".to_owned()).await;
/// clock.advance(Duration::from_secs(59));
/// assert!(cache.exists("session:1").await);
/// clock.advance(Duration::from_secs(1));
/// assert!(!cache.exists("session:1").await);
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    millis: Arc<AtomicU64>,
}

impl ManualClock {
    const BEGIN: u64 = 1_577_836_800_000;

    /// A clock that shows 1 January 2020.
    #[must_use]
    pub fn new() -> Self {
        Self {
            millis: Arc::new(AtomicU64::new(Self::BEGIN)),
        }
    }

    /// Moves the clock forward, in whole milliseconds.
    pub fn advance(&self, by: Duration) {
        self.millis.fetch_add(millis(by), Ordering::SeqCst);
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::SeqCst))
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}
