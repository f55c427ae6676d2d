//! The path of one cached call, from top to bottom.
//!
//! 1. [`enter`] writes the key and looks into memory. A hit ends here.
//! 2. [`Miss::ask`] goes the long way, which is in `pending`: it joins or leads the flight of the
//!    key and asks the store; `verdict` says what the entries are good for that it finds. Where there
//!    is none, it is the call's [`Turn`]: its body runs.
//! 3. [`Turn::keep`] puts what is to be kept into memory at once, and to the store in the
//!    background: `keeping`. A body that may outlive its caller takes the way over `apart`, and
//!    goes on in `background`.
//!
//! Beside that path: `probe`, `shape`, `demands`, `results`, `value`, `failure` and `rule` say what of a
//! result is kept and shared, and how an entry becomes a result again;
//! `site` is what is known of a function before it is called; `control` and `tenant` are what a
//! caller says about a single call, `outcome` what it is told; `many` and `warm` are for several
//! at once; `local` is what each thread has at hand.

mod apart;
mod background;
mod claiming;
mod control;
mod demands;
mod failure;
mod keeping;
mod local;
mod many;
mod operation;
mod outcome;
mod pending;
mod probe;
mod results;
mod rule;
mod shape;
mod site;
mod tenant;
mod turn;
mod value;
mod verdict;
mod warm;

use std::any::{TypeId, type_name};
use std::fmt::Display;
use std::marker::PhantomData;

pub use apart::{Lent, copy_of};
pub(crate) use background::Background;
pub use control::{
    Control, bypass, expire, key, max_age, outcome, peek, refresh, remove, sync, ttl,
};
pub use demands::{
    CanFail, HasNone, Sharing, checked, keeping_errors, keeping_none, limited, sharing, surviving,
};
pub use failure::{Failing, ShareableError, SharedError, TimedOut, TimesOut};
pub use outcome::{MissReason, Origin, Outcome, StaleCause};
pub use probe::{LocalProbe, Probe, Probed};
pub use rule::{Rule, always};
pub use shape::{Shape, local_plain, plain, returned};
pub use site::{CallSite, Collected, Description};
pub use tenant::{carry, tenant};
pub use turn::{Answered, Asked, Miss, Turn};
pub use value::{Local, LocalValue, Own, Shared, SharedValue, Value};
pub use warm::{Warm, WarmReport, warm};

pub(crate) use local::tenant as current_tenant;
pub(crate) use many::Lot;
pub(crate) use operation::Operation;
pub(crate) use pending::Pending;
pub(crate) use results::Results;
pub(crate) use shape::{fallible, opaque};
pub(crate) use site::{Function, sites, unclear_claims};

use control::WhileOff;
use local::{Binding, Bound, Unbound};
use pending::Deadlines;
use results::served;

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
        && let Some(answer) = served::<S>(&entry.value)
    {
        return Entered::Hit(answer);
    }
    let results = Results::of::<S>();
    Entered::Miss(begin(function, written, &noticed, control, results))
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
        // One that is due to be computed anew goes the long way.
        if let Some(part) = bound.operation.staleness.refresh_ahead
            && entry.head.is_due(part, bound.kind.clock.now())
        {
            return None;
        }
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
    results: Results,
) -> Miss {
    let pending = match local::bind(function) {
        Binding::Unbound(Unbound::UnknownKind) => {
            registry::count_unknown_kind();
            Err(MissReason::UnknownKind.into())
        }
        // Nobody can say that yet.
        Binding::Unbound(Unbound::BeingMade) => Err(MissReason::UnknownKind.into()),
        Binding::Unbound(Unbound::SwitchedOff(bound)) => {
            let control = control.as_deref();
            let becomes = Control::while_off(control);
            if becomes != WhileOff::Runs && obstacle(&bound, written, noticed).is_none() {
                Pending::of_call(*bound, written, noticed, control).while_off(becomes)
            } else {
                bound.operation.counters.count(Event::SwitchedOff);
                Err(MissReason::SwitchedOff.into())
            }
        }
        Binding::Bound(bound) => match obstacle(&bound, written, noticed) {
            Some((obstacle, why)) => {
                bound.operation.counters.count(obstacle);
                Err(why.into())
            }
            None => Ok(Pending::of_call(
                bound,
                written,
                noticed,
                control.as_deref(),
            )),
        },
    };
    let deadlines = Deadlines::of(function.site.patience());
    Miss::of(pending, control, results, deadlines)
}

/// Why the call cannot be cached, if it cannot.
fn obstacle(bound: &Bound, written: &[u8], noticed: &Written) -> Option<(Event, MissReason)> {
    if noticed.refused {
        return Some((Event::NoKey, MissReason::NoKey));
    }
    let arguments = noticed.arguments(written);
    if bound.kind.requires_tenant && arguments.tenant.is_none_or(<[u8]>::is_empty) {
        return Some((Event::NoTenant, MissReason::NoTenant));
    }
    let ai = bound.kind.ai.as_ref();
    let is_too_long = ai
        .zip(arguments.text)
        .is_some_and(|(ai, text)| is_longer(text, ai.max_text_length));
    is_too_long.then_some((Event::TextTooLong, MissReason::TextTooLong))
}
