//! What is counted of one cache: of that, what alerts are about.

use crate::call::MissReason;
use crate::observe::insight::figures::{float, millis, ratio, sum};
use crate::observe::times::Times;
use crate::observe::{Ending, Statistics};

/// Of fewer requests, hits that were timed or questions to the store nothing is said about these: a cache
/// that has just begun has no hits (ALR-5), and one that took long is no mean.
pub(super) const ENOUGH: u64 = 10;

/// Why a store that had to be asked gave no answer.
const UNANSWERED: [MissReason; 2] = [MissReason::StoreAway, MissReason::StoreTimedOut];

/// Why no store was asked.
const UNASKED: [MissReason; 6] = [
    MissReason::Refreshed,
    MissReason::UnknownKind,
    MissReason::SwitchedOff,
    MissReason::NoKey,
    MissReason::TextTooLong,
    MissReason::NoTenant,
];

/// Numbers that only grow, or what has come of them in a while.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    hits: u64,
    misses: u64,
    /// Calls that asked the store, and those that had no answer of it.
    asked: u64,
    unanswered: u64,
    memory_hits: u64,
    /// Of hits in memory, those that were timed.
    in_memory: Times,
    /// Other hits, but for those that waited for another call.
    elsewhere: Times,
}

impl Seen {
    pub(super) fn of(statistics: &Statistics) -> Self {
        let counts = &statistics.counts;
        let operations = || statistics.operations.values();
        let of = |reasons: &[MissReason]| sum(reasons.iter().map(|it| counts.missed_because(*it)));
        let asked = of(&MissReason::ALL).saturating_sub(of(&UNASKED));
        Self {
            hits: counts.hits(),
            misses: counts.misses(),
            asked: asked.saturating_add(counts.of(Ending::StoreHit)),
            unanswered: of(&UNANSWERED),
            memory_hits: counts.of(Ending::MemoryHit),
            in_memory: Times::of(operations().map(|operation| &operation.memory_hits)),
            elsewhere: Times::of(operations().map(|operation| &operation.other_hits)),
        }
    }

    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self {
            hits: self.hits.saturating_sub(earlier.hits),
            misses: self.misses.saturating_sub(earlier.misses),
            asked: self.asked.saturating_sub(earlier.asked),
            unanswered: self.unanswered.saturating_sub(earlier.unanswered),
            memory_hits: self.memory_hits.saturating_sub(earlier.memory_hits),
            in_memory: self.in_memory.since(earlier.in_memory),
            elsewhere: self.elsewhere.since(earlier.elsewhere),
        }
    }

    /// Requests, and hits as a part of them.
    pub(super) fn hit_ratio(&self) -> (u64, f64) {
        let requests = self.hits.saturating_add(self.misses);
        (requests, part(self.hits, requests))
    }

    /// Hits that were timed, and what one takes, in milliseconds. Of hits in memory those that were timed
    /// stand for all of them; where none was, all of them together take no time to speak of.
    pub(super) fn time_of_hits(&self) -> (u64, f64) {
        let timed = self.in_memory.count.saturating_add(self.elsewhere.count);
        let in_memory = float(self.memory_hits);
        let hits = in_memory + float(self.elsewhere.count);
        let took = in_memory * self.in_memory.mean().unwrap_or_default();
        let took = took + millis(self.elsewhere.total);
        (timed, if hits > 0.0 { took / hits } else { 0.0 })
    }

    /// Calls that asked the store, and the part of them that had no answer.
    pub(super) fn unanswered(&self) -> (u64, f64) {
        (self.asked, part(self.unanswered, self.asked))
    }
}

fn part(of: u64, whole: u64) -> f64 {
    ratio(of, whole).unwrap_or_default()
}
