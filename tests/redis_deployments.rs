//! Redis in every form in which it is deployed: on a socket, with a protocol that the URL chooses,
//! behind sentinels, and as a cluster.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use fixture::{Answer, Cluster, FakeServer, RedisServer, Sentinels};
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
    for (scheme, database) in [("unix", 3), ("redis+unix", 4)] {
        let url = format!("{scheme}://{}?db={database}", server.socket().display());
        check_everything("socket", &url).await;
        let cache = fresh("socket", &url).await;
        cache.set("key", 1).await;
        assert!(cache.flush(PATIENCE).await);
        let used = server.command(&["INFO", "keyspace"]);
        let keys = format!("db{database}:keys=");
        assert!(used.text().contains(&keys), "{used:?}");
    }
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
async fn a_node_without_a_name_is_where_the_one_is_that_names_it() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "nameless", op = "nameless.id")]
    async fn id(id: u32) -> u32 {
        RUNS.count();
        id
    }
    let nameless = ["--cluster-preferred-endpoint-type", "unknown-endpoint"];
    let mut cluster = Cluster::start_with(2, &nameless);
    let url = format!("redis-cluster://127.0.0.1:{}", cluster.nodes()[0].port());
    let config = roomy().redis_url(url).enable_l1_cache(false);
    let cache = register("nameless", config.store_budget(Duration::from_secs(2)));
    assert!(cache.connect().await);
    assert_eq!(id(1).await, 1);
    assert!(cache.flush(PATIENCE).await);
    let mut keys = cluster.nodes().iter().flat_map(|node| {
        let keys = node.command(&["KEYS", "*op:nameless.id*"]);
        let keys = keys.list().iter().map(|key| key.text().to_owned());
        keys.collect::<Vec<_>>()
    });
    let name = keys.find(|key| !key.contains(":gen:"));
    let name = name.expect("the entry");
    let to = 1 - cluster.node_of(&name);
    cluster.move_slot(Cluster::slot_of(&name), to);
    assert_eq!(id(1).await, 1);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(cache.stats().store_failures, 0);
}

/// What a node says that takes the one on this port for the only master.
fn all_slots_at(port: u16) -> Answer {
    let master = format!("*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$5\r\n{port:05}\r\n");
    Answer::Bytes(format!("*1\r\n*3\r\n:0\r\n:16383\r\n{master}").into_bytes())
}

/// What an empty Redis says that takes everything.
fn nothing(command: &[Vec<u8>]) -> Answer {
    let is_generation = command
        .get(3)
        .is_some_and(|key| key.windows(5).any(|part| part == b":gen:"));
    let answer: &[u8] = match &*command[0] {
        b"GETRANGE" => b"$0\r\n\r\n",
        b"EVALSHA" if is_generation => b"$16\r\n0123456789abcdef\r\n",
        _ => b":1\r\n",
    };
    Answer::Bytes(answer.to_vec())
}

#[tokio::test]
async fn where_keys_are_is_what_most_nodes_of_a_cluster_know() {
    let ports = Arc::new(OnceLock::<[u16; 3]>::new());
    let looked_up = Arc::new([const { AtomicUsize::new(0) }; 3]);
    // The first one knows what was once, and says it before the others.
    let nodes = [0, 1, 2].map(|number| {
        let (ports, looked_up) = (ports.clone(), looked_up.clone());
        FakeServer::start(move |command| match &*command[0] {
            b"CLUSTER" if number == 0 => all_slots_at(ports.wait()[0]),
            b"CLUSTER" => {
                thread::sleep(Duration::from_millis(50));
                all_slots_at(ports.wait()[1])
            }
            b"GETRANGE" => {
                looked_up[number].fetch_add(1, Ordering::SeqCst);
                nothing(command)
            }
            _ => nothing(command),
        })
    });
    let [one, two, three] = nodes.each_ref().map(FakeServer::port);
    ports.set([one, two, three]).expect("nobody else sets them");
    let url =
        format!("redis-cluster://127.0.0.1:{one}?node=127.0.0.1:{two}&node=127.0.0.1:{three}");
    let cache = fresh("most", &url).await;
    assert_eq!(cache.get::<u32>("key").await, None);
    let looked_up = looked_up.each_ref().map(|it| it.load(Ordering::SeqCst));
    assert_eq!(looked_up, [0, 1, 0]);
}

