//! A store in this process: what is measured over it is larder's own work, and no network.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use larder::{
    Announcement, Cache, CacheConfig, Generation, Invalidation, Store, StoreFuture, Tombstone,
};

/// Keeps everything for ever. A look-up hands out a copy, as bytes from a network are one.
#[derive(Debug, Default)]
pub(crate) struct InProcess {
    entries: Mutex<HashMap<String, Vec<u8>>>,
}

impl InProcess {
    /// Bytes of all values.
    pub(crate) fn bytes(&self) -> usize {
        self.entries().values().map(Vec::len).sum()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.entries.lock().expect("no panic under the lock")
    }
}

/// A kind without memory tier over this store.
pub(crate) fn over(store: &Arc<InProcess>, kind: &str, mut config: CacheConfig) -> Cache {
    config.enable_l1_cache = false;
    Cache::builder(kind, &config)
        .store(store.clone())
        .build()
        .expect("a cache over the store")
}

fn answer<'a, T: Send + 'a>(answer: T) -> StoreFuture<'a, T> {
    Box::pin(async { Ok(answer) })
}

impl Store for InProcess {
    fn name(&self) -> &'static str {
        "in-process"
    }

    fn get<'a>(&'a self, key: &'a str, _limit: usize) -> StoreFuture<'a, Option<Vec<u8>>> {
        answer(self.entries().get(key).cloned())
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: &'a [u8],
        _ttl: Duration,
        _announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, ()> {
        let mut entries = self.entries();
        if let Some(kept) = entries.get_mut(key) {
            kept.clear();
            kept.extend_from_slice(value);
        } else {
            entries.insert(key.to_owned(), value.to_vec());
        }
        answer(())
    }

    /// Nothing here is removed while it is computed.
    fn set_unless_removed<'a>(
        &'a self,
        key: &'a str,
        entry: &'a [u8],
        ttl: Duration,
        _announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move { self.set(key, entry, ttl, None).await.map(|()| true) })
    }

    fn remove<'a>(
        &'a self,
        key: &'a str,
        _tombstone: Option<Tombstone>,
        _announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, bool> {
        answer(self.entries().remove(key).is_some())
    }

    fn ttl<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Duration>> {
        answer(self.entries().contains_key(key).then_some(Duration::MAX))
    }

    /// Nothing here lists keys.
    fn keys<'a>(
        &'a self,
        _prefix: &'a str,
        _pattern: &'a str,
        _limit: usize,
    ) -> StoreFuture<'a, Vec<String>> {
        answer(Vec::new())
    }

    /// Nothing here removes by pattern.
    fn remove_matching<'a>(
        &'a self,
        _prefix: &'a str,
        _pattern: &'a str,
        _tombstone: Tombstone,
    ) -> StoreFuture<'a, u64> {
        answer(0)
    }

    fn clear<'a>(&'a self, _prefix: &'a str) -> StoreFuture<'a, ()> {
        self.entries().clear();
        answer(())
    }

    fn generation<'a>(
        &'a self,
        _key: &'a str,
        _invalidate: Option<Invalidation>,
        _new: Generation,
        _ttl: Duration,
        _announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, Generation> {
        // Nothing is ever invalidated here.
        answer([0; 2])
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        answer(())
    }

    fn connect(&self) -> StoreFuture<'_, ()> {
        answer(())
    }

    fn disconnect(&self) {}
}
