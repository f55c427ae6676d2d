//! What the kinds have counted, as a recorder of the crate `metrics` is told it and Prometheus reads it.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::float_cmp,
    reason = "whole numbers, and what was not calculated with"
)]

#[path = "support/exposition.rs"]
mod exposition;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use exposition::Exposition;
use futures_util::FutureExt;
use larder::call::{self, MissReason};
use larder::testing::{ManualClock, registry_scope};
use larder::{
    Cache, CacheConfig, Ending, EventFilter, EventKind, TimedOut, cached, publish_metrics,
};
use metrics::with_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use support::map_store::MapStore;
use support::{eventually, poll_once, register, register_over, roomy};
use tokio::sync::Notify;

/// What is published now, and the text that it was read from.
fn published_to(recorder: &PrometheusRecorder) -> (Exposition, String) {
    with_local_recorder(recorder, publish_metrics);
    let text = recorder.handle().render();
    let read = Exposition::read(&text).expect("the text format");
    (read, text)
}

fn published() -> (Exposition, String) {
    published_to(&PrometheusBuilder::new().build_recorder())
}

/// The samples of a family with these labels among others, by the value of another label.
fn by_label(
    read: &Exposition,
    family: &str,
    labels: &[(&str, &str)],
    label: &str,
) -> BTreeMap<String, f64> {
    let samples = read.samples.iter().filter(|sample| {
        let mut labels = labels.iter();
        sample.family == family
            && labels.all(|(name, value)| sample.labels.get(*name).is_some_and(|it| it == value))
    });
    let mut sums = BTreeMap::new();
    for sample in samples {
        let value = sample.labels.get(label).cloned().unwrap_or_default();
        *sums.entry(value).or_default() += sample.value;
    }
    sums
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cached(
    kind = "metered",
    op = "answer",
    ttl = "1s",
    stale_if_error = "1h",
    timeout(hard = "20ms")
)]
async fn answer(id: i32) -> Result<Option<i32>, Failure> {
    match id {
        0 => Ok(None),
        10 if FAILS.load(Ordering::SeqCst) => Err(Failure::Own),
        1..=10 => Ok(Some(id)),
        -1 => Err(Failure::Own),
        -2 => panic!("as the test wants it"),
        _ => std::future::pending().await,
    }
}

static FAILS: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    Own,
    TimedOut,
}

impl From<TimedOut> for Failure {
    fn from(_: TimedOut) -> Self {
        Self::TimedOut
    }
}

#[cached(kind = "metered", op = "answer.slow")]
async fn slow(id: u32) -> u32 {
    BEGUN.notify_one();
    ENDS.notified().await;
    id
}

static BEGUN: Notify = Notify::const_new();
static ENDS: Notify = Notify::const_new();

/// Calls that end in every way there is, of kinds that begin with `metered`.
async fn end_in_every_way() {
    #[cached(kind = "metered.ai", op = "answer", text = text)]
    async fn of_text(text: &str) -> usize {
        text.len()
    }
    #[cached(kind = "metered.tenants", op = "answer")]
    async fn of_tenant(id: u32) -> u32 {
        id
    }
    let store = Arc::<MapStore>::default();
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let make = || {
        let cache = Cache::builder("metered", &config).store(store.clone());
        cache.clock(clock.clone()).build().expect("a cache")
    };
    larder::register(make());
    answer(1).await.expect("an answer");
    let cache = make();
    assert!(
        larder::cache("metered")
            .expect("registered")
            .flush(Duration::from_secs(1))
            .await
    );
    larder::register(cache.clone());
    for id in [1, 1, 1, 2, 0, -1, 10] {
        let _ = answer(id).await;
    }
    let panicked = AssertUnwindSafe(answer(-2)).catch_unwind().await;
    panicked.expect_err("as the test wants it");
    clock.advance(Duration::from_secs(2));
    FAILS.store(true, Ordering::SeqCst);
    assert_eq!(answer(10).await, Ok(Some(10)));
    assert_eq!(answer(-3).await, Err(Failure::TimedOut));
    let mut dropped = Box::pin(answer(-4));
    while !poll_once(&mut dropped).is_pending() {}
    drop(dropped);
    let _ = call::bypass(answer(1)).await;
    let _ = call::peek(answer(7)).await;
    call::remove(answer(2)).await;
    cache.get::<u32>(&"k".repeat(20_000)).await;
    cache.switch_off();
    let _ = answer(1).await;
    cache.switch_on();
    let joins = async {
        BEGUN.notified().await;
        let mut joined = Box::pin(slow(1));
        assert!(poll_once(&mut joined).is_pending());
        ENDS.notify_one();
        joined.await
    };
    assert_eq!(tokio::join!(slow(1), joins), (1, 1));

    let ai = roomy().ai().max_text_length(10);
    register("metered.ai", ai);
    of_text("longer than what it takes").await;
    register("metered.tenants", roomy().require_tenant(true));
    of_tenant(1).await;
    call::tenant("acme", of_tenant(1)).await;
}

