//! The path of one cached call, from top to bottom.
//!
//! 1. [`enter`] writes the key and looks into memory. A hit ends here.
//! 2. [`Miss::ask`] makes it `pending` and goes the long way, which is in `stand`: it joins or leads the
//!    flight of the key and asks the `tiers`; `verdict` says what the entries are good for that it finds.
//!    Where there is none, it is the call's [`Turn`]: its body runs.
//! 3. [`Turn::keep`] puts what is to be kept into memory at once, and to the store in the
//!    background: `keeping`. A body that may outlive its caller takes the way over `apart`, and
//!    goes on in `background`.
//!
//! Beside that path: `telling` is what those hear who listen; `probe`, `shape`, `demands`, `results`,
//! `value`, `failure` and `rule` say what of a result is kept and shared, and how an entry becomes a
//! result again; `price` what it took;
//! `description` and `site` are what is known of a function before it is called, `claims` says which of them
//! an operation belongs to; `control`, `wrapped`, `wishes` and `tenant` are what a caller says about a single
//! call, `outcome` what it is told; `streaming` is what streams take of the
//! path, which go on in a room of their own; `many` and `warm` are for several at once; `request` is a
//! call that no function makes; `making` is for calls whose future is not made yet; `local` is what each
//! thread has at hand.

mod apart;
mod background;
mod claiming;
mod claims;
mod control;
mod demands;
mod description;
mod failure;
mod keeping;
mod local;
mod making;
mod many;
mod operation;
mod outcome;
mod pending;
mod price;
mod probe;
mod request;
mod results;
mod rule;
mod shape;
mod site;
mod spans;
mod stand;
mod streaming;
mod telling;
mod tenant;
mod tiers;
mod turn;
mod value;
mod verdict;
mod warm;
mod wishes;
mod wrapped;

use std::any::{TypeId, type_name};
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::from_utf8;
use std::sync::Arc;
use std::time::Duration;

pub use apart::{Lent, copy_of};
pub(crate) use background::Background;
pub use control::Control;
pub use demands::{
    CanFail, HasNone, Keeping, Sharing, checked, keeping_errors, keeping_none, limited, sharing,
    surviving,
};
pub use description::Description;
pub use failure::{Failing, ShareableError, SharedError, TimedOut, TimesOut};
pub use outcome::{MissReason, Origin, Outcome, StaleCause};
pub use price::{Price, PriceOf, priced};
pub use probe::{LocalProbe, Probe, Probed, Wariness};
pub use rule::{Rule, always};
pub use shape::{Company, Shape, local_plain, plain, returned};
pub use site::{CallSite, Collected};
pub use streaming::{ControlledStream, stream};
pub use tenant::{carry, tenant};
pub use turn::{Answered, Asked, Miss, Turn};
pub use value::{Local, LocalValue, Own, Shared, SharedValue, Value};
pub use warm::{Warm, WarmReport, warm};
pub use wishes::sync;
pub use wrapped::{bypass, expire, key, max_age, outcome, peek, refresh, remove, ttl};

pub(crate) use claims::{Function, claim, sites, unclear_claims};
pub(crate) use failure::{Alone, Cloned, Shareable};
pub(crate) use local::tenant as current_tenant;
pub(crate) use many::Lot;
pub(crate) use operation::{Operation, Warned};
pub(crate) use pending::Pending;
pub(crate) use price::{Bill, Pricer};
pub(crate) use request::{Request, Wishes};
pub(crate) use results::Results;
pub(crate) use shape::{fallible, opaque};
pub(crate) use streaming::{Begun, Joining, follower, taken_control};
pub(crate) use tenant::in_tenant;
pub(crate) use value::Tiered;

use control::WhileOff;
use local::{Binding, Bound, Timing, Unbound};
use outcome::About;
use price::account;
use results::served;
use stand::Deadlines;
use turn::Uncached;

use crate::key::{KeyWriter, Written, is_longer, with_memory_key};
use crate::kind::Kind;
use crate::memory::SharedEntry;
use crate::observe::{Charged, Details, Ending, Happened, Of, Record, TenantCounters};
use crate::policy::{TextMark, TextTier, characters};
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
    let (mut written, is_timed) = local::take_buffer();
    if is_timed {
        Timing::begin();
    }
    let mut noticed = write(&mut written, write_arguments);
    if is_timed {
        Timing::note_key();
        noticed.is_timed = true;
    }
    let function = Function::of::<S, W>(site);
    let entered = look(function, &mut written, noticed, control);
    local::give_back_buffer(written);
    entered
}

