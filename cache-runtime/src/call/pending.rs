//! A call whose key is known and whose result is not at hand: who else may have it.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use super::control::{Control, Finding, Origin, Way};
use super::local::Bound;
use super::operation::Operation;
use crate::envelope::ValueType;
use crate::flight::{Landing, Leader, Role};
use crate::key::{MemoryKey, Written, with_memory_key};
use crate::kind::Kind;
use crate::memory::SharedEntry;
use crate::observe::Event;

/// One call whose key is known.
pub(crate) struct Pending {
    pub(crate) kind: Arc<Kind>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) key: MemoryKey,
    /// Where there is a store.
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

/// How a call stands that is to go on, when memory, the other callers and the store have been
/// asked.
pub(super) enum Stand {
    Found(SharedEntry, Origin),
    /// Another caller computed a `None`.
    Absent,
    /// To be computed, for everybody who waits.
    Leads(Leader),
    /// To be computed for this caller alone: because the one it waited for failed, or because it
    /// wants no answer that is there.
    Alone,
    /// To be computed for this caller alone, and not to be kept.
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
            Some(Way::Refresh) => Ok(Stand::Alone),
            Some(Way::Peek) => {
                if let Some(entry) = self.in_memory(kept, control) {
                    return Ok(Stand::Found(entry, Origin::Memory));
                }
                match self.in_store(control, value_type).await {
                    Some(entry) => Ok(Stand::Found(entry, Origin::Store)),
                    None => Err(Finding::Nothing),
                }
            }
            // Nothing serves an expired entry, so it need not stay.
            Some(Way::Remove | Way::Expire) => {
                let store_key = self.store_key.as_deref();
                let was_there = self.kind.remove(&self.key, store_key).await;
                Err(Finding::Forgot(was_there))
            }
            Some(Way::Key) => Err(Finding::Key(self.store_key.clone())),
        }
    }

    /// The same for a function that is not async: no other caller is waited for, no store is asked,
    /// and nothing can stop it.
    pub(super) fn stand_of_sync(&self, control: Option<&Control>, kept: TypeId) -> Stand {
        match control.and_then(|control| control.way) {
            Some(Way::Bypass) => Stand::Bypasses,
            None => match self.in_memory(kept, control) {
                Some(entry) => Stand::Found(entry, Origin::Memory),
                None => Stand::Alone,
            },
            Some(_) => Stand::Alone,
        }
    }

    async fn look_up(
        &self,
        control: Option<&Control>,
        value_type: Option<ValueType>,
        kept: TypeId,
    ) -> Stand {
        if let Some(entry) = self.in_memory(kept, control) {
            return Stand::Found(entry, Origin::Memory);
        }
        let leader = loop {
            match self.kind.flights.join(&self.key).await {
                Role::Waiter(Landing::Value(entry)) if self.is_young(&entry, control) => {
                    return Stand::Found(entry, Origin::Joined);
                }
                // Too old for this caller: it joins those who want a new one.
                Role::Waiter(Landing::Value(_)) => {}
                Role::Waiter(Landing::Absent) => return Stand::Absent,
                Role::Waiter(Landing::Failed) => return Stand::Alone,
                Role::Leader(leader) => break leader,
            }
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
            // A newer one may have been computed meanwhile.
            memory.insert_unless_newer(self.key.clone(), entry.clone(), entry.created);
        }
        Some(entry)
    }

    fn is_young(&self, entry: &SharedEntry, control: Option<&Control>) -> bool {
        let max_age = control.and_then(|control| control.max_age);
        max_age.is_none_or(|max_age| self.age(entry) <= max_age)
    }

    pub(super) fn age(&self, entry: &SharedEntry) -> Duration {
        self.kind.clock.now().since(entry.created)
    }

    pub(super) fn count(&self, event: Event) {
        self.operation.counters.count(event);
    }
}
