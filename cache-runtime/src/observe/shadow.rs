//! Answers that were compared with what the body returned when it ran again.

use std::sync::atomic::{AtomicU64, Ordering};

use super::ShadowStatistics;

/// Of one operation.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    same: AtomicU64,
    different: AtomicU64,
    failed: AtomicU64,
}

impl Shadow {
    pub(crate) fn count_same(&self) {
        self.same.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_different(&self) {
        self.different.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn statistics(&self) -> ShadowStatistics {
        ShadowStatistics {
            same: self.same.load(Ordering::Relaxed),
            different: self.different.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}
