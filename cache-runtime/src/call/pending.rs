//! A call whose key is known and whose result is not at hand: who else may have it.

use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument;

use super::claiming::Claiming;
use super::control::{Control, Finding, Way};
use super::failure::TimedOut;
use super::local;
use super::operation::Operation;
use super::outcome::{About, MissReason, Origin, StaleCause};
use super::price::{Bill, Pricer, account};
use super::results::Results;
use super::shape::Company;
use super::verdict::Verdict;
use crate::envelope::{Erased, Opened, ValueType, Whole};
use crate::flight::{Landing, Leader, Role};
use crate::generation::{Carried, Invalidation, KeyHash, Name};
use crate::key::{SharedKey, Written, key_hash, with_memory_key};
use crate::kind::{InTiers, Kind};
use crate::memory::{Absent, Failure, Head, Left, MemoryTier, SharedEntry, Weigher};
use crate::observe::Charged;
use crate::policy::{Patience, Promoted, SingleFlight, TextMark, TextTier, Ttl};
use crate::runtime;
use crate::store::{FoldedGenerations, Held, Seen, StoreName, StoreTier};
use crate::stream::{Boarding, Follower};

/// So often the store is asked for one call, if what it has changes meanwhile.
const LOOKS: usize = 3;

/// One call whose key is known.
pub(crate) struct Pending {
    pub(crate) kind: Arc<Kind>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) key: SharedKey,
    /// Where there is a store, or the caller asks for it.
    pub(crate) in_store: Option<StoreName>,
    /// What the entry belongs to, besides the kind and the operation.
    pub(crate) names: Vec<Name>,
    /// How long its text is.
    pub(crate) text: TextMark,
    /// Whether the result enters memory, where the store has it too.
    pub(crate) promoted: Promoted,
    /// For whom it is done.
    pub(crate) tenant: Option<Arc<str>>,
    /// What the attribute says about the weight of the value.
    pub(crate) weigher: Option<Weigher>,
    /// The answer that the cache has is compared with what the body returns.
    pub(crate) is_shadowed: bool,
    /// What the attribute says about what an answer takes.
    pub(crate) price: Option<Pricer>,
    /// What is told of it beside its answer, where somebody asks.
    pub(crate) about: Option<Box<About>>,
}

impl std::fmt::Debug for Pending {
    /// Without the keys: they hold arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("operation", &self.operation.name)
            .finish_non_exhaustive()
    }
}

/// Until when the caller of one call waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadlines {
    /// Then it takes an older value.
    pub(super) soft: Option<Instant>,
    /// Then it gives up; and after how long that is.
    pub(super) hard: Option<(Instant, Duration)>,
}

impl Deadlines {
    /// Of a call that begins now.
    pub(super) fn of(patience: Patience) -> Self {
        let Patience { soft, hard } = patience;
        if (soft.is_none() && hard.is_none()) || !runtime::has_timer() {
            return Self::default();
        }
        let now = Instant::now();
        Self {
            soft: soft.map(|soft| now + soft),
            hard: hard.map(|hard| (now + hard, hard)),
        }
    }
}

/// How a call stands that is to go on, when memory, the other callers and the store have been
/// asked.
pub(super) enum Stand {
    Found(SharedEntry, Origin),
    /// The same, read for this call: its value may be taken out if nobody else has the entry.
    Read(SharedEntry, Origin, Whole),
    /// A stream that another call began.
    Follows(Follower),
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
    /// The claim of this process, where others may want the same.
    pub(super) held: Option<Held>,
    pub(super) why: MissReason,
    /// An entry that is served if the body fails or takes too long.
    pub(super) spare: Option<SharedEntry>,
    /// Where that comes from, if the caller takes it at once and the body runs in the background.
    pub(super) answers_from: Option<Origin>,
    /// What the body returns is compared with that, and not kept.
    pub(super) is_shadow: bool,
}

/// What the others get of an entry that is the answer of one caller.
fn landing(entry: SharedEntry, origin: Origin) -> Landing {
    match origin {
        Origin::Stale(_) => Landing::Stale(entry),
        _ => Landing::Entry(entry),
    }
}

