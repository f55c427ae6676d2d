//! What listeners were told.

use std::sync::{Arc, Mutex};

use larder::{Cache, CacheEvent, EventFilter, EventKind, Happened};

/// What a listener makes of the events that it is told of.
pub struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T: Send + 'static> Notes<T> {
    pub fn of(
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
    pub async fn since(&self, cache: &Cache) -> Vec<T> {
        cache.flush_events().await;
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    /// All that was noted so far.
    pub fn so_far(&self) -> Vec<T>
    where
        T: Clone,
    {
        self.0.lock().expect("no panic").clone()
    }
}

pub fn kinds(cache: &Cache) -> Notes<EventKind> {
    Notes::of(cache, EventFilter::all(), CacheEvent::kind)
}

pub fn what(cache: &Cache, filter: EventFilter) -> Notes<Happened> {
    Notes::of(cache, filter, |event| event.what().clone())
}
