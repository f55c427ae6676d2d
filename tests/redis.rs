//! Calls and look-ups over real Redis servers, healthy and not.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fixture::{Answer, FakeServer, Fault, Proxy, RedisServer, Reply};
use futures_util::future::{join, join_all};
use larder::call::{self, Origin};
use larder::testing::ManualClock;
use larder::{
    Breaker, Cache, CacheConfig, CacheConfigBuilder, CacheError, CacheFactory, Reach, Ttl, cached,
};
use serde::{Deserialize, Serialize};
use support::{Runs, eventually, register, roomy};

const PATIENCE: Duration = Duration::from_secs(5);

/// Settings over this server that a busy test machine does not disturb.
fn over(server: &RedisServer) -> CacheConfigBuilder {
    roomy()
        .redis_url(server.url())
        .store_budget(Duration::from_secs(2))
}

/// A cache that is registered and connected, as a fresh process would have it.
async fn fresh(kind: &str, server: &RedisServer) -> Cache {
    let cache = register(kind, over(server));
    assert!(cache.connect().await);
    cache
}

fn all_keys(server: &RedisServer) -> Vec<String> {
    let keys = server.command(&["KEYS", "*"]);
    keys.list()
        .iter()
        .map(|key| key.text().to_owned())
        .collect()
}

/// Keys of entries.
fn keys(server: &RedisServer) -> Vec<String> {
    let mut keys = all_keys(server);
    let length = |key: &str| server.command(&["STRLEN", key]);
    keys.retain(|key| !key.contains(":gen:") && length(key) != Reply::Int(16));
    keys
}

fn only_key(server: &RedisServer) -> String {
    let [key] = <[String; 1]>::try_from(keys(server)).expect("one key");
    key
}

fn stored(server: &RedisServer, key: &str) -> Vec<u8> {
    match server.command(&["GET", key]) {
        Reply::Bytes(bytes) => bytes,
        other => panic!("{key} holds {other:?}"),
    }
}

fn put(server: &RedisServer, key: &str, value: &[u8]) {
    server.command(&[b"SET".as_slice(), key.as_bytes(), value, b"PX", b"60000"]);
}

#[tokio::test]
async fn a_second_process_computes_nothing() {
    static RUNS: Runs = Runs::new();
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Answer {
        words: Vec<String>,
        scores: HashMap<String, f64>,
        source: Option<Box<Answer>>,
    }
    #[cached(kind = "processes", op = "answer")]
    async fn answer(text: &str) -> Result<Answer, String> {
        RUNS.count();
        let leaf = Answer {
            words: text.split(' ').map(str::to_owned).collect(),
            scores: (0..20)
                .map(|n| (n.to_string(), f64::from(n) / 3.0))
                .collect(),
            source: None,
        };
        Ok(Answer {
            source: Some(Box::new(leaf.clone())),
            ..leaf
        })
    }
    let server = RedisServer::start();

    let first = fresh("processes", &server).await;
    let computed = answer("to be or not").await;
    assert!(first.flush(PATIENCE).await);

    fresh("processes", &server).await;
    let found = call::outcome(answer("to be or not")).await;
    assert_eq!((found.value, found.origin), (computed, Origin::Store));
    let again = call::outcome(answer("to be or not")).await;
    assert_eq!(again.origin, Origin::Memory);
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_redis_that_comes_back_is_told_of_what_was_invalidated_meanwhile() {
    #[cached(kind = "recovery", op = "recovery.tagged", tags("tag"))]
    async fn tagged(_id: u32) -> usize {
        1
    }
    let mut server = RedisServer::start();
    let config = over(&server).store_budget(Duration::from_millis(200));
    let cache = register("recovery", config);
    assert!(cache.connect().await);
    for n in 0..300 {
        cache.set(&format!("n:{n}"), n).await;
    }
    cache.set("stays", 1).await;
    assert_eq!(tagged(1).await, 1);
    assert!(cache.flush(PATIENCE).await);

    server.stop();
    for n in 0..300 {
        cache.remove(&format!("n:{n}")).await;
    }
    assert_eq!(cache.remove_tag("tag").await, Reach::Queued);
    assert!(!cache.flush(Duration::from_millis(100)).await);
    server.resume();

    // Nobody asks for any of it here: others do.
    let others = fresh("recovery", &server).await;
    eventually("Redis is told", async || {
        others.keys("*").await == ["stays"]
    })
    .await;
    eventually("of the tag too", async || {
        let process = fresh("recovery", &server).await;
        process.connect().await && call::peek(tagged(1)).await.is_none()
    })
    .await;
    assert!(cache.flush(PATIENCE).await);
}

#[tokio::test]
async fn a_value_that_was_given_up_and_arrives_late_does_not_bring_back_a_removed_key() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let config = || roomy().redis_url(proxy.url()).key_prefix("overtaken:");
    let cache = Cache::builder("overtaken", &config().build().expect("valid settings"))
        .build()
        .expect("a cache");
    assert!(cache.connect().await);
    let sets = || server.calls("evalsha");
    // So that the script is known, and one command sets a value.
    cache.set("k", "older".to_owned()).await;
    assert!(cache.flush(PATIENCE).await);

    proxy.set(Fault::Delay(Duration::from_secs(3)));
    cache.remove("k").await;
    cache.set("k", "given up".to_owned()).await;
    for _ in 0..20 {
        assert!(!cache.ping().await);
    }
    proxy.set(Fault::None);
    let before = sets();
    eventually("there is another connection", async || cache.ping().await).await;
    cache.remove("k").await;
    assert!(cache.flush(PATIENCE).await);
    let told = sets();
    assert!(told > before, "the removal was told");
    eventually("the old ones arrive", async || sets() >= told + 2).await;
    let there = stored(&server, "overtaken:key:k");
    assert!(larder::Tombstone::is_all(&there), "{there:?}");
}

