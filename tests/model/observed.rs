//! What can be seen of a cache from outside.

use std::collections::{BTreeMap, BTreeSet};

use larder::call::Origin;

use crate::steps::{Answer, Caller, Time};

/// What came to pass in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Calls that began to run their bodies.
    pub started: BTreeSet<Caller>,
    pub ended: BTreeMap<Caller, Ended>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    With(Found),
    Panicked,
}

/// What a call returned, and its origin and age where it was asked for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub answer: Answer,
    pub told: Option<(Origin, Time)>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub memory_hits: u64,
    pub store_hits: u64,
    pub joined: u64,
    pub stale: u64,
    pub computed: u64,
    pub not_kept: u64,
    pub failed: u64,
    pub missed: u64,
    pub bypassed: u64,
    pub refreshed: u64,
    /// Entries that would be served.
    pub in_memory: usize,
}
