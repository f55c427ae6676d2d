//! How long things may take on the way to a Redis.

use std::time::Duration;

/// How long the first attempt to find a server may take, from name resolution to the answer to a PING.
pub(crate) const ATTEMPT: Duration = Duration::from_millis(500);

/// How long things may take over a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// An operation that is given up after this time or more counts as timed out.
    pub(crate) budget: Duration,
    /// From one attempt to find a server to the next one: half of this, up to all of it, so that many
    /// processes do not come back in step.
    pub(crate) open_for: Duration,
    /// The longest time that an attempt to find a server may take: [`ATTEMPT`] or more.
    pub(crate) attempt: Duration,
}

impl Pace {
    pub(super) fn pause(self) -> Duration {
        self.open_for.mul_f64(fastrand::f64() / 2.0 + 0.5)
    }

    /// Before the next attempt, after so many connections in a row over which nothing was answered: a
    /// server may take connections and end them. One such connection says nothing, because a server
    /// may be restarted while nobody asks it anything.
    pub(super) fn pause_after(self, in_vain: u32) -> Duration {
        match in_vain {
            0 | 1 => Duration::ZERO,
            _ => self.pause() / (8 >> (in_vain - 2).min(3)),
        }
    }
}

/// How long one attempt after the other may take. One that has no answer is followed by one that is
/// twice as long, so that a server far away is found in the end; after the longest it begins anew, so
/// that none is waited for that has lost what was sent to it.
#[derive(Debug)]
pub(super) struct Attempts {
    next: Duration,
    longest: Duration,
}

impl Attempts {
    pub(super) fn up_to(longest: Duration) -> Self {
        Self {
            next: ATTEMPT,
            longest: longest.max(ATTEMPT),
        }
    }

    /// The next one, which counts as one without an answer until [`again`](Self::again) is told.
    pub(super) fn take(&mut self) -> Duration {
        let attempt = self.next;
        self.next = if self.is_longest(attempt) {
            ATTEMPT
        } else {
            (attempt * 2).min(self.longest)
        };
        attempt
    }

    /// That one had time enough, whatever the answer was.
    pub(super) fn again(&mut self, attempt: Duration) {
        self.next = attempt;
    }

    pub(super) fn is_longest(&self, attempt: Duration) -> bool {
        attempt >= self.longest
    }
}

/// Why an attempt came to nothing.
pub(super) struct Failure {
    pub(super) reason: String,
    /// Whether somebody has not answered in time, so that more of it may help.
    pub(super) is_late: bool,
}

impl From<String> for Failure {
    /// What was said in time.
    fn from(reason: String) -> Self {
        Self {
            reason,
            is_late: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Attempts;

    fn first_of(attempts: &mut Attempts, count: usize) -> Vec<u128> {
        let taken = std::iter::repeat_with(|| attempts.take().as_millis());
        taken.take(count).collect()
    }

    #[test]
    fn attempts_without_an_answer_get_longer_and_begin_anew() {
        let mut attempts = Attempts::up_to(Duration::from_secs(5));
        let expected = [500, 1000, 2000, 4000, 5000, 500, 1000];
        assert_eq!(first_of(&mut attempts, 7), expected);
        let mut attempts = Attempts::up_to(Duration::from_secs(2));
        assert_eq!(first_of(&mut attempts, 4), [500, 1000, 2000, 500]);
    }

    #[test]
    fn attempts_are_all_the_same_where_they_may_not_be_longer() {
        for longest in [0, 500] {
            let mut attempts = Attempts::up_to(Duration::from_millis(longest));
            assert_eq!(first_of(&mut attempts, 3), [500; 3]);
        }
    }

    #[test]
    fn an_attempt_that_was_answered_had_time_enough() {
        let mut attempts = Attempts::up_to(Duration::from_secs(5));
        attempts.take();
        let second = attempts.take();
        attempts.again(second);
        assert_eq!(first_of(&mut attempts, 2), [1000, 2000]);
    }
}
