//! What nobody gets to see: in logs, statistics, errors and `Debug`, and on the way to Redis. A process
//! of its own, for its log.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use fixture::{RedisServer, Reply};
use larder::call::{self, Origin};
use larder::{
    Cache, CacheConfig, CacheConfigBuilder, CacheFactory, Credentials, KeyPrivacy, SecurityConfig,
    cached,
};
use serde::{Deserialize, Serialize};
use support::{Log, eventually, register, roomy};

const PATIENCE: Duration = Duration::from_secs(5);

const PASSWORD: &str = "password/canary";
const WRONG_PASSWORD: &str = "wrong-canary";
const ENCRYPTION_KEY: &str = "a2V5IG9uZSwgMzIgYnl0ZXMsIGZvciB0ZXN0cyE9ISE=";
const KEY_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const TEXT: &str = "text-canary";
const LONG: &str = "long-canary";
const ARGUMENT: &str = "argument-canary";
const VALUE: &str = "value-canary";
const KEY: &str = "key-canary";
const TAG: &str = "tag-canary";
const TENANT: &str = "tenant-canary";

/// What is nowhere to be seen, however keys are named.
const SECRETS: [&str; 11] = [
    PASSWORD,
    "password%2Fcanary",
    "password%2fcanary",
    WRONG_PASSWORD,
    ENCRYPTION_KEY,
    KEY_SECRET,
    LONG,
    ARGUMENT,
    VALUE,
    TAG,
    TENANT,
];

/// What the names of keys may show, and no other part of a command.
const NAMES: [&str; 2] = [TEXT, KEY];

/// Cannot be written, and says why in words that are nobody's business.
#[derive(Clone, Debug, Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(VALUE))
    }
}

mod functions {
    use super::{Unwritable, VALUE};
    use larder::cached;

    #[cached(kind = "secrets", op = "answer", tags("{argument}", "tag-canary"))]
    pub async fn answer(text: &str, argument: &str) -> Result<String, String> {
        if argument == "fails" {
            return Err(VALUE.to_owned());
        }
        Ok(format!("{VALUE} for {text} and {argument}"))
    }

    #[cached(kind = "secrets", op = "large")]
    pub async fn large(text: &str, argument: &str) -> Vec<u64> {
        assert!(text != argument);
        let noise = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (0..1_000_000_u64).map(noise).collect()
    }

    #[cached(kind = "secrets", op = "unwritable")]
    pub async fn unwritable(text: &str) -> Unwritable {
        assert!(!text.is_empty());
        Unwritable
    }
}

/// What was to be seen, and what it was seen in.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn debug(&mut self, what: &impl std::fmt::Debug) {
        self.0.push(format!("{what:?} {what:#?}"));
    }

    fn holds(&self, secret: &str) -> Vec<&String> {
        self.0.iter().filter(|line| line.contains(secret)).collect()
    }
}

fn settings(server: &RedisServer, protocol: &str, password: &str) -> CacheConfigBuilder {
    let url = format!(
        "redis://app:{}@127.0.0.1:{}/0?protocol={protocol}",
        password.replace('/', "%2F"),
        server.port()
    );
    roomy()
        .redis_url(url)
        .key_secret(KEY_SECRET)
        .store_budget(Duration::from_millis(500))
        .open_for(Duration::from_millis(50))
}

/// Calls, look-ups, and removals, with everything that is secret in them.
async fn use_of(cache: &Cache, seen: &mut Seen) {
    let long = format!("{LONG} ").repeat(300);
    for text in [TEXT, &long] {
        for _ in 0..2 {
            let answer = functions::answer(text, ARGUMENT).await;
            assert_eq!(answer, Ok(format!("{VALUE} for {text} and {ARGUMENT}")));
        }
        assert_eq!(
            functions::answer(text, "fails").await,
            Err(VALUE.to_owned())
        );
        let of_tenant = call::tenant(TENANT, functions::answer(text, ARGUMENT)).await;
        assert!(of_tenant.is_ok());
        functions::unwritable(text).await;
        call::remove(functions::answer(text, "removed")).await;
    }
    cache.set(KEY, VALUE.to_owned()).await;
    let long = format!("{KEY} ").repeat(300);
    cache.set(&long, VALUE.to_owned()).await;
    cache.get::<u32>(KEY).await;
    cache.get::<String>(KEY).await;
    cache.ttl(KEY).await;
    cache.keys(&format!("{KEY}*")).await;
    cache.remove_matching(&format!("{KEY}-*")).await;
    cache.remove_tag(TAG).await;
    cache.remove_tenant(TENANT).await;
    cache.remove(&long).await;
    if cache.ping().await {
        cache.flush(PATIENCE).await;
    }
    seen.debug(cache);
    seen.debug(&cache.stats());
}

async fn connected(config: &CacheConfigBuilder) -> Cache {
    let cache = register("secrets", config.clone());
    eventually("Redis answers", async || {
        cache.connect().await && cache.ping().await
    })
    .await;
    cache
}

