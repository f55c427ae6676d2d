//! Whether there is a runtime to wait on.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Handle, Id};

/// Whether the caller is on a tokio runtime with timers (`enable_time`, `enable_all`).
///
/// A store is of no use on another one, and nobody gives up waiting there. tokio has no way to ask, and panics where a timer is made
/// without: so it is tried, once for each runtime.
pub(crate) fn has_timer() -> bool {
    thread_local! {
        static LAST: Cell<Option<(Id, bool)>> = const { Cell::new(None) };
    }
    let Ok(runtime) = Handle::try_current() else {
        return false;
    };
    let id = runtime.id();
    match LAST.get() {
        Some((last, has_timer)) if last == id => has_timer,
        _ => {
            let has_timer = look_up(id);
            LAST.set(Some((id, has_timer)));
            has_timer
        }
    }
}

fn look_up(id: Id) -> bool {
    static KNOWN: Mutex<Option<HashMap<Id, bool>>> = Mutex::new(None);

    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known
        .get_or_insert_default()
        .entry(id)
        .or_insert_with(has_timer_now)
}

fn has_timer_now() -> bool {
    let made = catch_unwind(AssertUnwindSafe(|| {
        drop(tokio::time::sleep(Duration::ZERO));
    }));
    if made.is_err() {
        tracing::warn!(
            "this tokio runtime has no timers (`enable_all`): stores and time-outs are not used on it"
        );
    }
    made.is_ok()
}
