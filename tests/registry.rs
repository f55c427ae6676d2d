//! From kinds to caches, while the program runs. One process of its own: what it checks is the
//! registry of the whole program.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::panic::catch_unwind;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder::cached;
use larder::call::{self, Origin};
use support::{Log, Runs, register, roomy};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

#[cached(kind = "unheard-of")]
async fn unheard_of(id: u32) -> u32 {
    RUNS.count();
    id
}

static RUNS: Runs = Runs::new();

#[cached]
async fn of_the_default_kind(id: u32) -> u32 {
    id
}

/// One test, because the steps build on each other.
#[tokio::test]
async fn kinds_are_found_replaced_and_closed_while_the_program_runs() {
    let log = Log::collect_warnings();

    // Nothing is initialised: the first call does it.
    assert_eq!(larder::kinds(), [""; 0]);
    assert_eq!(of_the_default_kind(1).await, 1);
    assert_eq!(larder::kinds(), ["ai", "web"]);
    let again = call::outcome(of_the_default_kind(1)).await;
    assert_eq!(again.origin, Origin::Memory);

    // A kind that nobody knows: the body runs, one warning, a counter.
    for id in [1, 1, 2] {
        assert_eq!(unheard_of(id).await, id);
    }
    assert_eq!(RUNS.total(), 3);
    assert_eq!(larder::unknown_kind_calls(), 3);
    assert_eq!(call::outcome(unheard_of(1)).await.origin, Origin::Uncached);
    let warnings = log.lines();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("unheard-of") && warnings[0].contains(r#"["ai", "web"]"#));

    // Registered later: the next call finds it. Replaced: the next call finds the new one.
    let first = register("unheard-of", roomy());
    unheard_of(1).await;
    unheard_of(1).await;
    assert_eq!(RUNS.total(), 5);
    let second = register("unheard-of", roomy());
    unheard_of(1).await;
    assert_eq!(RUNS.total(), 6);
    assert_eq!((first.stats().computed, second.stats().computed), (1, 1));

    // `init` keeps what is registered.
    larder::init().await.expect("an empty environment");
    assert_eq!(larder::kinds(), ["ai", "unheard-of", "web"]);
    unheard_of(1).await;
    assert_eq!(RUNS.total(), 6);

    // Closed: calls go on without a cache, until somebody registers one.
    larder::close().await;
    assert_eq!(larder::kinds(), [""; 0]);
    unheard_of(1).await;
    assert_eq!(of_the_default_kind(1).await, 1);
    assert_eq!(RUNS.total(), 7);
    assert_eq!(larder::kinds(), [""; 0]);
    larder::init().await.expect("an empty environment");
    let fresh = call::outcome(of_the_default_kind(1)).await;
    assert_eq!(fresh.origin, Origin::Computed);

    counters_of_threads_that_have_ended_are_kept().await;
}

async fn counters_of_threads_that_have_ended_are_kept() {
    let cache = register("threads", roomy());
    #[cached(kind = "threads")]
    async fn id(id: u32) -> u32 {
        id
    }
    id(1).await;
    for _ in 0..10 {
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(async {
                for _ in 0..100 {
                    id(1).await;
                }
            });
        })
        .join()
        .expect("no panic");
    }
    assert_eq!(cache.stats().memory_hits, 1000);
}

#[cached(local)]
fn length(text: &str) -> usize {
    text.len()
}

/// A log that is too much for itself, and calls a cached function.
struct Careless;

static LOGGED: AtomicUsize = AtomicUsize::new(0);

impl<S: Subscriber> Layer<S> for Careless {
    fn on_event(&self, _event: &Event<'_>, _context: Context<'_, S>) {
        LOGGED.fetch_add(1, Ordering::SeqCst);
        assert_eq!(length("three"), 5);
        assert!(LOGGED.load(Ordering::SeqCst) > 1, "as the test wants it");
    }
}

const IN_A_PROCESS: &str = "LARDER_TEST_FIRST_USE";

/// The first use of a program with settings that are worth a warning, where it is started as one; as a
/// test of its own it does nothing.
#[test]
fn a_first_use_that_is_logged_by_a_careless_log() {
    if std::env::var_os(IN_A_PROCESS).is_none() {
        return;
    }
    tracing_subscriber::registry().with(Careless).init();
    assert!(catch_unwind(|| length("three")).is_err());
    assert_eq!(
        (LOGGED.load(Ordering::SeqCst), larder::kinds().len()),
        (1, 0)
    );
    // The next one makes the kinds.
    length("three");
    assert_eq!(larder::kinds(), ["ai", "web"]);
    let again = call::sync(call::Control::new(), || length("three"));
    assert_eq!(again.origin, Origin::Memory);
    assert_eq!(LOGGED.load(Ordering::SeqCst), 2, "nothing but the settings");
    assert_eq!(larder::unknown_kind_calls(), 0);
}

#[test]
fn a_log_that_panics_at_first_use_costs_one_call_and_no_kind_is_called_unknown() {
    let program = std::env::current_exe().expect("a program");
    let output = Command::new(program)
        .args(["--exact", "a_first_use_that_is_logged_by_a_careless_log"])
        .env(IN_A_PROCESS, "1")
        // That name is worth a warning.
        .env("CACHE_PRESETS", "production")
        .output()
        .expect("another process");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
}
