//! The path of one cached call, from top to bottom.
//!
//! 1. [`enter`] writes the key and looks into memory. A hit ends here.
//! 2. [`Miss::ask`] goes the long way, which is in `pending`: it joins or leads the flight of the
//!    key and asks the store. Where that finds nothing, it is the call's [`Turn`]: its body runs.
//! 3. [`Turn::keep`] puts what is to be kept into memory at once, and to the store in the
//!    background.
//!
//! Beside that path: `shape`, `value` and `rule` say what of a result is kept; `site` is what is
//! known of a function before it is called; `control` and `tenant` are what a caller says about a
//! single call; `many` and `warm` are for several at once; `local` is what each thread has at hand.

mod control;
mod local;
mod many;
mod operation;
mod pending;
mod rule;
mod shape;
mod site;
mod tenant;
mod turn;
mod value;
mod warm;

use std::any::{TypeId, type_name};
use std::fmt::Display;
use std::marker::PhantomData;

pub use control::{
    Control, Origin, Outcome, bypass, expire, key, max_age, outcome, peek, refresh, remove, sync,
    ttl,
};
pub use rule::{Rule, always};
pub use shape::{LocalProbe, Probe, Probed, Shape, checked, local_plain, plain, returned};
pub use site::{CallSite, Collected, Description};
pub use tenant::{carry, tenant};
pub use turn::{Answered, Asked, Miss, Turn};
pub use value::{Local, LocalValue, Own, Shared, SharedValue, Value};
pub use warm::{Warm, WarmReport, warm};

pub(crate) use local::tenant as current_tenant;
pub(crate) use many::Lot;
pub(crate) use operation::Operation;
pub(crate) use pending::Pending;
pub(crate) use shape::{fallible, opaque};
pub(crate) use site::{Function, sites, unclear_claims};

use local::{Binding, Bound};

use crate::envelope::ValueType;
use crate::key::{KeyWriter, Written, is_longer, with_memory_key};
use crate::memory::SharedEntry;
use crate::observe::Event;
use crate::registry;

/// What [`enter`] found.
#[expect(missing_debug_implementations, reason = "would show the value")]
pub enum Entered<S: Shape> {
    /// The result of the call, from memory.
    Hit(S::Returned),
    /// The rest of the way.
    Miss(Miss),
}

/// The first steps of a call: writes the key and looks into memory.
#[inline]
pub fn enter<S: Shape, W: FnOnce(&mut KeyWriter<'_>)>(
    site: &'static CallSite,
    _shape: S,
    write_arguments: W,
) -> Entered<S> {
    // First: the arguments may call cached functions as they are written.
    let control = take_control(site);
    let mut written = local::take_buffer();
    let noticed = write(&mut written, write_arguments);
    let entered = look(Function::of::<S, W>(site), &mut written, noticed, control);
    local::give_back_buffer(written);
    entered
}

/// A call whose key is written, and which is not looked up before the future is polled that the
/// function returns.
pub struct Call<S> {
    function: Function,
    written: Vec<u8>,
    noticed: Written,
    tags: Vec<String>,
    shape: PhantomData<fn() -> S>,
}

impl<S> std::fmt::Debug for Call<S> {
    /// Without what was written: those are arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

/// The first step of a call of a function that makes its future by itself.
pub fn call<S: Shape, W: FnOnce(&mut KeyWriter<'_>)>(
    site: &'static CallSite,
    _shape: S,
    write_arguments: W,
) -> Call<S> {
    let mut written = Vec::new();
    Call {
        function: Function::of::<S, W>(site),
        noticed: write(&mut written, write_arguments),
        written,
        tags: Vec::new(),
        shape: PhantomData,
    }
}

impl<S> Call<S> {
    /// With these tags.
    #[must_use]
    pub fn tagged(mut self, tags: &[&dyn Display]) -> Self {
        self.tags = tags.iter().map(ToString::to_string).collect();
        self
    }