#[tokio::test]
async fn every_call_is_published_once_under_its_ending_and_the_sums_are_those_of_the_statistics() {
    let _scope = registry_scope();
    end_in_every_way().await;
    let (read, _) = published();
    let mut seen = BTreeMap::<&str, u64>::new();
    for kind in ["metered", "metered.ai", "metered.tenants"] {
        let cache = larder::cache(kind).expect("registered");
        let (stats, statistics) = (cache.stats(), cache.statistics());
        let of_kind = [("kind", kind)];
        let by_outcome = by_label(&read, "cache_operations_total", &of_kind, "outcome");
        let calls = by_label(&read, "cache_calls_total", &of_kind, "outcome");
        for ending in Ending::ALL {
            let counted = statistics.counts.of(ending);
            *seen.entry(ending.name()).or_default() += counted;
            let labels = [("kind", kind), ("outcome", ending.name())];
            let found = read.value("cache_operations_total", &labels);
            assert_eq!(found, Some(number(counted)), "{kind} {ending}");
            // Of operations, only what has been.
            let found = calls.get(ending.name()).copied();
            assert_eq!(
                found,
                (counted > 0).then(|| number(counted)),
                "{kind} {ending}"
            );
        }
        let sum: f64 = by_outcome.values().sum();
        assert_eq!(sum, number(statistics.counts.calls()), "{kind}");
        let hits: f64 = ["memory_hit", "store_hit", "joined", "stale"]
            .iter()
            .map(|hit| by_outcome[*hit])
            .sum();
        assert_eq!(hits, number(stats.hits), "{kind}");
        let ratio = read.value("cache_hit_ratio", &of_kind);
        assert_eq!(ratio, stats.hit_ratio(), "{kind}");
        let reasons = by_label(&read, "cache_misses_total", &of_kind, "reason");
        for reason in MissReason::ALL {
            let counted = statistics.counts.missed_because(reason);
            let found = reasons.get(reason.name()).copied();
            assert_eq!(
                found,
                (counted > 0).then(|| number(counted)),
                "{kind} {reason:?}"
            );
        }
    }
    let never: Vec<_> = seen.iter().filter(|(_, count)| **count == 0).collect();
    assert_eq!(never, [], "this test has to have calls of every ending");
}

#[tokio::test]
async fn how_long_calls_took_is_published_as_quantiles_a_sum_and_a_number() {
    let _scope = registry_scope();
    #[cached(kind = "timed", op = "nap")]
    async fn nap(millis: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        millis
    }
    let cache = register("timed", roomy());
    for millis in [1, 20] {
        nap(millis).await;
    }
    let (read, _) = published();
    let misses = cache.statistics().operations["nap"].misses;
    let labels = [("kind", "timed"), ("operation", "nap"), ("outcome", "miss")];
    let count = read.value("cache_operation_duration_seconds_count", &labels);
    assert_eq!(count, Some(2.0));
    let sum = read.value("cache_operation_duration_seconds_sum", &labels);
    assert_eq!(sum, Some(misses.total.as_secs_f64()));
    assert!(sum.expect("a sum") >= 0.021);
    let quantiles = by_label(
        &read,
        "cache_operation_duration_seconds",
        &labels,
        "quantile",
    );
    let expected = [
        ("0.5", misses.p50),
        ("0.95", misses.p95),
        ("0.99", misses.p99),
    ];
    for (quantile, duration) in expected {
        assert_eq!(quantiles[quantile], duration.as_secs_f64(), "{quantile}");
    }
    assert!(quantiles["0.99"] >= 0.02, "{quantiles:?}");
    let bodies = read.value("cache_body_duration_seconds_count", &labels[..2]);
    assert_eq!(bodies, Some(2.0));
    // Nothing was timed of these.
    let hits = [labels[0], labels[1], ("outcome", "other_hit")];
    assert_eq!(
        read.value("cache_operation_duration_seconds_count", &hits),
        None
    );
}

