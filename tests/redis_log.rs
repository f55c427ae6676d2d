//! What is logged about a Redis that comes and goes. A process of its own, for its log.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use fixture::RedisServer;
use support::{Log, eventually, register, roomy};

/// One test, because the log is that of the process.
#[tokio::test]
async fn each_change_is_logged_once_however_often_it_is_tried() {
    static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);
    let log = Log::collect_warnings();

    // Whoever connects here is hung up on, and counted.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            drop(connection);
            ATTEMPTS.fetch_add(1, Ordering::SeqCst);
        }
    });
    let url = format!("redis://127.0.0.1:{port}/0");
    let cache = register("refused", roomy().redis_url(url));
    assert!(!cache.connect().await);
    eventually("it is tried again and again", async || {
        assert!(!cache.ping().await);
        ATTEMPTS.load(Ordering::SeqCst) >= 4
    })
    .await;
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("not reachable"), "{lines:?}");
    assert!(lines[0].contains("use rediss://"), "{lines:?}");
    cache.disconnect();

    let mut server = RedisServer::start();
    let cache = register("lost", roomy().redis_url(server.url()));
    assert!(cache.connect().await);
    server.kill();
    eventually("the loss is noticed", async || {
        assert!(!cache.ping().await);
        log.lines().len() == 2
    })
    .await;
    server.restart();
    eventually("Redis is found again", async || cache.ping().await).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].contains("away"), "{lines:?}");
    assert!(lines[2].contains("answers again"), "{lines:?}");
    cache.disconnect();

    // So is why a server that is well takes nothing.
    let server = RedisServer::start_with(&["--maxmemory", "1"]);
    let cache = register("full", roomy().redis_url(server.url()));
    assert!(cache.connect().await);
    let before = log.lines().len();
    for n in 0..10 {
        cache.set(&n.to_string(), n).await;
    }
    let lines = log.lines().split_off(before);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("OOM") && lines[0].contains("maxmemory-policy"),
        "{lines:?}"
    );
    cache.disconnect();

    // And what is no cluster, asked as one.
    let server = RedisServer::start();
    let url = server.url().replace("redis://", "redis-cluster://");
    let cache = register("no-cluster", roomy().redis_url(url.replace("/0", "")));
    let before = log.lines().len();
    for n in 0..10 {
        assert!(!cache.connect().await);
        assert_eq!(cache.get::<u32>(&n.to_string()).await, None);
    }
    let lines = log.lines().split_off(before);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("no node of a cluster"), "{lines:?}");
    cache.disconnect();

    // What a user may not do is said once, however often it is tried.
    let user = "user short on nopass ~* &* +@all -getrange";
    let server = RedisServer::start_with_acl(&[user, "user default on nopass ~* &* +@all"]);
    let url = server.url().replace("redis://", "redis://short:none@");
    let cache = register("short", roomy().redis_url(url));
    assert!(cache.connect().await);
    let before = log.lines().len();
    for n in 0..10 {
        assert_eq!(cache.get::<u32>(&n.to_string()).await, None);
    }
    let lines = log.lines().split_off(before);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("getrange"), "{lines:?}");
}