#[tokio::test]
async fn a_redis_that_comes_back_with_older_data_is_told_again_what_was_removed() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "older", op = "older.tagged", tags("tag"))]
    async fn tagged(id: usize) -> usize {
        RUNS.count() + id
    }
    let mut server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let config = roomy()
        .redis_url(proxy.url())
        .store_budget(Duration::from_secs(2));
    let cache = register("older", config.enable_l1_cache(false));
    assert!(cache.connect().await);
    for key in ["removed", "replaced"] {
        cache.set(key, 1).await;
    }
    assert_eq!(cache.get_or_compute("kept", async || 1).await, 1);
    assert_eq!(tagged(0).await, 1);
    assert!(cache.flush(PATIENCE).await);
    let older = all_keys(&server);
    let older: Vec<_> = older
        .iter()
        .map(|key| (key, stored(&server, key)))
        .collect();
    assert_eq!(
        older.len(),
        7,
        "with the generations of kind, operation and tag"
    );

    assert!(cache.remove("removed").await);
    cache.set("replaced", 2).await;
    assert_eq!(cache.remove_tag("tag").await, Reach::Everywhere);
    proxy.set(Fault::Refuse);
    server.restart();
    for (key, bytes) in &older {
        put(&server, key, bytes);
    }
    proxy.set(Fault::None);
    eventually("it is back", async || cache.ping().await).await;
    assert_eq!(cache.get::<i32>("removed").await, None);
    assert_ne!(cache.get("replaced").await, Some(1));
    assert_eq!(cache.get("kept").await, Some(1));
    assert_eq!(tagged(0).await, 2);

    // Others hear of it, too.
    assert!(cache.flush(PATIENCE).await);
    let other = fresh("older", &server).await;
    assert_eq!(other.get::<i32>("removed").await, None);
    assert_ne!(other.get("replaced").await, Some(1));
    assert_eq!(other.get("kept").await, Some(1));
    assert_eq!(tagged(0).await, 2);
}

#[tokio::test]
async fn a_redis_that_is_no_master_any_more_is_left_until_it_is_one() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "roles")]
    async fn number(_id: u32) -> usize {
        RUNS.count()
    }
    let server = RedisServer::start();
    let cache = fresh("roles", &server).await;
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    // It is told by a write that it is refused.
    assert_eq!(number(1).await, 1);
    eventually("it is left", async || !cache.ping().await).await;
    // A new connection to it is none.
    assert!(!cache.connect().await);
    assert_eq!(number(2).await, 2);
    server.command(&["REPLICAOF", "NO", "ONE"]);
    eventually("it is found again", async || cache.ping().await).await;
    assert_eq!(number(3).await, 3);
    assert!(cache.flush(PATIENCE).await);
    fresh("roles", &server).await;
    assert_eq!(call::outcome(number(3)).await.origin, Origin::Store);
}

#[tokio::test]
async fn a_replica_is_known_without_the_command_hello() {
    let server = RedisServer::start_with(&["--rename-command", "HELLO", ""]);
    let cache = register("no-hello", over(&server));
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    assert!(!cache.connect().await);
    server.command(&["REPLICAOF", "NO", "ONE"]);
    eventually("it is a master", async || cache.connect().await).await;
}

#[tokio::test]
async fn functions_that_claim_one_operation_never_share_in_redis() {
    #[cached(kind = "claims", op = "same")]
    async fn left(id: u32) -> String {
        format!("left {id}")
    }
    #[cached(kind = "claims", op = "same")]
    async fn right(id: u32) -> String {
        format!("right {id}")
    }
    let server = RedisServer::start();
    let first = fresh("claims", &server).await;
    assert_eq!(left(1).await, "left 1");
    assert!(first.flush(PATIENCE).await);

    fresh("claims", &server).await;
    assert_eq!(right(1).await, "right 1");
    assert_eq!(call::outcome(left(1)).await.origin, Origin::Store);
}

#[tokio::test]
async fn every_key_in_redis_expires() {
    #[cached(kind = "expiring", ttl = "2h")]
    async fn attribute(id: u32) -> u32 {
        id
    }
    #[cached(kind = "expiring")]
    async fn default(id: u32) -> u32 {
        id
    }
    let server = RedisServer::start();
    let cache = fresh("expiring", &server).await;

    for id in 0..10 {
        attribute(id).await;
        default(id).await;
        call::ttl(Ttl::Never, default(id + 100)).await;
        call::ttl(Duration::from_millis(1500), default(id + 200)).await;
        cache.set(&format!("user:{id}"), id).await;
        cache
            .set_for(&format!("eternal:{id}"), id, Ttl::Never)
            .await;
    }
    assert!(cache.flush(PATIENCE).await);

    assert_eq!(keys(&server).len(), 60);
    let year = 365 * 24 * 60 * 60 * 1000;
    let mut generations = 0;
    for key in all_keys(&server) {
        let left = server.command(&["PTTL", &key]).int();
        if key.contains(":gen:") {
            // That of the kind is kept longer than every entry.
            let least = if key.ends_with(":kind") { year + 1 } else { 1 };
            assert!((least..=2 * year).contains(&left), "{key}: {left} ms");
            generations += 1;
        } else {
            assert!((1..=year).contains(&left), "{key} expires in {left} ms");
        }
    }
    assert!(generations > 0);
}

