//! How well the way to Redis is protected, in points and words.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::time::{Duration, SystemTime};

use fixture::{Certificates, ClientCertificate, RedisServer};
use larder::{CacheConfig, CacheError, SecurityConfig, SecurityLevel, SecurityReport};
use support::roomy;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const LONG: &str = "canary-sixteen-c";
const FAIR: &str = "canary-fifteen-";
const WEAK: &str = "canary-elev";

fn config(url: &str, security: SecurityConfig) -> CacheConfig {
    let config = CacheConfig::builder().redis_url(url).security(security);
    config.build().expect("valid settings")
}

fn report(url: &str, security: SecurityConfig) -> SecurityReport {
    let report = config(url, security).security_report();
    let report = report.expect("settings that can be used");
    let shown = format!("{report} {report:?}");
    assert!(!shown.contains("canary"), "{shown}");
    report
}

/// A server certificate is not among the files, so that the client's is the one that ends first.
fn with_files(certificates: &Certificates) -> SecurityConfig {
    SecurityConfig::default()
        .acl_user("app", LONG)
        .tls_ca(certificates.ca())
        .client_certificate(certificates.client_certificate(), certificates.client_key())
}

#[test]
fn the_score_is_that_of_the_table() {
    use SecurityLevel::{High, Low, Medium};
    let nobody = SecurityConfig::default;
    let password = |password| SecurityConfig::default().password(password);
    let user = |password| SecurityConfig::default().acl_user("app", password);
    let good = Certificates::new();
    let ca = |security: SecurityConfig| security.tls_ca(good.ca());
    for (url, security, level, score, vulnerabilities) in [
        ("redis://localhost", nobody(), Low, 0, 2),
        ("redis://localhost", password(LONG), Medium, 10, 2),
        ("redis://localhost", password(WEAK), Medium, 5, 3),
        ("redis://localhost", user(LONG), Medium, 20, 2),
        ("redis://localhost", user("canary"), Medium, 15, 3),
        ("rediss://localhost", nobody(), Medium, 20, 1),
        ("rediss://localhost", password(LONG), High, 45, 0),
        ("rediss://localhost", user(LONG), High, 55, 0),
        ("rediss://localhost", user(FAIR), High, 55, 0),
        ("rediss://localhost", user(WEAK), High, 50, 1),
        (
            "rediss://default:canary-sixteen-c@localhost",
            nobody(),
            High,
            45,
            0,
        ),
        (
            "rediss://app:canary-sixteen-c@localhost",
            nobody(),
            High,
            55,
            0,
        ),
        ("redis://localhost", ca(user(LONG)), High, 80, 0),
        ("redis://localhost", ca(nobody()), Medium, 45, 1),
        ("redis+unix:///tmp/socket", nobody(), Low, 0, 1),
        ("redis+unix:///tmp/socket", user(LONG), Medium, 30, 0),
    ] {
        let found = report(url, security.clone());
        assert_eq!(
            (found.level, found.score, found.vulnerabilities.len()),
            (level, score, vulnerabilities),
            "{url} {security:?}\n{found}"
        );
        assert_eq!(found.is_secure(), score >= 70);
    }
}

#[cfg(feature = "encryption")]
#[test]
fn encrypted_values_are_five_points_and_85_are_the_most() {
    let certificates = Certificates::new();
    let config = CacheConfig::builder()
        .redis_url("redis://localhost")
        .security(with_files(&certificates))
        .encryption_key("a2V5IG9uZSwgMzIgYnl0ZXMsIGZvciB0ZXN0cyE9ISE=");
    let config = config.build().expect("valid settings");
    let report = config.security_report().expect("settings of use");
    assert_eq!(report.to_string(), "security level high, score 85: secure");
}

#[test]
fn a_certificate_that_ends_soon_costs_points_and_is_spoken_of() {
    for (days, score, vulnerabilities, recommendations) in [
        (91, 80, 0, 1),
        (89, 75, 0, 1),
        (31, 75, 0, 1),
        (29, 70, 0, 2),
        (8, 70, 0, 2),
        (6, 60, 1, 1),
    ] {
        // Certificates count whole seconds, and the test takes some.
        let end = SystemTime::now() + DAY * days + DAY / 2;
        let certificates = Certificates::valid_until(end);
        let report = report("redis://localhost", with_files(&certificates));
        let found = (
            report.score,
            report.vulnerabilities.len(),
            report.recommendations.len(),
        );
        let expected = (score, vulnerabilities, recommendations);
        assert_eq!(found, expected, "{days} days: {report}");
        let until = report.certificate_valid_until.expect("a certificate");
        let off = end.duration_since(until).expect("not later");
        assert!(off < Duration::from_secs(1), "{off:?}");
        let says = report.to_string().contains(&format!("in {days} days"));
        assert_eq!(says, days < 30, "{report}");
    }
}

