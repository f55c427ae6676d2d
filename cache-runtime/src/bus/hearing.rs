//! Whether everything was heard that others have announced.
//!
//! A channel loses what it cannot deliver, and tells nobody. So every sender counts what it announces,
//! each message says how many there were, and a beat says it now and then where there is nothing else
//! to say. What is missing when a beat has said for the second time that it was announced, has been
//! missed: messages may overtake each other, but not for that long.

use std::collections::HashMap;
use std::time::Duration;

use super::message::{Message, Said};
use crate::clock::Tick;

/// Senders that are remembered. One more, and all of them are forgotten.
const SENDERS: usize = 4096;

/// So many messages of a sender may overtake an earlier one.
const AHEAD: u64 = u64::BITS as u64;

#[derive(Debug, Default)]
pub(super) struct Hearing {
    senders: HashMap<u64, Heard>,
    /// Until then others say for the first time how much they have announced.
    begins_until: Option<Tick>,
    /// Somebody has done so who had announced something.
    has_others: bool,
}

/// What was heard of one sender.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// All announcements up to this one.
    all_up_to: u64,
    /// Of those after it: a bit for each, the lowest one is the next, which is missing.
    ahead: u64,
    /// What the last beat said.
    announced: u64,
    last: Tick,
}

/// Whether something was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Missed {
    Nothing,
    Something,
}

impl Hearing {
    /// From now on everything is heard. What was announced before is of no interest, and nobody knows
    /// yet how much that was: until then they say it, and then everything is to be doubted. Who is heard
    /// later for the first time is noticed then.
    pub(super) fn begin(&mut self, until: Tick) {
        self.senders.clear();
        self.begins_until = Some(until);
        self.has_others = false;
    }

    /// Whether it has begun.
    pub(super) fn has_begun(&mut self, now: Tick) -> Missed {
        let has_begun = self.begins_until.take_if(|until| now >= *until);
        Missed::unless(has_begun.is_none() || !self.has_others)
    }

    pub(super) fn hear(&mut self, message: &Message, now: Tick) -> Missed {
        let known = self.senders.get(&message.sender).copied();
        let announced = message.announced;
        let is_beat = matches!(message.said, Said::Beat | Said::Hello | Said::Bye);
        let Some(mut heard) = known else {
            // Whatever it has announced before.
            let has_said_nothing = announced == 0 || (announced == 1 && !is_beat);
            let begins = self.begins_until.is_some();
            self.has_others |= begins && !has_said_nothing;
            let first = begins || has_said_nothing;
            let has_room = self.senders.len() < SENDERS;
            if !has_room {
                self.senders.clear();
            }
            if message.said != Said::Bye {
                self.senders
                    .insert(message.sender, Heard::all(announced, now));
            }
            return Missed::unless(first && has_room);
        };
        heard.last = now;
        let nothing_missed = if is_beat {
            let is_last = message.said == Said::Bye;
            let due = if is_last { announced } else { heard.announced };
            heard.announced = announced;
            let has_all = heard.all_up_to >= due;
            if !has_all {
                heard = Heard::all(announced, now);
            }
            has_all
        } else {
            heard.note(announced)
        };
        if message.said == Said::Bye {
            self.senders.remove(&message.sender);
        } else {
            self.senders.insert(message.sender, heard);
        }
        Missed::unless(nothing_missed)
    }

    /// Forgets senders that were not heard for so long: nobody knows what they have announced since.
    pub(super) fn forget_silent(&mut self, now: Tick, silence: Duration) -> Missed {
        let before = self.senders.len();
        self.senders
            .retain(|_, heard| now.since(heard.last) < silence);
        Missed::unless(before == self.senders.len())
    }
}

impl Heard {
    /// Of a sender of whom nothing is missing.
    fn all(announced: u64, now: Tick) -> Self {
        Self {
            all_up_to: announced,
            ahead: 0,
            announced,
            last: now,
        }
    }

    /// Notes one announcement, and says whether it can be told apart from the others.
    fn note(&mut self, number: u64) -> bool {
        let Some(place) = number.checked_sub(self.all_up_to + 1) else {
            // Twice: it does no harm.
            return true;
        };
        if place >= AHEAD {
            *self = Self::all(number, self.last);
            return false;
        }
        self.ahead |= 1 << place;
        let next = self.ahead.trailing_ones();
        self.all_up_to += u64::from(next);
        self.ahead = self.ahead.checked_shr(next).unwrap_or(0);
        true
    }
}