#[tokio::test]
async fn a_hit_in_redis_is_one_command() {
    #[cached(kind = "commands")]
    async fn id(id: u32) -> u32 {
        id
    }
    let server = RedisServer::start();
    let cache = fresh("commands", &server).await;
    for n in 0..20 {
        id(n).await;
    }
    assert!(cache.flush(PATIENCE).await);
    // On a clock that stands still, what was read once about invalidations is not read again.
    let config = over(&server).build().expect("valid settings");
    let cache = Cache::builder("commands", &config).clock(ManualClock::new());
    let cache = cache.build().expect("a cache");
    larder::register(cache.clone());
    assert!(cache.connect().await);
    id(0).await;
    server.command(&["CONFIG", "RESETSTAT"]);

    for n in 1..20 {
        assert_eq!(call::outcome(id(n)).await.origin, Origin::Store);
    }
    let info = server.command(&["INFO", "commandstats"]);
    let info = info.text();
    let commands: Vec<_> = info
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="))
        .map(|(command, rest)| (command, rest.split(',').next().unwrap_or_default()))
        .filter(|(command, _)| !command.starts_with("config"))
        .collect();
    assert_eq!(commands, [("getrange", "19")]);
}

#[tokio::test]
async fn many_keys_are_commands_of_one_key_each_that_are_sent_together() {
    let server = RedisServer::start();
    let keys: Vec<String> = (0..100).map(|n| format!("user:{n}")).collect();
    let cache = fresh("together", &server).await;
    let number = |section, name: &str| {
        let info = server.command(&["INFO", section]);
        let line = info.text().lines().find_map(|line| line.strip_prefix(name));
        let digits = line.unwrap_or("0").split(|c: char| !c.is_ascii_digit());
        digits.map(str::to_owned).next().expect("a number")
    };
    let read = || number("stats", "total_reads_processed:").parse::<u32>();
    let mut before = read().expect("a number");
    // How often the server has read: what is sent together is read together.
    let mut is_sent_together = || {
        let now = read().expect("a number");
        let reads = now - std::mem::replace(&mut before, now);
        assert!(reads < 20, "{reads} reads for 100 keys");
    };
    cache.set_many(keys.iter().zip(0..100)).await;
    is_sent_together();
    let reader = fresh("together", &server).await;
    let looked_up = || server.calls("getrange");
    // A script that sets a key looks at it, too.
    let before_look = looked_up();
    let found = reader.get_many::<i32>(&keys).await;
    assert_eq!(found, (0..100).map(Some).collect::<Vec<_>>());
    is_sent_together();
    assert_eq!(looked_up() - before_look, 100);
    // The first script may have to be told twice.
    cache.remove("user:0").await;
    assert_eq!(cache.remove_many(&keys).await, 99);
    is_sent_together();
}

/// A cache of this kind with a hundred numbers in Redis and nothing in memory, and their keys.
async fn a_hundred(kind: &str, server: &RedisServer, budget: Duration) -> (Cache, Vec<String>) {
    let keys: Vec<String> = (0..100).map(|n| format!("user:{n}")).collect();
    let writer = fresh(kind, server).await;
    writer.set_many(keys.iter().zip(0..100)).await;
    let reader = register(
        kind,
        over(server).enable_l1_cache(false).store_budget(budget),
    );
    assert!(reader.connect().await);
    // What is to be known of invalidations is read now.
    assert_eq!(reader.get(&keys[0]).await, Some(0));
    (reader, keys)
}

#[tokio::test]
async fn look_ups_of_many_callers_are_sent_together_and_each_has_its_own_answer() {
    let server = RedisServer::start();
    let (cache, keys) = a_hundred("callers", &server, PATIENCE).await;
    let names = all_keys(&server);
    let of_seven = names.iter().find(|name| name.ends_with("user:7"));
    let of_seven = of_seven.expect("the name of a key");
    server.command(&["DEL", of_seven]);
    server.command(&["RPUSH", of_seven, "no string"]);
    server.command(&["CONFIG", "RESETSTAT"]);

    let callers = keys.iter().map(|key| cache.get::<i32>(key));
    let found = join_all(callers).await;
    let expected = (0..100).map(|n| (n != 7).then_some(n));
    assert_eq!(found, expected.collect::<Vec<_>>());
    let number = |section, name: &str| -> u32 {
        let info = server.command(&["INFO", section]);
        let line = info.text().lines().find_map(|line| line.strip_prefix(name));
        let digits = line
            .unwrap_or_default()
            .split(|c: char| !c.is_ascii_digit());
        let number = digits.map(str::parse).next().expect("a number");
        number.expect("a number")
    };
    assert_eq!(server.calls("getrange"), 100);
    let reads = number("stats", "total_reads_processed:");
    assert!(reads < 20, "{reads} reads for 100 keys");
}

