//! What listeners are told of: what, in which order, how much of it, and what that costs a call.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::FutureExt;
use larder::call::{self, MissReason, Origin, StaleCause};
use larder::testing::ManualClock;
use larder::{
    Cache, CacheConfig, CacheEvent, CacheFactory, Ending, EventFilter, EventKind, Extent, Happened,
    Invalidation, InvalidationOrigin, KeyPrivacy, Ttl, cached,
};
use support::notes::{Notes, kinds, what};
use support::{Log, Runs, eventually, in_memory, poll_once, register, roomy};

fn missed(reason: MissReason, ending: Ending) -> Happened {
    let reason = Some(reason);
    Happened::Miss { reason, ending }
}

fn seconds(seconds: u64) -> Ttl {
    Duration::from_secs(seconds).into()
}

fn removed(extent: Extent) -> Happened {
    invalidated(extent, Invalidation::Remove)
}

fn expired(extent: Extent) -> Happened {
    invalidated(extent, Invalidation::Expire)
}

fn invalidated(extent: Extent, how: Invalidation) -> Happened {
    let origin = InvalidationOrigin::Here;
    Happened::Invalidated {
        extent,
        how,
        origin,
    }
}

#[tokio::test]
async fn cb_1_listeners_from_the_beginning_and_from_later_are_called_in_their_order() {
    static CALLED: Mutex<Vec<(u8, EventKind)>> = Mutex::new(Vec::new());
    let calls = |listener: u8| {
        move |event: &CacheEvent| {
            let mut called = CALLED.lock().expect("no panic");
            called.push((listener, event.kind()));
        }
    };
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("events", &config)
        .on_event(EventFilter::all(), calls(1))
        .on_event(EventFilter::all(), calls(2))
        .build()
        .expect("a cache");
    cache.set("a", 1).await;
    cache.on_event(EventFilter::all(), calls(3));
    cache.get::<i32>("a").await;
    cache.get::<i32>("b").await;
    cache.remove("a").await;
    cache.flush_events().await;

    let of = |kind, listeners: &[u8]| {
        let called = listeners.iter().map(|listener| (*listener, kind));
        called.collect::<Vec<_>>()
    };
    let expected = [
        // From before the third one.
        of(EventKind::Stored, &[1, 2]),
        of(EventKind::Hit, &[1, 2, 3]),
        of(EventKind::Miss, &[1, 2, 3]),
        of(EventKind::Forgotten, &[1, 2, 3]),
        of(EventKind::Invalidated, &[1, 2, 3]),
    ];
    let mut called = CALLED.lock().expect("no panic").clone();
    // A removal and the entry that leaves for it come in any order.
    called[11..]
        .sort_unstable_by_key(|(listener, kind)| (*kind != EventKind::Forgotten, *listener));
    assert_eq!(called, expected.concat());
}

#[tokio::test]
async fn cb_1_a_listener_that_fails_or_panics_is_counted_logged_once_and_called_again() {
    let log = Log::collect_warnings();
    let cache = in_memory("events");
    cache.on_event(EventFilter::all(), |event| {
        assert!(event.key().is_some(), "secret: nobody asked for keys");
    });
    cache.on_event(EventFilter::all(), |_| Err("secret failure"));
    let after = kinds(&cache);
    for _ in 0..3 {
        cache.get::<i32>("absent").await;
    }
    assert_eq!(after.since(&cache).await, [EventKind::Miss; 3]);
    assert_eq!(cache.stats().failed_listeners, 6);
    let lines = log.lines();
    let of = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
    assert_eq!((of("a listener panicked"), of("a listener failed")), (1, 1));
    assert_eq!(of("secret"), 0, "{lines:?}");
}

