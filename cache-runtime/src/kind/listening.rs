//! What other processes invalidate.

use std::time::Duration;

use super::Kind;
use crate::bus::{Invalidated, Said};
use crate::generation::{Invalidation, Scope};
use crate::key::{GenerationOf, operation_of};
use crate::memory::MemoryTier;
use crate::observe::{Details, EventKind, Extent, Happened, InvalidationOrigin, Of};
use crate::store::{Announcement, Listener, StoreChange};

impl Listener for Kind {
    fn heard(&self, message: &[u8]) {
        let Some(store) = &self.store else {
            return;
        };
        let Some(message) = store.bus.understand(message) else {
            return;
        };
        if let Some(said) = store.bus.hear(&message) {
            let has_many = match said {
                Said::Invalidated(Invalidated::Entry(key)) => {
                    let scope = Scope::Key(*key);
                    self.generations.invalidate(scope, Invalidation::Remove)
                }
                Said::Invalidated(Invalidated::Generation(name, how)) => {
                    // First: what is read from the store after the mark was made is compared with the
                    // new generation.
                    store.forget_generation(name);
                    self.mark_generation(name, *how)
                }
                // All in memory is doubted.
                _ => false,
            };
            if has_many {
                self.forget_marks();
            }
            self.tell_heard(said);
        }
        store.bus.tell_waiting(&message);
    }

    fn server_changed(&self) {
        if let Some(store) = &self.store {
            store.tell_again();
        }
    }

    fn connected(&self, is_connected: bool) {
        if let Some(store) = &self.store {
            store.bus.note_heard(is_connected);
            store.note_lost(!is_connected);
        }
    }

    fn abandoned(&self) {
        self.doubt();
    }

    fn store_changed(&self, change: StoreChange) {
        let change = Happened::Store(change);
        self.events.tell(Of::Kind, change, |_| Details::default());
    }

    fn pace(&self) -> Duration {
        let store = self.store.as_ref();
        store.map_or(Duration::MAX, |store| store.bus.pace())
    }

    fn due(&self, store_answers: bool) -> Option<Announcement> {
        let store = self.store.as_ref()?;
        let trusted_until = store.bus.trusted_from(self.clock.now());
        let due = store.bus.due(store_answers);
        if due.doubt {
            self.doubt();
        } else if let Some(memory) = &self.memory {
            memory.trust_until(trusted_until);
        }
        due.beat
    }
}

impl Kind {
    fn doubt(&self) {
        if let Some(store) = &self.store {
            let trusted_until = store.bus.trusted_from(self.clock.now());
            // In this order: what is looked up again is compared with what is read again.
            store.forget_generations();
            self.generations.doubt();
            if let Some(memory) = &self.memory {
                memory.trust_until(trusted_until);
            }
        }
    }

    /// Doubts what is in memory where nobody has listened for as long as the ceiling: the runtime on
    /// which that is done stands still, and cannot say so.
    pub(crate) fn doubt_if_overdue(&self) {
        if self.memory.as_ref().is_some_and(MemoryTier::is_overdue) {
            if let Some(store) = &self.store {
                store.bus.note_gap();
            }
            self.doubt();
        }
    }

    fn mark_generation(&self, name: &str, how: Invalidation) -> bool {
        match self.keys.generation_of(name) {
            Some(GenerationOf::Kind) => self.mark_kind(how),
            Some(GenerationOf::Operation(operation)) => self.mark_operation(&operation, how),
            Some(GenerationOf::Tenant | GenerationOf::Tag) | None => {
                let name = self.generations.name(name);
                self.generations.invalidate(Scope::Named(name), how)
            }
        }
    }

    /// Tells those who listen of what others have invalidated.
    fn tell_heard(&self, said: &Said) {
        if !self.events.wants(EventKind::Invalidated) {
            return;
        }
        let mut operation = None;
        let (extent, how, name) = match said {
            Said::Invalidated(Invalidated::Generation(name, how)) => {
                let extent = match self.keys.generation_of(name) {
                    Some(GenerationOf::Kind) => Extent::Kind,
                    Some(GenerationOf::Tenant) => Extent::Tenant,
                    Some(GenerationOf::Tag) => Extent::Tag,
                    Some(GenerationOf::Operation(name)) => {
                        operation = Some(name);
                        Extent::Operation
                    }
                    // Of a later version, perhaps.
                    None => return,
                };
                (extent, *how, Some(name))
            }
            Said::Invalidated(Invalidated::Entry(_)) => (Extent::Key, Invalidation::Remove, None),
            _ => (Extent::Matching, Invalidation::Remove, None),
        };
        let what = Happened::Invalidated {
            extent,
            how,
            origin: InvalidationOrigin::Elsewhere,
        };
        let of = operation.as_deref().map_or(Of::Kind, Of::Named);
        self.events.tell(of, what, |wanted| Details {
            key: name.filter(|_| wanted.keys).cloned(),
            ..Details::default()
        });
    }

    pub(super) fn mark_kind(&self, how: Invalidation) -> bool {
        let has_many = self.generations.invalidate(Scope::Kind, how);
        // Who comes from now on need not wait for what will not be served.
        self.flights.invalidate_matching(|_| true);
        has_many
    }

    pub(super) fn mark_operation(&self, name: &str, how: Invalidation) -> bool {
        let mut has_many = false;
        let mut numbers = Vec::new();
        // While the table is locked no operation of this name begins.
        for operation in self.lock_operations().all() {
            if operation.name == name {
                let scope = Scope::Operation(operation.number);
                has_many = self.generations.invalidate(scope, how);
                numbers.push(operation.number);
            }
        }
        // Who comes from now on need not wait for what will not be served.
        self.flights
            .invalidate_matching(|key| numbers.contains(&operation_of(key)));
        has_many
    }

    pub(super) fn forget_marks(&self) {
        let memory = self.memory.as_ref();
        self.generations
            .forget(|| memory.into_iter().for_each(MemoryTier::look_at_all));
    }
}
