//! What the statistics of a cache say.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use larder::call::{self, MissReason};
use larder::testing::ManualClock;
use larder::{
    AiRequest, Cache, CacheConfig, Counts, Ending, HITS_TIMED, OperationStatistics,
    TENANTS_COUNTED, TextStatistics, TextTier, cached,
};
use serde_json::Value;
use support::{poll_once, register, roomy};

/// Of one operation.
fn of(cache: &Cache, operation: &str) -> OperationStatistics {
    let mut statistics = cache.statistics();
    statistics.operations.remove(operation).unwrap_or_default()
}

fn endings(counts: &Counts) -> Vec<(Ending, u64)> {
    let all = Ending::ALL.into_iter();
    let all = all.map(|ending| (ending, counts.of(ending)));
    all.filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn each_ending_and_each_reason_is_counted_where_it_belongs() {
    #[cached(kind = "stats.endings", op = "answer")]
    async fn answer(id: i32) -> Result<Option<i32>, String> {
        match id {
            0 => Ok(None),
            1.. => Ok(Some(id)),
            -1 => Err("no answer".to_owned()),
            _ => std::future::pending().await,
        }
    }
    let cache = register("stats.endings", roomy());
    for id in [1, 1, 2, 0, -1] {
        let _ = answer(id).await;
    }
    let _ = call::refresh(answer(1)).await;
    let _ = call::bypass(answer(1)).await;
    let _ = call::peek(answer(7)).await;
    assert!(call::peek(answer(2)).await.is_some());
    call::key(answer(1)).await;
    call::remove(answer(2)).await;
    let mut dropped = Box::pin(answer(-2));
    assert!(poll_once(&mut dropped).is_pending());
    drop(dropped);
    cache.switch_off();
    let _ = answer(1).await;
    cache.switch_on();

    let counts = of(&cache, "answer").counts;
    let expected = [
        (Ending::MemoryHit, 2),
        (Ending::Computed, 3),
        (Ending::NotKept, 1),
        (Ending::Failed, 1),
        (Ending::Missed, 1),
        (Ending::Abandoned, 1),
        (Ending::Bypassed, 1),
        (Ending::SwitchedOff, 1),
        (Ending::Stopped, 2),
    ];
    assert_eq!(endings(&counts), expected);
    assert_eq!(counts.calls(), 13);
    assert_eq!((counts.hits(), counts.misses()), (2, 6));
    assert_eq!(counts.hit_ratio(), Some(0.25));
    assert_eq!(counts.hit_rate(), Some(25.0));
    assert_eq!(counts.missed_because(MissReason::Absent), 4);
    assert_eq!(counts.missed_because(MissReason::Refreshed), 1);
}

#[test]
fn nothing_is_no_ratio() {
    let nothing = Counts::default();
    assert_eq!((nothing.hit_ratio(), nothing.hit_rate()), (None, None));
}

#[tokio::test]
async fn calls_are_counted_by_the_length_of_their_text() {
    #[cached(kind = "stats.texts", op = "length", text = text)]
    async fn length(text: &str) -> usize {
        text.len()
    }
    let cache = register("stats.texts", roomy());
    // The first calls of a thread go the long way.
    for _ in 0..2 {
        length("").await;
    }
    cache.reset_statistics();
    // Characters count, and limits are lengths of the next tier.
    for (characters, calls) in [(499, 3), (500, 2), (5000, 1), (50_000, 2)] {
        let text = "ä".repeat(characters);
        for _ in 0..calls {
            length(&text).await;
        }
    }
    let operation = of(&cache, "length");
    let tiers = TextTier::ALL.map(|tier| endings(&operation.text_tiers[&tier]));
    let once = (Ending::Computed, 1);
    let expected = [
        vec![(Ending::MemoryHit, 2), once],
        vec![(Ending::MemoryHit, 1), once],
        vec![once],
        vec![(Ending::MemoryHit, 1), once],
    ];
    assert_eq!(tiers, expected);
    // Those of hits too that went the long way, because another test has changed the registry.
    let texts = operation.texts;
    assert!(texts.count >= 4 && texts.longest == 50_000, "{texts:?}");
    assert!(texts.characters >= 499 + 500 + 5000 + 50_000, "{texts:?}");
    assert_eq!(operation.counts.calls(), 8);
}

#[tokio::test]
async fn the_tiers_of_texts_are_those_of_the_kind() {
    #[cached(kind = "stats.tiers", op = "length")]
    async fn length(text: &str) -> usize {
        text.len()
    }
    let tiers = larder::TextTiers::new(1, 2, 3);
    let config = CacheConfig::builder().ai().text_size_tiers(tiers);
    let cache = register("stats.tiers", config);
    for text in ["a", "aa", "aaa"] {
        length(text).await;
        length(text).await;
    }
    let counted: Vec<TextTier> = of(&cache, "length").text_tiers.into_keys().collect();
    assert_eq!(
        counted,
        [TextTier::Medium, TextTier::Large, TextTier::XLarge]
    );
}

#[tokio::test]
async fn what_is_too_long_is_counted_with_its_length() {
    #[cached(kind = "stats.long", op = "length")]
    async fn length(text: &str) -> usize {
        text.len()
    }
    let cache = register(
        "stats.long",
        CacheConfig::builder().ai().max_text_length(600),
    );
    length(&"a".repeat(601)).await;
    let operation = of(&cache, "length");
    let medium = &operation.text_tiers[&TextTier::Medium];
    assert_eq!(endings(medium), [(Ending::TextTooLong, 1)]);
    assert_eq!(medium.missed_because(MissReason::TextTooLong), 1);
}

#[tokio::test]
async fn tenants_are_counted_by_name_up_to_a_bound() {
    #[cached(kind = "stats.tenants", op = "answer")]
    async fn answer() -> u32 {
        7
    }
    let cache = register("stats.tenants", roomy());
    let tenants = TENANTS_COUNTED + 20;
    for tenant in 0..tenants {
        for _ in 0..3 {
            call::tenant(format!("tenant {tenant}"), answer()).await;
        }
        call::tenant(format!("tenant {tenant}"), cache.get::<u32>("no")).await;
    }
    answer().await;
    let statistics = cache.statistics();
    let counted = statistics.tenants;
    assert_eq!(counted.len(), TENANTS_COUNTED);
    let first = &counted["tenant 0"].operations;
    assert_eq!(
        endings(&first["answer"]),
        [(Ending::MemoryHit, 2), (Ending::Computed, 1)]
    );
    assert_eq!(endings(&first["keys"]), [(Ending::Missed, 1)]);
    let others = &statistics.other_tenants.operations;
    assert_eq!(
        endings(&others["answer"]),
        [(Ending::MemoryHit, 40), (Ending::Computed, 20)]
    );
    // Threads that have ended are counted on.
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(call::tenant("tenant 0", answer()));
    });
    thread.join().expect("no panic");
    let first = &cache.statistics().tenants["tenant 0"].operations["answer"];
    assert_eq!(first.of(Ending::MemoryHit), 3);
}

