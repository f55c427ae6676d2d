//! Who is told of what the cache does.

use super::Cache;
use crate::observe::{CacheEvent, EventFilter, Heard, ListenerId, NewListener, flush};
use crate::registry;

impl Cache {
    /// Tells a listener of events from now on, until it is [taken away](Self::remove_listener):
    /// those that pass the filter. It works with every cache, whoever made it, and is about this one
    /// alone.
    ///
    /// Listeners are called on a thread of their own, `larder-events`, the only one of the process,
    /// one event after the other in the order in which things happened, and each event's listeners in
    /// the order in which they came. No call waits for them. Up to 4096 events wait: of more, the
    /// latest are dropped and [counted](crate::CacheStats::dropped_events). So a listener that is slow
    /// holds up the others, of other caches too, and one that is slow for long costs events. One that never
    /// returns has nobody told of anything any more, and [`close`](crate::close()) wait for it until its
    /// deadline: what may block is to be sent elsewhere.
    ///
    /// A listener may do anything, such as call cached functions (with a runtime of its own where they
    /// are async). What the cache does on that thread is not told, so a listener never hears of itself
    /// from there; what it spawns elsewhere is told. A panic goes no further, and an error that is
    /// returned neither: both are [counted](crate::CacheStats::failed_listeners) and logged once for
    /// each listener, which goes on to be called. A listener that holds a handle of its own cache
    /// keeps that for ever: it takes [`downgrade`](Self::downgrade).
    ///
    /// Nothing of what is cached can be changed through an event. A listener hears of all tenants:
    /// [`CacheEvent::tenant`] says of whom.
    ///
    /// Listeners who want to hear of hits ([`EventKind::Hit`](crate::EventKind::Hit)) make these slower, from some tens of
    /// nanoseconds to some hundreds, for the operations that they want to hear of. Without, a hit
    /// in memory costs what it does without events.
    ///
    /// Three listeners of one cache: an audit of what was kept and forgotten, figures, and an alert.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use std::sync::{Arc, mpsc};
    /// use larder::{Breaker, EventFilter, EventKind, Happened, StoreChange};
    ///
    /// let cache = larder::CacheFactory::for_testing().await?;
    ///
    /// // Audit: who, what, when. With the names of keys, which show what `key_privacy` lets them.
    /// let (audit, lines) = mpsc::channel();
    /// let changes = EventFilter::all().only([EventKind::Stored, EventKind::Invalidated]).with_keys();
    /// cache.on_event(changes, move |event| {
    ///     let (who, key) = (event.tenant().unwrap_or("nobody"), event.key().unwrap_or("-"));
    ///     // An error is counted as a failure of the listener.
    ///     audit.send(format!("{} for {who}: {key}", event.kind()))
    /// });
    ///
    /// // Performance: hits and misses of one operation; `keys` is that of keys by hand.
    /// let figures = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    /// let counts = figures.clone();
    /// let kinds = EventKind::HITS.into_iter().chain([EventKind::Miss]);
    /// let one_operation = EventFilter::all().only(kinds).operation("keys");
    /// let performance = cache.on_event(one_operation, move |event| {
    ///     let is_hit = matches!(event.what(), Happened::Hit(_));
    ///     counts[usize::from(is_hit)].fetch_add(1, Ordering::Relaxed);
    /// });
    ///
    /// // Alerting: when Redis is left alone.
    /// cache.on_event(EventFilter::all().only([EventKind::Breaker]), |event| {
    ///     if let Happened::Store(StoreChange::Breaker { server, breaker: Breaker::Open, .. }) = event.what() {
    ///         eprintln!("{} goes on without {server}", event.cache());
    ///     }
    /// });
    ///
    /// cache.set("user:1", "Ada".to_owned()).await;
    /// cache.get::<String>("user:1").await;
    /// cache.get::<String>("user:2").await;
    /// cache.flush_events().await;
    /// assert_eq!(lines.recv().unwrap(), "stored for nobody: testing:key:user:1");
    /// assert_eq!(figures.each_ref().map(|count| count.load(Ordering::Relaxed)), [1, 1]);
    ///
    /// // What is not needed any more goes.
    /// assert!(cache.remove_listener(performance));
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// One listener may be made of several, where they are to see the same event in turn, or one is to
    /// decide whether the next is called:
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::{CacheEvent, EventFilter};
    ///
    /// fn chain<E>(
    ///     first: impl Fn(&CacheEvent) -> Result<(), E>,
    ///     second: impl Fn(&CacheEvent) -> Result<(), E>,
    /// ) -> impl Fn(&CacheEvent) -> Result<(), E> {
    ///     move |event| first(event).and_then(|()| second(event))
    /// }
    ///
    /// # async fn example(cache: larder::Cache) {
    /// let to_file = |_: &CacheEvent| Ok::<_, std::io::Error>(());
    /// let to_desk = |_: &CacheEvent| Err(std::io::Error::other("nobody there"));
    /// cache.on_event(EventFilter::all(), chain(to_file, to_desk));
    /// # }
    /// ```
    pub fn on_event<H: Heard>(
        &self,
        filter: EventFilter,
        callback: impl Fn(&CacheEvent) -> H + Send + Sync + 'static,
    ) -> ListenerId {
        let id = self.inner.events.add(NewListener::new(filter, callback));
        // Call sites look anew whether somebody wants to hear of their hits.
        registry::changed_everywhere();
        id
    }

    /// Takes a listener away, and says whether it was there. It may be called at this moment; it is not
    /// called any more for events that are under way, and not at all once
    /// [`flush_events`](Self::flush_events) has returned after this.
    #[expect(
        clippy::must_use_candidate,
        reason = "who has the number knows that it is there"
    )]
    pub fn remove_listener(&self, listener: ListenerId) -> bool {
        let was_there = self.inner.events.remove(listener);
        if was_there {
            registry::changed_everywhere();
        }
        was_there
    }

    /// Waits until the listeners of all caches of the process have been called for everything that has
    /// happened so far: for the end of a program, and for tests. [`close`](crate::close()) does it too,
    /// within its deadline. A listener that never returns is waited for as long; in a listener this
    /// returns at once.
    ///
    /// Dropping the future changes nothing.
    pub async fn flush_events(&self) {
        flush().await;
    }
}
