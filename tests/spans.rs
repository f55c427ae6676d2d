//! What `tracing` sees of a call: which spans there are, in which others they are, and what is in them.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use larder::{EventFilter, cached, call};
use support::map_store::MapStore;
use support::{eventually, poll_once, register, register_over, roomy};
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument, Level, Subscriber, info_span};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// One span, from its beginning to its end.
#[derive(Clone, Debug)]
struct Seen {
    id: u64,
    name: &'static str,
    target: String,
    level: Level,
    /// The name of the span that it is in.
    parent: Option<&'static str>,
    fields: BTreeMap<&'static str, String>,
    is_closed: bool,
}

/// All spans of this thread, in the order in which they began.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Seen>>>);

impl Spans {
    fn collect(most: LevelFilter) -> (Self, DefaultGuard) {
        let spans = Self::default();
        let subscriber = tracing_subscriber::registry().with(spans.clone().with_filter(most));
        (spans, subscriber.set_default())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of this library.
    fn ours(&self) -> Vec<Seen> {
        let spans = self.lock();
        let ours = spans.iter().filter(|span| span.name.starts_with("larder."));
        ours.cloned().collect()
    }

    #[track_caller]
    fn only(&self, name: &str) -> Seen {
        let spans = self.lock();
        let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
        let [span] = found[..] else {
            panic!("{} spans {name} in {spans:#?}", found.len());
        };
        span.clone()
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Seen)) {
        let mut spans = self.lock();
        // Ids are used again when a span has closed.
        let found = spans.iter_mut().rev().find(|span| span.id == id.into_u64());
        if let Some(span) = found {
            change(span);
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        let parent = context.span(id).and_then(|span| span.parent());
        let mut seen = Seen {
            id: id.into_u64(),
            name: metadata.name(),
            target: metadata.target().to_owned(),
            level: *metadata.level(),
            parent: parent.map(|parent| parent.name()),
            fields: BTreeMap::new(),
            is_closed: false,
        };
        attributes.record(&mut seen);
        self.lock().push(seen);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, _: Context<'_, S>) {
        self.change(id, |span| record.record(span));
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.change(&id, |span| span.is_closed = true);
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

impl Seen {
    /// That it is over, in this span, and has these fields and no others.
    #[track_caller]
    fn is(&self, parent: &str, operation: &str, fields: &[(&'static str, &str)]) {
        assert!(self.is_closed, "{self:#?}");
        assert_eq!((&*self.target, self.level), ("larder", Level::DEBUG));
        assert_eq!(self.parent, Some(parent), "{self:#?}");
        let expected = [("kind", "spans"), ("operation", operation)];
        let expected = expected.iter().chain(fields);
        let expected: BTreeMap<_, _> = expected
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        assert_eq!(self.fields, expected, "{self:#?}");
    }
}

/// As the span that an application has around a request.
async fn in_request<T>(work: impl Future<Output = T>) -> T {
    work.instrument(info_span!("request")).await
}

#[cached(kind = "spans", op = "spans.double")]
async fn double(n: u32) -> u32 {
    async { tokio::task::yield_now().await }
        .instrument(info_span!("in_body"))
        .await;
    2 * n
}

/// A test that registers a kind has the calls of others go the long way, which has spans.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn a_computed_call_has_a_look_up_and_a_computation_in_the_span_of_its_caller() {
    let _alone = ALONE.lock().await;
    register("spans", roomy());
    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    assert_eq!(in_request(double(1)).await, 2);

    let names: Vec<_> = spans.ours().iter().map(|span| span.name).collect();
    assert_eq!(names, ["larder.lookup", "larder.compute"]);
    let fields = [("outcome", "computes"), ("reason", "absent")];
    spans
        .only("larder.lookup")
        .is("request", "spans.double", &fields);
    let fields = [("outcome", "computed")];
    spans
        .only("larder.compute")
        .is("request", "spans.double", &fields);
    assert_eq!(spans.only("in_body").parent, Some("larder.compute"));
    assert!(spans.only("request").is_closed);
}

#[tokio::test]
async fn a_hit_in_memory_has_no_span() {
    let _alone = ALONE.lock().await;
    let cache = register("spans", roomy());
    for is_heard in [false, true] {
        if is_heard {
            cache.on_event(EventFilter::all(), |_| {});
        }
        // The first call makes the kinds, and what a thread remembers of them is from after that.
        double(1).await;
        double(1).await;
        let (spans, _guard) = Spans::collect(LevelFilter::TRACE);
        assert_eq!(in_request(double(1)).await, 2);
        assert_eq!(spans.ours().len(), 0, "{:#?}", spans.lock());

        // One that is asked for where it came from goes the long way.
        in_request(call::outcome(double(1))).await;
        let fields = [("outcome", "memory_hit")];
        spans
            .only("larder.lookup")
            .is("request", "spans.double", &fields);
    }
}

#[tokio::test]
async fn below_the_level_the_spans_of_a_body_are_in_that_of_its_caller() {
    let _alone = ALONE.lock().await;
    register("spans", roomy());
    let (spans, _guard) = Spans::collect(LevelFilter::INFO);
    in_request(double(1)).await;
    assert_eq!(spans.ours().len(), 0);
    assert_eq!(spans.only("in_body").parent, Some("request"));
}

#[tokio::test]
async fn a_look_up_in_the_store_is_in_that_of_the_call() {
    let _alone = ALONE.lock().await;
    let store = Arc::<MapStore>::default();
    let cache = register_over("spans", &store);
    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    in_request(double(1)).await;
    let fields = [("outcome", "absent")];
    spans
        .only("larder.store")
        .is("larder.lookup", "spans.double", &fields);
    assert!(cache.flush(Duration::from_secs(1)).await);

    register_over("spans", &store);
    spans.lock().clear();
    in_request(double(1)).await;
    let names: Vec<_> = spans.ours().iter().map(|span| span.name).collect();
    assert_eq!(names, ["larder.lookup", "larder.store"]);
    let fields = [("outcome", "store_hit")];
    spans
        .only("larder.lookup")
        .is("request", "spans.double", &fields);
    let fields = [("outcome", "found")];
    spans
        .only("larder.store")
        .is("larder.lookup", "spans.double", &fields);

    register_over("spans", &store);
    spans.lock().clear();
    in_request(call::refresh(double(1))).await;
    let names: Vec<_> = spans.ours().iter().map(|span| span.name).collect();
    assert_eq!(names, ["larder.lookup", "larder.store", "larder.compute"]);
    let fields = [("outcome", "computes"), ("reason", "refreshed")];
    spans
        .only("larder.lookup")
        .is("request", "spans.double", &fields);

    register_over("spans", &store);
    spans.lock().clear();
    call::bypass(double(1)).await;
    let lookup = spans.only("larder.lookup");
    assert_eq!(
        (spans.ours().len(), &*lookup.fields["outcome"]),
        (1, "bypassed")
    );
}

#[tokio::test]
async fn who_waits_for_another_call_has_a_span_for_that() {
    static BEGUN: Notify = Notify::const_new();
    static ENDS: Notify = Notify::const_new();
    #[cached(kind = "spans", op = "spans.slow")]
    async fn slow(n: u32) -> u32 {
        BEGUN.notify_one();
        ENDS.notified().await;
        n
    }
    let _alone = ALONE.lock().await;
    register("spans", roomy());
    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    let leads = async {
        let leader = slow(1).instrument(info_span!("leader"));
        leader.await
    };
    let joins = async {
        BEGUN.notified().await;
        let mut joined = Box::pin(slow(1).instrument(info_span!("joiner")));
        assert!(poll_once(&mut joined).is_pending());
        assert!(!spans.only("larder.flight").is_closed);
        ENDS.notify_one();
        joined.await
    };
    assert_eq!(tokio::join!(leads, joins), (1, 1));
    let fields = [("outcome", "joined")];
    spans
        .only("larder.flight")
        .is("larder.lookup", "spans.slow", &fields);
    let ours = spans.ours();
    let joiner = ours.iter().find(|span| span.parent == Some("joiner"));
    let lookup = joiner.expect("its look-up");
    lookup.is("joiner", "spans.slow", &fields);
    spans
        .only("larder.compute")
        .is("leader", "spans.slow", &[("outcome", "computed")]);
}

#[tokio::test]
async fn who_waits_for_another_process_has_a_span_for_that_too() {
    #[cached(kind = "spans", op = "spans.cluster", single_flight = "cluster")]
    async fn of_all(n: u32) -> u32 {
        n
    }
    let _alone = ALONE.lock().await;
    let store = Arc::<MapStore>::default();
    store.is_claimed.store(true, Ordering::SeqCst);
    register_over("spans", &store);
    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    let opens = async {
        eventually("it has asked again", async || {
            let ours = spans.ours();
            let asked = ours.iter().filter(|span| span.name == "larder.store");
            asked.count() > 1
        })
        .await;
        assert!(!spans.only("larder.flight").is_closed);
        store.is_claimed.store(false, Ordering::SeqCst);
    };
    assert_eq!(tokio::join!(in_request(of_all(1)), opens).0, 1);
    let fields = [("outcome", "computes")];
    spans
        .only("larder.flight")
        .is("larder.lookup", "spans.cluster", &fields);
    let ours = spans.ours();
    let asked = ours.iter().filter(|span| span.name == "larder.store");
    let parents: Vec<_> = asked
        .map(|span| span.parent.expect("one of ours"))
        .collect();
    assert_eq!(parents[..2], ["larder.lookup", "larder.flight"]);
    assert_eq!(spans.only("larder.compute").parent, Some("request"));
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_spans() {
    #[cached(kind = "spans", op = "spans.never")]
    async fn never(n: u32) -> u32 {
        std::future::pending::<()>().await;
        n
    }
    let _alone = ALONE.lock().await;
    register("spans", roomy());
    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    let mut leads = Box::pin(in_request(never(1)));
    assert!(poll_once(&mut leads).is_pending());
    let mut waits = Box::pin(in_request(never(1)));
    assert!(poll_once(&mut waits).is_pending());
    assert!(!spans.only("larder.compute").is_closed);
    drop(waits);
    // Nobody knows what would have come of it.
    spans
        .only("larder.flight")
        .is("larder.lookup", "spans.never", &[]);
    drop(leads);
    let fields = [("outcome", "abandoned")];
    spans
        .only("larder.compute")
        .is("request", "spans.never", &fields);
    assert!(spans.lock().iter().all(|span| span.is_closed));
}

#[tokio::test]
async fn what_is_not_kept_and_what_fails_is_noted() {
    #[cached(kind = "spans", op = "spans.fails")]
    async fn fails(n: u32) -> Result<Option<u32>, String> {
        assert!(n < 3, "as the test wants it");
        if n == 1 { Err("no".into()) } else { Ok(None) }
    }
    let _alone = ALONE.lock().await;
    register("spans", roomy());
    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    for (n, outcome) in [(1, "failed"), (2, "not_kept"), (3, "panicked")] {
        spans.lock().clear();
        let call = AssertUnwindSafe(in_request(fails(n))).catch_unwind();
        assert_eq!(call.await.is_err(), n == 3);
        spans
            .only("larder.compute")
            .is("request", "spans.fails", &[("outcome", outcome)]);
    }
}

#[tokio::test]
async fn the_body_of_a_stream_has_its_span_where_the_stream_was_made() {
    #[cached(kind = "spans", op = "spans.words")]
    fn words(n: u32) -> impl Stream<Item = Result<u32, String>> + Send {
        stream::iter(0..n).then(async |n| {
            drop(info_span!("in_body"));
            if n == 2 { Err("no".into()) } else { Ok(n) }
        })
    }
    let _alone = ALONE.lock().await;
    register("spans", roomy());
    for (n, outcome) in [(1, "computed"), (3, "failed")] {
        let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
        let made = in_request(async { words(n) }).await;
        // Whoever polls it.
        let read = async { made.collect::<Vec<_>>().await };
        assert_eq!(
            read.instrument(info_span!("reader")).await.len(),
            n as usize
        );
        spans
            .only("larder.compute")
            .is("request", "spans.words", &[("outcome", outcome)]);
        let of_body = |span: &&Seen| span.name == "in_body";
        let parents = spans.lock();
        let mut parents = parents.iter().filter(of_body).map(|span| span.parent);
        assert!(parents.all(|parent| parent == Some("larder.compute")));
    }
    // Below its level the body is in the span of its maker all the same.
    let (spans, _guard) = Spans::collect(LevelFilter::INFO);
    let made = in_request(async { words(2) }).await;
    assert_eq!(made.take(1).count().await, 1);
    assert_eq!(spans.only("in_body").parent, Some("request"));
}

#[tokio::test]
async fn a_body_that_outlives_its_caller_stays_in_its_span() {
    static ENDS: Notify = Notify::const_new();
    #[cached(kind = "spans", op = "spans.detached", detach)]
    async fn detached(n: u32) -> u32 {
        ENDS.notified().await;
        async {}.instrument(info_span!("in_body")).await;
        n
    }
    let _alone = ALONE.lock().await;
    register("spans", roomy());
    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    let mut left = Box::pin(in_request(detached(1)));
    assert!(poll_once(&mut left).is_pending());
    drop(left);
    assert!(!spans.only("larder.compute").is_closed);
    ENDS.notify_one();
    eventually("the body has ended", async || {
        spans.only("larder.compute").is_closed
    })
    .await;
    spans
        .only("larder.compute")
        .is("request", "spans.detached", &[("outcome", "computed")]);
    assert_eq!(spans.only("in_body").parent, Some("larder.compute"));
    assert!(spans.only("request").is_closed);
}

#[tokio::test]
async fn a_body_in_whose_place_an_old_value_is_served_has_failed() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(
        kind = "spans",
        op = "spans.survived",
        ttl = "1s",
        stale_if_error = "1h"
    )]
    async fn survived(n: u32) -> Result<u32, String> {
        if FAILS.load(Ordering::SeqCst) {
            return Err("away".to_owned());
        }
        Ok(n)
    }
    let _alone = ALONE.lock().await;
    let clock = larder::testing::ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let cache = larder::Cache::builder("spans", &config).clock(clock.clone());
    larder::register(cache.build().expect("a cache"));
    survived(1).await.expect("a value");
    FAILS.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(2));

    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    let old = in_request(survived(1)).await;
    assert_eq!(old, Ok(1));
    spans
        .only("larder.compute")
        .is("request", "spans.survived", &[("outcome", "failed")]);
}

#[tokio::test]
async fn a_result_that_is_renewed_in_the_background_is_in_the_span_of_who_was_answered() {
    #[cached(
        kind = "spans",
        op = "spans.renewed",
        ttl = "1s",
        stale_while_revalidate = "1h"
    )]
    async fn renewed(n: u32) -> u32 {
        n
    }
    let _alone = ALONE.lock().await;
    let clock = larder::testing::ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let cache = larder::Cache::builder("spans", &config).clock(clock.clone());
    larder::register(cache.build().expect("a cache"));
    renewed(1).await;
    clock.advance(Duration::from_secs(2));

    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    in_request(renewed(1)).await;
    let fields = [("outcome", "stale")];
    spans
        .only("larder.lookup")
        .is("request", "spans.renewed", &fields);
    eventually("it is renewed", async || {
        let ours = spans.ours();
        let mut ours = ours.iter();
        ours.any(|span| span.name == "larder.compute" && span.is_closed)
    })
    .await;
    spans
        .only("larder.compute")
        .is("request", "spans.renewed", &[("outcome", "computed")]);
}