#[tokio::test]
async fn cb_2_an_event_says_which_key_which_value_from_where_and_for_how_long() {
    #[cached(kind = "told", op = "square", ttl = "90s")]
    async fn square(number: u64) -> Result<u64, String> {
        Ok(number * number)
    }
    let cache = register("told", roomy());
    let filter = EventFilter::all().with_keys().with_values();
    let notes = Notes::of(&cache, filter, |event| {
        let operation = event.operation().expect("an operation").to_owned();
        let key = event.key().expect("a key").to_owned();
        let value = event.value::<u64>().copied();
        (event.what().clone(), operation, key, value)
    });
    let key = call::key(square(9)).await.expect("a key");
    assert_eq!(square(9).await, Ok(81));
    assert_eq!(square(9).await, Ok(81));
    cache.set_for("own", 7_u64, Duration::from_secs(5)).await;
    assert_eq!(cache.get::<u64>("own").await, Some(7));

    let of_call = |what, value| (what, "square".to_owned(), key.clone(), value);
    let own = |what, value| (what, "keys".to_owned(), "told:key:own".to_owned(), value);
    assert_eq!(
        notes.since(&cache).await,
        [
            of_call(missed(MissReason::Absent, Ending::Computed), None),
            of_call(Happened::Stored { ttl: seconds(90) }, Some(81)),
            of_call(Happened::Hit(Origin::Memory), Some(81)),
            own(Happened::Stored { ttl: seconds(5) }, Some(7)),
            own(Happened::Hit(Origin::Memory), Some(7)),
        ]
    );
}

#[tokio::test]
async fn cb_2_keys_and_values_are_there_for_who_asks_and_values_have_their_type() {
    #[cached(kind = "shared", op = "name")]
    async fn name() -> Option<String> {
        Some("Ada".to_owned())
    }
    #[cached(kind = "shared", op = "bytes")]
    async fn bytes() -> Arc<Vec<u8>> {
        Arc::new(vec![1])
    }
    let cache = register("shared", roomy());
    let bare = Notes::of(&cache, EventFilter::all(), |event| {
        (event.key().is_some(), event.value::<String>().is_some())
    });
    name().await;
    bytes().await;
    assert_eq!(bare.since(&cache).await, [(false, false); 4]);

    let filter = EventFilter::all().only(EventKind::HITS).with_values();
    let typed = Notes::of(&cache, filter, |event| {
        (
            event.value::<String>().cloned(),
            event.value::<Vec<u8>>().cloned(),
            event.value::<Arc<Vec<u8>>>().is_some(),
        )
    });
    name().await;
    bytes().await;
    let expected = [
        (Some("Ada".to_owned()), None, false),
        (None, Some(vec![1]), true),
    ];
    assert_eq!(typed.since(&cache).await, expected);
}

#[tokio::test]
async fn cb_3_every_cache_tells_whoever_made_it() {
    let config = CacheConfig::builder().build().expect("valid settings");
    let made = larder::get_or_register("made", || async {
        CacheFactory::for_kind("made", &CacheConfig::default()).await
    });
    larder::init().await.expect("settings from the environment");
    let caches = [
        CacheFactory::for_testing().await.expect("a cache"),
        CacheFactory::from_config(&config).await.expect("a cache"),
        CacheFactory::create_with_fallback(&config)
            .await
            .expect("a cache"),
        made.await.expect("a cache"),
        larder::cache("web").expect("a registered cache"),
        larder::fallback(),
    ];
    for cache in caches {
        let notes = kinds(&cache);
        cache.set("key", 1).await;
        cache.get::<i32>("key").await;
        let expected = [EventKind::Stored, EventKind::Hit];
        assert_eq!(notes.since(&cache).await, expected, "{cache:?}");
    }
}

