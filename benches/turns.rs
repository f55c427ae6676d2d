//! Work on one thread, measured by criterion in turns: as in [`hits`](crate::hits), but of any
//! kind.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode};
use tokio::runtime::Runtime;

use crate::hits;

/// One row, of which every contender has one turn in each round.
pub(crate) struct Turns<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    runtime: Runtime,
}

impl<'a> Turns<'a> {
    pub(crate) fn new(criterion: &'a mut Criterion, row: &str) -> Self {
        let mut group = criterion.benchmark_group(row);
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size(10)
            .nresamples(2000)
            .warm_up_time(Duration::from_millis(20))
            .measurement_time(Duration::from_millis(60));
        Self {
            group,
            runtime: hits::current_thread(),
        }
    }

    /// Measures what one `call` takes. What it returns is dropped.
    pub(crate) fn take<F, R>(&mut self, contender: &str, round: usize, call: F)
    where
        F: Fn() -> R,
        R: Future,
    {
        let Self { group, runtime } = self;
        group.bench_function(BenchmarkId::new(contender, round), |bencher| {
            bencher.iter_custom(|iterations| {
                runtime.block_on(async {
                    let started = Instant::now();
                    for _ in 0..iterations {
                        black_box(call().await);
                    }
                    started.elapsed()
                })
            });
        });
    }
}
