//! The memory tier: bounded by entries and bytes, swept in small steps, and open about what leaves.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::testing::ManualClock;
use larder::{
    Cache, CacheBuilder, CacheConfig, CacheConfigBuilder, EventFilter, Happened, MemoryBudget,
    Promotion, Removal, RemovalCause, TextTier, Ttl, cached, call,
};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use support::map_store::MapStore;
use support::{Runs, register};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * 1024;

fn bounded(entries: usize, bytes: u64) -> CacheConfigBuilder {
    CacheConfig::builder()
        .l1_cache_size(entries)
        .l1_cache_bytes(bytes)
}

fn builder(config: CacheConfigBuilder) -> CacheBuilder {
    Cache::builder("memory", &config.build().expect("valid settings"))
}

fn build(config: CacheConfigBuilder) -> Cache {
    builder(config).build().expect("a cache")
}

/// A cache that notes what leaves its memory.
fn watched(builder: CacheBuilder) -> (Cache, Removals) {
    let removals = Removals::default();
    let notes = removals.clone();
    let builder = builder.on_event(EventFilter::all(), move |event| {
        if let Happened::Left(removal) = event.what() {
            let operation = event.operation().expect("an operation").to_owned();
            let note = (operation, removal.clone());
            notes.lock().expect("no panic").push(note);
        }
    });
    (builder.build().expect("a cache"), removals)
}

/// What has left, with the operations.
type Removals = Arc<Mutex<Vec<(String, Removal)>>>;

async fn causes(cache: &Cache, removals: &Removals) -> Vec<RemovalCause> {
    cache.flush_events().await;
    let removals = removals.lock().expect("no panic");
    removals.iter().map(|(_, removal)| removal.cause).collect()
}

/// What one entry weighs.
async fn weight_of<T>(key: &str, value: T) -> u64
where
    T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    let cache = build(bounded(100, MIB));
    cache.set(key, value).await;
    cache.stats().weight
}

#[tokio::test]
async fn a_full_cache_holds_both_bounds_whatever_its_entries_weigh() {
    for (entries, bytes, length) in [
        (100, MIB, 10),
        (100, MIB, 40_000),
        (10_000, MIB, 3000),
        (10_000, 8 * MIB, 100),
        (1, 64 * KIB, 100),
        (3, 64 * KIB, 30_000),
        (10_000_000, 64 * KIB, 100),
    ] {
        let cache = build(bounded(entries, bytes));
        for n in 0..700_usize {
            // Every third one is small.
            let length = if n % 3 == 0 { 1 } else { length };
            cache.set(&n.to_string(), vec![0_u8; length]).await;
            let stats = cache.stats();
            assert!(stats.total_entries <= entries, "{entries} {bytes} {length}");
            assert!(stats.weight <= bytes, "{entries} {bytes} {length}");
            if n > 100 {
                assert!(stats.total_entries > 0, "{entries} {bytes} {length}");
            }
        }
        let stats = cache.stats();
        let half_full = 2 * stats.weight >= bytes || 2 * stats.total_entries >= entries;
        assert!(
            half_full || stats.total_entries == 700,
            "{entries} {bytes} {length}: {stats:?}"
        );
    }
}

#[tokio::test]
async fn an_entry_weighs_what_serde_shows_of_its_value_and_its_key() {
    let one = weight_of("k", 1_u8).await;
    assert_eq!(weight_of("k", 1_u64).await, one + 7);
    assert_eq!(weight_of("kk", 1_u8).await, one + 1);
    assert_eq!(weight_of("k", "v".repeat(100)).await, one - 1 + 124);
    assert_eq!(weight_of("k", vec![1_u64; 10]).await, one - 1 + 104);
    assert_eq!(weight_of("k", Some((1_u8, 2_u16))).await, one + 2);
    assert!((100..250).contains(&one), "{one}");
}

#[tokio::test]
async fn entries_are_not_weighed_where_bytes_are_not_bounded() {
    static WEIGHED: Runs = Runs::new();
    #[cached(kind = "unweighed", weight = |text| { WEIGHED.count(); text.len() })]
    async fn text(n: u64) -> String {
        n.to_string()
    }
    let cache = register("unweighed", support::roomy());
    text(1).await;
    let stats = cache.stats();
    assert_eq!((stats.weight, stats.max_bytes), (0, None));
    assert_eq!(stats.largest_value_bytes, None);
    assert_eq!(WEIGHED.total(), 0);

    let cache = register("unweighed", bounded(100, MIB));
    text(2).await;
    text(2).await;
    assert_eq!(WEIGHED.total(), 1, "once, and not on a hit");
    assert!(cache.stats().weight > 0);
}

