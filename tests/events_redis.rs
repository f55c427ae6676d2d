//! What listeners are told of a real Redis: where values come from, and whether it is there.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use fixture::RedisServer;
use larder::call::{self, MissReason, Origin};
use larder::{
    Breaker, Cache, CacheConfigBuilder, CacheFactory, Ending, EventFilter, EventKind, Extent,
    Happened, Invalidation, InvalidationOrigin, StoreChange, cached,
};
use support::notes::{Notes, what};
use support::{eventually, register, roomy};

fn over(server: &RedisServer) -> CacheConfigBuilder {
    roomy()
        .redis_url(server.url())
        .store_budget(Duration::from_secs(2))
}

#[tokio::test]
async fn cb_2_a_value_from_redis_is_told_once_with_its_key_and_its_value() {
    #[cached(kind = "from-redis", op = "square", ttl = "1h")]
    async fn square(number: u64) -> u64 {
        number * number
    }
    let server = RedisServer::start();
    let first = register("from-redis", over(&server));
    assert!(first.connect().await);
    square(9).await;
    assert!(first.flush(Duration::from_secs(5)).await);

    let second = register("from-redis", over(&server));
    assert!(second.connect().await);
    let filter = EventFilter::all().with_keys().with_values();
    let notes = Notes::of(&second, filter, |event| {
        let key = event.key().map(str::to_owned);
        let value = event.value::<u64>().copied();
        (event.what().clone(), key, value)
    });
    let key = call::key(square(9)).await;
    assert!(key.is_some());
    square(9).await;
    square(9).await;
    call::remove(square(9)).await;
    let hit = |origin| (Happened::Hit(origin), key.clone(), Some(81));
    let removed = Happened::Invalidated {
        extent: Extent::Key,
        how: Invalidation::Remove,
        origin: InvalidationOrigin::Here,
    };
    let removed = (removed, key.clone(), None);
    let mut told = notes.since(&second).await;
    told.retain(|(what, ..)| !matches!(what, Happened::Left(_)));
    assert_eq!(told, [hit(Origin::Store), hit(Origin::Memory), removed]);
}

/// What is told of an invalidation, with its operation and the name of what is invalidated.
type ToldOf = (
    Extent,
    Invalidation,
    InvalidationOrigin,
    Option<String>,
    Option<String>,
);

fn invalidations(cache: &Cache) -> Notes<ToldOf> {
    let filter = EventFilter::all()
        .only([EventKind::Invalidated])
        .with_keys();
    Notes::of(cache, filter, |event| match event.what() {
        Happened::Invalidated {
            extent,
            how,
            origin,
        } => {
            assert_eq!((event.cache(), event.tenant()), ("heard", None));
            let [operation, key] = [event.operation(), event.key()].map(|it| it.map(str::to_owned));
            (*extent, *how, *origin, operation, key)
        }
        other => panic!("{other:?}"),
    })
}