#[tokio::test]
async fn what_was_billed_replayed_and_saved_is_published_by_operation() {
    let _scope = registry_scope();
    #[cached(kind = "saved", op = "ask", tokens = |it| *it, cost = |it| if *it == 0 { f64::NAN } else { f64::from(*it) / 4.0 })]
    async fn ask(tokens: u32) -> u32 {
        tokens
    }
    #[cached(kind = "saved", op = "free")]
    async fn free(id: u32) -> u32 {
        id
    }
    let cache = register("saved", roomy());
    for _ in 0..3 {
        ask(10).await;
        free(1).await;
    }
    ask(0).await;
    let (read, _) = published();
    let of = |family: &str, operation: &str, source: &str| {
        let labels = [
            ("kind", "saved"),
            ("operation", operation),
            ("source", source),
        ];
        read.value(family, &labels)
    };
    for (family, billed, replayed) in [
        ("cache_priced_answers_total", 2.0, 2.0),
        ("cache_tokens_total", 10.0, 20.0),
        ("cache_nano_cost_total", 2.5e9, 5e9),
    ] {
        assert_eq!(of(family, "ask", "billed"), Some(billed), "{family}");
        assert_eq!(of(family, "ask", "replayed"), Some(replayed), "{family}");
        assert_eq!(of(family, "free", "billed"), None, "{family}");
    }
    let statistics = cache.statistics();
    for operation in ["ask", "free"] {
        let labels = [("kind", "saved"), ("operation", operation)];
        let saved = read.value("cache_saved_seconds", &labels);
        let time = statistics.operations[operation].savings.time;
        assert_eq!(saved, time.map(|time| time.as_secs_f64()), "{operation}");
        assert!(saved.expect("a time") > 0.0, "{operation}");
    }
    let bad = [("kind", "saved"), ("callback", "price")];
    assert_eq!(read.value("cache_failed_callbacks_total", &bad), Some(1.0));
}

#[tokio::test]
async fn hits_that_waited_have_durations_of_their_own() {
    let _scope = registry_scope();
    register("metered", roomy());
    let joins = async {
        BEGUN.notified().await;
        let mut joined = Box::pin(slow(7));
        assert!(poll_once(&mut joined).is_pending());
        ENDS.notify_one();
        joined.await
    };
    assert_eq!(tokio::join!(slow(7), joins), (7, 7));
    let (read, _) = published();
    let family = "cache_operation_duration_seconds_count";
    for (outcome, count) in [
        ("joined", Some(1.0)),
        ("miss", Some(1.0)),
        ("other_hit", None),
    ] {
        let labels = [
            ("kind", "metered"),
            ("operation", "answer.slow"),
            ("outcome", outcome),
        ];
        assert_eq!(read.value(family, &labels), count, "{outcome}");
    }
}

#[tokio::test]
async fn hits_that_were_compared_are_published_by_what_came_of_it() {
    let _scope = registry_scope();
    #[cached(kind = "compared", op = "fixed", shadow = 1.0)]
    async fn fixed(id: u32) -> u32 {
        id
    }
    #[cached(kind = "compared", op = "moving", shadow = 1.0, key = ())]
    async fn moving(id: u32) -> u32 {
        id
    }
    let cache = register("compared", roomy());
    for id in 0..3 {
        fixed(1).await;
        moving(id).await;
    }
    eventually("all are compared", async || {
        let operations = cache.statistics().operations;
        (
            operations["fixed"].shadow.same,
            operations["moving"].shadow.different,
        ) == (2, 2)
    })
    .await;
    let (read, _) = published();
    let by_result = |operation: &str| {
        let labels = [("kind", "compared"), ("operation", operation)];
        by_label(&read, "cache_shadow_total", &labels, "result")
    };
    assert_eq!(
        by_result("fixed"),
        BTreeMap::from([("same".to_owned(), 2.0)])
    );
    assert_eq!(
        by_result("moving"),
        BTreeMap::from([("different".to_owned(), 2.0)])
    );
}

