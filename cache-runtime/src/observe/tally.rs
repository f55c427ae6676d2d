//! How calls have ended, counted as they end.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Counts, Ending};
use crate::call::MissReason;

/// How the calls of one operation have ended that have something in common.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    endings: [AtomicU64; Ending::ALL.len()],
    reasons: [AtomicU64; MissReason::ALL.len()],
}

impl Tally {
    pub(super) fn count(&self, ending: Ending, why: Option<MissReason>) {
        self.endings[ending as usize].fetch_add(1, Ordering::Relaxed);
        if let Some(why) = why.filter(|_| ending.is_miss()) {
            self.reasons[why as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counts {
            endings: std::array::from_fn(|at| read(&self.endings[at])),
            reasons: std::array::from_fn(|at| read(&self.reasons[at])),
            ..Counts::default()
        }
    }
}
