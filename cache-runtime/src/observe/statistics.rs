//! What one kind has done, by operation, by the length of texts and by tenant.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::insight::figures::{written_moment, written_seconds_if_any};
use super::{Counts, Latencies, Savings};
use crate::policy::TextTier;

/// What one kind has done since it was made, or since its statistics were last
/// [reset](crate::Cache::reset_statistics). No argument, key or value is in here.
///
/// Serialized, moments are texts such as `2020-01-01T00:00:00.000Z`, and times are in milliseconds or seconds,
/// and named so.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Statistics {
    /// The name of the kind.
    pub kind: String,
    /// When counting began.
    #[serde(serialize_with = "written_moment")]
    pub since: SystemTime,
    /// When these numbers were read.
    #[serde(serialize_with = "written_moment")]
    pub at: SystemTime,
    /// Of all operations together.
    pub counts: Counts,
    /// What all operations together have cost and saved.
    pub savings: Savings,
    /// By operation, by name; `keys` are the application's own keys, with the calls of an operation that is
    /// called so.
    pub operations: BTreeMap<String, OperationStatistics>,
    /// By tenant, for calls inside of [`call::tenant`](crate::call::tenant()): the first
    /// [`TENANTS_COUNTED`](crate::TENANTS_COUNTED) of them.
    pub tenants: BTreeMap<String, TenantStatistics>,
    /// All other tenants together.
    pub other_tenants: TenantStatistics,
    /// Values as they were written into the store.
    pub compression: CompressionStatistics,
}

impl Statistics {
    /// What has come since an earlier moment of the same kind. Percentiles, shortest, longest and largest
    /// stay what they are here: they cannot be taken apart.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        since.since = earlier.at;
        since.counts = self.counts.since(&earlier.counts);
        since.compression = self.compression.since(&earlier.compression);
        for (name, operation) in &mut since.operations {
            if let Some(earlier) = earlier.operations.get(name) {
                operation.subtract(earlier);
            }
        }
        since.sum_up_savings();
        for (name, tenant) in &mut since.tenants {
            if let Some(earlier) = earlier.tenants.get(name) {
                tenant.subtract(earlier);
            }
        }
        since.other_tenants.subtract(&earlier.other_tenants);
        since
    }
}

impl Statistics {
    /// Each body takes as long as those of its own operation.
    pub(crate) fn sum_up_savings(&mut self) {
        self.savings = Savings::default();
        for operation in self.operations.values() {
            self.savings += &operation.savings;
        }
    }
}

impl TenantStatistics {
    fn subtract(&mut self, earlier: &Self) {
        let Self {
            operations,
            savings,
        } = self;
        subtract_counts(operations, &earlier.operations);
        for (name, savings) in savings {
            if let Some(earlier) = earlier.savings.get(name) {
                *savings = savings.since(earlier);
            }
        }
    }
}

impl OperationStatistics {
    /// What its bodies take, if one was timed.
    pub(crate) fn mean_body(&self) -> Option<Duration> {
        (self.bodies.count > 0).then(|| self.bodies.mean())
    }

    fn subtract(&mut self, earlier: &Self) {
        let Self {
            ttl: _,
            counts,
            savings,
            text_tiers,
            texts,
            shadow,
            memory_hits,
            other_hits,
            joined,
            misses,
            bodies,
            keys,
        } = self;
        *counts = counts.since(&earlier.counts);
        *savings = savings.since(&earlier.savings);
        subtract_counts(text_tiers, &earlier.text_tiers);
        *shadow = shadow.since(&earlier.shadow);
        *texts = texts.since(&earlier.texts);
        for (latencies, earlier) in [
            (memory_hits, &earlier.memory_hits),
            (other_hits, &earlier.other_hits),
            (joined, &earlier.joined),
            (misses, &earlier.misses),
            (bodies, &earlier.bodies),
            (keys, &earlier.keys),
        ] {
            *latencies = latencies.since(earlier);
        }
    }
}

fn subtract_counts<N: Ord>(counts: &mut BTreeMap<N, Counts>, earlier: &BTreeMap<N, Counts>) {
    for (name, counts) in counts {
        if let Some(earlier) = earlier.get(name) {
            *counts = counts.since(earlier);
        }
    }
}

