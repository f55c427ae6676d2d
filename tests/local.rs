//! `local`: results that stay in memory, of async functions and of others.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use larder::call::{self, Origin};
use larder::{Cache, cached};
use support::map_store::MapStore;
use support::{Runs, register, roomy};

/// Neither serde nor equality.
#[derive(Clone)]
struct Pattern(Arc<Mutex<String>>);

#[test]
fn a_function_that_is_not_async_needs_no_runtime() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "compiled", local)]
    fn compiled(pattern: &str) -> Result<Pattern, String> {
        RUNS.count();
        if pattern.is_empty() {
            return Err("empty".to_owned());
        }
        let owned = pattern.to_owned();
        Ok(Pattern(Arc::new(Mutex::new(owned))))
    }
    let cache = register("compiled", roomy());

    let first = compiled("a+").expect("a pattern");
    let again = compiled("a+").expect("a pattern");
    assert!(Arc::ptr_eq(&first.0, &again.0));
    assert!(compiled("b+").is_ok());
    for _ in 0..2 {
        assert_eq!(compiled("").err().as_deref(), Some("empty"));
    }
    assert_eq!(RUNS.total(), 4);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.computed, stats.failed), (1, 2, 2));
}

#[tokio::test]
async fn the_same_inside_a_runtime_and_on_other_threads() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "threads", local, ttl = "1h")]
    fn squared(n: u64) -> u64 {
        RUNS.count();
        n * n
    }
    register("threads", roomy());

    assert_eq!(squared(7), 49);
    let blocking = tokio::task::spawn_blocking(|| squared(7)).await;
    assert_eq!(blocking.expect("no panic"), 49);
    let thread = std::thread::spawn(|| squared(7)).join();
    assert_eq!(thread.expect("no panic"), 49);
    assert_eq!(RUNS.total(), 1);
}

#[test]
fn no_lock_is_held_over_a_body_that_is_not_async() {
    #[cached(kind = "locks", local)]
    fn fibonacci(n: u64) -> u64 {
        if n < 2 {
            n
        } else {
            fibonacci(n - 1) + fibonacci(n - 2)
        }
    }
    /// Two calls with the same argument run side by side: each waits for the other one here.
    #[cached(kind = "locks", local, key = ())]
    fn met(meeting: &Barrier) -> bool {
        meeting.wait();
        true
    }
    register("locks", roomy());

    assert_eq!(fibonacci(90), 2_880_067_194_370_816_120);
    let meeting = Arc::new(Barrier::new(2));
    let other = meeting.clone();
    let thread = std::thread::spawn(move || met(&other));
    assert!(met(&meeting) && thread.join().expect("no panic"));
    assert!(met(&meeting), "and one of them is kept");
}

#[test]
fn a_panic_in_a_body_that_is_not_async_is_the_callers_own() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "panics", local)]
    fn checked(n: u32) -> u32 {
        assert!(RUNS.count() > 1, "the first time");
        n
    }
    register("panics", roomy());

    assert!(std::panic::catch_unwind(|| checked(1)).is_err());
    assert_eq!((checked(1), checked(1)), (1, 1));
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_local_result_of_an_async_function_never_enters_the_store() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "memory", local)]
    async fn pattern(text: &str) -> Option<Pattern> {
        RUNS.count();
        tokio::task::yield_now().await;
        Some(Pattern(Arc::new(Mutex::new(text.to_owned()))))
    }
    let store = Arc::<MapStore>::default();
    let open = |config: larder::CacheConfigBuilder| {
        let cache = Cache::builder("memory", &config.build().expect("valid settings"))
            .store(store.clone())
            .build()
            .expect("a cache");
        larder::register(cache.clone());
        cache
    };
    let cache = open(roomy());

    // One computation for those that come at once.
    let (first, second) = tokio::join!(pattern("a"), pattern("a"));
    let (first, second) = (first.expect("some"), second.expect("some"));
    assert!(Arc::ptr_eq(&first.0, &second.0));
    assert_eq!(RUNS.total(), 1);
    assert!(pattern("a").await.is_some() && pattern("b").await.is_some());
    assert_eq!(RUNS.total(), 2);
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert!(store.entries.lock().expect("no panic").is_empty());
    assert!(call::remove(pattern("a")).await);
    assert_eq!(call::outcome(pattern("a")).await.origin, Origin::Computed);

    // Without a memory tier there is nowhere to keep it.
    open(roomy().enable_l1_cache(false));
    for _ in 0..2 {
        assert_eq!(call::outcome(pattern("a")).await.origin, Origin::Computed);
    }
}

#[test]
fn an_argument_that_cannot_leave_its_thread() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "threadbound", local, key = name.as_str())]
    fn length(name: Rc<String>) -> usize {
        RUNS.count();
        name.len()
    }
    register("threadbound", roomy());

    assert_eq!(length(Rc::new("abc".to_owned())), 3);
    assert_eq!(length(Rc::new("abc".to_owned())), 3);
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_generic_result_is_kept_whole_where_the_attribute_says_so() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "whole", value = plain)]
    async fn parsed<T>(text: &str) -> T
    where
        T: std::str::FromStr + Default + Clone + Send + Sync + 'static,
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        RUNS.count();
        text.parse().unwrap_or_default()
    }
    #[cached(kind = "whole", value = plain)]
    async fn checked(n: u32) -> Result<u32, String> {
        RUNS.count();
        n.checked_sub(1).ok_or_else(|| "zero".to_owned())
    }
    #[cached(kind = "whole", value = plain, local)]
    fn found(n: u32) -> Option<u32> {
        RUNS.count();
        n.checked_sub(1)
    }
    register("whole", roomy());

    for _ in 0..2 {
        assert_eq!(parsed::<u32>("7").await, 7);
        assert_eq!(parsed::<String>("7").await, "7");
        assert_eq!(
            checked(0).await,
            Err("zero".to_owned()),
            "an error is kept too"
        );
        assert_eq!(found(0), None, "and a `None`");
    }
    assert_eq!(RUNS.total(), 4);
}

#[test]
fn a_value_may_call_a_cached_function_when_it_is_dropped() {
    static DROPPED: Runs = Runs::new();
    #[derive(Clone)]
    struct Handle(Arc<Closes>);
    struct Closes(u32);
    impl Drop for Closes {
        fn drop(&mut self) {
            DROPPED.count();
            handle(1000 + self.0 % 2);
        }
    }
    #[cached(kind = "handles", local)]
    fn handle(id: u32) -> Handle {
        Handle(Arc::new(Closes(id)))
    }
    let cache = register("handles", roomy().l1_cache_size(4));

    for id in 0..100 {
        assert_eq!(handle(id).0.0, id);
    }
    assert!(DROPPED.total() > 90);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(cache.clear());
    assert!(cache.size() <= 4);
}

#[tokio::test]
async fn a_generic_argument_that_is_an_option_keeps_no_none() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "hidden", key = ())]
    async fn found<T: larder_value::Value>(value: T) -> Result<T, String> {
        RUNS.count();
        Ok(value)
    }
    mod larder_value {
        pub(super) trait Value:
            Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static
        {
        }
        impl<T> Value for T where
            T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static
        {
        }
    }
    register("hidden", roomy());

    assert_eq!(found::<Option<u32>>(None).await, Ok(None));
    assert_eq!(found(Some(1)).await, Ok(Some(1)));
    assert_eq!(found(7).await, Ok(7));
    assert_eq!(found(8).await, Ok(7));
    assert_eq!(RUNS.total(), 3);
}
