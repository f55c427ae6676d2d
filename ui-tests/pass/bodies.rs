//! What stands in a body works as it does without the attribute.

use std::collections::HashMap;
use std::sync::Mutex;

use larder::cached;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn an_early_return_and_a_question_mark() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn third(words: &str) -> Option<String> {
        RUNS.count();
        if words.is_empty() {
            return None;
        }
        let third = words.split(' ').nth(2)?;
        if third == "x" {
            return Some("cross".into());
        }
        Some(third.into())
    }
    make_room();

    assert_eq!(third("").await, None);
    assert_eq!(third("a b").await, None);
    assert_eq!(RUNS.total(), 2);
    for _ in 0..2 {
        assert_eq!(third("a b x").await.as_deref(), Some("cross"));
        assert_eq!(third("a b c").await.as_deref(), Some("c"));
    }
    assert_eq!(RUNS.total(), 4);
}

static FIB_RUNS: Runs = Runs::new();

#[cached]
async fn fib(n: u64) -> u64 {
    FIB_RUNS.count();
    if n < 2 {
        return n;
    }
    Box::pin(fib(n - 1)).await + Box::pin(fib(n - 2)).await
}

#[tokio::test]
async fn recursion_on_other_keys() {
    make_room();

    assert_eq!(fib(50).await, 12_586_269_025);
    assert_eq!(FIB_RUNS.total(), 51);
    assert_eq!(fib(50).await, 12_586_269_025);
    assert_eq!(FIB_RUNS.total(), 51);
}

#[tokio::test]
async fn types_are_inferred_from_the_signature() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn counted(text: &str) -> HashMap<char, u8> {
        RUNS.count();
        let mut counts = HashMap::default();
        for letter in text.chars() {
            *counts.entry(letter).or_default() += 1;
        }
        counts
    }
    #[cached]
    async fn collected(text: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
        RUNS.count();
        text.split(' ').map(str::parse).collect()
    }
    #[cached]
    async fn made(text: &str) -> String {
        RUNS.count();
        text.into()
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(counted("aab").await[&'a'], 2);
        assert_eq!(collected("1 2").await, Ok(vec![1, 2]));
        assert_eq!(made("x").await, "x");
    }
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn items_labels_macros_and_closures() {
    const STEP: u32 = 10;
    static RUNS: Runs = Runs::new();

    #[cached]
    async fn rounded(n: u32) -> u32 {
        use std::cmp::max;

        const LEAST: u32 = 20;
        fn up(n: u32) -> u32 {
            n.div_ceil(STEP) * STEP
        }

        RUNS.count();
        let at_least = |n| max(n, LEAST);
        let rounded = 'search: loop {
            for candidate in (0..).step_by(10) {
                if candidate >= n {
                    break 'search up(candidate);
                }
            }
        };
        tokio::task::yield_now().await;
        at_least(rounded)
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(rounded(11).await, 20);
        assert_eq!(rounded(31).await, 40);
    }
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_body_that_lets_go_of_a_lock_before_it_waits() {
    static RUNS: Runs = Runs::new();
    #[cached(key = ())]
    async fn first(names: &Mutex<Vec<String>>) -> Option<String> {
        RUNS.count();
        let first = names.lock().ok()?.first()?.clone();
        tokio::task::yield_now().await;
        Some(first)
    }
    let names = Mutex::new(vec!["Ada".to_owned()]);
    make_room();

    assert_eq!(first(&names).await.as_deref(), Some("Ada"));
    assert_eq!(first(&names).await.as_deref(), Some("Ada"));
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_cached_function_in_a_cached_function() {
    static OUTER: Runs = Runs::new();
    static INNER: Runs = Runs::new();
    #[cached]
    async fn outer(n: u32) -> u32 {
        #[cached]
        async fn inner(n: u32) -> u32 {
            INNER.count();
            n + 1
        }
        OUTER.count();
        inner(n / 2).await
    }
    make_room();

    assert_eq!(outer(4).await, 3);
    assert_eq!(outer(4).await, 3);
    assert_eq!(outer(5).await, 3);
    assert_eq!((OUTER.total(), INNER.total()), (2, 1));
}

#[tokio::test]
async fn what_only_the_return_type_decides() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn converted(n: u8) -> Result<u64, String> {
        RUNS.count();
        if n == 0 {
            return Err("zero".into());
        }
        Ok(n.into())
    }
    #[cached]
    async fn parsed(digits: &str) -> u16 {
        RUNS.count();
        digits.parse().unwrap_or_default()
    }
    #[cached]
    async fn summed(numbers: &[f32]) -> f32 {
        RUNS.count();
        numbers.iter().sum()
    }
    #[cached]
    async fn absent(_id: u32) -> (Vec<u8>, Option<String>, u8) {
        RUNS.count();
        let mut first = Vec::new();
        first.extend([255]);
        (first, None, Default::default())
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(converted(7).await, Ok(7));
        assert_eq!(converted(255).await, Ok(255));
        assert_eq!(parsed("65535").await, u16::MAX);
        assert_eq!(parsed("65536").await, 0);
        assert!((summed(&[0.5, 0.25]).await - 0.75).abs() < f32::EPSILON);
        assert_eq!(absent(1).await, (vec![255], None, 0));
    }
    assert_eq!(RUNS.total(), 6);
    assert_eq!(converted(0).await, Err("zero".to_owned()));
    assert_eq!(converted(0).await, Err("zero".to_owned()));
    assert_eq!(RUNS.total(), 8);
}

static DEPTHS: Runs = Runs::new();

#[cached]
async fn depth(tree: &[(u32, u32)], of: u32) -> Result<u32, String> {
    DEPTHS.count();
    let mut depth = 0;
    for (parent, child) in tree {
        if *parent == of {
            if child == parent {
                return Err(format!("{child} is its own child"));
            }
            depth = depth.max(1 + Box::pin(self::depth(tree, *child)).await?);
        }
    }
    Ok(depth)
}

#[tokio::test]
async fn recursion_that_borrows_and_fails() {
    let tree = [(1, 2), (1, 3), (3, 4), (9, 9)];
    make_room();

    assert_eq!(depth(&tree, 1).await, Ok(2));
    assert_eq!(DEPTHS.total(), 4);
    assert_eq!(depth(&tree, 1).await, Ok(2));
    assert_eq!(depth(&tree, 3).await, Ok(1));
    assert_eq!(DEPTHS.total(), 4);
    assert!(depth(&tree, 9).await.is_err());
    assert!(depth(&tree, 9).await.is_err());
    assert_eq!(DEPTHS.total(), 6);
}

#[tokio::test]
async fn arguments_that_the_body_takes_are_dropped_in_the_order_in_which_it_names_them() {
    struct Handle<'a>(&'static str, &'a Mutex<Vec<&'static str>>);
    impl Drop for Handle<'_> {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    fn use_both(_: &Handle<'_>, _: &Handle<'_>) {}

    #[cached(skip(first, second, _third))]
    async fn named(first: Handle<'_>, second: Handle<'_>, _third: Handle<'_>, n: u32) -> u32 {
        use_both(&second, &first);
        n
    }
    make_room();

    let dropped = Mutex::default();
    for (n, order) in [
        (1, ["second", "first", "third"]),
        (1, ["third", "second", "first"]),
    ] {
        let handle = |name| Handle(name, &dropped);
        let call = named(handle("first"), handle("second"), handle("third"), n);
        assert_eq!(call.await, n);
        // The second time the body, which takes them, does not run.
        assert_eq!(*dropped.lock().unwrap(), order);
        dropped.lock().unwrap().clear();
    }
}