#[tokio::test]
async fn an_attribute_says_what_its_values_weigh() {
    #[cached(kind = "weights", weight = |_| 1000_u32)]
    async fn heavy(n: u64) -> Result<Arc<u64>, String> {
        Ok(Arc::new(n))
    }
    #[cached(kind = "weights", weight = |_| 0_usize)]
    async fn weightless(n: u64) -> Option<u64> {
        Some(n)
    }
    #[cached(kind = "weights", weight = Vec::len, local)]
    fn in_memory(n: usize) -> Vec<u8> {
        vec![0; n]
    }
    let weigh = || register("weights", bounded(100, MIB));
    let cache = weigh();
    assert_eq!(weightless(1).await, Some(1));
    let least = cache.stats().weight;
    assert!((100..250).contains(&least), "{least}");

    let cache = weigh();
    assert!(heavy(1).await.is_ok());
    assert_eq!(cache.stats().weight, least + 1000);

    let cache = weigh();
    assert_eq!(in_memory(500).len(), 500);
    assert_eq!(cache.stats().weight, least + 500);
}

#[tokio::test]
async fn a_value_from_the_store_weighs_as_much_as_one_that_was_computed() {
    #[cached(kind = "weighed", weight = |text| 10 * text.len())]
    async fn text(n: u64) -> String {
        n.to_string()
    }
    let store = Arc::<MapStore>::default();
    let over = || {
        let config = bounded(100, MIB).build().expect("valid settings");
        let builder = Cache::builder("weighed", &config).store(store.clone());
        let cache = builder.build().expect("a cache");
        larder::register(cache.clone());
        cache
    };
    let cache = over();
    text(1234).await;
    assert!(cache.flush(Duration::from_secs(1)).await);
    let again = over();
    text(1234).await;
    assert_eq!(again.stats().store_hits, 1);
    assert_eq!(again.stats().weight, cache.stats().weight);
}

#[tokio::test]
async fn a_weight_that_panics_is_counted_and_the_value_is_kept_with_its_own() {
    #[cached(kind = "panics", weight = |text| if text.len() > 3 { panic!("no") } else { 1_usize })]
    async fn text(text: &str) -> String {
        text.to_owned()
    }
    let cache = register("panics", bounded(100, MIB));
    text("abc").await;
    let light = cache.stats().weight;
    assert_eq!(text("abcd").await, "abcd");
    let stats = cache.stats();
    assert_eq!((stats.failed_weights, stats.total_entries), (1, 2));
    // A longer key by one, and 28 bytes of a text of four where there was a weight of one.
    assert_eq!(stats.weight, 2 * light + 1 + 27);
    assert_eq!(call::peek(text("abcd")).await, Some("abcd".to_owned()));
}

#[tokio::test]
async fn a_value_that_cannot_be_weighed_weighs_as_much_as_its_type() {
    #[derive(Clone, serde::Deserialize)]
    struct Wild(u8);

    impl Serialize for Wild {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                0 => panic!("no"),
                1 => Err(serde::ser::Error::custom("no")),
                2 => (&[[self; 1]; 1],).serialize(serializer),
                _ => serializer.serialize_u8(3),
            }
        }
    }
    let tame = weight_of("k", Wild(3)).await;
    for wild in 0..3 {
        let cache = build(bounded(100, MIB));
        cache.set("k", Wild(wild)).await;
        let stats = cache.stats();
        assert_eq!((stats.failed_weights, stats.weight), (1, tame), "{wild}");
        assert!(cache.get::<Wild>("k").await.is_some());
    }
}

#[tokio::test]
async fn a_value_larger_than_the_tier_is_returned_and_not_kept() {
    #[cached(kind = "large", weight = |length| *length)]
    async fn weighing(length: u64) -> u64 {
        length
    }
    let config = bounded(1000, MIB).build().expect("valid settings");
    let (cache, removals) = watched(Cache::builder("large", &config));
    larder::register(cache.clone());
    let largest = cache.stats().largest_value_bytes.expect("a bound");
    assert!((900_000..MIB).contains(&largest), "{largest}");
    // An argument of the type `u64`: the number of the operation, a tag, and the argument, in two words.
    let key = 7 + 1 + 8;
    for (length, is_kept) in [
        (0, true),
        (largest - key, true),
        (largest - key + 1, false),
        (u64::from(u32::MAX), false),
        (u64::MAX, false),
    ] {
        assert_eq!(weighing(length).await, length);
        let kept = call::peek(weighing(length)).await;
        assert_eq!(kept.is_some(), is_kept, "{length}");
    }
    assert_eq!(cache.stats().too_large_for_memory, 3);
    let too_large = causes(&cache, &removals).await;
    let too_large = too_large.iter().filter(|it| **it == RemovalCause::TooLarge);
    assert_eq!(too_large.count(), 3);
}

