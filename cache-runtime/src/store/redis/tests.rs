//! Ways to a Redis that are slow (every answer takes its time, and nothing is lost), and narrow ones.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fixture::{Answer, FakeServer, Fault, Proxy, RedisServer};

use super::pace::ATTEMPT;
use super::{Address, Pace, RedisStore};
use crate::config::SecurityConfig;
use crate::store::{Announcement, Listener, Store, StoreError};

const PATIENCE: Duration = Duration::from_secs(60);

fn store(url: &str, attempt: Duration) -> RedisStore {
    limited(url, attempt, None)
}

fn limited(url: &str, attempt: Duration, max_connections: Option<u32>) -> RedisStore {
    let address = Address::parse(&url.to_owned().into(), &SecurityConfig::default());
    let address = address.expect("an address").limited_to(max_connections);
    let pace = Pace {
        budget: PATIENCE,
        open_for: Duration::from_millis(20),
        attempt,
    };
    RedisStore::new(address, pace)
}

async fn connect(store: &RedisStore) -> Result<(), StoreError> {
    let connected = tokio::time::timeout(PATIENCE, store.connect());
    connected.await.expect("an answer or a failure")
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A proxy on which every answer takes so long.
fn slow_way(port: u16, round_trip: Duration) -> Proxy {
    let proxy = Proxy::before(port);
    proxy.set(Fault::Delay(round_trip / 2));
    proxy
}

/// That attempts of the usual length never get there over this proxy, and those that may be longer do.
async fn needs_time(url: &str, proxy: &Proxy) -> RedisStore {
    let hasty = store(url, ATTEMPT);
    let failure = connect(&hasty).await.expect_err("too little time");
    assert!(failure.to_string().contains("no answer"), "{failure}");
    let before = proxy.connections();
    eventually("it is tried again and again", || {
        // A cluster is looked for when somebody wants something of it.
        drop(hasty.servers.all());
        proxy.connections() >= before + 3
    })
    .await;
    assert_eq!(hasty.connections().created_connections, 0);
    drop(hasty);

    let patient = store(url, Duration::from_secs(5));
    connect(&patient).await.expect("time enough");
    assert_eq!(patient.connections().created_connections, 1);
    patient
}

async fn keeps(store: &RedisStore) {
    let ttl = Duration::from_secs(60);
    store
        .set("key", &[7; 64], ttl, None)
        .await
        .expect("an answer");
    let found = store.get("key", 100).await.expect("an answer");
    assert_eq!(found.as_deref(), Some(&[7; 64][..]));
}

#[tokio::test]
async fn a_server_far_away_is_found_where_an_attempt_may_take_so_long() {
    let server = RedisServer::start();
    let proxy = slow_way(server.port(), Duration::from_millis(300));
    let store = needs_time(&proxy.url(), &proxy).await;
    keeps(&store).await;
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_by_a_short_attempt() {
    let mut server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let store = store(&proxy.url(), PATIENCE);
    connect(&store).await.expect("a server");
    server.kill();
    // The first operation has it looked for.
    assert!(store.ping().await.is_err());
    // Whoever connects now waits in vain.
    proxy.set(Fault::SwallowAll);
    server.restart();
    let before = proxy.connections();
    eventually("it is tried", || proxy.connections() > before).await;
    proxy.set(Fault::None);
    let began = Instant::now();
    eventually("it is found", || store.servers.any_served().is_some()).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn sentinels_far_away_are_given_more_time_too() {
    let server = RedisServer::start();
    let port = server.port().to_string();
    let asked = Arc::<AtomicUsize>::default();
    let count = asked.clone();
    let sentinel = FakeServer::start(move |command| {
        assert_eq!(command[0], b"SENTINEL");
        count.fetch_add(1, Ordering::SeqCst);
        let named = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len());
        Answer::Bytes(named.into_bytes())
    });
    let proxy = slow_way(sentinel.port(), Duration::from_millis(400));
    let url = format!("redis-sentinel://127.0.0.1:{}?master=name", proxy.port());
    let store = needs_time(&url, &proxy).await;
    keeps(&store).await;
    // They go on being asked over the connection that there is.
    let (before, connections) = (asked.load(Ordering::SeqCst), proxy.connections());
    let is_asked = || asked.load(Ordering::SeqCst) >= before + 3;
    eventually("they are asked again", is_asked).await;
    assert_eq!(proxy.connections(), connections);
    assert_eq!(store.connections().created_connections, 1);
}

#[tokio::test]
async fn nodes_far_away_are_given_more_time_to_say_where_keys_are() {
    let server = RedisServer::start();
    let port = server.port();
    let node = FakeServer::start(move |command| {
        assert_eq!(command[0], b"CLUSTER");
        let slots =
            format!("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$2\r\nid\r\n");
        Answer::Bytes(slots.into_bytes())
    });
    let proxy = slow_way(node.port(), Duration::from_millis(700));
    let url = format!("redis-cluster://127.0.0.1:{}", proxy.port());
    let store = needs_time(&url, &proxy).await;
    keeps(&store).await;

    // In the background as well.
    let store = super::tests::store(&url, Duration::from_secs(5));
    eventually("where keys are is known", || store.servers.all().is_ok()).await;
}

/// Notes whether others are heard.
#[derive(Default)]
struct Ear(AtomicBool);

impl Listener for Ear {
    fn heard(&self, _message: &[u8]) {}

    fn server_changed(&self) {}

    fn connected(&self, is_connected: bool) {
        self.0.store(is_connected, Ordering::SeqCst);
    }

    fn abandoned(&self) {}

    fn pace(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn due(&self, _store_answers: bool) -> Option<Announcement> {
        None
    }
}

#[tokio::test]
async fn what_others_announce_is_heard_over_a_slow_way() {
    let server = RedisServer::start();
    let proxy = slow_way(server.port(), Duration::from_millis(600));
    let store = store(&proxy.url(), Duration::from_secs(5));
    let ear = Arc::<Ear>::default();
    let listener: Arc<dyn Listener> = ear.clone();
    assert!(store.listen("channel", Arc::downgrade(&listener)));
    connect(&store).await.expect("time enough");
    assert!(ear.0.load(Ordering::SeqCst));
}

#[tokio::test]
async fn no_more_operations_are_under_way_than_a_setting_allows() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    // Five callers, each of which asks for two things.
    for (max_connections, expected) in [(Some(2), 2), (None, 10)] {
        let store = Arc::new(limited(&proxy.url(), ATTEMPT, max_connections));
        connect(&store).await.expect("a server");
        let free = max_connections.map(u64::from);
        assert_eq!(store.connections().available, free);

        proxy.set(Fault::HoldAnswers);
        server.command(&["CONFIG", "RESETSTAT"]);
        let ask = || {
            let store = store.clone();
            tokio::spawn(async move { store.ttl("key").await })
        };
        let asked: Vec<_> = (0..5).map(|_| ask()).collect();
        let arrived = || server.calls("pttl") + server.calls("strlen");
        eventually("they arrive", || arrived() >= expected).await;
        // Time for one too many.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(arrived(), expected);
        // Those that wait for their turn count as well.
        let way = store.connections();
        assert_eq!((way.in_use, way.available), (10, free.map(|_| 0)));

        proxy.set(Fault::None);
        for ask in asked {
            let ttl = ask.await.expect("no panic").expect("an answer");
            assert_eq!(ttl, None);
        }
        assert_eq!(store.connections().in_use, 0);
        assert_eq!(store.connections().available, free);
    }
}