/// The same for answers that have a price.
pub fn enter_priced<S: Shape, W: FnOnce(&mut KeyWriter<'_>)>(
    site: &'static CallSite,
    shape: S,
    write_arguments: W,
    price: PriceOf<S>,
) -> Entered<S> {
    let entered = enter(site, shape, write_arguments);
    replay(Function::of::<S, W>(site), &entered, |value| {
        Some(price(value))
    });
    entered
}

/// Counts what a hit has saved.
fn replay<S: Shape>(
    function: Function,
    entered: &Entered<S>,
    price: impl FnOnce(&S::Kept) -> Option<Price>,
) {
    let Entered::Hit(answer) = entered else {
        return;
    };
    // First: it may call cached functions.
    let Some(price) = S::kept(answer).and_then(price) else {
        return;
    };
    let tenant = local::tenant().ok().flatten();
    let count = |bound: &Bound| {
        let Bound {
            kind, operation, ..
        } = bound;
        account(kind, operation, tenant.as_deref(), Charged::Replayed, price);
        Some(())
    };
    // That of the kind by now, where the registry has changed since the hit.
    local::with_bound(function, count).or_else(|| match local::bind(function) {
        Binding::Bound(bound) | Binding::Watched(bound) => count(&bound),
        Binding::Unbound(Unbound::SwitchedOff(bound)) => count(&bound),
        Binding::Unbound(_) => None,
    });
}

/// A call whose key is written, and which is not looked up before the future is polled that the
/// function returns.
pub struct Call<S> {
    function: Function,
    written: Vec<u8>,
    noticed: Written,
    /// How long it took to write, where the call is timed and has not been looked up.
    key_time: Option<Duration>,
    tags: Vec<String>,
    /// Whether the function has returned what makes the call when it is polled.
    is_made: bool,
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
    let mut call = Call {
        function: Function::of::<S, W>(site),
        written: Vec::new(),
        noticed: Written::default(),
        key_time: None,
        tags: Vec::new(),
        is_made: false,
        shape: PhantomData,
    };
    let is_timed = local::draws_timed();
    if is_timed {
        Timing::begin();
    }
    call.noticed = write(&mut call.written, write_arguments);
    if is_timed {
        call.key_time = Timing::of_key();
    }
    call
}

impl<S> Drop for Call<S> {
    fn drop(&mut self) {
        if !self.is_made {
            making::count_if_panicking(self.function);
        }
    }
}

impl<S> Call<S> {
    /// With these tags.
    #[must_use]
    pub fn tagged(mut self, tags: &[&dyn Display]) -> Self {
        self.tags = tags.iter().map(ToString::to_string).collect();
        self
    }

    /// The function returns: from here on it is a call when it is polled.
    #[must_use]
    pub fn made(mut self) -> Self {
        self.is_made = true;
        self
    }

    /// Looks into memory.
    #[must_use]
    pub fn enter(mut self) -> Entered<S>
    where
        S: Shape,
    {
        let control = take_control(self.function.site);
        self.enter_with(control)
    }

    /// The same with these wishes; it may be done again.
    fn enter_with(&mut self, control: Option<Box<Control>>) -> Entered<S>
    where
        S: Shape,
    {
        let length = self.written.len();
        let mut noticed = self.noticed.clone();
        if let Some(key) = self.key_time.take() {
            Timing::go_on(key);
            noticed.is_timed = true;
        }
        let entered = look(self.function, &mut self.written, noticed, control);
        // The tenant comes after the arguments.
        self.written.truncate(length);
        match entered {
            Entered::Miss(miss) => {
                let tags: Vec<_> = self.tags.iter().map(|tag| tag as &dyn Display).collect();
                Entered::Miss(miss.tagged(&tags))
            }
            hit @ Entered::Hit(_) => hit,
        }
    }

