//! What of a kind is switched off.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Everything is on in the beginning. Call sites look here when they are bound: who turns something
/// has them bound anew.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    is_off: AtomicBool,
    operations_off: Mutex<BTreeSet<String>>,
}

impl Switch {
    pub(crate) fn turn(&self, on: bool) {
        self.is_off.store(!on, Ordering::Release);
    }

    pub(crate) fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Acquire)
    }

    pub(crate) fn turn_operation(&self, operation: &str, on: bool) {
        let mut off = self.lock();
        if on {
            off.remove(operation);
        } else {
            off.insert(operation.to_owned());
        }
    }

    /// Whether functions with this operation are to use the cache.
    pub(crate) fn is_on_for(&self, operation: &str) -> bool {
        !self.is_off() && !self.lock().contains(operation)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.operations_off
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
