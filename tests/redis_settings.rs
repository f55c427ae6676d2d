//! What is said of settings and servers that cannot be used: the setting, what was found, and what
//! is expected.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::fmt::Debug;
use std::path::Path;

use fixture::{Answer, Certificates, ClientCertificate, FakeServer, RedisServer};
use larder::{Cache, CacheConfig, CacheError, CacheFactory, Credentials, SecurityConfig, cached};
use support::{Log, register, roomy};

/// That `error` says all of this, and shows no secret.
#[track_caller]
fn says(error: &(impl ToString + Debug), expected: &[&str]) {
    let shown = format!("{} {error:?}", error.to_string());
    for expected in expected {
        assert!(shown.contains(expected), "{expected:?} is not in {shown}");
    }
    assert!(!shown.contains("canary"), "{shown}");
}

fn refused(url: &str, security: SecurityConfig) -> CacheError {
    let config = CacheConfig::builder().environment("production");
    let config = config.redis_url(url).security(security);
    let error = config.build().expect_err(url);
    assert!(matches!(error, CacheError::Configuration { .. }), "{error}");
    error
}

#[test]
fn a_url_that_cannot_be_used_is_a_configuration_error() {
    let cluster = "redis-cluster://host/3";
    for (url, found, expected) in [
        ("cache.internal", "no scheme", "put redis:// before it"),
        ("cache.internal:6379", "no scheme", "put redis:// before it"),
        ("localhost:6379", "no scheme", "put redis:// before it"),
        // The name that a server has among containers.
        ("redis:6379", "no scheme", "put redis:// before it"),
        ("127.0.0.1:6379/0", "no scheme", "put redis:// before it"),
        ("[::1]:6379", "no scheme", "put redis:// before it"),
        ("canary:canary@host", "no scheme", "put redis:// before it"),
        (":canary@host/?a=://", "no scheme", "put redis:// before it"),
        ("://host", "no scheme", "put redis:// before it"),
        ("/tmp/redis.sock", "no scheme", "put unix:// before"),
        (" ", "is empty", "expected redis://"),
        (
            "http://:canary@host",
            "the scheme \"http\"",
            "expected redis://",
        ),
        ("redis://", "no host", "expected redis://"),
        ("redis://:canary@", "empty host", "expected redis://"),
        ("redis://host:99999", "invalid port", "expected redis://"),
        (
            "redis://host/canary",
            "a database that is no number",
            "expected redis://",
        ),
        (
            "redis://host/-1",
            "a database that is no number",
            "expected redis://",
        ),
        (
            "redis://host/2147483648",
            "the database 2147483648",
            "expected 0 to 2147483647",
        ),
        (
            "redis://host?db=99999999999999999999",
            "the database 999",
            "expected 0 to",
        ),
        (
            "redis://canary@host",
            "a user and no password",
            "user:password@",
        ),
        (
            "redis://host?protocol=4",
            "protocol with 4",
            "expected resp2 or resp3",
        ),
        (
            "redis://host?max_connections=0",
            "max_connections with 0",
            "above zero",
        ),
        (
            "redis://host?ssl=canary",
            "an unknown parameter \"ssl\"",
            "expected db",
        ),
        (
            "redis://host?node=other",
            "parameter node",
            "for clusters and sentinels",
        ),
        ("redis://user:1#canary@host", "has a #", "write it as %23"),
        (
            "redis://user:1?canary@host",
            "an unknown parameter;",
            "expected db",
        ),
        (
            "redis-cluster://host?node=app:canary@other:1",
            "parameter node",
            "host:port",
        ),
        ("redis+unix://", "no path to a socket", "unix:///path"),
        ("unix:///", "no path to a socket", "unix:///path"),
        ("unix://canary/socket", "names a host", "the third slash"),
        (
            "unix:///tmp/socket?node=other",
            "parameter node",
            "for clusters and sentinels",
        ),
        ("redis-sentinel://host", "no master", "?master=name"),
        (cluster, "database 3 of a cluster", "database 0 alone"),
    ] {
        let error = refused(url, SecurityConfig::default());
        says(&error, &["redis_url", found, expected]);
    }
}

