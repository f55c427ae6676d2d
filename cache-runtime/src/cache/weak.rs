//! A view of a cache that does not keep it.

use std::fmt;
use std::sync::{Arc, Weak};

use super::Cache;
use crate::kind::Kind;

/// A view of a [`Cache`] that does not keep it: [`Cache::downgrade`].
#[derive(Clone, Default)]
pub struct WeakCache {
    inner: Weak<Kind>,
}

impl WeakCache {
    /// The cache, as long as somebody keeps it; a view by [`default`](Default::default) is one of
    /// nothing.
    #[must_use]
    pub fn upgrade(&self) -> Option<Cache> {
        self.inner.upgrade().map(|inner| Cache { inner })
    }
}

impl fmt::Debug for WeakCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakCache").finish_non_exhaustive()
    }
}

impl Cache {
    /// A view that does not keep the cache.
    ///
    /// A cache lives as long as it is registered or somebody has a handle of it, and a little longer:
    /// a thread that has called its functions lets go of it when it makes its next cached call, and
    /// what goes on in the background when that is done.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::{Cache, CacheConfig};
    ///
    /// let cache = Cache::builder("drafts", &CacheConfig::builder().build()?).build()?;
    /// let weak = cache.downgrade();
    /// larder::register(cache);
    /// assert!(weak.upgrade().is_some());
    ///
    /// drop(larder::unregister("drafts"));
    /// assert!(weak.upgrade().is_none());
    /// # Ok::<(), larder::CacheError>(())
    /// ```
    #[must_use]
    pub fn downgrade(&self) -> WeakCache {
        WeakCache {
            inner: Arc::downgrade(&self.inner),
        }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Whether both have the same store behind them.
    pub(crate) fn shares_store(&self, other: &Self) -> bool {
        let stores = self.inner.store.as_ref().zip(other.inner.store.as_ref());
        stores.is_some_and(|(one, other)| one.shares_store(other))
    }
}
