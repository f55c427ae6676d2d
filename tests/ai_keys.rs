//! Different requests never have one answer, whoever chooses what is asked.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/keys.rs"]
mod support;

use std::collections::BTreeMap;

use larder::{AiCache, AiRequest, Cache, CacheConfig, KeyBuilder};
use proptest::prelude::*;
use serde_json::Value;
use support::{SECRET, runner, settings};

/// What a request is made of.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    operation: String,
    text: String,
    options: BTreeMap<String, Value>,
    question: Option<String>,
    version: Option<String>,
}

impl Asked {
    fn request(&self) -> AiRequest<'_> {
        let request = AiRequest::new(&self.operation, &self.text).options(&self.options);
        self.rest(request)
    }

    /// The same, with one option after the other, the last one first.
    fn turned(&self) -> AiRequest<'_> {
        let mut request = AiRequest::new(&self.operation, &self.text);
        for (name, value) in self.options.iter().rev() {
            request = request.option(name, value);
        }
        self.rest(request)
    }

    fn rest<'a>(&self, mut request: AiRequest<'a>) -> AiRequest<'a> {
        if let Some(question) = &self.question {
            request = request.question(question);
        }
        if let Some(version) = &self.version {
            request = request.version(version);
        }
        request
    }

    /// Whether no function and no other request has the same names.
    fn key_builder(&self, config: &CacheConfig, kind: &str) -> Option<KeyBuilder> {
        if self.question.is_some() && self.options.contains_key("question") {
            return None;
        }
        let mut builder = KeyBuilder::new(config, kind, &self.operation).ok()?;
        builder = builder.text(&self.text);
        for (name, value) in &self.options {
            builder = builder.arg(name, value);
        }
        if let Some(question) = &self.question {
            builder = builder.question(question);
        }
        if let Some(version) = &self.version {
            builder = builder.version(version);
        }
        Some(builder)
    }

    /// The question may come as an option too.
    fn normal(mut self) -> Self {
        if let (None, Some(Value::String(question))) =
            (&self.question, self.options.get("question"))
        {
            self.question = Some(question.clone());
            self.options.remove("question");
        }
        self
    }
}

/// Few letters, so that different requests come close to each other.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab|:]{1,3}",
        Just("question".to_owned()),
        Just("é".to_owned()),
        Just("|opts:".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        (0_u8..3).prop_map(|number| Value::from(f64::from(number) / 2.0)),
        word().prop_map(Value::from),
        Just(Value::from("")),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(word(), inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let options = prop::collection::btree_map(word(), value(), 0..3);
    let optional = || prop::option::of(word());
    (word(), word(), options, optional(), optional()).prop_map(
        |(operation, text, options, question, version)| Asked {
            operation,
            text,
            options,
            question,
            version,
        },
    )
}

/// Two that are the same, or close to each other.
fn near() -> impl Strategy<Value = (Asked, Asked)> {
    asked().prop_flat_map(|one| {
        let same = one.clone();
        // The same without its options, or its question as an option.
        let moved = {
            let mut moved = one.clone();
            if let Some(question) = moved.question.take() {
                moved.options.insert("question".to_owned(), question.into());
            }
            moved
        };
        let bare = Asked {
            options: BTreeMap::new(),
            ..one.clone()
        };
        // The same values with other names.
        let renamed = {
            let options = one.options.iter();
            let options = options.map(|(name, value)| (format!("{name}a"), value.clone()));
            Asked {
                options: options.collect(),
                ..one.clone()
            }
        };
        let others = prop_oneof![asked(), Just(same), Just(moved), Just(bare), Just(renamed)];
        (Just(one), others)
    })
}

fn caches() -> Vec<(CacheConfig, AiCache)> {
    let configs = [
        CacheConfig::builder().ai(),
        CacheConfig::builder().ai().text_hash_threshold(1),
        CacheConfig::builder().ai().key_secret(SECRET),
    ];
    let mut caches = Vec::new();
    for kind in ["ai", "other"] {
        for config in &configs {
            let config = settings(config.clone().l1_cache_size(10));
            let cache = Cache::builder(kind, &config).build().expect("a cache");
            caches.push((config, cache.ai()));
        }
    }
    caches
}

#[test]
fn different_requests_never_have_one_key_and_the_order_of_options_does_not_count() {
    let caches = caches();
    let test = |(one, other): (Asked, Asked)| {
        for (config, answers) in &caches {
            let keys = [&one, &other].map(|asked| answers.key(&asked.request()));
            prop_assert!(keys.iter().all(Option::is_some));
            let same = one.clone().normal() == other.clone().normal();
            prop_assert_eq!(keys[0] == keys[1], same, "{:?}", answers);
            prop_assert_eq!(&keys[0], &answers.key(&one.turned()));
            if let Some(builder) = one.key_builder(config, answers.cache().name()) {
                prop_assert_eq!(&keys[0], &builder.build().ok());
            }
        }
        Ok(())
    };
    runner().run(&near(), test).expect("no two have one key");
}

#[test]
fn different_requests_never_have_one_answer_in_memory() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().expect("a runtime");
    let caches = caches();
    let test = |(one, other): (Asked, Asked)| {
        runtime.block_on(async {
            for (_, answers) in &caches {
                let stored = answers.store(&one.request(), 1).await;
                prop_assert!(stored.is_ok());
                let same = one.clone().normal() == other.clone().normal();
                let found = answers.lookup::<i32>(&other.request()).await;
                prop_assert_eq!(found.is_some(), same, "{:?}", answers);
                prop_assert_eq!(answers.lookup(&one.turned()).await, Some(1));
                prop_assert!(answers.remove(&one.turned()).await);
            }
            Ok(())
        })
    };
    runner().run(&near(), test).expect("no two have one answer");
}
