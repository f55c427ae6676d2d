//! One operation of one kind: its number in memory keys, its name in store keys, its lifetimes, how
//! its calls share a computation, and its counters.

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
}
