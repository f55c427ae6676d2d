//! A library whose manifest calls `larder` by another name.

use std::sync::atomic::{AtomicUsize, Ordering};

pub use memo;

/// How often the body of [`doubled`] ran.
pub static RUNS: AtomicUsize = AtomicUsize::new(0);

/// Twice as much.
#[memo::cached(op = "renamed.doubled")]
pub async fn doubled(n: u64) -> u64 {
    RUNS.fetch_add(1, Ordering::SeqCst);
    n * 2
}

/// Writes an annotated function into another crate, which need not know of `larder`.
#[macro_export]
macro_rules! tripled {
    ($name:ident, $runs:expr) => {
        #[$crate::memo::cached(op = "renamed.tripled", crate = $crate::memo)]
        async fn $name(n: u64) -> u64 {
            $runs.fetch_add(1, ::std::sync::atomic::Ordering::SeqCst);
            n * 3
        }
    };
}
