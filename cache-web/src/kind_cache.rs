//! The cache behind a kind, as an argument of a handler.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use cache_runtime::Cache;

use crate::problem::Problem;

/// The name of a kind as a type, for [`KindCache`].
///
/// ```
/// # mod larder { pub use cache_web as axum; }
/// use larder::axum::KindName;
///
/// enum Geo {}
///
/// impl KindName for Geo {
///     const KIND: &'static str = "geo";
/// }
/// ```
pub trait KindName {
    /// The kind, as it was registered.
    const KIND: &'static str;
}

/// The kind `web`.
#[derive(Clone, Copy, Debug)]
pub enum Web {}

impl KindName for Web {
    const KIND: &'static str = "web";
}

/// The kind `ai`.
#[derive(Clone, Copy, Debug)]
pub enum Ai {}

impl KindName for Ai {
    const KIND: &'static str = "ai";
}

/// Extracts the cache behind a kind, for handlers that choose keys themselves or invalidate.
///
/// It looks the kind up when the request comes, in the registry of the process: no state has to be
/// handed to the router, and it works with every state. It dereferences to [`Cache`].
///
/// A kind that nobody registered is answered with 500 and the name of the kind; `web` and `ai` are
/// there after `larder::init`. `Option<KindCache<K>>` is for handlers that can do without.
///
/// ```
/// # mod larder { pub use cache_web as axum; }
/// use axum::extract::Path;
/// use larder::axum::{KindCache, Web};
///
/// async fn rename(cache: KindCache<Web>, Path(id): Path<u64>) {
///     // … change the name in the database …
///     cache.remove_tag(&format!("user:{id}")).await;
/// }
/// # let _ = axum::routing::put::<_, _, ()>(rename);
/// ```
pub struct KindCache<K> {
    cache: Cache,
    kind: PhantomData<fn() -> K>,
}

impl<K> KindCache<K> {
    /// The handle itself, which may outlive the request.
    #[must_use]
    pub fn into_inner(self) -> Cache {
        self.cache
    }
}

impl<K> Deref for KindCache<K> {
    type Target = Cache;

    fn deref(&self) -> &Cache {
        &self.cache
    }
}

impl<K> Clone for KindCache<K> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> fmt::Debug for KindCache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KindCache").field(&self.cache).finish()
    }
}

fn registered<K: KindName>() -> Option<KindCache<K>> {
    let kind = PhantomData;
    cache_runtime::cache(K::KIND).map(|cache| KindCache { cache, kind })
}

impl<S: Sync, K: KindName> FromRequestParts<S> for KindCache<K> {
    type Rejection = Problem;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        registered().ok_or_else(|| {
            let kind = K::KIND;
            tracing::error!(kind, "a handler asked for a kind that nobody registered");
            let detail = format!(
                "nobody registered the kind `{kind}`: it takes `larder::init` (for `web` and `ai`) or \
                 `larder::register` when the application starts"
            );
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        })
    }
}

impl<S: Sync, K: KindName> OptionalFromRequestParts<S> for KindCache<K> {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        _parts: &mut Parts,
        _state: &S,
    ) -> Result<Option<Self>, Self::Rejection> {
        Ok(registered())
    }
}
