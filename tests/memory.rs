//! Calls of annotated functions with the memory tier alone.
use larder::cached;
use std::sync::atomic::{AtomicUsize, Ordering};

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[cached(kind = "web", ttl = "1h")]
async fn double(n: u64, name: &str) -> String {
    RUNS.fetch_add(1, Ordering::SeqCst);
    format!("{name}{}", n * 2)
}

type Res<T> = Result<T, std::num::ParseIntError>;
#[cached]
async fn parse(text: &str) -> Res<u32> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    let n = text.parse::<u32>()?;
    Ok(n)
}

#[tokio::test]
async fn a_second_call_does_not_run_the_body() {
    assert_eq!(double(2, "a").await, "a4");
    assert_eq!(double(2, "a").await, "a4");
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    assert_eq!(
        larder::call::outcome(double(2, "a")).await.origin,
        larder::call::Origin::Memory
    );
    assert!(parse("x").await.is_err());
    assert_eq!(parse("1").await, Ok(1));
    assert_eq!(parse("1").await, Ok(1));
    assert_eq!(RUNS.load(Ordering::SeqCst), 3);
}
