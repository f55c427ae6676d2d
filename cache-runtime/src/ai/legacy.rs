//! Names that these methods had before, for applications that come from them.

use std::time::Duration;

use serde::Serialize;

use super::{AiCache, AiRequest};
use crate::call::Value;
use crate::error::CacheError;
use crate::observe::CacheStats;
use crate::policy::Cacheable;

impl AiCache {
    /// Keeps an answer and gives it back; without one, gives the one that is there.
    ///
    /// # Errors
    /// Those of [`store`](Self::store).
    #[deprecated(
        note = "use `store` to keep an answer, and `lookup` or `get_or_compute` to find one"
    )]
    pub async fn cache_response<T: Value + Cacheable>(
        &self,
        text: &str,
        operation: &str,
        options: &(impl Serialize + ?Sized),
        response: Option<T>,
        question: Option<&str>,
    ) -> Result<Option<T>, CacheError> {
        let request = request(text, operation, options, question).checked()?;
        let Some(response) = response else {
            return Ok(self.lookup(&request).await);
        };
        self.store(&request, response.clone()).await?;
        Ok(Some(response))
    }

    /// The answer, if there is a fresh one of this type.
    #[deprecated(note = "use `lookup`")]
    pub async fn get_cached_response<T: Value + Cacheable>(
        &self,
        text: &str,
        operation: &str,
        options: &(impl Serialize + ?Sized),
        question: Option<&str>,
    ) -> Option<T> {
        let request = request(text, operation, options, question);
        self.lookup(&request).await
    }

    /// Removes all answers of an operation and counts them.
    #[deprecated(note = "use `remove_operation`")]
    pub async fn invalidate_by_operation(&self, operation: &str) -> u64 {
        self.remove_operation(operation).await
    }

    /// The name that an answer has in a store.
    #[deprecated(note = "use `key`")]
    #[must_use]
    pub fn build_key(
        &self,
        text: &str,
        operation: &str,
        options: &(impl Serialize + ?Sized),
    ) -> Option<String> {
        self.key(&request(text, operation, options, None))
    }

    /// The name that an answer has in a store.
    #[deprecated(note = "use `key`, or `KeyBuilder` without a cache")]
    #[must_use]
    pub fn generate_cache_key(
        &self,
        text: &str,
        operation: &str,
        options: &(impl Serialize + ?Sized),
        question: Option<&str>,
    ) -> Option<String> {
        self.key(&request(text, operation, options, question))
    }

    /// What is left of the lifetime of a key that the application chose.
    #[deprecated(note = "use `cache().ttl(key)`")]
    pub async fn get_ttl(&self, key: &str) -> Option<Duration> {
        self.cache().ttl(key).await
    }

    /// The keys of the application's own that match a glob.
    #[deprecated(note = "use `cache().keys(pattern)`")]
    pub async fn get_keys(&self, pattern: &str) -> Vec<String> {
        self.cache().keys(pattern).await
    }

    /// Forgets a key that the application chose.
    #[deprecated(note = "use `cache().remove(key)`")]
    pub async fn delete(&self, key: &str) -> bool {
        self.cache().remove(key).await
    }

    /// Forgets the keys of the application's own that match a glob, and counts them.
    #[deprecated(note = "use `cache().remove_matching(pattern)`")]
    pub async fn invalidate_pattern(&self, pattern: &str) -> u64 {
        self.cache().remove_matching(pattern).await
    }

    /// What the cache has done, and how full it is.
    #[deprecated(note = "use `cache().stats()`")]
    #[must_use]
    pub fn get_stats(&self) -> CacheStats {
        self.cache().stats()
    }
}

fn request<'a>(
    text: &'a str,
    operation: &'a str,
    options: &(impl Serialize + ?Sized),
    question: Option<&str>,
) -> AiRequest<'a> {
    let request = AiRequest::new(operation, text).options(options);
    match question {
        Some(question) => request.question(question),
        None => request,
    }
}
