//! What is counted. Counting never decides anything.

mod statistics;

pub use statistics::{CacheStats, RefusedEntries};
pub(crate) use statistics::{Counters, Event, ThreadCount};
