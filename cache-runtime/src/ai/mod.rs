//! [`AiCache`]: answers of language models by text, operation, options and question, for those who
//! want no macro.

mod legacy;
mod options;
mod request;

use std::any::TypeId;
use std::pin::pin;

pub use request::AiRequest;

use crate::cache::Cache;
use crate::call::{self, Answered, Entered, Request, Rule, Shape, Value, Wishes};
use crate::error::CacheError;
use crate::policy::Cacheable;

/// Answers of language models: by operation, text, options and question.
///
/// It is a handle over a [`Cache`] of any kind, in memory, in Redis or in both, and has nothing of its
/// own: what is kept, for how long and for whom is said by the settings of that cache. Everything else
/// that a cache can do is at [`cache`](Self::cache). It is cheap to clone.
///
/// An annotated function of the same kind and operation has its answers in common with it, in memory
/// and in Redis, where text, options (the parameters of the function, by their names), question,
/// version and the type of the kept value are the same. That is not so for functions with `key = …` and
/// those that [`KeyBuilder`](crate::KeyBuilder) cannot name. An answer of another type is no answer to
/// the same request; in a store the last one that was kept takes the place of the other.
///
/// The lifetime is that of the operation: what the operator configures, what the attribute of the
/// function says that has it, what the preset or the factory says (summaries 2 hours, sentiment a day,
/// …), or else the kind's default. Of that attribute `single_flight` holds for requests too, and nothing
/// else: what would outlive the caller is for functions alone. A text of more characters than
/// [`max_text_length`](crate::CacheConfigBuilder::max_text_length) goes past the cache and is
/// [counted](crate::CacheStats::text_too_long).
///
/// An answer that says what it took, by [`Cacheable::tokens`] or [`Cacheable::cost`], is counted in
/// [`Savings`](crate::Savings): as billed when it is computed or stored, and as replayed when it is found.
///
/// No method fails because of the store, and all work inside of [`call::tenant`](crate::call::tenant())
/// as the methods of [`Cache`] do. Up to 10 000 different requests of a kind are kept, not counting
/// texts and the values of options: names of operations and options are not meant to be made up as the
/// program runs. Beyond that, and for a request [that is none](AiRequest), nothing is found or kept,
/// which is counted as [`no_key`](crate::CacheStats::no_key).
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use larder::{AiRequest, CacheFactory};
///
/// # async fn ask_the_model(article: &str) -> String { "A calm sea.".to_owned() }
/// let answers = CacheFactory::for_testing().await?.ai();
///
/// let article = "The sea was calm.";
/// let request = AiRequest::new("summarize", article).option("max_words", &100_u32);
/// let summary = answers.get_or_compute(&request, || ask_the_model(article)).await;
/// assert_eq!(summary, "A calm sea.");
///
/// // It is there for everybody who asks the same.
/// assert_eq!(answers.lookup(&request).await, Some(summary));
///
/// // The prompt has changed.
/// assert_eq!(answers.remove_operation("summarize").await, 1);
/// assert_eq!(answers.lookup::<String>(&request).await, None);
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct AiCache {
    cache: Cache,
}

impl Cache {
    /// The same cache for answers of language models.
    #[must_use]
    pub fn ai(&self) -> AiCache {
        AiCache::new(self.clone())
    }
}

impl From<Cache> for AiCache {
    fn from(cache: Cache) -> Self {
        Self::new(cache)
    }
}

impl AiCache {
    /// Answers in this cache. The kind `ai` has the settings for it; any other works too.
    #[must_use]
    pub fn new(cache: Cache) -> Self {
        Self { cache }
    }

    /// The cache behind it.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Keeps an answer that was got elsewhere, in the place of the one that is there. One that is not
    /// [`Cacheable`] is not kept, and what is there stays.
    ///
    /// Returns when the store has it or has failed to take it, as [`Cache::set`] does, which also says
    /// what becomes of answers that are being computed. An answer that serde cannot write stays in
    /// memory and is [counted](crate::CacheStats::unserializable_values).
    ///
    /// # Errors
    /// [`CacheError::Validation`] for a request [that is none](AiRequest).
    pub async fn store<T: Value + Cacheable>(
        &self,
        request: &AiRequest<'_>,
        response: T,
    ) -> Result<(), CacheError> {
        request.check()?;
        let kept = self.request::<T>(request);
        kept.bill(&response);
        if kept.refuses(rule(&response)) {
            return Ok(());
        }
        let kind = self.cache.kind();
        let others = self
            .parts(request)
            .map_or_else(Vec::new, |parts| kind.numbers(parts.identity));
        kept.set(response, &others).await;
        Ok(())
    }

