//! What is counted, and who is told. Counting never decides anything.

mod removal;
mod statistics;

pub(crate) use removal::Removals;
pub use removal::{Removal, RemovalCause};
pub use statistics::{CacheStats, RefusedEntries};
pub(crate) use statistics::{Counters, Event, ThreadCount};
