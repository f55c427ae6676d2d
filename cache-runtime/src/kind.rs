//! One kind of cache: its tiers, its flights, its lifetimes and the operations that were called.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::call::{Function, Operation};
use crate::clock::Clock;
use crate::flight::Flights;
use crate::key::{CHOSEN, Identity, StoreKeys};
use crate::memory::MemoryTier;
use crate::observe::Counters;
use crate::policy::Lifetimes;
use crate::store::StoreTier;

/// What the handles of one kind share.
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) memory: Option<MemoryTier>,
    pub(crate) store: Option<StoreTier>,
    pub(crate) flights: Flights,
    pub(crate) keys: StoreKeys,
    pub(crate) has_ai: bool,
    pub(crate) lifetimes: Lifetimes,
    /// Under which the application's own keys are counted.
    pub(crate) chosen: Arc<Operation>,
    pub(crate) operations: Mutex<Operations>,
}

impl Kind {
    /// The operation of a function in this kind, made when it is first asked for.
    pub(crate) fn operation(&self, function: Function) -> Arc<Operation> {
        let Operations {
            by_function,
            by_identity,
        } = &mut *self.lock_operations();
        // A program has as many operations as it has functions: far fewer than 2^32.
        let number = u32::try_from(by_function.len()).unwrap_or(u32::MAX - 1) + CHOSEN + 1;
        let make = || {
            let name = function.site.operation();
            // Two functions that look the same to other processes: the second one keeps out of
            // the store.
            let store_keys = function
                .identity()
                .filter(|identity| {
                    *by_identity.entry(*identity).or_insert(function.instance) == function.instance
                })
                .map(|identity| self.keys.of_operation(&name, identity));
            Arc::new(Operation {
                number,
                store_keys,
                ttl: self.lifetimes.of(&name, function.site.ttl()),
                name,
                counters: Counters::default(),
            })
        };
        by_function
            .entry(function.instance)
            .or_insert_with(make)
            .clone()
    }

    /// The operations that have been called, in no order.
    pub(crate) fn operations(&self) -> Vec<Arc<Operation>> {
        self.lock_operations()
            .by_function
            .values()
            .cloned()
            .collect()
    }

    fn lock_operations(&self) -> MutexGuard<'_, Operations> {
        self.operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The operations of one kind that have been called.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    by_function: HashMap<TypeId, Arc<Operation>>,
    by_identity: HashMap<Identity, TypeId>,
}