#[test]
fn files_of_tls_that_cannot_be_used_are_errors_in_production_and_warnings_elsewhere() {
    let (good, expired) = (Certificates::new(), Certificates::expired());
    let ca = |path: &Path| SecurityConfig::default().tls_ca(path);
    let of_client = |certificate: &Path, key: &Path| {
        SecurityConfig::default().client_certificate(certificate, key)
    };
    let (certificate, key) = (good.client_certificate(), good.client_key());
    let directory = good.ca().parent().expect("a directory").to_owned();
    let missing = Path::new("/nowhere/file.pem");
    let (log, _guard) = Log::collect_warnings_here();
    for (security, setting, found, expected) in [
        (
            ca(missing),
            "tls_ca_path is /nowhere/file.pem",
            "No such file",
            "a file in PEM",
        ),
        (
            ca(&directory),
            "tls_ca_path",
            "cannot be read",
            "a file in PEM",
        ),
        (
            ca(&key),
            "tls_ca_path",
            "holds no certificate",
            "a file in PEM",
        ),
        (
            of_client(missing, &key),
            "tls_cert_path",
            "No such file",
            "a file in PEM",
        ),
        (
            of_client(&key, &key),
            "tls_cert_path",
            "holds no certificate",
            "a file in PEM",
        ),
        (
            of_client(&expired.client_certificate(), &key),
            "tls_cert_path",
            "expired",
            "one that is valid",
        ),
        (
            of_client(&certificate, missing),
            "tls_key_path",
            "No such file",
            "a file in PEM",
        ),
        (
            of_client(&certificate, &certificate),
            "tls_key_path",
            "holds no key",
            "a file in PEM",
        ),
    ] {
        let said = [setting, found, expected];
        let error = refused("redis://host", security.clone());
        says(&error, &said);

        let before = log.lines().len();
        let config = CacheConfig::builder()
            .redis_url("redis://host")
            .security(security);
        let config = config.build().expect("a warning is no error");
        Cache::builder("files", &config).build().expect("a cache");
        let warnings = &log.lines()[before..];
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        says(&warnings[0], &said);
    }
    let usable = of_client(&certificate, &key).tls_ca(good.ca());
    let config = CacheConfig::builder()
        .environment("production")
        .redis_url("redis://host")
        .security(usable);
    assert!(config.build().is_ok());
}

#[test]
fn a_password_over_plain_tcp_is_warned_of() {
    let (log, _guard) = Log::collect_warnings_here();
    for url in ["redis://app:canary@host", "redis://host"] {
        let security = match url {
            "redis://host" => SecurityConfig::default().password("canary"),
            _ => SecurityConfig::default(),
        };
        let before = log.lines().len();
        let config = CacheConfig::builder().redis_url(url).security(security);
        let config = config.build().expect("valid settings");
        Cache::builder("plain", &config).build().expect("a cache");
        let warnings = &log.lines()[before..];
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        says(
            &warnings[0],
            &["redis://host:6379/0", "without TLS", "use rediss://"],
        );
    }
}

