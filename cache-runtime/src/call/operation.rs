//! One operation of one kind: its number in memory keys, its name in store keys, its lifetimes, how
//! its calls share a computation, and its counters.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::key::OperationKeys;
use crate::observe::Counters;
use crate::policy::{Lifetime, SingleFlight, Staleness};

#[derive(Debug)]
pub(crate) struct Operation {
    /// Begins every key in memory, so that only functions that are one operation share entries.
    pub(crate) number: u32,
    pub(crate) name: String,
    /// `None`: no key in a store would mean this operation and no other.
    pub(crate) store_keys: Option<OperationKeys>,
    pub(crate) lifetime: Lifetime,
    pub(crate) staleness: Staleness,
    pub(crate) single_flight: SingleFlight,
    /// Whether a computation goes on when its caller does not wait for it any more.
    pub(crate) is_detached: bool,
    pub(crate) counters: Counters,
    pub(crate) warned: Warned,
}

/// What is logged of an operation once: it may be so in each call, and is counted then.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    no_key: AtomicBool,
    bad_price: AtomicBool,
}

impl Operation {
    pub(super) fn warn_of_no_key(&self, kind: &str) {
        if !self.warned.no_key.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                kind,
                operation = self.name,
                "an argument cannot be serialized: such calls have no key and are not cached"
            );
        }
    }

    pub(super) fn warn_of_bad_price(&self, kind: &str) {
        if !self.warned.bad_price.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                kind,
                operation = self.name,
                "the price of an answer cannot be used and counts as zero: a closure panicked, or gave \
                 an amount that is negative, infinite or not a number"
            );
        }
    }
}
