//! What becomes of a result: kept in memory and in the store, given to the calls that wait, told to
//! the caller.

use std::sync::Arc;
use std::time::Duration;

use super::control::{Control, Report, Way};
use super::failure::Shareable;
use super::outcome::{MissReason, Origin, StaleCause, Told};
use super::pending::{Lead, Pending};
use super::rule::Rule;
use super::shape::Results;
use crate::flight::{Landing, Leader};
use crate::generation::Carried;
use crate::memory::{Absent, Entry, Failure, Head, Left, MemoryTier, SharedEntry};
use crate::observe::Event;
use crate::policy::Ttl;
use crate::store::FoldedGenerations;

/// Where the result of a body belongs.
pub(super) struct KeptFor {
    pub(super) pending: Pending,
    control: Option<Box<Control>>,
    results: Results,
    leader: Leader,
    why: MissReason,
    /// What is served if the body fails or takes too long.
    spare: Option<SharedEntry>,
    /// Where that comes from, if the caller takes it at once.
    answers_from: Option<Origin>,
    /// Whether the caller has its answer, so that the result is for later ones.
    is_answered: bool,
    /// What the entry is to carry in the store. `None`: it does not get there.
    generations: Option<FoldedGenerations>,
}

impl KeptFor {
    pub(super) fn new(
        pending: Pending,
        control: Option<Box<Control>>,
        results: Results,
        lead: Lead,
    ) -> Self {
        let Lead {
            leader,
            why,
            spare,
            answers_from,
        } = lead;
        Self {
            generations: pending
                .store()
                .and_then(|(store, name)| store.generations(name)),
            pending,
            control,
            results,
            leader,
            why,
            spare,
            answers_from,
            is_answered: false,
        }
    }

    pub(super) fn ttl(&self, rule: Rule) -> Ttl {
        let lifetime = &self.pending.operation.lifetime;
        lifetime.of_value(self.called_ttl(), rule.ttl)
    }

    fn called_ttl(&self) -> Option<Ttl> {
        self.control.as_deref().and_then(|control| control.ttl)
    }

    /// Of an entry that is made now.
    pub(super) fn head(&self, ttl: Ttl, carried: Carried) -> Head {
        let kept_for = self.pending.operation.staleness.kept_for();
        Head::new(self.pending.kind.clock.now(), ttl, kept_for, carried)
    }

    pub(super) fn land_value(self, entry: SharedEntry, ttl: Ttl, rule: Rule) {
        if rule.panicked {
            self.pending.count(Event::RulePanicked);
        }
        let ttl = Some(ttl).filter(|_| !rule.is_refused);
        self.land_entry(entry, ttl);
    }

    pub(super) fn land_none(self, carried: Carried) {
        let lifetime = &self.pending.operation.lifetime;
        let ttl = lifetime.of_negative(self.called_ttl(), lifetime.none_ttl);
        let head = self.head(ttl, carried);
        let value = Absent;
        self.land_entry(Arc::new(Entry { head, value }), Some(ttl));
    }

    fn land_entry(self, entry: SharedEntry, ttl: Option<Ttl>) {
        let ttl = ttl.filter(|ttl| !ttl.is_zero());
        let is_untouched = self.pending.is_untouched(&entry.head.carried);
        if let Some(ttl) = ttl.filter(|_| is_untouched) {
            self.count(Event::Computed);
            self.keep(|| self.put(&entry, ttl));
        } else {
            self.count(Event::NotKept);
            // After an invalidation it says nothing about what is there by now.
            if is_untouched {
                self.take_back_what_was_there();
            }
        }
        self.land(Landing::Entry(entry));
    }

    pub(super) fn land_failure(self, failure: Option<Shareable>, carried: Carried) {
        self.count(Event::NotKept);
        let Some(failure) = failure else {
            return self.land(Landing::Failed);
        };
        let lifetime = &self.pending.operation.lifetime;
        let ttl = lifetime.of_negative(self.called_ttl(), lifetime.err_ttl);
        // Past its lifetime it is good for nothing: it stands for no value.
        let now = self.pending.kind.clock.now();
        let head = Head::new(now, ttl, Duration::ZERO, carried);
        let value = Failure(failure);
        let entry: SharedEntry = Arc::new(Entry { head, value });
        // No value makes room for a failure: not an older one, and not one that is too old for this
        // caller alone.
        let has_value = self.spare.is_some() || self.why == MissReason::TooOld;
        if !ttl.is_zero() && !self.refreshes() && !has_value {
            self.keep(|| self.put_into_memory(&entry));
        }
        self.land(Landing::Entry(entry));
    }

    /// Gives everybody the older value in place of a failure, where it may still be served. Nobody
    /// asks for a new one for a while.
    pub(super) fn land_spare(mut self) -> Result<SharedEntry, Self> {
        let Some(spare) = self.answer_with_spare(StaleCause::Failed) else {
            return Err(self);
        };
        self.leader.land(Landing::Stale(spare.clone()));
        Ok(spare)
    }

