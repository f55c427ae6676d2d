//! The entry of a call in memory and in the store: found, kept and forgotten.

use std::pin::pin;
use std::time::Duration;

use super::claiming::Claiming;
use super::control::Control;
use super::outcome::{MissReason, Origin};
use super::pending::Pending;
use super::results::Results;
use super::verdict::Verdict;
use crate::envelope::{Opened, ValueType, Whole};
use crate::flight::Leader;
use crate::generation::Invalidation;
use crate::memory::{Head, Left, MemoryTier, SharedEntry};
use crate::policy::Ttl;
use crate::store::{FoldedGenerations, Held};

/// So often the store is asked for one call, if what it has changes meanwhile.
const LOOKS: usize = 3;

impl Pending {
    /// The entry in memory or in the store, for one who wants nothing computed.
    pub(crate) async fn find(
        &self,
        control: Option<&Control>,
        results: &Results,
    ) -> Option<(SharedEntry, Origin)> {
        loop {
            if let Some(found) = self.in_memory(control, results).answer() {
                return Some(found);
            }
            let leader = self.kind.flights.fly_alone(&self.key);
            let (found, _) = self.in_store(&leader, control, results).await;
            let found = found.answer();
            // Else there may be another one by now.
            if found.is_some() || !leader.is_invalidated() {
                return found;
            }
        }
    }

    /// What the store has for this caller; it is in memory then too, or where there is none the
    /// caller may be the only one that has it.
    pub(super) async fn in_store(
        &self,
        leader: &Leader,
        control: Option<&Control>,
        results: &Results,
    ) -> (Verdict, Option<Whole>) {
        let wanted = results.in_store(self.operation.staleness.kept_for());
        let Some(((store, name), wanted)) = self.store().zip(wanted) else {
            return (Verdict::Nothing(MissReason::Absent), None);
        };
        let mut looks = 0;
        loop {
            looks += 1;
            let look_up = pin!(store.look_up(name, wanted, self.carry()));
            match self.looking_up(look_up).await {
                // Another process said that it had changed, while this one looked.
                Ok(Opened { entry, .. }) if looks < LOOKS && self.has_changed(&entry) => {}
                Ok(Opened { entry, whole }) => {
                    let whole = self.kind.memory.is_none().then_some(whole);
                    return (self.take_in(leader, entry, control, results), whole);
                }
                Err(lost) => return (Verdict::Nothing(MissReason::of_lost(lost)), None),
            }
        }
    }

    /// Takes an entry out of the store into memory, if this caller can make use of it.
    pub(super) fn take_in(
        &self,
        leader: &Leader,
        mut entry: SharedEntry,
        control: Option<&Control>,
        results: &Results,
    ) -> Verdict {
        // Before anybody else has it: it notes that in the entry.
        self.note(&mut entry, results.value_type);
        let verdict = match self.see(entry.clone(), control, results) {
            Verdict::Answer(entry, Origin::Memory) => Verdict::Answer(entry, Origin::Store),
            Verdict::Due(entry, Origin::Memory) => Verdict::Due(entry, Origin::Store),
            nothing @ Verdict::Nothing(_) => return nothing,
            stale => stale,
        };
        let memory = self.kind.memory.as_ref();
        memory.into_iter().for_each(MemoryTier::sweep_when_due);
        let promotions = &self.kind.promotions;
        let memory = memory.filter(|_| promotions.of_found(self.promoted, &self.key));
        let is_answer = matches!(verdict, Verdict::Answer(..));
        // Let go of when nothing is locked.
        let mut there = None;
        let keep = || {
            let memory = memory?;
            if !is_answer {
                // What is only good where there is nothing better takes the place of nothing.
                there = memory.value(&self.key);
            }
            there
                .is_none()
                .then(|| memory.insert((*self.key).into(), entry))
        };
        match leader.keep(keep) {
            Some(_left) => verdict,
            None => Verdict::Nothing(MissReason::Invalidated),
        }
    }

    /// The entry that the store has by now and that need not be computed anew; it is in memory then
    /// too. Without one, the claim under which this process computes it, if it has made one.
    pub(super) async fn newer(
        &self,
        leader: &Leader,
        results: &Results,
    ) -> Result<SharedEntry, Option<Held>> {
        let is_newer = |verdict: &Verdict| matches!(verdict, Verdict::Answer(_, Origin::Store));
        let claiming = self.in_store_or_claimed(leader, None, results, is_newer);
        match claiming.await {
            Claiming {
                verdict: Verdict::Answer(entry, Origin::Store),
                ..
            } => Ok(entry),
            Claiming { held, .. } => Err(held),
        }
    }

    /// Keeps a value in the place of all that is there or under way. Returns when the store has it,
    /// or has failed to take it.
    ///
    /// May be dropped at each await: before the value is kept, or after.
    pub(crate) async fn set(
        &self,
        entry: impl FnOnce(Head) -> SharedEntry,
        ttl: Ttl,
        value_type: ValueType,
    ) {
        let leader = self.kind.flights.fly_anew(&self.key);
        let generations = match self.store() {
            Some((store, name)) => store.read_generations(name).await,
            None => None,
        };
        self.put_anew(&leader, entry, ttl, value_type, generations);
        if let Some((store, _)) = self.store() {
            store.settle().await;
        }
    }

    /// Keeps a value in the place of all that is there or under way, and has it written.
    pub(super) fn put_anew(
        &self,
        leader: &Leader,
        entry: impl FnOnce(Head) -> SharedEntry,
        ttl: Ttl,
        value_type: ValueType,
        generations: Option<FoldedGenerations>,
    ) {
        let kept_for = Duration::ZERO;
        let head = self.head(ttl, kept_for, self.carry());
        let mut entry = entry(head);
        self.note(&mut entry, Some(value_type));
        let write = self
            .store()
            .zip(generations)
            .map(|((store, name), generations)| {
                let entry = entry.clone();
                let write = store.write(name, entry, value_type, generations, ttl, kept_for);
                store.seal(write.anew())
            });
        let memory = self.kind.memory.as_ref();
        memory.into_iter().for_each(MemoryTier::sweep_when_due);
        let promotions = &self.kind.promotions;
        let enters_memory = write.is_none() || promotions.of_computed(self.promoted);
        let (is_written, told) = (write.is_some(), entry.clone());
        let left = leader.replace(|| {
            if let Some((store, name)) = self.store() {
                match write {
                    Some(write) => store.replace_behind(write),
                    // What it has is over all the same.
                    None => store.remove_behind(name.key.clone()),
                }
            }
            memory.map(|memory| {
                if enters_memory {
                    memory.insert((*self.key).into(), entry)
                } else {
                    memory.remove(&self.key)
                }
            })
        });
        let took_in = |left: Option<Left>| left.is_some_and(|left| left.took_in());
        if left.is_some_and(|left| took_in(left) || is_written) {
            self.tell_stored(&told, ttl);
        }
    }

    /// Forgets the entry in both tiers, and says whether either had it.
    pub(crate) async fn remove(&self) -> bool {
        let tell = || self.tell_invalidated(Invalidation::Remove);
        let entry = [self.in_tiers()];
        let removed = self.kind.remove(&entry, &mut true, tell).await;
        removed == [true]
    }

    /// Forgets the entry in the store; the one in memory stays for those whose body fails. Says
    /// whether either had it.
    pub(super) async fn expire(&self) -> bool {
        let tell = || self.tell_invalidated(Invalidation::Expire);
        self.kind.expire(self.in_tiers(), tell).await
    }
}
