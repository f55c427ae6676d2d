//! Who is told when a cache is not what it should be.
//!
//! - [`thresholds`]: from where on
//! - [`alert`]: what is told
//! - [`seen`]: what of the numbers of a cache it is about
//! - [`judgement`]: what is found of one cache, and whether that is new
//! - [`watch`]: a look every now and then

mod alert;
mod judgement;
mod seen;
#[cfg(test)]
mod tests;
mod thresholds;
mod watch;

pub use alert::{Alert, AlertLevel, AlertSubject};
pub use thresholds::{AlertThresholds, Threshold};
pub use watch::{AlertWatch, AlertWatchBuilder};
