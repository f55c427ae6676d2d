//! The path of one cached call, from top to bottom.
//!
//! 1. [`enter`] writes the key and looks into memory. A hit ends here.
//! 2. [`Miss::run`] goes the long way, which is in `pending`: it joins or leads the flight of the
//!    key and asks the store; where that finds nothing, the body runs.
//! 3. What is to be kept goes into memory at once, and to the store in the background.
//!
//! Beside that path: `shape`, `value` and `rule` say what of a result is kept; `site` is what is
//! known of a function before it is called; `control` and `tenant` are what a caller says about a
//! single call; `local` is what each thread has at hand.

mod control;
mod local;
mod operation;
mod pending;
mod rule;
mod shape;
mod site;
mod tenant;
mod value;

use std::any::{TypeId, type_name};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

pub use control::{
    Control, Origin, Outcome, bypass, expire, key, max_age, outcome, peek, refresh, remove, sync,
    ttl,
};
pub use rule::{Rule, always};
pub use shape::{LocalProbe, Probe, Probed, Shape, checked, local_plain, plain, returned};
pub use site::{CallSite, Collected, Description};
pub use tenant::{carry, tenant};
pub use value::{Local, LocalValue, Own, Shared, SharedValue, Value};

pub(crate) use local::tenant as current_tenant;
pub(crate) use operation::Operation;
pub(crate) use pending::Pending;
pub(crate) use shape::{fallible, opaque};
pub(crate) use site::{Function, sites, unclear_claims};

use control::{Finding, Report};
use local::{Binding, Bound};

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
    Miss(Miss<S>),
}

/// The first steps of a call: writes the key and looks into memory.
#[inline]
pub fn enter<S: Shape, W: FnOnce(&mut KeyWriter<'_>)>(
    site: &'static CallSite,
    _shape: S,
    write_arguments: W,
) -> Entered<S> {
    let mut written = local::take_buffer();
    let noticed = write(&mut written, write_arguments);
    let entered = look(Function::of::<S, W>(site), &mut written, noticed);
    local::give_back_buffer(written);
    entered
}

/// A call whose key is written, and which is not looked up before the future is polled that the
/// function returns.
#[derive(Debug)]
pub struct Call<S> {
    function: Function,
    written: Vec<u8>,
    noticed: Written,
    shape: PhantomData<fn() -> S>,
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
        shape: PhantomData,
    }
}

impl<S: Shape> Call<S> {
    /// Looks into memory.
    #[must_use]
    pub fn enter(mut self) -> Entered<S> {
        look(self.function, &mut self.written, self.noticed)
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
fn look<S: Shape>(function: Function, written: &mut Vec<u8>, mut noticed: Written) -> Entered<S> {
    match local::tenant() {
        Ok(None) => {}
        Ok(Some(tenant)) => noticed.add_tenant(&tenant, written),
        Err(_) => noticed.refused = true,
    }
    if let Some(entry) = find(function, written, &noticed)
        && let Some(value) = entry.value.downcast_ref::<S::Kept>()
    {
        return Entered::Hit(S::returned(value.clone()));
    }
    Entered::Miss(Miss {
        beginning: Box::new(begin(function, written, &noticed)),
        shape: PhantomData,
    })
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
fn begin(function: Function, written: &mut [u8], noticed: &Written) -> Beginning {
    let control = if function.site.is_sync() {
        local::take_control_of_sync()
    } else {
        local::take_control()
    };
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
    Beginning { pending, control }
}

/// Why the call cannot be cached, if it cannot.
fn obstacle(bound: &Bound, written: &[u8], noticed: &Written) -> Option<Event> {
    if noticed.refused {
        return Some(Event::NoKey);
    }
    let arguments = noticed.arguments(written);
    if bound.kind.requires_tenant && arguments.tenant.is_none() {
        return Some(Event::NoTenant);
    }
    let ai = bound.kind.ai.as_ref();
    let is_too_long = ai
        .zip(arguments.text)
        .is_some_and(|(ai, text)| is_longer(text, ai.max_text_length));
    is_too_long.then_some(Event::TextTooLong)
}

/// A call on its way to a result.
#[derive(Debug)]
pub struct Miss<S> {
    beginning: Box<Beginning>,
    shape: PhantomData<fn() -> S>,
}

#[derive(Debug)]
struct Beginning {
    /// `None`: the body runs without a cache.
    pending: Option<Pending>,
    control: Option<Box<Control>>,
}

impl<S> Miss<S> {
    /// A computation under a key that the application chose, if that is one.
    pub(crate) fn of_chosen(pending: Option<Pending>) -> Self {
        Self {
            beginning: Box::new(Beginning {
                pending,
                control: local::take_control(),
            }),
            shape: PhantomData,
        }
    }

    /// The rest of the call. `body` is polled only if nothing else has the result; `rule` says
    /// whether its value is kept.
    ///
    /// Dropping the future drops the body where it is; a call that waits for this one takes over.
    pub async fn run<R, F>(self, shape: S, rule: R, body: Pin<&mut F>) -> S::Returned
    where
        // Not on the `impl`: a method that is there but lacks a bound makes the better message.
        S: Shape,
        R: FnOnce(&S::Kept) -> Rule,
        F: Future<Output = S::Returned>,
    {
        let Beginning { pending, control } = *self.beginning;
        if let Some(pending) = pending {
            return pending.answer(shape, control, rule, body).await;
        }
        if let Some(control) = control {
            if control.stops() {
                match control.stop(Finding::Nothing).await {}
            }
            control.report(&UNCACHED);
        }
        body.await
    }

    /// The rest of the call of a function that is not async. Calls with the same arguments at the
    /// same time run side by side.
    pub fn run_sync<R, F, T>(self, shape: S, rule: R, body: F) -> T
    where
        // Not `S::Returned`: a result that is no type makes one more message.
        S: Shape<Returned = T>,
        R: FnOnce(&S::Kept) -> Rule,
        F: FnOnce() -> T,
    {
        let Beginning { pending, control } = *self.beginning;
        if let Some(pending) = pending {
            return pending.answer_sync(shape, control.as_deref(), rule, body);
        }
        if let Some(control) = control {
            control.report(&UNCACHED);
        }
        body()
    }
}

const UNCACHED: Report = Report::Returned {
    origin: Origin::Uncached,
    age: Duration::ZERO,
};
