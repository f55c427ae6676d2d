//! What a cache for answers of language models has to do, one by one, in memory alone and over a real
//! Redis.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use fixture::RedisServer;
use larder::call::{self, MissReason, Origin};
use larder::testing::ManualClock;
use larder::{
    AiCache, AiRequest, Cache, CacheConfig, CacheConfigBuilder, CacheError, HashAlgorithm, Reach,
    TextTier,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use support::roomy;

const TEXT: &str = "The sea was calm.";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Summary {
    text: String,
    confidence: f64,
}

impl larder::Cacheable for Summary {
    fn is_cacheable(&self) -> bool {
        true
    }
}

fn summary(text: &str) -> Summary {
    Summary {
        text: text.to_owned(),
        confidence: 0.5,
    }
}

/// What each row is tried with.
struct Bench {
    answers: AiCache,
    clock: ManualClock,
    server: Option<RedisServer>,
}

impl Bench {
    async fn of(config: CacheConfigBuilder, server: Option<RedisServer>) -> Self {
        let config = config.ai();
        let config = match &server {
            Some(server) => {
                let budget = Duration::from_secs(2);
                config.redis_url(server.url()).store_budget(budget)
            }
            None => config,
        };
        let clock = ManualClock::new();
        let config = config.build().expect("valid settings");
        let cache = Cache::builder("ai", &config).clock(clock.clone());
        let answers = cache.build().expect("a cache").ai();
        assert!(answers.cache().connect().await);
        Self {
            answers,
            clock,
            server,
        }
    }

    /// In memory alone, over Redis, and in Redis alone.
    async fn all(config: impl Fn() -> CacheConfigBuilder) -> [Self; 3] {
        [
            Self::of(config(), None).await,
            Self::of(config(), Some(RedisServer::start())).await,
            Self::of(config().enable_l1_cache(false), Some(RedisServer::start())).await,
        ]
    }

    fn has_memory(&self) -> bool {
        self.answers.cache().stats().max_size > 0
    }
}

async fn store(answers: &AiCache, request: &AiRequest<'_>, answer: &Summary) {
    let stored = answers.store(request, answer.clone()).await;
    stored.expect("a request");
}

#[tokio::test]
async fn ai_1_it_is_a_cache_with_a_cache_inside_and_interchangeable_ones() {
    // One function for all of them.
    async fn service(answers: &AiCache) -> Summary {
        let request = AiRequest::new("summarize", TEXT);
        let compute = async || summary("calm");
        answers.get_or_compute(&request, compute).await
    }
    for bench in Bench::all(roomy).await {
        for origin in ["computed", "found"] {
            assert_eq!(service(&bench.answers).await, summary("calm"), "{origin}");
            assert!(bench.answers.cache().flush(Duration::from_secs(5)).await);
        }
        assert_eq!(bench.answers.cache().stats().computed, 1);
        assert_eq!(bench.answers.cache().stats().hits, 1);
    }
    // Of a kind without settings for language models, too.
    let config = CacheConfig::builder().build().expect("valid settings");
    let plain = Cache::builder("web", &config).build().expect("a cache");
    assert_eq!(service(&AiCache::new(plain)).await, summary("calm"));
}

#[tokio::test]
async fn ai_2_an_answer_is_stored_under_its_key_for_the_lifetime_of_its_operation() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        let request = AiRequest::new("summarize", TEXT)
            .options(&json!({ "max_words": 100 }))
            .question("why?");
        store(answers, &request, &summary("calm")).await;
        assert_eq!(answers.lookup(&request).await, Some(summary("calm")));
        let key = answers.key(&request).expect("a key");
        if let Some(server) = &bench.server {
            let left = server.command(&["PTTL", &key]).int();
            assert!((7_190_000..=7_200_000).contains(&left), "{left}");
        }
        bench.clock.advance(Duration::from_secs(7199));
        assert_eq!(answers.lookup(&request).await, Some(summary("calm")));
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(answers.lookup::<Summary>(&request).await, None);
    }
}

#[tokio::test]
#[expect(deprecated, reason = "the old name is the row")]
async fn ai_2_an_answer_that_is_stored_as_nothing_is_looked_up() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        let options = json!({ "max_words": 100 });
        let asked = answers.cache_response::<Summary>(TEXT, "summarize", &options, None, None);
        assert_eq!(asked.await.expect("a request"), None);
        let given = Some(summary("calm"));
        let stored = answers.cache_response(TEXT, "summarize", &options, given.clone(), None);
        assert_eq!(stored.await.expect("a request"), given);
        let asked = answers.cache_response(TEXT, "summarize", &options, None, None);
        assert_eq!(asked.await.expect("a request"), given);
    }
}

