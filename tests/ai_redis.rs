//! Answers of language models in a real Redis, and several processes that have them in common. Each
//! process is a cache of its own.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fixture::RedisServer;
use larder::call::{self, Origin};
use larder::{AiCache, AiRequest, Cache, KeyBuilder, cached};
use serde::{Deserialize, Serialize};
use support::{Runs, eventually, roomy};
use tokio::sync::Semaphore;

const TEXT: &str = "The sea was calm.";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Summary {
    text: String,
}

impl larder::Cacheable for Summary {
    fn is_cacheable(&self) -> bool {
        true
    }
}

#[derive(Serialize)]
struct Words {
    max_words: u32,
}

async fn process(kind: &str, server: &RedisServer) -> AiCache {
    let budget = Duration::from_secs(2);
    let config = roomy().redis_url(server.url()).store_budget(budget).ai();
    let config = config.build().expect("valid settings");
    let cache = Cache::builder(kind, &config).build().expect("a cache");
    assert!(cache.connect().await);
    cache.ai()
}

async fn flushed(process: &AiCache) {
    assert!(process.cache().flush(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_function_in_one_process_and_a_request_in_another_have_their_answers_in_common() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "ai", op = "summarize")]
    async fn summarize(text: &str, question: &str, max_words: u32) -> Summary {
        RUNS.count();
        let text = format!("{} {question} {max_words}", text.len());
        Summary { text }
    }
    let _scope = larder::testing::registry_scope();
    let request = |max_words| {
        let request = AiRequest::new("summarize", TEXT).options(&Words { max_words });
        request.question("why?")
    };
    let server = RedisServer::start();
    let [functions, requests] = [process("ai", &server).await, process("ai", &server).await];
    larder::register(functions.cache().clone());

    let computed = summarize(TEXT, "why?", 1).await;
    flushed(&functions).await;
    let unneeded = async || -> Summary { panic!("it is there") };
    let found = call::outcome(requests.get_or_compute(&request(1), unneeded)).await;
    assert_eq!((&found.value, found.origin), (&computed, Origin::Store));
    let expected = KeyBuilder::new(&config(), "ai", "summarize").expect("a builder");
    let expected = expected
        .text(TEXT)
        .question("why?")
        .arg("max_words", &1_u32);
    assert_eq!(found.key, expected.build().ok());

    let given = Summary {
        text: "given".to_owned(),
    };
    let stored = requests.store(&request(2), given.clone()).await;
    stored.expect("a request");
    let found = call::outcome(summarize(TEXT, "why?", 2)).await;
    assert_eq!((&found.value, found.origin), (&given, Origin::Store));

    // What one process replaces or removes, the memory of the other does not have.
    let newer = Summary {
        text: "newer".to_owned(),
    };
    let stored = requests.store(&request(1), newer.clone()).await;
    stored.expect("a request");
    let follows = async || summarize(TEXT, "why?", 1).await == newer;
    eventually("the function has the newer one", follows).await;
    assert!(requests.remove(&request(2)).await);
    let follows = async || call::peek(summarize(TEXT, "why?", 2)).await.is_none();
    eventually("the function has it no more", follows).await;
    assert_eq!(RUNS.total(), 1);

    // Another type is another answer.
    assert_eq!(requests.lookup::<String>(&request(1)).await, None);
    assert_eq!(functions.lookup::<String>(&request(1)).await, None);

    assert_eq!(functions.remove_operation("summarize").await, 1);
    let follows = async || requests.lookup::<Summary>(&request(1)).await.is_none();
    eventually("nobody has it", follows).await;
}

fn config() -> larder::CacheConfig {
    roomy().ai().build().expect("valid settings")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_crosses_from_one_tenant_to_the_other() {
    const TENANTS: [&str; 2] = ["acme", "umbrella"];
    const PROMPTS: u32 = 20;
    let server = RedisServer::start();
    let processes = [
        process("crossing", &server).await,
        process("crossing", &server).await,
    ];
    let runs = Arc::<AtomicUsize>::default();
    let mut callers = Vec::new();
    for round in 0..10 {
        for prompt in 0..PROMPTS {
            for (at, tenant) in TENANTS.into_iter().enumerate() {
                // Both tenants in both processes.
                let answers = processes[(round + at) % 2].clone();
                let runs = runs.clone();
                callers.push(tokio::spawn(call::tenant(tenant, async move {
                    let max_words = prompt;
                    let request = AiRequest::new("summarize", TEXT).options(&Words { max_words });
                    let compute = async || {
                        runs.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        format!("{tenant} {prompt}")
                    };
                    let answer = if round % 4 == 3 {
                        answers.lookup(&request).await
                    } else {
                        Some(answers.get_or_compute(&request, compute).await)
                    };
                    if let Some(answer) = answer {
                        assert_eq!(answer, format!("{tenant} {prompt}"));
                    }
                })));
            }
        }
    }
    for caller in callers {
        caller.await.expect("nothing has crossed");
    }
    for process in &processes {
        flushed(process).await;
    }
    // At most once in each process, and of each tenant at least once.
    let runs = runs.load(Ordering::SeqCst);
    let different = PROMPTS as usize * TENANTS.len();
    assert!((different..=2 * different).contains(&runs), "{runs}");

    // Each has its own hits: in a process that has nothing in memory, from Redis, and then from memory.
    let fresh = process("crossing", &server).await;
    for origin in [Origin::Store, Origin::Memory] {
        for prompt in 0..PROMPTS {
            let max_words = prompt;
            let request = AiRequest::new("summarize", TEXT).options(&Words { max_words });
            for tenant in TENANTS {
                let look_up = call::outcome(fresh.lookup::<String>(&request));
                let found = call::tenant(tenant, look_up).await;
                assert_eq!(found.value, Some(format!("{tenant} {prompt}")));
                assert_eq!(found.origin, origin);
            }
            assert_eq!(fresh.lookup::<String>(&request).await, None);
        }
    }
    // What is removed for one of them, the other has.
    let request = AiRequest::new("summarize", TEXT).options(&Words { max_words: 0 });
    assert!(call::tenant("acme", fresh.remove(&request)).await);
    let kept = call::tenant("umbrella", fresh.lookup::<String>(&request)).await;
    assert_eq!(kept.as_deref(), Some("umbrella 0"));
    fresh.cache().remove_tenant("umbrella").await;
    let gone = call::tenant("umbrella", fresh.lookup::<String>(&request)).await;
    assert_eq!(gone, None);
}

#[tokio::test]
async fn an_operation_that_is_computed_once_for_all_processes_is_so_for_requests() {
    static RUNS: Runs = Runs::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cached(kind = "once", op = "once.run", single_flight = "cluster")]
    async fn run(text: &str) -> usize {
        text.len()
    }
    // It stands for its operation without being called.
    let _ = run;
    let server = RedisServer::start();
    let [first, second] = [
        process("once", &server).await,
        process("once", &server).await,
    ];
    let compute = async |answers: AiCache| {
        let request = AiRequest::new("once.run", TEXT);
        let compute = async || {
            let run = RUNS.count();
            let _pass = GATE.acquire().await;
            run
        };
        answers.get_or_compute(&request, compute).await
    };
    let first = tokio::spawn(compute(first));
    let runs = async || RUNS.total() == 1;
    eventually("one computes", runs).await;
    let second = tokio::spawn(compute(second));
    let waits = async || server.calls("time") > 0;
    eventually("the other one waits", waits).await;
    GATE.add_permits(2);
    assert_eq!(first.await.expect("no panic"), 1);
    assert_eq!(second.await.expect("no panic"), 1);
}
