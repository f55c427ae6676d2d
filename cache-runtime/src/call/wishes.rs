//! How what a caller wants gets to the call that it is about: it lies at hand, on the thread, while that
//! call begins.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::control::{Control, Report, Way};
use super::local;
use super::outcome::Outcome;
use super::tenant::in_tenant;
use crate::policy::Ttl;

/// Calls a function that is not async, with these wishes, and says where its result came from.
///
/// The wishes hold for the first cached function that is called inside. There is no `peek`,
/// `remove`, `expire` or `key` for it: a function that is not async cannot be stopped on its way to
/// its body.
///
/// ```
/// # use cache_runtime as larder;
/// # fn parsed(text: &str) -> usize { text.len() }
/// use larder::call::{self, Control};
///
/// let outcome = call::sync(Control::new().refresh(), || parsed("1 + 1"));
/// println!("{} from {}", outcome.value, outcome.origin);
/// ```
pub fn sync<R>(mut control: Control, call: impl FnOnce() -> R) -> Outcome<R> {
    let report = Arc::<OnceLock<Report>>::default();
    control.reports.push(report.clone());
    let mut tenant = control.tenant.take();
    let value = with_wishes_of_sync(control, || {
        if tenant.is_some() {
            in_tenant(&mut tenant, call)
        } else {
            call()
        }
    });
    Outcome::of(value, &report)
}

/// Calls `run` with these wishes at hand, and says whether a cached call took them.
pub(super) fn with_wishes<R>(mut wishes: Control, run: impl FnOnce() -> R) -> (R, bool) {
    let Control {
        way, ttl, max_age, ..
    } = wishes;
    let outer = local::take_control();
    if let Some(outer) = outer.as_deref() {
        wishes.within(outer);
    }
    let mut take_back = TakeBack {
        outer,
        is_over: false,
    };
    local::leave_control(Box::new(wishes));
    let value = run();
    let was_taken = take_back.take_back();
    if !was_taken && (way.is_some() || ttl.is_some() || max_age.is_some()) {
        warn_of_no_call(way, ttl, max_age);
    }
    (value, was_taken)
}

#[cold]
fn warn_of_no_call(way: Option<Way>, ttl: Option<Ttl>, max_age: Option<Duration>) {
    tracing::warn!(
        ?way,
        ?ttl,
        ?max_age,
        "what was wrapped reached no cached call (a future: in its first poll), so nothing is \
         controlled"
    );
}

/// The same for a function that is not async. What would stop a call is not for it and stays as it
/// was.
fn with_wishes_of_sync<R>(wishes: Control, run: impl FnOnce() -> R) -> R {
    let aside = match local::take_control() {
        Some(outer) if outer.stops() => Some(outer),
        Some(outer) => {
            local::leave_control(outer);
            None
        }
        None => None,
    };
    let _put_back = PutBack(aside);
    with_wishes(wishes, run).0
}

/// Wishes that are left where they were, also when the call panics.
struct PutBack(Option<Box<Control>>);

impl Drop for PutBack {
    fn drop(&mut self) {
        if let Some(control) = self.0.take() {
            local::leave_control(control);
        }
    }
}

/// Takes back what no cached call took, also when the call panics, and leaves the wishes of the
/// wrapper around it where they were.
struct TakeBack {
    outer: Option<Box<Control>>,
    is_over: bool,
}

impl TakeBack {
    /// Whether a cached call took the wishes.
    fn take_back(&mut self) -> bool {
        self.is_over = true;
        let was_taken = local::take_control().is_none();
        if let Some(outer) = self.outer.take().filter(|_| !was_taken) {
            local::leave_control(outer);
        }
        was_taken
    }
}

impl Drop for TakeBack {
    fn drop(&mut self) {
        if !self.is_over {
            self.take_back();
        }
    }
}
