//! Tiers of texts and lifetimes of operations, one row of numbers after the other. What is counted of
//! them is in `insight_rows`.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use larder::testing::ManualClock;
use larder::{
    AiCache, AiRequest, Cache, CacheConfig, CacheConfigBuilder, CacheError, Promotion, TextTier,
    TextTiers, call,
};
use support::map_store::MapStore;
use support::roomy;

use TextTier::{Large, Medium, Small, XLarge};

fn answers(config: CacheConfigBuilder, clock: &ManualClock) -> AiCache {
    let config = config.ai().build().expect("valid settings");
    let cache = Cache::builder("ai", &config).clock(clock.clone());
    cache.build().expect("a cache").ai()
}

/// The same over a store.
fn answers_over(config: CacheConfigBuilder, store: &Arc<MapStore>) -> AiCache {
    let config = config.ai().build().expect("valid settings");
    let cache = Cache::builder("ai", &config).store(store.clone());
    cache.build().expect("a cache").ai()
}

/// A text of so many characters, each of which is two bytes.
fn text(characters: usize) -> String {
    "ä".repeat(characters)
}

async fn tier_of(answers: &AiCache, characters: usize) -> Option<TextTier> {
    let text = text(characters);
    let request = AiRequest::new("summarize", &text);
    let run = answers.get_or_compute(&request, async || characters);
    call::outcome(run).await.text_tier
}

fn errors_of(config: CacheConfigBuilder) -> Vec<String> {
    match config.build() {
        Ok(_) => Vec::new(),
        Err(CacheError::Configuration { problems, .. }) => problems,
        Err(other) => vec![other.to_string()],
    }
}

#[tokio::test]
async fn tier_1_and_2_a_text_is_of_the_first_tier_whose_limit_is_above_its_characters() {
    let limits = [
        (CacheConfig::builder(), [500, 5000, 50_000]),
        (
            CacheConfig::builder().text_size_tiers(TextTiers::new(1000, 10_000, 100_000)),
            [1000, 10_000, 100_000],
        ),
    ];
    for (config, [small, medium, large]) in limits {
        let config = config.max_text_length(200_000);
        let answers = answers(config, &ManualClock::new());
        for (characters, tier) in [
            (1, Small),
            (small - 1, Small),
            (small, Medium),
            (medium - 1, Medium),
            (medium, Large),
            (large - 1, Large),
            (large, XLarge),
            (large + 1, XLarge),
        ] {
            assert_eq!(
                tier_of(&answers, characters).await,
                Some(tier),
                "{characters}"
            );
        }
    }
}

#[test]
fn tier_3_limits_are_positive_and_rise() {
    let with = |small, medium, large| {
        CacheConfig::builder().text_size_tiers(TextTiers::new(small, medium, large))
    };
    for (config, named) in [
        (with(0, 5000, 50_000), "ai.text_size_tiers.small is 0"),
        (with(500, 0, 50_000), "ai.text_size_tiers.medium is 0"),
        (with(500, 5000, 0), "ai.text_size_tiers.large is 0"),
    ] {
        let errors = errors_of(config);
        assert!(errors[0].contains(named), "{errors:?}");
    }
    for (config, warns) in [
        (with(500, 5000, 50_000), false),
        (with(1, 2, 3), false),
        (with(5000, 500, 50_000), true),
        (with(500, 50_000, 5000), true),
        (with(500, 500, 5000), true),
    ] {
        let report = config.validate();
        assert!(report.errors.is_empty(), "{report:?}");
        let warned = report.warnings.iter().any(|it| it.contains("do not rise"));
        assert_eq!(warned, warns, "{report:?}");
    }
}

#[tokio::test]
async fn tier_4_what_enters_memory_goes_by_text_operation_and_how_often_it_was_found() {
    // Whether an answer enters memory as it is computed, and then as it is found for the ninth and
    // for the tenth time.
    const AT_ONCE: [bool; 3] = [true, true, true];
    const WHEN_FREQUENT: [bool; 3] = [false, false, true];
    const NEVER: [bool; 3] = [false, false, false];
    for (operation, by_tier) in [
        ("summarize", [AT_ONCE, AT_ONCE, NEVER, NEVER]),
        ("sentiment", [AT_ONCE, AT_ONCE, AT_ONCE, NEVER]),
        ("key_points", [AT_ONCE, AT_ONCE, NEVER, NEVER]),
        ("classify", [AT_ONCE, AT_ONCE, NEVER, NEVER]),
        ("qa", [AT_ONCE, WHEN_FREQUENT, NEVER, NEVER]),
        ("questions", [AT_ONCE, WHEN_FREQUENT, NEVER, NEVER]),
        ("translate", [AT_ONCE, WHEN_FREQUENT, NEVER, NEVER]),
    ] {
        for (characters, expected) in [499, 4999, 49_999, 50_000].into_iter().zip(by_tier) {
            let answers = answers_over(roomy(), &Arc::default());
            let cache = answers.cache();
            let text = text(characters);
            let request = AiRequest::new(operation, &text);
            answers.get_or_compute(&request, async || 1).await;
            assert!(cache.flush(Duration::from_secs(5)).await);
            let mut entered = vec![cache.size() == 1];
            for found in 1..=10 {
                assert_eq!(answers.lookup(&request).await, Some(1));
                if found >= 9 {
                    entered.push(cache.size() == 1);
                }
            }
            assert_eq!(entered, expected, "{operation}, {characters} characters");
        }
    }
}

