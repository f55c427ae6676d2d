//! A call whose key is known and whose result is not at hand: who else may have it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::control::{Control, Finding, Way};
use super::failure::TimedOut;
use super::local::Bound;
use super::operation::Operation;
use super::outcome::{MissReason, Origin, StaleCause};
use super::shape::Results;
use crate::envelope::ValueType;
use crate::flight::{Landing, Leader, Role};
use crate::generation::{Carried, Name, Touched};
use crate::key::{MemoryKey, Written, with_memory_key};
use crate::kind::Kind;
use crate::memory::{Condition, Head, MemoryTier, SharedEntry};
use crate::observe::Event;
use crate::policy::{Patience, Ttl};
use crate::runtime;
use crate::store::{StoreName, StoreTier};

/// One call whose key is known.
pub(crate) struct Pending {
    pub(crate) kind: Arc<Kind>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) key: MemoryKey,
    /// Where there is a store, or the caller asks for it.
    pub(crate) in_store: Option<StoreName>,
    /// What the entry belongs to, besides the kind and the operation.
    pub(crate) names: Vec<Name>,
    /// When the call began, if its caller does not wait for ever.
    pub(crate) began: Option<Instant>,
}

impl std::fmt::Debug for Pending {
    /// Without the keys: they hold arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("operation", &self.operation.name)
            .finish_non_exhaustive()
    }
}

/// How a call stands that is to go on, when memory, the other callers and the store have been
/// asked.
pub(super) enum Stand {
    Found(SharedEntry, Origin),
    /// To be computed.
    Leads(Lead),
    /// To be computed, and not to be kept.
    Bypasses,
    /// It has waited for too long.
    TimedOut(TimedOut),
}

/// The lead of a computation.
pub(super) struct Lead {
    pub(super) leader: Leader,
    pub(super) why: MissReason,
    /// An entry that is served if the body fails or takes too long.
    pub(super) spare: Option<SharedEntry>,
    /// Where that comes from, if the caller takes it at once and the body runs in the background.
    pub(super) answers_from: Option<Origin>,
}

impl Landing {
    /// Of an entry that its leader has found.
    fn of(entry: SharedEntry, origin: Origin) -> Self {
        match origin {
            Origin::Stale(_) => Self::Stale(entry),
            _ => Self::Entry(entry),
        }
    }
}

/// What an entry is good for, for one caller.
enum Seen {
    Answer(SharedEntry, Origin),
    /// The same, and a new one is to be computed in the background.
    Due(SharedEntry, Origin),
    /// Nothing, unless there is nothing better to be had.
    Spare(SharedEntry, MissReason),
    Nothing(MissReason),
}

impl Pending {
    pub(super) fn of_call(
        bound: Bound,
        written: &mut [u8],
        noticed: &Written,
        control: Option<&Control>,
    ) -> Self {
        let Bound {
            kind, operation, ..
        } = bound;
        let key: MemoryKey = with_memory_key(operation.number, written, |key| key.into());
        let is_asked_for = control.is_some_and(Control::asks);
        let needs_name = kind.store.is_some() || is_asked_for;
        let arguments = noticed.arguments(written);
        let names = arguments
            .tenant
            .map(|tenant| kind.generations.tenant(tenant));
        let keys = operation.store_keys.as_ref().filter(|_| needs_name);
        let in_store = keys.map(|keys| StoreName {
            key: keys.of_call(arguments),
            generations: keys.generations(arguments.tenant),
            ttl: control
                .and_then(|control| control.ttl)
                .unwrap_or(operation.lifetime.ttl)
                .longer(operation.staleness.kept_for()),
        });
        let Patience { soft, hard } = operation.patience;
        let is_patient = soft.is_none() && hard.is_none();
        Self {
            kind,
            operation,
            key,
            in_store,
            names: names.into_iter().collect(),
            began: (!is_patient && runtime::has_timer()).then(Instant::now),
        }
    }

    pub(super) fn tag(&mut self, tenant: Option<&str>, tag: &str) {
        self.names.push(self.kind.generations.tag(tenant, tag));
        if let Some(name) = &mut self.in_store {
            let generation = self.kind.keys.generation_of_tag(tenant, tag);
            name.generations.push(generation);
        }
    }

