//! Types of arguments.

use std::collections::{BTreeMap, HashMap};

use larder::cached;
use serde::Serialize;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn a_borrowed_text_and_a_number() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn repeated(text: &str, times: usize) -> String {
        RUNS.count();
        text.repeat(times)
    }
    make_room();

    assert_eq!(repeated("ab", 2).await, "abab");
    assert_eq!(repeated(&String::from("ab"), 2).await, "abab");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(repeated("ab", 3).await, "ababab");
    assert_eq!(repeated("", 2).await, "");
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn an_owned_text_that_the_body_consumes() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn bytes(name: String) -> Vec<u8> {
        RUNS.count();
        name.into_bytes()
    }
    make_room();

    assert_eq!(bytes("ab".to_owned()).await, b"ab");
    assert_eq!(bytes("ab".to_owned()).await, b"ab");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(bytes("b".to_owned()).await, b"b");
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_slice() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn sum(parts: &[u32]) -> u32 {
        RUNS.count();
        parts.iter().sum()
    }
    make_room();

    assert_eq!(sum(&[1, 2]).await, 3);
    assert_eq!(sum(&[1, 2]).await, 3);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(sum(&[2, 1]).await, 3);
    assert_eq!(sum(&[]).await, 0);
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn a_text_that_may_be_absent() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn shown(filter: Option<&str>) -> String {
        RUNS.count();
        format!("{filter:?}")
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(shown(None).await, "None");
        assert_eq!(shown(Some("")).await, r#"Some("")"#);
        assert_eq!(shown(Some("None")).await, r#"Some("None")"#);
    }
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn a_float() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn shown(ratio: f64) -> String {
        RUNS.count();
        format!("{ratio:?}")
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(shown(0.5).await, "0.5");
        assert_eq!(shown(0.25).await, "0.25");
        assert_eq!(shown(f64::INFINITY).await, "inf");
    }
    assert_eq!(RUNS.total(), 3);
}

#[derive(Serialize)]
struct Query<'a> {
    words: Vec<&'a str>,
    page: u32,
}

#[tokio::test]
async fn a_struct_by_reference_and_by_value() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn borrowed(query: &Query<'_>) -> String {
        RUNS.count();
        format!("{} on {}", query.words.join(" "), query.page)
    }
    #[cached]
    async fn owned(query: Query<'_>) -> usize {
        RUNS.count();
        query.words.into_iter().map(str::len).sum()
    }
    let query = |words: &[&'static str], page| Query {
        words: words.to_vec(),
        page,
    };
    make_room();

    assert_eq!(borrowed(&query(&["a", "b"], 1)).await, "a b on 1");
    assert_eq!(borrowed(&query(&["a", "b"], 1)).await, "a b on 1");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(borrowed(&query(&["a b"], 1)).await, "a b on 1");
    assert_eq!(borrowed(&query(&["a", "b"], 2)).await, "a b on 2");
    assert_eq!(RUNS.total(), 3);
    assert_eq!(owned(query(&["ab", "c"], 1)).await, 3);
    assert_eq!(owned(query(&["ab", "c"], 1)).await, 3);
    assert_eq!(RUNS.total(), 4);
}

#[tokio::test]
async fn maps_with_the_same_entries_in_another_order() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn sorted(prices: BTreeMap<String, u32>) -> u32 {
        RUNS.count();
        prices.values().sum()
    }
    #[cached]
    async fn hashed(prices: &HashMap<String, u32>) -> u32 {
        RUNS.count();
        prices.values().sum()
    }
    let entries = |order: &[u32]| -> Vec<(String, u32)> {
        order.iter().map(|n| (format!("p{n}"), *n)).collect()
    };
    let forwards = entries(&[1, 2, 3, 4, 5, 6, 7]);
    let backwards = entries(&[7, 6, 5, 4, 3, 2, 1]);
    make_room();

    assert_eq!(sorted(forwards.clone().into_iter().collect()).await, 28);
    assert_eq!(sorted(backwards.clone().into_iter().collect()).await, 28);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(hashed(&forwards.clone().into_iter().collect()).await, 28);
    assert_eq!(hashed(&backwards.into_iter().collect()).await, 28);
    assert_eq!(RUNS.total(), 2);
    assert_eq!(hashed(&forwards[1..].iter().cloned().collect()).await, 27);
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn no_argument_at_all() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn settings() -> Vec<u8> {
        RUNS.count();
        vec![1]
    }
    make_room();

    assert_eq!(settings().await, [1]);
    assert_eq!(settings().await, [1]);
    assert_eq!(RUNS.total(), 1);
}

struct Connection {
    prefix: &'static str,
}

#[tokio::test]
async fn a_handle_that_is_not_in_the_key() {
    static RUNS: Runs = Runs::new();
    #[cached(skip(connection))]
    async fn name(connection: &Connection, id: u32) -> String {
        RUNS.count();
        format!("{}{id}", connection.prefix)
    }
    make_room();

    assert_eq!(name(&Connection { prefix: "a" }, 1).await, "a1");
    assert_eq!(name(&Connection { prefix: "b" }, 1).await, "a1");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(name(&Connection { prefix: "b" }, 2).await, "b2");
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn arguments_that_the_body_gives_away() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn joined(first: String, rest: Vec<String>, quietly: bool) -> Option<String> {
        RUNS.count();
        if quietly {
            drop((first, rest));
            return Some(String::new());
        }
        let joined = tokio::spawn(async move { first + &rest.join("") });
        joined.await.ok()
    }
    let call = |rest: &[&str], quietly| {
        let rest = rest.iter().map(ToString::to_string).collect();
        joined("a".to_owned(), rest, quietly)
    };
    make_room();

    for _ in 0..2 {
        assert_eq!(call(&["b", "c"], false).await.as_deref(), Some("abc"));
        assert_eq!(call(&["bc"], false).await.as_deref(), Some("abc"));
        assert_eq!(call(&["b"], false).await.as_deref(), Some("ab"));
        assert_eq!(call(&["b"], true).await.as_deref(), Some(""));
    }
    assert_eq!(RUNS.total(), 4);
}

#[derive(Serialize)]
enum Order {
    Newest,
    By { column: String, ascending: bool },
}

#[tokio::test]
async fn enums_tuples_arrays_and_references_to_references() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn shown(
        order: &Order,
        window: (u32, Option<u32>),
        flags: [bool; 2],
        words: &&[&&str],
    ) -> String {
        RUNS.count();
        let order = match order {
            Order::Newest => "newest",
            Order::By { column, .. } => column,
        };
        format!("{order} {window:?} {flags:?} {words:?}")
    }
    let by = |ascending| Order::By {
        column: "a".to_owned(),
        ascending,
    };
    let words: &[&&str] = &[&"x"];
    make_room();

    for _ in 0..2 {
        let shown = async |order, window| shown(&order, window, [true, false], &words).await;
        let newest = shown(Order::Newest, (1, None)).await;
        assert_eq!(newest, r#"newest (1, None) [true, false] ["x"]"#);
        assert!(shown(Order::Newest, (1, Some(1))).await.contains("Some(1)"));
        assert!(shown(by(true), (1, None)).await.starts_with("a (1, None)"));
        assert!(shown(by(false), (1, None)).await.starts_with("a (1, None)"));
    }
    assert_eq!(RUNS.total(), 4);
}
