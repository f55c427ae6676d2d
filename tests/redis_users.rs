//! What the users of `deploy/redis/users.acl` can do, and what is lost without each of their rights.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fixture::{RedisServer, Reply};
use larder::call::{self, Origin};
use larder::{Cache, CacheConfigBuilder, Reach, SecurityConfig, cached};
use sha2::{Digest, Sha256};
use support::{eventually, register, roomy};

const PATIENCE: Duration = Duration::from_secs(5);

const FILE: &str = include_str!("../deploy/redis/users.acl");

/// The kinds of these tests, in the place of those of the file.
const KINDS: [&str; 3] = ["day", "operated", "without"];

/// The users of the file, with passwords, and for the kinds of these tests. `rights` changes those of
/// the application.
fn users(rights: &str) -> Vec<String> {
    let mut lines: Vec<String> = FILE.lines().map(str::to_owned).collect();
    for line in &mut lines {
        for (placeholder, password) in [
            ("SHA256-OF-THE-PASSWORD-OF-THE-APPLICATION", "application"),
            ("SHA256-OF-THE-PASSWORD-OF-THE-OPERATOR", "operator"),
        ] {
            let digest = Sha256::digest(password);
            let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            *line = line.replace(placeholder, &digits.concat());
        }
        for (of_file, ours) in [("~web:*", '~'), ("&web:*", '&')] {
            let ours = KINDS.map(|kind| format!("{ours}{kind}:*")).join(" ");
            *line = line.replace(of_file, &ours);
        }
        if line.starts_with("user larder ") {
            line.push(' ');
            line.push_str(rights);
        }
    }
    lines
}

fn start(rights: &str) -> RedisServer {
    let users = users(rights);
    RedisServer::start_with_acl(&users.iter().map(String::as_str).collect::<Vec<_>>())
}

fn application() -> SecurityConfig {
    SecurityConfig::default().acl_user("larder", "application")
}

fn operator() -> SecurityConfig {
    SecurityConfig::default().acl_user("larder-operator", "operator")
}

fn over(server: &RedisServer, protocol: &str, user: SecurityConfig) -> CacheConfigBuilder {
    roomy()
        .redis_url(format!("{}?protocol={protocol}", server.url()))
        .security(user)
        .store_budget(Duration::from_secs(2))
}

async fn fresh(kind: &str, config: CacheConfigBuilder) -> Cache {
    let cache = register(kind, config);
    assert!(cache.connect().await);
    cache
}

/// What users were denied.
fn denied(server: &RedisServer) -> Vec<String> {
    let log = server.command(&["ACL", "LOG"]);
    let entries = log.list().iter().map(|entry| {
        let fields = entry.list().as_chunks::<2>().0.iter();
        let of = |wanted: &[&str]| {
            let fields = fields
                .clone()
                .filter(|[name, _]| wanted.contains(&name.text()));
            let values = fields.map(|[_, value]| value.text());
            values.collect::<Vec<_>>().join(" ")
        };
        of(&["reason", "object", "username"])
    });
    // The fixture tries as the default user first.
    entries
        .filter(|entry| !entry.ends_with("default"))
        .collect()
}

mod day {
    use larder::cached;

    #[cached(kind = "day", op = "plain")]
    pub async fn plain(id: u32) -> u32 {
        id + 1
    }

    #[cached(kind = "day", op = "tagged", tags("tag:{id}"))]
    pub async fn tagged(id: u32) -> u32 {
        id + 2
    }

    #[cached(kind = "day", op = "expiring", stale_if_error = "1h")]
    pub async fn expiring(text: &str) -> Result<String, String> {
        Ok(text.to_uppercase())
    }

    #[cached(
        kind = "day",
        op = "claimed",
        stale_if_error = "1h",
        single_flight = "cluster"
    )]
    pub async fn claimed(text: &str) -> Result<String, String> {
        if text.is_empty() {
            return Err("nothing".to_owned());
        }
        Ok(text.to_uppercase())
    }
}