    /// The answer to a request, if there is a fresh one of this type.
    ///
    /// [`call::outcome`](crate::call::outcome) and [`call::max_age`](crate::call::max_age) can be
    /// wrapped around it.
    pub async fn lookup<T: Value + Cacheable>(&self, request: &AiRequest<'_>) -> Option<T> {
        let wishes = Wishes::of_look_up();
        self.request::<T>(request).look_up(wishes).await
    }

    /// The answer to a request, computed by `compute` where there is none.
    ///
    /// Of callers that ask at once, one computes and the others take its answer. A caller that is
    /// dropped while it computes hands over to one that waits. What [`call`](crate::call) has for
    /// calls of annotated functions holds for this one too.
    ///
    /// A `Result` is for [`get_or_try_compute`](Self::get_or_try_compute), which keeps what is in an `Ok`. A
    /// `T` that is itself an `Option` is computed by each caller, and not kept.
    pub async fn get_or_compute<T, F, Fut>(&self, request: &AiRequest<'_>, compute: F) -> T
    where
        T: Value + Cacheable,
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        self.compute_as(request, call::opaque::<T>(), compute).await
    }

    /// The same for a computation that can fail. A failure is not kept.
    ///
    /// # Errors
    /// Those of `compute`, and no others.
    pub async fn get_or_try_compute<T, E, F, Fut>(
        &self,
        request: &AiRequest<'_>,
        compute: F,
    ) -> Result<T, E>
    where
        T: Value + Cacheable,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let shape = call::fallible::<T, E>();
        self.compute_as(request, shape, compute).await
    }

    /// Forgets the answer to a request in both tiers, of whatever type it is, and says whether either
    /// had one. What else [`Cache::remove`] says holds here.
    pub async fn remove(&self, request: &AiRequest<'_>) -> bool {
        let kind = self.cache.kind();
        let Some(parts) = self.parts(request) else {
            return false;
        };
        let numbers = kind.numbers(parts.identity);
        let keys = kind.keys.of_operation(request.operation(), parts.identity);
        let request = Request::of(kind, None, |key| parts.write(key));
        request.remove(&numbers, &keys).await
    }

    /// Removes all answers of an operation, of all tenants, those of annotated functions too, and
    /// counts them: [`Cache::remove_operation_counted`], which takes time.
    /// [`Cache::remove_operation`] does it in one step.
    pub async fn remove_operation(&self, operation: &str) -> u64 {
        self.cache.remove_operation_counted(operation).await
    }

    /// The name that the answer to a request has in a store, for the tenant of the calling task.
    ///
    /// `None` where no store would keep it: for a request [that is none](AiRequest), a text that is too
    /// long, or without a tenant where the kind requires one.
    #[must_use]
    pub fn key(&self, request: &AiRequest<'_>) -> Option<String> {
        let kind = self.cache.kind();
        let parts = self.parts(request)?;
        let keys = kind.keys.of_operation(request.operation(), parts.identity);
        Request::of(kind, None, |key| parts.write(key)).name_in_store(&keys)
    }

    async fn compute_as<S, F, Fut>(
        &self,
        request: &AiRequest<'_>,
        shape: S,
        compute: F,
    ) -> S::Returned
    where
        S: Shape,
        S::Kept: Cacheable,
        F: FnOnce() -> Fut,
        Fut: Future<Output = S::Returned>,
    {
        let wishes = Wishes::of_call();
        let miss = match self.request::<S::Kept>(request).enter(shape, wishes) {
            Entered::Hit(answer) => return answer,
            Entered::Miss(miss) => miss,
        };
        let turn = match miss.ask().await.answer(shape) {
            Answered::Answer(answer) => return answer,
            Answered::Turn(turn) => turn,
        };
        let returned = turn.compute(pin!(compute())).await;
        turn.keep(shape, returned, rule)
    }

    /// The request as a call whose answer is of this type.
    fn request<T: 'static>(&self, request: &AiRequest<'_>) -> Request {
        let kind = self.cache.kind();
        let Some(parts) = self.parts(request) else {
            return Request::of(kind, None, |_| {});
        };
        let operation = kind.requested(request.operation(), parts.identity, TypeId::of::<T>());
        Request::of(kind, operation, |key| parts.write(key)).tagged(request.tags())
    }

    fn parts<'r>(&self, request: &'r AiRequest<'_>) -> Option<request::Parts<'r>> {
        let kind = self.cache.kind();
        request.parts(&kind.name, kind.keys.is_ai)
    }
}

/// Whether an answer is one to keep.
fn rule<T: Cacheable>(response: &T) -> Rule {
    Rule::default().cache_if(response, T::is_cacheable)
}
