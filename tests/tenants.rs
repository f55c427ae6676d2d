//! Tenants: what is kept for one of them nobody else sees.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use larder::call::{self, Control, Origin};
use larder::{Cache, CacheConfig, KeyBuilder, KeyPrivacy, cached};
use support::map_store::MapStore;
use support::{Runs, register, register_over, roomy};

#[tokio::test]
async fn tenants_share_nothing_in_memory_and_in_the_store() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "parted", op = "parted.run")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("parted", &store);

    for _ in 0..2 {
        assert_eq!(run(1).await, 1);
        assert_eq!(call::tenant("a", run(1)).await, 2);
        assert_eq!(call::tenant("b", run(1)).await, 3);
        assert_eq!(call::tenant("", run(1)).await, 4);
    }
    assert!(cache.flush(Duration::from_secs(1)).await);
    assert_eq!(store.entries.lock().expect("no panic").len(), 4);
    register_over("parted", &store);
    let found = call::outcome(call::tenant("b", run(1))).await;
    assert_eq!((found.value, found.origin), (3, Origin::Store));
    assert_eq!(run(1).await, 1);

    // Nothing of the tenant can be read there, and the name can be built.
    let name = call::tenant("acme", call::key(run(1)))
        .await
        .expect("a key");
    assert!(!name.contains("acme"), "{name}");
    let config = CacheConfig::builder().build().expect("valid settings");
    let built = KeyBuilder::new(&config, "parted", "parted.run").expect("valid settings");
    let built = built.arg("_id", &1_u32).tenant("acme").build();
    assert_eq!(built.expect("a key"), name);
}

#[tokio::test]
async fn an_argument_is_not_taken_for_a_tenant() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "mistaken")]
    async fn run(text: &str) -> usize {
        drop(text.to_owned());
        RUNS.count()
    }
    register("mistaken", roomy());

    let calls = [
        (None, "ab"),
        (Some("b"), "a"),
        (Some("ab"), ""),
        (Some(""), "ab"),
        (None, "a\u{fe}b"),
        (Some("a"), "b"),
    ];
    for _ in 0..2 {
        for (run_of, (tenant, text)) in (1..).zip(calls) {
            let value = match tenant {
                Some(tenant) => call::tenant(tenant, run(text)).await,
                None => run(text).await,
            };
            assert_eq!(value, run_of);
        }
    }
}

#[tokio::test]
async fn tenants_do_not_join_each_others_computations() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "apart")]
    async fn run(_id: u32) -> usize {
        let run = RUNS.count();
        tokio::task::yield_now().await;
        run
    }
    register("apart", roomy());

    let (a, b, nobody, a_again) = tokio::join!(
        call::tenant("a", run(1)),
        call::tenant("b", run(1)),
        run(1),
        call::outcome(call::tenant("a", run(1)))
    );
    assert_eq!((a, b, nobody), (1, 2, 3));
    assert_eq!((a_again.value, a_again.origin), (1, Origin::Joined));
}

#[tokio::test]
async fn a_tenant_holds_for_all_that_is_awaited_inside_and_for_nothing_else() {
    #[cached(kind = "inside")]
    async fn of(id: u32) -> u32 {
        id
    }
    #[cached(kind = "inside")]
    async fn outer(id: u32) -> u32 {
        of(id).await
    }
    register("inside", roomy());
    let origin = async |id| call::outcome(of(id)).await.origin;

    call::tenant("a", async {
        tokio::task::yield_now().await;
        outer(1).await;
        assert_eq!(origin(1).await, Origin::Memory, "its body is inside too");
        tokio::task::yield_now().await;
        call::tenant("b", async {
            assert_eq!(origin(1).await, Origin::Computed, "the inner one holds");
        })
        .await;
        assert_eq!(origin(1).await, Origin::Memory, "and then the outer one");

        let spawned = tokio::spawn(async { call::outcome(of(1)).await.origin });
        assert_eq!(spawned.await.expect("no panic"), Origin::Computed);
        let carried = tokio::spawn(call::carry(async { call::outcome(of(1)).await.origin }));
        assert_eq!(carried.await.expect("no panic"), Origin::Memory);
    })
    .await;
    assert_eq!(origin(1).await, Origin::Memory, "that of the spawned task");
    assert_eq!(call::carry(origin(1)).await, Origin::Memory);
}

#[tokio::test]
async fn tasks_that_take_turns_on_a_thread_keep_their_tenants_apart() {
    #[cached(kind = "turns")]
    async fn named(_id: u32, tenant: &str) -> String {
        tokio::task::yield_now().await;
        tenant.to_owned()
    }
    #[cached(kind = "turns", skip(tenant))]
    async fn first(_id: u32, tenant: &str) -> String {
        tokio::task::yield_now().await;
        tenant.to_owned()
    }
    register("turns", roomy());

    let tenants: Vec<String> = (0..20).map(|n| format!("tenant {n}")).collect();
    let calls = tenants.iter().map(|tenant| {
        call::tenant(tenant.as_str(), async move {
            for id in 0..5 {
                assert_eq!(&named(id, tenant).await, tenant);
                assert_eq!(&first(id, tenant).await, tenant);
                tokio::task::yield_now().await;
                assert_eq!(&first(id, tenant).await, tenant);
            }
        })
    });
    futures_util::future::join_all(calls).await;
}

