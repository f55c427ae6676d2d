//! The thread that listeners run on: there is one in a process, so this test has one to itself.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use larder::{EventFilter, EventKind};
use support::notes::kinds;
use support::{eventually, in_memory};

#[tokio::test]
async fn the_thread_begins_with_the_first_listener_and_ends_with_the_last() {
    fn threads() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").expect("threads");
        let names = tasks.filter_map(|task| {
            std::fs::read_to_string(task.expect("a thread").path().join("comm")).ok()
        });
        names.filter(|name| name.trim() == "larder-events").count()
    }
    let (one, other) = (in_memory("one"), in_memory("other"));
    one.set("key", 1).await;
    assert_eq!(threads(), 0, "nobody listens");
    let first = one.on_event(EventFilter::all(), |_| ());
    let notes = kinds(&other);
    other.set("key", 1).await;
    assert_eq!(notes.since(&other).await, [EventKind::Stored]);
    assert_eq!(threads(), 1);
    assert!(one.remove_listener(first));
    drop(other);
    eventually("it ends", async || threads() == 0).await;
    let notes = kinds(&one);
    one.set("key", 1).await;
    let expected = [EventKind::Replaced, EventKind::Stored];
    assert_eq!(notes.since(&one).await, expected, "it begins again");
}
