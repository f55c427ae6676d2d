//! The work that every contender does: the same keys, the same values, the same bodies.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Distinct keys of the Zipf rows.
pub(crate) const ZIPF_KEYS: usize = 10_000;

/// Room of every cache: all keys of all rows fit, whatever shard they fall into.
pub(crate) const ROOM: usize = 40_000;

/// Lifetime of every entry, where the contender knows lifetimes.
pub(crate) const LIFETIME: Duration = Duration::from_hours(1);

/// What the body of [`cold`] sleeps for: the ideal time of a cold start.
pub(crate) const BODY: Duration = Duration::from_millis(50);

const SEED: u64 = 20_260;

/// Calls in one round through the keys of a Zipf row: a power of two.
const ZIPF_CALLS: usize = 1 << 16;

/// A value of 200 bytes.
pub(crate) static VALUE: LazyLock<String> = LazyLock::new(|| text(200));

/// One key of 32 bytes.
pub(crate) fn short_key() -> &'static [&'static str] {
    leak(vec![leak_text(numbered(ZIPF_KEYS))])
}

/// One key of 2 KB.
pub(crate) fn long_key() -> &'static [&'static str] {
    leak(vec![leak_text(text(2048))])
}

/// Keys of 32 bytes in the order of the calls: key number *k* comes with a probability that goes
/// with 1 / *k*^0.99.
pub(crate) fn zipf_keys() -> &'static [&'static str] {
    let keys: Vec<&'static str> = (0..ZIPF_KEYS).map(|n| leak_text(numbered(n))).collect();
    let mut sum = 0.0;
    let cumulative: Vec<f64> = (1_u32..)
        .take(ZIPF_KEYS)
        .map(|rank| {
            sum += f64::from(rank).powf(-0.99);
            sum
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(SEED);
    let calls = (0..ZIPF_CALLS).map(|_| {
        let drawn = random.f64() * sum;
        keys[cumulative
            .partition_point(|upto| *upto <= drawn)
            .min(ZIPF_KEYS - 1)]
    });
    leak(calls.collect())
}

fn numbered(number: usize) -> String {
    format!("user:{number:027}")
}

fn leak_text(text: String) -> &'static str {
    text.leak()
}

fn leak(keys: Vec<&'static str>) -> &'static [&'static str] {
    keys.leak()
}

/// Random letters and digits: hard to compress.
pub(crate) fn text(bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(SEED);
    (0..bytes).map(|_| random.alphanumeric()).collect()
}

static BODIES: AtomicUsize = AtomicUsize::new(0);

/// The body of the functions whose hits are measured.
pub(crate) async fn warm(_key: &str) -> String {
    BODIES.fetch_add(1, Ordering::Relaxed);
    VALUE.clone()
}

/// How many bodies of functions with [`warm`] values have run.
pub(crate) fn warm_bodies() -> usize {
    BODIES.load(Ordering::Relaxed)
}

static RUNS: AtomicUsize = AtomicUsize::new(0);
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The body of the functions whose cold start is measured.
pub(crate) async fn cold(_key: &str) -> String {
    RUNS.fetch_add(1, Ordering::Relaxed);
    let running = RUNNING.fetch_add(1, Ordering::Relaxed) + 1;
    MOST.fetch_max(running, Ordering::Relaxed);
    tokio::time::sleep(BODY).await;
    RUNNING.fetch_sub(1, Ordering::Relaxed);
    VALUE.clone()
}

/// How many cold bodies have run, and how many at once at most, since this was asked last.
pub(crate) fn take_cold_bodies() -> (usize, usize) {
    (
        RUNS.swap(0, Ordering::Relaxed),
        MOST.swap(0, Ordering::Relaxed),
    )
}