/// The key of such a function is written before the future is polled for the first time.
#[tokio::test]
async fn the_tenant_of_a_future_is_the_one_that_polls_it_first() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "early")]
    fn run(id: usize) -> impl Future<Output = usize> {
        let doubled = id * 2;
        async move { RUNS.count() * doubled / doubled }
    }
    register("early", roomy());

    let made_outside = run(1);
    assert_eq!(call::tenant("a", made_outside).await, 1);
    assert_eq!(run(1).await, 2);
    assert_eq!(call::tenant("a", run(1)).await, 1);
}

#[tokio::test]
async fn the_applications_own_keys_belong_to_tenants_too() {
    for privacy in [KeyPrivacy::Readable, KeyPrivacy::Hashed] {
        let store = Arc::<MapStore>::default();
        let config = roomy()
            .key_privacy(privacy)
            .build()
            .expect("valid settings");
        let open = || {
            Cache::builder("handled", &config)
                .store(store.clone())
                .build()
                .expect("a cache")
        };
        let cache = open();
        let of = async |tenant: &'static str| call::tenant(tenant, cache.get::<u32>("k")).await;

        cache.set("k", 0_u32).await;
        call::tenant("a", cache.set("k", 1_u32)).await;
        assert_eq!(cache.get::<u32>("k").await, Some(0));
        assert_eq!((of("a").await, of("b").await), (Some(1), None));
        let computed = cache.get_or_compute("k", async || 2_u32);
        assert_eq!(call::tenant("b", computed).await, 2);
        let next = open();
        assert_eq!(call::tenant("a", next.get::<u32>("k")).await, Some(1));

        call::tenant("a", cache.set("only", 1_u32)).await;
        assert_eq!(cache.active_keys(), ["k"]);
        assert_eq!(call::tenant("a", cache.keys("*")).await, ["k", "only"]);
        assert_eq!(cache.keys("*").await, ["k"]);
        assert!(!cache.exists("only").await);
        assert!(call::tenant("a", cache.exists("only")).await);

        assert_eq!(call::tenant("a", cache.remove_matching("*")).await, 2);
        assert_eq!((of("a").await, of("b").await), (None, Some(2)));
        assert!(call::tenant("b", cache.remove("k")).await);
        assert_eq!(cache.get::<u32>("k").await, Some(0));
        cache.clear().await;
        assert_eq!(cache.get::<u32>("k").await, None);
        assert!(store.entries.lock().expect("no panic").is_empty());
    }
}

#[tokio::test]
async fn a_kind_that_requires_a_tenant_keeps_nothing_without_one() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "required")]
    async fn run(_id: u32) -> usize {
        RUNS.count()
    }
    #[cached(kind = "required", local)]
    fn run_here(_id: u32) -> usize {
        RUNS.count()
    }
    let cache = register("required", roomy().require_tenant(true));

    for run_of in 1..=2 {
        let outcome = call::outcome(run(1)).await;
        assert_eq!((outcome.value, outcome.origin), (run_of, Origin::Uncached));
    }
    assert_eq!((run_here(1), run_here(1)), (3, 4));
    let nameless = call::outcome(call::tenant("", run(1))).await;
    assert_eq!((nameless.value, nameless.origin), (5, Origin::Uncached));
    cache.set("k", 1_u32).await;
    assert_eq!(cache.get::<u32>("k").await, None);
    let stats = cache.stats();
    assert_eq!((stats.no_tenant, stats.total_entries), (7, 0));

    for _ in 0..2 {
        assert_eq!(call::tenant("a", run(1)).await, 6);
        let control = || Control::new().tenant("a");
        assert_eq!(call::sync(control(), || run_here(1)).value, 7);
    }
    assert_eq!(cache.stats().total_entries, 2);
}

#[tokio::test]
async fn what_is_dropped_in_a_tenant_is_in_it_too() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "dropped", local)]
    fn run(_id: u32) -> usize {
        RUNS.count()
    }
    struct CallsWhenDropped;
    impl Drop for CallsWhenDropped {
        fn drop(&mut self) {
            run(1);
        }
    }
    register("dropped", roomy());

    let mut call = Box::pin(call::tenant("a", async {
        let _guard = CallsWhenDropped;
        std::future::pending::<()>().await;
    }));
    assert!(futures_util::FutureExt::now_or_never(&mut call).is_none());
    drop(call);
    assert_eq!(call::sync(Control::new().tenant("a"), || run(1)).value, 1);
    assert_eq!(run(1), 2);
}

#[tokio::test]
async fn a_panic_leaves_no_tenant_behind() {
    #[cached(kind = "panicking")]
    async fn id(id: u32) -> u32 {
        id
    }
    register("panicking", roomy());

    let panics = call::tenant("a", async { panic!("inside") });
    let caught = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(panics)).await;
    assert!(caught.is_err());
    id(1).await;
    let again = call::outcome(call::carry(id(1))).await;
    assert_eq!(again.origin, Origin::Memory);
    let of_a = call::outcome(call::tenant("a", id(1))).await;
    assert_eq!(of_a.origin, Origin::Computed);
}