#[tokio::test]
async fn a_node_that_keys_move_to_is_told_again_what_was_removed() {
    const OWN: usize = 0;
    const ON_THEIR_WAY: usize = 1;
    const MOVED: usize = 2;
    let told = Arc::new(AtomicUsize::new(0));
    let told_there = told.clone();
    let new = FakeServer::start(move |command| {
        if command.iter().any(|it| it.ends_with(b"removed")) {
            told_there.fetch_add(1, Ordering::SeqCst);
        }
        nothing(command)
    });
    let there = format!("1 127.0.0.1:{}", new.port());
    let (keys, own_port) = (Arc::new(AtomicUsize::new(OWN)), Arc::new(OnceLock::new()));
    let (keys_are, port) = (keys.clone(), own_port.clone());
    // It never says that it is not the master any more: nobody learns it from there.
    let old =
        FakeServer::start(
            move |command| match (&*command[0], keys_are.load(Ordering::SeqCst)) {
                (b"CLUSTER", _) => all_slots_at(*port.wait()),
                (b"GETRANGE", ON_THEIR_WAY) => Answer::Error(format!("ASK {there}")),
                (b"GETRANGE" | b"EVALSHA", MOVED) => Answer::Error(format!("MOVED {there}")),
                _ => nothing(command),
            },
        );
    own_port.set(old.port()).expect("nobody else sets it");
    let cache = fresh(
        "moving",
        &format!("redis-cluster://127.0.0.1:{}", old.port()),
    )
    .await;
    assert!(cache.remove("removed").await);
    for (where_keys_are, is_told) in [(ON_THEIR_WAY, false), (MOVED, true)] {
        keys.store(where_keys_are, Ordering::SeqCst);
        assert_eq!(cache.get::<u32>("key").await, None);
        assert!(cache.flush(PATIENCE).await);
        assert_eq!(told.load(Ordering::SeqCst) > 0, is_told, "{where_keys_are}");
    }
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

#[tokio::test]
async fn what_the_old_master_confirms_is_told_again_to_the_new_one() {
    let sentinels = Sentinels::start();
    let url = format!(
        "redis-sentinel://127.0.0.1:{}?master={}",
        sentinels.ports()[0],
        sentinels.name()
    );
    let cache = fresh("old-master", &url).await;
    cache.set("key", 1).await;
    let entry = |server: &RedisServer| {
        let keys = server.command(&["KEYS", "old-master:*key"]);
        let key = keys.list().first().map(|key| key.text().to_owned());
        key.map(|key| server.command(&["STRLEN", &key]).int())
    };
    // Beside that, there may be a tombstone.
    let is_there = |length: Option<i64>| length.is_some_and(|length| length > 16);
    assert!(is_there(entry(sentinels.master())));
    sentinels.failover();
    assert!(is_there(entry(sentinels.master())), "it has a copy");
    // The old one takes itself for the master for some time yet.
    assert!(cache.remove("key").await);
    eventually("the new one knows", async || {
        !is_there(entry(sentinels.master()))
    })
    .await;
}

#[tokio::test]
async fn one_sentinel_that_hangs_is_not_waited_for() {
    let mut sentinels = Sentinels::start();
    let [one, two, three] = sentinels.ports();
    sentinels.server_mut(two).stop();
    let url = format!(
        "redis-sentinel://127.0.0.1:{one}?master={}&node=127.0.0.1:{two}&node=127.0.0.1:{three}",
        sentinels.name()
    );
    let cache = register("hanging", roomy().redis_url(url));
    let began = Instant::now();
    assert!(cache.connect().await);
    // They are asked twice, and one that hangs is given up after 300 ms.
    assert!(began.elapsed() < Duration::from_millis(600));
}

fn server_stats(server: &RedisServer) -> String {
    let stats = server.command(&["INFO", "commandstats"]);
    stats.text().to_owned()
}
