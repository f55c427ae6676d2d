//! Every threshold, just at it, just below and just above, in numbers that are made by hand.

mod extremes;
mod invalidations;
mod recommendations;
mod reports;
mod tiers;

use std::time::Duration;

use super::example::{called, times};
use super::{Advice, Insight, InvalidationStatistics, Level, Recommendation, Suggestion};
use crate::config::CacheConfig;
use crate::observe::{
    CacheStats, CompressionStatistics, Ending, Latencies, OperationStatistics, Statistics,
};

const MB: u64 = 1024 * 1024;

fn invalidations() -> InvalidationStatistics {
    InvalidationStatistics {
        at: std::time::UNIX_EPOCH,
        last_hour: 0,
        rate: Level::Usual,
        of_tenants_and_tags: 0,
        counted: 0,
        removed_keys: 0,
        average_removed_keys: None,
        patterns: Vec::new(),
    }
}

/// With settings for language models and half of a memory tier in use.
fn insight(statistics: Statistics) -> Insight {
    let config = CacheConfig::builder().ai().build();
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    Insight {
        statistics,
        stats: CacheStats {
            max_size: 100,
            total_entries: 50,
            ..CacheStats::default()
        },
        invalidations: invalidations(),
        tuning: config.tuning(),
        has_store: true,
    }
}

/// So many hits, and so many misses.
fn hits(hits: u64, misses: u64) -> Insight {
    let endings = [(Ending::MemoryHit, hits), (Ending::Computed, misses)];
    insight(called("summarize", &endings))
}

/// With enough requests, and a hit rate that nothing is to be said about.
fn usual() -> Insight {
    hits(80, 20)
}

fn found(insight: &Insight) -> Vec<Advice> {
    let found = insight.recommendations();
    for one in &found {
        assert!(!one.title.is_empty() && !one.action.is_empty(), "{one}");
        assert!(one.metrics.values().all(|it| it.is_finite()), "{one}");
    }
    found.into_iter().map(|it| it.advice).collect()
}

#[track_caller]
fn the_one(insight: &Insight, advice: Advice) -> Recommendation {
    let mut found = insight.recommendations();
    found.retain(|it| it.advice == advice);
    found.pop().unwrap_or_else(|| panic!("no {advice:?}"))
}

#[track_caller]
fn tries(insight: &Insight, advice: Advice, expected: &str) {
    let suggestion = the_one(insight, advice).suggestion;
    assert_eq!(suggestion.to_string(), expected);
    is_accepted(&suggestion);
}

/// Whether a configuration takes what is suggested.
#[track_caller]
fn is_accepted(suggestion: &Suggestion) {
    let written = serde_json::to_value(suggestion).unwrap_or_default();
    let value = match &suggestion.operation {
        Some(operation) => serde_json::json!({ operation: written["value"] }),
        None => written["value"].clone(),
    };
    let settings = serde_json::json!({ suggestion.setting: value });
    let config = CacheConfig::from_value(&settings);
    assert!(config.is_ok(), "{settings}: {:?}", config.err());
}

fn each(millis: u64, number: u64) -> Latencies {
    times(number, Duration::from_millis(millis))
}

fn operation<'a>(insight: &'a mut Insight, name: &str) -> &'a mut OperationStatistics {
    let operations = &mut insight.statistics.operations;
    operations.entry(name.to_owned()).or_default()
}

fn compressed(values: u64, before: u64, after: u64, millis: u64) -> Insight {
    let mut insight = usual();
    insight.statistics.compression = CompressionStatistics {
        compressed: values,
        compressible_bytes: before,
        compressed_bytes: after,
        times: each(millis, values),
        ..CompressionStatistics::default()
    };
    insight
}
