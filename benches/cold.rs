//! Cold starts: many callers at once, nothing remembered yet.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Runtime;

use crate::workload::take_cold_bodies;
use crate::{contenders, hits, is_measured, is_wanted, report, rounds};

const CALLERS: usize = 1000;

pub(crate) fn bench() {
    let runtime = hits::two_threads();
    contenders::register_larder();
    for keys in [1, 100] {
        if !is_wanted(&format!("cold-{keys}")) {
            continue;
        }
        for round in 0..rounds() {
            let storm = Storm {
                runtime: &runtime,
                keys,
                round,
            };
            storm.break_on("larder", contenders::larder_cold);
            storm.break_on("by-hand", contenders::by_hand_cold);
            storm.break_on("moka", contenders::moka_cold);
            storm.break_on("cached-by-key", contenders::cached_cold_by_key);
            storm.break_on("cached-default", contenders::cached_cold);
            storm.break_on("cached-sharded", contenders::cached_cold_sharded);
            // Runs one body after the other: five seconds with a hundred keys.
            if keys == 1 || (round == 0 && is_measured()) {
                storm.break_on("cached-sync-writes", contenders::cached_cold_sync_writes);
            }
        }
    }
}

struct Storm<'a> {
    runtime: &'a Runtime,
    keys: usize,
    round: usize,
}

impl Storm<'_> {
    fn break_on<F, R>(&self, name: &str, function: F)
    where
        F: Fn(String) -> R,
        R: Future<Output = String> + Send + 'static,
    {
        let Self { keys, round, .. } = self;
        let fresh: Vec<Arc<str>> = (0..*keys)
            .map(|key| format!("{keys} keys, round {round}, key {key}").into())
            .collect();
        take_cold_bodies();
        let wall = self.runtime.block_on(async {
            let started = Instant::now();
            let callers: Vec<_> = (0..CALLERS)
                .map(|caller| tokio::spawn(function(fresh[caller % keys].to_string())))
                .collect();
            for caller in callers {
                caller.await.expect("a caller does not panic");
            }
            started.elapsed()
        });
        let (runs, most) = take_cold_bodies();
        let row = format!("cold-{keys}");
        report(&row, name, *round, "ms", wall.as_secs_f64() * 1e3);
        report(&row, name, *round, "bodies", runs);
        report(&row, name, *round, "at-once", most);
    }
}