#[tokio::test]
async fn invalidations_of_the_last_hour_and_lost_events_are_published() {
    let _scope = registry_scope();
    let cache = register("forgetful", roomy());
    cache.clear().await;
    cache.remove_matching("a*").await;
    cache.remove_matching("b?").await;
    cache.remove_tag("canary").await;
    let (read, _) = published();
    let kind = [("kind", "forgetful")];
    let by_target = by_label(&read, "cache_invalidations_last_hour", &kind, "target");
    let expected = [
        ("kind", 1.0),
        ("operation", 0.0),
        ("matching", 2.0),
        ("tenant", 0.0),
        ("tag", 1.0),
    ];
    let expected = expected.map(|(target, count)| (target.to_owned(), count));
    assert_eq!(by_target, BTreeMap::from(expected));
    let dropped = read.value("cache_dropped_events_total", &kind);
    assert_eq!(dropped, Some(0.0));

    // A listener that is stuck: one event is with it, and 4096 wait.
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    cache.on_event(EventFilter::all().only([EventKind::Miss]), move |_| {
        let _nobody_waits = begun.send(());
        // Until the test lets it go.
        let _gone = may_go_on.lock().expect("no panic").recv();
    });
    cache.get::<u32>("absent").await;
    has_begun.recv().expect("it is called");
    for _ in 0..4096 + 7 {
        cache.get::<u32>("absent").await;
    }
    let dropped = published().0.value("cache_dropped_events_total", &kind);
    assert_eq!(dropped, Some(7.0));
    drop(go_on);
    cache.flush_events().await;
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_there() {
    let names = |text: &str, quote: char| -> BTreeSet<String> {
        let is_name = |it: &&str| {
            let mut characters = it.chars();
            it.starts_with("cache_") && characters.all(|c| c.is_ascii_lowercase() || c == '_')
        };
        text.split(quote)
            .filter(is_name)
            .map(str::to_owned)
            .collect()
    };
    let mut made = names(
        include_str!("../cache-runtime/src/observe/metrics/family.rs"),
        '"',
    );
    // They are documented together.
    let all = made.clone();
    made.retain(|name| {
        let stem = name
            .strip_suffix("_sum")
            .or_else(|| name.strip_suffix("_count"));
        stem.is_none_or(|stem| !all.contains(stem))
    });
    assert!(all.len() > 50 && all.len() == made.len() + 8, "{all:?}");
    let page = include_str!("../docs/observability.md");
    assert_eq!(names(page, '`'), made);
}

#[test]
fn the_text_format_is_read_strictly() {
    const GOOD: &str = "# HELP a_total b\n# TYPE a_total counter\na_total{k=\"v\"} 1\n";
    let read = Exposition::read(GOOD).expect("as it should be");
    assert_eq!(read.value("a_total", &[("k", "v")]), Some(1.0));
    for (from, to) in [
        // No type, no help, another order, a type that is none of ours.
        ("# TYPE a_total counter\n", ""),
        ("# HELP a_total b\n", ""),
        ("# HELP a_total b", "# HELP b_total b"),
        ("counter", "gauge"),
        ("counter", "histogram"),
        ("counter", "untyped"),
        ("a_total{", "b_total{"),
        ("# HELP a_total b", r"# HELP a_total \b"),
        ("# HELP", "# EOF"),
        ("# HELP", "#HELP"),
        // A sample that is none.
        (" 1\n", " 1"),
        (" 1\n", "  1\n"),
        (" 1\n", " 1 1700000000\n"),
        (" 1\n", "\n"),
        (" 1\n", " NaN\n"),
        (" 1\n", " +Inf\n"),
        (" 1\n", " 1e999\n"),
        (" 1\n", " -1\n"),
        ("{k=\"v\"}", "{k=\"v}"),
        ("{k=\"v\"}", "{k=v}"),
        ("{k=\"v\"}", "{k=\"v\"k=\"w\"}"),
        ("{k=\"v\"}", "{k=\"v\",k=\"w\"}"),
        ("{k=\"v\"}", "{k-k=\"v\"}"),
        ("{k=\"v\"}", r#"{k="\v"}"#),
        ("{k=\"v\"}", "{k=\"a\nb\"}"),
        ("{k=\"v\"}", "{k=\"a\"b\"}"),
        // There before.
        (" 1\n", " 1\na_total{k=\"v\"} 2\n"),
        (" 1\n", " 1\n# HELP a_total b\n# TYPE a_total counter\n"),
        // Without what belongs to it.
        (" 1\n", " 1\n# HELP b_total b\n"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let wrong = GOOD.replacen(from, to, 1);
        assert!(Exposition::read(&wrong).is_err(), "{wrong}");
    }
    assert!(Exposition::read("").is_err());
}

#[tokio::test]
async fn what_has_no_number_yet_is_not_published() {
    let _scope = registry_scope();
    let cache = register("unasked", roomy());
    let (read, _) = published();
    let kind = [("kind", "unasked")];
    assert_eq!(read.value("cache_hit_ratio", &kind), None);
    assert_eq!(read.value("cache_memory_max_bytes", &kind), None);
    assert_eq!(read.value("cache_memory_entries", &kind), Some(0.0));
    // Without a store there is nothing to say about it.
    let of_store = |family: &str| family.starts_with("cache_store_");
    assert!(!read.families.keys().any(|family| of_store(family)));
    assert_eq!(
        by_label(&read, "cache_calls_total", &kind, "outcome"),
        BTreeMap::new()
    );

    cache.get::<u32>("nothing").await;
    let (read, _) = published();
    assert_eq!(read.value("cache_hit_ratio", &kind), Some(0.0));
}

#[tokio::test]
async fn a_store_is_published_with_what_it_refused_and_what_waits_for_it() {
    let _scope = registry_scope();
    #[cached(kind = "stored", op = "text")]
    async fn text(length: usize) -> String {
        "a".repeat(length)
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("stored", &store);
    text(100_000).await;
    assert!(cache.flush(Duration::from_secs(1)).await);
    for key in store.keys_of_entries() {
        store.put(&key, b"something else");
    }
    let cache = register_over("stored", &store);
    text(100_000).await;
    assert!(cache.flush(Duration::from_secs(1)).await);
    store.hangs.store(true, Ordering::SeqCst);
    text(1).await;

    let (read, _) = published();
    let kind = ("kind", "stored");
    let of = |family: &str| read.value(family, &[kind]);
    let refused = [kind, ("reason", "foreign")];
    assert_eq!(
        read.value("cache_store_refused_entries_total", &refused),
        Some(1.0)
    );
    assert_eq!(of("cache_store_timeouts_total"), Some(1.0));
    assert_eq!(of("cache_store_failures_total"), Some(1.0));
    assert_eq!(of("cache_store_written_values_total"), Some(1.0));
    assert_eq!(of("cache_compressed_values_total"), Some(1.0));
    assert!(of("cache_compression_ratio").expect("a ratio") < 0.1);
    assert!(of("cache_compression_saved_bytes_total").expect("a number") > 90_000.0);
    assert_eq!(of("cache_compression_duration_seconds_count"), Some(1.0));
    for (state, value) in [("closed", 1.0), ("half_open", 0.0), ("open", 0.0)] {
        let labels = [kind, ("state", state)];
        assert_eq!(
            read.value("cache_store_breaker_state", &labels),
            Some(value)
        );
    }
    assert_eq!(of("cache_store_queued_writes"), Some(0.0));
}

#[tokio::test]
async fn what_is_under_way_is_published_while_it_is() {
    let _scope = registry_scope();
    #[cached(kind = "flown", op = "never", detach)]
    async fn never(n: u32) -> u32 {
        std::future::pending::<()>().await;
        n
    }
    register("flown", roomy());
    let of = |family: &str| published().0.value(family, &[("kind", "flown")]);
    let mut calls: Vec<_> = [1, 1, 2].map(|n| Box::pin(never(n))).into();
    for call in &mut calls {
        assert!(poll_once(call).is_pending());
    }
    assert_eq!(of("cache_flights"), Some(2.0));
    assert_eq!(of("cache_background_computations"), Some(0.0));
    drop(calls);
    assert_eq!(of("cache_flights"), Some(2.0));
    assert_eq!(of("cache_background_computations"), Some(2.0));
    larder::close_within(Duration::ZERO).await;
    eventually("they are given up", async || {
        of("cache_flights").is_none_or(|flights| flights == 0.0)
    })
    .await;
}

#[tokio::test]
async fn no_counter_goes_backwards_when_statistics_are_reset() {
    let _scope = registry_scope();
    #[cached(kind = "reset", op = "double", text = text)]
    async fn double(text: &str) -> usize {
        2 * text.len()
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("reset", &store);
    // A recorder that takes whatever it is told, and one that only takes more.
    let only_more = PrometheusBuilder::new().build_recorder();
    let mut before: Option<Exposition> = None;
    for round in 0..4 {
        for text in ["a", "b", "b"] {
            double(text).await;
        }
        cache.get::<u32>("nothing").await;
        if round > 1 {
            cache.reset_statistics();
        }
        let (read, _) = published();
        let (more, _) = published_to(&only_more);
        let counters = |read: &Exposition| {
            let families = read.families.clone();
            let samples = read.samples.clone().into_iter();
            samples
                .filter(|sample| families[&sample.family] == "counter")
                .map(|sample| ((sample.family, sample.labels), sample.value))
                .collect::<BTreeMap<_, _>>()
        };
        assert_eq!(counters(&read), counters(&more));
        for (sample, value) in before.iter().flat_map(&counters) {
            let now = counters(&read)[&sample];
            assert!(now >= value, "{sample:?} {value} → {now}");
        }
        // Nor do the sums and numbers beside the quantiles.
        let labels = [
            ("kind", "reset"),
            ("operation", "double"),
            ("outcome", "miss"),
        ];
        let misses = read.value("cache_operation_duration_seconds_count", &labels);
        assert_eq!(misses, Some(2.0));
        before = Some(read);
    }
}

#[tokio::test]
async fn nothing_shows_an_argument_a_value_a_key_a_tag_or_a_tenant() {
    let _scope = registry_scope();
    #[cached(kind = "quiet", op = "secret", tags("canary-{text}"), text = text)]
    async fn secret(text: &str) -> Result<String, String> {
        if text == "canary of a failure" {
            return Err("canary".to_owned());
        }
        Ok(format!("{text} canary"))
    }
    let cache = register_over("quiet", &Arc::<MapStore>::default());
    for text in ["canary", "canary", "canary of a failure"] {
        let _ = call::tenant("canary", secret(text)).await;
    }
    cache.set("canary", "canary".to_owned()).await;
    cache.get::<String>("canary").await;
    let (read, text) = published();
    assert!(
        read.samples
            .iter()
            .any(|sample| sample.family == "cache_text_calls_total")
    );
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn kinds_have_the_names_that_they_are_registered_by() {
    let _scope = registry_scope();
    let odd = ["ünïcode ✓", "\"quoted\"", "two\nlines", "{kind=\"x\"} 1"];
    for kind in odd {
        register(kind, roomy()).get::<u32>("nothing").await;
    }
    let alias = larder::cache("two\nlines").expect("registered");
    let alias = larder::get_or_register("alias", async || Ok::<_, larder::CacheError>(alias));
    alias.await.expect("the same cache");
    let (read, _) = published();
    for kind in odd.into_iter().chain(["alias"]) {
        let labels = [("kind", kind), ("outcome", "missed")];
        let missed = read.value("cache_operations_total", &labels);
        assert_eq!(missed, Some(1.0), "{kind:?}");
    }
    larder::unregister("alias");
    let (read, _) = published();
    let labels = [("kind", "alias"), ("outcome", "missed")];
    assert_eq!(read.value("cache_operations_total", &labels), None);
}

/// Operations by their names, which are paths of modules: `a` before `b`.
mod many {
    macro_rules! functions {
        ($($name:ident)*) => {
            $(
                #[larder::cached(kind = "many", local)]
                async fn $name(n: u32) -> u32 {
                    n
                }
            )*
            pub(crate) async fn call() {
                $($name(1).await;)*
            }
        };
    }
    macro_rules! modules {
        ($($name:ident)*) => {
            $(mod $name { functions!(a b c d e f g h i j); })*
            pub(crate) async fn call() {
                $($name::call().await;)*
            }
        };
    }
    pub(crate) mod a {
        modules!(a b);
    }
    pub(crate) mod b {
        modules!(a b c d e f g h i j k l m n o p q r s);
    }
}

#[tokio::test]
async fn two_hundred_operations_have_series_of_their_own_and_all_others_one() {
    let _scope = registry_scope();
    register("many", roomy());
    let calls = || {
        let (read, _) = published();
        by_label(&read, "cache_calls_total", &[("kind", "many")], "operation")
    };
    many::b::call().await;
    let before = calls();
    assert_eq!((before.len(), before.get("other")), (190, None));
    // They come earlier in the alphabet, and take nobody's place. The application's own keys have one
    // of the two hundred.
    many::a::call().await;
    let after = calls();
    assert_eq!((after.len(), after["other"]), (200, 11.0));
    assert!(before.keys().all(|operation| after[operation] == 1.0));
    assert_eq!(calls(), after);
}

#[tokio::test]
async fn without_a_recorder_nothing_happens() {
    register("unheard", roomy()).get::<u32>("nothing").await;
    publish_metrics();
    let (read, _) = published();
    assert_eq!(
        read.value("cache_hit_ratio", &[("kind", "unheard")]),
        Some(0.0)
    );
    // Made with the defaults of the settings, and no store: it is published as any other.
    let defaults = CacheConfig::builder();
    register("unheard", defaults);
    assert_eq!(
        published()
            .0
            .value("cache_hit_ratio", &[("kind", "unheard")]),
        None
    );
}