impl Pending {
    pub(super) fn of_call(
        kind: Arc<Kind>,
        operation: Arc<Operation>,
        written: &mut [u8],
        noticed: &Written,
        text: Option<TextTier>,
        control: Option<&Control>,
    ) -> Self {
        let key: SharedKey = with_memory_key(operation.number, written, |key| key.into());
        let is_asked_for = control.is_some_and(Control::asks);
        let needs_name = kind.store.is_some() || is_asked_for || kind.events.wants_keys();
        let arguments = noticed.arguments(written);
        let names = arguments.tenant.map(|tenant| kind.tenant(tenant));
        let keys = operation.store_keys.as_ref().filter(|_| needs_name);
        let in_store = keys.map(|keys| StoreName {
            key: keys.of_call(arguments),
            generations: keys.generations(arguments.tenant),
            ttl: control
                .and_then(|control| control.ttl)
                .unwrap_or(operation.lifetime.ttl)
                .longer(operation.staleness.kept_for()),
            seen: Seen::default(),
            spent: AtomicU64::new(0),
            waits_since: OnceLock::new(),
        });
        let in_both = text.filter(|_| in_store.is_some());
        Self {
            about: About::of(&kind, &operation, arguments.text, control),
            text: text.into(),
            // What was drawn on the short way, and what has not been there.
            is_shadowed: noticed.is_shadowed || operation.staleness.draws_shadow(),
            promoted: kind.promotions.of(&operation.name, in_both),
            kind,
            operation,
            key,
            in_store,
            names: names.into_iter().collect(),
            // The one that the key was written for, just before.
            tenant: local::tenant().ok().flatten(),
            weigher: None,
            price: None,
        }
    }

    pub(super) fn tag(&mut self, tenant: Option<&str>, tag: &str) {
        self.names.push(self.kind.tag(tenant, tag));
        if let Some(name) = &mut self.in_store {
            let generation = self.kind.keys.generation_of_tag(tenant, tag);
            let generations = name.generations.iter().cloned();
            name.generations = generations.chain([generation]).collect();
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
        deadlines: Deadlines,
    ) -> Result<Stand, Finding> {
        match control.and_then(|control| control.way) {
            None => Ok(self.look_up_in_time(control, results, deadlines).await),
            Some(Way::Bypass) => Ok(Stand::Bypasses),
            Some(Way::Refresh) => {
                self.prepare().await;
                Ok(self.leads_anew())
            }
            Some(Way::Peek) => match self.find(control, results).await {
                Some((entry, origin)) => Ok(Stand::Found(entry, origin)),
                None => Err(Finding::Nothing),
            },
            // In boxes: they are long, and every look-up would be.
            Some(Way::Remove) => Err(Finding::Forgot(Box::pin(self.remove()).await)),
            Some(Way::Expire) => Err(Finding::Forgot(Box::pin(self.expire()).await)),
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
                Verdict::Answer(entry, origin) | Verdict::Due(entry, origin) => {
                    return Stand::Found(entry, origin);
                }
                Verdict::Spare(entry, why) => (why, Some(entry)),
                Verdict::Nothing(why) => (why, None),
            },
        };
        Stand::Leads(Lead {
            leader: flights.fly_alone(&self.key),
            held: None,
            why,
            spare,
            answers_from: None,
            is_shadow: false,
        })
    }

    /// Asks the store for what is written with what is computed, without a look-up.
    async fn prepare(&self) {
        if let Some((store, name)) = self.store() {
            // In a box: it is long, and every look-up would be.
            Box::pin(store.prepare(name).instrument(self.store_span())).await;
        }
    }

    fn leads_anew(&self) -> Stand {
        Stand::Leads(Lead {
            leader: self.kind.flights.fly_anew(&self.key),
            held: None,
            why: MissReason::Refreshed,
            spare: None,
            answers_from: None,
            is_shadow: false,
        })
    }

    /// Looks up for as long as the function's callers wait.
    async fn look_up_in_time(
        &self,
        control: Option<&Control>,
        results: &Results,
        deadlines: Deadlines,
    ) -> Stand {
        let mut looking = pin!(self.look_up(control, results));
        if let Some(deadline) = deadlines.soft {
            if let Some(stand) = runtime::until(deadline, &mut looking).await {
                return stand;
            }
            if let Some((entry, origin)) = self.old_answer(StaleCause::Slow, control, results) {
                return Stand::Found(entry, origin);
            }
        }
        let Some((deadline, hard)) = deadlines.hard else {
            return looking.await;
        };
        match runtime::until(deadline, looking).await {
            // The lead came too late: nothing is begun that nobody waits for.
            Some(Stand::Leads(_)) if Instant::now() >= deadline => {}
            Some(stand) => return stand,
            None => {}
        }
        match self.old_answer(StaleCause::Slow, control, results) {
            Some((entry, origin)) => Stand::Found(entry, origin),
            None => Stand::TimedOut(TimedOut::after(hard)),
        }
    }