#[test]
fn a_function_that_is_not_async_has_the_same_spans() {
    #[cached(kind = "spans", op = "spans.sync", local)]
    fn square(n: u32) -> u32 {
        assert!(n < 4, "as the test wants it");
        let _in_body = info_span!("in_body").entered();
        n * n
    }
    let _alone = ALONE.blocking_lock();
    register("spans", roomy());
    square(1);
    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    let request = info_span!("request");
    assert_eq!(request.in_scope(|| square(3) + square(3)), 18);
    let fields = [("outcome", "computes"), ("reason", "absent")];
    spans
        .only("larder.lookup")
        .is("request", "spans.sync", &fields);
    let fields = [("outcome", "computed")];
    spans
        .only("larder.compute")
        .is("request", "spans.sync", &fields);
    assert_eq!(spans.only("in_body").parent, Some("larder.compute"));

    spans.lock().clear();
    let panicked = catch_unwind(AssertUnwindSafe(|| request.in_scope(|| square(4))));
    panicked.expect_err("as the test wants it");
    let fields = [("outcome", "panicked")];
    spans
        .only("larder.compute")
        .is("request", "spans.sync", &fields);
}

#[tokio::test]
async fn what_runs_without_a_cache_and_what_takes_its_time_have_them_too() {
    #[cached(kind = "spans", op = "spans.limited", timeout(hard = "1h"))]
    async fn limited(n: u32) -> Result<u32, larder::TimedOut> {
        Ok(n)
    }
    #[cached(kind = "nobody registered this")]
    async fn unknown(n: u32) -> u32 {
        async {}.instrument(info_span!("in_body")).await;
        n
    }
    let _alone = ALONE.lock().await;
    let cache = register("spans", roomy());
    let (spans, _guard) = Spans::collect(LevelFilter::DEBUG);
    in_request(limited(1)).await.expect("in time");
    let fields = [("outcome", "computed")];
    spans
        .only("larder.compute")
        .is("request", "spans.limited", &fields);

    spans.lock().clear();
    let computed = cache.get_or_compute("a key", async || 1_u32);
    assert_eq!(in_request(computed).await, 1);
    spans.only("larder.compute").is("request", "keys", &fields);

    // There is nothing to be seen of a cache.
    spans.lock().clear();
    in_request(unknown(1)).await;
    assert_eq!(spans.ours().len(), 0);
    assert_eq!(spans.only("in_body").parent, Some("request"));
}