#[tokio::test]
async fn look_ups_that_are_dropped_hold_up_nobody() {
    let server = RedisServer::start();
    let (cache, keys) = a_hundred("dropped", &server, PATIENCE).await;
    for polled in 0..4 {
        let callers = keys.iter().cloned().map(|key| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get::<i32>(&key).await })
        });
        let callers: Vec<_> = callers.collect();
        for _ in 0..polled {
            tokio::task::yield_now().await;
        }
        for (caller, n) in callers.into_iter().zip(0..100) {
            if n % 3 == 1 {
                assert_eq!(caller.await.expect("no panic"), Some(n));
            } else {
                caller.abort();
            }
        }
    }
    assert_eq!(cache.stats().store_failures, 0);
}

#[tokio::test]
async fn look_ups_in_a_redis_that_is_stopped_leave_nothing_behind() {
    let mut server = RedisServer::start();
    let (cache, keys) = a_hundred("behind", &server, Duration::from_millis(200)).await;
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = tasks();
    server.stop();
    let found = join_all(keys.iter().map(|key| cache.get::<i32>(key))).await;
    assert_eq!(found, [None; 100]);
    // The one that looks for a new connection is left, and that of a connection.
    eventually("nobody waits", async || tasks() <= before + 1).await;
    server.resume();
    eventually("Redis is back", async || {
        cache.get(&keys[1]).await == Some(1)
    })
    .await;
}

#[tokio::test]
async fn look_ups_that_wait_on_another_runtime_hold_up_nobody() {
    let server = RedisServer::start();
    let (cache, keys) = a_hundred("ended", &server, PATIENCE).await;
    let (in_thread, some_keys) = (cache.clone(), keys[..10].to_vec());
    let begin = move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            // The runtime stands still before anything is run that they begin.
            let look_ups = some_keys.iter().map(|key| in_thread.get::<i32>(key));
            let mut look_ups: Vec<_> = look_ups.map(Box::pin).collect();
            for look_up in &mut look_ups {
                assert!(support::poll_once(look_up).is_pending());
            }
        });
        runtime
    };
    let runtime = thread::spawn(begin).join().expect("no panic");
    let look_up_all = async || {
        let found = join_all(keys.iter().map(|key| cache.get(key))).await;
        assert_eq!(found, (0..100).map(Some).collect::<Vec<_>>());
    };
    look_up_all().await;
    runtime.shutdown_background();
    look_up_all().await;
    assert_eq!(cache.stats().store_failures, 0);
}

#[tokio::test]
async fn bytes_that_are_not_the_stored_entry_are_a_miss() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "damaged")]
    async fn words(text: String, salt: u32) -> Vec<String> {
        RUNS.count();
        text.split(' ')
            .map(|word| format!("{word}{salt}"))
            .collect()
    }
    let server = RedisServer::start();
    let cache = fresh("damaged", &server).await;
    let expected = words("some words".to_owned(), 1).await;
    assert!(cache.flush(PATIENCE).await);
    let key = only_key(&server);
    let good = stored(&server, &key);

    let mut damaged: Vec<Vec<u8>> = (0..good.len())
        .map(|at| {
            let mut flipped = good.clone();
            flipped[at] ^= 0x55;
            flipped
        })
        .collect();
    damaged.extend((1..good.len()).map(|length| good[..length].to_vec()));
    damaged.push(b"some other program's value".to_vec());
    damaged.push([good.as_slice(), b"more"].concat());
    for bytes in damaged {
        let runs = RUNS.total();
        put(&server, &key, &bytes);
        let cache = fresh("damaged", &server).await;
        assert_eq!(words("some words".to_owned(), 1).await, expected);
        assert_eq!(RUNS.total(), runs + 1, "served {bytes:02x?}");
        assert!(cache.flush(PATIENCE).await);
        assert_eq!(stored(&server, &key).len(), good.len(), "repaired");
    }

    server.command(&["DEL", &key]);
    server.command(&["LPUSH", &key, "a list"]);
    fresh("damaged", &server).await;
    assert_eq!(words("some words".to_owned(), 1).await, expected);
}

#[tokio::test]
async fn what_another_program_left_in_the_place_of_a_generation_gives_way() {
    #[cached(kind = "squatted", op = "squatted")]
    async fn id(id: u32) -> u32 {
        id
    }
    let server = RedisServer::start();
    let cache = fresh("squatted", &server).await;
    id(1).await;
    assert!(cache.flush(PATIENCE).await);
    for key in all_keys(&server) {
        if key.contains(":gen:") {
            server.command(&["DEL", &key]);
            server.command(&["LPUSH", &key, "a list"]);
        }
    }
    let cache = fresh("squatted", &server).await;
    assert_eq!(call::outcome(id(1)).await.origin, Origin::Computed);
    assert_eq!(cache.remove_operation("squatted").await, Reach::Everywhere);
    id(2).await;
    assert!(cache.flush(PATIENCE).await);
    fresh("squatted", &server).await;
    assert_eq!(call::outcome(id(2)).await.origin, Origin::Store);
}

#[tokio::test]
async fn an_entry_that_was_moved_to_another_key_is_a_miss() {
    let server = RedisServer::start();
    let cache = fresh("moved", &server).await;
    cache.set("balance:alice", 1_000_000_u64).await;
    let value = stored(&server, "moved:key:balance:alice");
    put(&server, "moved:key:balance:mallory", &value);

    let cache = fresh("moved", &server).await;
    assert_eq!(cache.get::<u64>("balance:mallory").await, None);
    assert_eq!(cache.get::<u64>("balance:alice").await, Some(1_000_000));
}