#[tokio::test]
async fn tier_5_promotion_is_on_and_can_be_switched_off() {
    let long = text(50_000);
    let request = AiRequest::new("qa", &long);
    for (config, entries) in [
        (roomy(), 0),
        (roomy().enable_smart_promotion(true), 0),
        (roomy().enable_smart_promotion(false), 1),
        (roomy().promotion(Promotion::always()), 1),
    ] {
        let answers = answers_over(config, &Arc::default());
        answers.get_or_compute(&request, async || 1).await;
        assert_eq!(answers.cache().size(), entries);
    }
}

/// Each answer lives as long as it should, to the millisecond.
async fn assert_lifetimes(config: CacheConfigBuilder, lifetimes: &[(&str, u64)]) {
    let clock = ManualClock::new();
    let answers = answers(config, &clock);
    for (operation, seconds) in lifetimes {
        let request = AiRequest::new(operation, "The sea was calm.");
        answers.get_or_compute(&request, async || 1).await;
        clock.advance(Duration::from_millis(seconds * 1000 - 1));
        assert_eq!(answers.lookup(&request).await, Some(1), "{operation}");
        clock.advance(Duration::from_millis(1));
        assert_eq!(answers.lookup::<i32>(&request).await, None, "{operation}");
    }
}

fn with_lifetimes(config: CacheConfigBuilder, lifetimes: &[(&str, u64)]) -> CacheConfigBuilder {
    lifetimes
        .iter()
        .fold(config, |config, (operation, seconds)| {
            config.operation_ttl(operation, Duration::from_secs(*seconds))
        })
}

#[tokio::test]
async fn ttl_1_and_2_operations_have_lifetimes_and_others_the_kinds() {
    let table = [
        ("summarize", 7200),
        ("sentiment", 86_400),
        ("key_points", 5400),
        ("questions", 3600),
        ("qa", 1800),
    ];
    assert_lifetimes(CacheConfig::builder(), &table).await;
    assert_lifetimes(CacheConfig::builder(), &[("anything", 3600)]).await;
    let config = CacheConfig::builder().default_ttl(Duration::from_secs(42));
    assert_lifetimes(config.clone(), &[("anything", 42)]).await;
    assert_lifetimes(config, &table).await;
}

#[tokio::test]
async fn ttl_3_any_operation_may_have_a_lifetime() {
    for lifetimes in [
        &[
            ("translate", 86_400),
            ("extract", 10_800),
            ("classify", 43_200),
        ][..],
        &[
            ("translate", 43_200),
            ("extract", 14_400),
            ("recommend", 7200),
        ],
        &[("analyze_reviews", 14_400), ("categorize", 86_400)],
        &[("extract_features", 21_600), ("generate_summary", 21_600)],
        &[("seo_optimize", 86_400), ("translate", 172_800)],
        &[("extract_tags", 43_200), ("generate_title", 14_400)],
        &[("extract_text", 86_400), ("extract_entities", 28_800)],
        &[("analyze_sentiment", 14_400), ("generate_tags", 32_400)],
    ] {
        let config = with_lifetimes(CacheConfig::builder(), lifetimes);
        assert_eq!(config.clone().ai().validate().warnings, [""; 0]);
        assert_lifetimes(config, lifetimes).await;
    }
    assert_lifetimes(CacheConfig::builder(), &[("find_related", 3600)]).await;
}

#[test]
fn ttl_4_lifetimes_are_positive_and_those_over_a_week_are_warned_of() {
    for (seconds, errs, warns) in [
        (0, true, false),
        (1, false, false),
        (604_800, false, false),
        (604_801, false, true),
    ] {
        let config = CacheConfig::builder().ai();
        let config = config.operation_ttl("summarize", Duration::from_secs(seconds));
        let report = config.clone().validate();
        let warned = report.warnings.iter().any(|it| it.contains("than a week"));
        assert_eq!(warned, warns, "{seconds}: {report:?}");
        assert_eq!(!report.errors.is_empty(), errs, "{seconds}: {report:?}");
        assert_eq!(!errors_of(config).is_empty(), errs, "{seconds}");
    }
}

#[tokio::test]
async fn ttl_5_the_samples_of_development_and_production_hold() {
    for (default, lifetimes) in [
        (
            600,
            &[("summarize", 900), ("sentiment", 1800), ("qa", 300)][..],
        ),
        (
            7200,
            &[
                ("summarize", 28_800),
                ("sentiment", 172_800),
                ("translate", 86_400),
                ("extract", 14_400),
                ("classify", 43_200),
            ],
        ),
    ] {
        let config = CacheConfig::builder().default_ttl(Duration::from_secs(default));
        let config = with_lifetimes(config, lifetimes);
        assert_lifetimes(config.clone(), lifetimes).await;
        assert_lifetimes(config, &[("anything", default)]).await;
    }
}
