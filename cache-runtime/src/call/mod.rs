//! The path of one cached call, from top to bottom.
//!
//! 1. [`enter`] writes the key and looks into memory. A hit ends here.
//! 2. [`Miss::run`] goes the long way: `Pending::look_up` joins or leads the flight of the key and
//!    asks the store; where that finds nothing, the body runs.
//! 3. What is to be kept goes into memory at once, and to the store in the background.

mod control;
mod local;
mod operation;
mod shape;
mod site;
mod value;

use std::any::{TypeId, type_name};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use control::{Origin, Outcome, outcome, ttl};
pub use shape::{Probe, Probed, Shape, checked_shape, returned};
pub use site::{CallSite, Collected, Description};
pub use value::{Own, Shared, SharedValue, Value};

pub(crate) use control::Control;
pub(crate) use operation::Operation;
pub(crate) use shape::{fallible, plain};
pub(crate) use site::{Function, sites, unclear_claims};

use control::Report;
use local::{Binding, Bound};

use crate::envelope::ValueType;
use crate::flight::{Landing, Leader, Role};
use crate::key::{KeyWriter, MemoryKey, Written, is_longer, with_memory_key};
use crate::kind::Kind;
use crate::memory::{Entry, SharedEntry};
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
    let function = Function {
        site,
        // The closure stands inside the function, so its type and the name of that have the
        // generic arguments of the function and of the `impl` around it: what no macro can see.
        instance: typeid::of::<W>(),
        path: type_name::<W>(),
        kept: TypeId::of::<S::Kept>(),
    };
    let mut written = local::take_buffer();
    let mut writer = KeyWriter::new(&mut written);
    write_arguments(&mut writer);
    let noticed = writer.finish();

    if let Some(entry) = find(function, &mut written, &noticed)
        && let Some(value) = entry.value.downcast_ref::<S::Kept>()
    {
        local::give_back_buffer(written);
        return Entered::Hit(S::returned(value.clone()));
    }
    let miss = Miss {
        beginning: Box::new(begin(function, &mut written, &noticed)),
        shape: PhantomData,
    };
    local::give_back_buffer(written);
    Entered::Miss(miss)
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
    let control = local::take_control();
    let pending = match local::bind(function) {
        Binding::Unknown => {
            registry::count_unknown_kind();
            None
        }
        Binding::Bound(bound) if noticed.refused => {
            bound.operation.counters.count(Event::NoKey);
            None
        }
        Binding::Bound(bound) if is_too_long(&bound, written, noticed) => {
            bound.operation.counters.count(Event::TextTooLong);
            None
        }
        Binding::Bound(bound) => Some(Pending::of_call(bound, written, noticed)),
    };
    Beginning { pending, control }
}

fn is_too_long(bound: &Bound, written: &[u8], noticed: &Written) -> bool {
    let ai = bound.kind.ai.as_ref();
    let text = noticed.arguments(written).text;
    ai.zip(text)
        .is_some_and(|(ai, text)| is_longer(text, ai.max_text_length))
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
    /// The rest of the call. `body` is polled only if nothing else has the result.
    ///
    /// Dropping the future drops the body where it is; a call that waits for this one takes over.
    pub async fn run<F>(self, shape: S, body: Pin<&mut F>) -> S::Returned
    where
        // Not on the `impl`: a method that is there but lacks a bound makes the better message.
        S: Shape,
        F: Future<Output = S::Returned>,
    {
        let Beginning { pending, control } = *self.beginning;
        if let Some(pending) = pending {
            return pending.answer(shape, control, body).await;
        }
        report(control.as_deref(), Origin::Uncached, Duration::ZERO);
        body.await
    }
}

/// One call whose key is known.
pub(crate) struct Pending {
    pub(crate) kind: Arc<Kind>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) key: MemoryKey,
    /// Where there is a store to ask, because memory has nothing.
    pub(crate) store_key: Option<String>,
}

impl std::fmt::Debug for Pending {
    /// Without the keys: they hold arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("operation", &self.operation.name)
            .finish_non_exhaustive()
    }
}

/// Where a call stands when memory, the other callers and the store have been asked.
enum Stand<'a> {
    Found(SharedEntry, Origin),
    /// Another caller computed a `None`.
    Absent,
    /// To be computed, for everybody who waits.
    Leads(Leader<'a>),
    /// To be computed for this caller alone, because the one it waited for failed.
    Alone,
}

impl Pending {
    fn of_call(bound: Bound, written: &mut [u8], noticed: &Written) -> Self {
        let Bound {
            kind, operation, ..
        } = bound;
        let key: MemoryKey = with_memory_key(operation.number, written, |key| key.into());
        let in_memory = kind
            .memory
            .as_ref()
            .is_some_and(|memory| memory.peek(&key).is_some());
        let store_key = operation
            .store_keys
            .as_ref()
            .filter(|_| kind.store.is_some() && !in_memory)
            .map(|keys| keys.of_call(noticed.arguments(written)));
        Self {
            kind,
            operation,
            key,
            store_key,
        }
    }