/// Everything that a program does in a day, by all the ways into the cache.
async fn a_day(config: &CacheConfigBuilder) {
    let cache = fresh("day", config.clone()).await;
    for id in 0..3 {
        assert_eq!(day::plain(id).await, id + 1);
        assert_eq!(day::tagged(id).await, id + 2);
        let kept = call::tenant("acme", day::plain(id)).await;
        assert_eq!(kept, id + 1);
    }
    let long = "text ".repeat(500);
    for text in ["text", &long] {
        assert_eq!(day::expiring(text).await, Ok(text.to_uppercase()));
    }
    for _ in 0..2 {
        assert_eq!(day::claimed("text").await, Ok("TEXT".to_owned()));
        assert_eq!(day::claimed("").await, Err("nothing".to_owned()));
        assert!(cache.flush(PATIENCE).await);
        assert_eq!(cache.expire_operation("claimed").await, Reach::Everywhere);
    }
    cache.set("one", 1).await;
    cache
        .set_many((0..200).map(|n| (format!("many:{n}"), n)))
        .await;
    assert_eq!(cache.get_or_compute("computed", || async { 7 }).await, 7);
    assert!(cache.flush(PATIENCE).await);

    // As another process.
    let cache = fresh("day", config.clone()).await;
    assert_eq!(call::outcome(day::plain(1)).await.origin, Origin::Store);
    assert_eq!(call::outcome(day::tagged(1)).await.origin, Origin::Store);
    let names: Vec<String> = (0..200).map(|n| format!("many:{n}")).collect();
    let many = cache.get_many::<i32>(&names).await;
    assert_eq!(many, (0..200).map(Some).collect::<Vec<_>>());
    assert!(cache.exists("one").await && cache.ttl("one").await.is_some());
    assert!(cache.ping().await);

    // What is removed is computed anew.
    assert!(cache.remove("one").await);
    assert_eq!(cache.remove_many(&names).await, 200);
    call::remove(day::plain(1)).await;
    call::expire(day::expiring("text")).await;
    assert_eq!(cache.remove_tag("tag:1").await, Reach::Everywhere);
    assert_eq!(cache.expire_operation("expiring").await, Reach::Everywhere);
    assert_eq!(cache.remove_operation("plain").await, Reach::Everywhere);
    assert_eq!(cache.remove_tenant("acme").await, Reach::Everywhere);
    let cache = fresh("day", config.clone()).await;
    assert_eq!(cache.get::<i32>("one").await, None);
    assert_eq!(cache.get::<i32>("many:1").await, None);
    for origin in [
        call::outcome(day::plain(2)).await.origin,
        call::outcome(day::tagged(1)).await.origin,
        call::outcome(call::tenant("acme", day::plain(2)))
            .await
            .origin,
    ] {
        assert_eq!(origin, Origin::Computed);
    }
    assert_eq!(cache.expire_all().await, Reach::Everywhere);
    assert!(cache.flush(PATIENCE).await);
    let stats = cache.stats();
    assert_eq!(
        (stats.store_failures, stats.refused_writes),
        (0, 0),
        "{stats:?}"
    );
    cache.disconnect();
}

