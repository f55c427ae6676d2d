//! What is measured under a fault.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// A row of the table. Times are in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) room: &'static str,
    pub(crate) fault: &'static str,
    /// In all, and while there was the fault.
    pub(crate) calls: usize,
    pub(crate) calls_under_fault: usize,
    pub(crate) wrong: usize,
    pub(crate) errors: usize,
    pub(crate) panics: usize,
    pub(crate) invalidations: usize,
    pub(crate) lost: usize,
    /// Values that another process found in the store afterwards.
    pub(crate) served_elsewhere: usize,
    /// What the calls took without their bodies while there was the fault.
    pub(crate) overhead: Spread,
    /// Of these, the calls that began when the server was known to be away.
    pub(crate) left_alone: Spread,
    pub(crate) timed_out: usize,
    /// Calls that waited for a server that was known to be away.
    pub(crate) waited_again: usize,
    /// From the first PING that a master answered to the first value that was written and read.
    pub(crate) recovery: Option<u128>,
    /// From there until no other process was served anything that had been invalidated.
    pub(crate) told: Option<u128>,
    /// The longest time after an invalidation had returned that its process was served what it was
    /// about.
    pub(crate) stale: u128,
    /// By how much the memory of this process grew.
    pub(crate) memory_kib: u64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) p50: u128,
    pub(crate) p99: u128,
    pub(crate) p999: u128,
    pub(crate) max: u128,
}

impl Spread {
    pub(crate) fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut sorted: Vec<u128> = times.map(|time| time.as_micros()).collect();
        sorted.sort_unstable();
        let Some(&max) = sorted.last() else {
            return Self::default();
        };
        // The smallest one that so many of a thousand do not exceed.
        let quantile = |thousandths: usize| {
            let rank = (sorted.len() * thousandths).div_ceil(1000);
            sorted[rank.saturating_sub(1)]
        };
        Self {
            count: sorted.len(),
            p50: quantile(500),
            p99: quantile(990),
            p999: quantile(999),
            max,
        }
    }
}

/// A row of the other table: times from one process to another, in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Between {
    room: &'static str,
    what: &'static str,
    times: Spread,
    ceiling: Option<u128>,
}

impl Between {
    pub(crate) fn new(what: &'static str, times: Spread, ceiling: Option<Duration>) -> Self {
        Self {
            room: "between",
            what,
            times,
            ceiling: ceiling.map(|ceiling| ceiling.as_micros()),
        }
    }

    pub(crate) fn publish(&self) {
        publish(&format!("{} {}", self.room, self.what), self);
    }
}

impl Figures {
    pub(crate) fn publish(&self) {
        publish(&format!("{} {}", self.room, self.fault), self);
    }
}

/// Writes a row where `LARDER_CHAOS_FIGURES` says, and prints it.
fn publish(name: &str, row: &impl Serialize) {
    let row = serde_json::to_string(row).expect("a row");
    println!("{row}");
    if let Some(directory) = std::env::var_os("LARDER_CHAOS_FIGURES") {
        let name = name.replace(|it: char| !it.is_ascii_alphanumeric(), "-");
        let path = PathBuf::from(directory).join(name + ".json");
        std::fs::write(path, row).expect("a place for the figures");
    }
}

/// Watches how much memory this process takes.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    before: u64,
    most: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl MemoryWatch {
    /// On a thread of its own, which no fault keeps busy.
    pub(crate) fn start() -> Self {
        let before = resident_kib();
        let watch = Self {
            before,
            most: Arc::new(AtomicU64::new(before)),
            is_over: Arc::default(),
        };
        let (most, is_over) = (watch.most.clone(), watch.is_over.clone());
        std::thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                most.fetch_max(resident_kib(), Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        watch
    }

    pub(crate) fn growth_kib(&self) -> u64 {
        self.most.load(Ordering::SeqCst) - self.before
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

/// Zero where the system does not say.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}
