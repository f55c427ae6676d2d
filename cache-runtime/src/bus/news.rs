//! Who waits for what becomes of one key.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::generation::KeyHash;

/// What has become of the computation that a process had claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What there is of it is in the store, which may be nothing.
    Landed,
    /// It was given up, or its key was invalidated.
    GivenUp,
}

/// Of each key that somebody waits for, the last that was heard.
#[derive(Debug, Default)]
pub(super) struct News {
    by_key: Mutex<HashMap<KeyHash, OfKey>>,
}

#[derive(Debug)]
struct OfKey {
    last: watch::Sender<Ended>,
    listening: usize,
}

impl News {
    pub(super) fn of(&self, key: KeyHash) -> Listening<'_> {
        let mut by_key = self.lock();
        let of_key = by_key.entry(key).or_insert_with(|| OfKey {
            last: watch::Sender::new(Ended::GivenUp),
            listening: 0,
        });
        of_key.listening += 1;
        Listening {
            heard: of_key.last.subscribe(),
            news: self,
            key,
        }
    }

    pub(super) fn tell(&self, key: KeyHash, ended: Ended) {
        let last = self.lock().get(&key).map(|of_key| of_key.last.clone());
        if let Some(last) = last {
            // With nothing locked: a waker may do anything.
            last.send_replace(ended);
        }
    }

    pub(super) fn tell_all(&self, ended: Ended) {
        let all: Vec<_> = self.lock().values().map(|it| it.last.clone()).collect();
        for last in all {
            last.send_replace(ended);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyHash, OfKey>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears what becomes of one key, as long as this is there.
#[derive(Debug)]
pub(crate) struct Listening<'a> {
    news: &'a News,
    key: KeyHash,
    heard: watch::Receiver<Ended>,
}

impl Listening<'_> {
    /// What was heard last, if anything since this was last asked; else what is heard next.
    pub(crate) async fn next(&mut self) -> Ended {
        match self.heard.changed().await {
            Ok(()) => *self.heard.borrow_and_update(),
            // Nobody is left who could tell.
            Err(_closed) => std::future::pending().await,
        }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        let mut by_key = self.news.lock();
        let Some(of_key) = by_key.get_mut(&self.key) else {
            return;
        };
        of_key.listening -= 1;
        if of_key.listening == 0 {
            by_key.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{Ended, News};
    use crate::generation::KeyHash;

    const KEY: KeyHash = KeyHash(1);

    #[test]
    fn whoever_waits_hears_the_last_of_its_key_and_nothing_from_before() {
        let news = News::default();
        news.tell(KEY, Ended::Landed);
        let mut waits = [news.of(KEY), news.of(KEY)];
        news.tell(KeyHash(2), Ended::Landed);
        for waiting in &mut waits {
            assert_eq!(waiting.next().now_or_never(), None);
        }
        news.tell(KEY, Ended::GivenUp);
        news.tell(KEY, Ended::Landed);
        for waiting in &mut waits {
            assert_eq!(waiting.next().now_or_never(), Some(Ended::Landed));
            assert_eq!(waiting.next().now_or_never(), None, "once");
        }
        news.tell_all(Ended::GivenUp);
        for waiting in &mut waits {
            assert_eq!(waiting.next().now_or_never(), Some(Ended::GivenUp));
        }
    }

    #[test]
    fn keys_that_nobody_waits_for_take_no_room() {
        let news = News::default();
        let mut first = news.of(KEY);
        drop(news.of(KEY));
        drop(news.of(KeyHash(2)));
        assert_eq!(news.lock().len(), 1);
        news.tell(KEY, Ended::Landed);
        assert_eq!(first.next().now_or_never(), Some(Ended::Landed));
        drop(first);
        assert!(news.lock().is_empty());
    }
}