#[tokio::test]
async fn a_value_too_large_leaves_nothing_of_the_one_before() {
    let cache = build(bounded(1000, 64 * KIB));
    cache.set("k", vec![0_u8; 10]).await;
    cache.set("k", vec![0_u8; 100_000]).await;
    assert_eq!(cache.get::<Vec<u8>>("k").await, None);
    assert_eq!((cache.size(), cache.stats().weight), (0, 0));
}

#[tokio::test]
async fn what_leaves_takes_its_weight_along() {
    let clock = ManualClock::new();
    let cache = builder(bounded(1000, MIB)).clock(clock.clone()).build();
    let cache = cache.expect("a cache");
    for n in 0..100 {
        cache.set(&format!("key:{n:02}"), n).await;
    }
    let all = cache.stats().weight;
    cache.set("key:07", 8).await;
    assert_eq!(cache.stats().weight, all);
    cache.remove("key:07").await;
    assert_eq!(cache.stats().weight, all / 100 * 99);
    clock.advance(Duration::from_secs(3600));
    assert_eq!(cache.get::<i32>("key:08").await, None);
    assert_eq!(cache.stats().weight, all / 100 * 98);
    cache.clear().await;
    assert_eq!(cache.stats().weight, 0);
}

#[test]
fn bounds_that_cannot_be_are_refused() {
    for bytes in [0, 1, 65_535, (1 << 40) + 1, u64::MAX] {
        let refused = bounded(100, bytes).build().expect_err("no bound");
        let message = refused.to_string();
        assert!(
            message.contains(&format!(
                "l1_cache_bytes is {bytes} (the program); expected 65536 to"
            )),
            "{message}"
        );
        let config = CacheConfig::builder().build().expect("valid settings");
        let budget = MemoryBudget::bytes(bytes);
        let built = Cache::builder("none", &config)
            .memory_budget(&budget)
            .build();
        let message = built.expect_err("no budget").to_string();
        assert!(
            message.contains(&format!("memory_budget is {bytes}; expected 65536 to")),
            "{message}"
        );
    }
    for bytes in [65_536, 1 << 40] {
        build(bounded(10_000_000, bytes));
        build(bounded(1, bytes));
    }
}

#[tokio::test]
async fn kinds_that_share_a_budget_stay_within_it_whichever_fills() {
    let budget = MemoryBudget::bytes(MIB);
    let kind = |entries| {
        let config = CacheConfig::builder().l1_cache_size(entries);
        builder(config)
            .memory_budget(&budget)
            .build()
            .expect("a cache")
    };
    let (first, second, small) = (kind(10_000), kind(10_000), kind(5));
    let fill = async |cache: &Cache, name: &str| {
        for n in 0..1000 {
            cache.set(&format!("{name}:{n}"), vec![0_u8; 2000]).await;
            let sum: u64 = [&first, &second, &small]
                .map(|it| it.stats().weight)
                .iter()
                .sum();
            assert!(sum <= MIB, "{sum}");
            assert_eq!(budget.used(), sum);
            assert!(
                cache.exists(&format!("{name}:{n}")).await,
                "the latest stays"
            );
        }
    };
    fill(&first, "a").await;
    let alone = first.stats();
    assert!(alone.weight > MIB * 99 / 100, "it may have all: {alone:?}");
    assert!(alone.evictions > 0);

    fill(&second, "b").await;
    let half = first.stats().weight;
    assert!((MIB * 48 / 100..MIB * 52 / 100).contains(&half), "{half}");

    fill(&small, "c").await;
    assert_eq!(small.size(), 5, "its own bound holds");
    fill(&first, "d").await;
    assert!(second.stats().weight > MIB * 48 / 100, "it keeps its part");

    drop((second, small));
    fill_one(&first).await;
    assert!(
        first.stats().weight > MIB * 99 / 100,
        "what is gone leaves room"
    );
}

async fn fill_one(cache: &Cache) {
    for n in 0..1000 {
        cache.set(&format!("e:{n}"), vec![0_u8; 2000]).await;
    }
}