    /// The same for answers that have a price.
    #[must_use]
    pub fn enter_priced(self, price: PriceOf<S>) -> Entered<S>
    where
        S: Shape,
    {
        let function = self.function;
        let entered = self.enter();
        replay(function, &entered, |value| Some(price(value)));
        entered
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
    if local::with_tenant(|tenant| noticed.add_tenant(tenant, written)).is_err() {
        noticed.refused = true;
    }
    let mut no_result = None;
    if control.is_none()
        && let Some(entry) = find(function, written, &mut noticed)
    {
        if let Some(answer) = served::<S>(&entry.value) {
            return Entered::Hit(answer);
        }
        no_result = Some(entry.head.text());
    }
    let results = Results::of::<S>();
    if control.is_none()
        && let Some(entry) = find_watched(function, written, &mut noticed, &results)
        && let Some(answer) = served::<S>(&entry.value)
    {
        return Entered::Hit(answer);
    }
    let begun = begin(function, written, &noticed, control, results, no_result);
    Entered::Miss(begun)
}

/// The entry in memory, counted as a hit. Its value has this function's type: only functions that keep values
/// of one type have the number that its key begins with. It may be a `None` or a failure as well, which not
/// each of those returns that share an operation.
#[inline]
fn find(function: Function, written: &mut [u8], noticed: &mut Written) -> Option<SharedEntry> {
    if noticed.refused {
        return None;
    }
    local::with_bound(function, |bound: &Bound| {
        let memory = bound.kind.memory.as_ref()?;
        let entry = with_memory_key(bound.operation.number, written, |key| memory.get(key))?;
        if bound.operation.staleness.has_runs_ahead() && bound.runs_ahead(&entry, noticed) {
            return None;
        }
        let text = entry.head.text();
        bound.hits.increment(text);
        if noticed.is_noted() {
            bound.note_hit(written, noticed, text);
        }
        Some(entry)
    })
}

/// The same where somebody wants to hear of hits, and is told of this one.
#[cold]
#[inline(never)]
fn find_watched(
    function: Function,
    written: &mut [u8],
    noticed: &mut Written,
    results: &Results,
) -> Option<SharedEntry> {
    if noticed.refused {
        return None;
    }
    local::with_watched(function, |bound: &Bound| {
        let Bound {
            kind, operation, ..
        } = bound;
        let memory = kind.memory.as_ref()?;
        let entry = with_memory_key(operation.number, written, |key| memory.get(key))?;
        let runs_ahead = operation.staleness.has_runs_ahead() && bound.runs_ahead(&entry, noticed);
        if runs_ahead || !results.has(&entry) {
            return None;
        }
        let text = entry.head.text();
        bound.hits.increment(text);
        bound.note_hit(written, noticed, text);
        bound.tell_hit(written, noticed, &entry);
        Some(entry)
    })
}

/// `no_result`: of what was found and counted as a hit, but is no result of this function.
#[cold]
fn begin(
    function: Function,
    written: &mut [u8],
    noticed: &Written,
    mut control: Option<Box<Control>>,
    results: Results,
    no_result: Option<TextMark>,
) -> Miss {
    if let Some(text) = no_result {
        let tenant = noticed.tenant(written);
        local::with_last_bound(function, |bound| bound.take_back_hit(tenant, text));
    }
    // Taken whatever becomes of the call: it is not that of another one.
    let timing = Timing::take();
    if let Some(control) = &mut control {
        control.note_key();
    }
    let pending = match local::bind(function) {
        Binding::Unbound(Unbound::UnknownKind) => {
            registry::count_unknown_kind();
            Err(MissReason::UnknownKind.into())
        }
        // Nobody can say that yet.
        Binding::Unbound(Unbound::BeingMade) => Err(MissReason::UnknownKind.into()),
        Binding::Unbound(Unbound::SwitchedOff(bound)) => {
            let control = control.as_deref();
            let Bound {
                kind, operation, ..
            } = *bound;
            off(kind, operation, written, noticed, control, timing)
        }
        Binding::Bound(bound) | Binding::Watched(bound) => {
            let Bound {
                kind, operation, ..
            } = bound;
            on(
                kind,
                operation,
                written,
                noticed,
                control.as_deref(),
                timing,
            )
        }
    };
    let deadlines = Deadlines::of(function.site.patience());
    Miss::of(pending, control, results, deadlines)
}

/// A call of an operation that uses the cache.
fn on(
    kind: Arc<Kind>,
    operation: Arc<Operation>,
    written: &mut [u8],
    noticed: &Written,
    control: Option<&Control>,
    timing: Option<Timing>,
) -> Result<(Pending, Record), Uncached> {
    let (text, mut record) = begin_record(&kind, &operation, written, noticed, timing);
    if let Some((obstacle, why)) = obstacle(&kind, written, noticed) {
        if obstacle == Ending::NoKey {
            operation.warn_of_no_key(&kind.name);
        }
        record.note(why);
        record.end(obstacle);
        let text = noticed.arguments(written).text;
        let about = About::of(&kind, &operation, text, control);
        return Err(Uncached::of(why, kind, operation, about));
    }
    let pending = Pending::of_call(kind, operation, written, noticed, text, control);
    record.name(|| pending.name_in_store());
    Ok((pending, record))
}

/// A call of an operation that is switched off, or whose kind is.
fn off(
    kind: Arc<Kind>,
    operation: Arc<Operation>,
    written: &mut [u8],
    noticed: &Written,
    control: Option<&Control>,
    timing: Option<Timing>,
) -> Result<(Pending, Record), Uncached> {
    let (text, mut record) = begin_record(&kind, &operation, written, noticed, timing);
    let becomes = Control::while_off(control);
    if becomes != WhileOff::Runs && obstacle(&kind, written, noticed).is_none() {
        let pending = Pending::of_call(kind, operation, written, noticed, text, control);
        record.name(|| pending.name_in_store());
        return pending.while_off(record, becomes);
    }
    record.end(Ending::SwitchedOff);
    let text = noticed.arguments(written).text;
    let about = About::of(&kind, &operation, text, control);
    let why = MissReason::SwitchedOff;
    Err(Uncached::of(why, kind, operation, about))
}

/// The record of a call that is no hit, and how long its text is.
fn begin_record(
    kind: &Kind,
    operation: &Arc<Operation>,
    written: &[u8],
    noticed: &Written,
    timing: Option<Timing>,
) -> (Option<TextTier>, Record) {
    let counters = &operation.counters;
    if let Some(timing) = timing {
        timing.end_of_key(counters);
    }
    let arguments = noticed.arguments(written);
    let text = arguments.text.map(|text| {
        let characters = characters(text);
        (characters, kind.text_tier(characters))
    });
    let (characters, text) = text.unzip();
    let tenant = arguments.tenant.and_then(|it| from_utf8(it).ok());
    let of_tenant = tenant.map(|tenant| kind.tenants.counters(counters, tenant));
    let mut record = Record::begin(operation.clone(), text.into(), of_tenant).of_text(characters);
    record.tell(&kind.events, tenant);
    (text, record)
}

/// The counters of the tenant of a call.
fn of_tenant(
    kind: &Kind,
    operation: &Operation,
    written: &[u8],
    noticed: &Written,
) -> Option<Arc<TenantCounters>> {
    let tenant = from_utf8(noticed.tenant(written)?).ok()?;
    Some(kind.tenants.counters(&operation.counters, tenant))
}

impl Bound {
    /// Tells those who listen of a hit in memory.
    fn tell_hit(&self, written: &[u8], noticed: &Written, entry: &SharedEntry) {
        let Self {
            kind, operation, ..
        } = self;
        let of = Of::Operation(operation.number);
        let hit = Happened::Hit(Origin::Memory);
        kind.events.tell(of, hit, |wanted| {
            let keys = operation.store_keys.as_ref().filter(|_| wanted.keys);
            Details {
                tenant: local::tenant().ok().flatten(),
                key: keys.map(|keys| keys.of_call(noticed.arguments(written))),
                entry: wanted.values.then(|| entry.clone()),
            }
        });
    }