#[tokio::test]
async fn ai_3_an_answer_is_found_by_all_that_was_asked_and_by_nothing_less() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        let options = json!({ "max_words": 100 });
        let request = || AiRequest::new("summarize", TEXT).options(&options);
        store(answers, &request().question("why?"), &summary("calm")).await;
        for other in [
            request(),
            request().question("how?"),
            AiRequest::new("summarize", TEXT).question("why?"),
            AiRequest::new("qa", TEXT)
                .options(&options)
                .question("why?"),
            AiRequest::new("summarize", "The sea was calm")
                .options(&options)
                .question("why?"),
            AiRequest::new("summarize", TEXT)
                .options(&json!({ "max_words": 101 }))
                .question("why?"),
        ] {
            assert_eq!(answers.lookup::<Summary>(&other).await, None);
        }
        let same = request().question("why?");
        assert_eq!(answers.lookup(&same).await, Some(summary("calm")));
        assert_eq!(answers.lookup::<String>(&same).await, None);
    }
}

#[tokio::test]
async fn ai_4_what_is_known_of_an_answer_that_is_computed_is_told_beside_it() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        let request = AiRequest::new("summarize", TEXT);
        let compute = async || summary("calm");
        let made = call::outcome(answers.get_or_compute(&request, compute)).await;
        // The value is as it was.
        assert_eq!(made.value, summary("calm"));
        assert_eq!(made.origin, Origin::Computed);
        assert_eq!(made.miss, Some(MissReason::Absent));
        // 1 January 2020, on this clock.
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
        assert_eq!(made.stored_at, Some(began));
        assert_eq!(made.operation.as_deref(), Some("summarize"));
        assert_eq!(made.text_length, Some(17));
        assert_eq!(made.text_tier, Some(TextTier::Small));
        assert!(made.key_time.expect("measured") < Duration::from_secs(1));
        assert_eq!(made.key, answers.key(&request));
    }
}

#[tokio::test]
async fn ai_5_what_is_known_of_an_answer_that_is_found_is_told_beside_it() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        let request = AiRequest::new("summarize", TEXT);
        store(answers, &request, &summary("calm")).await;
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
        let second = Duration::from_secs(1);
        bench.clock.advance(second);
        let found = call::outcome(answers.lookup(&request)).await;
        assert_eq!(found.value, Some(summary("calm")));
        let expected = if bench.has_memory() {
            Origin::Memory
        } else {
            Origin::Store
        };
        assert_eq!((found.origin, found.miss), (expected, None));
        assert_eq!((found.age, found.stored_at), (second, Some(began)));
        assert_eq!(found.operation.as_deref(), Some("summarize"));
        assert_eq!(found.text_length, Some(17));
        assert_eq!(found.text_tier, Some(TextTier::Small));
        assert!(found.key_time.is_some());
    }
}

#[tokio::test]
async fn ai_6_bad_input_is_a_validation_error_and_no_reason_not_to_compute() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        for (request, expected) in [
            (AiRequest::new("summarize", ""), "the text of a request"),
            (AiRequest::new("", TEXT), "the operation of a request"),
            (
                AiRequest::new("summarize", TEXT).options(&["max_words"]),
                "the options of a request",
            ),
        ] {
            let error = answers.store(&request, 1).await.expect_err(expected);
            let CacheError::Validation { subject, .. } = error else {
                panic!("{error}");
            };
            assert_eq!(subject, expected);
            assert_eq!(answers.lookup::<i32>(&request).await, None);
            assert_eq!(answers.get_or_compute(&request, async || 2).await, 2);
        }
        assert_eq!(answers.cache().stats().no_key, 6);
    }
}

#[tokio::test]
async fn ai_7_the_key_can_be_built() {
    for bench in Bench::all(roomy).await {
        let options = json!({ "max_words": 100 });
        let request = AiRequest::new("summarize", TEXT)
            .options(&options)
            .question("why?");
        let key = bench.answers.key(&request).expect("a key");
        let parts: Vec<_> = key.split('|').collect();
        let [op, txt, opts, q, id] = parts[..] else {
            panic!("{key}");
        };
        assert_eq!(op, "ai_cache:op:summarize");
        assert_eq!(txt, format!("txt:{TEXT}"));
        for (digest, label) in [(opts, "opts:"), (q, "q:"), (id, "id:")] {
            let digest = digest.strip_prefix(label).expect(label);
            assert_eq!(digest.len(), 32, "{key}");
        }
        let long = "x".repeat(1001);
        let key = bench.answers.key(&AiRequest::new("summarize", &long));
        let key = key.expect("a key");
        assert!(key.starts_with("ai_cache:op:summarize|txt:hash:"), "{key}");
        // It is what the store has.
        store(&bench.answers, &request, &summary("calm")).await;
        if let Some(server) = &bench.server {
            let key = bench.answers.key(&request).expect("a key");
            assert_eq!(server.command(&["EXISTS", &key]).int(), 1);
        }
    }
}

