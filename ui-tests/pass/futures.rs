//! The future of a call can go where the plain one can.

use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;

use larder::cached;

use crate::support::{Runs, make_room};

static RUNS: Runs = Runs::new();

#[cached]
async fn counted<'a>(
    text: &'a str,
    filter: Option<&'a str>,
    weights: &HashMap<String, u32>,
) -> Result<u32, Box<dyn std::error::Error>> {
    RUNS.count();
    let filter = filter.unwrap_or(text);
    tokio::task::yield_now().await;
    Ok(weights.get(filter).copied().unwrap_or(text.parse()?))
}

#[cached]
async fn generic<T: serde::Serialize + Send + Sync>(parts: &[T]) -> usize {
    RUNS.count();
    tokio::task::yield_now().await;
    parts.len()
}

struct Service;

impl Service {
    #[cached(skip(self, names))]
    async fn name(&self, names: &HashMap<u32, String>, id: u32) -> Option<String> {
        RUNS.count();
        tokio::task::yield_now().await;
        names.get(&id).cloned()
    }
}

fn assert_send<F: Future + Send>(future: F) -> F {
    future
}

#[tokio::test]
async fn a_call_is_send_where_its_arguments_and_its_body_are() {
    let weights = HashMap::from([("a".to_owned(), 7)]);
    let names = HashMap::from([(1, "Ada".to_owned())]);
    make_room();

    for _ in 0..2 {
        let counted = assert_send(counted("a", None, &weights)).await;
        assert!(counted.is_err());
        assert_eq!(assert_send(generic(&["a", "b"])).await, 2);
        let name = assert_send(Service.name(&names, 1)).await;
        assert_eq!(name.as_deref(), Some("Ada"));
    }
    let task = tokio::spawn(async {
        let names = HashMap::new();
        generic(&[1_u8, 2]).await + usize::from(Service.name(&names, 9).await.is_some())
    });
    assert!(task.await.is_ok_and(|count| count == 2));
    assert_eq!(RUNS.total(), 6);
}

#[tokio::test]
async fn a_call_can_be_spawned() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn doubled(parts: Vec<u32>) -> Vec<u32> {
        RUNS.count();
        tokio::task::yield_now().await;
        parts.into_iter().map(|part| part * 2).collect()
    }
    make_room();

    for _ in 0..2 {
        let doubled = tokio::spawn(doubled(vec![1, 2])).await;
        assert!(doubled.is_ok_and(|doubled| doubled == [2, 4]));
    }
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_body_that_cannot_leave_its_thread() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn counted(n: u32) -> u32 {
        RUNS.count();
        let shared = Rc::new(n);
        tokio::task::yield_now().await;
        *shared + 1
    }
    make_room();

    assert_eq!(counted(1).await, 2);
    assert_eq!(counted(1).await, 2);
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn a_call_on_a_local_set_with_what_cannot_leave_its_thread() {
    static RUNS: Runs = Runs::new();
    #[cached(skip(names))]
    async fn name(names: Rc<Vec<String>>, at: usize) -> Option<String> {
        RUNS.count();
        tokio::task::yield_now().await;
        names.get(at).cloned()
    }
    make_room();

    let names = Rc::new(vec!["Ada".to_owned(), "Eve".to_owned()]);
    let local = tokio::task::LocalSet::new();
    let found = local.run_until(async {
        let mut found = Vec::new();
        for at in [0, 0, 1, 1, 2, 2] {
            let task = tokio::task::spawn_local(name(Rc::clone(&names), at));
            found.push(task.await.ok().flatten().unwrap_or_default());
        }
        found
    });
    assert_eq!(found.await, ["Ada", "Ada", "Eve", "Eve", "", ""]);
    assert_eq!(RUNS.total(), 4);
}

/// Tells whether a future is `Send`: the method of the type comes before that of the trait.
struct Probe<F>(F);

trait StaysHere {
    fn is_send(&self) -> bool {
        false
    }
}

impl<F> StaysHere for Probe<F> {}

impl<F: Send> Probe<F> {
    #[expect(clippy::unused_self, reason = "like the method of the trait")]
    fn is_send(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_call_is_send_exactly_when_that_of_the_plain_function_is() {
    static RUNS: Runs = Runs::new();
    async fn sent_plainly(text: &str) -> usize {
        tokio::task::yield_now().await;
        text.len()
    }
    #[cached]
    async fn sent(text: &str) -> usize {
        RUNS.count();
        sent_plainly(text).await
    }
    async fn held_plainly(n: u32) -> u32 {
        let held = Rc::new(n);
        tokio::task::yield_now().await;
        *held
    }
    #[cached]
    async fn held(n: u32) -> u32 {
        RUNS.count();
        let held = Rc::new(n);
        tokio::task::yield_now().await;
        *held
    }
    async fn passed_plainly(n: Rc<u32>) -> u32 {
        tokio::task::yield_now().await;
        *n
    }
    #[cached(key = *n)]
    async fn passed(n: Rc<u32>) -> u32 {
        RUNS.count();
        tokio::task::yield_now().await;
        *n
    }
    make_room();

    assert!(Probe(sent_plainly("a")).is_send() && Probe(sent("a")).is_send());
    assert!(!Probe(held_plainly(1)).is_send() && !Probe(held(1)).is_send());
    assert!(!Probe(passed_plainly(Rc::new(1))).is_send());
    assert!(!Probe(passed(Rc::new(1))).is_send());
    assert_eq!(RUNS.total(), 0);
    for _ in 0..2 {
        assert_eq!((sent("a").await, sent("bc").await), (1, 2));
        assert_eq!((held(1).await, held(2).await), (1, 2));
        assert_eq!(passed(Rc::new(1)).await, 1);
        assert_eq!(passed(Rc::new(2)).await, 2);
    }
    assert_eq!(RUNS.total(), 6);
}