    /// Looks into memory.
    #[must_use]
    pub fn enter(mut self) -> Entered<S>
    where
        S: Shape,
    {
        let control = take_control(self.function.site);
        match look(self.function, &mut self.written, self.noticed, control) {
            Entered::Miss(miss) => {
                let tags: Vec<_> = self.tags.iter().map(|tag| tag as &dyn Display).collect();
                Entered::Miss(miss.tagged(&tags))
            }
            hit @ Entered::Hit(_) => hit,
        }
    }
}

impl Function {
    fn of<S: Shape, W>(site: &'static CallSite) -> Self {
        Self {
            site,
            // The closure stands inside the function, so its type and the name of that have the
            // generic arguments of the function and of the `impl` around it: what no macro can see.
            instance: typeid::of::<W>(),
            path: type_name::<W>(),
            kept: TypeId::of::<S::Kept>(),
        }
    }
}

#[inline]
fn write(written: &mut Vec<u8>, write_arguments: impl FnOnce(&mut KeyWriter<'_>)) -> Written {
    let mut writer = KeyWriter::new(written);
    write_arguments(&mut writer);
    writer.finish()
}

#[inline]
fn take_control(site: &'static CallSite) -> Option<Box<Control>> {
    if site.is_sync() {
        local::take_control_of_sync()
    } else {
        local::take_control()
    }
}

#[inline]
fn look<S: Shape>(
    function: Function,
    written: &mut Vec<u8>,
    mut noticed: Written,
    control: Option<Box<Control>>,
) -> Entered<S> {
    match local::tenant() {
        Ok(None) => {}
        Ok(Some(tenant)) => noticed.add_tenant(&tenant, written),
        Err(_) => noticed.refused = true,
    }
    if control.is_none()
        && let Some(entry) = find(function, written, &noticed)
        && let Some(value) = entry.value.downcast_ref::<S::Kept>()
    {
        return Entered::Hit(S::returned(value.clone()));
    }
    Entered::Miss(begin(function, written, &noticed, control, S::value_type()))
}

/// The entry in memory. Its value has this function's type: only functions that keep values of one
/// type have the number that its key begins with.
#[inline]
fn find(function: Function, written: &mut [u8], noticed: &Written) -> Option<SharedEntry> {
    if noticed.refused {
        return None;
    }
    local::with_bound(function, |bound: &Bound| {
        let memory = bound.kind.memory.as_ref()?;
        let entry = with_memory_key(bound.operation.number, written, |key| memory.get(key))?;
        bound.hits.increment();
        Some(entry)
    })
}

#[cold]
fn begin(
    function: Function,
    written: &mut [u8],
    noticed: &Written,
    control: Option<Box<Control>>,
    value_type: Option<ValueType>,
) -> Miss {
    let pending = match local::bind(function) {
        Binding::Unknown => {
            registry::count_unknown_kind();
            None
        }
        Binding::Bound(bound) => match obstacle(&bound, written, noticed) {
            Some(obstacle) => {
                bound.operation.counters.count(obstacle);
                None
            }
            None => Some(Pending::of_call(
                bound,
                written,
                noticed,
                control.as_deref(),
            )),
        },
    };
    Miss::of(pending, control, value_type, function.kept)
}

/// Why the call cannot be cached, if it cannot.
fn obstacle(bound: &Bound, written: &[u8], noticed: &Written) -> Option<Event> {
    if noticed.refused {
        return Some(Event::NoKey);
    }
    let arguments = noticed.arguments(written);
    if bound.kind.requires_tenant && arguments.tenant.is_none_or(<[u8]>::is_empty) {
        return Some(Event::NoTenant);
    }
    let ai = bound.kind.ai.as_ref();
    let is_too_long = ai
        .zip(arguments.text)
        .is_some_and(|(ai, text)| is_longer(text, ai.max_text_length));
    is_too_long.then_some(Event::TextTooLong)
}