    /// Goes the way that the caller wants; the usual one asks memory, the other callers and the
    /// store. An error is what a call found that does not go on.
    ///
    /// May be dropped at each await: while it waits for another caller it holds nothing, while it
    /// waits for the store it leads, which passes on, and what it would have forgotten may or may
    /// not be forgotten.
    pub(super) async fn stand(
        &self,
        control: Option<&Control>,
        results: &Results,
    ) -> Result<Stand, Finding> {
        match control.and_then(|control| control.way) {
            None => Ok(self.look_up_in_time(control, results).await),
            Some(Way::Bypass) => Ok(Stand::Bypasses),
            Some(Way::Refresh) => {
                // What is computed is written with them.
                if let Some((store, name)) = self.store() {
                    store.read_generations(name).await;
                }
                Ok(self.leads_anew())
            }
            Some(Way::Peek) => match self.find(control, results).await {
                Some((entry, origin)) => Ok(Stand::Found(entry, origin)),
                None => Err(Finding::Nothing),
            },
            Some(Way::Remove) => Err(Finding::Forgot(self.remove().await)),
            Some(Way::Expire) => Err(Finding::Forgot(self.expire().await)),
            Some(Way::Key) => Err(Finding::Key(self.name_in_store())),
        }
    }

    /// The same for a function that is not async: no other caller is waited for, no store is asked,
    /// and nothing can stop it.
    pub(super) fn stand_of_sync(&self, control: Option<&Control>, results: &Results) -> Stand {
        let flights = &self.kind.flights;
        let (why, spare) = match control.and_then(|control| control.way) {
            Some(Way::Bypass) => return Stand::Bypasses,
            Some(Way::Refresh) => return self.leads_anew(),
            _ => match self.in_memory(control, results) {
                Seen::Answer(entry, origin) | Seen::Due(entry, origin) => {
                    return Stand::Found(entry, origin);
                }
                Seen::Spare(entry, why) => (why, Some(entry)),
                Seen::Nothing(why) => (why, None),
            },
        };
        Stand::Leads(Lead {
            leader: flights.fly_alone(&self.key),
            why,
            spare,
            answers_from: None,
        })
    }

    fn leads_anew(&self) -> Stand {
        Stand::Leads(Lead {
            leader: self.kind.flights.fly_anew(&self.key),
            why: MissReason::Refreshed,
            spare: None,
            answers_from: None,
        })
    }

    /// Looks up for as long as the function's callers wait.
    async fn look_up_in_time(&self, control: Option<&Control>, results: &Results) -> Stand {
        let mut looking = pin!(self.look_up(control, results));
        if let Some(deadline) = self.soft_deadline() {
            if let Ok(stand) = timeout_at(deadline, &mut looking).await {
                return stand;
            }
            if let Seen::Spare(entry, _) = self.in_memory(control, results) {
                return Stand::Found(entry, Origin::Stale(StaleCause::Slow));
            }
        }
        match self.hard_deadline() {
            None => looking.await,
            Some((deadline, hard)) => match timeout_at(deadline, looking).await {
                Ok(stand) => stand,
                Err(_elapsed) => Stand::TimedOut(TimedOut::after(hard)),
            },
        }
    }

    pub(super) fn soft_deadline(&self) -> Option<Instant> {
        Some(self.began? + self.operation.patience.soft?)
    }

    pub(super) fn hard_deadline(&self) -> Option<(Instant, Duration)> {
        let hard = self.operation.patience.hard?;
        Some((self.began? + hard, hard))
    }

