//! What becomes of a result: kept in memory and in the store, given to the calls that wait, told to
//! the caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::control::{Control, Report, Way};
use super::failure::Shareable;
use super::outcome::{About, MissReason, Origin, StaleCause, Told};
use super::pending::Pending;
use super::results::Results;
use super::rule::Rule;
use super::spans::Computing;
use super::stand::Lead;
use super::verdict::Verdict;
use crate::envelope::{Erased, ValueType};
use crate::flight::{Landing, Leader};
use crate::generation::Carried;
use crate::memory::{Absent, Entry, Failure, Head, Left, MemoryTier, SharedEntry};
use crate::observe::{Charged, Ending, Record, Timed};
use crate::policy::Ttl;
use crate::store::{FoldedGenerations, Held, StoreName};

/// Where the result of a body belongs.
pub(super) struct KeptFor {
    pub(super) pending: Pending,
    record: Record,
    pub(super) computing: Computing,
    /// When the body began.
    began: Instant,
    control: Option<Box<Control>>,
    results: Results,
    leader: Leader,
    /// The claim under which it is computed, where other processes may want the same.
    held: Option<Held>,
    why: MissReason,
    /// What is served if the body fails or takes too long.
    spare: Option<SharedEntry>,
    /// Where that comes from, if the caller takes it at once.
    answers_from: Option<Origin>,
    /// What the body returns is compared with it, and not kept.
    pub(super) is_shadow: bool,
    /// Whether the caller has its answer, so that the result is for later ones.
    is_answered: bool,
    /// Whether the result is in the cache.
    is_kept: bool,
    /// What the entry is to carry in the store. `None`: it does not get there.
    generations: Option<FoldedGenerations>,
}

impl KeptFor {
    pub(super) fn new(
        pending: Pending,
        mut record: Record,
        control: Option<Box<Control>>,
        results: Results,
        lead: Lead,
    ) -> Self {
        let Lead {
            leader,
            held,
            why,
            spare,
            answers_from,
            is_shadow,
        } = lead;
        record.note(why);
        Self {
            generations: pending.generations(),
            pending,
            record,
            computing: Computing::default(),
            began: Instant::now(),
            control,
            results,
            leader,
            held,
            why,
            spare,
            answers_from,
            is_shadow,
            is_answered: false,
            is_kept: false,
        }
    }

    /// The rule with what the value says itself, where the kind asks it.
    pub(super) fn asked(&self, rule: Rule, is_cacheable: impl FnOnce() -> bool) -> Rule {
        if !self.pending.kind.asks_answers() {
            return rule;
        }
        rule.cache_if(&(), |()| is_cacheable())
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
        self.pending.head(ttl, kept_for, carried)
    }

