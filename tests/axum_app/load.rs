//! Many clients, while Redis goes and comes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fixture::RedisServer;
use hyper::{Method, StatusCode};
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::process::App;
use crate::support::eventually;

const CONNECTIONS: usize = 64;

/// More than there is room for in memory, so that Redis is asked, too.
const PRODUCTS: u32 = 300;
const TEXTS: u32 = 60;

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// What the clients have seen.
#[derive(Debug, Default)]
struct Seen {
    is_over: AtomicBool,
    answers: AtomicUsize,
}

/// The clients.
struct Load {
    clients: JoinSet<Result<(), String>>,
    seen: Arc<Seen>,
}

impl Load {
    fn begin(app: &App) -> Self {
        let seen = Arc::<Seen>::default();
        let mut clients = JoinSet::new();
        for _ in 0..CONNECTIONS {
            clients.spawn(hammer(app.address(), seen.clone()));
        }
        clients.spawn(watch(app.address(), seen.clone()));
        Self { clients, seen }
    }

    /// Waits for two thousand more answers.
    async fn some_more(&mut self) {
        let before = self.seen.answers.load(Ordering::SeqCst);
        eventually("there are more answers", async || {
            // Nobody ends before it is over, but for a failure.
            if let Some(client) = self.clients.try_join_next() {
                assert_eq!(client.expect("no panic"), Ok(()));
            }
            self.seen.answers.load(Ordering::SeqCst) > before + 2000
        })
        .await;
    }

    /// Ends it, and says how many answers there were.
    async fn end(mut self) -> usize {
        self.seen.is_over.store(true, Ordering::SeqCst);
        while let Some(client) = self.clients.join_next().await {
            assert_eq!(client.expect("no panic"), Ok(()));
        }
        self.seen.answers.load(Ordering::SeqCst)
    }
}

/// Sends requests over one connection, without a pause, until it is over, or until an answer is not
/// what it has to be.
async fn hammer(address: SocketAddr, seen: Arc<Seen>) -> Result<(), String> {
    let mut random = fastrand::Rng::new();
    let mut client = Client::connect(address).await?;
    while !seen.is_over.load(Ordering::SeqCst) {
        let (expected, answer) = if random.u32(..8) == 0 {
            let tenant = TENANTS[random.usize(..TENANTS.len())];
            let text = format!("The lamp number {} shines.", random.u32(..TEXTS));
            let expected = json!({"sentences": [text], "words_in": 5, "words_out": 5});
            let headers = [("x-tenant", tenant)];
            let answer = client
                .ask(Method::POST, "/summaries", &headers, text)
                .await?;
            (expected, answer)
        } else {
            let id = random.u32(1..=PRODUCTS);
            (product(id), client.get(&format!("/products/{id}")).await?)
        };
        if answer.status != StatusCode::OK || answer.json() != expected {
            return Err(format!("{answer:?} in place of {expected}"));
        }
        seen.answers.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

fn product(id: u32) -> Json {
    let names = ["lantern", "kettle", "rope", "compass", "blanket"];
    let name = names[(id as usize - 1) % names.len()];
    json!({"id": id, "name": format!("{name} no. {id}"), "cents": 100 * id})
}

/// Asks whether the process lives, again and again.
async fn watch(address: SocketAddr, seen: Arc<Seen>) -> Result<(), String> {
    let mut client = Client::connect(address).await?;
    while !seen.is_over.load(Ordering::SeqCst) {
        let live = client.get("/internal/health/live").await?;
        if live.status != StatusCode::OK || live.json() != json!({"status": "healthy"}) {
            return Err(format!("{live:?}"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn readiness(app: &App) -> Json {
    let ready: Answer = app.get("/internal/health/ready").await;
    assert_eq!(ready.status, StatusCode::OK, "{ready:?}");
    ready.json()
}

/// Whether this part of every kind is healthy.
pub(crate) fn is_healthy(health: &Json, part: &str) -> bool {
    let kinds = health["kinds"].as_array().expect("a list");
    let mut parts = kinds.iter().flat_map(|kind| {
        let parts = kind["parts"].as_array().expect("a list");
        parts.iter().filter(|found| found["part"] == part)
    });
    parts.all(|part| part["status"] == "healthy")
}

async fn from_redis(app: &App) -> u64 {
    let status = app.get("/internal/cache/status").await.json();
    let hits = &status["kinds"]["web"]["outcomes"]["store_hit"];
    hits.as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_redis_goes_and_comes_back() {
    let mut server = RedisServer::start();
    let url = server.url();
    let app = App::start(&[
        ("CACHE_REDIS_URL", url.as_str()),
        ("CACHE_CUSTOM_CONFIG", r#"{"invalidation_ceiling": "1s"}"#),
    ]);
    eventually("all is well", async || {
        readiness(&app).await["status"] == "healthy"
    })
    .await;
    let mut load = Load::begin(&app);

    load.some_more().await;
    eventually("Redis is asked", async || from_redis(&app).await > 0).await;

    for _ in 0..3 {
        server.kill();
        eventually("it is seen that Redis is away", async || {
            let ready = readiness(&app).await;
            ready["status"] == "degraded" && !is_healthy(&ready, "store")
        })
        .await;
        load.some_more().await;
        assert_eq!(readiness(&app).await["status"], "degraded");
        let hits_before = from_redis(&app).await;

        server.restart();
        eventually("it is seen that Redis is back", async || {
            // Also for the part `last_gap`, which says for as long as the ceiling that something was
            // missed.
            readiness(&app).await["status"] == "healthy"
        })
        .await;
        eventually("Redis is asked again", async || {
            from_redis(&app).await > hits_before
        })
        .await;
        load.some_more().await;
    }

    let answers = load.end().await;
    println!("{answers} requests were answered");
    app.terminate();
    let ended = app.wait();
    assert!(ended.status.success(), "{ended:?}");
}
