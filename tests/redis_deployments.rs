//! Redis in every form in which it is deployed: on a socket, with a protocol that the URL chooses,
//! behind sentinels, and as a cluster.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use fixture::{Cluster, RedisServer, Sentinels};
use larder::{Cache, Reach, cached};
use support::{Runs, eventually, register, roomy};

const PATIENCE: Duration = Duration::from_secs(5);

/// A cache that is registered and connected, as a fresh process would have it, with time enough for
/// a busy machine.
async fn fresh(kind: &str, url: &str) -> Cache {
    let config = roomy().redis_url(url).store_budget(Duration::from_secs(2));
    let cache = register(kind, config);
    eventually("Redis answers", async || {
        cache.connect().await && cache.ping().await
    })
    .await;
    cache
}

/// That entries are shared, and invalidated in every way.
async fn check_everything(kind: &str, url: &str) {
    let first = fresh(kind, url).await;
    for n in 0..100 {
        first.set(&format!("n:{n}"), n).await;
    }
    assert!(first.flush(PATIENCE).await);

    let second = fresh(kind, url).await;
    for n in 0..100 {
        assert_eq!(second.get::<i32>(&format!("n:{n}")).await, Some(n));
    }
    assert_eq!(second.keys("*").await.len(), 100);
    assert!(second.remove("n:1").await);
    assert_eq!(second.remove_matching("n:2*").await, 11);
    assert_eq!(fresh(kind, url).await.keys("*").await.len(), 88);
    assert_eq!(second.expire_all().await, Reach::Everywhere);
    let third = fresh(kind, url).await;
    assert_eq!(third.get::<i32>("n:3").await, None);
    assert_eq!(third.clear().await, Reach::Everywhere);
    assert!(third.keys("*").await.is_empty());
}

#[tokio::test]
async fn a_socket_is_as_good_as_a_port() {
    let server = RedisServer::start();
    let url = format!("redis+unix://{}?db=3", server.socket().display());
    check_everything("socket", &url).await;
    let used = server.command(&["INFO", "commandstats"]);
    assert!(used.text().contains("cmdstat_select"), "{used:?}");
}

#[tokio::test]
async fn both_protocols_say_the_same() {
    let server = RedisServer::start();
    for protocol in ["resp2", "resp3"] {
        let url = format!("{}?protocol={protocol}&max_connections=4", server.url());
        check_everything("protocols", &url).await;
    }
}

#[tokio::test]
async fn a_cluster_holds_everything_wherever_its_keys_are() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "cluster", op = "cluster.tagged", tags("tag"))]
    async fn tagged(_id: usize) -> usize {
        RUNS.count()
    }
    let mut cluster = Cluster::start(3);
    let ports: Vec<u16> = cluster.nodes().iter().map(RedisServer::port).collect();
    let url = format!("redis-cluster://127.0.0.1:1?node=127.0.0.1:{}", ports[1]);
    check_everything("cluster", &url).await;
    for node in cluster.nodes() {
        let stats = server_stats(node);
        assert!(stats.contains("cmdstat_getrange"), "{stats}");
    }

    // A slot is on its way to another node, and has arrived there.
    let cache = fresh("cluster", &url).await;
    for id in 0..20 {
        assert_eq!(tagged(id).await, id + 1);
    }
    assert!(cache.flush(PATIENCE).await);
    let names: BTreeSet<String> = cluster
        .nodes()
        .iter()
        .flat_map(|node| {
            let keys = node.command(&["KEYS", "*op:cluster.tagged*"]);
            let keys = keys.list().iter().map(|key| key.text().to_owned());
            keys.filter(|key| !key.contains(":gen:"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(names.len(), 20);
    let name = names.first().expect("a key");
    let (slot, from) = (Cluster::slot_of(name), cluster.node_of(name));
    let to = (from + 1) % 3;
    cluster.begin_move_slot(slot, to);
    let cache = fresh("cluster", &url).await;
    for id in 0..20 {
        assert_eq!(tagged(id).await, id + 1, "on its way");
    }
    assert_eq!(cache.stats().store_failures, 0);
    cluster.finish_move_slot(slot, to);
    let cache = fresh("cluster", &url).await;
    for id in 0..20 {
        assert_eq!(tagged(id).await, id + 1, "arrived");
    }
    assert_eq!(RUNS.total(), 20);
    assert_eq!(cache.stats().store_failures, 0);
    assert_eq!(cache.remove_tag("tag").await, Reach::Everywhere);
    assert_eq!(tagged(0).await, 21);
}

#[tokio::test]
async fn a_node_that_is_away_takes_nothing_from_the_others() {
    #[cached(kind = "nodes")]
    async fn id(id: u32) -> u32 {
        id
    }
    let mut cluster = Cluster::start(3);
    let url = format!("redis-cluster://127.0.0.1:{}", cluster.nodes()[0].port());
    let config = roomy()
        .redis_url(url.as_str())
        .enable_l1_cache(false)
        .store_budget(Duration::from_millis(200));
    let cache = register("nodes", config);
    eventually("the cluster answers", async || {
        cache.connect().await && cache.ping().await
    })
    .await;
    for n in 0..60 {
        assert_eq!(id(n).await, n);
    }
    assert!(cache.flush(PATIENCE).await);

    cluster.nodes_mut()[2].stop();
    eventually("the node is left alone", async || {
        for n in 0..60 {
            assert_eq!(id(n).await, n);
        }
        let before = cache.stats();
        for n in 0..60 {
            assert_eq!(id(n).await, n);
        }
        let after = cache.stats();
        let hits = after.store_hits - before.store_hits;
        after.store_timeouts == before.store_timeouts && (1..60).contains(&hits)
    })
    .await;
    cluster.nodes_mut()[2].resume();
    eventually("the node is back", async || {
        for n in 0..60 {
            assert_eq!(id(n).await, n);
        }
        let before = cache.stats().store_hits;
        for n in 0..60 {
            assert_eq!(id(n).await, n);
        }
        cache.ping().await && cache.stats().store_hits == before + 60
    })
    .await;
}

#[tokio::test]
async fn sentinels_say_who_the_master_is_and_who_is_the_next_one() {
    #[cached(kind = "sentinels")]
    async fn id(id: u32) -> u32 {
        id
    }
    let mut sentinels = Sentinels::start();
    let [one, two, three] = sentinels.ports();
    let url = format!(
        "redis-sentinel://127.0.0.1:{one}?master={}&node=127.0.0.1:{two}&node=127.0.0.1:{three}",
        sentinels.name()
    );
    check_everything("sentinels", &url).await;

    // One that is asked to go, and one that is killed.
    let cache = fresh("sentinels", &url).await;
    for round in 0..2 {
        if round == 0 {
            let old = sentinels.master().port();
            sentinels.failover();
            assert_ne!(sentinels.master().port(), old);
        } else {
            let old = sentinels.kill_master();
            sentinels.await_other_master(old);
        }
        eventually("the new master is written to", async || {
            assert_eq!(id(round).await, round);
            cache.set("round", round).await;
            let keys = sentinels.master().command(&["KEYS", "*round*"]);
            cache.ping().await && keys.list().len() == 1
        })
        .await;
        sentinels.master().command(&["FLUSHALL"]);
    }
}

fn server_stats(server: &RedisServer) -> String {
    let stats = server.command(&["INFO", "commandstats"]);
    stats.text().to_owned()
}