    async fn look_up(&self, control: Option<&Control>, results: &Results) -> Stand {
        let flights = &self.kind.flights;
        loop {
            let mut why = match self.in_memory(control, results) {
                Seen::Answer(entry, origin) => return Stand::Found(entry, origin),
                Seen::Due(entry, origin) => return self.renew(entry, origin),
                Seen::Spare(_, why) | Seen::Nothing(why) => why,
            };
            let mut spare;
            let (leader, asks_store) = if self.operation.flies_alone {
                (flights.fly_alone(&self.key), true)
            } else {
                match flights.join(&self.key).await {
                    Role::Waiter(Landing::Entry(entry))
                        if self.is_good(&entry, control, results) =>
                    {
                        return Stand::Found(entry, Origin::Joined);
                    }
                    Role::Waiter(Landing::Stale(entry)) => {
                        match self.see(entry, control, results) {
                            Seen::Answer(entry, origin) | Seen::Due(entry, origin) => {
                                return Stand::Found(entry, origin);
                            }
                            Seen::Spare(..) | Seen::Nothing(_) => continue,
                        }
                    }
                    // Too old for this caller, or from before an invalidation: it joins those who
                    // want a new one.
                    Role::Waiter(_) => continue,
                    Role::Alone(turn) => (flights.fly_in_turn(&self.key, turn), false),
                    Role::Leader(leader) => (leader, true),
                }
            };
            // A flight may have landed between the look into memory and the lead of this one, and this
            // caller may have waited for long.
            (why, spare) = match self.in_memory(control, results) {
                Seen::Answer(entry, origin) => {
                    leader.land(Landing::of(entry.clone(), origin));
                    return Stand::Found(entry, origin);
                }
                // The first look has dropped what was over.
                Seen::Due(..) | Seen::Nothing(MissReason::Absent) => (why, None),
                Seen::Spare(entry, why) => (why, Some(entry)),
                Seen::Nothing(why) => (why, None),
            };
            if asks_store {
                match self.in_store(&leader, control, results).await {
                    Seen::Answer(entry, origin) => {
                        leader.land(Landing::of(entry.clone(), origin));
                        return Stand::Found(entry, origin);
                    }
                    Seen::Due(entry, origin) => {
                        leader.land(Landing::of(entry.clone(), origin));
                        return self.renew(entry, origin);
                    }
                    Seen::Spare(entry, of_entry) => {
                        why = of_entry;
                        spare = Some(entry);
                    }
                    Seen::Nothing(of_store) if why == MissReason::Absent => why = of_store,
                    Seen::Nothing(_) => {}
                }
                // Nothing of it would be kept, and nobody is with it any more.
                if leader.is_invalidated() {
                    continue;
                }
            }
            return Stand::Leads(Lead {
                leader,
                why,
                spare,
                answers_from: None,
            });
        }
    }

    /// The entry is the answer. It is computed anew, unless somebody is about it already.
    fn renew(&self, entry: SharedEntry, origin: Origin) -> Stand {
        let background = &self.kind.background;
        let leader = background
            .has_room()
            .then(|| self.kind.flights.lead(&self.key))
            .flatten();
        match leader {
            None => Stand::Found(entry, origin),
            Some(leader) => Stand::Leads(Lead {
                leader,
                why: MissReason::Expired,
                spare: Some(entry),
                answers_from: Some(origin),
            }),
        }
    }

    /// What memory has for this caller.
    fn in_memory(&self, control: Option<&Control>, results: &Results) -> Seen {
        let memory = self.kind.memory.as_ref();
        match memory.and_then(|memory| memory.look(&self.key)) {
            Some((entry, condition)) => self.judge(entry, condition, control, results),
            None => Seen::Nothing(MissReason::Absent),
        }
    }

    /// What an entry is good for that somebody else brought.
    fn see(&self, entry: SharedEntry, control: Option<&Control>, results: &Results) -> Seen {
        let condition = self.condition(&entry);
        self.judge(entry, condition, control, results)
    }

    fn judge(
        &self,
        entry: SharedEntry,
        condition: Condition,
        control: Option<&Control>,
        results: &Results,
    ) -> Seen {
        if !results.has(&entry) {
            return Seen::Nothing(MissReason::Absent);
        }
        let is_young = self.is_young(&entry, control);
        match self.judge_of_any_age(entry, condition) {
            nothing @ Seen::Nothing(_) => nothing,
            _ if !is_young => Seen::Nothing(MissReason::TooOld),
            seen => seen,
        }
    }