#[tokio::test]
async fn a_value_of_another_type_is_a_miss_or_equal() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        id: u32,
        name: String,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct WithoutName {
        id: u32,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct WithDefault {
        id: u32,
        name: String,
        #[serde(default)]
        tags: Vec<String>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Swapped {
        name: String,
        id: String,
    }
    let server = RedisServer::start();
    let old = Old {
        id: 1,
        name: "Ada".to_owned(),
    };
    fresh("types", &server)
        .await
        .set("user:1", old.clone())
        .await;

    let reader = || fresh("types", &server);
    assert_eq!(reader().await.get::<Old>("user:1").await, Some(old));
    assert_eq!(reader().await.get::<WithoutName>("user:1").await, None);
    assert_eq!(reader().await.get::<WithDefault>("user:1").await, None);
    assert_eq!(reader().await.get::<Swapped>("user:1").await, None);
    assert_eq!(reader().await.get::<String>("user:1").await, None);
    assert_eq!(reader().await.get::<(u32, String)>("user:1").await, None);
}

#[tokio::test]
async fn maps_sets_and_free_json_read_back_as_hits() {
    let server = RedisServer::start();
    let map: HashMap<String, Vec<u8>> = (0..50).map(|n| (n.to_string(), vec![n; 3])).collect();
    let set: HashSet<i64> = (-50..50).collect();
    let tree: BTreeMap<(u8, bool), Option<char>> = BTreeMap::from([((1, true), Some('ß'))]);
    let json = serde_json::json!({"complex": "data", "numbers": [1, 2.5, -3], "none": null});
    let wide = (u128::MAX, i128::MIN, f64::MIN_POSITIVE, f32::NAN.to_bits());
    let writer = fresh("shapes", &server).await;
    writer.set("map", map.clone()).await;
    writer.set("set", set.clone()).await;
    writer.set("tree", tree.clone()).await;
    writer.set("json", json.clone()).await;
    writer.set("wide", wide).await;
    writer.set("unit", ()).await;

    let reader = fresh("shapes", &server).await;
    assert_eq!(reader.get("map").await, Some(map));
    assert_eq!(reader.get("set").await, Some(set));
    assert_eq!(reader.get("tree").await, Some(tree));
    assert_eq!(reader.get("json").await, Some(json));
    assert_eq!(reader.get("wide").await, Some(wide));
    assert_eq!(reader.get("unit").await, Some(()));
    assert_eq!(reader.stats().store_hits, 6);
}

#[cfg(feature = "encryption")]
#[tokio::test]
async fn an_encrypted_kind_shows_nothing_in_redis() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "private", op = "diagnosis")]
    async fn diagnosis(text: &str, patient: &str) -> String {
        RUNS.count();
        format!("canary for {patient}: {text}")
    }
    let secret = "a2V5IG9uZSwgMzIgYnl0ZXMsIGZvciB0ZXN0cyE9ISE=";
    let server = RedisServer::start();
    let config = over(&server)
        .encryption_key(secret)
        .key_secret(secret)
        .key_privacy(larder::KeyPrivacy::Hashed);
    for _process in 0..2 {
        let cache = register("private", config.clone());
        assert!(cache.connect().await);
        let answer = diagnosis("canary sings", "canary Ada").await;
        assert_eq!(answer, "canary for canary Ada: canary sings");
        cache.set("canary:1", "canary".to_owned()).await;
        assert_eq!(cache.get("canary:1").await, Some("canary".to_owned()));
        assert!(cache.flush(PATIENCE).await);
    }
    assert_eq!(RUNS.total(), 1);
    let keys = keys(&server);
    assert_eq!(keys.len(), 2);
    for key in keys {
        let shown = String::from_utf8_lossy(&stored(&server, &key)).into_owned() + &key;
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn values_beyond_the_threshold_are_compressed() {
    let server = RedisServer::start();
    let text = "x".repeat(5000);
    fresh("packed", &server)
        .await
        .set("text", text.clone())
        .await;
    let length = server.command(&["STRLEN", "packed:key:text"]).int();
    assert!((1..200).contains(&length), "5000 bytes take {length}");
    let reader = fresh("packed", &server).await;
    assert_eq!(reader.get("text").await, Some(text));
}

#[tokio::test]
async fn a_value_larger_than_the_cap_is_neither_read_nor_written() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "huge")]
    async fn id(id: u32) -> u32 {
        RUNS.count();
        id
    }
    let server = RedisServer::start();
    let cache = fresh("huge", &server).await;
    id(1).await;
    assert!(cache.flush(PATIENCE).await);
    let key = only_key(&server);
    put(&server, &key, &vec![0; 9 * 1024 * 1024]);

    fresh("huge", &server).await;
    assert_eq!(id(1).await, 1);
    assert_eq!(RUNS.total(), 2);

    let noise: Vec<u64> = (0..2_000_000_u64)
        .map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .collect();
    cache.set("noise", noise).await;
    let stored = server.command(&["STRLEN", "huge:key:noise"]);
    assert_eq!(stored, Reply::Int(16), "a tombstone");
}

