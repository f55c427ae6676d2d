//! What goes on without a caller, and how it ends. In a process of its own: `close` forgets all
//! kinds.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use larder::testing::registry_scope;
use larder::{CloseReport, cached, call};
use support::map_store::MapStore;
use support::{Runs, eventually, poll_once, register, register_over, roomy};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

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
        eventually("the body has begun", began).await;
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
        let runtime = Builder::new_multi_thread()
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

#[tokio::test(start_paused = true)]
async fn a_cache_that_stands_behind_another_kind_too_stays_open() {
    static BODY: Semaphore = Semaphore::const_new(0);
    static RUNS: Runs = Runs::new();
    #[cached(kind = "named", detach)]
    async fn run(_id: u32) -> u32 {
        RUNS.count();
        BODY.acquire().await.expect("never closed").forget();
        1
    }
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    let cache = register_over("named", &store);
    let again = async || Ok::<_, ()>(cache.clone());
    let alias = larder::get_or_register("other-name", again).await;
    assert!(alias.is_ok());
    let call = tokio::spawn(run(1));
    eventually("the body has begun", async || RUNS.total() == 1).await;
    call.abort();
    drop(call.await);

    let began = Instant::now();
    let report = larder::close_kind("other-name", Duration::from_secs(20)).await;
    assert_eq!(report, Some(CloseReport::default()));
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(larder::kinds(), ["ai", "named", "web"]);
    assert_eq!(store.disconnected.load(Ordering::SeqCst), 0);
    // The last one closes it, and waits for what goes on.
    BODY.add_permits(1);
    let report = larder::close_kind("named", Duration::from_secs(20)).await;
    assert!(report.is_some_and(|report| report.kinds == 1 && report.is_clean()));
    assert_eq!(store.keys_of_entries().len(), 1);
    assert_eq!(store.disconnected.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn without_any_time_only_what_was_queued_is_given_up() {
    #[cached(kind = "no-time")]
    async fn run(id: u32) -> u32 {
        id
    }
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    let cache = register_over("no-time", &store);
    cache.set("key", 1).await;
    let report = larder::close_within(Duration::ZERO).await;
    assert_eq!((report.kinds, report.is_clean()), (3, true), "{report}");
    larder::register(cache);
    run(1).await;
    let report = larder::close_within(Duration::ZERO).await;
    assert_eq!((report.kinds, report.gave_up_writes), (1, 1), "{report}");
}

#[test]
fn a_computation_that_cannot_be_dropped_takes_no_time_from_the_writes() {
    static RUNS: Runs = Runs::new();
    static BODY: Semaphore = Semaphore::const_new(0);
    static BEGUN: Barrier = Barrier::new(2);
    static END: Barrier = Barrier::new(2);
    #[cached(kind = "stuck", detach)]
    async fn stuck() -> u32 {
        RUNS.count();
        BODY.acquire().await.expect("never closed").forget();
        // Nothing stops a body that does not wait as a future does.
        BEGUN.wait();
        END.wait();
        1
    }
    let store = Arc::<MapStore>::default();
    let elsewhere = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (cache, _scope) = elsewhere.block_on(async {
        let scope = registry_scope();
        let cache = register_over("stuck", &store);
        let call = tokio::spawn(stuck());
        eventually("the body has begun", async || RUNS.total() == 1).await;
        call.abort();
        drop(call.await);
        (cache, scope)
    });
    BODY.add_permits(1);
    BEGUN.wait();
    let here = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let (report, took) = here.block_on(async {
        let _scope = registry_scope();
        larder::register(cache.clone());
        cache.set("key", 1).await;
        store.hangs.store(true, Ordering::SeqCst);
        cache.remove("key").await;
        let answers = store.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(350)).await;
            answers.hangs.store(false, Ordering::SeqCst);
        });
        let began = Instant::now();
        // 180 ms for the computation, 200 ms to drop it, and 120 ms for all the rest.
        let report = larder::close_within(Duration::from_millis(300)).await;
        (report, began.elapsed())
    });
    END.wait();
    assert!(took <= Duration::from_millis(500), "{took:?}");
    assert_eq!((report.gave_up_computations, report.untold), (1, 0));
    assert_eq!(store.keys_of_entries(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_any_more_is_closed_in_the_background() {
    static RUNS: Runs = Runs::new();
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    struct Body;
    impl Drop for Body {
        fn drop(&mut self) {
            ENDED.fetch_add(1, Ordering::SeqCst);
        }
    }
    #[cached(kind = "abandoned", detach)]
    async fn endless() -> u32 {
        let _body = Body;
        RUNS.count();
        std::future::pending().await
    }
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    let cache = register_over("abandoned", &store);
    cache.set("key", 1).await;
    let call = tokio::spawn(endless());
    eventually("the body has begun", async || RUNS.total() == 1).await;
    call.abort();
    drop(call.await);
    store.hangs.store(true, Ordering::SeqCst);
    cache.remove("key").await;
    // The last handle but for those that are closed.
    drop(cache);

    let began = Instant::now();
    let closing = larder::close_within(Duration::from_secs(20));
    assert!(timeout(Duration::from_secs(1), closing).await.is_err());
    assert_eq!(ENDED.load(Ordering::SeqCst), 0);
    assert_eq!(store.keys_of_entries().len(), 1);
    store.hangs.store(false, Ordering::SeqCst);
    while ENDED.load(Ordering::SeqCst) == 0 && began.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(20), "within the time");
    eventually("it has let go of its connection", async || {
        store.disconnected.load(Ordering::SeqCst) == 1
    })
    .await;
    assert_eq!(store.keys_of_entries(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn invalidations_are_told_by_a_close_that_nobody_waits_for_any_more() {
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    let cache = register_over("untold", &store);
    cache.set("key", 1).await;
    store.hangs.store(true, Ordering::SeqCst);
    cache.remove("key").await;
    drop(cache);
    let closing = larder::close_within(Duration::from_secs(20));
    assert!(timeout(Duration::from_secs(1), closing).await.is_err());
    store.hangs.store(false, Ordering::SeqCst);
    eventually("the store is told", async || {
        store.keys_of_entries().is_empty()
    })
    .await;
}

#[test]
fn what_was_queued_on_a_runtime_that_has_ended_is_told_apart() {
    #[cached(kind = "of-two-runtimes")]
    async fn run(id: u32) -> Option<u32> {
        (RUNS.fetch_add(1, Ordering::SeqCst) == 0).then_some(id)
    }
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let runtime = || {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime")
    };
    let store = Arc::<MapStore>::default();
    let of_another = |is_replaced: bool| {
        let ending = runtime();
        RUNS.store(0, Ordering::SeqCst);
        let cache = ending.block_on(async {
            let _scope = registry_scope();
            let cache = register_over("of-two-runtimes", &store);
            run(1).await;
            if is_replaced {
                // Nothing but a removal is queued then.
                assert!(cache.flush(Duration::from_secs(1)).await);
                assert_eq!(call::refresh(run(1)).await, None);
            }
            cache
        });
        drop(ending);
        assert_eq!(store.keys_of_entries().len(), usize::from(is_replaced));
        runtime().block_on(async {
            let _scope = registry_scope();
            larder::register(cache);
            larder::close_within(Duration::from_secs(1)).await
        })
    };
    let report = of_another(false);
    assert_eq!((report.gave_up_writes, report.written), (1, 2), "{report}");
    assert!(of_another(true).is_clean());
    assert_eq!(store.keys_of_entries(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn other_processes_are_told_of_computations_that_have_brought_nothing() {
    #[cached(kind = "claimed", single_flight = "cluster")]
    async fn fails() -> Result<u32, String> {
        Err("as the test wants it".to_owned())
    }
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    let cache = register_over("claimed", &store);
    for (hangs, released) in [(false, 1), (true, 1)] {
        larder::register(cache.clone());
        assert!(fails().await.is_err());
        store.latency.store(40, Ordering::SeqCst);
        store.hangs.store(hangs, Ordering::SeqCst);
        let began = Instant::now();
        assert!(
            larder::close_within(Duration::from_secs(1))
                .await
                .is_clean()
        );
        assert!(began.elapsed() <= Duration::from_secs(1));
        assert_eq!(store.released.load(Ordering::SeqCst), released);
        store.latency.store(0, Ordering::SeqCst);
    }
}