#[tokio::test]
async fn no_name_of_a_tenant_is_that_of_the_others() {
    #[cached(kind = "stats.names", op = "answer")]
    async fn answer() -> u32 {
        7
    }
    let cache = register("stats.names", roomy());
    let names = ["other tenants", "other_tenants", "others", "*", ""];
    let names = names.map(str::to_owned).into_iter();
    for tenant in names.chain((5..TENANTS_COUNTED + 3).map(|number| number.to_string())) {
        for _ in 0..2 {
            call::tenant(tenant.clone(), answer()).await;
        }
    }
    let statistics = cache.statistics();
    assert_eq!(statistics.tenants.len(), TENANTS_COUNTED);
    let of_each = [(Ending::MemoryHit, 1), (Ending::Computed, 1)];
    for (name, tenant) in &statistics.tenants {
        assert_eq!(endings(&tenant.operations["answer"]), of_each, "{name}");
    }
    let others = &statistics.other_tenants.operations["answer"];
    let of_three = [(Ending::MemoryHit, 3), (Ending::Computed, 3)];
    assert_eq!(endings(others), of_three);
    cache.reset_statistics();
    let others = &cache.statistics().other_tenants;
    assert_eq!(others.operations["answer"], Counts::default());
    assert_eq!(others.savings["answer"].calls, 0);
}

