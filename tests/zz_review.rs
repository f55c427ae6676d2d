#![allow(clippy::expect_used, reason = "a test fails by panicking")]
mod support;
use std::time::Duration;
use fixture::RedisServer;
use larder::call::{self, Origin};
use larder::{Cache, cached};
use support::{Runs, eventually, roomy};
use tokio::sync::Semaphore;

async fn process(kind: &str, url: &str) -> Cache {
    let config = roomy().redis_url(url).store_budget(Duration::from_secs(2)).build().expect("ok");
    let cache = Cache::builder(kind, &config).build().expect("a cache");
    assert!(cache.connect().await);
    cache
}

async fn scenario(by_key: bool) {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "bg", op = "bg.slow", ttl = "200ms", stale_while_revalidate = "1h", single_flight = "cluster")]
    async fn slow(id: u32) -> usize {
        let run = RUNS.count();
        let _ = id;
        GATE.acquire().await.expect("open").forget();
        run
    }
    let id = u32::from(by_key);
    let server = RedisServer::start();
    let url = server.url();
    let (first, second, third) = (process("bg", &url).await, process("bg", &url).await, process("bg", &url).await);
    GATE.add_permits(1);
    larder::register(first.clone());
    let r0 = slow(id).await;
    assert!(first.flush(Duration::from_secs(5)).await);
    larder::register(second.clone());
    assert_eq!(slow(id).await, r0);
    tokio::time::sleep(Duration::from_millis(300)).await;
    larder::register(first.clone());
    assert_eq!(slow(id).await, r0);
    eventually("first renews", async || RUNS.total() == r0 + 1).await;
    larder::register(second.clone());
    assert_eq!(slow(id).await, r0);
    let before = server.calls("time");
    eventually("second waits", async || server.calls("time") > before).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(RUNS.total(), r0 + 1);
    larder::register(third.clone());
    if by_key {
        call::remove(slow(id)).await;
    } else {
        third.remove_operation("bg.slow").await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    println!("by_key={by_key}: after the removal bodies begun: {}", RUNS.total() - r0);
    GATE.add_permits(10);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(second.flush(Duration::from_secs(5)).await);
    larder::register(second.clone());
    let out = call::outcome(slow(id)).await;
    println!("by_key={by_key}: second's own next call: {:?} value {}, runs {}", out.origin, out.value, RUNS.total() - r0);
    println!("kept: {}", out.origin != Origin::Computed);
    GATE.acquire_many(GATE.available_permits() as u32).await.expect("open").forget();
}

#[tokio::test]
async fn background_after_removal() {
    scenario(true).await;
    scenario(false).await;
}
