//! How large the future of a call is.
#![expect(
    clippy::large_stack_arrays,
    clippy::large_types_passed_by_value,
    reason = "it is what is tested"
)]

use larder::cached;

use crate::support::{Runs, make_room};

const SIZE: usize = 64 * 1024;

#[tokio::test]
async fn a_large_body_is_stored_once() {
    static RUNS: Runs = Runs::new();
    async fn summed_plainly(seed: u8) -> u32 {
        let room = [seed; SIZE];
        tokio::task::yield_now().await;
        room.iter().copied().map(u32::from).sum()
    }
    #[cached]
    async fn summed(seed: u8) -> u32 {
        RUNS.count();
        let room = [seed; SIZE];
        tokio::task::yield_now().await;
        room.iter().copied().map(u32::from).sum()
    }
    make_room();

    let plain = size_of_val(&summed_plainly(1));
    let kept = size_of_val(&summed(1));
    assert!(
        plain >= SIZE,
        "the array is no part of a future of {plain} bytes"
    );
    assert!(
        kept * 2 < plain * 3,
        "{kept} bytes, {plain} without the attribute"
    );
    assert_eq!(Box::pin(summed(1)).await, 65_536);
    assert_eq!(Box::pin(summed(1)).await, 65_536);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(Box::pin(summed(2)).await, 131_072);
    assert_eq!(Box::pin(summed_plainly(2)).await, 131_072);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_large_argument_is_stored_at_most_once_more() {
    static RUNS: Runs = Runs::new();
    async fn summed_plainly(room: [u8; SIZE]) -> u32 {
        tokio::task::yield_now().await;
        room.iter().copied().map(u32::from).sum()
    }
    #[cached(key = room.as_slice())]
    async fn summed(room: [u8; SIZE]) -> u32 {
        RUNS.count();
        tokio::task::yield_now().await;
        room.iter().copied().map(u32::from).sum()
    }
    make_room();

    let plain = size_of_val(&summed_plainly([1; SIZE]));
    let kept = size_of_val(&summed([1; SIZE]));
    assert!(
        kept < plain + SIZE + 1024,
        "{kept} bytes, {plain} without the attribute"
    );
    assert_eq!(Box::pin(summed([1; SIZE])).await, 65_536);
    assert_eq!(Box::pin(summed([1; SIZE])).await, 65_536);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(Box::pin(summed([2; SIZE])).await, 131_072);
    assert_eq!(RUNS.total(), 2);
}