/// The same with a server that goes wrong in all the ways there are.
async fn faults(server: &mut RedisServer, config: &CacheConfigBuilder, seen: &mut Seen) {
    let cache = connected(config).await;
    use_of(&cache, seen).await;
    functions::large(TEXT, ARGUMENT).await;
    assert!(cache.flush(PATIENCE).await);

    // Entries that are corrupt, of another type, or too large.
    let keys = server.command(&["KEYS", "*"]);
    for (n, key) in keys.list().iter().enumerate() {
        let key = key.text();
        server.command(&["DEL", key]);
        match n % 3 {
            0 => drop(server.command(&["SET", key, "garbage"])),
            1 => drop(server.command(&["LPUSH", key, "a list"])),
            _ => drop(server.command(&["SETRANGE", key, "9000000", "x"])),
        }
    }
    let cache = connected(config).await;
    use_of(&cache, seen).await;
    server.command(&["FLUSHALL"]);

    server.kill();
    use_of(&cache, seen).await;
    server.restart();
    eventually("Redis is back", async || cache.ping().await).await;
    use_of(&cache, seen).await;
    cache.disconnect();
}

async fn refused(server: &RedisServer, protocol: &str, seen: &mut Seen) {
    let config = settings(server, protocol, WRONG_PASSWORD).fail_on_connection_error(true);
    seen.debug(&config);
    let config = config.build().expect("valid settings");
    seen.debug(&config);
    for error in [
        CacheFactory::for_kind("secrets", &config).await.err(),
        config.check_connection().await.err(),
    ] {
        let error = error.expect("a wrong password");
        seen.debug(&error);
        seen.0.push(error.to_string());
    }
    let report = config.security_report().expect("settings of use");
    seen.debug(&report);
    seen.0.push(report.to_string());
    let security = SecurityConfig::default().credentials(|| Credentials {
        username: Some("app".to_owned()),
        password: WRONG_PASSWORD.into(),
    });
    seen.debug(&security);
    let cache = register(
        "secrets",
        roomy().redis_url(server.url()).security(security),
    );
    assert!(!cache.connect().await);
    use_of(&cache, seen).await;
    let rejected = CacheConfig::builder()
        .encryption_key(VALUE)
        .key_secret(ARGUMENT)
        .redis_url(format!("redis://app:{PASSWORD}@host:1/{VALUE}"))
        .build();
    let error = rejected.expect_err("not valid");
    seen.debug(&error);
    seen.0.push(error.to_string());
}

/// Whether a command shows the text in the name of a key alone.
fn is_in_a_name_of_a_key(line: &str, text: &str) -> bool {
    line.split('"').all(|word| {
        !word.contains(text) || word.starts_with("secrets:op:") || word.starts_with("secrets:key:")
    })
}

/// One test, because the log is that of the process.
#[tokio::test]
async fn no_secret_is_to_be_seen_whatever_goes_wrong() {
    let log = Log::collect_everything();
    let user = format!("user app on >{PASSWORD} ~* &* +@all");
    for privacy in [KeyPrivacy::Readable, KeyPrivacy::Hashed] {
        for protocol in ["resp2", "resp3"] {
            let mut server = RedisServer::start_with_acl(&["user default off", &user]);
            let monitor = server.monitor();
            let mut seen = Seen::default();
            let config = settings(&server, protocol, PASSWORD)
                .key_privacy(privacy)
                .encryption_key(ENCRYPTION_KEY);
            refused(&server, protocol, &mut seen).await;
            faults(&mut server, &config, &mut seen).await;
            let first = monitor.lines();
            assert!(first.len() > 100, "{first:?}");
            let monitor = server.monitor();
            use_of(&connected(&config).await, &mut seen).await;
            let monitored = [first, monitor.lines()].concat();
            for line in &monitored {
                for name in NAMES {
                    let allowed =
                        privacy == KeyPrivacy::Readable && is_in_a_name_of_a_key(line, name);
                    assert!(allowed || !line.contains(name), "{line}");
                }
            }
            // That they are there in one way shows that the test looks in the right place.
            let shows_names = monitored.iter().any(|line| line.contains(TEXT));
            assert_eq!(shows_names, privacy == KeyPrivacy::Readable);
            let lines = log.lines();
            for name in NAMES {
                assert_eq!(seen.holds(name), Vec::<&String>::new());
                let logged: Vec<_> = lines.iter().filter(|line| line.contains(name)).collect();
                assert_eq!(logged, Vec::<&String>::new());
            }
            seen.0.extend(lines);
            seen.0.extend(monitored);
            for secret in SECRETS {
                assert_eq!(seen.holds(secret), Vec::<&String>::new());
            }
        }
    }
    assert!(log.lines().len() > 10, "{:?}", log.lines());
    let levels = [" WARN ", " INFO "];
    for level in levels {
        assert!(log.lines().iter().any(|line| line.contains(level)));
    }
}

/// So that what the other test does not find would be there to be found.
#[tokio::test]
async fn values_that_are_not_encrypted_are_to_be_seen() {
    #[cached(kind = "open", op = "open")]
    async fn open(id: u32) -> String {
        format!("{VALUE} {id}")
    }
    let server = RedisServer::start();
    let monitor = server.monitor();
    let cache = register("open", roomy().redis_url(server.url()));
    eventually("Redis answers", async || {
        cache.connect().await && cache.ping().await
    })
    .await;
    open(1).await;
    assert!(cache.flush(PATIENCE).await);
    assert!(monitor.lines().iter().any(|line| line.contains(VALUE)));
    assert_eq!(call::outcome(open(1)).await.origin, Origin::Memory);
    assert_ne!(server.command(&["DBSIZE"]), Reply::Int(0));
}
