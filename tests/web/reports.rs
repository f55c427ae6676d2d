//! Health, status and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use fixture::RedisServer;
use futures_util::future::join_all;
use larder::axum::{Guard, Routes};
use larder::testing::registry_scope;
use larder::{Cache, CacheConfig, CacheError, EventFilter, EventKind, cached, call};
use serde_json::{Value as Json, json};

use crate::exposition::Exposition;
use crate::support::map_store::MapStore;
use crate::support::{eventually, poll_once, register, register_over, roomy};
use crate::{ask, get, get_with};

/// Calls of every outcome that can be had without a store. The cache has a second name, `alias`.
async fn use_everything(kind: &str) {
    #[cached(kind = "reported", op = "reported.number")]
    async fn number(n: u32) -> Option<u32> {
        (n > 0).then_some(n)
    }
    let cache = register(kind, roomy());
    number(1).await; // computed
    number(1).await; // from memory
    number(1).await;
    number(0).await; // not kept
    call::bypass(number(1)).await;
    cache.switch_off();
    number(1).await;
    number(0).await;
    cache.switch_on();
    cache.get::<u32>("nothing").await; // missed
    cache.get::<u32>(&"k".repeat(20_000)).await; // no key
    let alias = larder::get_or_register("alias", async || Ok::<_, CacheError>(cache));
    alias.await.expect("the same cache");
}

