//! Faults of the door: TLS, passwords and what a user may do.

use std::fs;

use fixture::{Certificates, ClientCertificate, RedisServer};
use larder::SecurityConfig;

use crate::run::{Run, is_master, over, tell};

const ROOM: &str = "door";

/// Ends all connections, so that everybody has to come in again.
fn show_out(server: &RedisServer) {
    tell(server, &["CLIENT", "KILL", "TYPE", "normal"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_did_not_sign_lets_nobody_in() {
    let certificates = Certificates::new();
    let server = RedisServer::start_tls(&certificates, ClientCertificate::NotAsked);
    let trusted = Certificates::new();
    fs::copy(certificates.ca(), trusted.ca()).expect("the right one");
    let security = SecurityConfig::default().tls_ca(trusted.ca());
    let config = over(&server.url()).security(security);
    let mut run = Run::new(ROOM, "TLS, wrong authority", config).await;
    run.before().await;
    fs::copy(Certificates::new().ca(), trusted.ca()).expect("another one");
    show_out(&server);
    run.under().await;
    fs::copy(certificates.ca(), trusted.ca()).expect("the right one");
    let figures = run.after(|| is_master(&server)).await;
    assert!(figures.left_alone.count > 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_the_name_of_another_is_not_spoken_to() {
    let certificates = Certificates::new();
    let server = RedisServer::start_tls(&certificates, ClientCertificate::NotAsked);
    let other = Certificates::for_name("other.example");
    // Both authorities are trusted: only the name is wrong.
    let both = Certificates::new();
    let trusted = [certificates.ca(), other.ca()].map(|ca| fs::read(ca).expect("an authority"));
    fs::write(both.ca(), trusted.concat()).expect("both");
    let security = SecurityConfig::default().tls_ca(both.ca());
    let config = over(&server.url()).security(security);
    let mut run = Run::new(ROOM, "TLS, wrong name", config).await;
    run.before().await;
    let right = [certificates.server_certificate(), certificates.server_key()];
    let wrong = [other.server_certificate(), other.server_key()];
    let kept = right.each_ref().map(|path| fs::read(path).expect("a file"));
    let reload = || {
        let path = certificates.server_certificate();
        let path = path.to_str().expect("a path in UTF-8");
        tell(&server, &["CONFIG", "SET", "tls-cert-file", path]);
        show_out(&server);
    };
    for (wrong, right) in wrong.iter().zip(&right) {
        fs::copy(wrong, right).expect("the wrong name");
    }
    reload();
    run.under().await;
    for (kept, right) in kept.iter().zip(&right) {
        fs::write(right, kept).expect("the right name");
    }
    reload();
    let figures = run.after(|| is_master(&server)).await;
    assert!(figures.left_alone.count > 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_a_certificate_lets_nobody_in_without() {
    let certificates = Certificates::new();
    let server = RedisServer::start_tls(&certificates, ClientCertificate::NotAsked);
    let security = SecurityConfig::default().tls_ca(certificates.ca());
    let config = over(&server.url()).security(security);
    let mut run = Run::new(ROOM, "TLS, no certificate of the client", config).await;
    run.before().await;
    tell(&server, &["CONFIG", "SET", "tls-auth-clients", "yes"]);
    show_out(&server);
    run.under().await;
    tell(&server, &["CONFIG", "SET", "tls-auth-clients", "no"]);
    let figures = run.after(|| is_master(&server)).await;
    assert!(figures.left_alone.count > 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_not_the_right_one_any_more_costs_no_answer() {
    let server = RedisServer::start();
    let mut run = Run::new(ROOM, "NOAUTH after a rotation", over(&server.url())).await;
    run.before().await;
    tell(&server, &["CONFIG", "SET", "requirepass", "another"]);
    show_out(&server);
    run.under().await;
    tell(&server, &["CONFIG", "SET", "requirepass", ""]);
    let figures = run.after(|| is_master(&server)).await;
    assert!(figures.left_alone.count > 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_the_user_may_not_use_cost_no_answer() {
    for (name, denied) in [
        ("ACL without EVAL", "-eval"),
        ("ACL without EVALSHA", "-evalsha"),
        ("ACL without GET", "-get"),
        ("ACL without GETRANGE", "-getrange"),
        ("ACL without HELLO", "-hello"),
        ("ACL without PING", "-ping"),
        ("ACL without PUBLISH", "-publish"),
        ("ACL without SET", "-set"),
        ("ACL without SUBSCRIBE", "-subscribe"),
        ("ACL without UNLINK", "-unlink"),
        ("ACL without anything", "-@all"),
    ] {
        let server =
            RedisServer::start_with_acl(&["user default off", "user app on >password ~* &* +@all"]);
        let security = SecurityConfig::default().acl_user("app", "password");
        let config = over(&server.url()).security(security);
        let mut run = Run::new(ROOM, name, config).await.still_answers();
        run.before().await;
        tell(&server, &["ACL", "SETUSER", "app", denied]);
        // What is only said by who comes in is to be said again.
        show_out(&server);
        run.under().await;
        tell(&server, &["ACL", "SETUSER", "app", "+@all"]);
        let figures = run.after(|| is_master(&server)).await;
        assert!(figures.served_elsewhere > 0, "{figures:?}");
    }
}
