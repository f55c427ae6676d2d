//! What a hit in memory allocates. A process of its own, for its counting allocator.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use allocation_counter::{AllocationInfo, measure};
use larder::cached;
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