#[tokio::test]
async fn a_redis_that_cannot_be_used_is_an_infrastructure_error_where_it_has_to_be_there() {
    let certificates = Certificates::new();
    let (server, absent) = (RedisServer::start(), RedisServer::absent());
    let url =
        |server: &RedisServer, rest: &str| format!("redis://127.0.0.1:{}{rest}", server.port());
    let nobody = SecurityConfig::default;
    let swapped = nobody().client_certificate(certificates.client_key(), certificates.ca());
    for (url, security, reason) in [
        (url(&absent, ""), nobody(), "refused"),
        (
            "redis://nowhere.invalid".to_owned(),
            nobody(),
            "no address is known of the host nowhere.invalid",
        ),
        (
            "redis+unix:///nowhere/socket".to_owned(),
            nobody(),
            "No such file",
        ),
        (
            "unix:///nowhere/socket".to_owned(),
            nobody(),
            "there is no socket /nowhere/socket",
        ),
        (url(&server, "/99"), nobody(), "it has no database 99"),
        (
            url(&server, "?db=16"),
            nobody(),
            "it has no database 16: servers usually have 16, with the numbers 0 to 15",
        ),
        (
            url(&server, ""),
            nobody().tls_ca("/nowhere/ca.pem"),
            "tls_ca_path cannot be read",
        ),
        (url(&server, ""), swapped, "in PEM"),
    ] {
        let config = roomy().redis_url(url.as_str()).security(security);
        let config = config
            .fail_on_connection_error(true)
            .build()
            .expect("valid settings");
        let error = CacheFactory::from_config(&config).await.expect_err(&url);
        assert!(
            matches!(error, CacheError::Infrastructure { .. }),
            "{error}"
        );
        let place = url
            .split(['?', '@'])
            .next()
            .expect("a part")
            .replace("redis://", "");
        says(
            &error,
            &[
                "redis_url ",
                place.split('/').next().expect("a part"),
                reason,
            ],
        );
    }
}

#[tokio::test]
async fn a_redis_older_than_all_that_was_tried_works_and_is_warned_of() {
    #[cached(kind = "old")]
    async fn id(id: u32) -> u32 {
        id
    }
    let old = |command: &[Vec<u8>]| {
        let is_hello = command[0].eq_ignore_ascii_case(b"HELLO");
        is_hello.then(|| Answer::Error("ERR unknown command `HELLO`".to_owned()))
    };
    let server = FakeServer::start_unlike(old);
    let (log, _guard) = Log::collect_warnings_here();
    let cache = register("old", roomy().redis_url(server.url()));
    assert!(cache.connect().await);
    let lines = log.lines();
    let about: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("version"))
        .collect();
    assert_eq!(about.len(), 1, "{lines:?}");
    says(
        about[0],
        &[
            "redis://127.0.0.1",
            "is unknown",
            "6.2 or later",
            "may be noticed late",
        ],
    );
    assert_eq!(id(1).await, 1);

    let resp3 = roomy().redis_url(format!("{}?protocol=resp3", server.url()));
    let config = resp3
        .fail_on_connection_error(true)
        .build()
        .expect("valid settings");
    let error = CacheFactory::from_config(&config)
        .await
        .expect_err("no RESP3");
    says(&error, &["redis_url", "RESP3"]);
}

/// Why there is no connection, as it is said where there has to be one.
async fn unreachable(url: &str, security: SecurityConfig) -> CacheError {
    let config = roomy().redis_url(url).security(security);
    let config = config.fail_on_connection_error(true).build();
    let config = config.expect("valid settings");
    let error = CacheFactory::from_config(&config).await.expect_err(url);
    assert!(
        matches!(error, CacheError::Infrastructure { .. }),
        "{error}"
    );
    error
}