#[tokio::test]
async fn cb_4_listeners_can_be_chained() {
    fn chain<E>(
        first: impl Fn(&CacheEvent) -> Result<(), E>,
        second: impl Fn(&CacheEvent) -> Result<(), E>,
    ) -> impl Fn(&CacheEvent) -> Result<(), E> {
        move |event| first(event).and_then(|()| second(event))
    }
    static REACHED: AtomicUsize = AtomicUsize::new(0);
    let cache = in_memory("events");
    let only_hits = |event: &CacheEvent| match event.what() {
        Happened::Hit(_) => Ok(()),
        _ => Err("no hit"),
    };
    let reached = |_: &CacheEvent| {
        REACHED.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    cache.on_event(EventFilter::all(), chain(only_hits, reached));
    cache.set("key", 1).await;
    cache.get::<i32>("key").await;
    cache.flush_events().await;
    assert_eq!(REACHED.load(Ordering::SeqCst), 1);
    assert_eq!(cache.stats().failed_listeners, 1);
}

#[tokio::test]
async fn cb_5_a_listener_is_told_whose_it_is_and_changes_nothing() {
    #[cached(kind = "whose", op = "answer", tags("answers"))]
    async fn answer(question: &str) -> String {
        let tenant = if question.is_empty() {
            "?"
        } else {
            "an answer"
        };
        tenant.to_owned()
    }
    let cache = register("whose", roomy());
    let filter = EventFilter::all().with_keys().with_values();
    let notes = Notes::of(&cache, filter, |event| {
        let tenant = event.tenant().map(str::to_owned);
        (tenant, event.kind(), event.key().map(str::to_owned))
    });
    for tenant in ["acme", "globex"] {
        let both = async {
            answer("why").await;
            answer("why").await;
            cache.set("own", 1).await;
            cache.remove("own").await;
            cache.remove_tag("answers").await;
        };
        call::tenant(tenant, both).await;
    }
    answer("why").await;
    cache.remove_tenant("acme").await;

    let told = notes.since(&cache).await;
    let of = |tenant: Option<&str>| {
        let told = told.iter().filter(|(of, ..)| of.as_deref() == tenant);
        told.map(|(_, kind, _)| *kind).collect::<Vec<_>>()
    };
    let each = [
        EventKind::Miss,
        EventKind::Stored,
        EventKind::Hit,
        EventKind::Stored,
        EventKind::Forgotten,
        EventKind::Invalidated,
        EventKind::Invalidated,
    ];
    let sorted = |mut kinds: Vec<EventKind>| {
        kinds[4..6].sort_unstable_by_key(|kind| *kind != EventKind::Forgotten);
        kinds
    };
    let acme = [each.as_slice(), &[EventKind::Invalidated]].concat();
    assert_eq!(sorted(of(Some("acme"))), acme);
    assert_eq!(sorted(of(Some("globex"))), each);
    assert_eq!(of(None), [EventKind::Miss, EventKind::Stored]);
    let names = told.iter().filter_map(|(_, _, key)| key.as_deref());
    let names: Vec<&str> = names.collect();
    assert_eq!(names.len(), told.len(), "each has a key");
    let shows_tenant = |name: &&str| name.contains("acme") || name.contains("globex");
    assert!(!names.iter().any(shows_tenant), "{names:?}");
    // Two tenants have two keys.
    let keys = |tenant: &str| {
        let told = told.iter().filter(|(of, ..)| of.as_deref() == Some(tenant));
        told.map(|(.., key)| key.clone()).collect::<Vec<_>>()
    };
    assert_ne!(keys("acme")[0], keys("globex")[0]);
}

#[tokio::test]
async fn each_thing_that_happens_to_a_call_is_told_once() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(
        kind = "once",
        op = "parse",
        ttl = "10s",
        none_ttl = "5s",
        tags("parsed")
    )]
    async fn parse(number: &str) -> Result<Option<i32>, String> {
        if FAILS.load(Ordering::SeqCst) {
            return Err("as the test wants it".to_owned());
        }
        Ok(number.parse().ok())
    }
    #[cached(kind = "once", op = "small", cache_if = |number| *number < 10)]
    async fn small(number: u32) -> u32 {
        number
    }
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let builder = Cache::builder("once", &config).clock(clock.clone());
    let cache = builder.build().expect("a cache");
    larder::register(cache.clone());
    let notes = what(&cache, EventFilter::all());
    let left = |told: &[Happened]| {
        let causes = told.iter().filter_map(|it| match it {
            Happened::Left(removal) => Some(removal.cause.into()),
            _ => None,
        });
        causes.collect::<Vec<EventKind>>()
    };
    let others = |told: Vec<Happened>| {
        let others = told.into_iter();
        others
            .filter(|it| !matches!(it, Happened::Left(_)))
            .collect::<Vec<_>>()
    };

    // Computed and kept.
    assert_eq!(parse("7").await, Ok(Some(7)));
    let told = notes.since(&cache).await;
    let stored = |ttl| Happened::Stored { ttl: seconds(ttl) };
    let absent = |ending| missed(MissReason::Absent, ending);
    assert_eq!(told, [absent(Ending::Computed), stored(10)]);
    // Found.
    assert_eq!(parse("7").await, Ok(Some(7)));
    assert_eq!(call::peek(parse("7")).await, Some(Ok(Some(7))));
    let hit = Happened::Hit(Origin::Memory);
    assert_eq!(notes.since(&cache).await, [hit.clone(), hit]);
    // A result that is a `None`.
    assert_eq!(parse("seven").await, Ok(None));
    assert_eq!(
        notes.since(&cache).await,
        [absent(Ending::Computed), stored(5)]
    );
    // Not one to keep.
    small(10).await;
    assert_eq!(notes.since(&cache).await, [absent(Ending::NotKept)]);
    // Made anew.
    call::refresh(parse("7")).await.expect("a number");
    let told = notes.since(&cache).await;
    assert_eq!(left(&told), [EventKind::Replaced]);
    let refreshed = missed(MissReason::Refreshed, Ending::Computed);
    assert_eq!(others(told), [refreshed, stored(10)]);
    // Past the cache.
    call::bypass(parse("7")).await.expect("a number");
    assert_eq!(notes.since(&cache).await, []);
    // A failure.
    FAILS.store(true, Ordering::SeqCst);
    parse("8").await.expect_err("a failure");
    assert_eq!(notes.since(&cache).await, [absent(Ending::Failed)]);
    FAILS.store(false, Ordering::SeqCst);
    // Its lifetime is over.
    clock.advance(Duration::from_secs(11));
    parse("7").await.expect("a number");
    let told = notes.since(&cache).await;
    assert_eq!(left(&told), [EventKind::Expired]);
    let over = missed(MissReason::Expired, Ending::Computed);
    assert_eq!(others(told), [over, stored(10)]);
    // Removed by its key.
    call::remove(parse("7")).await;
    let told = notes.since(&cache).await;
    assert_eq!(left(&told), [EventKind::Forgotten]);
    assert_eq!(others(told), [removed(Extent::Key)]);
    call::expire(parse("7")).await;
    assert_eq!(notes.since(&cache).await, [expired(Extent::Key)]);
    // With others.
    parse("7").await.expect("a number");
    notes.since(&cache).await;
    cache.remove_operation("parse").await;
    cache.expire_operation("parse").await;
    cache.remove_tag("parsed").await;
    cache.expire_tag("parsed").await;
    cache.remove_tenant("acme").await;
    cache.expire_tenant("acme").await;
    cache.expire_all().await;
    let expected = [
        removed(Extent::Operation),
        expired(Extent::Operation),
        removed(Extent::Tag),
        expired(Extent::Tag),
        removed(Extent::Tenant),
        expired(Extent::Tenant),
        expired(Extent::Kind),
    ];
    assert_eq!(others(notes.since(&cache).await), expected);
    cache.clear().await;
    assert_eq!(others(notes.since(&cache).await), [removed(Extent::Kind)]);
}

