//! The rest of a call that was no hit: it has an answer after all, or it is its turn to compute one.

use std::any::TypeId;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use super::control::{Control, Finding, Origin, Report, Way};
use super::local;
use super::pending::{Pending, Stand};
use super::rule::Rule;
use super::shape::Shape;
use crate::envelope::ValueType;
use crate::flight::{Landing, Leader};
use crate::generation::Carried;
use crate::memory::{Entry, Head, Left, MemoryTier, SharedEntry};
use crate::observe::Event;
use crate::policy::Ttl;
use crate::store::FoldedGenerations;

/// A call that was no hit.
#[derive(Debug)]
pub struct Miss(Box<Beginning>);

#[derive(Debug)]
struct Beginning {
    /// `None`: the body runs without a cache.
    pending: Option<Pending>,
    control: Option<Box<Control>>,
    value_type: Option<ValueType>,
    /// The type of what is in memory.
    kept: TypeId,
}

/// What a call got when memory, the other callers and the store were asked.
#[expect(missing_debug_implementations, reason = "would show the value")]
pub struct Asked(Got);

enum Got {
    Entry(SharedEntry),
    /// Another caller computed a `None`.
    Absent,
    Turn(Turn),
}

/// The same for a result of a known shape.
#[expect(missing_debug_implementations, reason = "would show the value")]
pub enum Answered<S: Shape> {
    /// The result of the call.
    Answer(S::Returned),
    /// The body has to run.
    Turn(Turn),
}

/// The right to run the body. Dropped without [`keep`](Turn::keep), it hands over to a call that
/// waits.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    /// `None`: nothing is kept.
    running: Option<Box<Running>>,
}

struct Running {
    /// What the entry is to carry.
    carried: Carried,
    kept_for: KeptFor,
}

/// Where the result belongs.
struct KeptFor {
    pending: Pending,
    control: Option<Box<Control>>,
    leader: Leader,
    /// What the entry is to carry in the store. `None`: it does not get there.
    generations: Option<FoldedGenerations>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.kept_for.pending.fmt(f)
    }
}

impl Miss {
    pub(super) fn of(
        pending: Option<Pending>,
        control: Option<Box<Control>>,
        value_type: Option<ValueType>,
        kept: TypeId,
    ) -> Self {
        Self(Box::new(Beginning {
            pending,
            control,
            value_type,
            kept,
        }))
    }

    /// With these tags.
    #[must_use]
    pub fn tagged(mut self, tags: &[&dyn Display]) -> Self {
        if let Some(pending) = &mut self.0.pending {
            // Else there would be no key.
            let tenant = local::tenant().ok().flatten();
            for tag in tags {
                pending.tag(tenant.as_deref(), &tag.to_string());
            }
        }
        self
    }

    /// A computation under a key that the application chose, if that is one.
    pub(crate) fn of_chosen<S: Shape>(pending: Option<Pending>, _shape: S) -> Self {
        let kept = TypeId::of::<S::Kept>();
        Self::of(pending, local::take_control(), S::value_type(), kept)
    }

    /// Asks memory again, the other callers and the store: everything that waits is in here, and
    /// compiled once. Where the caller wants no result computed, it does not return as long as the
    /// wrapper is there that wants it so.
    pub async fn ask(self) -> Asked {
        let Beginning {
            pending,
            control,
            value_type,
            kept,
        } = *self.0;
        let wishes = control.as_deref();
        let Some(pending) = pending else {
            match wishes.filter(|control| control.stops()) {
                Some(control) => control.stop(Finding::Nothing).await,
                None => report(wishes, Origin::Uncached, Duration::ZERO),
            }
            return Asked::to_run(None);
        };
        match pending.stand(wishes, value_type, kept).await {
            Ok(stand) => Asked::of(stand, pending, control),
            Err(finding) => {
                if let Some(control) = wishes {
                    control.stop(finding).await;
                }
                Asked::to_run(None)
            }
        }
    }

    /// The same for a function that is not async.
    #[must_use]
    pub fn ask_for_sync(self) -> Asked {
        let Beginning {
            pending,
            control,
            kept,
            ..
        } = *self.0;
        let Some(pending) = pending else {
            report(control.as_deref(), Origin::Uncached, Duration::ZERO);
            return Asked::to_run(None);
        };
        let stand = pending.stand_of_sync(control.as_deref(), kept);
        Asked::of(stand, pending, control)
    }
}

impl Asked {
    fn to_run(running: Option<Box<Running>>) -> Self {
        Self(Got::Turn(Turn { running }))
    }

    fn of(stand: Stand, pending: Pending, control: Option<Box<Control>>) -> Self {
        let wishes = control.as_deref();
        let leader = match stand {
            Stand::Found(entry, origin) => {
                match origin {
                    Origin::Memory => pending.operation.counters.count_memory_hit(),
                    Origin::Store => pending.count(Event::StoreHit),
                    _ => pending.count(Event::Joined),
                }
                // The clock is read for those who ask alone.
                if wishes.is_some() {
                    report(wishes, origin, pending.age(&entry));
                }
                return Self(Got::Entry(entry));
            }
            Stand::Absent => {
                pending.count(Event::Joined);
                report(wishes, Origin::Joined, Duration::ZERO);
                return Self(Got::Absent);
            }
            Stand::Bypasses => {
                pending.count(Event::Bypassed);
                report(wishes, Origin::Bypassed, Duration::ZERO);
                return Self::to_run(None);
            }
            Stand::Leads(leader) => leader,
        };
        Self::to_run(Some(Box::new(Running {
            carried: pending.carry(),
            kept_for: KeptFor {
                generations: pending
                    .store()
                    .and_then(|(store, name)| store.generations(name)),
                pending,
                control,
                leader,
            },
        })))
    }