#[test]
fn files_that_cannot_be_used_are_vulnerabilities() {
    let (good, expired) = (Certificates::new(), Certificates::expired());
    let no_key = good.client_certificate();
    let missing = Path::new("/nowhere/ca.pem");
    for (security, score, expected) in [
        (with_files(&expired), 50, "expired"),
        (
            with_files(&good).client_certificate(good.client_certificate(), no_key),
            65,
            "tls_key_path",
        ),
        (
            with_files(&good).tls_ca(good.client_key()),
            65,
            "holds no certificate",
        ),
        (with_files(&good).tls_ca(missing), 65, "/nowhere/ca.pem"),
    ] {
        let report = report("redis://localhost", security);
        assert_eq!(report.score, score, "{report}");
        assert_eq!(report.vulnerabilities.len(), 1, "{report}");
        assert!(report.vulnerabilities[0].contains(expected), "{report}");
    }
}

#[test]
fn each_weakness_is_named_with_the_way_out() {
    let all = |url: &str, security| {
        let report = report(url, security);
        [report.vulnerabilities, report.recommendations]
            .concat()
            .join("\n")
    };
    let user = |password| SecurityConfig::default().acl_user("app", password);
    for (text, expected) in [
        (
            all("redis://localhost", SecurityConfig::default()),
            "set acl_username",
        ),
        (all("redis://localhost", user(LONG)), "use rediss://"),
        (all("redis://localhost", user(LONG)), "travels without TLS"),
        (
            all("rediss://localhost", user(WEAK)),
            "fewer than 12 characters",
        ),
        (
            all("rediss://localhost", user(FAIR)),
            "fewer than 16 characters",
        ),
        (
            all(
                "rediss://:canary-sixteen-c@localhost",
                SecurityConfig::default(),
            ),
            "the default user",
        ),
        (all("rediss://localhost", user(LONG)), "set encryption_key"),
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn there_is_no_report_without_a_redis() {
    let config = CacheConfig::builder().build().expect("valid settings");
    let error = config.security_report().expect_err("no Redis");
    assert!(matches!(error, CacheError::Configuration { .. }), "{error}");
    assert!(
        error.to_string().contains("redis_url is missing"),
        "{error}"
    );
}

fn over(server: &RedisServer, security: SecurityConfig) -> CacheConfig {
    let config = roomy().redis_url(server.url()).security(security);
    config.build().expect("valid settings")
}

#[tokio::test]
async fn a_redis_that_lets_anybody_in_is_found_by_connecting() {
    let user = "user app on >canary-sixteen-c ~* &* +@all";
    let security = SecurityConfig::default().acl_user("app", LONG);
    let open = RedisServer::start_with_acl(&[user]);
    let closed = RedisServer::start_with_acl(&["user default off", user]);
    for (server, is_open) in [(&open, true), (&closed, false)] {
        let config = over(server, security.clone());
        let report = config.check_connection().await.expect("a connection");
        let says = report.to_string().contains("lets in who has no password");
        assert_eq!(says, is_open, "{report}");
        let from_settings = config.security_report().expect("settings of use");
        let lost = if is_open { 5 } else { 0 };
        assert_eq!(report.score + lost, from_settings.score);
    }
}

#[tokio::test]
async fn a_user_who_may_not_publish_is_found_by_connecting() {
    let security = SecurityConfig::default().acl_user("app", LONG);
    for (rights, is_mute) in [("+@all -publish", true), ("+@all", false)] {
        let user = format!("user app on >canary-sixteen-c ~* &* {rights}");
        let server = RedisServer::start_with_acl(&[&user]);
        let config = over(&server, security.clone());
        let report = config.check_connection().await.expect("a connection");
        let says = report.to_string().contains("may not publish to web:bus");
        assert_eq!(says, is_mute, "{report}");
        let from_settings = config.security_report().expect("settings of use");
        assert!(!from_settings.to_string().contains("publish"));
    }
}

#[tokio::test]
async fn connections_that_were_checked_are_closed_again() {
    let server = RedisServer::start();
    let config = over(&server, SecurityConfig::default());
    config.check_connection().await.expect("a connection");
    support::eventually("only ours is left", async || {
        server.command(&["CLIENT", "LIST"]).text().lines().count() == 1
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_not_made_is_an_error_that_says_why() {
    let certificates = Certificates::new();
    let tls = RedisServer::start_tls(&certificates, ClientCertificate::NotAsked);
    let (plain, absent) = (RedisServer::start(), RedisServer::absent());
    let with_ca = SecurityConfig::default().tls_ca(certificates.ca());
    assert!(over(&tls, with_ca.clone()).check_connection().await.is_ok());
    for (server, security) in [
        (&tls, SecurityConfig::default()),
        (&plain, with_ca),
        (&plain, SecurityConfig::default().acl_user("app", "canary")),
        (&absent, SecurityConfig::default()),
    ] {
        let error = over(server, security).check_connection().await;
        let error = error.expect_err("no connection");
        let shown = format!("{error} {error:?}");
        assert!(
            matches!(error, CacheError::Infrastructure { .. }),
            "{shown}"
        );
        assert!(shown.contains(&server.port().to_string()), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[test]
fn a_runtime_without_timers_or_network_is_an_error_too() {
    let server = RedisServer::start();
    let config = over(&server, SecurityConfig::default());
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let bare = builder.build().expect("a runtime");
    let with_timers = builder.enable_time().build().expect("a runtime");
    for runtime in [bare, with_timers] {
        let checked = runtime.block_on(config.check_connection());
        let error = checked.expect_err("no connection").to_string();
        assert!(error.contains("tokio runtime"), "{error}");
    }
}
