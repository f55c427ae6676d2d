//! What the kinds have counted, as metrics for the recorder that the application has.
//!
//! Nothing of this is on the path of a call: what calls count anyway is read when it is asked for.

mod family;
mod operation;
mod sheet;

pub(crate) use operation::Named;

use family as named;
use sheet::{Labels, Sheet};

use super::insight::{InvalidationStatistics, InvalidationTarget};
use super::{CacheStats, CompressionStatistics, Ending, Statistics};
use crate::cache::Cache;
use crate::registry;
use crate::store::Breaker;

/// Writes what all registered kinds have counted into the current recorder of the crate
/// [`metrics`](https://docs.rs/metrics): a local one, else the one that the application has installed, else
/// none.
///
/// To be called before the metrics are rendered or sent. Calls of annotated functions cost nothing for it:
/// they count as ever, and nothing else happens between two publications.
///
/// Counters are set to what was counted since the kind was made, gauges to how it stands. What there is no
/// number for is left out: the hit ratio before the first call, the bytes of a memory that does not bound
/// them. The names are in `docs/observability.md`; labels are names of kinds and of operations, and words of
/// this library: never a key, an argument, a value or a tenant. Of each kind, the first 200 operations that
/// are published have series of their own, and all others together are `other`.
///
/// A recorder keeps what it was told: the gauges of a kind that was unregistered stay as they were, and of a
/// kind that was made anew under the same name a counter stays until the new one has more. A recorder that
/// is made for each publication knows nothing of that.
///
/// This walks over all entries in memory, which takes milliseconds for each million: in async code, have
/// [`spawn_blocking`](tokio::task::spawn_blocking) do it. A local recorder is set inside of that.
///
/// # Panics
/// Where a [`Store`](crate::Store) of the application's own panics that is asked for its connections, or the
/// recorder does. Nothing is published then of what comes after it.
///
/// ```
/// # use cache_runtime as larder;
/// # #[derive(Default)] struct Exporter;
/// # impl Exporter { fn render(&self) -> String { String::new() } }
/// async fn metrics(exporter: Exporter) -> Result<String, tokio::task::JoinError> {
///     tokio::task::spawn_blocking(move || {
///         larder::publish_metrics();
///         exporter.render()
///     })
///     .await
/// }
/// ```
pub fn publish_metrics() {
    // First, and with no recorder at hand: a store of the application's own may use one as well.
    let kinds = registry::kinds().into_iter();
    let figures: Vec<Figures> = kinds.filter_map(Figures::of).collect();
    metrics::with_recorder(|recorder| {
        let mut sheet = Sheet::of(recorder);
        for figures in &figures {
            figures.publish(&mut sheet);
        }
        let unknown = registry::unknown_kind_calls();
        sheet.counter(&named::UNKNOWN_KIND_CALLS, &[], unknown);
    });
}

/// What is known of one kind.
struct Figures {
    /// The name that the cache is registered by.
    kind: String,
    cache: Cache,
    stats: CacheStats,
    statistics: Statistics,
    invalidations: InvalidationStatistics,
}

impl Figures {
    fn of(kind: String) -> Option<Self> {
        let cache = registry::cache(&kind)?;
        Some(Self {
            kind,
            stats: cache.stats(),
            statistics: cache.statistics_since_start(),
            invalidations: cache.invalidation_statistics(),
            cache,
        })
    }

    fn publish(&self, sheet: &mut Sheet<'_>) {
        let kind = [("kind", self.kind.as_str())];
        self.calls(sheet, &kind);
        self.memory(sheet, &kind);
        if self.cache.kind().store.is_some() {
            self.store(sheet, &kind);
        }
        let names = &self.cache.kind().published;
        operation::publish(sheet, &self.kind, names, &self.statistics.operations);
    }

    fn calls(&self, sheet: &mut Sheet<'_>, kind: &Labels<'_>) {
        let Self {
            stats, statistics, ..
        } = self;
        if let Some(ratio) = stats.hit_ratio() {
            sheet.gauge(&named::HIT_RATIO, kind, ratio);
        }
        for ending in Ending::ALL {
            let labels = [kind, &[("outcome", ending.name())]].concat();
            sheet.counter(&named::OPERATIONS, &labels, statistics.counts.of(ending));
        }
        for (callback, failed) in [
            ("rule", statistics.counts.rule_panics),
            ("weight", stats.failed_weights),
            ("price", statistics.savings.bad_prices),
            ("listener", stats.failed_listeners),
        ] {
            let labels = [kind, &[("callback", callback)]].concat();
            sheet.counter(&named::FAILED_CALLBACKS, &labels, failed);
        }
        sheet.counter(&named::DROPPED_EVENTS, kind, stats.dropped_events);
        for target in InvalidationTarget::ALL {
            let patterns = self.invalidations.patterns.iter();
            let of_target = patterns.filter(|it| it.target == target);
            let labels = [kind, &[("target", target.name())]].concat();
            let count = of_target.map(|it| it.count).sum();
            sheet.number(&named::INVALIDATIONS, &labels, count);
        }
        let flights = self.cache.kind().flights.under_way();
        sheet.number(&named::FLIGHTS, kind, flights as u64);
        let background = self.cache.kind().background.under_way();
        sheet.number(&named::BACKGROUND_COMPUTATIONS, kind, background as u64);
    }

