//! Numbers that are made by hand, for tests.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::call::MissReason;
use crate::observe::{
    CompressionStatistics, Counts, Ending, Latencies, OperationStatistics, Savings, Statistics,
    TenantStatistics,
};

/// Of a kind that nobody has called.
pub(crate) fn statistics() -> Statistics {
    Statistics {
        kind: "ai".to_owned(),
        since: SystemTime::UNIX_EPOCH,
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800),
        counts: Counts::default(),
        savings: Savings::default(),
        operations: BTreeMap::new(),
        tenants: BTreeMap::new(),
        other_tenants: TenantStatistics::default(),
        compression: CompressionStatistics::default(),
    }
}

pub(crate) fn counts(endings: &[(Ending, u64)]) -> Counts {
    let mut counts = Counts::default();
    for (ending, number) in endings {
        counts.endings[*ending as usize] = *number;
    }
    counts
}

/// The same, where so many of the misses were for this reason.
pub(crate) fn missed(mut counts: Counts, reason: MissReason, number: u64) -> Counts {
    counts.reasons[reason as usize] = number;
    counts
}

/// Of a kind with one operation that was called.
pub(crate) fn called(operation: &str, endings: &[(Ending, u64)]) -> Statistics {
    with(statistics(), operation, counts(endings))
}

/// The same with one more.
pub(crate) fn with(mut statistics: Statistics, operation: &str, counts: Counts) -> Statistics {
    statistics.counts += &counts;
    let operation = statistics
        .operations
        .entry(operation.to_owned())
        .or_default();
    *operation = OperationStatistics {
        ttl: Some(Duration::from_secs(7200)),
        counts,
        ..OperationStatistics::default()
    };
    statistics
}

/// So many that took this long each.
pub(crate) fn times(number: u64, each: Duration) -> Latencies {
    Latencies {
        count: number,
        slow: 0,
        total: each.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX)),
        min: each,
        max: each,
        p50: each,
        p95: each,
        p99: each,
    }
}
