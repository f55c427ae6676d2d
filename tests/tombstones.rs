//! A removal of one key wins over what other processes were computing for it.
//!
//! Each cache here has a memory of its own and stands for a process.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fixture::{RedisServer, Reply};
use futures_util::FutureExt;
use larder::call::{self, Origin};
use larder::{Cache, Tombstone, cached};
use support::map_store::MapStore;
use support::{Runs, register_over, roomy};
use tokio::sync::Semaphore;

const PATIENCE: Duration = Duration::from_secs(5);

/// A store that processes have in common.
enum Shared {
    Map(Arc<MapStore>),
    Redis(Arc<RedisServer>),
}

impl Shared {
    fn each() -> [Self; 2] {
        [
            Self::Map(Arc::default()),
            Self::Redis(Arc::new(RedisServer::start())),
        ]
    }

    /// A process that computed something which another one removed has been refused by the store;
    /// over Redis it may have heard of the removal before.
    fn check_refused_writes(&self, process: &Cache) {
        let refused = process.stats().refused_writes;
        match self {
            Self::Map(_) => assert_eq!(refused, 1),
            Self::Redis(_) => assert!(refused <= 1),
        }
    }

    /// A process with this kind.
    async fn process(&self, kind: &str) -> Cache {
        // A busy test machine does not disturb this.
        let config = roomy().store_budget(Duration::from_secs(2));
        let cache = match self {
            Self::Map(store) => {
                let config = config.build().expect("valid settings");
                Cache::builder(kind, &config).store(store.clone())
            }
            Self::Redis(server) => {
                let config = config.redis_url(server.url()).build();
                Cache::builder(kind, &config.expect("valid settings"))
            }
        };
        let cache = cache.build().expect("a cache");
        assert!(cache.connect().await);
        cache
    }
}

/// A computation that has begun and waits at its gate.
struct UnderWay {
    gate: Arc<Semaphore>,
    computing: tokio::task::JoinHandle<String>,
}