#[tokio::test]
async fn no_span_shows_an_argument_a_value_a_key_a_tag_or_a_tenant() {
    #[cached(kind = "spans", op = "spans.secret", tags("canary-{id}"))]
    async fn secret(id: &str) -> Result<String, String> {
        match id {
            "canary of a failure" => Err("canary".to_owned()),
            id => Ok(format!("{id} canary")),
        }
    }
    let _alone = ALONE.lock().await;
    let store = Arc::<MapStore>::default();
    let (spans, _guard) = Spans::collect(LevelFilter::TRACE);
    for _ in 0..2 {
        let cache = register_over("spans", &store);
        for id in ["canary", "canary of a failure"] {
            let called = call::tenant("canary", call::outcome(secret(id))).await;
            assert_eq!(called.value.is_ok(), id == "canary");
            call::tenant("canary", call::refresh(secret(id))).await.ok();
            call::tenant("canary", call::remove(secret(id))).await;
        }
        cache.set("canary", "canary".to_owned()).await;
        cache.get::<String>("canary").await;
        cache.get_or_compute("canary 2", async || 1).await;
        cache.flush(Duration::from_secs(1)).await;
    }
    let spans = spans.lock();
    assert!(spans.len() > 10);
    for span in &*spans {
        assert!(!format!("{span:?}").contains("canary"), "{span:#?}");
    }
}