#[tokio::test]
async fn short_texts_are_readable_in_the_key_and_long_ones_are_hashed() {
    #[cached(kind = "texts", op = "shout|now")]
    async fn shout(text: &str, loud: bool) -> String {
        format!("{}{loud}", text.to_uppercase())
    }
    let server = RedisServer::start();
    let cache = fresh("texts", &server).await;
    shout("a|b%", true).await;
    assert!(cache.flush(PATIENCE).await);
    let key = only_key(&server);
    assert!(
        key.starts_with("texts:op:shout%7cnow|txt:a%7cb%25|args:"),
        "{key}"
    );

    server.command(&["FLUSHALL"]);
    shout(&"secret ".repeat(200), true).await;
    assert!(cache.flush(PATIENCE).await);
    let key = only_key(&server);
    assert!(key.starts_with("texts:op:shout%7cnow|txt:hash:"), "{key}");
    assert!(!key.contains("secret"), "{key}");
}

#[tokio::test]
async fn a_redis_that_is_absent_at_first_is_found_when_it_comes() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "late")]
    async fn id(id: u32) -> u32 {
        RUNS.count();
        id
    }
    let mut server = RedisServer::absent();
    let cache = register("late", over(&server));
    assert!(!cache.connect().await);
    assert!(!cache.ping().await);
    assert_eq!((id(1).await, id(1).await), (1, 1));
    assert_eq!(RUNS.total(), 1);

    server.restart();
    eventually("Redis is found", async || cache.ping().await).await;
    id(2).await;
    assert!(cache.flush(PATIENCE).await);
    assert_eq!(keys(&server).len(), 1);
}

#[tokio::test]
async fn a_redis_that_is_killed_costs_no_answer_and_comes_back() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "killed")]
    async fn id(id: u32) -> u32 {
        RUNS.count();
        id
    }
    let mut server = RedisServer::start();
    let cache = fresh("killed", &server).await;
    for n in 0..10 {
        assert_eq!(id(n).await, n);
    }
    server.kill();
    for n in 0..20 {
        assert_eq!(id(n).await, n);
    }
    assert_eq!(RUNS.total(), 20);

    server.restart();
    eventually("Redis is back", async || cache.ping().await).await;
    assert_eq!(id(20).await, 20);
    assert!(cache.flush(PATIENCE).await);
    assert_eq!(keys(&server).len(), 1);
}

#[tokio::test]
async fn a_server_that_ends_its_connections_is_tried_less_and_less_often() {
    // One ping with each attempt.
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let server = FakeServer::start_unlike(move |command| match &*command[0] {
        b"HELLO" | b"CLIENT" | b"INFO" => None,
        b"PING" => {
            counted.fetch_add(1, Ordering::SeqCst);
            None
        }
        _ => Some(Answer::End),
    });
    let pause = Duration::from_millis(800);
    let config = roomy().redis_url(server.url()).open_for(pause);
    let cache = register("ends", config);
    assert!(cache.connect().await);
    let began = Instant::now();
    while began.elapsed() < pause {
        assert_eq!(cache.get::<u32>("key").await, None);
        tokio::task::yield_now().await;
    }
    // At once, and after an eighth, a quarter and a half of the pause, less what is left to chance.
    assert!((2..=8).contains(&attempts.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn a_redis_that_is_stopped_is_soon_left_alone() {
    #[cached(kind = "stopped")]
    async fn id(id: u32) -> u32 {
        id
    }
    let mut server = RedisServer::start();
    let cache = register("stopped", roomy().redis_url(server.url()));
    eventually("Redis answers", async || {
        cache.connect().await && cache.ping().await
    })
    .await;
    server.stop();
    for n in 0..20 {
        assert_eq!(id(n).await, n);
    }
    let stats = cache.stats();
    assert!(stats.store_failures >= 20, "{stats:?}");
    // One look-up is several operations, and writes in the background may have been under way.
    assert!((1..=10).contains(&stats.store_timeouts), "{stats:?}");

    server.resume();
    eventually("Redis is back", async || cache.ping().await).await;
    eventually("values are written again", async || {
        id(1000).await;
        cache.flush(PATIENCE).await && keys(&server).iter().any(|key| key.contains("op:"))
    })
    .await;
}

#[tokio::test]
async fn a_connection_outlives_the_runtime_it_was_made_on() {
    #[cached(kind = "runtimes")]
    async fn id(id: u32) -> u32 {
        id
    }
    let server = RedisServer::start();
    let cache = register("runtimes", over(&server));
    for n in 0..3 {
        let (cache, keys_before) = (cache.clone(), keys(&server).len());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                eventually("Redis answers", async || cache.ping().await).await;
                assert_eq!(id(n).await, n);
                assert!(cache.flush(PATIENCE).await);
            });
        })
        .join()
        .expect("no panic");
        assert_eq!(keys(&server).len(), keys_before + 1);
    }
}

