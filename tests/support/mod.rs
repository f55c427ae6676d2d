//! What several test files need.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "not every test file needs all of it"
)]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

pub mod example;
pub mod feed;
pub mod map_store;
pub mod notes;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder::{Cache, CacheConfig, CacheConfigBuilder};
use tracing_subscriber::util::SubscriberInitExt;

/// Counts the runs of a body.
pub struct Runs(AtomicUsize);

impl Runs {
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub fn count(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub fn total(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Registers a cache of this kind and gives its handle.
pub fn register(kind: &str, config: CacheConfigBuilder) -> Cache {
    let cache = Cache::builder(kind, &config.build().expect("valid settings"))
        .build()
        .expect("a cache");
    larder::register(cache.clone());
    cache
}

/// A cache in memory that nobody registered.
pub fn in_memory(kind: &str) -> Cache {
    let config = roomy().build().expect("valid settings");
    Cache::builder(kind, &config).build().expect("a cache")
}

/// Registers a cache of this kind over a store, with an empty memory, and gives its handle.
pub fn register_over(kind: &str, store: &Arc<map_store::MapStore>) -> Cache {
    let cache = Cache::builder(kind, &roomy().build().expect("valid settings"))
        .store(store.clone())
        .build()
        .expect("a cache");
    larder::register(cache.clone());
    cache
}

/// Settings with room for a thousand entries.
pub fn roomy() -> CacheConfigBuilder {
    CacheConfig::builder().l1_cache_size(1000)
}

/// Waits until `condition` holds.
///
/// # Panics
/// After ten seconds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Polls a future, and nobody is woken for it.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context)
}

/// Collects what is logged, a line an event.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects warnings from now on, for the whole process.
    pub fn collect_warnings() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    /// Collects everything that any crate logs from now on, spans too, for the whole process.
    pub fn collect_everything() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    /// Collects the warnings of this thread, until the guard is dropped.
    pub fn collect_warnings_here() -> (Self, tracing::subscriber::DefaultGuard) {
        Self::collect_here(tracing::Level::WARN)
    }

    /// Collects what this thread logs at this level and above, until the guard is dropped.
    pub fn collect_here(level: tracing::Level) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let guard = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .set_default();
        (log, guard)
    }

    pub fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("no panic while logging");
        String::from_utf8_lossy(&bytes)
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while logging").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
