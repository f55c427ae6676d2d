//! Whether there is a runtime to wait on.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
pub(crate) use tokio::time::Instant;
use tokio::time::{Sleep, sleep_until, timeout_at};

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

/// Wakes one who waits for a moment, where there are timers.
#[derive(Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Whether the moment is there; woken when it is. Without timers nobody is.
    pub(crate) fn poll(&mut self, moment: Instant, context: &mut Context<'_>) -> Poll<()> {
        if !has_timer() {
            return Poll::Pending;
        }
        // Anew each time: it may be another runtime by now.
        let sleep = self.0.insert(Box::pin(sleep_until(moment)));
        sleep.as_mut().poll(context)
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
