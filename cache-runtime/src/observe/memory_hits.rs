//! Hits in memory, which are counted by a plain store into a number that only its own thread writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::policy::TextMark;

/// As one thread counts them, by the length of the text.
#[derive(Debug, Default)]
pub(crate) struct ThreadCount([AtomicU64; TextMark::PLACES]);

impl ThreadCount {
    /// To be called by the thread that this count was made for, and no other.
    #[inline]
    pub(crate) fn increment(&self, text: TextMark) {
        let count = &self.0[text.place()];
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The same for a hit that was none after all.
    pub(crate) fn decrement(&self, text: TextMark) {
        let count = &self.0[text.place()];
        let hits = count.load(Ordering::Relaxed);
        count.store(hits.saturating_sub(1), Ordering::Relaxed);
    }

    fn of(&self, text: TextMark) -> u64 {
        self.0[text.place()].load(Ordering::Relaxed)
    }
}

/// Of all threads.
#[derive(Debug, Default)]
pub(crate) struct MemoryHits(Mutex<Threads>);

#[derive(Debug, Default)]
struct Threads {
    live: Vec<Arc<ThreadCount>>,
    /// Of threads that have ended.
    ended: ThreadCount,
}

impl MemoryHits {
    /// A count for the calling thread, kept for as long as the thread holds it.
    pub(crate) fn for_this_thread(&self) -> Arc<ThreadCount> {
        let count = Arc::<ThreadCount>::default();
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Threads { live, ended } = &mut *threads;
        // Alone with it, this sees all that the thread has counted.
        live.retain_mut(|thread| match Arc::get_mut(thread) {
            None => true,
            Some(counted) => {
                for (sum, more) in ended.0.iter_mut().zip(&mut counted.0) {
                    *sum.get_mut() += *more.get_mut();
                }
                false
            }
        });
        live.push(count.clone());
        count
    }

    /// Those for texts of this length.
    pub(super) fn of(&self, text: TextMark) -> u64 {
        let threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let live: u64 = threads.live.iter().map(|thread| thread.of(text)).sum();
        threads.ended.of(text) + live
    }
}
