//! What each thread keeps at hand for the short way of a hit: a buffer for keys, the tenant, and
//! what every call site is bound to.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::AccessError;
use std::time::{Duration, Instant};

use super::{Control, Function, Operation};
use crate::kind::Kind;
use crate::observe::{Counters, EventKind, HITS_TIMED, TenantHits, ThreadCount, Timed};
use crate::policy::TextMark;
use crate::registry::{self, Absent};

thread_local! {
    static LOCAL: Local = const {
        Local {
            buffer: Cell::new(Vec::new()),
            until_timed: Cell::new(0),
            timing: Cell::new(None),
            control: Cell::new(None),
            has_control: Cell::new(false),
            tenant: RefCell::new(None),
            has_tenant: Cell::new(false),
            bindings: RefCell::new(Bindings { epoch: 0, by_site: Vec::new() }),
        }
    };
}

/// A key buffer that has grown beyond this is not kept.
const KEPT_BUFFER: usize = 256 * 1024;

struct Local {
    buffer: Cell<Vec<u8>>,
    /// So many calls are still not timed.
    until_timed: Cell<u32>,
    /// Of the call that is timed.
    timing: Cell<Option<Timing>>,
    control: Cell<Option<Box<Control>>>,
    /// Whether `control` holds something: looked at by every call.
    has_control: Cell<bool>,
    tenant: RefCell<Option<Arc<str>>>,
    /// Whether `tenant` holds something: looked at by every call.
    has_tenant: Cell<bool>,
    bindings: RefCell<Bindings>,
}

impl Local {
    #[cold]
    fn take_control(&self) -> Option<Box<Control>> {
        self.has_control.set(false);
        let mut control = self.control.take();
        if let Some(control) = &mut control {
            control.note_taken();
        }
        control
    }
}

struct Bindings {
    /// Of the registry, when these were looked up.
    epoch: u64,
    /// Of each site, the instances that this thread has called: one, unless it is generic.
    by_site: Vec<Vec<(TypeId, Binding)>>,
}

impl Bindings {
    #[inline]
    fn of(&self, function: Function) -> Option<&Binding> {
        let instances = self.by_site.get(function.site.index())?;
        let (_, binding) = instances
            .iter()
            .find(|(instance, _)| *instance == function.instance)?;
        Some(binding)
    }
}

/// What a call site stands for, as long as the registry does not change.
#[derive(Clone)]
pub(super) enum Binding {
    Bound(Bound),
    /// The same, where somebody wants to hear of hits.
    Watched(Bound),
    Unbound(Unbound),
}

/// Why a call site has no cache.
#[derive(Clone)]
pub(super) enum Unbound {
    /// Nobody knows the kind.
    UnknownKind,
    /// The kinds are being made by what has called the function, a log for instance.
    BeingMade,
    /// The kind or the operation is off. What is there can still be invalidated.
    SwitchedOff(Box<Bound>),
}

#[derive(Clone)]
pub(super) struct Bound {
    pub(super) kind: Arc<Kind>,
    pub(super) operation: Arc<Operation>,
    /// Hits in memory of this operation on this thread.
    pub(super) hits: Arc<ThreadCount>,
    by_tenant: Rc<RefCell<TenantHits>>,
}

impl Bound {
    /// Counts a hit in memory of a tenant, for a text of this length.
    pub(super) fn count_hit_of(&self, tenant: &[u8], text: TextMark) {
        // Nothing that counts comes back here.
        if let Ok(mut hits) = self.by_tenant.try_borrow_mut() {
            hits.count(&self.kind.tenants, &self.operation.counters, tenant, text);
        }
    }

    /// The last hit in memory was none: what was found is no result of this function.
    pub(super) fn take_back_hit(&self, tenant: Option<&[u8]>, text: TextMark) {
        self.hits.decrement(text);
        if let (Some(tenant), Ok(hits)) = (tenant, self.by_tenant.try_borrow()) {
            hits.take_back(tenant, text);
        }
    }
}

/// The thread's key buffer; an empty one while the thread ends or a key is being written. With whether
/// this call is one that is timed.
#[inline]
pub(super) fn take_buffer() -> (Vec<u8>, bool) {
    LOCAL
        .try_with(|local| {
            let left = local.until_timed.get();
            local.until_timed.set(left.wrapping_sub(1));
            (local.buffer.take(), left == 0)
        })
        .unwrap_or_default()
}

