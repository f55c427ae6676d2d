//! Explicit keys and texts.

use std::borrow::Cow;
use std::sync::Arc;

use larder::cached;

use crate::support::{Runs, make_room};

struct User {
    id: u32,
    name: String,
}

#[tokio::test]
async fn a_key_does_not_consume_what_it_names() {
    static RUNS: Runs = Runs::new();
    #[cached(key = (user.name, tags))]
    async fn tagged(user: User, tags: Vec<String>) -> String {
        RUNS.count();
        let User { id, name } = user;
        format!("{id} {name} {}", tags.join(" "))
    }
    let user = |id, name: &str| User {
        id,
        name: name.to_owned(),
    };
    make_room();

    assert_eq!(tagged(user(1, "a"), vec![]).await, "1 a ");
    assert_eq!(tagged(user(2, "a"), vec![]).await, "1 a ");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(tagged(user(2, "b"), vec![]).await, "2 b ");
    assert_eq!(tagged(user(2, "b"), vec!["x".to_owned()]).await, "2 b x");
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn an_expression_as_the_key() {
    static RUNS: Runs = Runs::new();
    #[cached(key = name.to_lowercase())]
    async fn greeting(name: &str) -> String {
        RUNS.count();
        format!("hello {name}")
    }
    make_room();

    assert_eq!(greeting("Ada").await, "hello Ada");
    assert_eq!(greeting("ADA").await, "hello Ada");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(greeting("Eve").await, "hello Eve");
    assert_eq!(RUNS.total(), 2);
}

struct Settings {
    greeting: String,
}

impl Settings {
    #[cached(key = ())]
    async fn greeting(&self) -> String {
        RUNS_OF_SETTINGS.count();
        self.greeting.clone()
    }
}

static RUNS_OF_SETTINGS: Runs = Runs::new();

#[tokio::test]
async fn a_key_of_nothing_is_one_answer_for_all_calls() {
    static RUNS: Runs = Runs::new();
    #[cached(key = (), op = "keys.first")]
    async fn first(name: &str, _id: u32) -> String {
        RUNS.count();
        name.to_owned()
    }
    let settings = |greeting: &str| Settings {
        greeting: greeting.to_owned(),
    };
    make_room();

    assert_eq!(first("Ada", 1).await, "Ada");
    assert_eq!(first("Eve", 2).await, "Ada");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(settings("hello").greeting().await, "hello");
    assert_eq!(settings("good day").greeting().await, "hello");
    assert_eq!(RUNS_OF_SETTINGS.total(), 1);
}

#[tokio::test]
async fn what_fills_a_template_is_not_pasted() {
    static RUNS: Runs = Runs::new();
    #[cached(key = "{{{left}:{right.trim()}}}")]
    async fn pair(left: &str, right: String) -> String {
        RUNS.count();
        format!("{left}|{right}")
    }
    make_room();

    assert_eq!(pair("a", "b:c".to_owned()).await, "a|b:c");
    assert_eq!(pair("a:b", "c".to_owned()).await, "a:b|c");
    assert_eq!(RUNS.total(), 2);
    assert_eq!(pair("a", " b:c ".to_owned()).await, "a|b:c");
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_text_of_the_operation() {
    static RUNS: Runs = Runs::new();
    #[cached(text = article, op = "keys.words")]
    async fn words(article: String, least: usize) -> usize {
        RUNS.count();
        article
            .split(' ')
            .filter(|word| word.len() >= least)
            .count()
    }
    make_room();

    assert_eq!(words("a bc".to_owned(), 2).await, 1);
    assert_eq!(words("a bc".to_owned(), 2).await, 1);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(words("a bc".to_owned(), 1).await, 2);
    assert_eq!(words("a b".to_owned(), 2).await, 0);
    assert_eq!(RUNS.total(), 3);
}

// None of these needs serde's feature `rc`.
#[tokio::test]
async fn whatever_derefs_to_text_is_a_text() {
    static RUNS: Runs = Runs::new();
    #[cached(text = article)]
    async fn shared(article: Arc<str>) -> usize {
        RUNS.count();
        article.len()
    }
    #[cached]
    async fn perhaps(text: Cow<'_, str>) -> usize {
        RUNS.count();
        text.len()
    }
    #[cached(kind = "ai")]
    async fn boxed(article: Box<str>) -> usize {
        RUNS.count();
        article.len()
    }
    #[cached(text = article)]
    async fn changed(article: &mut str) -> String {
        RUNS.count();
        article.make_ascii_uppercase();
        article.to_owned()
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(shared("abc".into()).await, 3);
        assert_eq!(perhaps("abc".into()).await, 3);
        assert_eq!(boxed("abc".into()).await, 3);
        assert_eq!(changed(&mut "abc".to_owned()).await, "ABC");
    }
    assert_eq!(RUNS.total(), 4);
    assert_eq!(shared("ab".into()).await, 2);
    assert_eq!(perhaps("ab".into()).await, 2);
    assert_eq!(RUNS.total(), 6);
}
