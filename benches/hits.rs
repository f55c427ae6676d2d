//! Hits in memory, measured by criterion.
//!
//! The contenders take turns: each round measures all of them for a fraction of a second, so that
//! what else the machine does meets all of them alike. A figure of the report is a median over
//! the rounds, a ratio the median of the ratios within each round.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode};
use tokio::runtime::Runtime;

use crate::workload::{long_key, short_key, warm_bodies, zipf_keys};
use crate::{contenders, rounds, seen};

const TASKS: usize = 16;

/// Calls of the function of this workspace, to be compared with what it counted itself.
static OUR_CALLS: AtomicU64 = AtomicU64::new(0);

/// What is common to the contenders of one row.
pub(crate) struct Row<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    runtime: Runtime,
    tasks: Option<usize>,
    keys: &'static [&'static str],
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let cache = contenders::register_larder();
    let row = |group: BenchmarkGroup<'_, WallTime>, keys: &'static [&'static str]| {
        Row {
            group,
            runtime: current_thread(),
            tasks: None,
            keys,
        }
        .measure();
    };
    row(criterion.benchmark_group("hit-32B"), short_key());
    row(criterion.benchmark_group("hit-2KB"), long_key());
    row(criterion.benchmark_group("hit-zipf"), zipf_keys());
    Row {
        group: criterion.benchmark_group("hit-2-threads"),
        runtime: two_threads(),
        tasks: Some(TASKS),
        keys: zipf_keys(),
    }
    .measure();
    seen::bench(Row {
        group: criterion.benchmark_group("seen"),
        runtime: current_thread(),
        tasks: None,
        keys: short_key(),
    });

    let counted = cache.stats().memory_hits;
    let called = OUR_CALLS.load(Ordering::Relaxed);
    assert!(
        counted >= called,
        "only {counted} of {called} measured calls were hits in memory"
    );
}

impl Row<'_> {
    /// Gives each contender a fraction of a second in each round.
    pub(crate) fn take_short_turns(&mut self) {
        self.group
            .sampling_mode(SamplingMode::Flat)
            .sample_size(10)
            .nresamples(2000)
            .warm_up_time(Duration::from_millis(60))
            .measurement_time(Duration::from_millis(200));
    }

    fn measure(mut self) {
        self.take_short_turns();
        for round in 0..rounds() {
            self.contender("empty", round, contenders::empty);
            self.contender("clone-only", round, contenders::clone_only);
            self.contender("by-hand-plain", round, contenders::by_hand_plain);
            self.contender("by-hand-expiring", round, contenders::by_hand_expiring);
            self.contender("larder", round, contenders::larder_warm);
            self.contender("moka-get-with", round, contenders::moka_get_with);
            self.contender("moka-by-ref", round, contenders::moka_get_with_by_ref);
            self.contender("cached-lru-ttl", round, contenders::cached_lru_ttl);
            self.contender(
                "cached-sharded-ttl",
                round,
                contenders::cached_sharded_lru_ttl,
            );
            self.contender("cached-sharded", round, contenders::cached_sharded_lru);
        }
        self.group.finish();
    }

    pub(crate) fn contender<F, R>(&mut self, name: &str, round: usize, function: F)
    where
        F: Fn(&'static str) -> R + Copy + Send + 'static,
        R: Future<Output = String> + Send + 'static,
    {
        let Self {
            group,
            runtime,
            tasks,
            keys,
        } = self;
        let (keys, tasks) = (*keys, *tasks);
        runtime.block_on(async {
            for key in keys {
                function(key).await;
            }
        });
        let bodies = warm_bodies();
        let mut calls = 0;
        group.bench_function(BenchmarkId::new(name, round), |bencher| {
            bencher.iter_custom(|iterations| {
                calls += iterations;
                match tasks {
                    None => runtime.block_on(walk(function, keys, 0, iterations)),
                    Some(tasks) => runtime.block_on(together(function, keys, tasks, iterations)),
                }
            });
        });
        assert_eq!(
            bodies,
            warm_bodies(),
            "{name} is not measured by hits alone"
        );
        if name == "larder" {
            OUR_CALLS.fetch_add(calls, Ordering::Relaxed);
        }
    }
}

/// Calls the function with one key after the other.
async fn walk<F, R>(
    function: F,
    keys: &'static [&'static str],
    begin: usize,
    calls: u64,
) -> Duration
where
    F: Fn(&'static str) -> R,
    R: Future<Output = String>,
{
    let last = keys.len() - 1;
    debug_assert!(keys.len().is_power_of_two());
    let started = Instant::now();
    for (at, _) in (begin..).zip(0..calls) {
        black_box(function(black_box(keys[at & last])).await);
    }
    started.elapsed()
}

/// The same calls, shared among tasks that begin at different keys.
async fn together<F, R>(
    function: F,
    keys: &'static [&'static str],
    tasks: usize,
    calls: u64,
) -> Duration
where
    F: Fn(&'static str) -> R + Copy + Send + 'static,
    R: Future<Output = String> + Send + 'static,
{
    let begins = (0..tasks).map(|task| task * keys.len() / tasks);
    let each = calls / tasks as u64;
    let more = calls % tasks as u64;
    let started = Instant::now();
    let running: Vec<_> = begins
        .zip(0..)
        .map(|(begin, task)| {
            let calls = each + u64::from(task < more);
            tokio::spawn(walk(function, keys, begin, calls))
        })
        .collect();
    for task in running {
        task.await.expect("a task of hits does not panic");
    }
    started.elapsed()
}

pub(crate) fn current_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

pub(crate) fn two_threads() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}