#[tokio::test]
async fn metrics_are_in_the_text_format_and_count_every_call_once() {
    use_everything("reported").await;
    let strange = "a \"strange\"\n\\kind\\n";
    register(strange, roomy()).set("secret-key", 1).await;
    let router = Router::new().nest("/internal", Routes::new().into_router());
    let answer = get(&router, "/internal/cache/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!answer.body.contains("secret-key"));
    let read = Exposition::read(&answer.body).expect("the text format");

    for kind in ["reported", "alias"] {
        let ratio = read.value("cache_hit_ratio", &[("kind", kind)]);
        assert_eq!(ratio, Some(2.0 / 6.0));
    }
    // Nothing was asked of it.
    assert_eq!(read.value("cache_hit_ratio", &[("kind", strange)]), None);
    for (outcome, count) in [
        ("memory_hit", 2.0),
        ("store_hit", 0.0),
        ("joined", 0.0),
        ("stale", 0.0),
        ("computed", 1.0),
        ("not_kept", 1.0),
        ("missed", 1.0),
        ("no_key", 1.0),
        ("text_too_long", 0.0),
        ("no_tenant", 0.0),
        ("timed_out", 0.0),
        ("bypassed", 1.0),
        ("switched_off", 2.0),
    ] {
        let labels = [("kind", "reported"), ("outcome", outcome)];
        let found = read.value("cache_operations_total", &labels);
        assert_eq!(found, Some(count), "{outcome}");
    }
    let bytes = read.value("cache_memory_usage_bytes", &[("kind", strange)]);
    assert!(bytes.expect("a value") > 0.0);
    let entries = read.value("cache_memory_entries", &[("kind", strange)]);
    assert_eq!(entries, Some(1.0));
    assert!(read.value("cache_unknown_kind_calls_total", &[]).is_some());
    assert_eq!(read.families["cache_operations_total"], "counter");
}

#[tokio::test]
async fn mon_20_prometheus_finds_the_three_names_of_the_documents() {
    let _scope = registry_scope();
    let cache = register("scraped", roomy());
    cache.get::<u32>("nothing").await;
    let router = Routes::new().into_router();
    for path in ["/cache/metrics", "/metrics/cache"] {
        let answer = get(&router, path).await;
        let read = Exposition::read(&answer.body).expect("the text format");
        for (name, kind) in [
            ("cache_hit_ratio", "gauge"),
            ("cache_operations_total", "counter"),
            ("cache_memory_usage_bytes", "gauge"),
        ] {
            assert_eq!(read.families[name], kind, "{path}");
            let mut samples = read.samples.iter();
            let found = samples.any(|it| it.family == name && it.labels["kind"] == "scraped");
            assert!(found, "{name} at {path}");
        }
    }
}

#[tokio::test]
async fn kinds_whose_names_differ_by_a_backslash_are_told_apart_in_the_metrics() {
    let _scope = registry_scope();
    let kinds = [
        r"a\b", r"a\\b", "a\"b", "a\\\"b", "a\nb", "a\\\nb", r"a\nb", r"a\\nb",
    ];
    for (calls, kind) in kinds.into_iter().enumerate() {
        let cache = register(kind, roomy());
        for _ in 0..calls {
            cache.get::<u32>("nothing").await;
        }
    }
    let router = Routes::new().into_router();
    // By either of its names.
    for path in ["/cache/metrics", "/metrics/cache"] {
        let answer = get(&router, path).await;
        let read = Exposition::read(&answer.body).expect("the text format");
        for (calls, kind) in (0_u8..).zip(kinds) {
            let labels = [("kind", kind), ("outcome", "missed")];
            let missed = read.value("cache_operations_total", &labels);
            assert_eq!(missed, Some(calls.into()), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn status_says_of_each_kind_what_operators_need() {
    use_everything("reported").await;
    let router = Routes::new().into_router();
    let answer = get(&router, "/cache/status").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let mut status = answer.json();
    for kind in ["reported", "alias"] {
        // Another test registers this name too, and its bodies have taken another time.
        status["kinds"][kind]["savings"]["time_seconds"] = json!(null);
    }
    let kind = &status["kinds"]["reported"];
    assert_eq!(kind, &status["kinds"]["alias"]);
    assert_eq!(kind["backend"], "memory");
    assert_eq!((&kind["hits"], &kind["misses"]), (&json!(2), &json!(4)));
    assert_eq!(kind["hit_ratio"], json!(2.0 / 6.0));
    assert_eq!(kind["outcomes"]["bypassed"], 1);
    assert_eq!(kind["outcomes"]["switched_off"], 2);
    assert_eq!(kind["failed_listeners"], 0);
    assert_eq!(kind["dropped_events"], 0);
    assert_eq!(kind["memory"]["entries"], 1);
    assert_eq!(kind["memory"]["max_entries"], 1000);
    assert_eq!(kind["store"], json!(null));
    for kind in ["reported", "alias"] {
        let memory = json!({"part": "memory", "status": "healthy"});
        let expected = json!({"kind": kind, "status": "healthy", "parts": [memory]});
        assert_eq!(health_of(&status, kind), &expected);
    }
    assert!(status["unknown_kind_calls"].is_u64());
}

#[tokio::test]
async fn status_says_what_was_saved_and_which_listeners_failed() {
    #[cached(kind = "saved", op = "ask", tokens = |it| *it, cost = |it| f64::from(*it) / 4.0)]
    async fn ask(tokens: u32) -> u32 {
        tokens
    }
    let _scope = registry_scope();
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("saved", &config)
        .on_event(EventFilter::all().only([EventKind::Miss]), |_| {
            Err::<(), _>("as the test wants it")
        })
        .build()
        .expect("a cache");
    larder::register(cache.clone());
    for _ in 0..3 {
        ask(10).await;
    }
    let router = Routes::new().into_router();
    eventually("the listener has failed", async || {
        cache.stats().failed_listeners == 1
    })
    .await;
    // What has begun anew is what the application looks at.
    cache.reset_statistics();
    let status = get(&router, "/cache/status").await.json();
    let kind = &status["kinds"]["saved"];
    assert_eq!(kind["failed_listeners"], 1);
    let savings = &kind["savings"];
    assert_eq!(savings["calls"], 2);
    let time = cache.statistics_since_start().savings.time;
    let seconds = time.map(|time| time.as_secs_f64());
    assert_eq!(savings["time_seconds"], json!(seconds));
    assert_eq!(
        savings["billed"],
        json!({"calls": 1, "tokens": 10, "cost": 2.5})
    );
    assert_eq!(
        savings["replayed"],
        json!({"calls": 2, "tokens": 20, "cost": 5.0})
    );
}

#[tokio::test]
async fn a_process_is_ready_until_it_is_unhealthy_and_lives_all_the_while() {
    let router = Routes::new().into_router();
    register("well", roomy());
    let ready = get(&router, "/health/ready").await;
    assert_eq!(ready.status, StatusCode::OK, "{ready:?}");
    assert_eq!(ready.header("cache-control"), Some("no-store"));
    assert_eq!(ready.json()["status"], "healthy");

    // Neither memory nor a store that answers: nothing is kept.
    let absent = RedisServer::absent();
    let config = CacheConfig::builder().redis_url(absent.url());
    register("unwell", config.enable_l1_cache(false));
    let ready = get(&router, "/health/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let ready = ready.json();
    assert_eq!(ready["status"], "unhealthy");
    let kinds = ready["kinds"].as_array().expect("a list");
    let unwell = kinds.iter().find(|kind| kind["kind"] == "unwell");
    assert_eq!(unwell.expect("the kind")["status"], "unhealthy");

    let live = get(&router, "/health/live").await;
    assert_eq!(live.status, StatusCode::OK);
    assert_eq!(live.json(), json!({"status": "healthy"}));
}

fn health_of<'a>(status: &'a Json, kind: &str) -> &'a Json {
    let kinds = status["health"]["kinds"].as_array().expect("a list");
    let found = kinds.iter().find(|health| health["kind"] == kind);
    found.expect("the kind")
}

/// What operators are told of the store of a kind.
async fn reason(guarded: &Router, kind: &str) -> String {
    let operator = ("authorization", "Bearer 3d6bf24b0e4f");
    let status = get_with(guarded, "/cache/status", operator).await.json();
    let parts = health_of(&status, kind)["parts"].as_array();
    let mut parts = parts.expect("a list").iter();
    let store = parts.find(|part| part["part"] == "store");
    let reason = store.expect("the store")["reason"].as_str();
    reason.expect("a sentence").to_owned()
}

#[tokio::test]
async fn only_operators_are_told_where_redis_is_and_who_its_user_is() {
    let _scope = registry_scope();
    let mut server = RedisServer::start_with_acl(&["user keeper on >canary ~* &* +@all"]);
    let address = format!("127.0.0.1:{}", server.port());
    let over = |password| roomy().redis_url(format!("redis://keeper:{password}@{address}/0"));
    assert!(register("let in", over("canary")).connect().await);
    assert!(!register("not let in", over("parrot")).connect().await);

    let guard = Guard::bearer("3d6bf24b0e4f").expect("a token");
    let guarded = Routes::new().guard_reports(guard.clone()).into_router();
    let open = [Routes::new(), Routes::new().guard(guard)].map(Routes::into_router::<()>);
    let nothing_is_told = async || {
        for router in &open {
            for path in [
                "/health/live",
                "/health/ready",
                "/cache/status",
                "/cache/metrics",
                "/metrics/cache",
                "/cache/invalidation-stats",
                "/cache/invalidation-recommendations",
            ] {
                let answer = get(router, path).await;
                assert_eq!(answer.status, StatusCode::OK, "{path}");
                for private in ["\"reason\":", "127.0.0.1", "keeper", "canary", "parrot"] {
                    assert!(!answer.body.contains(private), "{private} in {answer:?}");
                }
            }
            let ready = get(router, "/health/ready").await.json();
            assert_eq!(ready["status"], "degraded");
            let parts = json!({"part": "store", "status": "degraded"});
            let kinds = ready["kinds"].as_array().expect("a list");
            let not_let_in = kinds.iter().find(|kind| kind["kind"] == "not let in");
            let found = not_let_in.and_then(|kind| kind["parts"].as_array());
            assert!(found.expect("a list").contains(&parts), "{ready}");
        }
    };
    eventually("operators see who is not let in", async || {
        reason(&guarded, "not let in").await.contains("keeper")
    })
    .await;
    nothing_is_told().await;
    server.kill();
    // One that was connected says no more than that it lost its connection.
    register("never let in", over("canary"));
    eventually("operators see what is away", async || {
        reason(&guarded, "never let in").await.contains(&address)
    })
    .await;
    nothing_is_told().await;
}

static LOOKS: AtomicUsize = AtomicUsize::new(0);
static MOST_LOOKS: AtomicUsize = AtomicUsize::new(0);

/// As long as a walk over many entries.
fn look_for_long() {
    let looks = LOOKS.fetch_add(1, Ordering::SeqCst) + 1;
    MOST_LOOKS.fetch_max(looks, Ordering::SeqCst);
    thread::sleep(Duration::from_millis(10));
    LOOKS.fetch_sub(1, Ordering::SeqCst);
}

#[tokio::test]
async fn clients_that_ask_again_and_again_have_the_figures_counted_by_one_thread() {
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    store.on_connections.set(look_for_long).expect("not set");
    register_over("long", &store);
    let router = Routes::new().into_router();
    // They leave before they are answered.
    for _ in 0..8 {
        let mut asked = Box::pin(get(&router, "/cache/metrics"));
        assert!(poll_once(&mut asked).is_pending());
    }
    let answers = join_all((0..8).map(|_| get(&router, "/cache/metrics"))).await;
    for answer in answers {
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(MOST_LOOKS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_store_that_panics_is_no_end_of_the_application() {
    let _scope = registry_scope();
    let store = Arc::<MapStore>::default();
    let panics = store.on_connections.set(|| panic!("as the test wants it"));
    panics.expect("not set");
    register_over("panics", &store);
    let router = Routes::new().into_router();
    for path in [
        "/cache/status",
        "/cache/metrics",
        "/metrics/cache",
        "/cache/invalidation-recommendations",
    ] {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        let detail = answer.problem();
        assert!(detail.contains("a store has panicked"), "{detail}");
        assert!(!detail.contains("as the test wants it"), "{detail}");
    }
    let ready = get(&router, "/health/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    // The others are looked at all the same.
    assert_eq!(ready.json()["kinds"][2]["status"], "healthy");
    larder::unregister("panics");
    let answer = get(&router, "/cache/status").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn mon_23_reports_are_asked_for_by_get_and_by_head() {
    let router = Routes::new().into_router();
    for path in [
        "/health/live",
        "/cache/status",
        "/cache/metrics",
        "/metrics/cache",
        "/cache/invalidation-stats",
        "/cache/invalidation-recommendations",
    ] {
        let head = Request::head(path).body(Body::empty());
        let head = ask(&router, head.expect("a request")).await;
        assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
        let post = Request::post(path).body(Body::empty());
        let post = ask(&router, post.expect("a request")).await;
        assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}