    /// What that means for a result of this shape.
    #[must_use]
    pub fn answer<S: Shape>(self, _shape: S) -> Answered<S> {
        let answer = match self.0 {
            Got::Entry(entry) => {
                let value = entry.value.downcast_ref::<S::Kept>();
                value.map(|value| S::returned(value.clone()))
            }
            Got::Absent => S::none(),
            Got::Turn(turn) => return Answered::Turn(turn),
        };
        // An entry has the type of its operation, and only operations with a `None` are absent: this
        // body would run without a cache.
        answer.map_or(Answered::Turn(Turn { running: None }), Answered::Answer)
    }
}

impl Turn {
    /// Keeps what the body returned, where it is to be kept, and gives it to the calls that wait.
    pub fn keep<S, R>(self, _shape: S, returned: &S::Returned, rule: R)
    where
        S: Shape,
        R: FnOnce(&S::Kept) -> Rule,
    {
        let Some(running) = self.running else {
            return;
        };
        let Running { carried, kept_for } = *running;
        match S::kept(returned) {
            Some(value) => {
                let rule = rule(value);
                let ttl = kept_for.lifetime(rule);
                let is_kept = !rule.is_refused && !ttl.is_zero();
                let head = Head::new(kept_for.pending.kind.clock.now(), ttl, carried);
                let value = value.clone();
                let entry = Arc::new(Entry { head, value });
                kept_for.land_value(entry, is_kept.then_some(ttl), S::value_type());
            }
            None if S::is_none(returned) => kept_for.land_none(carried),
            None => kept_for.land_failure(),
        }
    }
}

impl KeptFor {
    fn lifetime(&self, rule: Rule) -> Ttl {
        let called = self.control.as_deref().and_then(|control| control.ttl);
        called.unwrap_or_else(|| self.pending.operation.lifetime.or_computed(rule.ttl))
    }

    fn land_value(self, entry: SharedEntry, ttl: Option<Ttl>, value_type: Option<ValueType>) {
        if let Some(ttl) = ttl.filter(|_| self.pending.is_untouched(&entry.head.carried)) {
            self.pending.count(Event::Computed);
            self.keep(|| self.put(&entry, ttl, value_type));
        } else {
            self.pending.count(Event::NotKept);
            self.take_back_what_was_refreshed();
        }
        self.land(Landing::Value(entry));
    }

    /// Does it in the place of all else that is under way for the key, where the caller wants it
    /// computed anew; not at all, where the key was invalidated meanwhile.
    fn keep(&self, keep: impl FnOnce() -> Left) {
        let memory = self.pending.kind.memory.as_ref();
        memory.into_iter().for_each(MemoryTier::sweep_when_due);
        let _left = if self.refreshes() {
            self.leader.replace(keep)
        } else {
            self.leader.keep(keep)
        };
    }

    fn put(&self, entry: &SharedEntry, ttl: Ttl, value_type: Option<ValueType>) -> Left {
        if let Some((store, name)) = self.pending.store()
            && let Some((value_type, generations)) = value_type.zip(self.generations)
        {
            let write = store.write(name, entry.clone(), value_type, generations, ttl);
            if self.refreshes() {
                store.replace_behind(write);
            } else {
                store.write_behind(write);
            }
        }
        match &self.pending.kind.memory {
            Some(memory) => memory.insert(self.pending.key.clone(), entry.clone()),
            None => Left::new(),
        }
    }

    fn refreshes(&self) -> bool {
        let control = self.control.as_deref();
        control.is_some_and(|control| control.way == Some(Way::Refresh))
    }

    /// A refresh whose result is not one to keep leaves nothing of the old one.
    fn take_back_what_was_refreshed(&self) {
        if self.refreshes() {
            self.keep(|| self.take_back());
        }
    }

    fn take_back(&self) -> Left {
        if let Some((store, name)) = self.pending.store() {
            store.remove_behind(name.key.clone());
        }
        let memory = self.pending.kind.memory.as_ref();
        let left = memory.and_then(|memory| memory.remove(&self.pending.key));
        left.into_iter().collect()
    }

    fn land_none(self, carried: Carried) {
        self.pending.count(Event::NotKept);
        self.take_back_what_was_refreshed();
        self.land(Landing::Absent(Arc::new(carried)));
    }

    fn land_failure(self) {
        self.pending.count(Event::NotKept);
        if let Some(control) = self.control.as_deref() {
            control.report(&Report::Failed);
        }
        self.land(Landing::Failed);
    }

    fn land(self, landing: Landing) {
        report(self.control.as_deref(), Origin::Computed, Duration::ZERO);
        self.leader.land(landing);
    }
}

fn report(control: Option<&Control>, origin: Origin, age: Duration) {
    if let Some(control) = control {
        control.report(&Report::Returned { origin, age });
    }
}
