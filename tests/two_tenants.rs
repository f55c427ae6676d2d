//! Two tenants that ask the same at the same time, in every way there is to ask: over memory alone, over
//! Redis with memory, and over Redis alone.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fixture::RedisServer;
use futures_util::future::join_all;
use larder::{AiRequest, Cache, CacheConfigBuilder, Ending, Statistics, call};
use support::{register, roomy};

const TENANTS: [&str; 2] = ["acme", "umbrella"];
const PROMPTS: usize = 5;
const TASKS: usize = 16;
/// Of each task: the two tenants in turn, each of them in all ways and with all prompts.
const CALLS: usize = 2 * 4 * PROMPTS * 5;

/// In which way it is asked, as the operation is called that counts it.
const FUNCTION: &str = "function";
const STREAM: &str = "stream";
const REQUEST: &str = "request";
const KEY: &str = "keys";
const WAYS: [&str; 4] = [FUNCTION, STREAM, REQUEST, KEY];

/// What a body knows, and its key does not: for whom it runs.
#[derive(Clone)]
struct Asked {
    way: &'static str,
    tenant: &'static str,
    bodies: Arc<Bodies>,
}

/// How often each body has run.
#[derive(Default)]
struct Bodies(Mutex<BTreeMap<(&'static str, &'static str, usize), u64>>);

impl Bodies {
    fn of(&self, tenant: &str, way: &str) -> u64 {
        let runs = self.0.lock().expect("no panic");
        let runs = runs
            .iter()
            .filter(|((w, t, _), _)| (*w, *t) == (way, tenant));
        runs.map(|(_, runs)| runs).sum()
    }

    /// Of the body that has run most often.
    fn most(&self) -> u64 {
        let runs = self.0.lock().expect("no panic");
        runs.values().copied().max().unwrap_or_default()
    }
}

impl Asked {
    /// As many words as a stream of it has chunks.
    fn answer(&self, prompt: usize) -> String {
        let Self { way, tenant, .. } = self;
        format!("prompt {prompt} by {way} for {tenant}")
    }

    /// A body: it lets the others go first.
    async fn compute(self, prompt: usize) -> String {
        let answer = self.answer(prompt);
        let Self {
            way,
            tenant,
            bodies,
        } = self;
        *bodies
            .0
            .lock()
            .expect("no panic")
            .entry((way, tenant, prompt))
            .or_default() += 1;
        tokio::task::yield_now().await;
        answer
    }
}

/// What asks in each way, with functions of a kind of its own.
macro_rules! kind {
    ($module:ident $kind:tt) => {
        mod $module {
            use std::convert::Infallible;

            use futures_util::{Stream, StreamExt, TryStreamExt, stream};

            use super::{AiRequest, Asked, Cache, FUNCTION, REQUEST, STREAM};

            #[larder::cached(kind = $kind, op = "function", skip(asked), tokens = |it| it.len())]
            async fn function(prompt: usize, asked: Asked) -> String {
                asked.compute(prompt).await
            }

            #[larder::cached(kind = $kind, op = "stream", skip(asked), tokens = |it| it.len())]
            fn stream(
                prompt: usize,
                asked: Asked,
            ) -> impl Stream<Item = Result<String, Infallible>> + Send {
                stream::once(asked.compute(prompt)).flat_map(|answer| {
                    let words: Vec<_> = answer.split(' ').map(str::to_owned).collect();
                    stream::iter(words).then(async |word| {
                        tokio::task::yield_now().await;
                        Ok(word)
                    })
                })
            }

            pub(super) async fn ask(cache: Cache, prompt: usize, asked: Asked) -> String {
                match asked.way {
                    FUNCTION => function(prompt, asked).await,
                    STREAM => {
                        let words: Result<Vec<_>, _> = stream(prompt, asked).try_collect().await;
                        words.expect("infallible").join(" ")
                    }
                    REQUEST => {
                        let text = format!("prompt {prompt}");
                        let request = AiRequest::new("request", &text);
                        let compute = || asked.compute(prompt);
                        cache.ai().get_or_compute(&request, compute).await
                    }
                    _ => {
                        let key = format!("prompt {prompt}");
                        cache.get_or_compute(&key, || asked.compute(prompt)).await
                    }
                }
            }
        }
    };
}

kind!(memory "two.tenants");
kind!(both "two.tenants.both");
kind!(redis "two.tenants.redis");

