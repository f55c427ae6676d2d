//! How long something took in a stretch of time.

use std::time::Duration;

use super::Latencies;
use super::insight::figures::{float, millis};

/// How long something took, so often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) total: Duration,
}

impl Times {
    /// Of all of these together.
    pub(super) fn of<'a>(latencies: impl IntoIterator<Item = &'a Latencies>) -> Self {
        let mut times = Self::default();
        for latencies in latencies {
            times.count = times.count.saturating_add(latencies.count);
            times.total = times.total.saturating_add(latencies.total);
        }
        times
    }

    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            count: self.count.saturating_sub(earlier.count),
            total: self.total.saturating_sub(earlier.total),
        }
    }

    /// In milliseconds.
    pub(super) fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| millis(self.total) / float(self.count))
    }
}
