//! That there is no way around TLS and users for the kind `ai`, by whatever way it is made and used.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fixture::{Certificates, ClientCertificate, RedisServer};
use larder::{Cache, CacheConfig, CacheFactory, SecurityConfig, cached};
use support::eventually;

const CANARY: &str = "canary-value";

/// Set in the process that uses the cache: whether it is let in.
const IS_LET_IN: &str = "LARDER_TEST_IS_LET_IN";

/// A port that leads to a server, and everything that passes: a part for each direction of each
/// connection.
struct Wire {
    port: u16,
    passed: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wire {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let passed = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let all = passed.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", server)).expect("a server");
                for [from, to] in [[&client, &server], [&server, &client]] {
                    let clone = |end: &TcpStream| end.try_clone().expect("a connection");
                    let (from, to, all) = (clone(from), clone(to), all.clone());
                    thread::spawn(move || pass(from, to, &all));
                }
            }
        });
        Self { port, passed }
    }

    fn passed(&self) -> Vec<Vec<u8>> {
        self.passed.lock().expect("no panic").clone()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, all: &Mutex<Vec<Vec<u8>>>) {
    let at = {
        let mut all = all.lock().expect("no panic");
        all.push(Vec::new());
        all.len() - 1
    };
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        all.lock().expect("no panic")[at].extend_from_slice(&buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Whether this is records of TLS 1.2 or 1.3 and nothing else (RFC 8446, section 5.1); the last one
/// may be cut off.
fn is_tls(mut bytes: &[u8]) -> bool {
    while let [kind, major, minor, high, low, rest @ ..] = bytes {
        if !(20..=23).contains(kind) || *major != 3 || !(1..=3).contains(minor) {
            return false;
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        bytes = rest.get(length..).unwrap_or_default();
    }
    true
}

#[cached(kind = "ai", op = "summarize")]
async fn summarize(text: &str) -> String {
    format!("{CANARY} {text}")
}

/// Everything that an application does with the kind `ai`. Run by [`in_another_process`], for its
/// environment.
#[tokio::test]
async fn an_application_that_asks_a_model() {
    let Ok(is_let_in) = std::env::var(IS_LET_IN) else {
        return;
    };
    let is_let_in = is_let_in == "true";
    let url = std::env::var("CACHE_REDIS_URL").expect("a URL");
    let plain = url.replace("rediss://", "redis://");
    let budget = Duration::from_secs(2);
    let by_setting = CacheFactory::ai_app()
        .redis_url(plain)
        .security(SecurityConfig::default().tls())
        .store_budget(budget)
        .build()
        .expect("valid settings");

    larder::init().await.expect("an environment of use");
    let of_environment = larder::cache("ai").expect("the kind");
    let caches: [Cache; 4] = [
        of_environment,
        CacheFactory::for_ai_app(&url).await.expect("a cache"),
        CacheFactory::from_config(&by_setting)
            .await
            .expect("a cache"),
        Cache::builder("ai", &by_setting).build().expect("a cache"),
    ];
    for (n, cache) in caches.into_iter().enumerate() {
        larder::register(cache.clone());
        if is_let_in {
            eventually("Redis answers", async || {
                cache.connect().await && cache.ping().await
            })
            .await;
        } else {
            assert!(!cache.connect().await);
        }
        let text = format!("text {n}");
        assert_eq!(summarize(&text).await, format!("{CANARY} {text}"));
        cache.set(&format!("key {n}"), CANARY.to_owned()).await;
        cache.remove_operation("summarize").await;
        assert_eq!(summarize("again").await, format!("{CANARY} again"));
        assert_eq!(cache.keys("*").await, [format!("key {n}")]);
        if is_let_in {
            assert!(cache.remove(&format!("key {n}")).await);
            assert!(cache.flush(Duration::from_secs(5)).await);
        }
    }
    let config = CacheConfig::builder().ai().redis_url(url);
    let config = config.build().expect("valid settings");
    match config.check_connection().await {
        // No file says that the certificate is valid: only the connection does.
        Ok(report) => {
            let from_settings = config.security_report().expect("settings of use");
            assert_eq!(report.score, from_settings.score + 10);
            assert!(is_let_in);
        }
        Err(_) => assert!(!is_let_in),
    }
    larder::close().await;
}

fn in_another_process(url: &str, certificates: &Certificates, is_let_in: bool) {
    let program = std::env::current_exe().expect("a program");
    let output = Command::new(program)
        .args(["--exact", "an_application_that_asks_a_model"])
        .env(IS_LET_IN, is_let_in.to_string())
        .env("CACHE_REDIS_URL", url)
        .env("ENABLE_AI_CACHE", "true")
        .env("CACHE_PRESET", "ai-development")
        // In the place of the authorities that the system trusts.
        .env("SSL_CERT_FILE", certificates.ca())
        .env_remove("SSL_CERT_DIR")
        .output()
        .expect("another process");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
}

#[test]
fn all_that_the_kind_ai_sends_is_tls_and_comes_from_a_known_user() {
    let certificates = Certificates::new();
    let server = RedisServer::start_tls(&certificates, ClientCertificate::NotAsked);
    let user = [
        "ACL",
        "SETUSER",
        "app",
        "on",
        ">password",
        "~ai_cache:*",
        "+@all",
    ];
    for command in [&user[..], &["ACL", "SETUSER", "default", "off"]] {
        assert_eq!(server.command(command).text(), "OK");
    }
    let wire = Wire::to(server.port());
    let url = |password| format!("rediss://app:{password}@127.0.0.1:{}", wire.port);

    in_another_process(&url("wrong"), &certificates, false);
    assert_eq!(server.command(&["DBSIZE"]).int(), 0);
    let refused = wire.passed().len();
    assert!(refused >= 2 * 4, "{refused} directions");

    in_another_process(&url("password"), &certificates, true);
    let keys = server.command(&["KEYS", "ai_cache:*"]);
    let is_all = server.command(&["KEYS", "*"]).list().len() == keys.list().len();
    assert!(is_all, "{keys:?}");
    assert!(keys.list().len() > 4, "{keys:?}");
    let passed = wire.passed();
    assert!(
        passed.len() - refused >= 2 * 4,
        "{} directions",
        passed.len()
    );
    for bytes in passed {
        assert!(is_tls(&bytes), "{}", String::from_utf8_lossy(&bytes));
        let shown = String::from_utf8_lossy(&bytes);
        assert!(
            !shown.contains(CANARY) && !shown.contains("ai_cache"),
            "{shown}"
        );
    }
}

#[test]
fn plain_text_is_not_taken_for_tls() {
    assert!(is_tls(&[]));
    assert!(is_tls(&[22, 3, 1, 0, 1, 9, 23, 3, 3, 0, 5, 1]));
    assert!(!is_tls(b"*1\r\n$4\r\nPING\r\n"));
    assert!(!is_tls(b"\x16\x03\x01\x00\x01\x09*1\r\n$4\r\nPING\r\n"));
}
