//! The rest of a call that was no hit: it has an answer after all, or it is its turn to compute one.

use std::fmt::Display;
use std::sync::Arc;

use super::control::{Control, Finding, WhileOff};
use super::failure::TimedOut;
use super::keeping::{KeptFor, report, report_entry, report_uncached};
use super::local;
use super::outcome::{MissReason, Origin, StaleCause, Told};
use super::pending::{Deadlines, Pending, Stand};
use super::results::{Results, handed_over, served};
use super::rule::Rule;
use super::shape::Shape;
use crate::envelope::Whole;
use crate::flight::Landing;
use crate::generation::Carried;
use crate::memory::{Entry, SharedEntry, Weight, weigher};
use crate::observe::Event;

/// A call that was no hit.
#[derive(Debug)]
pub struct Miss(Box<Beginning>);

#[derive(Debug)]
struct Beginning {
    /// Without, the body runs without a cache.
    pending: Result<Pending, Uncached>,
    control: Option<Box<Control>>,
    results: Results,
    deadlines: Deadlines,
}

/// A call whose body runs without a cache.
#[derive(Debug)]
pub(super) struct Uncached {
    why: MissReason,
    /// What was there, and is to be over.
    replaced: Option<Box<Pending>>,
}

impl From<MissReason> for Uncached {
    fn from(why: MissReason) -> Self {
        Self {
            why,
            replaced: None,
        }
    }
}

impl Pending {
    /// The call while the kind or the operation is switched off.
    pub(super) fn while_off(self, becomes: WhileOff) -> Result<Self, Uncached> {
        if becomes == WhileOff::GoesOn {
            return Ok(self);
        }
        self.count(Event::SwitchedOff);
        Err(Uncached {
            why: MissReason::SwitchedOff,
            replaced: (becomes == WhileOff::Replaces).then(|| Box::new(self)),
        })
    }
}

/// What a call got when memory, the other callers and the store were asked.
#[expect(missing_debug_implementations, reason = "would show the value")]
pub struct Asked(Got);

enum Got {
    Entry(SharedEntry),
    /// The same, of which nobody else may know.
    Read(SharedEntry, Whole),
    TimedOut(TimedOut),
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
    pub(super) running: Option<Box<Running>>,
    pub(super) deadlines: Deadlines,
}

pub(super) struct Running {
    /// What the entry is to carry.
    pub(super) carried: Carried,
    pub(super) kept_for: KeptFor,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.kept_for.pending.fmt(f)
    }
}

impl Miss {
    pub(super) fn of(
        pending: Result<Pending, Uncached>,
        control: Option<Box<Control>>,
        results: Results,
        deadlines: Deadlines,
    ) -> Self {
        Self(Box::new(Beginning {
            pending,
            control,
            results,
            deadlines,
        }))
    }

    /// With these tags.
    #[must_use]
    pub fn tagged(mut self, tags: &[&dyn Display]) -> Self {
        if let Ok(pending) = &mut self.0.pending {
            // Else there would be no key.
            let tenant = local::tenant().ok().flatten();
            for tag in tags {
                pending.tag(tenant.as_deref(), &tag.to_string());
            }
        }
        self
    }

    /// With values that say what they weigh.
    #[must_use]
    pub fn weighed<S: Shape, W: Weight + 'static>(
        mut self,
        _shape: S,
        weigh: fn(&S::Kept) -> W,
    ) -> Self {
        if let Ok(pending) = &mut self.0.pending {
            pending.weigher = Some(weigher(weigh));
        }
        self
    }

    /// A computation under a key that the application chose, if that is one.
    pub(crate) fn of_chosen<S: Shape>(pending: Result<Pending, MissReason>, _shape: S) -> Self {
        let control = local::take_control();
        let pending = match pending {
            Ok(pending) if pending.kind.switch.is_off() => {
                pending.while_off(Control::while_off(control.as_deref()))
            }
            Ok(pending) => Ok(pending),
            Err(why) => Err(why.into()),
        };
        Self::of(pending, control, Results::of::<S>(), Deadlines::default())
    }

    /// Asks memory again, the other callers and the store: everything that waits is in here, and
    /// compiled once. Where the caller wants no result computed, it does not return as long as the
    /// wrapper is there that wants it so.
    pub async fn ask(self) -> Asked {
        let Beginning {
            pending,
            control,
            results,
            deadlines,
        } = *self.0;
        let wishes = control.as_deref();
        let pending = match pending {
            Ok(pending) => pending,
            Err(Uncached { why, replaced }) => {
                if let Some(replaced) = replaced {
                    // In a box, as below.
                    Box::pin(replaced.remove()).await;
                }
                match wishes.filter(|control| control.stops()) {
                    Some(control) => control.stop(Finding::Nothing).await,
                    None => report_uncached(wishes, why),
                }
                return Asked::to_run(None, deadlines);
            }
        };
        // In a box: it is long, and every call would be as long, hits too.
        match Box::pin(pending.stand(wishes, &results, deadlines)).await {
            Ok(stand) => Asked::of(stand, pending, control, results, deadlines),
            Err(finding) => {
                if let Some(control) = wishes {
                    control.stop(finding).await;
                }
                Asked::to_run(None, deadlines)
            }
        }
    }

    /// The same for a function that is not async.
    #[must_use]
    pub fn ask_for_sync(self) -> Asked {
        let Beginning {
            pending,
            control,
            results,
            deadlines,
        } = *self.0;
        let wishes = control.as_deref();
        match pending {
            Ok(pending) => {
                let stand = pending.stand_of_sync(wishes, &results);
                Asked::of(stand, pending, control, results, deadlines)
            }
            Err(Uncached { why, replaced }) => {
                if let Some(replaced) = replaced {
                    replaced.kind.remove_here(&replaced.key);
                }
                report_uncached(wishes, why);
                Asked::to_run(None, deadlines)
            }
        }
    }
}

