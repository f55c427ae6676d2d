//! Calls of annotated functions: what is a hit, what is a miss, and what is kept.

mod support;

use std::collections::{BTreeMap, HashMap};

use larder::call::{self, Origin};
use larder::{CacheConfig, cached};
use support::{Runs, register, roomy};

#[tokio::test]
async fn a_second_call_with_the_same_arguments_does_not_run_the_body() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "twice", ttl = "1h")]
    async fn greeting(name: &str, times: usize) -> String {
        RUNS.count();
        name.repeat(times)
    }
    register("twice", roomy());

    assert_eq!(greeting("ha", 2).await, "haha");
    assert_eq!(greeting("ha", 2).await, "haha");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(greeting("ha", 3).await, "hahaha");
    assert_eq!(greeting("hi", 2).await, "hihi");
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn texts_that_join_to_the_same_are_different_arguments() {
    #[cached(kind = "joined")]
    async fn pair(left: &str, right: &str) -> String {
        format!("{left}|{right}")
    }
    register("joined", roomy());

    assert_eq!(pair("ab", "c").await, "ab|c");
    assert_eq!(pair("a", "bc").await, "a|bc");
    assert_eq!(pair("", "abc").await, "|abc");
}

/// Whatever separates two texts in a key, some text contains it.
#[tokio::test]
async fn no_character_in_a_text_can_stand_for_the_end_of_it() {
    #[cached(kind = "separators")]
    async fn pair(left: String, right: String) -> (String, String) {
        (left, right)
    }
    #[cached(kind = "separators")]
    async fn nested(lists: Vec<Vec<String>>) -> Vec<Vec<String>> {
        lists
    }
    register("separators", CacheConfig::builder().l1_cache_size(100_000));

    for separator in (0..=32_u8)
        .chain([b':', b'|', b',', b'%', 0x7F])
        .map(char::from)
    {
        let mut texts = vec![String::new()];
        for length in 0..3 {
            let longer: Vec<String> = texts
                .iter()
                .filter(|text| text.chars().count() == length)
                .flat_map(|text| [format!("{text}a"), format!("{text}{separator}")])
                .collect();
            texts.extend(longer);
        }
        for left in &texts {
            for right in &texts {
                let expected = (left.clone(), right.clone());
                assert_eq!(pair(left.clone(), right.clone()).await, expected);
            }
        }
    }

    let list = |texts: &[&str]| -> Vec<String> { texts.iter().map(|&it| it.to_owned()).collect() };
    for lists in [
        vec![],
        vec![list(&[])],
        vec![list(&[""])],
        vec![list(&[]), list(&[])],
        vec![list(&["a", "b"])],
        vec![list(&["a"]), list(&["b"])],
        vec![list(&["a", "b"]), list(&[])],
        vec![list(&[]), list(&["a", "b"])],
    ] {
        assert_eq!(nested(lists.clone()).await, lists);
    }
}

#[tokio::test]
async fn none_and_the_texts_that_look_like_it_are_different_arguments() {
    #[cached(kind = "options")]
    async fn shown(filter: Option<&str>) -> String {
        format!("{filter:?}")
    }
    register("options", roomy());

    assert_eq!(shown(None).await, "None");
    assert_eq!(shown(Some("")).await, r#"Some("")"#);
    assert_eq!(shown(Some("None")).await, r#"Some("None")"#);
}

#[tokio::test]
async fn maps_with_the_same_entries_are_the_same_argument() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "maps")]
    async fn sum(parts: HashMap<String, HashMap<u32, i64>>) -> i64 {
        RUNS.count();
        parts.values().flat_map(HashMap::values).sum()
    }
    register("maps", roomy());

    let map = |order: &[u32]| -> HashMap<String, HashMap<u32, i64>> {
        let inner = |seed: u32| {
            order
                .iter()
                .map(move |n| (n + seed, i64::from(*n)))
                .collect()
        };
        order.iter().map(|n| (n.to_string(), inner(*n))).collect()
    };
    let forwards: Vec<u32> = (0..50).collect();
    let backwards: Vec<u32> = (0..50).rev().collect();
    assert_eq!(sum(map(&forwards)).await, sum(map(&backwards)).await);
    assert_eq!(RUNS.total(), 1);

    let ordered: BTreeMap<_, _> = map(&forwards).into_iter().collect();
    assert_eq!(sum(ordered.into_iter().collect()).await, 50 * 1225);
    assert_eq!(RUNS.total(), 1);
}

