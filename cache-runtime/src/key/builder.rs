//! [`KeyBuilder`]: the name of a key in the store, for those who have no function to call.

use std::fmt::{self, Display};
use std::sync::Arc;

use serde::Serialize;

use super::{Arguments, Identity, IdentityParts, StoreKeys, write_argument};
use crate::config::{self, CacheConfig};
use crate::error::CacheError;
use crate::policy::TextNormalization;

/// Makes the name in the store of one call, without a cache and without a call: the name that a
/// `#[cached]` function of this kind and operation, with these parameters, gives its entry in a
/// cache with these settings.
///
/// The order of the arguments does not count. What tells a function from others beside its
/// operation and its parameters is not known here: generic arguments, the type whose trait a method
/// implements, the function's own path where several functions claim one operation and are not
/// `shared`, and what `key = …` says.
///
/// With the name, another program can look for the entry, or delete it. That does not reach the
/// memory of running processes.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{CacheConfig, KeyBuilder};
///
/// // #[cached(kind = "ai", op = "summarize")]
/// // async fn summarize(text: &str, max_words: u32) -> String
/// let config = CacheConfig::builder().ai().build()?;
/// let key = KeyBuilder::new(&config, "ai", "summarize")?
///     .text("The sea was calm.")
///     .arg("max_words", &100_u32)
///     .build()?;
/// assert!(key.starts_with("ai_cache:op:summarize|txt:The sea was calm.|opts:"));
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct KeyBuilder {
    keys: Arc<StoreKeys>,
    kind: String,
    operation: String,
    version: Option<String>,
    text: Option<String>,
    normalization: TextNormalization,
    question: Option<Vec<u8>>,
    tenant: Option<String>,
    /// Names and canonical bytes.
    others: Vec<(String, Vec<u8>)>,
    /// The first thing that cannot be a part of a key.
    problem: Option<String>,
}

impl KeyBuilder {
    /// A key of this operation, in a cache of this kind with these settings.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for settings that cannot be used and for a kind without a
    /// name; [`CacheError::Validation`] for an operation without one.
    pub fn new(config: &CacheConfig, kind: &str, operation: &str) -> Result<Self, CacheError> {
        // Whether there is a store does not matter here.
        config::check(config, true)?;
        if operation.trim().is_empty() {
            return Err(CacheError::Validation {
                subject: "the operation of a key",
                found: format!("{operation:?}"),
                expected: "a name, such as `summarize`",
            });
        }
        Ok(Self {
            keys: Arc::new(config.store_keys(kind)?),
            kind: kind.to_owned(),
            operation: operation.to_owned(),
            version: None,
            text: None,
            normalization: TextNormalization::None,
            question: None,
            tenant: None,
            others: Vec::new(),
            problem: None,
        })
    }

    /// The text of the operation: the parameter that `text = …` names, or that is it by itself.
    /// Its name is not a part of the key.
    pub fn text(mut self, text: &str) -> Self {
        if self.text.replace(text.to_owned()).is_some() {
            self.note("a second text");
        }
        self
    }

    /// What the attribute says as `normalize`. The text may be given as it is written.
    pub fn normalize(mut self, normalization: TextNormalization) -> Self {
        self.normalization = normalization;
        self
    }

    /// The parameter `question`. In the kind `ai` it has a digest of its own in the key; in others
    /// it is an argument as any.
    pub fn question<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.arg("question", value)
    }

    /// Any other parameter, with its name. Numbers count with their type: `1_u32` and `1_u64` make
    /// different keys.
    pub fn arg<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        let mut bytes = Vec::new();
        if write_argument(value, &mut bytes).is_err() {
            self.note(&format!("`{name}`, which refuses to be serialized"));
        }
        let is_known = if self.keys.is_ai && name == "question" {
            self.question.replace(bytes).is_some()
        } else {
            let is_known = self.others.iter().any(|(known, _)| known == name);
            self.others.push((name.to_owned(), bytes));
            is_known
        };
        if is_known {
            self.note(&format!("`{name}` twice"));
        }
        self
    }

    /// What the attribute says as `version`.
    pub fn version(mut self, version: impl Display) -> Self {
        self.version = Some(version.to_string());
        self
    }

    /// The tenant of the call, as [`call::tenant`](crate::call::tenant()) has it.
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }

    fn note(&mut self, problem: &str) {
        self.problem.get_or_insert_with(|| problem.to_owned());
    }

    /// The name of the key.
    ///
    /// # Errors
    /// [`CacheError::Validation`] where an argument refused to be serialized, or where a name was
    /// given twice.
    pub fn build(self) -> Result<String, CacheError> {
        let Self {
            keys,
            kind,
            operation,
            version,
            text,
            normalization,
            question,
            tenant,
            mut others,
            problem,
        } = self;
        if let Some(found) = problem {
            return Err(CacheError::Validation {
                subject: "the arguments of a key",
                found,
                expected: "each name once, with a value that serde can write",
            });
        }
        // An attribute says nothing of it where there is no text.
        let normalization = text
            .as_ref()
            .map_or_else(Default::default, |_| normalization);
        let text = text.as_deref().map(|text| normalization.normalized(text));
        // As the expansion of `#[cached]` has them.
        others.sort_unstable();
        let names: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
        let identity = Identity::of(&IdentityParts {
            kind: &kind,
            operation: &operation,
            version: version.as_deref(),
            generic: None,
            function: None,
            has_text: text.is_some(),
            has_question: question.is_some(),
            names: &names,
            normalization,
        });
        let bytes: Vec<u8> = others
            .iter()
            .flat_map(|(_, bytes)| bytes)
            .copied()
            .collect();
        Ok(keys.of_operation(&operation, identity).of_call(Arguments {
            text: text.as_deref().map(str::as_bytes),
            question: question.as_deref(),
            others: &bytes,
            tenant: tenant.as_deref().map(str::as_bytes),
        }))
    }
}

impl fmt::Debug for KeyBuilder {
    /// Without the arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyBuilder")
            .field("kind", &self.kind)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}
