//! Larder and its peers on the same work in one run.
//!
//! `scripts/bench` runs this and writes `docs/benchmarks.md`. By hand:
//!
//! ```text
//! cargo bench -p benches --bench peers                 everything
//! cargo bench -p benches --bench peers -- hit-32B      rows whose name has this in it, and no others
//! ```
//!
//! Hits in memory, keys and entries are measured by criterion, cold starts and hits in Redis here:
//! their figures go to standard output as lines `row|contender|round|unit|value`.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be made ends the run"
)]

mod cold;
mod contenders;
mod entries;
mod hits;
mod in_process;
mod keys;
mod over_redis;
mod seen;
mod turns;
mod workload;

use std::fmt::Display;

use criterion::Criterion;

/// Whether this is a measurement, and not a try whether everything runs.
fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// How often each contender has its turn.
fn rounds() -> usize {
    if is_measured() { 7 } else { 1 }
}

/// Whether this row is asked for: all are, unless an argument names some.
fn is_wanted(row: &str) -> bool {
    std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'))
        .is_none_or(|part| row.contains(&part))
}

/// Tells one figure.
fn report(row: &str, contender: &str, round: usize, unit: &str, value: impl Display) {
    println!("{row}|{contender}|{round}|{unit}|{value}");
}

fn main() {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    hits::bench(&mut criterion);
    keys::bench(&mut criterion);
    entries::bench(&mut criterion);
    criterion.final_summary();
    cold::bench();
    over_redis::bench();
}
