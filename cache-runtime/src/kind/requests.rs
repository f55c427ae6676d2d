//! Operations that are asked for by name, with or without a function that has them.

use std::any::TypeId;
use std::sync::Arc;

use super::{Kind, keeping};
use crate::call::{CallSite, Operation, Warned, claim};
use crate::key::Identity;
use crate::observe::Counters;
use crate::policy::{SingleFlight, Staleness};

/// So many different requests of one kind are kept: by operation, names of options, and type of the
/// answer. More of them come from names that are made up as the program runs.
const MOST: usize = 10_000;

/// Of what is kept under no operation that is known here. No operation has it.
const NONE: u32 = u32::MAX;

impl Kind {
    /// The operation of requests with this identity whose answers have this type, made when it is
    /// first asked for. `None` where there are too many.
    ///
    /// Where a function has the same identity and keeps the same type, they have their entries in
    /// common.
    pub(crate) fn requested(
        &self,
        name: &str,
        identity: Identity,
        kept: TypeId,
    ) -> Option<Arc<Operation>> {
        let (operation, is_last) = self.find_requested(name, identity, kept)?;
        // A log may be anything, a cached function too: it is not called with the lock held.
        if is_last {
            tracing::warn!(
                kind = self.name,
                most = MOST,
                "too many different requests: those with other operations or names of options than \
                 the ones before are not kept"
            );
        }
        Some(operation)
    }

    /// The operation, and whether it is the last one that is made.
    fn find_requested(
        &self,
        name: &str,
        identity: Identity,
        kept: TypeId,
    ) -> Option<(Arc<Operation>, bool)> {
        let operations = &mut *self.lock_operations();
        let alike = operations.by_identity.get(&identity);
        if let Some(known) = alike.and_then(|alike| keeping(kept, &alike.requests)) {
            return Some((known.clone(), false));
        }
        if operations.requested >= MOST {
            return None;
        }
        let function = alike.and_then(|alike| keeping(kept, &alike.functions));
        let (number, store_keys) = if let Some(function) = function {
            (function.number, function.store_keys.clone())
        } else {
            let store_keys = self.keys.of_operation(name, identity);
            (operations.next_number(), Some(store_keys))
        };
        let site = claim(&self.name, name);
        let operation = Arc::new(Operation {
            number,
            store_keys,
            lifetime: self
                .lifetimes
                .of_requests(name, site.and_then(CallSite::ttl)),
            // What is computed anew in the background would have to outlive its caller.
            staleness: Staleness::NONE,
            single_flight: site.map_or(SingleFlight::Process, CallSite::single_flight),
            is_detached: false,
            name: name.to_owned(),
            counters: Counters::new(self.is_timed),
            warned: Warned::default(),
        });
        self.events.name(operation.number, &operation.name);
        operations.requested += 1;
        let alike = operations.by_identity.entry(identity).or_default();
        alike.requests.push((kept, operation.clone()));
        Some((operation, operations.requested == MOST))
    }

    /// The numbers of all operations with this identity; at least one.
    pub(crate) fn numbers(&self, identity: Identity) -> Vec<u32> {
        let operations = self.lock_operations();
        let Some(alike) = operations.by_identity.get(&identity) else {
            return vec![NONE];
        };
        let known = alike.functions.iter().chain(&alike.requests);
        let mut numbers: Vec<u32> = known.map(|(_, operation)| operation.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}
