//! A call whose result is not in memory: who else may have it, and what is kept of it.

use std::any::TypeId;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::control::{Control, Finding, Origin, Report, Way};
use super::local::Bound;
use super::operation::Operation;
use super::rule::Rule;
use super::shape::Shape;
use crate::envelope::ValueType;
use crate::flight::{Landing, Leader, Role};
use crate::key::{MemoryKey, Written, with_memory_key};
use crate::kind::Kind;
use crate::memory::{Entry, SharedEntry};
use crate::observe::Event;

/// One call whose key is known.
pub(crate) struct Pending {
    pub(crate) kind: Arc<Kind>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) key: MemoryKey,
    /// Where there is a store to ask, because memory has nothing or is not to be asked.
    pub(crate) store_key: Option<String>,
}

impl std::fmt::Debug for Pending {
    /// Without the keys: they hold arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("operation", &self.operation.name)
            .finish_non_exhaustive()
    }
}

/// Where a call stands when memory, the other callers and the store have been asked.
enum Stand<'a> {
    Found(SharedEntry, Origin),
    /// Another caller computed a `None`.
    Absent,
    /// To be computed, for everybody who waits.
    Leads(Leader<'a>),
    /// To be computed for this caller alone: because the one it waited for failed, or because it
    /// wants no answer that is there.
    Alone,
    /// To be computed for this caller alone, and not to be kept.
    Bypasses,
    /// Not to be computed.
    Stopped(Finding),
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
        let needs_name = match control.and_then(|control| control.way) {
            Some(way) => way == Way::Key || kind.store.is_some(),
            None => kind.store.is_some() && (control.is_some() || !kind.has_in_memory(&key)),
        };
        let store_key = operation
            .store_keys
            .as_ref()
            .filter(|_| needs_name)
            .map(|keys| keys.of_call(noticed.arguments(written)));
        Self {
            kind,
            operation,
            key,
            store_key,
        }
    }

    /// The result of the call: from a tier, from another caller, or from `body`.
    pub(crate) async fn answer<S, R, F>(
        &self,
        _shape: S,
        control: Option<Box<Control>>,
        rule: R,
        body: Pin<&mut F>,
    ) -> S::Returned
    where
        S: Shape,
        R: FnOnce(&S::Kept) -> Rule,
        F: Future<Output = S::Returned>,
    {
        let control = control.as_deref();
        let value_type = S::value_type();
        let stand = self.stand(control, value_type, TypeId::of::<S::Kept>());
        let leader = match stand.await {
            Stand::Found(entry, origin) => match entry.value.downcast_ref::<S::Kept>() {
                Some(value) => {
                    self.found(&entry, origin, control);
                    return S::returned(value.clone());
                }
                None => None,
            },
            Stand::Absent => match S::none() {
                Some(none) => {
                    self.count(Origin::Joined);
                    report(control, Origin::Joined, Duration::ZERO);
                    return none;
                }
                None => None,
            },
            Stand::Leads(leader) => Some(leader),
            Stand::Alone => None,
            Stand::Bypasses => {
                self.bypassed(control);
                return body.await;
            }
            Stand::Stopped(finding) => match control {
                Some(control) => match control.stop(finding).await {},
                None => None,
            },
        };
        let returned = body.await;
        let landing = self.landing::<S, R>(&returned, value_type, control, rule);
        if let Some(leader) = leader {
            leader.land(landing);
        }
        returned
    }

    /// The same for a function that is not async: no other caller is waited for, and no store is
    /// asked.
    pub(super) fn answer_sync<S, R, F>(
        &self,
        _shape: S,
        control: Option<&Control>,
        rule: R,
        body: F,
    ) -> S::Returned
    where
        S: Shape,
        R: FnOnce(&S::Kept) -> Rule,
        F: FnOnce() -> S::Returned,
    {
        match control.and_then(|control| control.way) {
            Some(Way::Bypass) => {
                self.bypassed(control);
                return body();
            }
            Some(_) => {}
            None => {
                let entry = self.in_memory(TypeId::of::<S::Kept>(), control);
                if let Some(entry) = entry
                    && let Some(value) = entry.value.downcast_ref::<S::Kept>()
                {
                    self.found(&entry, Origin::Memory, control);
                    return S::returned(value.clone());
                }
            }
        }
        let returned = body();
        self.landing::<S, R>(&returned, S::value_type(), control, rule);
        returned
    }

    /// Goes the way that the caller wants; the usual one asks memory, the other callers and the
    /// store.
    ///
    /// May be dropped at each await: while it waits for another caller it holds nothing, while it
    /// waits for the store it leads, which passes on, and what it would have forgotten may or may
    /// not be forgotten.
    async fn stand(
        &self,
        control: Option<&Control>,
        value_type: Option<ValueType>,
        kept: TypeId,
    ) -> Stand<'_> {
        match control.and_then(|control| control.way) {
            None => self.look_up(control, value_type, kept).await,
            Some(Way::Bypass) => Stand::Bypasses,
            Some(Way::Refresh) => Stand::Alone,
            Some(Way::Peek) => {
                if let Some(entry) = self.in_memory(kept, control) {
                    return Stand::Found(entry, Origin::Memory);
                }
                match self.in_store(control, value_type).await {
                    Some(entry) => Stand::Found(entry, Origin::Store),
                    None => Stand::Stopped(Finding::Nothing),
                }
            }
            // Nothing serves an expired entry, so it need not stay.
            Some(Way::Remove | Way::Expire) => {
                let store_key = self.store_key.as_deref();
                let was_there = self.kind.remove(&self.key, store_key).await;
                Stand::Stopped(Finding::Forgot(was_there))
            }
            Some(Way::Key) => Stand::Stopped(Finding::Key(self.store_key.clone())),
        }
    }

    async fn look_up(
        &self,
        control: Option<&Control>,
        value_type: Option<ValueType>,
        kept: TypeId,
    ) -> Stand<'_> {
        if let Some(entry) = self.in_memory(kept, control) {
            return Stand::Found(entry, Origin::Memory);
        }
        let leader = match self.kind.flights.join(&self.key).await {
            Role::Waiter(Landing::Value(entry)) if self.is_young(&entry, control) => {
                return Stand::Found(entry, Origin::Joined);
            }
            Role::Waiter(Landing::Absent) => return Stand::Absent,
            Role::Waiter(Landing::Value(_) | Landing::Failed) => return Stand::Alone,
            Role::Leader(leader) => leader,
        };
        // A flight may have landed between the look into memory and the lead of this one.
        if let Some(entry) = self.in_memory(kept, control) {
            leader.land(Landing::Value(entry.clone()));
            return Stand::Found(entry, Origin::Memory);
        }
        match self.in_store(control, value_type).await {
            Some(entry) => {
                leader.land(Landing::Value(entry.clone()));
                Stand::Found(entry, Origin::Store)
            }
            None => Stand::Leads(leader),
        }
    }

    /// The entry in memory, if it is one that this caller takes.
    fn in_memory(&self, kept: TypeId, control: Option<&Control>) -> Option<SharedEntry> {
        let entry = self.kind.memory.as_ref()?.get(&self.key)?;
        let is_taken = entry.value.type_id() == kept && self.is_young(&entry, control);
        is_taken.then_some(entry)
    }

    /// The entry in the store, if it is one that this caller takes; it is in memory then too.
    async fn in_store(
        &self,
        control: Option<&Control>,
        value_type: Option<ValueType>,
    ) -> Option<SharedEntry> {
        let (store, key) = self.kind.store.as_ref().zip(self.store_key.as_ref())?;
        let entry = store.look_up(key, value_type?).await?;
        if !self.is_young(&entry, control) {
            return None;
        }
        if let Some(memory) = &self.kind.memory {
            memory.insert(self.key.clone(), entry.clone());
        }
        Some(entry)
    }

    fn is_young(&self, entry: &SharedEntry, control: Option<&Control>) -> bool {
        let max_age = control.and_then(|control| control.max_age);
        max_age.is_none_or(|max_age| self.age(entry) <= max_age)
    }

    fn age(&self, entry: &SharedEntry) -> Duration {
        self.kind.clock.now().since(entry.created)
    }

    /// What a computed result is to the other callers. Keeps its value, if it is one to keep.
    fn landing<S, R>(
        &self,
        returned: &S::Returned,
        value_type: Option<ValueType>,
        control: Option<&Control>,
        rule: R,
    ) -> Landing
    where
        S: Shape,
        R: FnOnce(&S::Kept) -> Rule,
    {
        report(control, Origin::Computed, Duration::ZERO);
        let Some(value) = S::kept(returned) else {
            self.operation.counters.count(Event::NotKept);
            return if S::is_none(returned) {
                Landing::Absent
            } else {
                Landing::Failed
            };
        };
        let rule = rule(value);
        let ttl = control
            .and_then(|control| control.ttl)
            .unwrap_or_else(|| self.operation.lifetime.or_computed(rule.ttl));
        let entry: SharedEntry = Arc::new(Entry::new(value.clone(), self.kind.clock.now(), ttl));
        if rule.is_refused || ttl.is_zero() {
            self.operation.counters.count(Event::NotKept);
            return Landing::Value(entry);
        }
        self.operation.counters.count(Event::Computed);
        if let Some(memory) = &self.kind.memory {
            memory.insert(self.key.clone(), entry.clone());
        }
        if let (Some(store), Some(key), Some(value_type)) =
            (&self.kind.store, &self.store_key, value_type)
        {
            store.write_behind(store.write(key.clone(), entry.clone(), value_type, ttl));
        }
        Landing::Value(entry)
    }

    fn found(&self, entry: &SharedEntry, origin: Origin, control: Option<&Control>) {
        self.count(origin);
        // The clock is read for those who ask alone.
        if let Some(control) = control {
            let age = self.age(entry);
            control.report(&Report::Returned { origin, age });
        }
    }

    fn bypassed(&self, control: Option<&Control>) {
        self.operation.counters.count(Event::Bypassed);
        report(control, Origin::Bypassed, Duration::ZERO);
    }

    fn count(&self, origin: Origin) {
        let counters = &self.operation.counters;
        match origin {
            Origin::Memory => counters.count_memory_hit(),
            Origin::Store => counters.count(Event::StoreHit),
            Origin::Joined => counters.count(Event::Joined),
            // Counted where the body has run, or never.
            Origin::Computed
            | Origin::Bypassed
            | Origin::Uncached
            | Origin::Stopped
            | Origin::Unreached => {}
        }
    }
}

fn report(control: Option<&Control>, origin: Origin, age: Duration) {
    if let Some(control) = control {
        control.report(&Report::Returned { origin, age });
    }
}
