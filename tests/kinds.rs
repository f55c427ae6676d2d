//! Single kinds: taken away, looked at without keeping them, and caches for those who need one whatever
//! happens.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use larder::cached;
use larder::call::{self, MissReason, Origin};
use larder::testing::registry_scope;
use support::{Runs, register, roomy};

#[tokio::test]
async fn a_kind_that_is_taken_away_is_unknown_until_it_is_registered_again() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "taken")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let _scope = registry_scope();
    register("taken", roomy());
    run(1).await;
    let taken = larder::unregister("taken").expect("it was registered");
    assert!(larder::unregister("taken").is_none());
    assert_eq!(larder::kinds(), ["ai", "web"]);
    let unknown = call::outcome(run(1)).await;
    let expected = (Origin::Uncached, Some(MissReason::UnknownKind));
    assert_eq!((unknown.origin, unknown.miss), expected);
    // The cache itself has all it had.
    taken.set("key", 1).await;
    assert_eq!((taken.get("key").await, taken.size()), (Some(1), 2));
    larder::register(taken);
    assert_eq!(call::outcome(run(1)).await.origin, Origin::Memory);
    // Those that a scope begins with do not come back by themselves.
    drop(larder::unregister("web"));
    larder::verify().expect_err("nobody has registered `web`");
    assert_eq!(larder::kinds(), ["ai", "taken"]);
}

#[cached]
async fn of_the_default_kind(id: u32) -> u32 {
    id
}

#[tokio::test]
async fn a_registered_cache_lives_without_a_handle_and_others_do_not() {
    let _scope = registry_scope();
    assert!(larder::WeakCache::default().upgrade().is_none());
    let cache = register("weak", roomy());
    let weak = cache.downgrade();
    drop(cache);
    let again = weak.upgrade().expect("it is registered");
    again.set("key", 1).await;
    assert_eq!(
        larder::cache("weak").expect("registered").get("key").await,
        Some(1)
    );
    drop(larder::unregister("weak"));
    assert!(weak.upgrade().is_some(), "somebody has a handle");
    drop(again);
    assert!(weak.upgrade().is_none());
    // A thread that has called its functions lets go of it with the next cached call.
    let weak = larder::cache("web").expect("registered").downgrade();
    of_the_default_kind(1).await;
    register("web", roomy());
    of_the_default_kind(1).await;
    assert!(weak.upgrade().is_none());
}

#[tokio::test]
async fn the_fallback_is_one_cache_in_memory_that_nobody_has_to_register() {
    let _scope = registry_scope();
    let fallback = larder::fallback();
    let stats = fallback.stats();
    assert_eq!((stats.backend_type, stats.max_size), ("memory", 100));
    assert_eq!(stats.default_ttl, Duration::from_secs(1800));
    assert_eq!(fallback.name(), "fallback");
    assert!(larder::cache("fallback").is_none());
    fallback.set("key", 1).await;
    larder::close().await;
    assert_eq!(larder::fallback().get("key").await, Some(1));
}

#[tokio::test]
async fn the_switches_of_an_application_choose_its_cache() {
    let _scope = registry_scope();
    let chosen = |enable_ai, fallback_only| {
        let cache = larder::conditional(enable_ai, fallback_only);
        cache.name().to_owned()
    };
    assert_eq!(chosen(false, false), "web");
    assert_eq!(chosen(true, false), "ai");
    assert_eq!(chosen(false, true), "fallback");
    assert_eq!(chosen(true, true), "fallback");
    // Each from the registry.
    register("web", roomy()).set("key", 1).await;
    let web = larder::conditional(false, false);
    assert_eq!(web.get("key").await, Some(1));
    // Where it is not there: no other kind.
    drop(larder::unregister("ai"));
    assert_eq!(chosen(true, false), "fallback");
    assert_eq!(larder::unknown_kind_calls(), 0);
}

#[tokio::test]
async fn one_kind_is_closed_and_the_others_go_on() {
    let _scope = registry_scope();
    let report = larder::close_kind("web", Duration::from_secs(1)).await;
    let report = report.expect("it was registered");
    assert!(report.is_clean());
    assert_eq!((report.kinds, report.written), (1, 1));
    assert_eq!(larder::kinds(), ["ai"]);
    let none = larder::close_kind("web", Duration::from_secs(1)).await;
    assert!(none.is_none());
}