/// Whether this call is one that is timed, for one that has a buffer of its own.
pub(super) fn draws_timed() -> bool {
    let drawn = LOCAL.try_with(|local| {
        let left = local.until_timed.get();
        local.until_timed.set(left.wrapping_sub(1));
        left == 0
    });
    drawn.unwrap_or_default()
}

#[inline]
pub(super) fn give_back_buffer(buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT_BUFFER {
        // A thread that ends needs no buffer.
        let _ = LOCAL.try_with(|local| local.buffer.set(buffer));
    }
}

/// When a call began that is timed from its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    began: Instant,
    /// So long it took to write the key. `None`: it is being written.
    key: Option<Duration>,
}

impl Timing {
    #[cold]
    pub(super) fn begin() {
        let _ = LOCAL.try_with(|local| local.until_timed.set(HITS_TIMED - 1));
        Self::set(Instant::now(), None);
    }

    /// The key is written.
    #[cold]
    pub(super) fn note_key() {
        if let Ok(Some(Self { began, .. })) = LOCAL.try_with(|local| local.timing.take()) {
            Self::set(began, Some(began.elapsed()));
        }
    }

    /// The key is written of a call that is looked up later: so long that took.
    #[cold]
    pub(super) fn of_key() -> Option<Duration> {
        Self::note_key();
        Self::take()?.key
    }

    /// A call is looked up whose key was written before, in so long.
    #[cold]
    pub(super) fn go_on(key: Duration) {
        let now = Instant::now();
        Self::set(now.checked_sub(key).unwrap_or(now), Some(key));
    }

    /// The call has its answer from memory.
    pub(super) fn end_in_memory(self, counters: &Counters) {
        self.end_of_key(counters);
        counters.time(Timed::MemoryHit, self.began.elapsed());
    }

    /// The call goes on without being timed from its beginning.
    pub(super) fn end_of_key(self, counters: &Counters) {
        if let Some(key) = self.key {
            counters.time(Timed::Key, key);
        }
    }

    fn set(began: Instant, key: Option<Duration>) {
        let _ = LOCAL.try_with(|local| local.timing.set(Some(Self { began, key })));
    }

    /// That of the call whose key was written last, if it is timed. One whose key is being written stays: its
    /// arguments may call cached functions.
    pub(super) fn take() -> Option<Self> {
        let taken = LOCAL.try_with(|local| {
            let timing = local.timing.take();
            if timing.is_some_and(|timing| timing.key.is_none()) {
                local.timing.set(timing);
                return None;
            }
            timing
        });
        taken.ok().flatten()
    }
}

pub(super) fn leave_control(control: Box<Control>) {
    let _ = LOCAL.try_with(|local| {
        local.control.set(Some(control));
        local.has_control.set(true);
    });
}

#[inline]
pub(super) fn take_control() -> Option<Box<Control>> {
    LOCAL
        .try_with(|local| {
            if local.has_control.get() {
                local.take_control()
            } else {
                None
            }
        })
        .ok()
        .flatten()
}

/// The wishes for a look-up that computes nothing; those that go another way stay where they are.
pub(super) fn take_control_of_look_up() -> Option<Box<Control>> {
    let control = take_control()?;
    if control.way.is_some() {
        leave_control(control);
        return None;
    }
    Some(control)
}

/// The wishes for a function that cannot be stopped; those that would stop it stay where they are.
#[inline]
pub(super) fn take_control_of_sync() -> Option<Box<Control>> {
    let control = take_control()?;
    if control.stops() {
        leave_control(control);
        return None;
    }
    Some(control)
}

/// Makes this the tenant of what the thread does next, and leaves the one here that was it.
pub(super) fn swap_tenant(tenant: &mut Option<Arc<str>>) {
    // While a thread ends, nothing is swapped, and it has nobody to work for.
    let _ = LOCAL.try_with(|local| {
        local.has_tenant.set(tenant.is_some());
        std::mem::swap(&mut *local.tenant.borrow_mut(), tenant);
    });
}

/// For whom the thread works just now. An error while the thread ends: then nobody knows.
pub(crate) fn tenant() -> Result<Option<Arc<str>>, AccessError> {
    let mut tenant = None;
    with_tenant(|current| tenant = Some(current.clone()))?;
    Ok(tenant)
}

