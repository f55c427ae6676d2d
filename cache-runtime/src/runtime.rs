//! Whether there is a runtime to wait on.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, timeout_at};

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

    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(has_timer) = known().get_or_insert_default().get(&id) {
        return *has_timer;
    }
    // With nothing locked: it may be logged.
    let has_timer = has_timer_now();
    known().get_or_insert_default().insert(id, has_timer);
    has_timer
}

/// What comes of the work until then, if anything; without timers it is waited for however long it
/// takes.
pub(crate) async fn until<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    if has_timer() {
        timeout_at(deadline, work).await.ok()
    } else {
        Some(work.await)
    }
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