#[tokio::test]
async fn operators_see_the_way_to_redis_and_what_it_says_about_itself() {
    let mut server = RedisServer::start();
    let config = over(&server).redis_url(format!("{}?max_connections=20", server.url()));
    let cache = register("operators", config);
    assert_eq!(cache.stats().connections.breaker, Breaker::Closed);
    assert!(cache.connect().await);
    cache.set("key", 1).await;
    assert!(cache.connect().await, "again");
    let connections = cache.stats().connections;
    assert_eq!((connections.in_use, connections.available), (0, Some(20)));
    assert_eq!(connections.created_connections, 1);
    let info = cache.store_info().await.expect("Redis says it");
    assert!(info.version.contains('.'), "{info:?}");
    assert!(
        info.used_memory > 0 && info.connected_clients >= 2,
        "{info:?}"
    );
    assert_eq!(info.keys, all_keys(&server).len() as u64);

    server.kill();
    eventually("it is left alone", async || {
        cache.ping().await;
        cache.stats().connections.breaker != Breaker::Closed
    })
    .await;
    assert_eq!(cache.store_info().await, None);
    server.restart();
    eventually("it is asked again", async || {
        cache.ping().await && cache.stats().connections.breaker == Breaker::Closed
    })
    .await;
    assert_eq!(cache.stats().connections.created_connections, 2);
}

#[tokio::test]
async fn the_factory_fails_on_an_absent_redis_only_if_it_is_asked_to() {
    let server = RedisServer::absent();
    let strict = over(&server).fail_on_connection_error(true).build();
    let error = CacheFactory::from_config(&strict.expect("valid"))
        .await
        .expect_err("Redis is absent");
    assert!(
        matches!(error, CacheError::Infrastructure { .. }),
        "{error}"
    );

    let cache = CacheFactory::for_web_app(&server.url())
        .await
        .expect("works without Redis");
    cache.set("user:1", 1).await;
    assert_eq!(cache.get::<i32>("user:1").await, Some(1));
}

#[tokio::test]
async fn clear_forgets_the_kind_and_nothing_else() {
    let server = RedisServer::start();
    let cache = fresh("cleared", &server).await;
    let neighbour = fresh("neighbour", &server).await;
    cache.set("a", 1).await;
    neighbour.set("a", 2).await;
    server.command(&["SET", "unrelated", "1"]);

    cache.clear().await;
    assert_eq!(cache.get::<i32>("a").await, None);
    assert_eq!(neighbour.get::<i32>("a").await, Some(2));
    assert_eq!(server.command(&["EXISTS", "unrelated"]), Reply::Int(1));
}

#[tokio::test]
async fn patterns_find_and_remove_keys_in_both_tiers() {
    let server = RedisServer::start();
    let other_process = fresh("patterns", &server).await;
    for n in 0..30 {
        other_process.set(&format!("user:{n}"), n).await;
    }
    other_process.set("session:1", 1).await;
    let cache = fresh("patterns", &server).await;
    cache.set("user:*", 1).await;

    assert_eq!(cache.keys("*").await.len(), 32);
    assert_eq!(cache.keys("user:1?").await.len(), 10);
    assert_eq!(cache.keys(r"user:\*").await, ["user:*"]);
    assert_eq!(cache.remove_matching(r"user:\*").await, 1);
    assert_eq!(cache.remove_matching("user:*").await, 30);
    assert_eq!(cache.keys("*").await, ["session:1"]);
}

#[tokio::test]
async fn a_walk_over_all_keys_begins_anew_with_another_server() {
    /// The step that follows waits for as long.
    const STEP: Duration = Duration::from_millis(500);
    let entries = |prefix: &[u8], next: &str, names: &[&str]| {
        let keys = names.iter().map(|name| {
            let key = format!("{}{name}", String::from_utf8_lossy(prefix));
            format!("${}\r\n{key}\r\n", key.len())
        });
        let keys = keys.collect::<String>();
        let answer = format!("*2\r\n$1\r\n{next}\r\n*{}\r\n{keys}", names.len());
        Answer::Bytes(answer.into_bytes())
    };
    // Of the first one the first key is read, and of the second one both.
    let (servers, is_read) = (AtomicUsize::new(1), Arc::new(AtomicBool::new(false)));
    let read = is_read.clone();
    let server = FakeServer::start_unlike(move |command| {
        let is_first = servers.load(Ordering::SeqCst) == 1;
        match (&*command[0], command.get(1).map(|it| &**it)) {
            (b"SCAN", Some(b"0")) => {
                let prefix = command[3].strip_suffix(b"*").expect("a prefix");
                if is_first {
                    thread::sleep(STEP);
                    return Some(entries(prefix, "7", &["one"]));
                }
                Some(entries(prefix, "0", &["one", "two"]))
            }
            (b"SCAN", _) => Some(entries(b"", "0", &[])),
            (b"STRLEN", _) => {
                read.store(true, Ordering::SeqCst);
                Some(Answer::Bytes(b":100\r\n".to_vec()))
            }
            (b"PING", _) if is_first && read.load(Ordering::SeqCst) => {
                servers.store(2, Ordering::SeqCst);
                Some(Answer::End)
            }
            _ => None,
        }
    });
    let config = roomy().redis_url(server.url());
    let cache = register("walk", config.store_budget(Duration::from_secs(2)));
    assert!(cache.connect().await);
    let other_server = async {
        eventually("one is read", async || is_read.load(Ordering::SeqCst)).await;
        assert!(!cache.ping().await);
        eventually("the other one is there", async || cache.ping().await).await;
    };
    let (keys, ()) = join(cache.keys("*"), other_server).await;
    assert_eq!(keys, ["one", "two"]);
}

