//! What is found in a store, and what a computation needs to know that follows when nothing is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{join, try_join, try_join_all};

use super::{Computing, Lost, StoreName, StoreTier};
use crate::clock::{Clock, Tick};
use crate::envelope::{self, Opened, VALUE_LIMIT, Wanted};
use crate::generation::Carried;
use crate::memory::SharedEntry;
use crate::store::held::LEASE;
use crate::store::{
    Claim, Claimed, FoldedGenerations, GenerationNames, Held, StoreError, Tombstone,
};

/// What is read of an entry at most, the tombstone before it included.
const STORED_LIMIT: usize = VALUE_LIMIT + Tombstone::LENGTH;

/// The time of a call, as it is used up.
struct Spending<'a> {
    left: Duration,
    spent: &'a AtomicU64,
    began: Tick,
    clock: &'a Clock,
}

impl Drop for Spending<'_> {
    fn drop(&mut self) {
        let spent = self.clock.now().since(self.began).as_micros();
        let spent = u64::try_from(spent).unwrap_or(u64::MAX);
        self.spent.fetch_add(spent, Ordering::Relaxed);
    }
}

impl StoreTier {
    /// The entry of `key`, fresh or still to be kept; any trouble with the store or with its bytes is
    /// as good as none. It carries the generations that were noted before.
    pub(crate) async fn look_up(
        &self,
        name: &StoreName,
        wanted: Wanted,
        carried: Carried,
    ) -> Result<Opened, Lost> {
        let spending = self.spend(name)?;
        let Some(time) = self.settled(&name.key, spending.left).await else {
            // It is from before what the store is going to have.
            name.seen.forget();
            return Err(Lost::Unsettled);
        };
        self.generations.outlive(name.ttl);
        let stored = self.stored(name);
        let asked = if let Some(generations) = self.generations.at_hand(&name.generations) {
            let stored = self.bounded.within(time, stored).await;
            stored.map(|stored| (generations, stored))
        } else {
            // Both at once: no round trip more. In a box: it is long, and every look-up would be.
            let generations = self.read(&name.generations);
            let both = Box::pin(try_join(generations, stored));
            self.bounded.within(time, both).await
        };
        let (generations, stored) = asked?;
        if self.writes.is_unsettled(&name.key) {
            // Meanwhile: it may be from before that.
            name.seen.forget();
            return Err(Lost::Unsettled);
        }
        self.open(name, stored, wanted, generations, carried)
    }

    /// The same for several names of the same generations, in one round trip where nothing has to
    /// be waited for; `None` where the store did not answer.
    ///
    /// Not with a command for all of them: a cluster has them in different places.
    pub(crate) async fn look_up_all(
        &self,
        names: &[&StoreName],
        wanted: Wanted,
        carried: Vec<Carried>,
    ) -> Option<Vec<Option<SharedEntry>>> {
        let mut time = self.bounded.settings.budget;
        let unsettled = names
            .iter()
            .map(|name| self.writes.tell_if_unsettled(&name.key));
        if unsettled.filter(|is_unsettled| *is_unsettled).count() > 0 {
            let (is_quiet, left) = self.quiet(time).await;
            if !is_quiet {
                return None;
            }
            time = left;
        }
        let asked = names.iter().map(async |name| {
            if self.writes.is_unsettled(&name.key) {
                name.seen.forget();
                return Ok(None);
            }
            self.stored(name).await
        });
        let first = names.first()?;
        self.generations.outlive(first.ttl);
        let generations = async {
            match self.generations.at_hand(&first.generations) {
                Some(generations) => Ok(generations),
                None => self.read(&first.generations).await,
            }
        };
        let all = try_join(generations, try_join_all(asked));
        let (generations, stored) = self.bounded.within(time, all).await.ok()?;
        let entries = names.iter().zip(stored).zip(carried);
        let entries = entries.map(|((name, stored), carried)| {
            if self.writes.is_unsettled(&name.key) {
                // Meanwhile: it may be from before that.
                name.seen.forget();
                return None;
            }
            let opened = self.open(name, stored, wanted, generations, carried);
            opened.ok().map(|opened| opened.entry)
        });
        Some(entries.collect())
    }

    /// The bytes under this name.
    async fn stored(&self, name: &StoreName) -> Result<Option<Vec<u8>>, StoreError> {
        match self.bounded.store.get(&name.key, STORED_LIMIT).await {
            // That says something about this key alone: something of another kind is there.
            Err(StoreError::Refused(_)) => {
                self.bounded.fail();
                Ok(None)
            }
            stored => stored,
        }
    }