#[tokio::test]
async fn each_thing_that_happens_to_a_chosen_key_is_told_once() {
    let config = CacheConfig::builder().l1_cache_size(4);
    let config = config.build().expect("valid settings");
    let cache = Cache::builder("chosen", &config).build().expect("a cache");
    let filter = EventFilter::all().operation("keys").with_keys();
    let notes = Notes::of(&cache, filter, |event| {
        let key = event.key().expect("a key").strip_prefix("chosen:key:");
        (event.kind(), key.expect("the prefix").to_owned())
    });
    let expect = |told: &[(EventKind, &str)]| {
        let told = told.iter().map(|(kind, key)| (*kind, (*key).to_owned()));
        told.collect::<Vec<_>>()
    };
    cache.set_many([("a", 1), ("b", 2)]).await;
    cache.get_many::<i32>(&["a", "x", "b"]).await;
    cache.get_or_compute("a", || async { 3 }).await;
    cache.get_or_compute("c", || async { 3 }).await;
    let expected = [
        (EventKind::Stored, "a"),
        (EventKind::Stored, "b"),
        (EventKind::Hit, "a"),
        (EventKind::Hit, "b"),
        (EventKind::Miss, "x"),
        (EventKind::Hit, "a"),
        (EventKind::Miss, "c"),
        (EventKind::Stored, "c"),
    ];
    assert_eq!(notes.since(&cache).await, expect(&expected));

    cache.remove_many(&["a", "x"]).await;
    let mut told = notes.since(&cache).await;
    told.sort_unstable();
    let expected = [
        (EventKind::Invalidated, "a"),
        (EventKind::Invalidated, "x"),
        (EventKind::Forgotten, "a"),
    ];
    assert_eq!(told, expect(&expected));

    cache.remove_matching("[bc]*").await;
    let mut told = notes.since(&cache).await;
    told.sort_unstable();
    let expected = [
        (EventKind::Invalidated, "[bc]*"),
        (EventKind::Forgotten, "b"),
        (EventKind::Forgotten, "c"),
    ];
    assert_eq!(told, expect(&expected));

    // A lifetime of zero forgets the key; a key that is too long is none.
    cache.set_for("a", 1, Duration::ZERO).await;
    assert_eq!(
        notes.since(&cache).await,
        expect(&[(EventKind::Invalidated, "a")])
    );
    for n in 0..100 {
        cache.set(&n.to_string(), n).await;
    }
    let told = notes.since(&cache).await;
    let of = |kind| told.iter().filter(|(of, _)| *of == kind).count();
    let (stored, evicted) = (of(EventKind::Stored), of(EventKind::Evicted));
    assert_eq!((stored, stored + evicted), (100, told.len()));
    assert_eq!(evicted, 100 - cache.size());
    assert_eq!(evicted as u64, cache.stats().evictions);
}