#[tokio::test]
async fn ai_8_an_operation_is_removed_and_counted_and_the_others_stay() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        for (operation, text) in [("summarize", "a"), ("summarize", "b"), ("qa", "a")] {
            store(answers, &AiRequest::new(operation, text), &summary(text)).await;
        }
        answers.cache().set("summarize", 1).await;
        assert_eq!(answers.remove_operation("summarize").await, 2);
        for text in ["a", "b"] {
            let request = AiRequest::new("summarize", text);
            assert_eq!(answers.lookup::<Summary>(&request).await, None);
        }
        let kept = answers.lookup(&AiRequest::new("qa", "a")).await;
        assert_eq!(kept, Some(summary("a")));
        assert_eq!(answers.cache().get("summarize").await, Some(1));
        assert_eq!(answers.remove_operation("summarize").await, 0);
        // In one step, without a count.
        let reach = answers.cache().remove_operation("qa").await;
        assert_eq!(reach, Reach::Everywhere);
        let request = AiRequest::new("qa", "a");
        assert_eq!(answers.lookup::<Summary>(&request).await, None);
    }
}

#[tokio::test]
async fn ai_9_clear_takes_what_is_under_the_prefix_and_nothing_else() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        if let Some(server) = &bench.server {
            server.command(&["SET", "another:op:summarize", "1"]);
        }
        store(answers, &AiRequest::new("qa", TEXT), &summary("a")).await;
        answers.cache().set("own", 1).await;
        assert_eq!(answers.cache().clear().await, Reach::Everywhere);
        let request = AiRequest::new("qa", TEXT);
        assert_eq!(answers.lookup::<Summary>(&request).await, None);
        assert_eq!(answers.cache().get::<i32>("own").await, None);
        assert_eq!(answers.cache().size(), 0);
        if let Some(server) = &bench.server {
            let kept = server.command(&["EXISTS", "another:op:summarize"]);
            assert_eq!(kept.int(), 1);
        }
    }
}

#[tokio::test]
async fn ai_10_everything_else_of_a_cache_works_unchanged() {
    for bench in Bench::all(|| roomy().compression_threshold(100)).await {
        let cache = bench.answers.cache();
        let lifetime = Duration::from_secs(300);
        cache.set_for("user:1", "Ada".to_owned(), lifetime).await;
        cache.set("user:2", "x".repeat(10_000)).await;
        cache.set("session:1", 1).await;
        assert_eq!(cache.get::<String>("user:1").await.as_deref(), Some("Ada"));
        let long = cache.get::<String>("user:2").await;
        assert_eq!(long.map(|it| it.len()), Some(10_000));
        if let Some(server) = &bench.server {
            let stored = server.command(&["STRLEN", "ai_cache:key:user:2"]).int();
            assert!((1..1000).contains(&stored), "compressed: {stored}");
        }
        assert!(cache.exists("user:1").await);
        assert!(!cache.exists("user:3").await);
        let left = cache.ttl("user:1").await.expect("it ends");
        assert!((250..=300).contains(&left.as_secs()), "{left:?}");
        assert_eq!(cache.keys("user:*").await, ["user:1", "user:2"]);
        assert!(cache.remove("user:1").await);
        assert!(!cache.exists("user:1").await);
        assert_eq!(cache.remove_matching("user:*").await, 1);
        assert_eq!(cache.keys("").await, ["session:1"]);
        // Those are the application's own keys, and no answers are among them.
        store(&bench.answers, &AiRequest::new("qa", TEXT), &summary("a")).await;
        assert_eq!(cache.keys("").await, ["session:1"]);
        assert_eq!(cache.clear().await, Reach::Everywhere);
        assert!(!cache.exists("session:1").await);
    }
}

#[tokio::test]
async fn ai_11_there_is_one_memory() {
    for bench in Bench::all(|| roomy().l1_cache_size(50)).await {
        let cache = bench.answers.cache();
        for number in 0..200 {
            let text = format!("text {number}");
            store(&bench.answers, &AiRequest::new("qa", &text), &summary("a")).await;
            cache.set(&format!("own:{number}"), number).await;
        }
        let stats = cache.stats();
        let room = if bench.has_memory() { 50 } else { 0 };
        assert_eq!(stats.max_size, room);
        assert!(stats.total_entries <= room, "{}", stats.total_entries);
        assert_eq!(stats.total_entries, cache.size());
    }
}

