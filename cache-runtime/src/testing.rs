//! For tests of applications that use the cache.

pub use crate::clock::ManualClock;