#[tokio::test]
async fn a_value_larger_than_the_budget_is_not_kept() {
    let budget = MemoryBudget::bytes(64 * KIB);
    let config = CacheConfig::builder().l1_cache_size(100);
    let cache = builder(config)
        .memory_budget(&budget)
        .build()
        .expect("a cache");
    cache.set("small", 1).await;
    cache.set("large", vec![0_u8; 65_536]).await;
    assert!(cache.exists("small").await);
    assert!(!cache.exists("large").await);
    assert_eq!(cache.stats().too_large_for_memory, 1);
}

#[test]
fn threads_that_fill_kinds_at_once_stay_within_their_budget() {
    let budget = MemoryBudget::bytes(256 * KIB);
    let kinds: Vec<Cache> = (0..4)
        .map(|_| {
            let config = CacheConfig::builder().l1_cache_size(10_000);
            let builder = builder(config).memory_budget(&budget);
            builder.build().expect("a cache")
        })
        .collect();
    std::thread::scope(|scope| {
        for (number, cache) in kinds.iter().enumerate() {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.expect("a runtime").block_on(async {
                    for n in 0..2000 {
                        cache
                            .set(&format!("{number}:{n}"), vec![0_u8; n % 1000])
                            .await;
                    }
                });
            });
        }
    });
    let sum: u64 = kinds.iter().map(|cache| cache.stats().weight).sum();
    assert_eq!(budget.used(), sum);
    assert!((200 * KIB..=256 * KIB).contains(&sum), "{sum}");
}

#[tokio::test]
async fn no_insertion_sweeps_more_than_a_few_entries_and_all_are_swept_in_time() {
    let clock = ManualClock::new();
    let config = CacheConfig::builder().l1_cache_size(100_000);
    let (cache, removals) = watched(builder(config).clock(clock.clone()));
    let minute = Duration::from_secs(60);
    for n in 0..10_000 {
        cache.set_for(&format!("old:{n}"), n, minute).await;
    }
    clock.advance(2 * minute);
    let (mut most, mut insertions, mut gone) = (0, 0, 0);
    while gone < 10_000 {
        cache.set_for(&insertions.to_string(), 0, Ttl::Never).await;
        insertions += 1;
        assert!(insertions < 5000, "{gone} gone");
        let now = causes(&cache, &removals).await.len();
        most = most.max(now - gone);
        gone = now;
    }
    assert!((1..=16).contains(&most), "{most} at once");
    assert_eq!(
        causes(&cache, &removals).await,
        vec![RemovalCause::Expired; 10_000]
    );
    let stats = cache.stats();
    assert_eq!((stats.expirations, stats.expired_entries), (10_000, 0));
    assert_eq!(stats.total_entries, insertions);
}

#[tokio::test]
async fn a_listener_is_told_why_an_entry_left_and_nothing_of_what_it_was() {
    #[cached(kind = "listened", op = "secret.length", ttl = "10s")]
    async fn length(secret: &str) -> usize {
        secret.len()
    }
    let clock = ManualClock::new();
    let config = bounded(1, 64 * KIB).build().expect("valid settings");
    let (cache, removals) = watched(Cache::builder("listened", &config).clock(clock.clone()));
    larder::register(cache.clone());

    length("hunter2").await;
    clock.advance(Duration::from_secs(3));
    call::refresh(length("hunter2")).await;
    clock.advance(Duration::from_secs(2));
    length("hunter3").await;
    cache.remove_operation("secret.length").await;
    length("hunter3").await;
    clock.advance(Duration::from_secs(11));
    assert_eq!(call::peek(length("hunter3")).await, None);
    cache.set("own", 1).await;
    cache.remove("own").await;
    cache.set("own", vec![0_u8; 100_000]).await;

    cache.flush_events().await;
    let told = removals.lock().expect("no panic");
    let told: Vec<_> = told
        .iter()
        .map(|(operation, it)| (operation.as_str(), it.cause, it.age.as_secs()))
        .collect();
    assert_eq!(
        told,
        [
            ("secret.length", RemovalCause::Replaced, 3),
            ("secret.length", RemovalCause::Evicted, 2),
            ("secret.length", RemovalCause::Invalidated, 0),
            ("secret.length", RemovalCause::Expired, 11),
            ("keys", RemovalCause::Invalidated, 0),
            ("keys", RemovalCause::TooLarge, 0),
        ]
    );
    let debug = format!("{told:?}");
    assert!(!debug.contains("hunter"), "{debug}");
}

