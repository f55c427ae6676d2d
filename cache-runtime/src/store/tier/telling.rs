//! What a store is told: entries, removals, invalidations, and again what it could not be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::{SCAN, StoreName, StoreTier};
use crate::envelope::ValueType;
use crate::generation::Invalidation;
use crate::memory::SharedEntry;
use crate::policy::{LONGEST, Ttl};
use crate::runtime;
use crate::store::recovery::Attempt;
use crate::store::write::{Unsealed, Write};
use crate::store::{AT_ONCE, FoldedGenerations};

/// The pause between two attempts of those who wait until the store was told of something.
const AGAIN: Duration = Duration::from_millis(20);

impl StoreTier {
    /// Invalidates everything that belongs to one generation: in this process when this returns its
    /// future, everywhere when that returns true.
    pub(crate) fn invalidate<'a>(
        &'a self,
        generation: &'a Arc<str>,
        how: Invalidation,
    ) -> impl Future<Output = bool> + 'a {
        let store = &*self.bounded.store;
        let invalidated = self.generations.invalidate(store, generation, how);
        self.recovery.begin();
        let time = self.bounded.settings.budget.saturating_mul(2);
        async move { self.bounded.within(time, invalidated).await.is_ok() }
    }

    /// The write that puts this entry into the store, with the generations from before it was
    /// computed. It is fresh for `ttl`, and stays for `kept_for` after that. It is refused if the key was
    /// removed after it had been looked up last.
    pub(crate) fn write(
        &self,
        name: &StoreName,
        entry: SharedEntry,
        value_type: ValueType,
        generations: FoldedGenerations,
        ttl: Ttl,
        kept_for: Duration,
    ) -> Write {
        self.generations.outlive(ttl.longer(kept_for));
        let created = self.clock.unix_millis();
        Write::entry(
            name.key.clone(),
            Unsealed {
                ttl: ttl.bounded(),
                kept_for: kept_for.min(LONGEST),
                entry,
                value_type,
                created,
                generations,
                tombstone: name.seen.tombstone(),
                is_anew: false,
            },
        )
    }

    /// The write with its bytes made now, and not when it is its turn.
    pub(crate) fn seal(&self, write: Write) -> Write {
        self.bounded.seal(write)
    }

    /// Has the write done soon; nobody waits for it. Given up and counted where the queue is full.
    pub(crate) fn write_behind(&self, write: Write) {
        self.writes.push(write);
    }

    /// The same for a write that takes the place of an entry, which is not served any more, whether
    /// or not the write succeeds.
    pub(crate) fn replace_behind(&self, write: Write) {
        let has_many = self.writes.push_in_place(write);
        self.recovery.begin();
        self.refuse_all_if(has_many);
    }

    /// Has the store remove this key soon. Its entry is not served any more.
    pub(crate) fn remove_behind(&self, key: String) {
        self.replace_behind(Write::removal(key));
    }

    /// The same for an entry that is not what is to be served any more, where nobody has removed the
    /// key: whoever computes another one goes on.
    pub(crate) fn end_behind(&self, name: &StoreName) {
        let seen = name.seen.tombstone();
        self.replace_behind(Write::end(name.key.clone(), seen));
    }

    /// The removal of this key, which the store is to be [told of](Self::tell_removals). Its entry is
    /// not served any more when this returns, whether or not the store can be told. To be called
    /// while nothing is kept of what was computed for the key before.
    pub(crate) fn removal(&self, key: String) -> Write {
        let mut removal = Write::removal(key);
        let has_many = self.writes.unsettle(&mut removal);
        self.recovery.begin();
        self.refuse_all_if(has_many);
        removal
    }

    /// Tells the store of removals, and says of each whether there was an entry; `None` where the
    /// store did not answer.
    pub(crate) async fn tell_removals(&self, removals: Vec<Write>) -> Option<Vec<bool>> {
        let is_quiet = self.settle().await;
        if !is_quiet {
            // After what is still queued.
            for removal in &removals {
                self.remove_behind(removal.key.clone());
            }
        }
        let told = removals.iter().map(async |removal| {
            let had_entry = self.bounded.tell(removal).await;
            if had_entry.is_err() {
                self.bounded.fail();
            } else if is_quiet {
                self.writes.settle(removal);
            }
            had_entry.unwrap_or(false)
        });
        let told = async { Ok(join_all(told).await) };
        self.ask(told).await.ok()
    }

    /// Another server is asked from now on, which may have missed what the last one has confirmed: it is
    /// told again, and nothing is served of what that was about until it knows.
    pub(crate) fn tell_again(&self) {
        self.generations.tell_again();
        let has_many = self.writes.tell_again();
        self.refuse_all_if(has_many);
        self.recovery.begin();
    }

    /// Has nothing served any more of what the store has of the kind; it is told as soon as it answers.
    pub(crate) fn refuse_all(&self) {
        self.generations.refuse_all();
        self.recovery.begin();
    }

    fn refuse_all_if(&self, has_many: bool) {
        if has_many {
            // In this order: at any time one of the two refuses what is over.
            self.refuse_all();
            self.writes.forget_unsettled();
        }
    }

    /// Tells the store what it could not be told, if it answers now: of keys, what was noted up to the
    /// write with this number.
    pub(in crate::store) async fn tell_untold(&self, latest: u64) -> Attempt {
        if !self.has_untold() {
            return Attempt::Helped;
        }
        let time = self.bounded.settings.budget.saturating_mul(2);
        let store = &*self.bounded.store;
        // Not counted: nobody has asked for anything.
        if !matches!(tokio::time::timeout(time, store.ping()).await, Ok(Ok(()))) {
            return Attempt::Away;
        }
        let generations = self.generations.untold();
        let mut has_tried = !generations.is_empty();
        let has_helped = AtomicBool::new(false);
        stream::iter(generations)
            .for_each_concurrent(AT_ONCE, async |generation| {
                let told = self.generations.tell(store, &generation);
                // What fails is counted, and told again.
                if self.bounded.within(time, told).await.is_ok() {
                    has_helped.store(true, Ordering::Relaxed);
                }
            })
            .await;
        // As long as it helps; a full queue has room after that.
        while self.writes.flush(SCAN).await {
            let told = self.writes.tell_untold(latest);
            if told.is_empty() {
                break;
            }
            has_tried = true;
            let is_quiet = self.writes.flush(SCAN).await;
            if !is_quiet || told.iter().all(|key| self.writes.is_unsettled(key)) {
                break;
            }
            has_helped.store(true, Ordering::Relaxed);
        }
        if has_tried && !has_helped.into_inner() {
            Attempt::InVain
        } else {
            Attempt::Helped
        }
    }

    pub(in crate::store) fn latest_write(&self) -> u64 {
        self.writes.latest()
    }

    /// Whether there is something that the store has not confirmed.
    pub(crate) fn has_untold(&self) -> bool {
        self.writes.has_unsettled() || self.generations.has_untold()
    }

    /// Has the store told of a key that it could not be told of before.
    pub(crate) fn tell_if_unsettled(&self, key: &str) {
        self.writes.tell_if_unsettled(key);
    }

    /// Waits for the queued writes for at most so long, and says whether they are done, and what is
    /// left of the time.
    pub(super) async fn quiet(&self, time: Duration) -> (bool, Duration) {
        if !self.writes.is_waiting() {
            return (true, time);
        }
        let began = Instant::now();
        let is_quiet = self.writes.flush(time).await;
        (is_quiet, time.saturating_sub(began.elapsed()))
    }

    /// Waits for the queued writes, for at most twice the budget of a look-up, and says whether they
    /// are done.
    pub(crate) async fn settle(&self) -> bool {
        let time = self.bounded.settings.budget.saturating_mul(2);
        self.quiet(time).await.0
    }

    /// Waits until the queued writes are done and the store is told what it could not be told, for at
    /// most `deadline`.
    pub(crate) async fn flush(&self, deadline: Duration) -> bool {
        if !runtime::has_timer() {
            return false;
        }
        let told = async {
            loop {
                self.tell_untold(self.latest_write()).await;
                let is_quiet = self.writes.flush(deadline).await;
                if !self.has_untold() {
                    return is_quiet;
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        tokio::time::timeout(deadline, told).await == Ok(true)
    }
}
