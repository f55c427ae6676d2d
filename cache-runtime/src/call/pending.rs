//! A call whose key is known and whose result is not at hand: who else may have it.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use super::control::{Control, Finding, Origin, Way};
use super::local::Bound;
use super::operation::Operation;
use crate::envelope::ValueType;
use crate::flight::{Landing, Leader, Role};
use crate::generation::{Carried, Name, Touched};
use crate::key::{MemoryKey, Written, with_memory_key};
use crate::kind::Kind;
use crate::memory::{Head, MemoryTier, SharedEntry};
use crate::observe::Event;
use crate::policy::Ttl;
use crate::store::{FoldedGenerations, Seen, StoreName, StoreTier};

/// One call whose key is known.
pub(crate) struct Pending {
    pub(crate) kind: Arc<Kind>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) key: MemoryKey,
    /// Where there is a store, or the caller asks for it.
    pub(crate) in_store: Option<StoreName>,
    /// What the entry belongs to, besides the kind and the operation.
    pub(crate) names: Vec<Name>,
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
    /// Another caller computed a `None`.
    Absent,
    /// To be computed.
    Leads(Leader),
    /// To be computed, and not to be kept.
    Bypasses,
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
        let is_asked_for = control.is_some_and(|control| control.way == Some(Way::Key));
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
                .unwrap_or(operation.lifetime.ttl),
            seen: Seen::default(),
        });
        Self {
            kind,
            operation,
            key,
            in_store,
            names: names.into_iter().collect(),
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
        value_type: Option<ValueType>,
        kept: TypeId,
    ) -> Result<Stand, Finding> {
        match control.and_then(|control| control.way) {
            None => Ok(self.look_up(control, value_type, kept).await),
            Some(Way::Bypass) => Ok(Stand::Bypasses),
            Some(Way::Refresh) => {
                // What is computed is written with them.
                if let Some((store, name)) = self.store() {
                    store.prepare(name).await;
                }
                Ok(Stand::Leads(self.kind.flights.fly_anew(&self.key)))
            }
            Some(Way::Peek) => match self.find(control, value_type, kept).await {
                Some((entry, origin)) => Ok(Stand::Found(entry, origin)),
                None => Err(Finding::Nothing),
            },
            // Nothing serves an expired entry, so it need not stay.
            Some(Way::Remove | Way::Expire) => Err(Finding::Forgot(self.remove().await)),
            Some(Way::Key) => {
                let name = self.in_store.as_ref().map(|name| name.key.clone());
                Err(Finding::Key(name))
            }
        }
    }

    /// The same for a function that is not async: no other caller is waited for, no store is asked,
    /// and nothing can stop it.
    pub(super) fn stand_of_sync(&self, control: Option<&Control>, kept: TypeId) -> Stand {
        let way = control.and_then(|control| control.way);
        if way == Some(Way::Bypass) {
            return Stand::Bypasses;
        }
        if way.is_none()
            && let Some(entry) = self.in_memory(kept, control)
        {
            return Stand::Found(entry, Origin::Memory);
        }
        let flights = &self.kind.flights;
        Stand::Leads(match way {
            Some(Way::Refresh) => flights.fly_anew(&self.key),
            _ => flights.fly_alone(&self.key),
        })
    }

    async fn look_up(
        &self,
        control: Option<&Control>,
        value_type: Option<ValueType>,
        kept: TypeId,
    ) -> Stand {
        let flights = &self.kind.flights;
        loop {
            if let Some(entry) = self.in_memory(kept, control) {
                return Stand::Found(entry, Origin::Memory);
            }
            let (leader, asks_store) = match flights.join(&self.key).await {
                Role::Waiter(Landing::Absent(carried)) if self.is_untouched(&carried) => {
                    return Stand::Absent;
                }
                Role::Waiter(Landing::Value(entry)) if self.is_served(&entry, control) => {
                    return Stand::Found(entry, Origin::Joined);
                }
                // Too old for this caller, or from before an invalidation: it joins those who want a
                // new one.
                Role::Waiter(_) => continue,
                Role::Alone(turn) => (flights.fly_in_turn(&self.key, turn), false),
                Role::Leader(leader) => (leader, true),
            };
            // A flight may have landed between the look into memory and the lead of this one.
            if let Some(entry) = self.in_memory(kept, control) {
                leader.land(Landing::Value(entry.clone()));
                return Stand::Found(entry, Origin::Memory);
            }
            if asks_store {
                if let Some(entry) = self.in_store(&leader, control, value_type).await {
                    leader.land(Landing::Value(entry.clone()));
                    return Stand::Found(entry, Origin::Store);
                }
                // Nothing of it would be kept, and nobody is with it any more.
                if leader.is_invalidated() {
                    continue;
                }
            }
            return Stand::Leads(leader);
        }
    }

    /// The entry in memory, if it is one that this caller takes.
    pub(super) fn in_memory(&self, kept: TypeId, control: Option<&Control>) -> Option<SharedEntry> {
        let entry = self.kind.memory.as_ref()?.get(&self.key)?;
        let is_taken = entry.value.type_id() == kept && self.is_young(&entry, control);
        is_taken.then_some(entry)
    }

    /// The entry in memory or in the store, for one who wants nothing computed.
    pub(crate) async fn find(
        &self,
        control: Option<&Control>,
        value_type: Option<ValueType>,
        kept: TypeId,
    ) -> Option<(SharedEntry, Origin)> {
        loop {
            if let Some(entry) = self.in_memory(kept, control) {
                return Some((entry, Origin::Memory));
            }
            let leader = self.kind.flights.fly_alone(&self.key);
            if let Some(entry) = self.in_store(&leader, control, value_type).await {
                return Some((entry, Origin::Store));
            }
            // Else there may be another one by now.
            if !leader.is_invalidated() {
                return None;
            }
        }
    }

    /// The entry in the store, if it is one that this caller takes; it is in memory then too.
    async fn in_store(
        &self,
        leader: &Leader,
        control: Option<&Control>,
        value_type: Option<ValueType>,
    ) -> Option<SharedEntry> {
        let (store, name) = self.store()?;
        let entry = store.look_up(name, value_type?, self.carry()).await?;
        self.take_in(leader, entry, control)
    }

    /// Takes an entry out of the store into memory, if it is one that this caller takes.
    pub(super) fn take_in(
        &self,
        leader: &Leader,
        entry: SharedEntry,
        control: Option<&Control>,
    ) -> Option<SharedEntry> {
        if !self.is_served(&entry, control) {
            return None;
        }
        let memory = self.kind.memory.as_ref();
        memory.into_iter().for_each(MemoryTier::sweep_when_due);
        let _left =
            leader.keep(|| memory.map(|memory| memory.insert(self.key.clone(), entry.clone())))?;
        Some(entry)
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
        let head = Head::new(self.kind.clock.now(), ttl, self.carry());
        let entry = entry(head);
        let write = self
            .store()
            .zip(generations)
            .map(|((store, name), generations)| {
                let write = store.write(name, entry.clone(), value_type, generations, ttl);
                store.seal(write.anew())
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
    }

    /// Forgets the entry in both tiers, and says whether either had it.
    pub(crate) async fn remove(&self) -> bool {
        let removed = self.kind.remove(&[self.in_tiers()], &mut true).await;
        removed == [true]
    }

    /// What the tiers call the entry.
    pub(crate) fn in_tiers(&self) -> (&MemoryKey, Option<&str>) {
        let in_store = self.in_store.as_ref().map(|name| name.key.as_str());
        (&self.key, in_store)
    }

    /// The store, where it may have the entry.
    pub(super) fn store(&self) -> Option<(&StoreTier, &StoreName)> {
        self.kind.store.as_ref().zip(self.in_store.as_ref())
    }

    /// What an entry is to carry whose computation or look-up begins now.
    pub(super) fn carry(&self) -> Carried {
        self.kind.generations.carry(&self.names)
    }

    fn is_served(&self, entry: &SharedEntry, control: Option<&Control>) -> bool {
        self.is_untouched(&entry.head.carried) && self.is_young(entry, control)
    }

    /// Whether nothing was invalidated that an entry with these generations belongs to.
    pub(super) fn is_untouched(&self, carried: &Carried) -> bool {
        let generations = &self.kind.generations;
        generations.touched(self.operation.number, carried) == Touched::No
    }

    fn is_young(&self, entry: &SharedEntry, control: Option<&Control>) -> bool {
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
