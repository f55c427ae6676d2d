//! Values as they are written into the store, counted as they are made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::CompressionStatistics;
use super::latency::Latency;
use super::rare::Rare;

/// A compression that takes longer is slow (CMP-7).
const SLOW: Duration = Duration::from_millis(10);

/// Of one kind.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    values: AtomicU64,
    bytes: AtomicU64,
    stored_bytes: AtomicU64,
    largest: AtomicU64,
    compressed: AtomicU64,
    compressible_bytes: AtomicU64,
    compressed_bytes: AtomicU64,
    times: Rare<Latency>,
}

impl Packed {
    /// A value of so many bytes has become so many with all that belongs to it; where it was compressed,
    /// so many that it has become, and how long that took.
    pub(crate) fn count(
        &self,
        bytes: usize,
        stored: usize,
        compressed: Option<usize>,
        time: Duration,
    ) {
        let add = |number: &AtomicU64, more: usize| {
            number.fetch_add(more as u64, Ordering::Relaxed);
        };
        add(&self.values, 1);
        add(&self.bytes, bytes);
        add(&self.stored_bytes, stored);
        self.largest.fetch_max(bytes as u64, Ordering::Relaxed);
        if let Some(compressed) = compressed {
            add(&self.compressed, 1);
            add(&self.compressible_bytes, bytes);
            add(&self.compressed_bytes, compressed);
            self.times.made().record(time, SLOW);
        }
    }

    pub(crate) fn statistics(&self) -> CompressionStatistics {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        CompressionStatistics {
            values: read(&self.values),
            bytes: read(&self.bytes),
            stored_bytes: read(&self.stored_bytes),
            largest: read(&self.largest),
            compressed: read(&self.compressed),
            compressible_bytes: read(&self.compressible_bytes),
            compressed_bytes: read(&self.compressed_bytes),
            times: Latency::together(self.times.get().into_iter()),
        }
    }

    /// Begins percentiles anew, and the largest value; what only grows goes on to.
    pub(crate) fn reset(&self) {
        self.largest.store(0, Ordering::Relaxed);
        self.times.get().into_iter().for_each(Latency::reset);
    }
}
