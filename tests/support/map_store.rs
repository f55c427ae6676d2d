//! A store in this process, for tests that need no Redis.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use larder::{
    Announcement, Claim, Claimed, Connections, Generation, Invalidation, Store, StoreFuture,
    Tombstone,
};

/// Keeps everything in a map, for ever; answers nothing while it hangs.
#[derive(Debug, Default)]
pub struct MapStore {
    pub entries: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Zero for what was never invalidated: nothing is lost here.
    pub generations: Mutex<BTreeMap<String, Generation>>,
    pub hangs: AtomicBool,
    /// Milliseconds that each operation takes.
    pub latency: AtomicU64,
    /// Another process computes everything, and never comes to an end.
    pub is_claimed: AtomicBool,
    /// How many claims have ended without a value.
    pub released: AtomicU64,
    /// How often it was told to let go of its connection.
    pub disconnected: AtomicU64,
    /// A fault in the store itself, where it is asked whether it is there or told to disconnect.
    pub panics: AtomicBool,
    /// What it does where it is asked for its connections.
    pub on_connections: OnceLock<fn()>,
}

impl MapStore {
    /// Puts bytes under a key, as another program would.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let mut entries = self.entries.lock().expect("no panic");
        entries.insert(key.to_owned(), bytes.to_vec());
    }

    /// The keys that have an entry.
    pub fn keys_of_entries(&self) -> Vec<String> {
        let entries = self.entries.lock().expect("no panic");
        let entries = entries
            .iter()
            .filter(|(_, there)| !Tombstone::is_all(there));
        entries.map(|(key, _)| key.clone()).collect()
    }

    fn answer<'a, T: Send + 'a>(
        &'a self,
        answer: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            // As a store over a network does: nobody has the answer in the first poll.
            tokio::task::yield_now().await;
            if self.hangs.load(Ordering::SeqCst) {
                pending::<()>().await;
            }
            let latency = self.latency.load(Ordering::SeqCst);
            if latency > 0 {
                tokio::time::sleep(Duration::from_millis(latency)).await;
            }
            Ok(answer(&mut self.entries.lock().expect("no panic")))
        })
    }
}

fn remove(
    entries: &mut BTreeMap<String, Vec<u8>>,
    key: &str,
    tombstone: Option<Tombstone>,
) -> bool {
    let there = entries.remove(key);
    let left = tombstone.or_else(|| there.as_deref().and_then(Tombstone::of));
    if let Some(left) = left {
        entries.insert(key.to_owned(), left.to_bytes().to_vec());
    }
    there.is_some_and(|there| !Tombstone::is_all(&there))
}

impl Store for MapStore {
    fn name(&self) -> &'static str {
        "map"
    }

    fn get<'a>(&'a self, key: &'a str, _limit: usize) -> StoreFuture<'a, Option<Vec<u8>>> {
        self.answer(|entries| entries.get(key).cloned())
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        entry: &'a [u8],
        _ttl: Duration,
        _announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, ()> {
        self.answer(|entries| drop(entries.insert(key.to_owned(), entry.to_vec())))
    }

    fn set_unless_removed<'a>(
        &'a self,
        key: &'a str,
        entry: &'a [u8],
        _ttl: Duration,
        _announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, bool> {
        self.answer(|entries| {
            let tombstone = entries.get(key).and_then(|there| Tombstone::of(there));
            let was_removed = tombstone.is_some() && tombstone != Tombstone::of(entry);
            if !was_removed {
                entries.insert(key.to_owned(), entry.to_vec());
            }
            !was_removed
        })
    }

    fn claim<'a>(
        &'a self,
        _key: &'a str,
        _claim: &'a Claim,
        lease: Duration,
    ) -> StoreFuture<'a, Claimed> {
        self.answer(move |_| {
            if self.is_claimed.load(Ordering::SeqCst) {
                Claimed::Theirs(lease)
            } else {
                Claimed::Ours {
                    tombstone: None,
                    has_entry: false,
                }
            }
        })
    }

    fn release<'a>(
        &'a self,
        _key: &'a str,
        _claim: &'a Claim,
        _announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, ()> {
        self.answer(|_| {
            self.released.fetch_add(1, Ordering::SeqCst);
        })
    }

    fn remove<'a>(
        &'a self,
        key: &'a str,
        tombstone: Option<Tombstone>,
        _announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, bool> {
        self.answer(move |entries| remove(entries, key, tombstone))
    }

    fn ttl<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Duration>> {
        self.answer(|entries| {
            let entry = entries.get(key).filter(|there| !Tombstone::is_all(there));
            entry.map(|_| Duration::MAX)
        })
    }

    fn keys<'a>(
        &'a self,
        prefix: &'a str,
        _pattern: &'a str,
        limit: usize,
    ) -> StoreFuture<'a, Vec<String>> {
        self.answer(move |entries| {
            let entries = entries
                .iter()
                .filter(|(_, there)| !Tombstone::is_all(there));
            let keys = entries.filter_map(|(key, _)| key.strip_prefix(prefix));
            keys.take(limit).map(str::to_owned).collect()
        })
    }

    fn remove_matching<'a>(
        &'a self,
        prefix: &'a str,
        _pattern: &'a str,
        tombstone: Tombstone,
    ) -> StoreFuture<'a, u64> {
        self.answer(move |entries| {
            let keys = entries.keys().filter(|key| key.starts_with(prefix));
            let keys: Vec<_> = keys.cloned().collect();
            let removed = keys.iter().map(|key| remove(entries, key, Some(tombstone)));
            removed.map(u64::from).sum()
        })
    }

    fn clear<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, ()> {
        self.answer(move |entries| entries.retain(|key, _| !key.starts_with(prefix)))
    }

    fn generation<'a>(
        &'a self,
        key: &'a str,
        invalidate: Option<Invalidation>,
        [removals, expiries]: Generation,
        _ttl: Duration,
        _announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, Generation> {
        self.answer(move |_| {
            let mut generations = self.generations.lock().expect("no panic");
            let known = generations.entry(key.to_owned()).or_default();
            match invalidate {
                None => {}
                Some(Invalidation::Expire) => known[1] = expiries,
                Some(Invalidation::Remove) => *known = [removals, expiries],
            }
            *known
        })
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        assert!(!self.panics.load(Ordering::SeqCst), "as the test wants it");
        self.answer(|_| ())
    }

    fn connections(&self) -> Connections {
        if let Some(on_connections) = self.on_connections.get() {
            on_connections();
        }
        Connections::default()
    }

    fn connect(&self) -> StoreFuture<'_, ()> {
        self.answer(|_| ())
    }

    fn disconnect(&self) {
        self.disconnected.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "as the test wants it");
    }
}