impl UnderWay {
    async fn begin(cache: &Cache, key: &'static str) -> Self {
        let (gate, has_begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (cache, at_gate, begun) = (cache.clone(), gate.clone(), has_begun.clone());
        let computing = tokio::spawn(async move {
            let compute = async || {
                begun.add_permits(1);
                let _pass = at_gate.acquire().await;
                "old".to_owned()
            };
            cache.get_or_compute(key, compute).await
        });
        let _begun = has_begun.acquire().await.expect("never closed");
        Self { gate, computing }
    }

    async fn end(self) {
        self.gate.add_permits(1);
        assert_eq!(self.computing.await.expect("no panic"), "old");
    }
}

async fn compute(cache: &Cache, key: &str, value: &str) -> String {
    cache.get_or_compute(key, async || value.to_owned()).await
}

#[tokio::test]
async fn what_was_computed_before_a_removal_is_served_to_no_process() {
    for store in Shared::each() {
        let (a, b) = (store.process("raced").await, store.process("raced").await);
        let computing = UnderWay::begin(&b, "k").await;
        assert!(!a.remove("k").await, "there is nothing yet");
        computing.end().await;
        assert!(b.flush(PATIENCE).await);
        store.check_refused_writes(&b);

        let c = store.process("raced").await;
        for process in [&a, &b, &c] {
            assert_eq!(process.get::<String>("k").await, None);
        }
        assert_eq!(compute(&b, "k", "new").await, "new");
        assert!(b.flush(PATIENCE).await);
        for process in [&a, &b, &c] {
            assert_eq!(process.get("k").await, Some("new".to_owned()));
        }
        store.check_refused_writes(&b);
    }
}

#[tokio::test]
async fn a_value_from_before_a_removal_does_not_replace_one_from_after_it() {
    for store in Shared::each() {
        let (a, b) = (store.process("late").await, store.process("late").await);
        for (key, is_set) in [("computed", false), ("set", true)] {
            let computing = UnderWay::begin(&b, key).await;
            a.remove(key).await;
            if is_set {
                a.set(key, "new".to_owned()).await;
            } else {
                compute(&a, key, "new").await;
                assert!(a.flush(PATIENCE).await);
            }
            computing.end().await;
            assert!(b.flush(PATIENCE).await);
            let c = store.process("late").await;
            for process in [&a, &b, &c] {
                assert_eq!(process.get(key).await, Some("new".to_owned()), "{key}");
            }
        }
    }
}

#[tokio::test]
async fn of_two_removals_the_later_one_wins_as_well() {
    for store in Shared::each() {
        let (a, b) = (store.process("twice").await, store.process("twice").await);
        a.remove("k").await;
        let computing = UnderWay::begin(&b, "k").await;
        a.remove("k").await;
        computing.end().await;
        assert!(b.flush(PATIENCE).await);
        let c = store.process("twice").await;
        assert_eq!(c.get::<String>("k").await, None);
    }
}

#[tokio::test]
async fn a_value_that_is_set_after_a_removal_is_kept() {
    for store in Shared::each() {
        let (a, b) = (store.process("set").await, store.process("set").await);
        a.remove("k").await;
        b.set("k", 1).await;
        assert_eq!(a.get("k").await, Some(1));
        assert!(a.remove("k").await, "an entry behind a tombstone is one");
        assert!(!a.remove("k").await, "a tombstone is none");
        b.set("k", 2).await;
        assert_eq!(store.process("set").await.get("k").await, Some(2));
    }
}

#[tokio::test]
async fn a_tombstone_is_no_entry() {
    for store in Shared::each() {
        let cache = store.process("listed").await;
        for key in ["gone", "there"] {
            cache.set(key, 1).await;
        }
        cache.remove("gone").await;
        let other = store.process("listed").await;
        assert!(!other.exists("gone").await && other.exists("there").await);
        assert_eq!(other.ttl("gone").await, None);
        assert_eq!(other.keys("*").await, ["there"]);
        assert_eq!(other.remove_matching("*").await, 1);
        assert_eq!(other.remove_matching("*").await, 0);
        assert_eq!(other.stats().refused, larder::RefusedEntries::default());
    }
}

#[tokio::test]
async fn a_pattern_leaves_tombstones_where_it_found_something() {
    for store in Shared::each() {
        let (a, b) = (store.process("globs").await, store.process("globs").await);
        a.remove("k").await;
        let computing = UnderWay::begin(&b, "k").await;
        a.set("k", "set".to_owned()).await;
        assert_eq!(a.remove_matching("*").await, 1);
        computing.end().await;
        assert!(b.flush(PATIENCE).await);
        assert_eq!(store.process("globs").await.get::<String>("k").await, None);
    }
}

#[tokio::test]
async fn a_pattern_that_is_removed_again_keeps_no_tombstone_for_longer() {
    let server = Arc::new(RedisServer::start());
    let cache = Shared::Redis(server.clone()).process("again").await;
    cache.remove("k").await;
    let before = server.command(&["GET", "again:key:k"]);
    server.command(&["PEXPIRE", "again:key:k", "60000"]);
    assert_eq!(cache.remove_matching("*").await, 0);
    assert_ne!(server.command(&["GET", "again:key:k"]), before);
    let left = server.command(&["PTTL", "again:key:k"]).int();
    assert!((1..=60_000).contains(&left), "{left} ms");
}

#[tokio::test]
async fn a_removal_by_another_process_wins_while_one_of_this_process_is_on_its_way() {
    let store = Arc::<MapStore>::default();
    let open = || register_over("crossing", &store);
    let cache = open();
    let mut removing = Box::pin(cache.remove("k"));
    assert!((&mut removing).now_or_never().is_none(), "it waits");
    drop(removing);
    // The look-up has the store told; another process removes the key when the body has begun.
    let compute = async || {
        store.put("crossing:key:k", b"LRDT\x01\0\0\0number!!");
        "old".to_owned()
    };
    assert_eq!(cache.get_or_compute("k", compute).await, "old");
    assert!(cache.flush(PATIENCE).await);
    assert_eq!(cache.stats().refused_writes, 1);
    assert_eq!(open().get::<String>("k").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_removal_during_a_look_up_that_the_store_is_not_told_of_wins_as_well() {
    for refreshes in [false, true] {
        let store = Arc::<MapStore>::default();
        let open = || register_over("meanwhile", &store);
        let (cache, other) = (open(), open());
        let computing = UnderWay::begin(&other, "k").await;
        store.latency.store(10, Ordering::SeqCst);
        let compute = async || {
            // Longer than the store is tried for.
            tokio::time::sleep(Duration::from_secs(1)).await;
            store.hangs.store(false, Ordering::SeqCst);
            "new".to_owned()
        };
        let new = async {
            let new = cache.get_or_compute("k", compute);
            if refreshes {
                call::refresh(new).await
            } else {
                new.await
            }
        };
        let removing = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            store.hangs.store(true, Ordering::SeqCst);
            cache.remove("k").await;
        };
        tokio::join!(new, removing);
        store.latency.store(0, Ordering::SeqCst);
        assert!(cache.flush(PATIENCE).await);
        computing.end().await;
        assert!(other.flush(PATIENCE).await);
        assert_eq!(other.stats().refused_writes, 1);
        assert_eq!(open().get::<String>("k").await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_store_was_not_told_of_is_no_entry_to_this_process() {
    let store = Arc::<MapStore>::default();
    let cache = register_over("untold", &store);
    cache.set("k", 1).await;
    store.hangs.store(true, Ordering::SeqCst);
    cache.remove("k").await;
    store.hangs.store(false, Ordering::SeqCst);
    assert!(cache.keys("*").await.is_empty());
    assert!(!cache.exists("k").await);
    assert_eq!(cache.ttl("k").await, None);
    assert_eq!(store.keys_of_entries(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_queued_when_its_key_is_removed_is_not_written_after_it() {
    let store = Arc::<MapStore>::default();
    let cache = register_over("queued", &store);
    // From now on the generations are known for a while.
    cache.set("k", 1).await;
    assert!(cache.remove("k").await);
    let millis = Duration::from_millis;
    store.latency.store(90, Ordering::SeqCst);
    let busy = tokio::time::timeout(millis(1), cache.set("busy", 1)).await;
    assert!(busy.is_err());
    let queue = |key: &str| assert!(cache.set(key, 1).now_or_never().is_none());
    let fill = || (0..2000).for_each(|n| queue(&format!("n:{n}")));
    // Not among those that are written first.
    (0..200).for_each(|n| queue(&format!("first:{n}")));
    queue("k");
    fill();
    let back = async {
        tokio::time::sleep(millis(95)).await;
        store.latency.store(0, Ordering::SeqCst);
        fill();
    };
    tokio::join!(cache.remove("k"), back);
    assert!(cache.flush(PATIENCE).await);
    assert!(!store.keys_of_entries().contains(&"queued:key:k".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_away_is_told_of_a_removal_although_memory_has_a_new_value() {
    let store = Arc::<MapStore>::default();
    let open = || register_over("later", &store);
    let cache = open();
    cache.set("k", "old".to_owned()).await;
    store.hangs.store(true, Ordering::SeqCst);
    cache.remove("k").await;
    let compute = async || {
        // Longer than the store is tried for.
        tokio::time::sleep(Duration::from_secs(1)).await;
        store.hangs.store(false, Ordering::SeqCst);
        "new".to_owned()
    };
    assert_eq!(cache.get_or_compute("k", compute).await, "new");
    assert!(cache.flush(PATIENCE).await);
    assert_eq!(open().get::<String>("k").await, None);
    assert_eq!(cache.get("k").await, Some("new".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_removal_leaves_its_tombstone_although_nothing_is_kept_after_it() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "ended", cache_if = |run: &usize| *run == 1)]
    async fn number(_id: u32, takes: Duration) -> usize {
        let run = RUNS.count();
        tokio::time::sleep(takes).await;
        run
    }
    let store = Arc::<MapStore>::default();
    let cache = register_over("ended", &store);
    let millis = Duration::from_millis;
    // What ends the entry is queued together with the removal, or after that has failed.
    for (takes, away) in [(0, 60), (1000, 500)] {
        let takes = millis(takes);
        store.hangs.store(true, Ordering::SeqCst);
        call::remove(number(1, takes)).await;
        // The queue is busy until this is given up, longer than a look-up waits for it.
        let busy = tokio::time::timeout(millis(1), cache.set("other", 1)).await;
        assert!(busy.is_err());
        let back = async {
            tokio::time::sleep(millis(away)).await;
            store.hangs.store(false, Ordering::SeqCst);
        };
        tokio::join!(call::refresh(number(1, takes)), back);
        assert!(cache.flush(PATIENCE).await);
    }
    let entries = store.entries.lock().expect("no panic");
    let left = entries.values().filter(|left| Tombstone::is_all(left));
    assert_eq!(left.count(), 2);
}

#[tokio::test]
async fn a_removed_call_is_computed_anew_by_every_process() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "removed-call")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        GATE.acquire().await.expect("never closed").forget();
        run
    }
    for store in Shared::each() {
        let runs = RUNS.total();
        let processes = [
            store.process("removed-call").await,
            store.process("removed-call").await,
            store.process("removed-call").await,
        ];
        let [a, b, c] = &processes;
        larder::register(b.clone());
        let computing = tokio::spawn(slow(1));
        while RUNS.total() == runs {
            tokio::task::yield_now().await;
        }
        larder::register(a.clone());
        assert!(!call::remove(slow(1)).await);
        GATE.add_permits(1);
        assert_eq!(computing.await.expect("no panic"), runs + 1);
        assert!(b.flush(PATIENCE).await);
        for process in [a, b, c] {
            larder::register(process.clone());
            assert_eq!(call::peek(slow(1)).await, None);
        }
        GATE.add_permits(1);
        assert_eq!(slow(1).await, runs + 2);
        assert!(c.flush(PATIENCE).await);
        for process in [a, b] {
            larder::register(process.clone());
            let found = call::outcome(slow(1)).await;
            assert_eq!((found.value, found.origin), (runs + 2, Origin::Store));
        }
    }
}

#[tokio::test]
async fn a_refresh_that_the_store_refuses_takes_nothing_away_from_it() {
    for store in Shared::each() {
        let (a, b) = (store.process("late").await, store.process("late").await);
        let compute = async || {
            b.remove("k").await;
            assert_eq!(compute(&b, "k", "newer").await, "newer");
            assert!(b.flush(PATIENCE).await);
            "older".to_owned()
        };
        let refreshed = call::refresh(a.get_or_compute("k", compute)).await;
        assert_eq!(refreshed, "older");
        assert!(a.flush(PATIENCE).await);
        store.check_refused_writes(&a);
        let c = store.process("late").await;
        for process in [a, c] {
            assert_eq!(process.get("k").await, Some("newer".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_refresh_that_began_before_a_removal_is_refused_and_one_after_it_is_kept() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "refreshed")]
    async fn slow(_id: u32) -> usize {
        let run = RUNS.count();
        GATE.acquire().await.expect("never closed").forget();
        run
    }
    for store in Shared::each() {
        let runs = RUNS.total();
        let (a, b) = (
            store.process("refreshed").await,
            store.process("refreshed").await,
        );
        larder::register(b.clone());
        let refreshing = tokio::spawn(call::refresh(slow(1)));
        while RUNS.total() == runs {
            tokio::task::yield_now().await;
        }
        larder::register(a.clone());
        call::remove(slow(1)).await;
        GATE.add_permits(1);
        assert_eq!(refreshing.await.expect("no panic"), runs + 1);
        assert!(b.flush(PATIENCE).await);
        for process in [&a, &b] {
            larder::register(process.clone());
            assert_eq!(call::peek(slow(1)).await, None);
        }
        let c = store.process("refreshed").await;
        larder::register(c.clone());
        GATE.add_permits(1);
        assert_eq!(call::refresh(slow(1)).await, runs + 2);
        assert!(c.flush(PATIENCE).await);
        larder::register(a.clone());
        assert_eq!(call::peek(slow(1)).await, Some(runs + 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_the_store_is_told_of_later_wins_as_well() {
    let store = Arc::<MapStore>::default();
    let open = || register_over("told", &store);
    let (a, b) = (open(), open());
    let computing = UnderWay::begin(&b, "k").await;
    store.hangs.store(true, Ordering::SeqCst);
    a.remove("k").await;
    store.hangs.store(false, Ordering::SeqCst);
    // Computed before the store is told, and written after it.
    assert_eq!(compute(&a, "k", "new").await, "new");
    assert!(a.flush(PATIENCE).await);
    assert_eq!(a.stats().refused_writes, 0);
    computing.end().await;
    assert!(b.flush(PATIENCE).await);
    assert_eq!(b.stats().refused_writes, 1);
    for process in [a, b, open()] {
        assert_eq!(process.get("k").await, Some("new".to_owned()));
    }
}

#[tokio::test]
async fn a_removal_that_is_dropped_on_its_way_still_holds_in_this_process() {
    let store = Arc::<MapStore>::default();
    let open = || register_over("dropped", &store);
    let (a, b) = (open(), open());
    a.set("k", "old".to_owned()).await;
    let computing = UnderWay::begin(&b, "other").await;
    for key in ["k", "other"] {
        let mut removing = Box::pin(a.remove(key));
        assert!((&mut removing).now_or_never().is_none(), "it waits");
        drop(removing);
        assert_eq!(a.get::<String>(key).await, None);
    }
    // The look-ups have seen to it that the store is told.
    assert!(a.flush(PATIENCE).await);
    computing.end().await;
    assert!(b.flush(PATIENCE).await);
    for key in ["k", "other"] {
        assert_eq!(open().get::<String>(key).await, None);
    }
}

#[tokio::test]
async fn a_tombstone_of_a_later_version_counts_as_one() {
    let server = Arc::new(RedisServer::start());
    let key = "versions:key:k";
    let put = |version: u8| {
        let mut bytes = *b"LRDT\x01\0\0\0number!!";
        bytes[4] = version;
        let command = [b"SET".as_slice(), key.as_bytes(), &bytes, b"PX", b"60000"];
        server.command(&command);
    };
    let store = Shared::Redis(server.clone());
    let b = store.process("versions").await;
    let computing = UnderWay::begin(&b, "k").await;
    put(9);
    computing.end().await;
    assert!(b.flush(PATIENCE).await);
    assert_eq!(b.stats().refused_writes, 1);
    assert_eq!(b.get::<String>("k").await, None);
    assert_eq!(b.stats().refused, larder::RefusedEntries::default());
    assert_eq!(compute(&b, "k", "new").await, "new");
    assert!(b.flush(PATIENCE).await);
    assert_eq!(
        store.process("versions").await.get("k").await,
        Some("new".to_owned())
    );
}

#[tokio::test]
async fn a_tombstone_in_redis_is_gone_after_ten_minutes() {
    let server = Arc::new(RedisServer::start());
    let cache = Shared::Redis(server.clone()).process("expiring").await;
    cache.set("k", 1).await;
    assert!(cache.remove("k").await);
    let left = server.command(&["PTTL", "expiring:key:k"]).int();
    let lifetime = i64::try_from(Tombstone::LIFETIME.as_millis()).expect("ten minutes");
    assert!((1..=lifetime).contains(&left), "{left} ms");
    assert_eq!(
        server.command(&["STRLEN", "expiring:key:k"]),
        Reply::Int(16)
    );
}

#[tokio::test]
async fn a_redis_that_is_full_takes_removals() {
    let server = Arc::new(RedisServer::start());
    let store = Shared::Redis(server.clone());
    let (a, b) = (store.process("full").await, store.process("full").await);
    a.set("k", 1).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    b.set("refused", 1).await;
    assert_eq!(
        store.process("full").await.get::<i32>("refused").await,
        None
    );
    assert!(b.remove("k").await);
    assert_eq!(store.process("full").await.get::<i32>("k").await, None);
    assert_eq!(b.stats().store_failures, 1, "that of `set` alone");
}

#[tokio::test]
async fn a_redis_that_forgot_its_scripts_is_told_them_again() {
    let server = Arc::new(RedisServer::start());
    let store = Shared::Redis(server.clone());
    let cache = store.process("scripts").await;
    for key in ["a", "b"] {
        compute(&cache, key, "value").await;
        assert!(cache.flush(PATIENCE).await);
        assert!(cache.remove(key).await);
        server.command(&["SCRIPT", "FLUSH"]);
    }
    assert_eq!(cache.stats().store_failures, 0);
}

#[tokio::test]
async fn what_is_no_string_in_redis_is_replaced_and_removed() {
    let server = Arc::new(RedisServer::start());
    let store = Shared::Redis(server.clone());
    let cache = store.process("lists").await;
    for key in ["computed", "removed"] {
        server.command(&["LPUSH", &format!("lists:key:{key}"), "an element"]);
    }
    assert_eq!(cache.keys("*").await, [""; 0]);
    assert_eq!(compute(&cache, "computed", "value").await, "value");
    assert!(cache.flush(PATIENCE).await);
    assert!(cache.remove("removed").await);
    let other = store.process("lists").await;
    assert_eq!(other.get("computed").await, Some("value".to_owned()));
    assert_eq!(other.get::<String>("removed").await, None);
}

#[test]
fn what_was_queued_is_told_again_when_its_runtime_has_ended() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let store = Arc::new(MapStore::default());
    let config = roomy()
        .enable_l1_cache(false)
        .store_budget(Duration::from_secs(10));
    let cache = Cache::builder("lost-queue", &config.build().expect("valid settings"))
        .store(store.clone())
        .build()
        .expect("a cache");
    runtime().block_on(async {
        cache.set("k", 1).await;
        store.hangs.store(true, Ordering::SeqCst);
        let set = cache.set("k", 2);
        let set = tokio::time::timeout(Duration::from_millis(20), set).await;
        assert!(set.is_err(), "it waits");
    });
    store.hangs.store(false, Ordering::SeqCst);
    runtime().block_on(async {
        assert_eq!(cache.get::<i32>("k").await, None);
        assert!(cache.flush(Duration::from_secs(1)).await);
        let left = store.entries.lock().expect("no panic").clone();
        assert!(left.values().all(|there| Tombstone::is_all(there)));
        assert_eq!(compute(&cache, "k", "new").await, "new");
        assert!(cache.flush(Duration::from_secs(1)).await);
        assert_eq!(cache.get::<String>("k").await.as_deref(), Some("new"));
    });
}

#[tokio::test]
async fn a_value_that_does_not_live_long_keeps_older_ones_out_for_as_long_as_a_tombstone() {
    let server = Arc::new(RedisServer::start());
    let config = roomy()
        .redis_url(server.url())
        .default_ttl(Duration::from_secs(1));
    let cache = Cache::builder("short", &config.build().expect("valid settings"))
        .build()
        .expect("a cache");
    assert!(cache.connect().await);
    cache.remove("k").await;
    assert_eq!(compute(&cache, "k", "new").await, "new");
    assert!(cache.flush(PATIENCE).await);
    let left = server.command(&["PTTL", "short:key:k"]).int();
    let minute = 60_000;
    assert!(left > 9 * minute, "{left} ms");
    assert!(server.command(&["STRLEN", "short:key:k"]).int() > 16);
}
