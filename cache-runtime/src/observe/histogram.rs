//! How often each length of time was measured.

use std::array::from_fn;
use std::sync::atomic::{AtomicU64, Ordering};

use super::rare::Rare;

/// Two numbers in one bucket differ by at most a sixteenth: each power of two has so many buckets.
const BUCKETS: usize = 16;

/// Of nanoseconds: up to 146 minutes. What takes longer counts as so long.
const LONGEST: u64 = (1 << 43) - 1;

/// Four powers of two. What is timed takes about the same each time, and needs one or two of these.
const CHUNK: usize = 4 * BUCKETS;
const CHUNKS: usize = 10;

/// 160 bytes, and 512 for each chunk that something has fallen into.
#[derive(Debug, Default)]
pub(super) struct Histogram([Rare<Chunk>; CHUNKS]);

#[derive(Debug)]
struct Chunk([AtomicU64; CHUNK]);

impl Default for Chunk {
    fn default() -> Self {
        Self(from_fn(|_| AtomicU64::new(0)))
    }
}

/// The number of the bucket that a number falls into: below sixteen each has its own.
fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.min(LONGEST);
    let shift = nanos.checked_ilog2().unwrap_or(0).saturating_sub(4);
    // Below 32.
    let first_bits = (nanos >> shift) as usize;
    shift as usize * BUCKETS + first_bits
}

/// The largest number in a bucket.
fn end_of(bucket: usize) -> u64 {
    let shift = (bucket / BUCKETS).saturating_sub(1);
    let first_bits = bucket - shift * BUCKETS;
    ((first_bits as u64 + 1) << shift) - 1
}

impl Histogram {
    pub(super) fn count(&self, nanos: u64) {
        let bucket = bucket_of(nanos);
        if let Some(chunk) = self.0.get(bucket / CHUNK) {
            chunk.made().0[bucket % CHUNK].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Begins anew. What is counted meanwhile may or may not be forgotten.
    pub(super) fn reset(&self) {
        let counts = self.0.iter().filter_map(Rare::get).flat_map(|it| &it.0);
        counts.for_each(|count| count.store(0, Ordering::Relaxed));
    }
}

/// The counts of several histograms, at one moment.
#[derive(Debug)]
pub(super) struct Sum([u64; CHUNKS * CHUNK]);

impl Sum {
    pub(super) fn of<'a>(all: impl Iterator<Item = &'a Histogram>) -> Self {
        let mut sum = [0_u64; CHUNKS * CHUNK];
        for Histogram(chunks) in all {
            for (chunk, sum) in chunks.iter().zip(sum.chunks_mut(CHUNK)) {
                let counts = chunk.get().into_iter().flat_map(|chunk| &chunk.0);
                for (count, sum) in counts.zip(sum) {
                    *sum += count.load(Ordering::Relaxed);
                }
            }
        }
        Self(sum)
    }

    /// So many percent of all numbers are no larger; zero where there are none.
    pub(super) fn percentile(&self, percent: u64) -> u64 {
        let all: u64 = self.0.iter().sum();
        let sought = all.saturating_mul(percent).div_ceil(100);
        let mut seen = 0;
        let bucket = self.0.iter().position(|count| {
            seen += count;
            *count > 0 && seen >= sought
        });
        bucket.map_or(0, end_of)
    }
}

#[cfg(test)]
mod tests {
    use std::iter::once;

    use super::{CHUNK, CHUNKS, Histogram, LONGEST, Sum, bucket_of, end_of};

    #[test]
    fn each_bucket_begins_where_the_one_before_ends() {
        assert_eq!((bucket_of(0), end_of(0)), (0, 0));
        for bucket in 1..CHUNKS * CHUNK {
            let (begin, end) = (end_of(bucket - 1) + 1, end_of(bucket));
            assert_eq!((bucket_of(begin), bucket_of(end)), (bucket, bucket));
            assert!((end - begin) * 16 <= begin, "{begin} to {end}");
        }
        assert_eq!(end_of(CHUNKS * CHUNK - 1), LONGEST);
        assert_eq!(bucket_of(u64::MAX), CHUNKS * CHUNK - 1);
    }

    #[test]
    fn percentiles_are_those_of_all_that_was_counted() {
        let (some, others) = (Histogram::default(), Histogram::default());
        let percentiles = || {
            let sum = Sum::of([&some, &others].into_iter());
            [0, 1, 50, 95, 99, 100].map(|percent| sum.percentile(percent))
        };
        assert_eq!(percentiles(), [0; 6]);
        for nanos in 1..=50_000 {
            some.count(nanos * 2);
            others.count(nanos * 2 - 1);
        }
        let exact = [1, 1000, 50_000, 95_000, 99_000, 100_000];
        for (found, exact) in percentiles().into_iter().zip(exact) {
            assert!((exact..=exact + exact / 16).contains(&found), "{found}");
        }
        some.reset();
        others.reset();
        assert_eq!(percentiles(), [0; 6]);
        some.count(u64::MAX);
        assert_eq!(Sum::of(once(&some)).percentile(50), LONGEST);
    }
}