#[tokio::test]
async fn statistics_say_how_full_memory_is() {
    let config = CacheConfig::builder()
        .l1_cache_size(4)
        .l1_cache_bytes(MIB)
        .default_ttl(Duration::from_secs(90));
    let cache = build(config);
    cache.set("a", 1).await;
    cache.get::<i32>("a").await;
    let stats = cache.stats();
    assert_eq!(stats.utilization(), "1/4");
    assert!((stats.utilization_percent() - 25.0).abs() < f64::EPSILON);
    assert_eq!(
        (stats.memory_cache_entries(), stats.memory_cache_size()),
        (1, 4)
    );
    assert_eq!((stats.active_entries(), stats.expired_entries), (1, 0));
    assert_eq!(stats.default_ttl, Duration::from_secs(90));
    assert_eq!(
        (stats.hit_ratio(), stats.hit_rate()),
        (Some(1.0), Some(100.0))
    );
    assert_eq!(stats.max_bytes, Some(MIB));
    for (bytes, shown) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_572_864, "1.5 MiB"),
        (1_048_575, "1.0 MiB"),
        (usize::MAX, "16777216.0 TiB"),
    ] {
        let mut stats = stats.clone();
        stats.memory_usage_bytes = bytes;
        assert_eq!(stats.memory_usage(), shown);
    }
}

#[tokio::test]
async fn results_enter_memory_by_text_and_operation_where_the_store_has_them_too() {
    #[cached(kind = "promoted", op = "summarize", text = text)]
    async fn summarize(text: &str) -> usize {
        text.len()
    }
    #[cached(kind = "promoted", op = "sentiment", text = text)]
    async fn sentiment(text: &str) -> usize {
        text.len()
    }
    #[cached(kind = "promoted", op = "qa", text = text)]
    async fn qa(text: &str) -> usize {
        text.len()
    }
    #[cached(kind = "promoted", op = "translate", text = text)]
    async fn translate(text: &str) -> usize {
        text.len()
    }
    #[cached(kind = "promoted", op = "textless")]
    async fn textless(list: &[u8]) -> usize {
        list.len()
    }
    let store = Arc::<MapStore>::default();
    let by_text = Promotion::by_text().operation("translate", TextTier::XLarge);
    let config = support::roomy()
        .promotion(by_text)
        .build()
        .expect("valid settings");
    let over_store = || {
        let builder = Cache::builder("promoted", &config).store(store.clone());
        let cache = builder.build().expect("a cache");
        larder::register(cache.clone());
        cache
    };
    let texts = [499, 500, 5000, 50_000].map(|length| "ä".repeat(length));
    for read in [false, true] {
        let cache = over_store();
        for (text, expected) in texts.iter().zip([5, 4, 3, 2]) {
            let before = cache.size();
            summarize(text).await;
            sentiment(text).await;
            qa(text).await;
            translate(text).await;
            textless(text.as_bytes()).await;
            assert_eq!(cache.size() - before, expected, "read {read}");
        }
        let stats = cache.stats();
        assert_eq!(stats.not_promoted, 1 + 2 + 3);
        assert_eq!(stats.store_hits, if read { 20 } else { 0 });
        assert!(cache.flush(Duration::from_secs(5)).await);
    }

    let cache = over_store();
    for found in 1..=10 {
        assert_eq!(cache.size(), 0, "found {found} times");
        qa(&texts[1]).await;
    }
    assert_eq!(cache.size(), 1, "a medium text that is asked for often");
    for _ in 0..20 {
        qa(&texts[2]).await;
    }
    assert_eq!(cache.size(), 1, "a large one never");
}

#[tokio::test]
async fn without_a_store_every_result_enters_memory() {
    #[cached(kind = "promoted.alone", op = "qa", text = text)]
    async fn qa(text: &str) -> usize {
        text.len()
    }
    let cache = register(
        "promoted.alone",
        support::roomy().promotion(Promotion::by_text()),
    );
    qa(&"a".repeat(60_000)).await;
    assert_eq!((cache.size(), cache.stats().not_promoted), (1, 0));
}

#[tokio::test]
async fn a_kind_with_one_large_value_makes_the_others_give_room() {
    let budget = MemoryBudget::bytes(MIB);
    let kind = || {
        let config = CacheConfig::builder().l1_cache_size(10_000);
        builder(config)
            .memory_budget(&budget)
            .build()
            .expect("a cache")
    };
    let (many, one) = (kind(), kind());
    for n in 0..250 {
        many.set(&format!("n:{n}"), vec![0_u8; 2000]).await;
    }
    one.set("large", vec![0_u8; 700 * 1024]).await;
    assert!(budget.used() <= MIB, "{}", budget.used());
    assert!(one.exists("large").await);
    assert!(many.stats().total_entries > 0);
}