    /// The entry in what the store has under its name.
    fn open(
        &self,
        name: &StoreName,
        stored: Option<Vec<u8>>,
        wanted: Wanted,
        generations: FoldedGenerations,
        carried: Carried,
    ) -> Result<Opened, Lost> {
        let mut sealed = stored.unwrap_or_default();
        let tombstone = Tombstone::of(&sealed);
        name.seen.note(tombstone);
        if tombstone.is_some() {
            sealed.drain(..Tombstone::LENGTH);
        }
        if sealed.is_empty() {
            return Err(Lost::Absent);
        }
        let (key, format) = (&name.key, &self.bounded.settings.format);
        envelope::open(
            key,
            sealed,
            wanted,
            generations,
            carried,
            &self.clock,
            format,
        )
        .map_err(|fault| {
            self.bounded.refuse(fault);
            Lost::Refused(fault)
        })
    }

    async fn read(&self, generations: &GenerationNames) -> Result<FoldedGenerations, StoreError> {
        let store = &*self.bounded.store;
        self.generations.read(store, generations).await
    }

    /// The generations that an entry is going to carry whose computation begins now, as far as they
    /// are known. What another process has done to them since they were read makes it a miss there.
    pub(crate) fn generations(&self, name: &StoreName) -> Option<FoldedGenerations> {
        self.generations.last_known(&name.generations)
    }

    /// The same; they are read where they are not at hand.
    pub(crate) async fn read_generations(&self, name: &StoreName) -> Option<FoldedGenerations> {
        self.generations_within(self.bounded.settings.budget, name)
            .await
    }

    async fn generations_within(
        &self,
        time: Duration,
        name: &StoreName,
    ) -> Option<FoldedGenerations> {
        self.generations.outlive(name.ttl);
        let at_hand = self.generations.at_hand(&name.generations);
        if at_hand.is_some() {
            return at_hand;
        }
        let read = self.read(&name.generations);
        self.bounded.within(time, read).await.ok()
    }

    /// What a computation has to know that begins now without a look-up: the generations that its
    /// entry is going to carry, and what was left by the last removal of the key.
    pub(crate) async fn prepare(&self, name: &StoreName) {
        let Ok(spending) = self.spend(name) else {
            return;
        };
        let Some(time) = self.settled(&name.key, spending.left).await else {
            name.seen.forget();
            return;
        };
        let generations = self.generations_within(time, name);
        let beginning = self.bounded.store.get(&name.key, Tombstone::LENGTH);
        let (_, beginning) = join(generations, self.bounded.within(time, beginning)).await;
        if let Ok(beginning) = beginning {
            name.seen.note(beginning.and_then(|it| Tombstone::of(&it)));
        }
    }

    /// Claims the computation of an entry, which was looked up before, for this process. The entry is
    /// going to carry these generations.
    ///
    /// May be dropped while it waits: then the claim is given up.
    pub(crate) async fn claim(
        &self,
        name: &StoreName,
        generations: FoldedGenerations,
    ) -> Result<Computing, Lost> {
        let spending = self.spend(name)?;
        let claim = Claim::new(self.bus.sender(), generations);
        let held = Held::of(&self.bounded, &name.key, claim).ok_or(Lost::Away)?;
        let claimed = self.bounded.store.claim(&name.key, &claim, LEASE);
        match self.bounded.within(spending.left, claimed).await? {
            Claimed::Ours {
                tombstone,
                has_entry,
            } => {
                // What is removed from now on is news for the computation.
                name.seen.note(tombstone);
                Ok(Computing::Here { held, has_entry })
            }
            Claimed::Theirs(left) => {
                held.forget();
                // A store may say anything.
                Ok(Computing::Elsewhere(left.min(LEASE)))
            }
            Claimed::Unsupported => {
                held.forget();
                Err(Lost::Away)
            }
        }
    }

    /// What is left of the time of the call with this name, which is used up from now on. A call that
    /// begins anew, because others have invalidated something, has no more time than any other.
    fn spend<'a>(&'a self, name: &'a StoreName) -> Result<Spending<'a>, Lost> {
        let spent = Duration::from_micros(name.spent.load(Ordering::Relaxed));
        let left = self.bounded.settings.budget.saturating_sub(spent);
        if left.is_zero() {
            return Err(Lost::TimedOut);
        }
        Ok(Spending {
            left,
            spent: &name.spent,
            began: self.clock.now(),
            clock: &self.clock,
        })
    }

    /// Waits until the store has what is to hold for this key, for at most so long, and says what is
    /// left of that; `None` where it still has not. Only then can it be seen what removals by others
    /// have left.
    pub(super) async fn settled(&self, key: &str, time: Duration) -> Option<Duration> {
        if !self.writes.tell_if_unsettled(key) {
            return Some(time);
        }
        self.recovery.begin();
        // In a box: it is long, and every look-up would be.
        let (_, left) = Box::pin(self.quiet(time)).await;
        (!self.writes.is_unsettled(key)).then_some(left)
    }
}
