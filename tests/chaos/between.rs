//! From one process to the memory of another: how long it takes until what one invalidates is gone
//! from the other, also where messages are lost.

use std::time::{Duration, Instant};

use fixture::{Fault, Proxy, RedisServer};
use larder::{Cache, CacheConfigBuilder};

use crate::figures::{Between, Spread};
use crate::run::all_calls;
use crate::support::{eventually, roomy};

const CEILING: Duration = Duration::from_secs(2);

async fn process(kind: &str, url: &str) -> Cache {
    let config: CacheConfigBuilder = roomy()
        .redis_url(url)
        .l1_cache_size(10_000)
        .store_budget(Duration::from_secs(2))
        .invalidation_ceiling(CEILING);
    let config = config.build().expect("valid settings");
    let cache = Cache::builder(kind, &config).build().expect("a cache");
    eventually("Redis answers", async || cache.connect().await).await;
    cache
}

/// Both have these keys in memory.
async fn fill(ours: &Cache, theirs: &Cache, keys: &[String]) {
    ours.set_many(keys.iter().zip(0_usize..)).await;
    for (key, n) in keys.iter().zip(0_usize..) {
        eventually("the other one has it", async || {
            theirs.get(key).await == Some(n)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_removes_is_gone_from_another() {
    let server = RedisServer::start();
    let ours = process("between", &server.url()).await;
    let theirs = process("between", &server.url()).await;
    let keys: Vec<String> = (0..all_calls() / 5).map(|n| format!("n:{n}")).collect();
    fill(&ours, &theirs, &keys).await;
    let mut times = Vec::new();
    for key in &keys {
        let began = Instant::now();
        ours.remove(key).await;
        while theirs.get::<usize>(key).await.is_some() {
            tokio::task::yield_now().await;
        }
        times.push(began.elapsed());
    }
    let what = "a key, from the call of `remove` until another process finds nothing";
    Between::new(what, Spread::of(times.into_iter()), None).publish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_on_the_way_is_missed() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let ours = process("lossy", &server.url()).await;
    let theirs = process("lossy", &proxy.url()).await;
    let keys: Vec<String> = (0..all_calls() / 5).map(|n| format!("n:{n}")).collect();
    fill(&ours, &theirs, &keys).await;
    proxy.set(Fault::DropPushes { percent: 5 });
    let (removed, mut told) = tokio::sync::mpsc::unbounded_channel();
    let all = keys.len();
    tokio::spawn(async move {
        for (n, key) in keys.into_iter().enumerate() {
            ours.remove(&key).await;
            if n % 10 == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            removed.send((key, Instant::now())).expect("somebody looks");
        }
    });
    let (mut there, mut times) = (Vec::new(), Vec::new());
    eventually("all of them are gone", async || {
        while let Ok(removed) = told.try_recv() {
            there.push(removed);
        }
        for (key, since) in std::mem::take(&mut there) {
            if theirs.get::<usize>(&key).await.is_some() {
                there.push((key, since));
            } else {
                times.push(since.elapsed());
            }
        }
        times.len() == all
    })
    .await;
    assert!(proxy.dropped_pushes() > 0, "nothing was lost");
    let what = "the same from when it returned, with 5 % of the messages lost and a ceiling of 2 s";
    let times = Spread::of(times.into_iter());
    Between::new(what, times, Some(CEILING)).publish();
}