/// Calls `then` with the tenant that the thread works for, if there is one; it may change nothing here. An
/// error as above.
#[inline]
pub(super) fn with_tenant(then: impl FnOnce(&Arc<str>)) -> Result<(), AccessError> {
    LOCAL.try_with(|local| {
        if local.has_tenant.get()
            && let Some(tenant) = &*local.tenant.borrow()
        {
            then(tenant);
        }
    })
}

/// Runs `look_up` with what the site is bound to, unless the site is not bound yet, or somebody wants to
/// hear of its hits.
#[inline]
pub(super) fn with_bound<R>(
    function: Function,
    look_up: impl FnOnce(&Bound) -> Option<R>,
) -> Option<R> {
    LOCAL
        .try_with(|local| {
            let bindings = local.bindings.try_borrow().ok()?;
            if bindings.epoch != registry::epoch() {
                return None;
            }
            match bindings.of(function) {
                Some(Binding::Bound(bound)) => look_up(bound),
                _ => None,
            }
        })
        .ok()
        .flatten()
}

/// The same where somebody wants to hear of its hits. Apart, because the other one is a part of each call.
#[cold]
pub(super) fn with_watched<R>(
    function: Function,
    look_up: impl FnOnce(&Bound) -> Option<R>,
) -> Option<R> {
    LOCAL
        .try_with(|local| {
            let bindings = local.bindings.try_borrow().ok()?;
            if bindings.epoch != registry::epoch() {
                return None;
            }
            match bindings.of(function) {
                Some(Binding::Watched(bound)) => look_up(bound),
                _ => None,
            }
        })
        .ok()
        .flatten()
}

/// Runs `then` with what the site was bound to in the look-up just before, whatever has changed in the
/// registry since.
#[cold]
pub(super) fn with_last_bound(function: Function, then: impl FnOnce(&Bound)) {
    let _ = LOCAL.try_with(|local| {
        let bindings = local.bindings.try_borrow().ok()?;
        match bindings.of(function)? {
            Binding::Bound(bound) => then(bound),
            Binding::Watched(_) | Binding::Unbound(_) => {}
        }
        Some(())
    });
}

/// What the site is bound to, looked up in the registry where this thread does not know it.
pub(super) fn bind(function: Function) -> Binding {
    let registry = registry::in_force();
    // Before the look-up: a change in between makes the binding look old, not new.
    let epoch = registry.epoch();
    let known = LOCAL.try_with(|local| {
        let bindings = local.bindings.try_borrow().ok()?;
        let current = bindings.epoch == epoch;
        bindings.of(function).filter(|_| current).cloned()
    });
    if let Ok(Some(binding)) = known {
        return binding;
    }
    let binding = match registry.find(function.site.kind()) {
        // Not remembered: they may be there the next time.
        Err(Absent::BeingMade) => return Binding::Unbound(Unbound::BeingMade),
        Err(Absent::Unknown) => Binding::Unbound(Unbound::UnknownKind),
        Ok(cache) => {
            let kind = cache.kind().clone();
            let operation = kind.operation(function);
            let is_on = kind.switch.is_on_for(&operation.name);
            let bound = Bound {
                hits: operation.counters.memory_hits.for_this_thread(),
                by_tenant: Rc::default(),
                operation,
                kind,
            };
            let events = &bound.kind.events;
            if !is_on {
                Binding::Unbound(Unbound::SwitchedOff(Box::new(bound)))
            } else if events.wants_of(EventKind::Hit, &bound.operation.name) {
                Binding::Watched(bound)
            } else {
                Binding::Bound(bound)
            }
        }
    };
    // Dropped at the end: a kind that nothing else keeps goes with it, and its values may do anything.
    let mut left = Vec::new();
    let _ = LOCAL.try_with(|local| {
        // Borrowed only where a look-up under way came back here; the next call remembers.
        let Ok(mut bindings) = local.bindings.try_borrow_mut() else {
            return;
        };
        if bindings.epoch != epoch {
            bindings.epoch = epoch;
            left = std::mem::take(&mut bindings.by_site);
        }
        let index = function.site.index();
        if bindings.by_site.len() <= index {
            bindings.by_site.resize_with(index + 1, Vec::new);
        }
        bindings.by_site[index].push((function.instance, binding.clone()));
    });
    binding
}
