//! What an entry is good for.

use larder::call::{Origin, StaleCause};

use crate::steps::{Answer, Function, Key, Time, Verb, Way};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of this copy.
    pub number: u64,
    pub answer: Answer,
    pub created: Time,
    pub fresh_until: Time,
    pub touched: Option<Verb>,
    /// Until then nobody asks for a new one.
    pub paused_until: Time,
}

/// What an entry is good for, for one caller.
#[derive(Clone, Copy)]
pub enum Good {
    Answer(Entry, Origin),
    /// The same, and a new one is computed in the background.
    Due(Entry, Origin),
    /// To be served if the body fails.
    Spare(Entry),
    /// Something, for others: `max_age`.
    TooOld,
    Nothing,
}

impl Entry {
    pub fn judge(&self, now: Time, key: Key, way: Way) -> Good {
        match self.judge_of_any_age(now, key) {
            Good::Nothing => Good::Nothing,
            _ if self.is_too_old(now, way) => Good::TooOld,
            good => good,
        }
    }

    pub fn judge_of_any_age(&self, now: Time, key: Key) -> Good {
        let options = key.function.options();
        let age = now - self.created;
        let overdue = now.saturating_sub(self.fresh_until);
        let is_fresh = now < self.fresh_until;
        let is_paused = now < self.paused_until;
        let revalidating = Origin::Stale(StaleCause::Revalidating);
        match self.touched {
            // `err_ttl`: "so long … an `Err` is the answer", and no longer.
            _ if self.answer.is_err() && !self.is_served(now) => return Good::Nothing,
            // "An answer that was removed is never served."
            Some(Verb::Remove) => return Good::Nothing,
            None if is_fresh => {
                let is_due = options.refresh_at.is_some_and(|at| {
                    age * Function::TTL >= at * (self.fresh_until - self.created)
                });
                return if is_due && !is_paused {
                    Good::Due(*self, Origin::Memory)
                } else {
                    Good::Answer(*self, Origin::Memory)
                };
            }
            // "An answer whose lifetime has been over for less than …"; not one that was expired.
            None if overdue < options.while_revalidate => {
                return if is_paused {
                    Good::Answer(*self, revalidating)
                } else {
                    Good::Due(*self, revalidating)
                };
            }
            Some(Verb::Expire) | None => {}
        }
        // "So long past its lifetime, or after it was expired."
        if overdue >= options.if_error {
            Good::Nothing
        } else if is_paused {
            Good::Answer(*self, Origin::Stale(StaleCause::Failed))
        } else {
            Good::Spare(*self)
        }
    }

    /// `max_age`: "takes no answer that is older than this."
    pub fn is_too_old(&self, now: Time, way: Way) -> bool {
        matches!(way, Way::MaxAge(most) if now - self.created > most)
    }

    pub fn is_served(&self, now: Time) -> bool {
        now < self.fresh_until && self.touched.is_none()
    }

    /// A removed one stays so. An expiry ends the pause: "the next call runs its body".
    pub fn touch(&mut self, verb: Verb) {
        self.paused_until = 0;
        if self.touched != Some(Verb::Remove) {
            self.touched = Some(verb);
        }
    }

    /// Whether it is a value that somebody may still get.
    pub fn is_value(&self, now: Time, key: Key) -> bool {
        let options = key.function.options();
        let window = options.while_revalidate.max(options.if_error);
        let is_kept = match self.touched {
            None => true,
            Some(Verb::Expire) => window > 0,
            Some(Verb::Remove) => false,
        };
        self.answer.is_ok() && is_kept && now < self.fresh_until + window
    }
}