#[tokio::test]
async fn what_other_processes_invalidate_is_told_as_theirs_and_counted() {
    use Invalidation::{Expire, Remove};
    let server = RedisServer::start();
    let config = over(&server).build().expect("valid settings");
    let [ours, theirs] =
        [(); 2].map(|()| Cache::builder("heard", &config).build().expect("a cache"));
    for cache in [&ours, &theirs] {
        assert!(cache.connect().await);
    }
    let heard = invalidations(&ours);
    // Nobody has called it here.
    let of_operation = what(&ours, EventFilter::all().operation("50 %|half"));
    let mut told = Vec::new();
    let mut next = async || {
        eventually("it is heard of", async || {
            told.extend(heard.since(&ours).await);
            !told.is_empty()
        })
        .await;
        let next = told.remove(0);
        assert_eq!(told, [], "each is told once");
        let (extent, how, origin, operation, key) = next;
        assert_eq!(origin, InvalidationOrigin::Elsewhere);
        (extent, how, operation, key)
    };
    let named = |name: &str| Some(name.to_owned());

    theirs.set("key", 1).await;
    assert_eq!(next().await, (Extent::Key, Remove, None, None));
    theirs.remove("key").await;
    assert_eq!(next().await, (Extent::Key, Remove, None, None));
    theirs.remove_matching("k*").await;
    assert_eq!(next().await, (Extent::Matching, Remove, None, None));
    theirs.expire_operation("50 %|half").await;
    let name = named("heard:gen:op:50 %25%7chalf");
    assert_eq!(
        next().await,
        (Extent::Operation, Expire, named("50 %|half"), name)
    );
    theirs.remove_tag("user:7").await;
    let (extent, how, operation, key) = next().await;
    assert_eq!((extent, how, operation), (Extent::Tag, Remove, None));
    assert!(key.is_some_and(|key| key.starts_with("heard:gen:tag:")));
    theirs.expire_tenant("acme").await;
    let (extent, how, operation, key) = next().await;
    assert_eq!((extent, how, operation), (Extent::Tenant, Expire, None));
    assert!(key.is_some_and(|key| key.starts_with("heard:gen:tenant:")));
    theirs.expire_all().await;
    let name = named("heard:gen:kind");
    assert_eq!(next().await, (Extent::Kind, Expire, None, name));
    assert_eq!(of_operation.since(&ours).await.len(), 1);
    assert_eq!(ours.stats().heard_invalidations, 7);

    // What happens here is ours, and nothing that is heard of.
    ours.remove_operation("half").await;
    ours.remove("key").await;
    let told = heard.since(&ours).await;
    let [(Extent::Operation, .., operation, _), (Extent::Key, ..)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(operation.as_deref(), Some("half"));
    let is_here = |(_, _, origin, ..): &ToldOf| *origin == InvalidationOrigin::Here;
    assert!(told.iter().all(is_here));
    eventually("they hear of it", async || {
        theirs.stats().heard_invalidations == 2
    })
    .await;
    assert_eq!(ours.stats().heard_invalidations, 7);
}

#[tokio::test]
async fn what_is_stored_in_redis_alone_is_told() {
    let server = RedisServer::start();
    let cache = register("alone", over(&server).enable_l1_cache(false));
    assert!(cache.connect().await);
    let notes = what(&cache, EventFilter::all());
    cache.set("key", 1).await;
    assert_eq!(cache.get::<i32>("key").await, Some(1));
    cache.get_or_compute("other", || async { 2 }).await;
    cache.flush_events().await;
    let kinds = notes.so_far().into_iter().map(|what| match what {
        Happened::Stored { .. } => EventKind::Stored,
        Happened::Hit(Origin::Store) => EventKind::Hit,
        Happened::Miss { .. } => EventKind::Miss,
        other => panic!("{other:?}"),
    });
    let expected = [
        EventKind::Stored,
        EventKind::Hit,
        EventKind::Miss,
        EventKind::Stored,
    ];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_redis_that_dies_and_comes_back_is_told_once_each_time() {
    let mut server = RedisServer::start();
    let cache = register("dying", over(&server));
    let connections = what(&cache, EventFilter::all().only([EventKind::Connection]));
    let breaker = what(&cache, EventFilter::all().only([EventKind::Breaker]));
    let misses = what(&cache, EventFilter::all().only([EventKind::Miss]));
    assert!(cache.connect().await);
    for round in 1..=2 {
        server.kill();
        eventually("it is noticed", async || {
            cache.get::<i32>("absent").await;
            cache.stats().connections.breaker != Breaker::Closed
        })
        .await;
        // Calls that find it away are no news.
        for _ in 0..10 {
            cache.get::<i32>("absent").await;
        }
        server.restart();
        eventually("it is found", async || {
            cache.get::<i32>("absent").await;
            cache.stats().connections.breaker == Breaker::Closed
        })
        .await;
        eventually("that is told", async || {
            cache.flush_events().await;
            connections.so_far().len() == 1 + 2 * round
        })
        .await;
    }
    let is_there = connections.so_far().into_iter().map(|what| match what {
        Happened::Store(StoreChange::Back { server }) => (server, true),
        Happened::Store(StoreChange::Gone { server, reason }) => {
            assert!(!reason.is_empty());
            (server, false)
        }
        other => panic!("{other:?}"),
    });
    let (servers, is_there): (Vec<_>, Vec<_>) = is_there.unzip();
    assert_eq!(is_there, [true, false, true, false, true]);
    let port = server.port().to_string();
    assert!(servers.iter().all(|server| server.contains(&port)));

    let stands = breaker.so_far().into_iter().map(|what| match what {
        Happened::Store(StoreChange::Breaker { breaker, .. }) => breaker,
        other => panic!("{other:?}"),
    });
    let stands: Vec<Breaker> = stands.collect();
    // Open, tried, left alone again, tried, …, asked again: and that twice.
    assert!(stands.windows(2).all(|two| two[0] != two[1]), "{stands:?}");
    assert_eq!(stands.first(), Some(&Breaker::Open));
    assert_eq!(stands.last(), Some(&Breaker::Closed));
    let closed = stands.iter().filter(|it| **it == Breaker::Closed).count();
    assert_eq!(closed, 2, "{stands:?}");
    assert!(stands.contains(&Breaker::HalfOpen));
    let endings = misses.so_far();
    let all = endings.iter().all(|what| {
        matches!(
            what,
            Happened::Miss {
                ending: Ending::Missed,
                ..
            }
        )
    });
    assert!(all && endings.len() as u64 == cache.stats().misses);
}

#[tokio::test]
async fn a_redis_that_was_never_there_is_told_once() {
    #[cached(kind = "never", op = "answer")]
    async fn answer(number: u64) -> u64 {
        number
    }
    let server = RedisServer::absent();
    let cache = register("never", over(&server));
    let connections = what(&cache, EventFilter::all().only([EventKind::Connection]));
    let misses = what(&cache, EventFilter::all().only([EventKind::Miss]));
    assert!(!cache.connect().await);
    for number in 0..5 {
        answer(number).await;
    }
    assert!(!cache.connect().await);
    cache.flush_events().await;
    assert!(matches!(
        connections.so_far()[..],
        [Happened::Store(StoreChange::Gone { .. })]
    ));
    let away = Happened::Miss {
        reason: Some(MissReason::StoreAway),
        ending: Ending::Computed,
    };
    assert_eq!(misses.so_far(), vec![away; 5]);
}

#[tokio::test]
async fn kinds_that_share_a_connection_each_tell_of_it() {
    // Other tests have these kinds too.
    let _scope = larder::testing::registry_scope();
    let server = RedisServer::start();
    let config = over(&server).build().expect("valid settings");
    larder::init_with(&config).await.expect("caches");
    let [web, ai] = ["web", "ai"].map(|kind| larder::cache(kind).expect("registered"));
    let filter = EventFilter::all().only([EventKind::Connection]);
    let notes = [&web, &ai].map(|cache| what(cache, filter.clone()));
    web.disconnect();
    assert!(web.connect().await);
    for notes in notes {
        let mut changes = Vec::new();
        eventually("it is told", async || {
            web.flush_events().await;
            changes.extend(notes.so_far());
            !changes.is_empty()
        })
        .await;
        assert!(matches!(
            changes[..],
            [Happened::Store(StoreChange::Back { .. })]
        ));
    }
    larder::close().await;
}

#[tokio::test]
async fn cb_3_the_caches_of_the_factory_tell() {
    let server = RedisServer::start();
    for cache in [
        CacheFactory::for_web_app(&server.url()).await,
        CacheFactory::for_ai_app(&server.url()).await,
    ] {
        let cache = cache.expect("a cache");
        let notes = what(&cache, EventFilter::all().only([EventKind::Hit]));
        cache.set("key", 1).await;
        cache.get::<i32>("key").await;
        cache.flush_events().await;
        assert_eq!(notes.so_far(), [Happened::Hit(Origin::Memory)]);
    }
}
