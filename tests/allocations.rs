//! What a hit in memory allocates, and what an entry takes. A process of its own, for its counting allocator.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use larder::{AiRequest, Cache, CacheConfig, EventFilter, EventKind, cached};
use support::map_store::MapStore;
use support::{register, roomy};

#[cached(kind = "allocations")]
async fn text(key: &str, page: u32) -> String {
    format!("{key} {page}")
}

#[cached(kind = "allocations")]
async fn number(key: String) -> Result<u64, String> {
    Ok(key.len() as u64)
}

fn allocations(mut call: impl AsyncFnMut()) -> AllocationInfo {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    // The first call computes, and the second one fills the thread's buffers.
    runtime.block_on(async {
        call().await;
        call().await;
    });
    measure(|| runtime.block_on(call()))
}

/// A million entries fill the tables, whose sizes are powers of two, as far as this sixteenth of them
/// does. `benches/memory` has all of them.
const ENTRIES: u64 = 62_500;

#[test]
fn an_entry_of_a_short_key_and_a_text_of_100_bytes_takes_at_most_300_bytes() {
    let room = || CacheConfig::builder().l1_cache_size(2_000_000);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    for config in [room(), room().l1_cache_bytes(1 << 30)] {
        let config = config.build().expect("valid settings");
        let cache = Cache::builder("entries", &config).build();
        let cache = cache.expect("a cache");
        let taken = measure(|| {
            runtime.block_on(async {
                for entry in 0..ENTRIES {
                    let key = format!("{entry:032}");
                    cache.set(&key, "v".repeat(100)).await;
                }
            });
        });
        let stats = cache.stats();
        assert_eq!(stats.total_entries as u64, ENTRIES);
        let taken = u64::try_from(taken.bytes_current).expect("more than before");
        assert!(taken / ENTRIES <= 300, "{} bytes each", taken / ENTRIES);
        if stats.max_bytes.is_some() {
            let ratio = 100 * stats.weight / taken;
            assert!((90..=115).contains(&ratio), "weighed as {ratio} % of that");
        }
    }
}

/// Answers of language models have one for each operation and each set of names of options: ten thousand, if
/// they are made up as the program runs.
#[test]
fn what_is_counted_of_an_operation_takes_little_room_until_it_is_needed() {
    const OPERATIONS: u64 = 1000;
    let config = CacheConfig::builder().l1_cache_size(1).build();
    let cache = Cache::builder("operations", &config.expect("valid settings"));
    let answers = cache.build().expect("a cache").ai();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let names: Vec<String> = (0..OPERATIONS).map(|it| format!("op{it:05}")).collect();
    let each = |use_it: &mut dyn FnMut(AiRequest<'_>)| {
        let requests = || names.iter().map(|name| AiRequest::new(name, "text"));
        let taken = measure(|| requests().for_each(&mut *use_it));
        let taken = u64::try_from(taken.bytes_current).expect("more than before");
        taken / OPERATIONS
    };
    let known = each(&mut |request| {
        let stored = runtime.block_on(answers.store(&request, 1_u32));
        stored.expect("a request");
    });
    assert!(known <= 1250, "{known} bytes each");
    // Counts by ending and reason, and how long misses and bodies take.
    let called = each(&mut |request| {
        let answer = runtime.block_on(answers.get_or_compute(&request, async || 2_u32));
        assert!(answer > 0);
    });
    assert!(called <= 2000, "{called} bytes more");
}

#[test]
fn the_future_of_a_call_is_short() {
    // What it borrows, the miss, the turn, and whatever the compiler does not lay over each other.
    let size = size_of_val(&text("", 1));
    assert!(size <= 512, "{size} bytes");
}

#[test]
fn a_hit_in_a_store_takes_little_room_while_it_waits() {
    const VALUE: u64 = 1000;
    #[cached(kind = "in-store")]
    async fn long(key: u32) -> String {
        format!("{key:01000}")
    }
    let config = CacheConfig::builder().enable_l1_cache(false).build();
    let cache = Cache::builder("in-store", &config.expect("valid settings"))
        .store(Arc::new(MapStore::default()))
        .build()
        .expect("a cache");
    larder::register(cache.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        long(1).await;
        assert!(cache.flush(Duration::from_secs(10)).await);
        // Fills the thread's buffers.
        long(1).await;
    });
    let hit = measure(|| {
        runtime.block_on(long(1));
    });
    assert_eq!(cache.stats().store_hits, 2);
    // Among a thousand callers more is more than a processor's caches hold. Without the bytes that
    // the store gives and the value that is made of them.
    let room = hit.bytes_max - 2 * VALUE;
    assert!(room <= 2700, "{room} bytes");
}

#[test]
fn a_hit_allocates_the_clone_of_its_value_and_nothing_else() {
    register("allocations", roomy());
    let key = "k".repeat(2000);

    let nothing = allocations(async || {});
    let clone = allocations(async || drop(std::hint::black_box(key.clone())));
    assert_eq!(clone.count_total, nothing.count_total + 1);

    let hit = allocations(async || drop(text(&key, 1).await));
    assert_eq!(hit.count_total, nothing.count_total + 1, "the String");

    let mut keys = vec![key.clone(), key.clone(), key.clone()];
    let hit = allocations(async || drop(number(keys.pop().expect("three calls")).await));
    assert_eq!(
        hit.count_total, nothing.count_total,
        "a number has no clone"
    );
}

#[test]
fn a_hit_that_nobody_wants_to_hear_of_allocates_nothing_more() {
    #[cached(kind = "listened-to", op = "heard")]
    async fn heard(key: u32) -> u32 {
        key
    }
    #[cached(kind = "listened-to", op = "unheard")]
    async fn unheard(key: u32) -> u32 {
        key
    }
    let cache = register("listened-to", roomy());
    let nothing = allocations(async || {}).count_total;
    cache.on_event(EventFilter::all().only([EventKind::Miss]), |_| ());
    let all = EventFilter::all().with_keys().with_values();
    let listener = cache.on_event(all.operation("heard"), |_| ());
    let of = |call: AllocationInfo| call.count_total - nothing;
    assert_eq!(
        of(allocations(async || {
            unheard(1).await;
        })),
        0
    );
    assert!(
        of(allocations(async || {
            heard(1).await;
        })) > 0
    );
    // Nor when nobody listens any more.
    cache.remove_listener(listener);
    assert_eq!(
        of(allocations(async || {
            heard(1).await;
        })),
        0
    );
}