    async fn look_up(&self, control: Option<&Control>, results: &Results) -> Stand {
        let flights = &self.kind.flights;
        loop {
            let (mut why, mut spare);
            match self.in_memory(control, results) {
                Verdict::Answer(entry, origin) => return self.answer(entry, origin),
                Verdict::Due(entry, origin) => return self.renew(entry, origin),
                Verdict::Spare(_, reason) | Verdict::Nothing(reason) => why = reason,
            }
            let is_alone = results.company == Company::Alone;
            let (leader, asks_store) =
                if is_alone || self.operation.single_flight == SingleFlight::Off {
                    (flights.fly_alone(&self.key), true)
                } else {
                    match self.boarding(flights.join(&self.key)).await {
                        Role::Waiter(Landing::Entry(entry))
                            if self.is_good(&entry, control, results) =>
                        {
                            return self.joined(entry, control, results);
                        }
                        Role::Waiter(Landing::Stale(entry)) => {
                            match self.see(entry, control, results) {
                                Verdict::Answer(entry, origin) | Verdict::Due(entry, origin) => {
                                    return Stand::Found(entry, origin);
                                }
                                // The body has just failed.
                                Verdict::Spare(entry, _) => {
                                    return Stand::Found(entry, Origin::Stale(StaleCause::Failed));
                                }
                                Verdict::Nothing(_) => continue,
                            }
                        }
                        // Too old for this caller, or from before an invalidation: it joins those who
                        // want a new one.
                        Role::Waiter(_) => continue,
                        Role::Alone(turn) => (flights.fly_in_turn(&self.key, turn), false),
                        Role::Leader(leader) => (leader, true),
                        Role::Follower(shown) => match self.board(&shown, control, results) {
                            Boarding::Aboard(follower) => return Stand::Follows(follower),
                            Boarding::Apart => (flights.fly_alone(&self.key), true),
                            Boarding::Over => continue,
                        },
                    }
                };
            // A flight may have landed between the look into memory and the lead of this one, or what
            // was there may be gone.
            (why, spare) = match self.in_memory(control, results) {
                Verdict::Answer(entry, origin) => {
                    leader.land(landing(entry.clone(), origin));
                    return Stand::Found(entry, origin);
                }
                Verdict::Due(entry, origin) => {
                    leader.land(landing(entry.clone(), origin));
                    return self.renew(entry, origin);
                }
                Verdict::Spare(entry, why) => (why, Some(entry)),
                // The first look has taken out what was over.
                Verdict::Nothing(MissReason::Absent) => (why, None),
                Verdict::Nothing(why) => (why, None),
            };
            let mut held = None;
            if asks_store {
                let is_answer = Verdict::is_answer;
                let claiming = self.in_store_or_claimed(&leader, control, results, is_answer);
                let Claiming {
                    verdict,
                    whole,
                    held: claimed,
                } = claiming.await;
                held = claimed;
                match verdict {
                    Verdict::Answer(entry, origin) => {
                        leader.land(landing(entry.clone(), origin));
                        return match whole {
                            _ if self.is_shadowed => self.answer(entry, origin),
                            Some(whole) => Stand::Read(entry, origin, whole),
                            None => Stand::Found(entry, origin),
                        };
                    }
                    Verdict::Due(entry, origin) => {
                        leader.land(landing(entry.clone(), origin));
                        return self.renew(entry, origin);
                    }
                    Verdict::Spare(entry, of_entry) if spare.is_none() => {
                        why = of_entry;
                        spare = Some(entry);
                    }
                    Verdict::Nothing(of_store) if why == MissReason::Absent => why = of_store,
                    Verdict::Spare(..) | Verdict::Nothing(_) => {}
                }
            } else {
                self.prepare().await;
            }
            // Nothing of it would be kept, and nobody is with it any more.
            if leader.is_invalidated() {
                continue;
            }
            return Stand::Leads(Lead {
                leader,
                held,
                why,
                spare,
                answers_from: None,
                is_shadow: false,
            });
        }
    }

