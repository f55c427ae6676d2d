//! Calls of functions that make their future or their stream by themselves, until these are made. What is
//! done by then is the application's, and may panic: it writes the key, and makes tags, lifetime and future.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::local::{self, Binding, Bound, Unbound};
use super::{Function, registry};
use crate::observe::{Ending, Record};
use crate::policy::TextMark;

/// Counts a call that a panic ends before it is under way.
#[cold]
pub(super) fn count_if_panicking(function: Function) {
    if thread::panicking() {
        // The kind may have to be made first, and the application may hear of that.
        let _ = catch_unwind(AssertUnwindSafe(|| count_panicked(function)));
    }
}

fn count_panicked(function: Function) {
    let (bound, ending) = match local::bind(function) {
        Binding::Bound(bound) | Binding::Watched(bound) => (bound, Ending::Panicked),
        Binding::Unbound(Unbound::SwitchedOff(bound)) => (*bound, Ending::SwitchedOff),
        Binding::Unbound(Unbound::UnknownKind) => return registry::count_unknown_kind(),
        // Nobody can say that yet.
        Binding::Unbound(Unbound::BeingMade) => return,
    };
    let Bound {
        kind, operation, ..
    } = bound;
    let tenant = local::tenant().ok().flatten();
    let tenant = tenant.as_deref();
    let of_tenant = tenant.map(|tenant| kind.tenants.counters(&operation.counters, tenant));
    let mut record = Record::begin(operation, TextMark::default(), of_tenant);
    record.tell(&kind.events, tenant);
    record.end_untimed(ending);
}