#[tokio::test]
async fn calls_without_a_key_are_told_with_the_reason() {
    let config = roomy().require_tenant(true).build();
    let config = config.expect("valid settings");
    let cache = Cache::builder("strict", &config).build().expect("a cache");
    let notes = Notes::of(&cache, EventFilter::all().with_keys(), |event| {
        assert_eq!(event.key(), None);
        event.what().clone()
    });
    cache.get::<i32>("key").await;
    let long = "k".repeat(20_000);
    call::tenant("acme", cache.get::<i32>(&long)).await;
    cache.get_or_compute("key", || async { 1 }).await;
    let no_tenant = missed(MissReason::NoTenant, Ending::NoTenant);
    let no_key = missed(MissReason::NoKey, Ending::NoKey);
    let expected = [no_tenant.clone(), no_key, no_tenant];
    assert_eq!(notes.since(&cache).await, expected);
}

#[tokio::test]
async fn a_value_that_memory_does_not_take_is_told_as_too_large_and_not_as_stored() {
    let config = CacheConfig::builder().l1_cache_bytes(64 * 1024);
    let config = config.build().expect("valid settings");
    let cache = Cache::builder("heavy", &config).build().expect("a cache");
    let notes = kinds(&cache);
    cache.set("key", vec![0_u8; 100_000]).await;
    cache
        .get_or_compute("other", || async { vec![0_u8; 100_000] })
        .await;
    let expected = [EventKind::TooLarge, EventKind::Miss, EventKind::TooLarge];
    assert_eq!(notes.since(&cache).await, expected);
}

#[tokio::test]
async fn a_call_that_waits_for_another_one_is_told_as_joined() {
    let cache = in_memory("events");
    let notes = what(&cache, EventFilter::all());
    let (finish, finished) = tokio::sync::oneshot::channel();
    let computing = cache.get_or_compute("key", || async {
        finished.await.expect("the test says so")
    });
    let mut computing = Box::pin(computing);
    assert!(poll_once(&mut computing).is_pending());
    let mut joining = Box::pin(cache.get_or_compute("key", || async { 2 }));
    assert!(poll_once(&mut joining).is_pending());
    finish.send(1).expect("it waits");
    assert_eq!((computing.await, joining.await), (1, 1));
    let expected = [
        missed(MissReason::Absent, Ending::Computed),
        Happened::Stored {
            ttl: cache.stats().default_ttl.into(),
        },
        Happened::Hit(Origin::Joined),
    ];
    assert_eq!(notes.since(&cache).await, expected);
}

#[tokio::test]
async fn a_stale_value_is_told_as_such_and_what_takes_its_place_as_stored() {
    static RUNS: Runs = Runs::new();
    #[cached(
        kind = "aged",
        op = "price",
        ttl = "10s",
        stale_while_revalidate = "60s"
    )]
    async fn price(of: String) -> usize {
        drop(of);
        RUNS.count()
    }
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let builder = Cache::builder("aged", &config).clock(clock.clone());
    let cache = builder.build().expect("a cache");
    larder::register(cache.clone());
    price("tea".to_owned()).await;
    let filter = EventFilter::all().only([EventKind::Stale, EventKind::Stored, EventKind::Miss]);
    let notes = Notes::of(&cache, filter.with_values(), |event| {
        (event.what().clone(), event.value::<usize>().copied())
    });
    clock.advance(Duration::from_secs(20));
    assert_eq!(price("tea".to_owned()).await, 1);
    eventually("it is made anew", async || RUNS.total() == 2).await;
    eventually("it is kept", async || price("tea".to_owned()).await == 2).await;
    let stale = Happened::Hit(Origin::Stale(StaleCause::Revalidating));
    let told = notes.since(&cache).await;
    assert_eq!(told[0], (stale.clone(), Some(1)));
    let stored = Happened::Stored { ttl: seconds(10) };
    let rest = told.iter().filter(|(what, _)| *what != stale);
    assert_eq!(rest.collect::<Vec<_>>(), [&(stored, Some(2))]);
}

