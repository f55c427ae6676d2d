//! Numbers that are as small and as large as they get.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use super::super::Insight;
use super::super::example::{called, statistics, times};
use super::{insight, operation};
use crate::cache::APPLICATIONS_OWN;
use crate::observe::{
    CompressionStatistics, Ending, Latencies, OperationStatistics, Statistics, TextStatistics,
};
use crate::policy::TextTier;

/// What is not there where nothing is known of it. All other numbers are numbers.
const MAY_BE_ABSENT: [&str; 10] = [
    "average_removed_keys",
    "average_response_time_ms",
    "avg_compression_ratio",
    "compression_ratio",
    "configured_ttl_seconds",
    "hit_ratio",
    "max_bytes",
    "operation",
    "time_seconds",
    "ttl_seconds",
];

/// JSON has no word for what is not a number or infinite: it would be null.
fn has_numbers_alone(name: &str, found: &Json, insight: &Insight) {
    match found {
        Json::Null => assert!(MAY_BE_ABSENT.contains(&name), "{name} of {insight:?}"),
        Json::Object(parts) => {
            for (name, part) in parts {
                has_numbers_alone(name, part, insight);
            }
        }
        Json::Array(parts) => {
            for part in parts {
                has_numbers_alone(name, part, insight);
            }
        }
        Json::String(text) => {
            let is_none = |word: &str| word == "NaN" || word == "inf" || word == "-inf";
            assert!(!text.split(' ').any(is_none), "{name}: {text}");
        }
        Json::Number(number) => {
            let is_finite = number.as_f64().is_some_and(f64::is_finite);
            assert!(is_finite, "{name} of {insight:?}");
        }
        Json::Bool(_) => {}
    }
}

/// An operation whose numbers are all the same.
fn all(number: u64, time: Duration) -> Statistics {
    let endings = Ending::ALL.map(|ending| (ending, number));
    let mut statistics = called("summarize", &endings);
    let times = times(number, time);
    let counts = statistics.counts.clone();
    let operation = OperationStatistics {
        text_tiers: TextTier::ALL.map(|tier| (tier, counts.clone())).into(),
        counts,
        texts: TextStatistics {
            count: number,
            characters: number,
            longest: number,
        },
        memory_hits: times,
        other_hits: times,
        joined: times,
        misses: times,
        bodies: times,
        keys: times,
        ttl: Some(time),
        ..OperationStatistics::default()
    };
    let own = operation.clone();
    statistics.operations = BTreeMap::from([
        ("summarize".to_owned(), operation),
        (APPLICATIONS_OWN.to_owned(), own),
    ]);
    statistics.compression = CompressionStatistics {
        values: number,
        bytes: number,
        stored_bytes: number,
        compressed: number,
        compressible_bytes: number,
        compressed_bytes: number,
        times,
        ..CompressionStatistics::default()
    };
    statistics
}

#[test]
fn no_report_has_a_number_that_is_none_or_infinite() {
    let mut extremes = vec![insight(statistics())];
    for number in [0, 1, 10, u64::MAX] {
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let mut extreme = insight(all(number, time));
            extremes.push(extreme.clone());
            let room = usize::try_from(number).unwrap_or(usize::MAX);
            extreme.stats.total_entries = room;
            extreme.stats.max_size = room;
            extreme.stats.weight = number;
            extreme.stats.max_bytes = Some(number);
            extreme.stats.memory_usage_bytes = room;
            extreme.stats.evictions = number;
            extreme.invalidations.last_hour = number;
            extreme.invalidations.counted = number;
            extreme.has_store = false;
            extremes.push(extreme);
        }
    }
    // Counted, and not timed; timed, and not counted.
    let untimed = called(
        "summarize",
        &[(Ending::MemoryHit, 7), (Ending::Computed, 7)],
    );
    extremes.push(insight(untimed));
    let mut uncounted = insight(statistics());
    operation(&mut uncounted, "summarize").misses = times(7, Duration::from_secs(1));
    // Numbers are read one after the other: a count may be ahead of what belongs to it.
    operation(&mut uncounted, "summarize").other_hits = Latencies {
        count: 1,
        ..Latencies::default()
    };
    extremes.push(uncounted);
    for extreme in extremes {
        let exported = serde_json::from_str(&extreme.to_json());
        let exported = exported.unwrap_or_else(|error| panic!("{error}: {extreme:?}"));
        has_numbers_alone("", &exported, &extreme);
        let metrics = serde_json::to_value(extreme.ai_metrics()).unwrap_or_default();
        has_numbers_alone("", &metrics, &extreme);
        for found in extreme.recommendations() {
            let has_none = found.metrics.values().any(|it| !it.is_finite());
            assert!(!has_none, "{found:?}");
        }
    }
}