    /// What an entry is good for that its caller takes however old it is.
    fn judge_of_any_age(&self, entry: SharedEntry, condition: Condition) -> Seen {
        let staleness = &self.operation.staleness;
        let now = self.kind.clock.now();
        let (head, overdue) = (&entry.head, entry.head.overdue(now));
        let is_due = |part| head.has_lived(part, now);
        match condition {
            Condition::Fresh if head.is_paused(now) => Seen::Answer(entry, Origin::Memory),
            Condition::Fresh if staleness.refresh_ahead.is_some_and(is_due) => {
                Seen::Due(entry, Origin::Memory)
            }
            Condition::Fresh => Seen::Answer(entry, Origin::Memory),
            Condition::Stale if overdue < staleness.while_revalidate => {
                let origin = Origin::Stale(StaleCause::Revalidating);
                if head.is_paused(now) {
                    Seen::Answer(entry, origin)
                } else {
                    Seen::Due(entry, origin)
                }
            }
            Condition::Stale | Condition::Expired if overdue < staleness.if_error => {
                if head.is_paused(now) {
                    Seen::Answer(entry, Origin::Stale(StaleCause::Failed))
                } else if condition == Condition::Stale {
                    Seen::Spare(entry, MissReason::Expired)
                } else {
                    Seen::Spare(entry, MissReason::Invalidated)
                }
            }
            Condition::Stale | Condition::Over => Seen::Nothing(MissReason::Expired),
            Condition::Expired | Condition::Invalidated => Seen::Nothing(MissReason::Invalidated),
        }
    }

    /// The entry in memory or in the store, for one who wants nothing computed.
    pub(crate) async fn find(
        &self,
        control: Option<&Control>,
        results: &Results,
    ) -> Option<(SharedEntry, Origin)> {
        loop {
            if let Seen::Answer(entry, origin) | Seen::Due(entry, origin) =
                self.in_memory(control, results)
            {
                return Some((entry, origin));
            }
            let leader = self.kind.flights.fly_alone(&self.key);
            let seen = self.look_into_store(control, results).await;
            if let Seen::Answer(..) | Seen::Due(..) = seen
                && let Seen::Answer(entry, origin) | Seen::Due(entry, origin) =
                    self.take_from_store(&leader, seen)
            {
                return Some((entry, origin));
            }
            // Else there may be another one by now.
            if !leader.is_invalidated() {
                return None;
            }
        }
    }

    /// What the store has for this caller; it is in memory then too.
    async fn in_store(
        &self,
        leader: &Leader,
        control: Option<&Control>,
        results: &Results,
    ) -> Seen {
        let seen = self.look_into_store(control, results).await;
        self.take_from_store(leader, seen)
    }

    /// The entry that the store has by now and that need not be computed anew; it is in memory then
    /// too. Any other one leaves the one in memory as it is, so that nobody else asks for a new one.
    pub(super) async fn newer(&self, leader: &Leader, results: &Results) -> Option<SharedEntry> {
        let seen = self.look_into_store(None, results).await;
        let Seen::Answer(_, Origin::Store) = seen else {
            return None;
        };
        match self.take_from_store(leader, seen) {
            Seen::Answer(entry, _) => Some(entry),
            _ => None,
        }
    }

    /// What the store has for this caller.
    async fn look_into_store(&self, control: Option<&Control>, results: &Results) -> Seen {
        let wanted = results.in_store(self.operation.staleness.kept_for());
        let Some(((store, name), wanted)) = self.store().zip(wanted) else {
            return Seen::Nothing(MissReason::Absent);
        };
        let entry = match store.look_up(name, wanted, self.carry()).await {
            Ok(entry) => entry,
            Err(lost) => return Seen::Nothing(MissReason::of_lost(lost)),
        };
        match self.see(entry, control, results) {
            Seen::Answer(entry, Origin::Memory) => Seen::Answer(entry, Origin::Store),
            Seen::Due(entry, Origin::Memory) => Seen::Due(entry, Origin::Store),
            seen => seen,
        }
    }

