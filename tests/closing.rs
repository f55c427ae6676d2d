//! What goes on without a caller, and how it ends. In a process of its own: `close` forgets all
//! kinds.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder::cached;
use support::map_store::MapStore;
use tokio::sync::Semaphore;
use tokio::time::Instant;

static GATE: Semaphore = Semaphore::const_new(0);
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct CountsDrop;

impl Drop for CountsDrop {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

#[cached(kind = "closing", detach)]
async fn slow(id: u32) -> u32 {
    let _counts = CountsDrop;
    BEGUN.fetch_add(1, Ordering::SeqCst);
    if id > 1 {
        let () = std::future::pending().await;
    }
    GATE.acquire().await.expect("never closed").forget();
    id
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_what_goes_on_and_writes_it_and_drops_what_does_not_end() {
    let store = Arc::new(MapStore::default());
    support::register_over("closing", &store);
    for id in [1, 2] {
        let call = tokio::spawn(slow(id));
        let began = async || BEGUN.load(Ordering::SeqCst) == id as usize;
        support::eventually("the body has begun", began).await;
        call.abort();
        assert!(call.await.expect_err("aborted").is_cancelled());
    }
    assert_eq!(DROPPED.load(Ordering::SeqCst), 0);
    tokio::spawn(async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        GATE.add_permits(1);
    });
    let began = Instant::now();
    larder::close().await;
    assert!(began.elapsed() <= Duration::from_secs(5));
    assert_eq!(DROPPED.load(Ordering::SeqCst), 2);
    let is_entry = |key: &String| key.contains("slow");
    let entries = store.entries.lock().expect("no panic");
    assert_eq!(entries.keys().filter(|key| is_entry(key)).count(), 1);
}

#[test]
fn a_runtime_ends_while_detached_computations_call_each_other() {
    #[cached(kind = "ending", detach)]
    async fn outer(id: u32) -> u32 {
        inner(id).await
    }
    #[cached(kind = "ending", detach)]
    async fn inner(_id: u32) -> u32 {
        std::future::pending().await
    }
    support::register("ending", support::roomy());
    for threads in [1, 2] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .expect("a runtime");
        for id in 0..8 {
            runtime.spawn(outer(id));
        }
        runtime.block_on(async {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        });
        drop(runtime);
    }
}
