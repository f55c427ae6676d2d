//! Prices and answers that are asked, in every place where people write closures and answers.
#![allow(clippy::cast_precision_loss, reason = "numbers of tokens are small")]

use async_trait::async_trait;
use larder::{Cacheable, cached};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::support::{Runs, make_room};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    tokens: u32,
}

impl Cacheable for Answer {
    fn is_cacheable(&self) -> bool {
        self.tokens > 0
    }
}

fn tokens_of(answer: &Answer) -> u32 {
    answer.tokens
}

trait Priced {
    const RATE: f64;

    fn spent(&self) -> u64;
}

impl Priced for Answer {
    const RATE: f64 = 0.5;

    fn spent(&self) -> u64 {
        self.tokens.into()
    }
}

struct Model {
    base: u32,
}

#[async_trait]
trait Asks {
    async fn ask(&self, n: u32) -> Result<Answer, String>;
}

#[async_trait]
impl Asks for Model {
    #[cached(key = (self.base, n), tokens = tokens_of, cost = |it: &Answer| it.spent() as f64 * Answer::RATE)]
    async fn ask(&self, n: u32) -> Result<Answer, String> {
        Ok(Answer {
            tokens: self.base + n,
        })
    }
}

impl Model {
    #[cached(key = (self.base, n), tokens = |it| { let Answer { tokens } = it; *tokens })]
    async fn borrowed<'a>(&'a self, n: &'a u32) -> Option<Answer> {
        Some(Answer {
            tokens: self.base + n,
        })
    }
}

#[tokio::test]
async fn prices_of_methods() {
    make_room();
    let model = Model { base: 1 };
    for _ in 0..2 {
        assert_eq!(model.ask(1).await, Ok(Answer { tokens: 2 }));
        assert_eq!(model.borrowed(&1).await, Some(Answer { tokens: 2 }));
    }
}

#[tokio::test]
async fn prices_of_generic_functions() {
    static RUNS: Runs = Runs::new();
    #[cached(tokens = Priced::spent, cost = |it| it.spent() as f64 * T::RATE)]
    async fn generic<T>(n: u32) -> Result<T, String>
    where
        T: Priced + Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
    {
        RUNS.count();
        let answer = format!("{{\"tokens\":{n}}}");
        serde_json_like(&answer)
    }
    fn serde_json_like<T: DeserializeOwned>(text: &str) -> Result<T, String> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let tokens: u32 = digits.parse().unwrap_or_default();
        let fields = [("tokens", tokens)].into_iter();
        let fields = serde::de::value::MapDeserializer::<_, serde::de::value::Error>::new(fields);
        T::deserialize(fields).map_err(|error| error.to_string())
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(generic::<Answer>(3).await, Ok(Answer { tokens: 3 }));
    }
    assert_eq!(RUNS.total(), 1);
}

#[tokio::test]
async fn prices_that_a_macro_writes() {
    mod counted {
        use super::*;

        pub(super) fn nothing<V, N: Default>(_: &V) -> N {
            N::default()
        }

        macro_rules! counted {
            ($name:ident, $price:expr) => {
                #[cached(tokens = $price)]
                pub(super) async fn $name(n: u8) -> f32 {
                    f32::from(n)
                }
            };
        }
        counted!(by_function, nothing::<f32, u8>);
        counted!(by_closure, |it| it.to_bits());
    }
    make_room();

    assert!((counted::by_function(1).await - 1.0).abs() < f32::EPSILON);
    assert!((counted::by_closure(1).await - 1.0).abs() < f32::EPSILON);
}

/// Answers that may borrow, whose errors are not `Clone`, and that are aliases.
#[tokio::test]
async fn answers_of_every_shape_are_asked() {
    type Aliased<T> = Result<Option<T>, std::io::Error>;
    #[cached]
    async fn aliased(n: u32) -> Aliased<Answer> {
        Ok(Some(Answer { tokens: n }))
    }
    #[cached]
    async fn boxed_error(n: u32) -> Result<Box<Answer>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Box::new(Answer { tokens: n }))
    }
    #[cached]
    async fn borrowed_error<'a>(text: &'a str) -> Result<Vec<Answer>, &'a str> {
        if text.is_empty() {
            Err(text)
        } else {
            Ok(Vec::new())
        }
    }
    #[cached]
    async fn nested(n: u32) -> Vec<Option<Answer>> {
        vec![Some(Answer { tokens: n }), None]
    }
    #[cached(local)]
    fn locally<'a>(text: &'a str, _other: &'a u8) -> Option<std::sync::Arc<str>> {
        Some(text.into())
    }
    make_room();

    for _ in 0..2 {
        assert!(aliased(1).await.is_ok_and(|it| it.is_some()));
        assert!(boxed_error(1).await.is_ok());
        assert_eq!(borrowed_error("").await, Err(""));
        assert_eq!(borrowed_error("a").await, Ok(Vec::new()));
        assert_eq!(nested(1).await.len(), 2);
        assert_eq!(locally("a", &1).as_deref(), Some("a"));
    }
}