impl Missed {
    fn unless(nothing: bool) -> Self {
        if nothing {
            Self::Nothing
        } else {
            Self::Something
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Missed::{self, Nothing, Something};
    use super::{AHEAD, Hearing, SENDERS};
    use crate::bus::message::{Invalidated, Message, Said};
    use crate::clock::Tick;
    use crate::generation::KeyHash;

    fn hear(hearing: &mut Hearing, sender: u64, announced: u64, said: Said) -> Missed {
        let message = Message {
            sender,
            announced,
            said,
        };
        hearing.hear(&message, Tick::NEVER)
    }

    fn invalidated() -> Said {
        Said::Invalidated(Invalidated::Entry(KeyHash(1)))
    }

    #[test]
    fn whoever_is_heard_from_the_beginning_leaves_no_doubt() {
        let mut hearing = Hearing::default();
        assert_eq!(hear(&mut hearing, 1, 0, Said::Beat), Nothing);
        for number in 1..1000 {
            assert_eq!(hear(&mut hearing, 1, number, invalidated()), Nothing);
            assert_eq!(hear(&mut hearing, 1, number, Said::Beat), Nothing);
        }
        assert_eq!(hear(&mut hearing, 1, 999, Said::Bye), Nothing);
        assert_eq!(hear(&mut hearing, 2, 1, invalidated()), Nothing);
    }

    #[test]
    fn whoever_is_heard_for_the_first_time_has_said_something_before() {
        let mut hearing = Hearing::default();
        assert_eq!(hear(&mut hearing, 1, 1, Said::Beat), Something);
        assert_eq!(hear(&mut hearing, 1, 2, invalidated()), Nothing);
        assert_eq!(hear(&mut hearing, 2, 2, invalidated()), Something);
        assert_eq!(hear(&mut hearing, 3, 5, Said::Bye), Something);
    }

    #[test]
    fn at_the_beginning_everybody_is_heard_for_the_first_time() {
        let mut hearing = Hearing::default();
        hearing.begin(Tick::NEVER);
        assert_eq!(hear(&mut hearing, 1, 7, Said::Beat), Nothing);
        assert_eq!(hearing.has_begun(Tick::NEVER), Something);
        assert_eq!(hearing.has_begun(Tick::NEVER), Nothing, "once");
        assert_eq!(hear(&mut hearing, 2, 7, Said::Beat), Something);
        assert_eq!(hear(&mut hearing, 1, 8, invalidated()), Nothing);

        hearing.begin(Tick::NEVER);
        assert_eq!(hear(&mut hearing, 1, 0, Said::Hello), Nothing);
        assert_eq!(hearing.has_begun(Tick::NEVER), Nothing, "nothing was said");
    }

    #[test]
    fn what_is_missing_at_the_second_beat_was_missed() {
        let mut hearing = Hearing::default();
        assert_eq!(hear(&mut hearing, 1, 0, Said::Beat), Nothing);
        assert_eq!(hear(&mut hearing, 1, 2, invalidated()), Nothing);
        assert_eq!(hear(&mut hearing, 1, 2, Said::Beat), Nothing);
        assert_eq!(hear(&mut hearing, 1, 2, Said::Beat), Something);
        assert_eq!(hear(&mut hearing, 1, 2, Said::Beat), Nothing, "once");
        assert_eq!(hear(&mut hearing, 1, 3, invalidated()), Nothing);
        assert_eq!(hear(&mut hearing, 1, 5, Said::Bye), Something);
    }

    #[test]
    fn messages_may_overtake_each_other() {
        let mut hearing = Hearing::default();
        assert_eq!(hear(&mut hearing, 1, 0, Said::Beat), Nothing);
        for number in (1..=AHEAD).rev() {
            assert_eq!(hear(&mut hearing, 1, number, invalidated()), Nothing);
        }
        assert_eq!(hear(&mut hearing, 1, AHEAD, Said::Bye), Nothing);

        assert_eq!(hear(&mut hearing, 1, 0, Said::Beat), Nothing);
        let too_far = AHEAD + 1;
        assert_eq!(hear(&mut hearing, 1, too_far, invalidated()), Something);
        assert_eq!(hear(&mut hearing, 1, too_far, Said::Bye), Nothing);
    }

    #[test]
    fn whoever_falls_silent_may_have_said_anything() {
        let (mut hearing, second) = (Hearing::default(), Duration::from_secs(1));
        assert_eq!(hear(&mut hearing, 1, 0, Said::Beat), Nothing);
        assert_eq!(hearing.forget_silent(Tick::NEVER, second), Nothing);
        assert_eq!(
            hearing.forget_silent(Tick::NEVER, Duration::ZERO),
            Something
        );
        assert_eq!(hearing.forget_silent(Tick::NEVER, Duration::ZERO), Nothing);
    }

    #[test]
    fn more_senders_than_are_remembered_take_no_room() {
        let mut hearing = Hearing::default();
        for sender in 0..SENDERS as u64 {
            assert_eq!(hear(&mut hearing, sender, 0, Said::Beat), Nothing);
        }
        assert_eq!(hear(&mut hearing, u64::MAX, 0, Said::Beat), Something);
        assert_eq!(hearing.senders.len(), 1);
    }
}