    /// The older value for the caller, where it may still be served. Nobody else begins to compute
    /// a new one for a while.
    pub(super) fn answer_with_spare(&mut self, cause: StaleCause) -> Option<SharedEntry> {
        let spare = self.spare.clone()?;
        let control = self.control.as_deref();
        if !self.pending.is_spare(&spare) || !self.pending.is_young(&spare, control) {
            return None;
        }
        // Where the key was invalidated on the way, an expired entry is still there, and a removed
        // one is not.
        if self.leader.is_invalidated() && !self.pending.is_in_memory(&spare) {
            return None;
        }
        self.pause(&spare);
        self.count(Event::Stale);
        self.tell_entry(&spare, Origin::Stale(cause));
        self.is_answered = true;
        Some(spare)
    }

    /// The caller gets an error.
    pub(super) fn time_out(&mut self) {
        self.count(Event::TimedOut);
        let told = Told {
            miss: Some(self.why),
            ..Told::of(Origin::TimedOut)
        };
        report(self.control.as_deref(), &self.pending, told);
        self.is_answered = true;
    }

    /// What the caller gets at once. Nobody else begins to compute a new one for a while, however
    /// this one ends.
    pub(super) fn first_answer(&mut self) -> Option<SharedEntry> {
        let origin = self.answers_from.take()?;
        let entry = self.spare.clone()?;
        self.pause(&entry);
        match origin {
            Origin::Memory => self.pending.operation.counters.count_memory_hit(),
            Origin::Store => self.pending.count(Event::StoreHit),
            _ => self.pending.count(Event::Stale),
        }
        self.tell_entry(&entry, origin);
        self.is_answered = true;
        Some(entry)
    }

    fn pause(&self, entry: &SharedEntry) {
        let kind = &self.pending.kind;
        entry
            .head
            .pause(kind.clock.now().after(kind.retry_stale_after));
    }

    /// What another process has brought meanwhile, if that will do.
    pub(super) async fn newer(&self) -> Option<SharedEntry> {
        self.pending.newer(&self.leader, &self.results).await
    }

    fn count(&self, event: Event) {
        self.pending.count(if self.is_answered {
            Event::Refreshed
        } else {
            event
        });
    }

    /// Does it in the place of all else that is under way for the key, where the caller wants it
    /// computed anew; not at all, where the key was invalidated meanwhile.
    fn keep(&self, keep: impl FnOnce() -> Left) {
        let memory = self.pending.kind.memory.as_ref();
        memory.into_iter().for_each(MemoryTier::sweep_when_due);
        let _left = if self.refreshes() {
            self.leader.replace(keep)
        } else {
            self.leader.keep(keep)
        };
    }

    fn put(&self, entry: &SharedEntry, ttl: Ttl) -> Left {
        if let Some((store, name)) = self.pending.store()
            && let Some((value_type, generations)) = self.results.value_type.zip(self.generations)
        {
            let (key, entry) = (name.key.clone(), entry.clone());
            let kept_for = self.pending.operation.staleness.kept_for();
            let write = store.write(key, entry, value_type, generations, ttl, kept_for);
            if self.refreshes() {
                store.replace_behind(write);
            } else {
                store.write_behind(write);
            }
        }
        self.put_into_memory(entry)
    }

    fn put_into_memory(&self, entry: &SharedEntry) -> Left {
        match &self.pending.kind.memory {
            Some(memory) => memory.insert(self.pending.key.clone(), entry.clone()),
            None => Left::new(),
        }
    }

    fn refreshes(&self) -> bool {
        let control = self.control.as_deref();
        control.is_some_and(|control| control.way == Some(Way::Refresh))
    }

    /// A result that is not one to keep leaves nothing of an older one.
    fn take_back_what_was_there(&self) {
        if self.refreshes() || self.spare.is_some() {
            self.keep(|| self.take_back());
        }
    }

    fn take_back(&self) -> Left {
        if let Some((store, name)) = self.pending.store() {
            store.remove_behind(name.key.clone());
        }
        let memory = self.pending.kind.memory.as_ref();
        let left = memory.and_then(|memory| memory.remove(&self.pending.key));
        left.into_iter().collect()
    }

    pub(super) fn land(self, landing: Landing) {
        let told = Told {
            miss: Some(self.why),
            ..Told::of(Origin::Computed)
        };
        report(self.control.as_deref(), &self.pending, told);
        self.leader.land(landing);
    }

    fn tell_entry(&self, entry: &SharedEntry, origin: Origin) {
        let told = Told {
            miss: Some(self.why).filter(|_| matches!(origin, Origin::Stale(_))),
            ..of_entry(&self.pending, entry, origin)
        };
        report(self.control.as_deref(), &self.pending, told);
    }
}

fn of_entry(pending: &Pending, entry: &SharedEntry, origin: Origin) -> Told {
    Told {
        age: pending.age(entry),
        ..Told::of(origin)
    }
}

pub(super) fn report_entry(
    control: Option<&Control>,
    pending: &Pending,
    entry: &SharedEntry,
    origin: Origin,
) {
    report(control, pending, of_entry(pending, entry, origin));
}

/// Where a call has a key, that is told as well.
pub(super) fn report(control: Option<&Control>, pending: &Pending, told: Told) {
    if let Some(control) = control {
        let key = pending.name_in_store();
        control.report(&Report::Returned(Told { key, ..told }));
    }
}

pub(super) fn report_uncached(control: Option<&Control>, why: MissReason) {
    if let Some(control) = control {
        let miss = Some(why);
        let told = Told::of(Origin::Uncached);
        control.report(&Report::Returned(Told { miss, ..told }));
    }
}