mod first {
    #[larder::cached(kind = "modules")]
    pub async fn name(id: u32) -> String {
        format!("first {id}")
    }
}

mod second {
    #[larder::cached(kind = "modules")]
    pub async fn name(id: u32) -> String {
        format!("second {id}")
    }
}

mod third {
    #[larder::cached(kind = "modules")]
    pub async fn name(id: u32) -> String {
        format!("third {id}")
    }
}

#[tokio::test]
async fn functions_with_one_name_in_three_modules_never_share() {
    register("modules", roomy());
    for _ in 0..2 {
        assert_eq!(first::name(1).await, "first 1");
        assert_eq!(second::name(1).await, "second 1");
        assert_eq!(third::name(1).await, "third 1");
    }
}

#[tokio::test]
async fn functions_that_claim_one_operation_never_share() {
    #[cached(kind = "claimed", op = "same")]
    async fn left(id: u32) -> String {
        format!("left {id}")
    }
    #[cached(kind = "claimed", op = "same")]
    async fn right(id: u32) -> String {
        format!("right {id}")
    }
    register("claimed", roomy());
    for _ in 0..2 {
        assert_eq!(left(1).await, "left 1");
        assert_eq!(right(1).await, "right 1");
    }
}

type Outcome<T> = Result<T, String>;

#[tokio::test]
async fn an_error_is_not_kept_even_behind_an_alias() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "errors")]
    async fn flaky(id: u32) -> Outcome<u32> {
        if RUNS.count() == 1 {
            Err("not yet".to_owned())?;
        }
        Ok(id)
    }
    register("errors", roomy());

    assert_eq!(flaky(1).await, Err("not yet".to_owned()));
    assert_eq!(flaky(1).await, Ok(1));
    assert_eq!(flaky(1).await, Ok(1));
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn none_is_not_kept_alone_or_inside_a_result() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "nones")]
    async fn found(id: u32) -> Option<u32> {
        (RUNS.count() > 1).then_some(id)
    }
    static TRIED: Runs = Runs::new();
    #[cached(kind = "nones")]
    async fn tried(id: u32) -> Result<Option<u32>, String> {
        match TRIED.count() {
            1 => Err("failed".to_owned()),
            2 => Ok(None),
            _ => Ok(Some(id)),
        }
    }
    register("nones", roomy());

    assert_eq!(
        [found(1).await, found(1).await, found(1).await],
        [None, Some(1), Some(1)]
    );
    assert_eq!(RUNS.total(), 2);
    assert_eq!(tried(1).await, Err("failed".to_owned()));
    assert_eq!(tried(1).await, Ok(None));
    assert_eq!(tried(1).await, Ok(Some(1)));
    assert_eq!(tried(1).await, Ok(Some(1)));
    assert_eq!(TRIED.total(), 3);
}

#[tokio::test]
async fn skipped_parameters_and_keys_by_expression_decide_what_counts() {
    static RUNS: Runs = Runs::new();
    struct Book {
        shelf: u8,
    }
    impl Book {
        #[cached(kind = "keys", skip(self, noise))]
        async fn skipping(&self, id: u32, noise: u64) -> u64 {
            RUNS.count();
            u64::from(id) + noise
        }

        #[cached(kind = "keys", key = (self.shelf, id / 10))]
        async fn by_expression(&self, id: u32) -> u32 {
            RUNS.count();
            id
        }

        #[cached(kind = "keys", key = "shelf:{self.shelf}:{id}")]
        async fn by_template(&self, id: &str) -> String {
            RUNS.count();
            format!("{}:{id}", self.shelf)
        }
    }
    register("keys", roomy());
    let (one, two) = (Book { shelf: 1 }, Book { shelf: 2 });

    assert_eq!(one.skipping(1, 5).await, 6);
    assert_eq!(two.skipping(1, 9).await, 6);
    assert_eq!(one.by_expression(41).await, 41);
    assert_eq!(one.by_expression(49).await, 41);
    assert_eq!(two.by_expression(49).await, 49);
    assert_eq!(one.by_template("1:2").await, "1:1:2");
    assert_eq!(one.by_template("1:2").await, "1:1:2");
    assert_eq!(two.by_template("1:2").await, "2:1:2");
    assert_eq!(RUNS.total(), 5);
}