#[tokio::test]
async fn what_only_stores_an_answer_times_no_hit() {
    let answers = register("stats.stored", roomy()).ai();
    let request = AiRequest::new("ask", "a text");
    // The first call of a thread is one that is timed.
    for answer in ["first", "second"] {
        let stored = answers.store(&request, answer.to_owned()).await;
        stored.expect("a request");
    }
    let found = answers.lookup::<String>(&request).await;
    assert_eq!(found.as_deref(), Some("second"));
    let operation = of(answers.cache(), "ask");
    assert_eq!(endings(&operation.counts), [(Ending::MemoryHit, 1)]);
    assert_eq!(operation.memory_hits.count, 0);
}

#[tokio::test]
async fn misses_are_timed_all_and_hits_in_memory_now_and_then() {
    #[cached(kind = "stats.times", op = "answer")]
    async fn answer(id: u32) -> u32 {
        id
    }
    let cache = register("stats.times", roomy());
    let rounds = u64::from(HITS_TIMED) * 4;
    for id in 0..10 {
        answer(id).await;
    }
    for _ in 0..rounds {
        answer(0).await;
        answer(1).await;
    }
    let operation = of(&cache, "answer");
    assert_eq!((operation.misses.count, operation.bodies.count), (10, 10));
    let timed = operation.memory_hits;
    // Hits on the long way are timed as well, without their keys: other tests change the registry.
    let at_least = 2 * rounds / u64::from(HITS_TIMED);
    assert!(timed.count >= at_least && operation.keys.count >= at_least);
    for times in [operation.misses, operation.bodies, timed] {
        let [min, p50, p95, p99, max] = [times.min, times.p50, times.p95, times.p99, times.max];
        assert!(
            min <= p50 && p50 <= p95 && p95 <= p99 && p99 <= max,
            "{times:?}"
        );
        assert!(min <= times.mean() && times.mean() <= max, "{times:?}");
        assert!(times.total > Duration::ZERO);
    }
}

#[tokio::test]
async fn hits_of_futures_and_streams_are_timed_now_and_then_too() {
    #[cached(kind = "stats.polled", op = "future")]
    fn future(id: u32) -> impl Future<Output = u32> + Send + use<> {
        std::future::ready(id)
    }
    #[cached(kind = "stats.polled", op = "stream")]
    fn stream(id: u32) -> impl Stream<Item = Result<u32, Infallible>> + Send {
        futures_util::stream::iter([Ok(id)])
    }
    let cache = register("stats.polled", roomy());
    let rounds = u64::from(HITS_TIMED) * 4;
    for _ in 0..rounds {
        future(1).await;
        assert_eq!(stream(1).count().await, 1);
    }
    // One that is never polled is timed nowhere.
    for _ in 0..rounds {
        drop((future(1), stream(1)));
    }
    let timed = rounds / u64::from(HITS_TIMED);
    for name in ["future", "stream"] {
        let operation = of(&cache, name);
        let (hits, keys) = (operation.memory_hits, operation.keys);
        // The first call of a thread is timed, and was no hit.
        assert!(hits.count >= timed - 1, "{name}: {hits:?}");
        assert!(
            (timed - 1..=timed).contains(&keys.count),
            "{name}: {keys:?}"
        );
    }
}

#[tokio::test]
async fn without_monitoring_calls_are_counted_and_not_timed() {
    #[cached(kind = "stats.untimed", op = "answer")]
    async fn answer() -> u32 {
        7
    }
    let cache = register("stats.untimed", roomy().enable_monitoring(false));
    for _ in 0..3 * HITS_TIMED {
        answer().await;
    }
    let operation = of(&cache, "answer");
    assert_eq!(operation.counts.calls(), u64::from(3 * HITS_TIMED));
    let times = [
        operation.memory_hits,
        operation.misses,
        operation.bodies,
        operation.keys,
    ];
    assert_eq!(times.map(|times| times.count), [0; 4]);
}

