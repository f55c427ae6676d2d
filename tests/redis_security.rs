//! Who gets in, and what nobody gets to see.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use fixture::{Certificates, ClientCertificate, Fault, Proxy, RedisServer};
use larder::{
    Cache, CacheConfig, CacheConfigBuilder, CacheError, CacheFactory, Credentials, SecurityConfig,
    cached,
};
use support::{Log, eventually, register, roomy};

fn over(server: &RedisServer, security: SecurityConfig) -> CacheConfigBuilder {
    roomy()
        .redis_url(server.url())
        .security(security)
        .store_budget(Duration::from_secs(2))
}

/// Whether values are written as this user and over this way; else why not.
async fn gets_in(server: &RedisServer, security: SecurityConfig) -> Result<(), String> {
    let config = over(server, security).fail_on_connection_error(true);
    let config = config.build().expect("valid settings");
    let cache = match CacheFactory::from_config(&config).await {
        Ok(cache) => cache,
        Err(error) => {
            assert!(
                matches!(error, CacheError::Infrastructure { .. }),
                "{error}"
            );
            assert!(!error.to_string().contains("canary"), "{error}");
            return Err(error.to_string());
        }
    };
    cache.set("key", 1).await;
    assert!(cache.flush(Duration::from_secs(5)).await);
    let keys = server.command(&["KEYS", "*key*"]);
    assert_eq!(keys.list().len(), 1, "{keys:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_is_trusted_if_the_given_authority_vouches_for_its_name() {
    let ours = Certificates::new();
    let server = RedisServer::start_tls(&ours, ClientCertificate::NotAsked);
    let trusting = |ca: &Path| SecurityConfig::default().tls_ca(ca);
    assert_eq!(gets_in(&server, trusting(&ours.ca())).await, Ok(()));

    let others = Certificates::new();
    let refused = gets_in(&server, trusting(&others.ca())).await;
    assert!(refused.is_err(), "another authority");
    let refused = gets_in(&server, SecurityConfig::default().tls()).await;
    assert!(refused.is_err(), "the system's authorities");
    for wrong in [
        Certificates::for_name("other.example"),
        Certificates::expired(),
    ] {
        let server = RedisServer::start_tls(&wrong, ClientCertificate::NotAsked);
        let refused = gets_in(&server, trusting(&wrong.ca())).await;
        assert!(refused.is_err(), "another name, or too late");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_it() {
    let certificates = Certificates::new();
    let server = RedisServer::start_tls(&certificates, ClientCertificate::Required);
    let without = SecurityConfig::default().tls_ca(certificates.ca());
    assert!(gets_in(&server, without.clone()).await.is_err());
    let with =
        without.client_certificate(certificates.client_certificate(), certificates.client_key());
    assert_eq!(gets_in(&server, with.clone()).await, Ok(()));
    // Files that are something else.
    let swapped =
        with.client_certificate(certificates.client_key(), certificates.client_certificate());
    let refused = gets_in(&server, swapped).await.expect_err("no certificate");
    assert!(refused.contains("PEM"), "{refused}");
}

#[tokio::test]
async fn tls_that_a_server_does_not_speak_is_not_given_up_for_plain_text() {
    let server = RedisServer::start();
    let refused = gets_in(&server, SecurityConfig::default().tls()).await;
    assert!(refused.is_err());
    let monitored = server.command(&["INFO", "commandstats"]);
    assert!(!monitored.text().contains("cmdstat_set:"), "{monitored:?}");
}

#[tokio::test]
async fn passwords_and_users_open_the_door_and_wrong_ones_do_not() {
    let server = RedisServer::start_with(&["--requirepass", "canary-default"]);
    let right = SecurityConfig::default().password("canary-default");
    assert_eq!(gets_in(&server, right).await, Ok(()));
    let wrong = SecurityConfig::default().password("canary-wrong");
    assert!(gets_in(&server, wrong).await.is_err());
    let refused = gets_in(&server, SecurityConfig::default()).await;
    let refused = refused.expect_err("no password");
    assert!(refused.contains("NOAUTH"), "{refused}");

    let server =
        RedisServer::start_with_acl(&["user default off", "user app on >canary-app ~* &* +@all"]);
    let right = SecurityConfig::default().acl_user("app", "canary-app");
    assert_eq!(gets_in(&server, right).await, Ok(()));
    let wrong = SecurityConfig::default().acl_user("nobody", "canary-app");
    assert!(gets_in(&server, wrong).await.is_err());
}

#[tokio::test]
async fn a_password_in_the_url_is_decoded() {
    let server =
        RedisServer::start_with_acl(&["user default off", "user a:b on >p@ss/word ~* &* +@all"]);
    let url = format!("redis://a%3Ab:p%40ss%2Fword@127.0.0.1:{}/0", server.port());
    let cache = register("decoded", roomy().redis_url(url));
    eventually("Redis answers", async || {
        cache.connect().await && cache.ping().await
    })
    .await;
}

#[tokio::test]
async fn credentials_that_change_are_followed() {
    #[cached(kind = "rotation")]
    async fn id(id: u32) -> u32 {
        id
    }
    let server =
        RedisServer::start_with_acl(&["user default off", "user app on >first ~* &* +@all"]);
    let password = Arc::new(RwLock::new("first".to_owned()));
    let current = password.clone();
    let security = SecurityConfig::default().credentials(move || Credentials {
        username: Some("app".to_owned()),
        password: current.read().expect("no panic").clone().into(),
    });
    let cache = register("rotation", over(&server, security));
    assert!(cache.connect().await);
    assert_eq!(id(1).await, 1);

    // Redis ends the connections of a user who is deleted.
    server.command(&["ACL", "DELUSER", "app"]);
    let second = [
        "ACL", "SETUSER", "app", "on", ">second", "~*", "&*", "+@all",
    ];
    server.command(&second);
    eventually("the old password is of no use", async || {
        assert_eq!(id(2).await, 2);
        !cache.ping().await
    })
    .await;
    "second".clone_into(&mut password.write().expect("no panic"));
    eventually("the new one is", async || {
        assert_eq!(id(3).await, 3);
        cache.ping().await
    })
    .await;
}

#[test]
fn settings_that_contradict_themselves_are_refused_in_words() {
    let certificates = Certificates::new();
    let (plain, missing) = (SecurityConfig::default(), Path::new("/nowhere/ca.pem"));
    let mut half = plain.clone().tls();
    half.tls_cert_path = Some(certificates.client_certificate());
    let mut nameless = plain.clone();
    nameless.acl_password = Some("canary".to_owned().into());
    let mut without_tls = plain.clone().tls_ca(certificates.ca());
    without_tls.use_tls = false;
    for (security, expected) in [
        (plain.clone().acl_user("app", ""), "acl_password"),
        (
            plain.clone().acl_user("", "canary"),
            "acl_username is empty",
        ),
        (nameless, "acl_username is missing"),
        (plain.clone().password(""), "redis_auth is empty"),
        (
            plain.clone().password("canary").acl_user("app", "canary"),
            "redis_auth and acl_username",
        ),
        (half, "tls_key_path"),
        (without_tls, "use_tls is false"),
        (plain.clone().tls_ca(missing), "/nowhere/ca.pem"),
    ] {
        let config = CacheConfig::builder()
            .environment("production")
            .redis_url("redis://localhost")
            .security(security)
            .build();
        let error = config.expect_err(expected);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_any_more_is_given_to_nobody_else() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let config = roomy()
        .redis_url(proxy.url())
        .enable_l1_cache(false)
        .store_budget(Duration::from_secs(2));
    let cache = register("shifted", config);
    assert!(cache.connect().await);
    let keys: Vec<String> = (0..50).map(|n| format!("key {n}")).collect();
    cache.set_many(keys.iter().cloned().zip(0_usize..)).await;
    proxy.set(Fault::Delay(Duration::from_millis(10)));

    let looked_up = (0..500_usize).map(async |n| {
        let key = &keys[n * 7 % 50];
        // Some leave at once, some stay, and the others may go either way.
        let patience = Duration::from_millis(match n % 5 {
            0 => 0,
            1 => 10_000,
            _ => n as u64 * 13 % 200,
        });
        let found = tokio::time::timeout(patience, cache.get::<usize>(key)).await;
        found.is_ok_and(|found| {
            assert_eq!(found, Some(n * 7 % 50));
            true
        })
    });
    let looked_up = futures_util::future::join_all(looked_up).await;
    let answered = looked_up.iter().filter(|answered| **answered).count();
    assert!((1..500).contains(&answered), "{answered} of 500 answered");
    assert_eq!(cache.stats().refused.foreign, 0);
}

#[tokio::test]
async fn a_redis_that_throws_keys_away_costs_no_answer_and_brings_nothing_back() {
    #[cached(kind = "evicted", op = "evicted", tags("tag"))]
    async fn padded(id: u32, version: u32) -> (u32, u32, String) {
        (id, version, format!("{id}").repeat(500))
    }
    let server =
        RedisServer::start_with(&["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random"]);
    let config = over(&server, SecurityConfig::default()).compression_threshold(1 << 20);
    for version in 0..3 {
        let cache = register("evicted", config.clone().enable_l1_cache(false));
        assert!(cache.connect().await);
        for id in 0..1000 {
            let found = padded(id, version).await;
            assert_eq!((found.0, found.1), (id, version));
            cache.set(&format!("{id}"), version).await;
        }
        cache.remove_tag("tag").await;
        let after = larder::call::outcome(padded(1, version)).await;
        assert_eq!(after.origin, larder::call::Origin::Computed);
        for id in 0..1000 {
            let found = cache.get::<u32>(&format!("{id}")).await;
            assert!(found.is_none_or(|found| found == version), "{found:?}");
        }
    }
    let info = server.command(&["INFO", "stats"]);
    let evicted = info
        .text()
        .lines()
        .find(|line| line.starts_with("evicted_keys:"));
    assert_ne!(evicted, Some("evicted_keys:0"));
}

/// The log is that of the process, so everything that is logged at start-up is looked at here.
#[tokio::test]
async fn what_is_unsafe_or_without_meaning_is_said_at_start_up() {
    let log = Log::collect_warnings();
    let build = |url: &str, security: SecurityConfig| {
        let config = CacheConfig::builder().redis_url(url).security(security);
        let config = config.build().expect("valid settings");
        Cache::builder("start-up", &config)
            .build()
            .expect("a cache")
    };
    build("redis://user:canary@localhost", SecurityConfig::default());
    let missing = SecurityConfig::default().tls_ca("/nowhere/ca.pem");
    build("redis://user:canary@localhost", missing);
    let socket = SecurityConfig::default().password("canary");
    build("redis+unix:///tmp/socket", socket);
    let lines = log.lines();
    let about = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!(about("without TLS"), 1, "{lines:?}");
    assert_eq!(about("/nowhere/ca.pem"), 1, "{lines:?}");
    assert_eq!(about("canary"), 0, "{lines:?}");
}