    /// What a caller gets that waited for a result: where that is a failure, it may have something
    /// better.
    fn joined(&self, entry: SharedEntry, control: Option<&Control>, results: &Results) -> Stand {
        if entry.value.is::<Failure>()
            && let Some((better, origin)) = self.old_answer(StaleCause::Failed, control, results)
            && !better.value.is::<Failure>()
        {
            return Stand::Found(better, origin);
        }
        Stand::Found(entry, Origin::Joined)
    }

    /// The entry is the answer. Where it is drawn, the body runs beside it.
    fn answer(&self, entry: SharedEntry, origin: Origin) -> Stand {
        let has_value = !entry.value.is::<Failure>() && !entry.value.is::<Absent>();
        if !self.is_shadowed || !has_value || !self.kind.background.has_room() {
            return Stand::Found(entry, origin);
        }
        Stand::Leads(Lead {
            // Nobody joins it.
            leader: self.kind.flights.fly_alone(&self.key),
            held: None,
            why: MissReason::Refreshed,
            spare: Some(entry),
            answers_from: Some(origin),
            is_shadow: true,
        })
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
                held: None,
                why: MissReason::Expired,
                spare: Some(entry),
                answers_from: Some(origin),
                is_shadow: false,
            }),
        }
    }

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
            match self
                .looking_up(store.look_up(name, wanted, self.carry()))
                .await
            {
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

    /// Notes in an entry that is to be kept how long its text is, and what it weighs. To be called with
    /// nothing locked.
    pub(super) fn note(&self, entry: &mut SharedEntry, value_type: Option<ValueType>) {
        if let Some(entry) = Arc::get_mut(entry) {
            entry.head.mark(self.text);
        }
        if let Some(memory) = &self.kind.memory {
            memory.weigh(entry, &self.key, self.weigher.as_ref(), value_type);
        }
    }

    /// Forgets the entry in both tiers, and says whether either had it.
    pub(crate) async fn remove(&self) -> bool {
        let tell = || self.tell_invalidated(Invalidation::Remove);
        let entry = [self.in_tiers()];
        let removed = self.kind.remove(&entry, &mut true, tell).await;
        removed == [true]
    }

    /// What the tiers call the entry.
    pub(crate) fn in_tiers(&self) -> InTiers<'_> {
        let in_store = self.in_store.as_ref().map(|name| name.key.as_str());
        (&self.key, in_store)
    }

    /// Forgets the entry in the store; the one in memory stays for those whose body fails. Says
    /// whether either had it.
    async fn expire(&self) -> bool {
        let tell = || self.tell_invalidated(Invalidation::Expire);
        self.kind.expire(self.in_tiers(), tell).await
    }

    pub(super) fn name_in_store(&self) -> Option<String> {
        self.in_store.as_ref().map(|name| name.key.clone())
    }

    /// The store, where it may have the entry.
    pub(super) fn store(&self) -> Option<(&StoreTier, &StoreName)> {
        self.kind.store.as_deref().zip(self.in_store.as_ref())
    }

    /// What an entry is to carry in the store whose computation begins now. `None`: it does not get
    /// there.
    pub(super) fn generations(&self) -> Option<FoldedGenerations> {
        let (store, name) = self.store()?;
        store.generations(name)
    }

    /// Of an entry that is made now.
    pub(super) fn head(&self, ttl: Ttl, kept_for: Duration, carried: Carried) -> Head {
        let name = self.store().map(|(_, name)| key_hash(&name.key));
        let name = name.unwrap_or(KeyHash::NONE);
        Head::new(self.kind.clock.now(), ttl, kept_for, name, carried)
    }

    /// What an entry is to carry whose computation or look-up begins now.
    pub(super) fn carry(&self) -> Carried {
        self.kind.generations.carry(&self.names)
    }

    /// Counts what an answer took, or would have taken.
    pub(super) fn charge(&self, charged: Charged, value: &Erased) {
        if let Some(price) = self.price.as_ref().and_then(|price| price(value)) {
            let tenant = self.tenant.as_deref();
            account(&self.kind, &self.operation, tenant, charged, price);
        }
    }

    /// What a body is counted by that runs without all this.
    pub(super) fn into_bill(self) -> Option<Box<Bill>> {
        let Self {
            kind,
            operation,
            tenant,
            price,
            ..
        } = self;
        let bill = |price| Bill {
            kind,
            operation,
            tenant,
            price,
        };
        price.map(bill).map(Box::new)
    }
}
