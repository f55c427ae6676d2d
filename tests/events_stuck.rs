//! Listeners that hold up the thread that all of them run on, so these tests are no others' neighbours.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use larder::{EventFilter, cached};
use support::notes::kinds;
use support::{in_memory, poll_once, register, roomy};

static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn cb_6_a_listener_that_was_taken_away_is_not_called_for_what_is_under_way() {
    let _alone = ALONE.lock().await;
    let cache = in_memory("events");
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let listener = cache.on_event(EventFilter::all(), move |_| {
        begun.send(()).expect("the test waits");
        may_go_on.lock().expect("no panic").recv()
    });
    let other = kinds(&cache);
    for _ in 0..100 {
        cache.get::<i32>("absent").await;
    }
    has_begun.recv().expect("the first one");
    assert!(cache.remove_listener(listener));
    assert!(!cache.remove_listener(listener), "it is gone already");
    go_on.send(()).expect("it waits");
    // So that another call of it would end.
    drop(go_on);
    assert_eq!(other.since(&cache).await.len(), 100);
    assert!(has_begun.try_recv().is_err(), "called once");
    cache.get::<i32>("absent").await;
    assert_eq!(other.since(&cache).await.len(), 1);
}

#[tokio::test]
async fn a_listener_that_is_stuck_holds_up_no_call_and_what_does_not_fit_is_counted() {
    let _alone = ALONE.lock().await;
    #[cached(kind = "stuck", op = "double")]
    async fn double(number: u32) -> u32 {
        2 * number
    }
    let cache = register("stuck", roomy());
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    cache.on_event(EventFilter::all(), move |_| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            begun.send(()).expect("the test waits");
            // Until the test lets it go.
            let _gone = may_go_on.lock().expect("no panic").recv();
        }
    });
    double(0).await;
    has_begun.recv().expect("it is called");
    for n in 0..1000 {
        double(n % 10).await;
    }
    // They have not waited for the listener, which would have no end.
    assert_eq!(cache.stats().dropped_events, 0);
    // One is with the listener, its other one waits, and of these 1000 each hit is one and each miss
    // two.
    let told = 1 + 1000 + 9;
    for _ in 0..4096 {
        double(0).await;
    }
    let dropped = told + 4096 - 4096;
    assert_eq!(cache.stats().dropped_events, dropped);

    let mut flush = Box::pin(cache.flush_events());
    assert!(poll_once(&mut flush).is_pending());
    let closed = larder::close_kind("stuck", Duration::from_millis(100)).await;
    assert!(closed.is_some_and(|report| report.is_clean()));
    go_on.send(()).expect("it waits");
    flush.await;
    assert_eq!(called.load(Ordering::SeqCst), 1 + 4096);
}
