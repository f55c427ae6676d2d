//! Explicit keys and texts.

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