/// What one operation has done.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct OperationStatistics {
    /// The lifetime of its results, where nothing else is said for one of them; `None`: for ever.
    #[serde(rename = "ttl_seconds", serialize_with = "written_seconds_if_any")]
    pub ttl: Option<Duration>,
    /// How its calls ended.
    pub counts: Counts,
    /// What its answers have cost, and what hits have saved.
    pub savings: Savings,
    /// How its calls ended, by the length of the text, of calls that have one.
    pub text_tiers: BTreeMap<TextTier, Counts>,
    /// The texts of calls that were no hits in memory.
    pub texts: TextStatistics,
    /// Hits that were compared with what the body returned: `shadow = …`. Nothing is counted where the
    /// entry was invalidated before the body had ended.
    pub shadow: ShadowStatistics,
    /// How long hits in memory took; one in [`HITS_TIMED`](crate::HITS_TIMED) is timed, and each that takes
    /// the long way: one whose caller wants more than the answer.
    pub memory_hits: Latencies,
    /// How long other hits took, but for those that waited for another call.
    pub other_hits: Latencies,
    /// How long those took that waited for another call and took its result: its body, as a rule.
    pub joined: Latencies,
    /// How long misses took, until their callers had an answer.
    pub misses: Latencies,
    /// Of that, the body alone, where it did not fail. That of a stream goes at the pace of its readers, and
    /// one too long to be kept is not in here.
    pub bodies: Latencies,
    /// How long it took to write a key, of hits and misses; one in [`HITS_TIMED`](crate::HITS_TIMED) is
    /// timed.
    pub keys: Latencies,
}

/// The lengths of texts, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TextStatistics {
    /// So many texts.
    pub count: u64,
    /// So long together.
    pub characters: u64,
    /// So long the longest.
    pub longest: u64,
}

impl TextStatistics {
    fn since(self, earlier: &Self) -> Self {
        Self {
            count: self.count.saturating_sub(earlier.count),
            characters: self.characters.saturating_sub(earlier.characters),
            longest: self.longest,
        }
    }
}

/// Hits whose body ran again in the background, to compare what it returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShadowStatistics {
    /// It returned the same.
    pub same: u64,
    /// It returned something else.
    pub different: u64,
    /// It failed, panicked or returned no value, or a value could not be serialized.
    pub failed: u64,
}

impl AddAssign for ShadowStatistics {
    fn add_assign(&mut self, other: Self) {
        let Self {
            same,
            different,
            failed,
        } = other;
        self.same += same;
        self.different += different;
        self.failed += failed;
    }
}

impl ShadowStatistics {
    /// Those that differed as a part of those that could be compared, 0 to 1; `None` before the first one.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn difference_ratio(&self) -> Option<f64> {
        let compared = self.same + self.different;
        (compared > 0).then(|| self.different as f64 / compared as f64)
    }

    fn since(self, earlier: &Self) -> Self {
        Self {
            same: self.same.saturating_sub(earlier.same),
            different: self.different.saturating_sub(earlier.different),
            failed: self.failed.saturating_sub(earlier.failed),
        }
    }
}

/// What one tenant has done.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct TenantStatistics {
    /// How its calls ended, by operation.
    pub operations: BTreeMap<String, Counts>,
    /// What their answers have cost it, and what hits have saved, by operation. A body takes as long as for
    /// all tenants together.
    pub savings: BTreeMap<String, Savings>,
}

/// Values as they were written into the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CompressionStatistics {
    /// Values that were written.
    pub values: u64,
    /// Their bytes before compression.
    pub bytes: u64,
    /// The bytes that went into the store.
    pub stored_bytes: u64,
    /// The largest of them, in bytes before compression.
    pub largest: u64,
    /// Of `values`, those that were compressed.
    pub compressed: u64,
    /// Their bytes before compression.
    pub compressible_bytes: u64,
    /// Their bytes after it.
    pub compressed_bytes: u64,
    /// How long it took to compress them.
    pub times: Latencies,
}

impl CompressionStatistics {
    fn since(self, earlier: &Self) -> Self {
        Self {
            values: self.values.saturating_sub(earlier.values),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            stored_bytes: self.stored_bytes.saturating_sub(earlier.stored_bytes),
            largest: self.largest,
            compressed: self.compressed.saturating_sub(earlier.compressed),
            compressible_bytes: self
                .compressible_bytes
                .saturating_sub(earlier.compressible_bytes),
            compressed_bytes: self
                .compressed_bytes
                .saturating_sub(earlier.compressed_bytes),
            times: self.times.since(&earlier.times),
        }
    }

    /// What is left of what was compressed, 0 to 1; `None` where nothing was.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn ratio(&self) -> Option<f64> {
        let bytes = self.compressible_bytes;
        (bytes > 0).then(|| self.compressed_bytes as f64 / bytes as f64)
    }

    /// Bytes that did not have to be sent and kept.
    #[must_use]
    pub fn bytes_saved(&self) -> u64 {
        self.compressible_bytes
            .saturating_sub(self.compressed_bytes)
    }
}