    /// Whether the call goes the long way, because its body is to run in the background.
    #[cold]
    fn runs_ahead(&self, entry: &SharedEntry, noticed: &mut Written) -> bool {
        let staleness = &self.operation.staleness;
        let is_due = |part| entry.head.is_due(part, self.kind.clock.now());
        noticed.is_shadowed = staleness.draws_shadow();
        noticed.is_shadowed || staleness.refresh_ahead.is_some_and(is_due)
    }

    /// What is noted of a hit in memory beside the count of its thread.
    #[cold]
    fn note_hit(&self, written: &[u8], noticed: &Written, text: TextMark) {
        if noticed.is_timed
            && let Some(timing) = Timing::take()
        {
            timing.end_in_memory(&self.operation.counters);
        }
        if let Some(tenant) = noticed.tenant(written) {
            self.count_hit_of(tenant, text);
        }
    }
}

/// Why the call cannot be cached, if it cannot.
fn obstacle(kind: &Kind, written: &[u8], noticed: &Written) -> Option<(Ending, MissReason)> {
    if noticed.refused {
        return Some((Ending::NoKey, MissReason::NoKey));
    }
    let arguments = noticed.arguments(written);
    if kind.requires_tenant && arguments.tenant.is_none_or(<[u8]>::is_empty) {
        return Some((Ending::NoTenant, MissReason::NoTenant));
    }
    let ai = kind.ai.as_ref();
    let is_too_long = ai
        .zip(arguments.text)
        .is_some_and(|(ai, text)| is_longer(text, ai.max_text_length));
    is_too_long.then_some((Ending::TextTooLong, MissReason::TextTooLong))
}