    pub(super) fn land_value(self, entry: SharedEntry, ttl: Ttl, rule: Rule) {
        if rule.panicked {
            self.pending.operation.counters.count_rule_panic();
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

    fn land_entry(mut self, mut entry: SharedEntry, ttl: Option<Ttl>) {
        self.time_body();
        let ttl = ttl.filter(|ttl| !ttl.is_zero());
        // Invalidated neither with what it belongs to nor by its key alone. From here on that is done to what
        // is kept.
        let is_untouched =
            self.pending.is_untouched(&entry.head, self.asks_store()) && !self.is_invalidated();
        if let Some(ttl) = ttl.filter(|_| is_untouched) {
            self.end(Ending::Computed);
            self.pending.note(&mut entry, self.results.value_type);
            let held = self.held.take();
            let is_written = self.asks_store();
            let took_in = self.keep(|| self.put(&entry, ttl, held));
            self.is_kept = took_in.is_some_and(|took_in| took_in || is_written);
            if self.is_kept {
                self.pending.tell_stored(&entry, ttl);
            }
        } else {
            self.end(Ending::NotKept);
            // After an invalidation it says nothing about what is there by now.
            if is_untouched {
                self.take_back_what_was_there();
            }
        }
        self.land(Landing::Entry(entry));
    }

    /// A stream of which nothing is kept. It goes on for those who have begun to read it, and who waits
    /// for it to begin has one of its own.
    pub(super) fn land_cut(mut self, ending: Ending, carried: Carried) {
        self.end(ending);
        if ending == Ending::NotKept {
            let head = self.head(Ttl::Never, carried);
            if self.pending.is_untouched(&head, self.asks_store()) {
                self.take_back_what_was_there();
            }
        }
        self.land(Landing::Failed);
    }

    pub(super) fn land_failure(mut self, failure: Option<Shareable>, carried: Carried) {
        self.end(Ending::Failed);
        self.tell_failure();
        if let Some(spare) = self.spare.clone().filter(|_| self.is_answered) {
            // Who waits is served as the caller was.
            return self.land(Landing::Stale(spare));
        }
        let Some(failure) = failure else {
            return self.land(Landing::Failed);
        };
        let pending = &self.pending;
        let lifetime = &pending.operation.lifetime;
        let ttl = lifetime.of_negative(self.called_ttl(), lifetime.err_ttl);
        // It serves nobody past its lifetime.
        let head = pending.head(ttl, Duration::ZERO, carried);
        let value = Failure(failure);
        let mut entry: SharedEntry = Arc::new(Entry { head, value });
        // No value makes room for a failure.
        let memory = pending.kind.memory.as_ref();
        if !ttl.is_zero() && !self.refreshes() && pending.is_untouched(&entry.head, false) {
            pending.note(&mut entry, None);
            // Let go of when nothing is locked.
            let mut there = None;
            let took_in = self.keep(|| {
                there = memory.and_then(|memory| memory.value(&pending.key));
                if there.is_some() {
                    Left::default()
                } else {
                    self.put_into_memory(&entry)
                }
            });
            if took_in == Some(true) {
                pending.tell_stored(&entry, ttl);
            }
        }
        self.land(Landing::Entry(entry));
    }

    /// The older value for the caller, where it may still be served: memory is looked into again,
    /// because it may have a newer one, or none any more. Nobody else begins to compute a new one for
    /// a while.
    pub(super) fn answer_with_spare(
        &mut self,
        cause: StaleCause,
        carried: &Carried,
    ) -> Option<SharedEntry> {
        let pending = &self.pending;
        if pending.operation.staleness.if_error.is_zero() || self.refreshes() {
            return None;
        }
        let control = self.control.as_deref();
        let is_invalidated = self.leader.is_invalidated();
        let verdict = match pending.in_memory(control, &self.results) {
            Verdict::Nothing(_) if !is_invalidated => {
                pending.see(self.spare.clone()?, control, &self.results)
            }
            verdict => verdict,
        };
        let (entry, origin) = match verdict {
            Verdict::Spare(entry, _) => (entry, Origin::Stale(cause)),
            verdict => verdict.answer()?,
        };
        if entry.value.is::<Failure>() {
            return None;
        }
        if matches!(origin, Origin::Stale(_)) && !is_invalidated {
            self.pause(&entry, carried);
        }
        self.answer(&entry, origin);
        Some(entry)
    }

    /// The same for one whose body has failed. Those who wait are served as it is.
    pub(super) fn survive(&mut self, carried: &Carried) -> Option<SharedEntry> {
        let was_answered = self.is_answered;
        let spare = self.answer_with_spare(StaleCause::Failed, carried)?;
        self.computing.end(Ending::Failed);
        if was_answered {
            self.record.end(Ending::Failed);
        }
        Some(spare)
    }

    /// This is the caller's answer, unless it has one.
    fn answer(&mut self, entry: &SharedEntry, origin: Origin) {
        if !self.is_answered {
            self.record.hit(entry, origin);
            self.tell_entry(entry, origin);
            self.is_answered = true;
        }
    }

    /// The caller gets an error.
    pub(super) fn time_out(&mut self) {
        self.record.end(Ending::TimedOut);
        let told = Told {
            miss: Some(self.why),
            ..Told::of(Origin::TimedOut)
        };
        report(self.control.as_deref(), &self.pending, &told);
        self.is_answered = true;
    }

    /// What the caller gets at once. Nobody else begins to compute a new one for a while, however
    /// this one ends.
    pub(super) fn first_answer(&mut self, carried: &Carried) -> Option<SharedEntry> {
        let origin = self.answers_from.take()?;
        let entry = self.spare.clone()?;
        if !self.is_shadow {
            self.pause(&entry, carried);
        }
        self.answer(&entry, origin);
        Some(entry)
    }

    /// Compares a value that the body has returned with the one that the caller has; `None`: it has
    /// returned none. What was invalidated meanwhile says nothing about its lifetime.
    pub(super) fn compare(&self, value: Option<&Erased>) {
        if let Some(value) = value {
            self.pending.charge(Charged::Billed, value);
        }
        let has_changed = |spare| self.pending.has_changed(spare);
        if self.is_invalidated() || self.spare.as_ref().is_some_and(has_changed) {
            return;
        }
        let digest = |value| self.results.value_type?.digest(value);
        let served = self.spare.as_ref().and_then(|spare| digest(&spare.value));
        let shadow = self.pending.operation.counters.shadow();
        match served.zip(value.and_then(digest)) {
            Some((served, computed)) if served == computed => shadow.count_same(),
            Some(_) => shadow.count_different(),
            None => shadow.count_failed(),
        }
    }

    /// Whoever expires it after this computation began ends that.
    fn pause(&self, entry: &SharedEntry, carried: &Carried) {
        let kind = &self.pending.kind;
        if self.pending.is_expired(entry) {
            entry.head.carried.note_expiry(carried);
        }
        entry.head.pause(kind.clock.now(), kind.retry_stale_after);
    }

    /// What another process has brought meanwhile, if that will do. Else the generations that it
    /// was looked for with are those of what is computed.
    pub(super) async fn newer(&mut self) -> Option<SharedEntry> {
        let newer = self.pending.newer(&self.leader, &self.results).await;
        self.generations = self.pending.generations();
        newer.map_err(|held| self.held = held).ok()
    }

    /// Others may follow what is computed, and the caller is told already.
    pub(super) fn show(&self, shown: SharedEntry) {
        report(self.control.as_deref(), &self.pending, &self.computed());
        self.leader.show(shown);
    }

    /// Whether nothing that is computed is going to be kept.
    pub(super) fn is_invalidated(&self) -> bool {
        self.leader.is_invalidated()
    }

    /// Of a body that has come to its end without a failure: those are often quick, and would make it look
    /// as if answers were, too.
    fn time_body(&self) {
        let counters = &self.pending.operation.counters;
        counters.time(Timed::Body, self.began.elapsed());
    }

    /// The result has come to this, and so has the call, unless it has its answer.
    fn end(&mut self, ending: Ending) {
        self.computing.end(ending);
        self.record.end(ending);
    }

    /// Does it in the place of all else that is under way for the key, where the caller wants it
    /// computed anew; not at all, where the key was invalidated meanwhile. Says whether memory took
    /// something in.
    fn keep(&self, keep: impl FnOnce() -> Left) -> Option<bool> {
        let memory = self.pending.kind.memory.as_ref();
        memory.into_iter().for_each(MemoryTier::sweep_when_due);
        let left = if self.refreshes() {
            self.leader.replace(keep)
        } else {
            self.leader.keep(keep)
        };
        left.map(|left| left.took_in())
    }

    fn put(&self, entry: &SharedEntry, ttl: Ttl, held: Option<Held>) -> Left {
        let pending = &self.pending;
        // Whatever becomes of it in the store.
        let held = held.map(Held::landed);
        let mut enters_memory = true;
        if let Some((store, name)) = pending.store() {
            if let Some((value_type, generations)) = self.written_with(name) {
                enters_memory = pending.kind.promotions.of_computed(pending.promoted);
                let kept_for = pending.operation.staleness.kept_for();
                let entry = entry.clone();
                let write = store.write(name, entry, value_type, generations, ttl, kept_for);
                if self.refreshes() {
                    store.replace_behind(write.refreshed());
                } else {
                    store.write_behind(write.under(held));
                }
            } else if self.refreshes() {
                // What it has is over all the same.
                store.remove_behind(name.key.clone());
            } else {
                // A value in memory may keep others from looking it up for long.
                store.tell_if_unsettled(&name.key);
            }
        }
        if enters_memory {
            self.put_into_memory(entry)
        } else {
            self.remove_from_memory()
        }
    }

    /// What a write to the store needs. Where the store has not answered, nobody knows what it would
    /// refuse.
    fn written_with(&self, name: &StoreName) -> Option<(ValueType, FoldedGenerations)> {
        let known = self.results.value_type.zip(self.generations);
        known.filter(|_| name.seen.is_known())
    }

    /// Whether the store is going to refuse what is over by then.
    fn asks_store(&self) -> bool {
        let store = self.pending.store();
        store.is_some_and(|(_, name)| self.written_with(name).is_some())
    }

    fn put_into_memory(&self, entry: &SharedEntry) -> Left {
        let memory = self.pending.kind.memory.as_ref();
        memory.map_or_else(Left::default, |memory| {
            memory.insert((*self.pending.key).into(), entry.clone())
        })
    }

    fn remove_from_memory(&self) -> Left {
        let memory = self.pending.kind.memory.as_ref();
        memory.map_or_else(Left::default, |memory| memory.remove(&self.pending.key))
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
            store.end_behind(name);
        }
        self.remove_from_memory()
    }

    /// Ends the flight. Where the caller has been told already, it is not told again.
    pub(super) fn land(mut self, landing: Landing) {
        report(self.control.as_deref(), &self.pending, &self.computed());
        drop(self.held.take().map(Held::landed));
        self.leader.land(landing);
    }

    fn tell_failure(&self) {
        let told = Told {
            has_failed: true,
            ..self.computed()
        };
        report(self.control.as_deref(), &self.pending, &told);
    }

    fn computed(&self) -> Told {
        // The clock is read for those who ask alone.
        let asks = self.control.as_deref().is_some_and(Control::asks);
        let clock = &self.pending.kind.clock;
        Told {
            miss: Some(self.why),
            stored_at: (asks && self.is_kept).then(|| clock.time_before(Duration::ZERO)),
            ..Told::of(Origin::Computed)
        }
    }

    fn tell_entry(&self, entry: &SharedEntry, origin: Origin) {
        self.pending.charge(Charged::Replayed, &entry.value);
        let told = Told {
            miss: Some(self.why).filter(|_| matches!(origin, Origin::Stale(_))),
            ..of_entry(&self.pending, entry, origin)
        };
        report(self.control.as_deref(), &self.pending, &told);
    }
}

fn of_entry(pending: &Pending, entry: &SharedEntry, origin: Origin) -> Told {
    let age = pending.age(entry);
    Told {
        age,
        stored_at: Some(pending.kind.clock.time_before(age)),
        has_failed: entry.value.is::<Failure>(),
        ..Told::of(origin)
    }
}

pub(super) fn report_entry(
    control: Option<&Control>,
    pending: &Pending,
    entry: &SharedEntry,
    origin: Origin,
) {
    report(control, pending, &of_entry(pending, entry, origin));
}

/// Where a call has a key, that is told as well.
pub(super) fn report(control: Option<&Control>, pending: &Pending, told: &Told) {
    if let Some(control) = control {
        let key = pending.name_in_store();
        control.report(&Report::Returned(Told {
            key,
            about: pending.about.clone(),
            ..told.clone()
        }));
    }
}

pub(super) fn report_uncached(
    control: Option<&Control>,
    why: MissReason,
    about: Option<Box<About>>,
) {
    if let Some(control) = control {
        control.report(&Report::Returned(Told {
            miss: Some(why),
            about,
            ..Told::of(Origin::Uncached)
        }));
    }
}