    fn memory(&self, sheet: &mut Sheet<'_>, kind: &Labels<'_>) {
        let stats = &self.stats;
        sheet.number(&named::MEMORY_USAGE, kind, stats.memory_usage_bytes as u64);
        sheet.number(&named::MEMORY_ENTRIES, kind, stats.total_entries as u64);
        sheet.number(
            &named::MEMORY_EXPIRED_ENTRIES,
            kind,
            stats.expired_entries as u64,
        );
        sheet.number(&named::MEMORY_MAX_ENTRIES, kind, stats.max_size as u64);
        if let Some(most) = stats.max_bytes {
            sheet.number(&named::MEMORY_MAX, kind, most);
            sheet.number(&named::MEMORY_WEIGHT, kind, stats.weight);
        }
        sheet.counter(&named::MEMORY_EVICTIONS, kind, stats.evictions);
        sheet.counter(&named::MEMORY_EXPIRATIONS, kind, stats.expirations);
        for (reason, values) in [
            ("too_large", stats.too_large_for_memory),
            ("not_promoted", stats.not_promoted),
        ] {
            let labels = [kind, &[("reason", reason)]].concat();
            sheet.counter(&named::MEMORY_UNKEPT, &labels, values);
        }
    }

    fn store(&self, sheet: &mut Sheet<'_>, kind: &Labels<'_>) {
        let stats = &self.stats;
        sheet.counter(&named::STORE_FAILURES, kind, stats.store_failures);
        sheet.counter(&named::STORE_TIMEOUTS, kind, stats.store_timeouts);
        for (reason, entries) in stats.refused.by_reason() {
            let labels = [kind, &[("reason", reason)]].concat();
            sheet.counter(&named::STORE_REFUSED, &labels, entries);
        }
        for (reason, values) in [
            ("unserializable", stats.unserializable_values),
            ("too_large", stats.oversized_values),
            ("queue_full", stats.dropped_writes),
            ("removed", stats.refused_writes),
        ] {
            let labels = [kind, &[("reason", reason)]].concat();
            sheet.counter(&named::STORE_UNWRITTEN, &labels, values);
        }
        if let Some(queues) = self.cache.kind().store.as_ref().map(|it| it.queues()) {
            sheet.number(&named::STORE_QUEUED, kind, queues.waiting);
            sheet.number(&named::STORE_UNTOLD, kind, queues.untold as u64);
        }
        sheet.counter(&named::STORE_HEARD, kind, stats.heard_invalidations);
        let connections = &stats.connections;
        sheet.number(&named::STORE_UNDER_WAY, kind, connections.in_use);
        if let Some(available) = connections.available {
            sheet.number(&named::STORE_AVAILABLE, kind, available);
        }
        let created = connections.created_connections;
        sheet.counter(&named::STORE_CONNECTIONS, kind, created);
        for (state, breaker) in [
            ("closed", Breaker::Closed),
            ("half_open", Breaker::HalfOpen),
            ("open", Breaker::Open),
        ] {
            let labels = [kind, &[("state", state)]].concat();
            let is_so = connections.breaker == breaker;
            sheet.number(&named::STORE_BREAKER, &labels, is_so.into());
        }
        written(sheet, kind, &self.statistics.compression);
    }
}

fn written(sheet: &mut Sheet<'_>, kind: &Labels<'_>, values: &CompressionStatistics) {
    sheet.counter(&named::STORE_WRITTEN, kind, values.values);
    for (form, bytes) in [("plain", values.bytes), ("stored", values.stored_bytes)] {
        let labels = [kind, &[("form", form)]].concat();
        sheet.counter(&named::STORE_WRITTEN_BYTES, &labels, bytes);
    }
    sheet.counter(&named::COMPRESSED, kind, values.compressed);
    sheet.counter(&named::COMPRESSION_SAVED, kind, values.bytes_saved());
    if let Some(ratio) = values.ratio() {
        sheet.gauge(&named::COMPRESSION_RATIO, kind, ratio);
    }
    sheet.durations(&named::COMPRESSION_DURATION, kind, &values.times);
}