#[test]
fn functions_that_are_not_async_tell_without_any_runtime() {
    #[cached(kind = "sync", op = "double", local)]
    fn double(number: u32) -> u32 {
        2 * number
    }
    let cache = register("sync", roomy());
    let notes = kinds(&cache);
    assert_eq!((double(2), double(2)), (4, 4));
    let told = notes.since(&cache);
    let told = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(told);
    let expected = [EventKind::Miss, EventKind::Stored, EventKind::Hit];
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_agree_with_what_is_counted_and_come_in_order() {
    let cache = in_memory("events");
    let (counted, counts) = mpsc::channel();
    cache.on_event(EventFilter::all(), move |event| {
        counted.send(event.what().clone())
    });
    let tasks = (0..8_u64).map(|task| {
        let cache = cache.clone();
        tokio::spawn(async move {
            for n in 0..400 {
                let key = format!("{}", (n * (task + 1)) % 17);
                match n % 4 {
                    0 => drop(cache.get::<u64>(&key).await),
                    1 => cache.set(&key, n).await,
                    2 => drop(cache.get_or_compute(&key, || async move { n }).await),
                    _ => drop(cache.remove(&key).await),
                }
                if n % 100 == 0 {
                    // So that the queue has room for all.
                    cache.flush_events().await;
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    cache.flush_events().await;
    let told: Vec<Happened> = counts.try_iter().collect();
    let of = |is_it: fn(&Happened) -> bool| told.iter().filter(|it| is_it(it)).count() as u64;
    let stats = cache.stats();
    assert_eq!(stats.dropped_events, 0);
    assert_eq!(of(|it| matches!(it, Happened::Hit(_))), stats.hits);
    assert_eq!(
        of(|it| matches!(it, Happened::Hit(Origin::Joined))),
        stats.joined
    );
    assert_eq!(of(|it| matches!(it, Happened::Miss { .. })), stats.misses);
    assert_eq!(of(|it| matches!(it, Happened::Invalidated { .. })), 8 * 100);

    // Of one task, in its order.
    let (one, numbers) = mpsc::channel();
    let filter = EventFilter::all().only([EventKind::Stored]).with_values();
    cache.on_event(filter, move |event| one.send(event.value::<u64>().copied()));
    for n in 0..1000_u64 {
        cache.set("key", n).await;
    }
    cache.flush_events().await;
    assert!(numbers.try_iter().eq((0..1000).map(Some)));
}

#[tokio::test]
async fn a_filter_lets_its_kinds_and_operations_through() {
    #[cached(kind = "sieve", op = "one")]
    async fn one(number: u32) -> u32 {
        number
    }
    #[cached(kind = "sieve", op = "two")]
    async fn two(number: u32) -> u32 {
        number
    }
    let cache = register("sieve", roomy());
    let note = |event: &CacheEvent| (event.operation().map(str::to_owned), event.kind());
    let of_two = Notes::of(&cache, EventFilter::all().operation("two"), note);
    let hits = Notes::of(&cache, EventFilter::all().only([EventKind::Hit]), note);
    let both = EventFilter::all().operation("one").operation("keys");
    let both = Notes::of(
        &cache,
        both.only([EventKind::Hit, EventKind::Invalidated]),
        note,
    );
    let nothing = Notes::of(&cache, EventFilter::all().only([]), note);
    for _ in 0..2 {
        one(1).await;
        two(2).await;
        cache.get::<i32>("key").await;
    }
    cache.remove_operation("two").await;
    cache.expire_all().await;
    let told = |operation: &str, kind| (Some(operation.to_owned()), kind);
    let expected = [
        told("two", EventKind::Miss),
        told("two", EventKind::Stored),
        told("two", EventKind::Hit),
        told("two", EventKind::Invalidated),
    ];
    assert_eq!(of_two.since(&cache).await, expected);
    let expected = [told("one", EventKind::Hit), told("two", EventKind::Hit)];
    assert_eq!(hits.since(&cache).await, expected);
    assert_eq!(both.since(&cache).await, [told("one", EventKind::Hit)]);
    assert_eq!(nothing.since(&cache).await, []);
}

#[tokio::test]
async fn closing_tells_what_has_happened() {
    let cache = register("closed", roomy());
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    cache.on_event(EventFilter::all(), move |_| {
        std::thread::sleep(Duration::from_millis(1));
        count.fetch_add(1, Ordering::SeqCst);
    });
    for _ in 0..50 {
        cache.get::<i32>("absent").await;
    }
    // This kind alone: the others are those of other tests.
    larder::close_kind("closed", Duration::from_secs(60)).await;
    assert_eq!(called.load(Ordering::SeqCst), 50);
}

#[tokio::test]
async fn a_listener_may_use_the_cache_and_is_not_told_of_that() {
    #[cached(kind = "again", op = "double")]
    async fn double(number: u32) -> u32 {
        2 * number
    }
    let cache = register("again", CacheConfig::builder().l1_cache_size(2));
    let called = Arc::new(AtomicUsize::new(0));
    let (count, own) = (called.clone(), cache.downgrade());
    cache.on_event(EventFilter::all(), move |event| {
        count.fetch_add(1, Ordering::SeqCst);
        let cache = own.upgrade().expect("the test has it");
        // Nothing is locked, whatever it was about.
        let done = async {
            let number = u32::try_from(count.load(Ordering::SeqCst)).expect("few");
            double(number).await;
            cache.set(event.kind().name(), 1).await;
            cache.remove("other").await;
            cache.flush_events().await;
        };
        done.now_or_never().expect("nobody is waited for");
        cache.on_event(EventFilter::all().only([]), |_| ());
    });
    double(100).await;
    cache.set("other", 1).await;
    cache.set("other", 2).await;
    cache.flush_events().await;
    let first = called.load(Ordering::SeqCst);
    assert!((4..20).contains(&first), "{first}");
    cache.flush_events().await;
    assert_eq!(called.load(Ordering::SeqCst), first, "no event of its own");
    assert_eq!(cache.stats().failed_listeners, 0);
}

#[tokio::test]
async fn keys_show_no_more_than_the_privacy_allows() {
    #[cached(kind = "private", op = "summarize", text = text)]
    async fn summarize(text: &str, secret: &str) -> usize {
        text.len() + secret.len()
    }
    for (privacy, shows_texts) in [(KeyPrivacy::Readable, true), (KeyPrivacy::Hashed, false)] {
        let cache = register("private", roomy().key_privacy(privacy));
        let told = Notes::of(&cache, EventFilter::all().with_keys(), |event| {
            let key = event.key().unwrap_or_default().to_owned();
            (key, format!("{event:?}"))
        });
        summarize("hunter1", "hunter2").await;
        call::tenant("hunter3", summarize("hunter1", "hunter2")).await;
        cache.set("hunter4", "hunter5".to_owned()).await;
        cache.remove_matching("hunter4*").await;
        cache.remove_tag("hunter6").await;
        let told = told.since(&cache).await;
        assert!(told.len() >= 7, "{told:?}");
        for (key, debug) in told {
            assert!(!debug.contains("hunter"), "{debug}");
            for hidden in ["hunter2", "hunter3", "hunter5", "hunter6"] {
                assert!(!key.contains(hidden), "{key}");
            }
            assert!(shows_texts || !key.contains("hunter"), "{key}");
        }
    }
}

#[tokio::test]
async fn a_body_that_panics_and_one_that_takes_too_long_are_told_as_misses() {
    #[derive(Clone, Debug, PartialEq)]
    struct Late;
    impl From<larder::TimedOut> for Late {
        fn from(_after: larder::TimedOut) -> Self {
            Self
        }
    }
    #[cached(kind = "bad", op = "slow", timeout(hard = "20ms"))]
    async fn slow(number: u32) -> Result<u32, Late> {
        std::future::pending::<()>().await;
        Ok(number)
    }
    let cache = register("bad", roomy());
    let notes = what(&cache, EventFilter::all());
    let panics = cache.get_or_compute("key", || async {
        assert_eq!(1, 2, "as the test wants it");
        1
    });
    let panicked = std::panic::AssertUnwindSafe(panics).catch_unwind().await;
    panicked.expect_err("a panic");
    let expected = [missed(MissReason::Absent, Ending::Panicked)];
    assert_eq!(notes.since(&cache).await, expected);
    assert_eq!(slow(1).await, Err(Late));
    let expected = [missed(MissReason::Absent, Ending::TimedOut)];
    assert_eq!(notes.since(&cache).await, expected);
    assert_eq!(call::peek(slow(1)).await, None);
    let nothing = Happened::Miss {
        reason: None,
        ending: Ending::Missed,
    };
    assert_eq!(notes.since(&cache).await, [nothing]);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_told_as_far_as_it_came() {
    let cache = in_memory("events");
    let notes = kinds(&cache);
    let mut computing = Box::pin(cache.get_or_compute("key", std::future::pending::<i32>));
    assert!(poll_once(&mut computing).is_pending());
    drop(computing);
    assert_eq!(notes.since(&cache).await, []);
    // A wait for events that is given up.
    drop(Box::pin(cache.flush_events()));
    cache.set("key", 1).await;
    let mut flush = Box::pin(cache.flush_events());
    let _any = poll_once(&mut flush);
    drop(flush);
    assert_eq!(notes.since(&cache).await, [EventKind::Stored]);
}

#[tokio::test]
async fn a_removal_that_is_dropped_while_the_store_is_told_is_told_all_the_same() {
    let store = Arc::<support::map_store::MapStore>::default();
    let cache = support::register_over("halfway", &store);
    cache.set("key", 1).await;
    let notes = kinds(&cache);
    store.hangs.store(true, Ordering::SeqCst);
    let mut removal = Box::pin(cache.remove("key"));
    assert!(poll_once(&mut removal).is_pending());
    drop(removal);
    let mut told = notes.since(&cache).await;
    told.sort_unstable();
    assert_eq!(told, [EventKind::Invalidated, EventKind::Forgotten]);
}

#[tokio::test]
async fn values_are_let_go_of_with_their_events() {
    #[derive(Clone)]
    #[expect(dead_code, reason = "it is there to be counted")]
    struct Counted(Arc<()>);
    #[cached(kind = "let-go", local, skip(count))]
    async fn counted(number: u8, count: &Arc<()>) -> Counted {
        assert_eq!(number, 1);
        Counted(count.clone())
    }
    let cache = register("let-go", roomy());
    let filter = EventFilter::all().with_values();
    let seen = Notes::of(&cache, filter, |event| event.value::<Counted>().is_some());
    let count = Arc::new(());
    drop(counted(1, &count).await);
    drop(counted(1, &count).await);
    cache.clear().await;
    let told = seen.since(&cache).await;
    assert_eq!(told.iter().filter(|has_value| **has_value).count(), 3);
    // The thread drops an event before the next one is taken.
    eventually("nobody has it", async || Arc::strong_count(&count) == 1).await;
}

#[tokio::test]
async fn what_is_in_memory_and_no_result_of_a_function_is_no_hit_that_is_told() {
    #[cached(kind = "heard.shared", op = "shared", shared, none_ttl = "1h")]
    async fn perhaps(id: u32) -> Option<u32> {
        (id > 3).then_some(id)
    }
    #[cached(kind = "heard.shared", op = "shared", shared)]
    async fn surely(id: u32) -> u32 {
        id
    }
    let cache = register("heard.shared", roomy());
    let hits = what(&cache, EventFilter::all().only([EventKind::Hit]));
    for _ in 0..2 {
        assert_eq!((surely(4).await, perhaps(4).await), (4, Some(4)));
    }
    // From here on this thread knows both.
    assert_eq!(hits.since(&cache).await.len(), 3);
    assert_eq!((perhaps(1).await, surely(1).await), (None, 1));
    assert_eq!(hits.since(&cache).await, []);
    assert_eq!((cache.stats().hits, cache.stats().misses), (3, 3));
    assert_eq!((perhaps(1).await, surely(1).await), (Some(1), 1));
    let in_memory = Happened::Hit(Origin::Memory);
    assert_eq!(hits.since(&cache).await, [in_memory.clone(), in_memory]);
    assert_eq!((cache.stats().hits, cache.stats().misses), (5, 3));
}
