//! A hit in memory by how much is seen of it: what those pay who listen, and those who do not.

use larder::{Cache, CacheConfig, CacheConfigBuilder, EventFilter, EventKind, call};
use tracing::subscriber::with_default;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::contenders::larder_warm;
use crate::hits::Row;
use crate::rounds;
use crate::workload::{ROOM, warm};

#[larder::cached(kind = "bench.untimed", op = "warm", ttl = "1h")]
async fn untimed(key: &str) -> String {
    warm(key).await
}

#[larder::cached(kind = "bench.listened", op = "warm", ttl = "1h")]
async fn listened(key: &str) -> String {
    warm(key).await
}

#[larder::cached(kind = "bench.heard", op = "warm", ttl = "1h")]
async fn heard(key: &str) -> String {
    warm(key).await
}

async fn of_a_tenant(key: &'static str) -> String {
    call::tenant("a tenant", larder_warm(key)).await
}

pub(crate) fn bench(mut row: Row<'_>) {
    register("bench.untimed", settings().enable_monitoring(false));
    let listened_to = register("bench.listened", settings());
    let events = EventKind::ALL.into_iter();
    let all_but_hits = events.filter(|event| *event != EventKind::Hit);
    listened_to.on_event(EventFilter::all().only(all_but_hits), |_| {});
    register("bench.heard", settings()).on_event(EventFilter::all(), |_| {});

    row.take_short_turns();
    for round in 0..rounds() {
        row.contender("larder", round, larder_warm);
        row.contender("larder-untimed", round, untimed);
        row.contender("larder-listened", round, listened);
        let every_span = LevelFilter::TRACE;
        let spans = tracing_subscriber::registry().with(every_span);
        with_default(spans, || {
            row.contender("larder-traced", round, larder_warm);
        });
        row.contender("larder-tenant", round, of_a_tenant);
        row.contender("larder-heard", round, heard);
    }
}

fn settings() -> CacheConfigBuilder {
    CacheConfig::builder().l1_cache_size(ROOM)
}

fn register(kind: &str, settings: CacheConfigBuilder) -> Cache {
    let config = settings.build().expect("settings within all bounds");
    let cache = Cache::builder(kind, &config).build();
    let cache = cache.expect("a cache in memory");
    larder::register(cache.clone());
    cache
}