#[tokio::test]
async fn a_reset_begins_anew_and_leaves_what_only_grows() {
    #[cached(kind = "stats.reset", op = "answer", text = text)]
    async fn answer(text: &str) -> usize {
        text.len()
    }
    let cache = register("stats.reset", roomy());
    for _ in 0..3 {
        answer("a text").await;
    }
    let before = cache.statistics();
    cache.reset_statistics();
    let nothing = cache.statistics();
    assert_eq!(nothing.counts, Counts::default());
    assert_eq!(
        nothing.operations["answer"].texts,
        TextStatistics::default()
    );
    let times = nothing.operations["answer"].misses;
    assert_eq!(
        (times.count, times.max, times.p99),
        (0, Duration::ZERO, Duration::ZERO)
    );

    answer("a text").await;
    let counts = &cache.statistics().operations["answer"].counts;
    assert_eq!(endings(counts), [(Ending::MemoryHit, 1)]);
    let grown = cache.statistics_since_start();
    assert_eq!(grown.counts.calls(), 4);
    assert_eq!(grown.operations["answer"].misses.count, 1);
    assert_eq!(cache.stats().hits, 3);
    assert_eq!(grown.since(&before).counts.calls(), 1);
    assert_eq!(before.since(&grown).counts, Counts::default());
}

#[tokio::test]
async fn they_are_exported_without_a_word_of_what_was_asked() {
    #[cached(kind = "stats.export", op = "answer", text = text)]
    async fn answer(text: &str, secret: &str) -> String {
        format!("{secret} {text}")
    }
    let cache = register("stats.export", roomy());
    for _ in 0..2 {
        answer("canary text", "canary argument").await;
        cache.get::<String>("canary key").await;
    }
    let text = serde_json::to_string(&cache.statistics()).expect("numbers");
    assert!(!text.contains("canary"), "{text}");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let answer = &json["operations"]["answer"]["counts"];
    assert_eq!(
        (&answer["memory_hit"], &answer["computed"]),
        (&1.into(), &1.into())
    );
    assert_eq!(answer["miss_reasons"]["absent"], 1);
    assert_eq!(
        json["operations"]["answer"]["text_tiers"]["small"]["computed"],
        1
    );
}

#[tokio::test]
async fn what_is_over_or_invalidated_is_missed_for_that_reason() {
    #[cached(kind = "stats.over", op = "answer", ttl = "1s")]
    async fn answer(id: u32) -> u32 {
        id
    }
    let clock = ManualClock::new();
    let config = roomy().build().expect("valid settings");
    let cache = Cache::builder("stats.over", &config).clock(clock.clone());
    let cache = cache.build().expect("a cache");
    larder::register(cache.clone());
    let all = async || {
        for id in 0..20 {
            answer(id).await;
        }
    };
    all().await;
    clock.advance(Duration::from_secs(2));
    all().await;
    cache.remove_operation("answer").await;
    all().await;
    let counts = of(&cache, "answer").counts;
    let missed = |reason| counts.missed_because(reason);
    assert_eq!(
        [
            MissReason::Absent,
            MissReason::Expired,
            MissReason::Invalidated
        ]
        .map(missed),
        [20, 20, 20]
    );
    assert_eq!(cache.size(), 20);
}

#[tokio::test]
async fn calls_without_a_key_are_not_timed_before_their_bodies() {
    #[cached(kind = "stats.keyless", op = "answer")]
    async fn answer(id: u32) -> u32 {
        id
    }
    let cache = register("stats.keyless", roomy().require_tenant(true));
    answer(1).await;
    let operation = of(&cache, "answer");
    assert_eq!(operation.counts.of(Ending::NoTenant), 1);
    assert_eq!(operation.misses.count, 0);
}
