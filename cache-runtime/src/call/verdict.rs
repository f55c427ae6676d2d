//! What an entry is good for, for one call.

use std::time::Duration;

use super::control::Control;
use super::outcome::{MissReason, Origin, StaleCause};
use super::pending::Pending;
use super::results::Results;
use crate::generation::Touched;
use crate::memory::{Condition, Head, SharedEntry};

/// What an entry is good for, for one caller.
pub(super) enum Verdict {
    Answer(SharedEntry, Origin),
    /// The same, and a new one is to be computed in the background.
    Due(SharedEntry, Origin),
    /// Nothing, unless there is nothing better to be had.
    Spare(SharedEntry, MissReason),
    Nothing(MissReason),
}

impl Verdict {
    /// Whether nothing has to be computed before the call returns.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Answer(..) | Self::Due(..))
    }

    /// The entry and where it comes from, for one who wants nothing computed.
    pub(super) fn answer(self) -> Option<(SharedEntry, Origin)> {
        match self {
            Self::Answer(entry, origin) | Self::Due(entry, origin) => Some((entry, origin)),
            Self::Spare(..) | Self::Nothing(_) => None,
        }
    }
}

impl Pending {
    /// What a caller gets that gets nothing better, for this cause.
    pub(super) fn old_answer(
        &self,
        cause: StaleCause,
        control: Option<&Control>,
        results: &Results,
    ) -> Option<(SharedEntry, Origin)> {
        match self.in_memory(control, results) {
            Verdict::Spare(entry, _) => Some((entry, Origin::Stale(cause))),
            verdict => verdict.answer(),
        }
    }

    /// What memory has for this caller.
    pub(super) fn in_memory(&self, control: Option<&Control>, results: &Results) -> Verdict {
        self.kind.doubt_if_overdue();
        let memory = self.kind.memory.as_ref();
        match memory.and_then(|memory| memory.look(&self.key)) {
            Some((entry, condition)) => self.judge(entry, condition, control, results),
            None => Verdict::Nothing(MissReason::Absent),
        }
    }

    /// What an entry is good for that somebody else brought.
    pub(super) fn see(
        &self,
        entry: SharedEntry,
        control: Option<&Control>,
        results: &Results,
    ) -> Verdict {
        let condition = self.condition(&entry);
        self.judge(entry, condition, control, results)
    }

    fn judge(
        &self,
        entry: SharedEntry,
        condition: Condition,
        control: Option<&Control>,
        results: &Results,
    ) -> Verdict {
        if !results.has(&entry) {
            return Verdict::Nothing(MissReason::Absent);
        }
        let is_young = self.is_young(&entry, control);
        match self.judge_of_any_age(entry, condition) {
            nothing @ Verdict::Nothing(_) => nothing,
            _ if !is_young => Verdict::Nothing(MissReason::TooOld),
            verdict => verdict,
        }
    }

    /// What an entry is good for that its caller takes however old it is.
    fn judge_of_any_age(&self, entry: SharedEntry, condition: Condition) -> Verdict {
        let staleness = &self.operation.staleness;
        let now = self.kind.clock.now();
        let (head, overdue) = (&entry.head, entry.head.overdue(now));
        let is_due = |part| head.is_due(part, now);
        match condition {
            Condition::Fresh if staleness.refresh_ahead.is_some_and(is_due) => {
                Verdict::Due(entry, Origin::Memory)
            }
            Condition::Fresh => Verdict::Answer(entry, Origin::Memory),
            Condition::Stale if overdue < staleness.while_revalidate => {
                let origin = Origin::Stale(StaleCause::Revalidating);
                if head.is_paused(now) {
                    Verdict::Answer(entry, origin)
                } else {
                    Verdict::Due(entry, origin)
                }
            }
            Condition::Stale | Condition::ExpiredBefore
                if overdue < staleness.if_error && head.is_paused(now) =>
            {
                Verdict::Answer(entry, Origin::Stale(StaleCause::Failed))
            }
            Condition::Stale if overdue < staleness.if_error => {
                Verdict::Spare(entry, MissReason::Expired)
            }
            Condition::Expired | Condition::ExpiredBefore if overdue < staleness.if_error => {
                Verdict::Spare(entry, MissReason::Invalidated)
            }
            Condition::Stale | Condition::Over => Verdict::Nothing(MissReason::Expired),
            Condition::Expired | Condition::ExpiredBefore | Condition::Invalidated => {
                Verdict::Nothing(MissReason::Invalidated)
            }
        }
    }

    /// Whether an entry is good for this caller that another one just brought, kept or not. Where
    /// something may have been missed meanwhile it still is: else a store that comes and goes would have
    /// those who wait run the body one after the other.
    pub(super) fn is_good(
        &self,
        entry: &SharedEntry,
        control: Option<&Control>,
        results: &Results,
    ) -> bool {
        self.touched_beyond_doubt(&entry.head) == Touched::No
            && results.has(entry)
            && self.is_young(entry, control)
    }

    /// The same for a stream that another one is about, by what is known of its beginning.
    pub(crate) fn follows(&self, head: &Head) -> bool {
        self.touched_beyond_doubt(head) == Touched::No
    }

    /// Whether nothing was invalidated that an entry which was just computed belongs to. It may be kept
    /// although something was missed meanwhile, if the store is going to have it too: who asks for it
    /// next looks there.
    pub(super) fn is_untouched(&self, head: &Head, asks_store: bool) -> bool {
        let touched = if asks_store {
            self.touched_beyond_doubt(head)
        } else {
            self.touched(head)
        };
        touched == Touched::No
    }

    /// Whether something was invalidated or doubted since what it carries was noted.
    pub(super) fn has_changed(&self, entry: &SharedEntry) -> bool {
        matches!(
            self.touched(&entry.head),
            Touched::Expired | Touched::Removed
        )
    }

    fn touched(&self, head: &Head) -> Touched {
        let generations = &self.kind.generations;
        generations.touched(self.operation.number, head.key, &head.carried)
    }

    fn touched_beyond_doubt(&self, head: &Head) -> Touched {
        let generations = &self.kind.generations;
        generations.touched_beyond_doubt(self.operation.number, head.key, &head.carried)
    }

    pub(super) fn is_expired(&self, entry: &SharedEntry) -> bool {
        let condition = self.condition(entry);
        matches!(condition, Condition::Expired | Condition::ExpiredBefore)
    }

    fn condition(&self, entry: &SharedEntry) -> Condition {
        let touched = self.touched(&entry.head);
        entry.head.condition(self.kind.clock.now(), touched)
    }

    pub(crate) fn is_young(&self, entry: &SharedEntry, control: Option<&Control>) -> bool {
        let max_age = control.and_then(|control| control.max_age);
        max_age.is_none_or(|max_age| self.age(entry) <= max_age)
    }

    pub(super) fn age(&self, entry: &SharedEntry) -> Duration {
        self.kind.clock.now().since(entry.head.created)
    }
}