#[tokio::test]
async fn who_is_not_let_in_reads_as_whom_and_which_settings_say_so() {
    let nobody = SecurityConfig::default;
    let server = RedisServer::start_with(&["--requirepass", "canary-right"]);
    let port = server.port();
    let no_password = "given none (NOAUTH): set acl_username and acl_password, or redis_auth";
    let wrong = "(WRONGPASS)";
    for protocol in ["resp2", "resp3"] {
        let url = |user: &str, database: &str| {
            format!("redis://{user}127.0.0.1:{port}/{database}?protocol={protocol}")
        };
        for (url, security, said) in [
            (url("", ""), nobody(), [no_password, "a password"]),
            (url("", "3"), nobody(), [no_password, "a password"]),
            (
                url("", ""),
                nobody().password("canary"),
                ["the default user", "correct redis_auth"],
            ),
            (
                url("", ""),
                nobody().acl_user("app", "canary"),
                ["the user \"app\"", "correct acl_username and acl_password"],
            ),
            (
                url("somebody:canary@", ""),
                nobody(),
                [
                    "the user \"somebody\"",
                    "the user and the password in redis_url",
                ],
            ),
            (
                url("", ""),
                nobody().credentials(|| Credentials {
                    username: Some("app".to_owned()),
                    password: "canary".to_owned().into(),
                }),
                [wrong, "correct what the source of credentials gives"],
            ),
        ] {
            let error = unreachable(&url, security).await;
            says(&error, &said);
        }
    }
    let sentinel =
        FakeServer::start(|_| Answer::Error("NOAUTH Authentication required.".to_owned()));
    let url = format!("redis-sentinel://127.0.0.1:{}?master=name", sentinel.port());
    let error = unreachable(&url, nobody()).await;
    says(
        &error,
        &[
            "(NOAUTH)",
            "set sentinel_username and sentinel_password in redis_url",
        ],
    );
}

#[tokio::test]
async fn a_user_who_may_not_choose_the_database_is_told_so() {
    let user = "user app on >canary ~* &* +@all -select";
    let server = RedisServer::start_with_acl(&[user, "user default on nopass ~* &* +@all"]);
    let security = SecurityConfig::default().acl_user("app", "canary");
    let url = server.url().replace("/0", "/3");
    let error = unreachable(&url, security).await;
    says(&error, &["the database 3 (NOPERM)", "+select"]);
}

#[tokio::test]
async fn tls_that_one_side_speaks_alone_and_certificates_of_no_use_are_called_so() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let nobody = SecurityConfig::default;
    let tls = RedisServer::start_tls(&ours, ClientCertificate::NotAsked);
    let strict = RedisServer::start_tls(&ours, ClientCertificate::Required);
    let elsewhere = Certificates::for_name("other.example");
    let named = RedisServer::start_tls(&elsewhere, ClientCertificate::NotAsked);
    let ended = Certificates::expired();
    let expired = RedisServer::start_tls(&ended, ClientCertificate::NotAsked);
    let plain = RedisServer::start();
    let ca = others.ca().display().to_string();
    for (url, security, said) in [
        (
            tls.url().replace("rediss", "redis"),
            nobody(),
            ["it ended the connection", "if it speaks TLS, use rediss://"],
        ),
        (
            tls.url().replace("rediss", "redis").replace("/0", "/3"),
            nobody().password("canary"),
            ["it ended the connection", "if it speaks TLS, use rediss://"],
        ),
        (
            plain.url().replace("redis", "rediss"),
            nobody(),
            ["no answer", "if it is without TLS, use redis://"],
        ),
        (
            tls.url(),
            nobody(),
            ["its certificate is not trusted", "set tls_ca_path"],
        ),
        (
            tls.url(),
            nobody().tls_ca(others.ca()),
            ["its certificate is not trusted", &ca],
        ),
        (
            named.url(),
            nobody().tls_ca(elsewhere.ca()),
            ["its certificate is for another name", "use that name"],
        ),
        (
            expired.url(),
            nobody().tls_ca(ended.ca()),
            ["its certificate has expired", "a new one"],
        ),
        (
            strict.url(),
            nobody().tls_ca(ours.ca()),
            [
                "it wants a certificate of this application",
                "set tls_cert_path",
            ],
        ),
    ] {
        let error = unreachable(&url, security).await;
        says(&error, &said);
    }
}

#[tokio::test]
async fn a_server_that_is_no_cluster_is_called_so() {
    let server = RedisServer::start();
    let url = server.url().replace("redis://", "redis-cluster://");
    let error = unreachable(&url, SecurityConfig::default()).await;
    says(&error, &["no node of a cluster", "use redis://"]);
}
