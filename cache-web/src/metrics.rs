//! `GET /cache/metrics`: figures in the text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use cache_runtime::CacheStats;

use crate::figures::{gather, outcomes};
use crate::problem::Problem;

pub(crate) async fn metrics() -> Result<impl IntoResponse, Problem> {
    let text = exposition(&gather().await?, cache_runtime::unknown_kind_calls());
    let headers = [
        (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text))
}

type Kinds = [(String, CacheStats)];

fn exposition(kinds: &Kinds, unknown_kind_calls: u64) -> String {
    let mut text = Exposition::default();
    text.family(
        "cache_hit_ratio",
        "gauge",
        "Hits as a part of all calls and look-ups, 0 to 1; absent before the first one.",
    );
    for (kind, stats) in kinds {
        if let Some(ratio) = stats.hit_ratio() {
            text.sample(&[("kind", kind)], ratio);
        }
    }
    text.family(
        "cache_operations_total",
        "counter",
        "Calls and look-ups by how they ended.",
    );
    for (kind, stats) in kinds {
        for (outcome, count) in outcomes(stats) {
            text.sample(&[("kind", kind), ("outcome", outcome)], count);
        }
    }
    text.of_each(
        kinds,
        "cache_memory_usage_bytes",
        "gauge",
        "Bytes of keys, entries and tables in memory.",
        |stats| stats.memory_usage_bytes as u64,
    );
    text.of_each(
        kinds,
        "cache_memory_entries",
        "gauge",
        "Entries in memory, expired ones included.",
        |stats| stats.total_entries as u64,
    );
    text.of_each(
        kinds,
        "cache_memory_evictions_total",
        "counter",
        "Entries that had to go because memory was full.",
        |stats| stats.evictions,
    );
    text.of_each(
        kinds,
        "cache_store_failures_total",
        "counter",
        "Store operations that failed or took too long.",
        |stats| stats.store_failures,
    );
    text.family(
        "cache_unknown_kind_calls_total",
        "counter",
        "Calls that ran without a cache because nobody registered their kind.",
    );
    text.sample(&[], unknown_kind_calls);
    text.text
}

/// What is exposed, a line a sample, each below the family that it belongs to.
#[derive(Debug, Default)]
struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    fn family(&mut self, name: &'static str, metric: &str, help: &str) {
        self.family = name;
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {metric}"));
    }

    fn of_each(
        &mut self,
        kinds: &Kinds,
        name: &'static str,
        metric: &str,
        help: &str,
        value: impl Fn(&CacheStats) -> u64,
    ) {
        self.family(name, metric, help);
        for (kind, stats) in kinds {
            self.sample(&[("kind", kind)], value(stats));
        }
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let family = self.family;
        if labels.is_empty() {
            self.line(format_args!("{family} {value}"));
        } else {
            self.line(format_args!("{family}{{{}}} {value}", labels.join(",")));
        }
    }

    fn line(&mut self, line: impl Display) {
        // Writing into a `String` does not fail.
        let _ = writeln!(self.text, "{line}");
    }
}

/// A kind may have any name.
fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n")
}