    /// The result of the call: from a tier, from another caller, or from `body`.
    pub(crate) async fn answer<S, F>(
        &self,
        _shape: S,
        control: Option<Box<Control>>,
        body: Pin<&mut F>,
    ) -> S::Returned
    where
        S: Shape,
        F: Future<Output = S::Returned>,
    {
        let value_type = S::value_type();
        let leader = match self.look_up(value_type, TypeId::of::<S::Kept>()).await {
            Stand::Found(entry, origin) => match entry.value.downcast_ref::<S::Kept>() {
                Some(value) => {
                    self.count(origin);
                    let age = self.kind.clock.now().since(entry.created);
                    report(control.as_deref(), origin, age);
                    return S::returned(value.clone());
                }
                None => None,
            },
            Stand::Absent => match S::none() {
                Some(none) => {
                    self.count(Origin::Joined);
                    report(control.as_deref(), Origin::Joined, Duration::ZERO);
                    return none;
                }
                None => None,
            },
            Stand::Leads(leader) => Some(leader),
            Stand::Alone => None,
        };
        let returned = body.await;
        report(control.as_deref(), Origin::Computed, Duration::ZERO);
        let landing = if let Some(value) = S::kept(&returned) {
            self.operation.counters.count(Event::Computed);
            Landing::Value(self.keep(value.clone(), value_type, control.as_deref()))
        } else {
            self.operation.counters.count(Event::NotKept);
            if S::is_none(&returned) {
                Landing::Absent
            } else {
                Landing::Failed
            }
        };
        if let Some(leader) = leader {
            leader.land(landing);
        }
        returned
    }

    /// Asks memory, the other callers and the store.
    ///
    /// May be dropped at each await: while it waits for another caller it holds nothing, and while
    /// it waits for the store it leads, which passes on.
    async fn look_up(&self, value_type: ValueType, kept: TypeId) -> Stand<'_> {
        if let Some(entry) = self.in_memory(kept) {
            return Stand::Found(entry, Origin::Memory);
        }
        let leader = match self.kind.flights.join(&self.key).await {
            Role::Waiter(Landing::Value(entry)) => return Stand::Found(entry, Origin::Joined),
            Role::Waiter(Landing::Absent) => return Stand::Absent,
            Role::Waiter(Landing::Failed) => return Stand::Alone,
            Role::Leader(leader) => leader,
        };
        // A flight may have landed between the look into memory and the lead of this one.
        if let Some(entry) = self.in_memory(kept) {
            leader.land(Landing::Value(entry.clone()));
            return Stand::Found(entry, Origin::Memory);
        }
        let in_store = match (&self.kind.store, &self.store_key) {
            (Some(store), Some(key)) => store.look_up(key, value_type).await,
            _ => None,
        };
        match in_store {
            Some(entry) => {
                if let Some(memory) = &self.kind.memory {
                    memory.insert(self.key.clone(), entry.clone());
                }
                leader.land(Landing::Value(entry.clone()));
                Stand::Found(entry, Origin::Store)
            }
            None => Stand::Leads(leader),
        }
    }

    fn in_memory(&self, kept: TypeId) -> Option<SharedEntry> {
        let entry = self.kind.memory.as_ref()?.get(&self.key)?;
        (entry.value.type_id() == kept).then_some(entry)
    }

    /// Puts a computed value into both tiers, unless its lifetime is zero.
    fn keep<T: Send + Sync + 'static>(
        &self,
        value: T,
        value_type: ValueType,
        control: Option<&Control>,
    ) -> SharedEntry {
        let ttl = control
            .and_then(|control| control.ttl)
            .unwrap_or(self.operation.ttl);
        let entry: SharedEntry = Arc::new(Entry::new(value, self.kind.clock.now(), ttl));
        if ttl.is_zero() {
            return entry;
        }
        if let Some(memory) = &self.kind.memory {
            memory.insert(self.key.clone(), entry.clone());
        }
        if let (Some(store), Some(key)) = (&self.kind.store, &self.store_key) {
            store.write_behind(store.write(key.clone(), entry.clone(), value_type, ttl));
        }
        entry
    }

    fn count(&self, origin: Origin) {
        let counters = &self.operation.counters;
        match origin {
            Origin::Memory => counters.count_memory_hit(),
            Origin::Store => counters.count(Event::StoreHit),
            Origin::Joined => counters.count(Event::Joined),
            // Counted where the body has run.
            Origin::Computed | Origin::Uncached | Origin::Unreached => {}
        }
    }
}

fn report(control: Option<&Control>, origin: Origin, age: Duration) {
    for report in control.iter().flat_map(|control| &control.reports) {
        // Set once: each call reports once.
        let _ = report.set(Report { origin, age });
    }
}