#[tokio::test]
async fn odd_patterns_mean_the_same_in_both_tiers_and_take_bounded_time() {
    let server = RedisServer::start();
    let writer = fresh("odd", &server).await;
    let long = "a".repeat(900);
    let keys = [
        "a", "b", "-", "]", "[", "[a]", "^", r"\", "*", "a*b", "^a", &long,
    ];
    writer.set_many(keys.iter().zip(0..)).await;
    let in_memory = register("odd-in-memory", roomy());
    in_memory.set_many(keys.iter().zip(0..)).await;
    let in_redis = fresh("odd", &server).await;
    let stars = "a*".repeat(1000);
    let classes = "[^b]*".repeat(1000);
    for pattern in [
        "[a]", "[", "[a", "[]", "[^]", "[^", "[^a]", "[a-]", "[b-a]", r"[\]]", r"[\", r"\", r"\\",
        r"\[a]", "[[]", "[]a]", r"\*", "a**b", "?", "^*", &stars, &classes,
    ] {
        let expected = in_memory.keys(pattern).await;
        assert_eq!(in_redis.keys(pattern).await, expected, "{pattern}");
    }
}

#[tokio::test]
async fn the_last_value_that_was_set_is_the_one_in_the_store() {
    let server = RedisServer::start();
    let cache = fresh("ordered", &server).await;
    for n in 0..20 {
        let key = format!("k{n}");
        cache.get_or_compute(&key, || async { 1 }).await;
        cache.set(&key, 2).await;
    }
    for n in 20..40 {
        let key = format!("k{n}");
        cache.get_or_compute(&key, || async { 1 }).await;
        cache.remove(&key).await;
    }
    assert!(cache.flush(PATIENCE).await);
    let reader = fresh("ordered", &server).await;
    for n in 0..20 {
        assert_eq!(reader.get::<i32>(&format!("k{n}")).await, Some(2));
    }
    for n in 20..40 {
        assert_eq!(reader.get::<i32>(&format!("k{n}")).await, None);
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_stored_takes_the_old_one_with_it() {
    let server = RedisServer::start();
    let cache = fresh("grown", &server).await;
    cache.set("text", "small".to_owned()).await;
    let noise =
        (0..9_000_000_u32).map(|n| char::from(b' ' + (n.wrapping_mul(2_654_435_761) >> 26) as u8));
    let large: String = noise.collect();
    cache.set("text", large).await;
    let reader = fresh("grown", &server).await;
    assert_eq!(reader.get::<String>("text").await, None);
}

#[tokio::test]
async fn kinds_whose_names_hold_separators_keep_to_themselves() {
    let server = RedisServer::start();
    let geo = fresh("geo", &server).await;
    let geo_key = fresh("geo:key", &server).await;
    geo.set("key:1", 1).await;
    geo_key.set("1", 2).await;
    assert_eq!(
        fresh("geo", &server).await.get::<i32>("key:1").await,
        Some(1)
    );
    geo.clear().await;
    let geo_key = fresh("geo:key", &server).await;
    assert_eq!(geo_key.get::<i32>("1").await, Some(2));
}

#[tokio::test]
async fn a_value_whose_serialize_panics_harms_no_other_value() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Fragile(u32);
    impl Serialize for Fragile {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert_ne!(self.0, 13, "this one panics");
            serializer.serialize_newtype_struct("Fragile", &self.0)
        }
    }
    #[cached(kind = "fragile")]
    async fn fragile(id: u32) -> Fragile {
        Fragile(id)
    }
    let server = RedisServer::start();
    let cache = fresh("fragile", &server).await;
    for id in 0..50 {
        assert_eq!(fragile(id).await, Fragile(id));
    }
    assert!(cache.flush(PATIENCE).await);
    assert_eq!(keys(&server).len(), 49);
}

#[test]
fn runtimes_without_timers_or_network_cost_no_answer() {
    #[cached(kind = "bare")]
    async fn id(id: u32) -> u32 {
        id
    }
    let server = RedisServer::start();
    let cache = register("bare", over(&server));
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let bare = builder.build().expect("a runtime");
    let with_timers = builder.enable_time().build().expect("a runtime");
    for runtime in [bare, with_timers] {
        runtime.block_on(async {
            assert_eq!(id(1).await, 1);
            cache.clear().await;
            assert!(!cache.connect().await);
            assert_eq!(id(2).await, 2);
            cache.set("a", 1).await;
            assert_eq!(cache.get::<i32>("a").await, Some(1));
            assert!(!cache.ping().await);
        });
    }
    assert!(!futures_util::FutureExt::now_or_never(cache.connect()).unwrap_or(false));
}

#[tokio::test]
async fn no_message_shows_a_password() {
    for url in [
        "redis://user:canary@localhost:99999/0",
        "redis://user:canary@localhost:6379/zero",
        "rediss://user:canary@",
        "redis://user:canary@localhost/?canari=canary",
        "redis://user:canary@localhost/?protocol=4",
        "redis-sentinel://user:canary@localhost",
        "redis-cluster://user:canary@localhost/3",
        "http://user:canary@localhost",
        "redis://user:canary@",
        "redis://default:9/canary@localhost:6379/0",
        "redis://",
        "canary",
    ] {
        let config = CacheConfig::builder().redis_url(url);
        let error = config.clone().build().expect_err(url);
        let shown = format!("{error} {error:?} {config:?}");
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("expected"), "{shown}");
    }
    let config = CacheConfig::builder().redis_url("redis://user:canary@localhost/0");
    let config = config.build().expect("valid");
    let cache = Cache::builder("secret", &config).build().expect("a cache");
    assert!(!format!("{config:?} {cache:?}").contains("canary"));
}