#[tokio::test]
async fn the_application_does_all_of_its_day_and_is_denied_nothing() {
    let server = start("");
    for protocol in ["resp2", "resp3"] {
        let config = over(&server, protocol, application());
        let mut all = vec![config.clone()];
        if cfg!(feature = "encryption") {
            all.push(config.encryption_key("a2V5IG9uZSwgMzIgYnl0ZXMsIGZvciB0ZXN0cyE9ISE="));
        }
        for config in all {
            // Nothing is known to the server but its users.
            for command in [&["FLUSHALL"][..], &["SCRIPT", "FLUSH"]] {
                server.command(command);
            }
            a_day(&config).await;
        }
    }
    assert_eq!(denied(&server), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_the_operators_fails_open_for_the_application_and_works_for_the_operator() {
    #[cached(kind = "operated", op = "operated.id")]
    async fn id(id: u32) -> u32 {
        id
    }
    let server = start("");
    let config = over(&server, "resp2", application());
    let writer = fresh("operated", config.clone()).await;
    for n in 0..10 {
        writer.set(&format!("user:{n}"), n).await;
        assert_eq!(id(n).await, n);
    }
    assert!(writer.flush(PATIENCE).await);

    // Nothing is found, and nothing wrong is said.
    let cache = fresh("operated", config.clone()).await;
    assert_eq!(cache.get::<u32>("user:1").await, Some(1));
    let failures = || cache.stats().store_failures;
    assert_eq!(cache.keys("*").await, ["user:1"]);
    assert_eq!(failures(), 1);
    cache.remove_matching("user:*").await;
    assert!(failures() > 1);
    // What could not be looked for is not served any more.
    assert_eq!(cache.get::<u32>("user:2").await, None);
    assert_eq!(id(1).await, 1);
    let failures_before = failures();
    assert_eq!(cache.clear().await, Reach::Everywhere);
    assert!(failures() > failures_before);
    let other = fresh("operated", config.clone()).await;
    assert_eq!(other.get::<u32>("user:3").await, None);
    let denied = denied(&server);
    assert!(!denied.is_empty());
    for entry in denied {
        assert_eq!(entry, "command scan larder");
    }

    let cache = fresh("operated", over(&server, "resp2", operator())).await;
    for n in 0..10 {
        cache.set(&format!("user:{n}"), n).await;
    }
    let operator = fresh("operated", over(&server, "resp2", operator())).await;
    assert_eq!(operator.keys("*").await.len(), 10);
    assert_eq!(operator.remove_matching("user:[0-4]").await, 5);
    assert_eq!(operator.keys("*").await.len(), 5);
    assert_eq!(operator.clear().await, Reach::Everywhere);
    assert_eq!(operator.keys("*").await, Vec::<String>::new());
    assert_eq!(operator.stats().store_failures, 0);
    let left = server.command(&["KEYS", "operated:*"]);
    let is_generation = |key: &Reply| key.text().contains(":gen:");
    assert!(left.list().iter().all(is_generation), "{left:?}");
}

#[tokio::test]
async fn nobody_reaches_beyond_the_prefixes_and_the_commands() {
    let server = start("");
    let as_user = |user: &str, command: &[&str]| {
        let dry_run = [&["ACL", "DRYRUN", user][..], command].concat();
        server.command(&dry_run).text().to_owned()
    };
    for user in ["larder", "larder-operator"] {
        for allowed in [
            &["GETRANGE", "ai_cache:k", "0", "1"][..],
            &["PUBLISH", "ai_cache:bus", "m"],
            &["SUBSCRIBE", "day:bus"],
        ] {
            assert_eq!(as_user(user, allowed), "OK", "{allowed:?}");
        }
        for denied in [
            &["GETRANGE", "other:k", "0", "1"][..],
            &["SET", "other:k", "v"],
            &["PUBLISH", "other", "m"],
            &["SUBSCRIBE", "__keyspace@0__:ai_cache:k"],
            &["PSUBSCRIBE", "*"],
            &["KEYS", "*"],
            &["FLUSHALL"],
            &["CONFIG", "GET", "*"],
            &["MONITOR"],
            &["ACL", "LIST"],
            &["CLIENT", "TRACKING", "ON", "BCAST"],
            &["DEBUG", "SLEEP", "1"],
            &["SCRIPT", "FLUSH"],
        ] {
            assert_ne!(as_user(user, denied), "OK", "{denied:?}");
        }
        let may_scan = as_user(user, &["SCAN", "0"]) == "OK";
        assert_eq!(may_scan, user == "larder-operator");
    }
}

/// Of the application, as in `+set`.
fn rights() -> Vec<&'static str> {
    let line = FILE.lines().find(|line| line.starts_with("user larder "));
    let words = line.expect("the application").split(' ');
    words.filter_map(|word| word.strip_prefix('+')).collect()
}

#[tokio::test]
async fn without_any_one_of_its_rights_the_application_has_no_wrong_answer() {
    static IS_BROKEN: AtomicBool = AtomicBool::new(false);
    #[cached(
        kind = "without",
        op = "without.value",
        tags("tag"),
        stale_if_error = "1h",
        single_flight = "cluster"
    )]
    async fn value(id: u32, generation: u32) -> Result<(u32, u32), String> {
        if IS_BROKEN.load(Ordering::SeqCst) {
            return Err("broken".to_owned());
        }
        Ok((id, generation))
    }
    let rights = rights();
    assert!(rights.len() > 10, "{rights:?}");
    for right in rights {
        let server = start(&format!("-{right}"));
        // Another database than the first one has to be selected.
        let url = server.url().replace("/0", "/1");
        let config = over(&server, "resp2", application()).redis_url(url);
        for generation in 0..2 {
            let cache = register("without", config.clone());
            cache.connect().await;
            for id in 0..5 {
                for _ in 0..2 {
                    let found = value(id, generation).await;
                    assert_eq!(found, Ok((id, generation)), "without {right}");
                }
            }
            cache.flush(Duration::from_millis(100)).await;
            cache.expire_operation("without.value").await;
            IS_BROKEN.store(true, Ordering::SeqCst);
            let old = value(0, generation).await;
            assert_eq!(old, Ok((0, generation)), "without {right}");
            IS_BROKEN.store(false, Ordering::SeqCst);
            // What is removed is not served, whatever the store did not understand.
            cache.set("key", generation).await;
            cache.ttl("unknown").await;
            cache.remove("key").await;
            cache.remove_tag("tag").await;
            assert_eq!(cache.get::<u32>("key").await, None, "without {right}");
            let after = call::outcome(value(0, generation)).await;
            assert_eq!(after.value, Ok((0, generation)), "without {right}");
            assert_eq!(after.origin, Origin::Computed, "without {right}");
        }
        assert!(!denied(&server).is_empty(), "{right} is of no use");
    }
}

#[test]
fn a_file_whose_passwords_nobody_has_set_is_refused_by_redis() {
    let untouched = std::panic::catch_unwind(|| {
        let users: Vec<&str> = FILE.lines().collect();
        RedisServer::start_with_acl(&users)
    });
    let message = untouched.expect_err("no passwords");
    let message = message.downcast_ref::<String>().expect("a message");
    assert!(message.contains("password hash must be"), "{message}");
}

#[tokio::test]
async fn a_cluster_needs_two_rights_more() {
    let users = users("+cluster|slots +asking");
    let users = users.iter().map(|user| format!("--{user}"));
    let options: Vec<String> = users
        .flat_map(|user| user.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .chain(["--cluster-enabled".to_owned(), "yes".to_owned()])
        .collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let server = RedisServer::start_with(&options);
    server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    eventually("all slots are served", async || {
        server
            .command(&["CLUSTER", "INFO"])
            .text()
            .contains("cluster_state:ok")
    })
    .await;
    let config = roomy()
        .redis_url(format!("redis-cluster://127.0.0.1:{}", server.port()))
        .security(application())
        .store_budget(Duration::from_secs(2));
    a_day(&config).await;
    assert_eq!(denied(&server), Vec::<String>::new());
}
