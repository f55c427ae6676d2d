//! What goes on without a caller, and how it ends. In a process of its own: `close` forgets all
//! kinds.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder::cached;
use larder::testing::registry_scope;
use support::map_store::MapStore;
use support::{poll_once, register, register_over, roomy};
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
    register_over("closing", &store);
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
    let report = larder::close().await;
    assert!(began.elapsed() <= Duration::from_secs(5));
    assert_eq!((report.gave_up_computations, report.gave_up_writes), (1, 0));
    assert!(!report.is_clean() && report.written == report.kinds);
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
    register("ending", roomy());
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

#[tokio::test]
async fn what_is_closed_in_order_is_reported_so() {
    let _scope = registry_scope();
    assert!(register("in-memory", roomy()).is_on());
    let store = Arc::<MapStore>::default();
    let cache = register_over("written", &store);
    // Under another name, too.
    let alias = async || Ok::<_, ()>(cache.clone());
    larder::get_or_register("alias", alias)
        .await
        .expect("a cache");
    cache.set("key", 1).await;
    assert_eq!(
        larder::kinds(),
        ["ai", "alias", "in-memory", "web", "written"]
    );
    let report = larder::close().await;
    assert_eq!((report.kinds, report.written), (4, 4));
    assert!(report.is_clean());
    assert_eq!(
        report.to_string(),
        "closed 4 kinds of cache: 4 wrote everything, 0 gave up computations, 0 gave up writes, 0 \
         could not tell the store of invalidations"
    );
    assert_eq!(store.disconnected.load(Ordering::SeqCst), 1);
    // Nothing is left to do.
    let report = larder::close().await;
    assert_eq!((report.kinds, report.is_clean()), (0, true));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_takes_no_longer_than_it_is_given() {
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    let cache = register_over("hanging", &store);
    cache.set("key", 1).await;
    store.hangs.store(true, Ordering::SeqCst);
    cache.remove("key").await;
    let began = Instant::now();
    let report = larder::close_within(Duration::from_secs(20)).await;
    assert!(began.elapsed() <= Duration::from_secs(20));
    assert_eq!((report.untold, report.is_clean()), (1, false));
    // However long that is.
    store.hangs.store(false, Ordering::SeqCst);
    larder::register(cache);
    assert!(larder::close_within(Duration::MAX).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn writes_that_wait_are_told_beside_invalidations_that_were_not() {
    #[cached(kind = "both")]
    async fn run(id: u32) -> u32 {
        id
    }
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    let cache = register_over("both", &store);
    cache.set("key", 1).await;
    run(1).await;
    // Before the write is done that is queued now.
    store.hangs.store(true, Ordering::SeqCst);
    assert!(poll_once(&mut Box::pin(cache.remove("key"))).is_pending());
    let report = larder::close_within(Duration::from_millis(50)).await;
    assert_eq!((report.written, report.gave_up_writes), (2, 1));
    assert_eq!(report.untold, 1);
}

#[tokio::test]
async fn a_store_that_panics_keeps_no_other_kind_from_closing() {
    let _scope = registry_scope();
    let (broken, whole) = (Arc::<MapStore>::default(), Arc::<MapStore>::default());
    let in_the_middle = register_over("broken", &broken);
    register_over("whole", &whole).set("key", 1).await;
    in_the_middle.set("key", 1).await;
    // So that it is asked whether it is there.
    broken.hangs.store(true, Ordering::SeqCst);
    in_the_middle.remove("key").await;
    broken.panics.store(true, Ordering::SeqCst);

    let report = larder::close_within(Duration::from_secs(1)).await;
    assert_eq!((report.kinds, report.written, report.untold), (4, 3, 1));
    for store in [broken, whole] {
        assert_eq!(store.disconnected.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_store_that_other_kinds_have_too_stays_connected_until_the_last_is_closed() {
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    register_over("one", &store);
    register_over("other", &store).set("key", 1).await;
    for (kind, disconnected) in [("one", 0), ("other", 1)] {
        let report = larder::close_kind(kind, Duration::from_secs(1)).await;
        assert!(report.is_some_and(|report| report.is_clean()));
        assert_eq!(store.disconnected.load(Ordering::SeqCst), disconnected);
    }
}