#[tokio::test]
async fn texts_beyond_the_limit_for_whole_keys_still_hit_and_never_meet() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "long")]
    async fn length(text: &str) -> usize {
        RUNS.count();
        text.len()
    }
    register("long", roomy());

    let text = "x".repeat(20_000);
    let other = format!("{}y", &text[1..]);
    assert_eq!(length(&text).await, 20_000);
    assert_eq!(length(&text).await, 20_000);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(length(&other).await, 20_000);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn an_argument_that_refuses_to_be_serialized_has_no_key_and_runs_every_time() {
    static RUNS: Runs = Runs::new();
    struct Stubborn;
    impl serde::Serialize for Stubborn {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    #[cached(kind = "stubborn")]
    async fn run(it: Stubborn) -> usize {
        let Stubborn = it;
        RUNS.count()
    }
    let cache = register("stubborn", roomy());

    assert_eq!((run(Stubborn).await, run(Stubborn).await), (1, 2));
    assert_eq!(cache.stats().no_key, 2);
    assert_eq!(call::outcome(run(Stubborn)).await.origin, Origin::Uncached);
}

#[tokio::test]
async fn an_outcome_says_where_the_value_came_from() {
    #[cached(kind = "outcomes")]
    async fn id(id: u32) -> u32 {
        id
    }
    let cache = register("outcomes", roomy());

    assert_eq!(call::outcome(id(1)).await.origin, Origin::Computed);
    let second = call::outcome(id(1)).await;
    assert_eq!((second.value, second.origin), (1, Origin::Memory));
    assert_eq!(call::outcome(async { 3 }).await.origin, Origin::Unreached);

    let stats = cache.stats();
    assert_eq!((stats.computed, stats.memory_hits), (1, 1));
}

#[tokio::test]
async fn wrappers_inside_each_other_all_get_what_they_asked_for() {
    #[cached(kind = "wrapped")]
    async fn id(id: u32) -> u32 {
        id
    }
    let cache = register("wrapped", roomy());

    let twice = call::outcome(call::outcome(id(1))).await;
    assert_eq!(twice.origin, Origin::Computed);
    assert_eq!(twice.value.origin, Origin::Computed);

    let behind_another = call::outcome(async {
        call::ttl(std::time::Duration::ZERO, std::future::ready(())).await;
        id(2).await
    });
    assert_eq!(behind_another.await.origin, Origin::Computed);
    assert_eq!(
        cache.stats().total_entries,
        2,
        "its lifetime is the usual one"
    );
}

#[tokio::test]
async fn control_of_a_call_does_not_reach_the_calls_of_its_body() {
    #[cached(kind = "inner")]
    async fn inner(id: u32) -> u32 {
        id
    }
    #[cached(kind = "outer")]
    async fn outer(id: u32) -> u32 {
        inner(id).await
    }
    register("inner", roomy());
    let outer_cache = register("outer", roomy());

    inner(1).await;
    assert_eq!(call::outcome(outer(1)).await.origin, Origin::Computed);
    // Nothing of a control that no cached call took is left for the next call.
    call::outcome(std::future::ready(())).await;
    call::ttl(std::time::Duration::ZERO, std::future::ready(())).await;
    outer(2).await;
    assert_eq!(outer_cache.stats().total_entries, 2);
}

#[tokio::test]
async fn a_text_longer_than_the_kind_takes_is_not_cached() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "lengthy", text = text)]
    async fn length(text: &str) -> usize {
        RUNS.count();
        text.chars().count()
    }
    let cache = register("lengthy", roomy().max_text_length(20));
    let longest = "é".repeat(20);
    for _ in 0..2 {
        assert_eq!(length(&longest).await, 20);
    }
    assert_eq!(RUNS.total(), 1);

    let longer = format!("{longest}e");
    for _ in 0..2 {
        let outcome = call::outcome(length(&longer)).await;
        assert_eq!((outcome.value, outcome.origin), (21, Origin::Uncached));
    }
    assert_eq!(RUNS.total(), 3);
    assert_eq!(length(&longest.repeat(100)).await, 2000);
    let stats = cache.stats();
    assert_eq!(
        (stats.text_too_long, stats.misses, stats.total_entries),
        (3, 4, 1)
    );

    // Without settings for language models there is no limit.
    register("lengthy", roomy());
    assert_eq!(length(&longer).await, 21);
    assert_eq!(call::outcome(length(&longer)).await.origin, Origin::Memory);
}