    /// Puts into memory what was found in the store, unless the key was invalidated on the way.
    fn take_from_store(&self, leader: &Leader, seen: Seen) -> Seen {
        let (Seen::Answer(entry, _) | Seen::Due(entry, _) | Seen::Spare(entry, _)) = &seen else {
            return seen;
        };
        let memory = self.kind.memory.as_ref();
        memory.into_iter().for_each(MemoryTier::sweep_when_due);
        let keep = || memory.map(|memory| memory.insert(self.key.clone(), entry.clone()));
        match leader.keep(keep) {
            Some(_left) => seen,
            None => Seen::Nothing(MissReason::Invalidated),
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
        let kept_for = Duration::ZERO;
        let head = Head::new(self.kind.clock.now(), ttl, kept_for, self.carry());
        let entry = entry(head);
        let write = self
            .store()
            .zip(generations)
            .map(|((store, name), generations)| {
                let (key, entry) = (name.key.clone(), entry.clone());
                store.seal(store.write(key, entry, value_type, generations, ttl, kept_for))
            });
        let memory = self.kind.memory.as_ref();
        memory.into_iter().for_each(MemoryTier::sweep_when_due);
        let _left = leader.replace(|| {
            if let Some((store, name)) = self.store() {
                match write {
                    Some(write) => store.replace_behind(write),
                    // What it has is over all the same.
                    None => store.remove_behind(name.key.clone()),
                }
            }
            memory.map(|memory| memory.insert(self.key.clone(), entry))
        });
        if let Some((store, _)) = self.store() {
            store.settle().await;
        }
    }

    /// Forgets the entry in both tiers, and says whether either had it.
    pub(crate) async fn remove(&self) -> bool {
        let store_key = self.in_store.as_ref().map(|name| name.key.as_str());
        self.kind.remove(&self.key, store_key).await
    }

    /// The same, but one that may be served where the body fails stays in memory for that.
    async fn expire(&self) -> bool {
        let store_key = self.in_store.as_ref().map(|name| name.key.as_str());
        self.kind.expire(&self.key, store_key).await
    }

    pub(super) fn name_in_store(&self) -> Option<String> {
        self.in_store.as_ref().map(|name| name.key.clone())
    }

    /// The store, where it may have the entry.
    pub(super) fn store(&self) -> Option<(&StoreTier, &StoreName)> {
        self.kind.store.as_ref().zip(self.in_store.as_ref())
    }

    /// What an entry is to carry whose computation or look-up begins now.
    pub(super) fn carry(&self) -> Carried {
        self.kind.generations.carry(&self.names)
    }

    /// Whether an entry of this key may be served where the body fails.
    pub(super) fn is_spare(&self, entry: &SharedEntry) -> bool {
        let overdue = entry.head.overdue(self.kind.clock.now());
        matches!(self.condition(entry), Condition::Stale | Condition::Expired)
            && overdue < self.operation.staleness.if_error
    }

    /// Whether memory has this very entry, good for something or not.
    pub(super) fn is_in_memory(&self, entry: &SharedEntry) -> bool {
        let memory = self.kind.memory.as_ref();
        memory
            .and_then(|memory| memory.look(&self.key))
            .is_some_and(|(known, _)| Arc::ptr_eq(&known, entry))
    }

    fn condition(&self, entry: &SharedEntry) -> Condition {
        let touched = self.touched(&entry.head.carried);
        entry.head.condition(self.kind.clock.now(), touched)
    }

    /// Whether an entry is good for this caller that another one just brought, kept or not.
    fn is_good(&self, entry: &SharedEntry, control: Option<&Control>, results: &Results) -> bool {
        self.is_untouched(&entry.head.carried)
            && results.has(entry)
            && self.is_young(entry, control)
    }

    /// Whether nothing was invalidated that an entry with these generations belongs to.
    pub(super) fn is_untouched(&self, carried: &Carried) -> bool {
        self.touched(carried) == Touched::No
    }

    fn touched(&self, carried: &Carried) -> Touched {
        let generations = &self.kind.generations;
        generations.touched(self.operation.number, carried)
    }

    pub(super) fn is_young(&self, entry: &SharedEntry, control: Option<&Control>) -> bool {
        let max_age = control.and_then(|control| control.max_age);
        max_age.is_none_or(|max_age| self.age(entry) <= max_age)
    }

    pub(super) fn age(&self, entry: &SharedEntry) -> Duration {
        self.kind.clock.now().since(entry.head.created)
    }

    pub(super) fn count(&self, event: Event) {
        self.operation.counters.count(event);
    }
}