/// Sixteen tasks ask for both tenants; each answer is that of its tenant, its prompt and its way.
async fn ask_for_both<A, F>(ask: A, cache: &Cache, bodies: &Arc<Bodies>)
where
    A: Fn(Cache, usize, Asked) -> F + Copy + Send + 'static,
    F: Future<Output = String> + Send,
{
    let tasks = (0..TASKS).map(|task| {
        let (cache, bodies) = (cache.clone(), bodies.clone());
        tokio::spawn(async move {
            for call in 0..CALLS {
                let number = call / 2;
                let asked = Asked {
                    way: WAYS[number % 4],
                    tenant: TENANTS[(call + task) % 2],
                    bodies: bodies.clone(),
                };
                let prompt = number / 4 % PROMPTS;
                let expected = asked.answer(prompt);
                let asks = ask(cache.clone(), prompt, asked.clone());
                assert_eq!(call::tenant(asked.tenant, asks).await, expected);
            }
        })
    });
    for ended in join_all(tasks.collect::<Vec<_>>()).await {
        ended.expect("each has its own answers");
    }
}

/// How many calls of each tenant and way were hits, and how many ran their body: all of them are one or the
/// other, and nothing is counted for anybody else.
fn hits_and_bodies(statistics: &Statistics) -> BTreeMap<(&str, &str), (u64, u64)> {
    let tenants: Vec<_> = statistics.tenants.keys().collect();
    assert_eq!(tenants, TENANTS);
    let mut found = BTreeMap::new();
    for (tenant, counted) in &statistics.tenants {
        let ways: Vec<_> = counted.operations.keys().collect();
        assert_eq!(ways, [FUNCTION, KEY, REQUEST, STREAM]);
        for (way, counts) in &counted.operations {
            let made = (TASKS * CALLS / 8) as u64;
            let (hits, computed) = (counts.hits(), counts.of(Ending::Computed));
            assert_eq!(counts.calls(), made, "{tenant} {way}");
            assert_eq!(hits + computed, made, "{tenant} {way} {counts:?}");
            let savings = counted.savings[way];
            assert_eq!(savings.calls, hits, "{tenant} {way}");
            if [FUNCTION, STREAM].contains(&way.as_str()) {
                let answers = (savings.replayed.calls, savings.billed.calls);
                assert_eq!(answers, (hits, computed), "{tenant}");
            }
            found.insert((tenant.as_str(), way.as_str()), (hits, computed));
        }
    }
    for (way, operation) in &statistics.operations {
        let of_tenants = TENANTS.map(|tenant| found[&(tenant, way.as_str())]);
        let hits: u64 = of_tenants.iter().map(|(hits, _)| hits).sum();
        assert_eq!(operation.counts.hits(), hits, "{way}");
        assert_eq!(operation.counts.calls(), (TASKS * CALLS / 4) as u64);
    }
    found
}

async fn no_answer_crosses<A, F>(ask: A, kind: &str, config: CacheConfigBuilder)
where
    A: Fn(Cache, usize, Asked) -> F + Copy + Send + 'static,
    F: Future<Output = String> + Send,
{
    let config = config.ai();
    let bodies = Arc::<Bodies>::default();
    let first = register(kind, config.clone());
    assert!(first.connect().await);
    ask_for_both(ask, &first, &bodies).await;
    let statistics = first.statistics();
    let prompts = PROMPTS as u64;
    for ((tenant, way), (_, computed)) in hits_and_bodies(&statistics) {
        assert_eq!(bodies.of(tenant, way), computed, "{tenant} {way}");
        assert!(computed >= prompts, "each tenant has answers of its own");
    }
    if first.stats().max_size > 0 {
        assert_eq!(bodies.most(), 1, "and has them once");
    }

    // Another process has what is in Redis.
    assert!(first.flush(Duration::from_secs(10)).await);
    let second = if first.stats().backend_type == "memory" {
        first.reset_statistics();
        first
    } else {
        let second = register(kind, config);
        assert!(second.connect().await);
        second
    };
    ask_for_both(ask, &second, &bodies).await;
    for ((tenant, way), (_, computed)) in hits_and_bodies(&second.statistics()) {
        assert_eq!(computed, 0, "{tenant} has its own hits by {way}");
    }
    // Who has no tenant has none of it.
    let nobody = Asked {
        way: KEY,
        tenant: "nobody",
        bodies: bodies.clone(),
    };
    let expected = nobody.answer(0);
    assert_eq!(ask(second.clone(), 0, nobody).await, expected);
}

fn over(server: &RedisServer) -> CacheConfigBuilder {
    roomy()
        .redis_url(server.url())
        .store_budget(Duration::from_secs(5))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_crosses_from_one_tenant_to_the_other_in_memory() {
    no_answer_crosses(memory::ask, "two.tenants", roomy()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_crosses_from_one_tenant_to_the_other_in_redis_with_memory() {
    let server = RedisServer::start();
    no_answer_crosses(both::ask, "two.tenants.both", over(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_crosses_from_one_tenant_to_the_other_in_redis_alone() {
    let server = RedisServer::start();
    let config = over(&server).enable_l1_cache(false);
    no_answer_crosses(redis::ask, "two.tenants.redis", config).await;
}
