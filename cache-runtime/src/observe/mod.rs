//! What is counted, and who is told. Counting never decides anything.

mod alerts;
mod cache_stats;
mod compression;
mod counters;
mod counts;
mod ending;
mod events;
mod histogram;
pub(crate) mod insight;
mod latency;
mod memory_hits;
#[cfg(feature = "metrics")]
mod metrics;
mod rare;
mod record;
mod removal;
mod savings;
mod shadow;
mod statistics;
mod tally;
mod tenants;
mod times;
mod watch;

pub use alerts::{
    Alert, AlertLevel, AlertSubject, AlertThresholds, AlertWatch, AlertWatchBuilder, Threshold,
};
pub use cache_stats::{CacheStats, RefusedEntries};
pub(crate) use compression::Packed;
pub(crate) use counters::{Counters, TenantCounters, Timed};
pub use counts::Counts;
pub use ending::Ending;
pub use events::{
    CacheEvent, EventFilter, EventKind, Extent, Happened, Heard, InvalidationOrigin, ListenerId,
};
pub(crate) use events::{Details, Events, NewListener, Of, Wanted, flush};
pub(crate) use insight::{Invalidated, Invalidations, NoteOf, Tuning};
pub use latency::{HITS_TIMED, Latencies};
pub(crate) use memory_hits::ThreadCount;
#[cfg(feature = "metrics")]
pub(crate) use metrics::Named;
#[cfg(feature = "metrics")]
pub use metrics::publish_metrics;
pub(crate) use record::Record;
pub use removal::{Removal, RemovalCause};
pub(crate) use savings::{Charged, Ledger, NANO};
pub use savings::{Charges, Savings};
pub(crate) use shadow::Shadow;
pub use statistics::{
    CompressionStatistics, OperationStatistics, ShadowStatistics, Statistics, TenantStatistics,
    TextStatistics,
};
pub use tenants::TENANTS_COUNTED;
pub(crate) use tenants::{TenantHits, Tenants};
pub use watch::{Analysis, Rating, SlowOperation, SlowPart, Watch, WatchSubscriber};