impl Asked {
    fn to_run(running: Option<Box<Running>>, deadlines: Deadlines) -> Self {
        Self(Got::Turn(Turn { running, deadlines }))
    }

    fn of(
        stand: Stand,
        pending: Pending,
        control: Option<Box<Control>>,
        results: Results,
        deadlines: Deadlines,
    ) -> Self {
        let wishes = control.as_deref();
        let lead = match stand {
            Stand::Found(entry, origin) => {
                found(&pending, wishes, &entry, origin);
                return Self(Got::Entry(entry));
            }
            Stand::Read(entry, origin, whole) => {
                found(&pending, wishes, &entry, origin);
                return Self(Got::Read(entry, whole));
            }
            Stand::TimedOut(after) => {
                pending.count(Event::TimedOut);
                report(wishes, &pending, &Told::of(Origin::TimedOut));
                return Self(Got::TimedOut(after));
            }
            Stand::Bypasses => {
                pending.count(Event::Bypassed);
                report(wishes, &pending, &Told::of(Origin::Bypassed));
                return Self::to_run(None, deadlines);
            }
            Stand::Leads(lead) => lead,
        };
        let running = Running {
            carried: pending.carry(),
            kept_for: KeptFor::new(pending, control, results, lead),
        };
        Self::to_run(Some(Box::new(running)), deadlines)
    }

    /// What that means for a result of this shape.
    #[must_use]
    pub fn answer<S: Shape>(self, _shape: S) -> Answered<S> {
        let answer = match self.0 {
            Got::Entry(entry) => served::<S>(&entry.value),
            Got::Read(entry, whole) => handed_over::<S>(entry, whole),
            Got::TimedOut(after) => S::timed_out(after),
            Got::Turn(turn) => return Answered::Turn(turn),
        };
        // Entries are looked at before, and only what may time out does: this body would run
        // without a cache.
        let without = Turn {
            running: None,
            deadlines: Deadlines::default(),
        };
        answer.map_or(Answered::Turn(without), Answered::Answer)
    }
}

/// Counts and reports an answer that was found.
fn found(pending: &Pending, wishes: Option<&Control>, entry: &SharedEntry, origin: Origin) {
    match origin {
        Origin::Memory => pending.operation.counters.count_memory_hit(),
        Origin::Store => pending.count(Event::StoreHit),
        Origin::Stale(_) => pending.count(Event::Stale),
        _ => pending.count(Event::Joined),
    }
    // The clock is read for those who ask alone.
    if wishes.is_some() {
        report_entry(wishes, pending, entry, origin);
    }
}

impl Turn {
    /// Keeps what the body returned, where it is to be kept, and gives it to the calls that wait.
    /// Returns what the caller gets: where the body failed, that may be an older value.
    pub fn keep<S, R>(self, _shape: S, returned: S::Returned, rule: R) -> S::Returned
    where
        S: Shape,
        R: FnOnce(&S::Kept) -> Rule,
    {
        let Some(running) = self.running else {
            return returned;
        };
        let Running {
            carried,
            mut kept_for,
        } = *running;
        if let Some(value) = S::kept(&returned) {
            let rule = rule(value);
            let ttl = kept_for.ttl(rule);
            let head = kept_for.head(ttl, carried);
            let value = value.clone();
            kept_for.land_value(Arc::new(Entry { head, value }), ttl, rule);
            return returned;
        }
        if S::is_none(&returned) {
            kept_for.land_none(carried);
            return returned;
        }
        if let Some(spare) = kept_for.answer_with_spare(StaleCause::Failed, &carried) {
            kept_for.land(Landing::Stale(spare.clone()));
            return served::<S>(&spare.value).unwrap_or(returned);
        }
        let (returned, failure) = S::share(returned);
        kept_for.land_failure(failure, carried);
        returned
    }

    /// Gives this to the calls that wait, in place of a result.
    pub(super) fn land(self, landing: Landing) {
        if let Some(running) = self.running {
            running.kept_for.land(landing);
        }
    }
}
