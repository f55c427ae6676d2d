//! When a server is left alone.
//!
//! The breaker of a connection is *closed* while the connection is used, *open* while there is none,
//! and *half open* while the task that looks for a server tries one: [`link`](super::link) has these
//! states. Here it is decided when too many operations were in vain.

use std::sync::atomic::{AtomicU32, Ordering};

/// So many outcomes are remembered.
const REMEMBERED: u32 = 20;

/// Time-outs in a row that are too many.
const IN_A_ROW: u32 = 5;

/// How the last operations ended: a bit for each, the latest one is the lowest, and set where there
/// was no answer in time.
#[derive(Debug, Default)]
pub(super) struct Outcomes(AtomicU32);

impl Outcomes {
    pub(super) fn answered(&self) {
        // Read first: writing for every answer would pass the cache line around.
        if self.0.load(Ordering::Relaxed) != 0 {
            self.note(0);
        }
    }

    /// Says whether the server is to be left alone now, and why.
    pub(super) fn timed_out(&self) -> Option<String> {
        let outcomes = self.note(1);
        let (timeouts, row) = (outcomes.count_ones(), (1 << IN_A_ROW) - 1);
        if outcomes & row == row {
            Some(format!("{IN_A_ROW} time-outs in a row"))
        } else if timeouts > REMEMBERED / 2 {
            Some(format!("{timeouts} of {REMEMBERED} operations timed out"))
        } else {
            None
        }
    }

    pub(super) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn note(&self, outcome: u32) -> u32 {
        let with = |outcomes: u32| (outcomes << 1 | outcome) & ((1 << REMEMBERED) - 1);
        let relaxed = Ordering::Relaxed;
        let update = self.0.fetch_update(relaxed, relaxed, |it| Some(with(it)));
        with(update.unwrap_or_else(|unchanged| unchanged))
    }
}

#[cfg(test)]
mod tests {
    use super::Outcomes;

    #[test]
    fn five_time_outs_in_a_row_are_too_many() {
        let outcomes = Outcomes::default();
        for _ in 0..4 {
            assert_eq!(outcomes.timed_out(), None);
        }
        outcomes.answered();
        for _ in 0..4 {
            assert_eq!(outcomes.timed_out(), None);
        }
        assert!(outcomes.timed_out().is_some());
        outcomes.forget();
        assert_eq!(outcomes.timed_out(), None);
    }

    #[test]
    fn more_than_half_of_twenty_are_too_many() {
        let outcomes = Outcomes::default();
        for _ in 0..10 {
            assert_eq!(outcomes.timed_out(), None);
            outcomes.answered();
        }
        assert_eq!(outcomes.timed_out(), None, "ten of twenty");
        assert!(outcomes.timed_out().is_some(), "eleven of twenty");
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let outcomes = Outcomes::default();
        for _ in 0..100 {
            for _ in 0..4 {
                assert_eq!(outcomes.timed_out(), None);
            }
            for _ in 0..6 {
                outcomes.answered();
            }
        }
    }
}
