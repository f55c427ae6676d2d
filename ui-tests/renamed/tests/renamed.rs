//! A program that knows `larder` only through a library.

use std::sync::atomic::{AtomicUsize, Ordering};

use ui_tests_renamed::memo;

static RUNS: AtomicUsize = AtomicUsize::new(0);

ui_tests_renamed::tripled!(tripled, RUNS);

#[memo::cached(op = "renamed.squared", crate = ui_tests_renamed::memo)]
async fn squared(n: u64) -> u64 {
    RUNS.fetch_add(1, Ordering::SeqCst);
    n * n
}

#[tokio::test]
async fn functions_of_a_library_that_calls_larder_by_another_name() {
    for _ in 0..2 {
        assert_eq!(ui_tests_renamed::doubled(4).await, 8);
    }
    assert_eq!(ui_tests_renamed::RUNS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn functions_that_say_where_larder_is() {
    for _ in 0..2 {
        assert_eq!(tripled(4).await, 12);
        assert_eq!(squared(5).await, 25);
    }
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
}

#[test]
fn the_sites_of_all_crates_of_a_program_are_listed() {
    let operations: Vec<String> = memo::sites().map(memo::CallSite::operation).collect();
    assert_eq!(
        operations,
        ["renamed.doubled", "renamed.squared", "renamed.tripled"]
    );
    assert!(memo::verify().is_ok());
}
