//! The thread that listeners run on: there is one in a process, so this test has one to itself.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use larder::{Cache, CacheEvent, EventFilter, EventKind};
use support::{eventually, roomy};

/// What a listener makes of the events that it is told of.
struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T: Send + 'static> Notes<T> {
    fn of(
        cache: &Cache,
        filter: EventFilter,
        note: impl Fn(&CacheEvent) -> T + Send + Sync + 'static,
    ) -> Self {
        let notes = Arc::<Mutex<Vec<T>>>::default();
        let listened = notes.clone();
        cache.on_event(filter, move |event| {
            let note = note(event);
            listened.lock().expect("no panic").push(note);
        });
        Self(notes)
    }

    /// What was noted since this was called last.
    async fn since(&self, cache: &Cache) -> Vec<T> {
        cache.flush_events().await;
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

fn kinds(cache: &Cache) -> Notes<EventKind> {
    Notes::of(cache, EventFilter::all(), CacheEvent::kind)
}

fn cache() -> Cache {
    let config = roomy().build().expect("valid settings");
    Cache::builder("events", &config).build().expect("a cache")
}

#[tokio::test]
async fn the_thread_begins_with_the_first_listener_and_ends_with_the_last() {
    fn threads() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").expect("threads");
        let names = tasks.filter_map(|task| {
            std::fs::read_to_string(task.expect("a thread").path().join("comm")).ok()
        });
        names.filter(|name| name.trim() == "larder-events").count()
    }
    let (one, other) = (cache(), cache());
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