#[tokio::test]
async fn ai_12_hits_misses_and_answers_that_are_kept_are_counted_as_of_any_cache() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        let request = AiRequest::new("qa", TEXT);
        assert_eq!(answers.lookup::<i32>(&request).await, None);
        assert_eq!(answers.get_or_compute(&request, async || 1).await, 1);
        assert!(answers.cache().flush(Duration::from_secs(5)).await);
        assert_eq!(answers.lookup(&request).await, Some(1));
        assert_eq!(answers.get_or_compute(&request, async || 2).await, 1);
        let stats = answers.cache().stats();
        assert_eq!((stats.hits, stats.misses, stats.computed), (2, 2, 1));
        let of_memory = if bench.has_memory() { 2 } else { 0 };
        assert_eq!(stats.memory_hits, of_memory);
        assert_eq!(stats.store_hits, 2 - of_memory);
    }
}

#[tokio::test]
async fn ai_13_the_algorithm_is_chosen_by_name_once() {
    let mut keys = HashSet::new();
    for algorithm in HashAlgorithm::ALL {
        let config = || roomy().hash_algorithm(algorithm);
        for bench in Bench::all(config).await {
            let request = AiRequest::new("qa", TEXT).option("a", &1);
            store(&bench.answers, &request, &summary("a")).await;
            assert_eq!(bench.answers.lookup(&request).await, Some(summary("a")));
            keys.insert(bench.answers.key(&request).expect("a key"));
        }
    }
    assert_eq!(keys.len(), HashAlgorithm::ALL.len());
}

#[tokio::test]
async fn ai_14_a_text_over_the_limit_goes_past_the_cache_and_is_counted() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        let most = "x".repeat(100_000);
        let more = "x".repeat(100_001);
        for (text, is_kept) in [(&most, true), (&more, false)] {
            let request = AiRequest::new("qa", text);
            store(answers, &request, &summary("a")).await;
            let found = answers.lookup::<Summary>(&request).await;
            assert_eq!(found.is_some(), is_kept);
            let compute = async || summary("b");
            let got = call::outcome(answers.get_or_compute(&request, compute)).await;
            assert_eq!(got.value == summary("a"), is_kept);
            assert_eq!(got.miss == Some(MissReason::TextTooLong), !is_kept);
        }
        assert_eq!(answers.cache().stats().text_too_long, 3);
    }
}

#[tokio::test]
async fn if_8_a_service_works_the_same_when_redis_is_away() {
    let server = RedisServer::absent();
    let config = roomy()
        .redis_url(server.url())
        .ai()
        .build()
        .expect("valid settings");
    let cache = Cache::builder("ai", &config).build().expect("a cache");
    let answers = cache.ai();
    let request = AiRequest::new("qa", TEXT);
    store(&answers, &request, &summary("a")).await;
    assert_eq!(answers.lookup(&request).await, Some(summary("a")));
    assert!(answers.remove(&request).await);
    let compute = async || summary("b");
    for _ in 0..2 {
        assert_eq!(
            answers.get_or_compute(&request, compute).await,
            summary("b")
        );
    }
    assert_eq!(answers.remove_operation("qa").await, 1);
}

#[tokio::test]
#[expect(deprecated, reason = "the old names are the row")]
async fn mig_4_the_old_names_do_what_the_new_ones_do() {
    for bench in Bench::all(roomy).await {
        let answers = &bench.answers;
        let cache = answers.cache();
        let options = json!({ "max_words": 100 });
        for question in [None, Some("why?")] {
            let request = AiRequest::new("summarize", TEXT).options(&options);
            let request = match question {
                Some(question) => request.question(question),
                None => request,
            };
            let given = Some(summary("calm"));
            let stored = answers.cache_response(TEXT, "summarize", &options, given, question);
            stored.await.expect("a request");
            assert_eq!(answers.lookup(&request).await, Some(summary("calm")));
            let found = answers.get_cached_response(TEXT, "summarize", &options, question);
            assert_eq!(found.await, Some(summary("calm")));
            let key = answers.generate_cache_key(TEXT, "summarize", &options, question);
            assert_eq!(key, answers.key(&request));
            if question.is_none() {
                let key = answers.build_key(TEXT, "summarize", &options);
                assert_eq!(key, answers.key(&request));
            }
        }
        assert_eq!(answers.invalidate_by_operation("summarize").await, 2);
        let found = answers.get_cached_response::<Summary>(TEXT, "summarize", &options, None);
        assert_eq!(found.await, None);
        let bad = answers.cache_response("", "summarize", &options, Some(1), None);
        assert!(matches!(bad.await, Err(CacheError::Validation { .. })));

        cache.set("user:1", 1).await;
        cache.set("user:2", 2).await;
        assert_eq!(answers.get_keys("user:*").await, ["user:1", "user:2"]);
        let left = answers.get_ttl("user:1").await.expect("it ends");
        assert!(left.as_secs() > 3500, "{left:?}");
        assert!(answers.delete("user:1").await);
        assert_eq!(answers.invalidate_pattern("user:*").await, 1);
        assert_eq!(answers.get_stats().hits, cache.stats().hits);
    }
}
