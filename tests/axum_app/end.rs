//! How the service begins and ends.

use std::net::TcpListener;
use std::time::Duration;

use fixture::{RedisServer, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::App;
use crate::support::eventually;
use crate::support::example::command;

/// A request whose body is yet to come, and that the service is reading.
async fn begin_summary(app: &App, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(app.address())
        .await
        .expect("a connection");
    let head = format!(
        "POST /summaries HTTP/1.1\r\nhost: shop\r\nx-tenant: acme\r\ncontent-length: {length}\r\n\
         expect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.expect("an answer");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

async fn refuses_connections(app: &App) {
    eventually("nobody listens any more", async || {
        TcpStream::connect(app.address()).await.is_err()
    })
    .await;
}

/// How many results of this operation Redis has.
fn entries(server: &RedisServer, operation: &str) -> usize {
    let names = server.command(&["KEYS", &format!("*{operation}*")]);
    let names = names.list().iter().map(Reply::text);
    names.filter(|name| !name.contains(":gen:")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_last_requests_compute_is_in_redis_when_the_process_has_ended() {
    const REQUESTS: usize = 20;
    let server = RedisServer::start();
    let url = server.url();
    // On a busy machine a write may take longer than it is given by default.
    let app = App::start(&[
        ("CACHE_REDIS_URL", url.as_str()),
        ("CACHE_CUSTOM_CONFIG", r#"{"store_budget": "10s"}"#),
    ]);
    let text = |n: usize| format!("The lamp number {n:02} shines.");
    // From now on all that is known of the operation is known.
    app.summarize("acme", "The first lamp shines.").await;
    eventually("the first one is written", async || {
        entries(&server, "summarize") == 1
    })
    .await;
    let mut streams = Vec::new();
    for _ in 0..REQUESTS {
        streams.push(begin_summary(&app, text(0).len()).await);
    }
    app.terminate();
    refuses_connections(&app).await;
    // Until then Redis is read, and takes what is to be written after it only from those who wait.
    server.command(&["CLIENT", "PAUSE", "100", "WRITE"]);
    for (n, stream) in streams.iter_mut().enumerate() {
        stream.write_all(text(n).as_bytes()).await.expect("sent");
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.contains(&text(n)), "{answer}");
    }
    let ended = app.wait();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(entries(&server, "summarize"), 1 + REQUESTS, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_answered_before_the_end() {
    let app = App::start(&[]);
    // One that is open, and of which nothing is wanted.
    let mut idle = app.client().await;
    idle.get("/products/1").await.expect("an answer");
    let text = "The keeper trims the lamp.";
    let mut stream = begin_summary(&app, text.len()).await;
    app.terminate();
    refuses_connections(&app).await;
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    // To the end of the connection: the service closes it. The header that says so is in the answer only if
    // the connection has heard of the end before the body came.
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(text), "{answer}");
    let ended = app.wait();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.warnings, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_goes_on_does_not_keep_the_process() {
    let app = App::start(&[]);
    let _stream = begin_summary(&app, 1000).await;
    app.terminate();
    let ended = app.wait();
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.took < Duration::from_secs(12), "{ended:?}");
    assert_eq!(ended.warnings, "some requests were given up\n");
}

#[test]
fn a_service_that_cannot_run_as_it_is_told_does_not_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    for (variable, value, expected) in [
        ("OPERATOR_TOKEN", "", "the bearer token of a guard"),
        ("CACHE_PRESET", "prod", "development, production"),
        ("CACHE_REDIS_URL", "http://localhost", "expected redis://"),
        ("LISTEN", &taken, "in use"),
    ] {
        let output = command("axum_app", &[(variable, value)]).output();
        let output = output.expect("the example starts");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{variable}");
        assert!(message.contains(expected), "{message}");
        assert!(output.stdout.is_empty());
    }
}
