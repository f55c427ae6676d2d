//! The rest of a call that was no hit: it has an answer after all, or it is its turn to compute one.

use std::fmt::Display;
use std::sync::Arc;

use super::control::{Control, Finding, WhileOff};
use super::failure::TimedOut;
use super::keeping::{KeptFor, report, report_entry, report_uncached};
use super::local;
use super::operation::Operation;
use super::outcome::{About, MissReason, Origin, Told};
use super::pending::Pending;
use super::price::{Bill, PriceOf, Pricer, pricer};
use super::results::{Results, handed_over, served};
use super::rule::Rule;
use super::shape::{Company, Shape};
use super::stand::{Deadlines, Stand};
use super::streaming::Joining;
use crate::envelope::Whole;
use crate::flight::Landing;
use crate::generation::{Carried, Invalidation};
use crate::kind::Kind;
use crate::memory::{Entry, SharedEntry, Weigher, Weight, weigher};
use crate::observe::{Charged, Ending, Record};
use crate::stream::Follower;

/// A call that was no hit.
#[derive(Debug)]
pub struct Miss(Box<Beginning>);

#[derive(Debug)]
struct Beginning {
    /// Without, the body runs without a cache.
    pending: Result<(Pending, Record), Uncached>,
    control: Option<Box<Control>>,
    results: Results,
    deadlines: Deadlines,
}

/// A call whose body runs without a cache.
#[derive(Debug)]
pub(super) struct Uncached {
    pub(super) why: MissReason,
    /// What was there, and is to be over.
    pub(super) replaced: Option<Box<Pending>>,
    /// Those of the call, where they are known.
    of: Option<(Arc<Kind>, Arc<Operation>)>,
    pub(super) about: Option<Box<About>>,
    /// What the body is to be counted by.
    bill: Option<Box<Bill>>,
}

impl Uncached {
    pub(super) fn of(
        why: MissReason,
        kind: Arc<Kind>,
        operation: Arc<Operation>,
        about: Option<Box<About>>,
    ) -> Self {
        Self {
            of: Some((kind, operation)),
            about,
            ..why.into()
        }
    }
}

impl From<MissReason> for Uncached {
    fn from(why: MissReason) -> Self {
        Self {
            why,
            replaced: None,
            of: None,
            about: None,
            bill: None,
        }
    }
}

impl Pending {
    /// The call while the kind or the operation is switched off.
    pub(super) fn while_off(
        self,
        mut record: Record,
        becomes: WhileOff,
    ) -> Result<(Self, Record), Uncached> {
        if becomes == WhileOff::GoesOn {
            return Ok((self, record));
        }
        record.end(Ending::SwitchedOff);
        let (kind, operation) = (self.kind.clone(), self.operation.clone());
        let about = self.about.clone();
        Err(Uncached {
            replaced: (becomes == WhileOff::Replaces).then(|| Box::new(self)),
            ..Uncached::of(MissReason::SwitchedOff, kind, operation, about)
        })
    }
}

/// What a call got when memory, the other callers and the store were asked.
#[expect(missing_debug_implementations, reason = "would show the value")]
pub struct Asked(pub(super) Got);

pub(super) enum Got {
    Entry(SharedEntry),
    /// The same, of which nobody else may know.
    Read(SharedEntry, Whole),
    Follows(Follower, Box<Joining>),
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
    /// What the body is counted by where nothing is kept.
    bill: Option<Box<Bill>>,
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
        pending: Result<(Pending, Record), Uncached>,
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
        if let Ok((pending, _)) = &mut self.0.pending {
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
        if let Ok((pending, _)) = &mut self.0.pending {
            pending.weigher = Some(weigher(weigh));
        }
        self
    }

    /// With answers that have a price.
    #[must_use]
    pub fn priced<S: Shape>(self, _shape: S, price: PriceOf<S>) -> Self {
        self.priced_by(pricer::<S>(price))
    }

    pub(super) fn priced_by(mut self, price: Pricer) -> Self {
        match &mut self.0.pending {
            Ok((pending, _)) => pending.price = Some(price),
            Err(uncached) => {
                let of = uncached.of.take();
                let bill = |(kind, operation)| Bill {
                    kind,
                    operation,
                    tenant: local::tenant().ok().flatten(),
                    price,
                };
                uncached.bill = of.map(bill).map(Box::new);
            }
        }
        self
    }

    /// A computation under a key that the application chose, if that is one.
    pub(crate) fn of_chosen<S: Shape>(
        pending: Result<(Pending, Record), MissReason>,
        _shape: S,
    ) -> Self {
        let control = local::take_control();
        let pending = match pending {
            Ok((pending, record)) if pending.kind.switch.is_off() => {
                pending.while_off(record, Control::while_off(control.as_deref()))
            }
            Ok(pending) => Ok(pending),
            Err(why) => Err(why.into()),
        };
        Self::of(pending, control, Results::of::<S>(), Deadlines::default())
    }

    pub(super) fn weighed_by(mut self, weigher: Weigher) -> Self {
        if let Ok((pending, _)) = &mut self.0.pending {
            pending.weigher = Some(weigher);
        }
        self
    }

    /// Beside the other callers of its key, and not with them.
    pub(crate) fn alone(mut self) -> Self {
        self.0.results.company = Company::Alone;
        self
    }

    /// Asks memory again, the other callers and the store: everything that waits is in here, and
    /// compiled once. Where the caller wants no result computed, it does not return as long as the
    /// wrapper is there that wants it so.
    pub async fn ask(self) -> Asked {
        // It stays in its box, and what waits goes into one: every call would be as long, hits too.
        let mut beginning = self.0;
        let Beginning {
            pending,
            control,
            results,
            deadlines,
        } = &mut *beginning;
        let wishes = control.as_deref();
        match pending {
            Ok((pending, record)) => {
                let stood = pending.stand_in_span(wishes, results, *deadlines);
                match Box::pin(stood).await {
                    Ok(stand) => return beginning.stands(stand),
                    Err(finding) => {
                        record.end(finding.ending());
                        if let Some(control) = wishes {
                            control.stop(finding).await;
                        }
                    }
                }
            }
            Err(Uncached {
                why,
                replaced,
                about,
                ..
            }) => {
                if let Some(replaced) = replaced {
                    Box::pin(replaced.remove()).await;
                }
                match wishes.filter(|control| control.stops()) {
                    Some(control) => control.stop(Finding::Nothing).await,
                    None => report_uncached(wishes, *why, about.take()),
                }
            }
        }
        beginning.runs_without_cache()
    }

    /// The same for a function that is not async.
    #[must_use]
    pub fn ask_for_sync(self) -> Asked {
        let mut beginning = self.0;
        let Beginning {
            pending,
            control,
            results,
            ..
        } = &mut *beginning;
        let wishes = control.as_deref();
        match pending {
            Ok((pending, _)) => {
                let stand = pending.stand_of_sync_in_span(wishes, results);
                beginning.stands(stand)
            }
            Err(Uncached {
                why,
                replaced,
                about,
                ..
            }) => {
                if let Some(replaced) = replaced {
                    replaced.kind.remove_here(&replaced.key);
                    replaced.tell_invalidated(Invalidation::Remove);
                }
                report_uncached(wishes, *why, about.take());
                beginning.runs_without_cache()
            }
        }
    }
}

impl Beginning {
    /// It stays in its box where it has its answer: it is long, and a hit would copy it.
    fn stands(mut self: Box<Self>, stand: Stand) -> Asked {
        let Ok((pending, record)) = &mut self.pending else {
            return self.runs_without_cache();
        };
        let wishes = self.control.as_deref();
        match stand {
            Stand::Found(entry, origin) => {
                found(pending, record, wishes, &entry, origin);
                Asked(Got::Entry(entry))
            }
            Stand::Read(entry, origin, whole) => {
                found(pending, record, wishes, &entry, origin);
                Asked(Got::Read(entry, whole))
            }
            Stand::TimedOut(after) => {
                record.end(Ending::TimedOut);
                report(wishes, pending, &Told::of(Origin::TimedOut));
                Asked(Got::TimedOut(after))
            }
            Stand::Bypasses => {
                record.end(Ending::Bypassed);
                report(wishes, pending, &Told::of(Origin::Bypassed));
                self.runs_without_cache()
            }
            Stand::Follows(follower) => match *self {
                Self {
                    pending: Ok((pending, record)),
                    control,
                    ..
                } => {
                    let joining = Joining::of(pending, record, control);
                    Asked(Got::Follows(follower, Box::new(joining)))
                }
                uncached => uncached.runs_without_cache(),
            },
            Stand::Leads(lead) => match *self {
                Self {
                    pending: Ok((pending, record)),
                    control,
                    results,
                    deadlines,
                } => {
                    let running = Running {
                        carried: pending.carry(),
                        kept_for: KeptFor::new(pending, record, control, results, lead),
                    };
                    Asked::to_run(Ok(Box::new(running)), deadlines)
                }
                uncached => uncached.runs_without_cache(),
            },
        }
    }

    fn runs_without_cache(self) -> Asked {
        let bill = match self.pending {
            Ok((pending, _)) => pending.into_bill(),
            Err(uncached) => uncached.bill,
        };
        Asked::to_run(Err(bill), self.deadlines)
    }
}

impl Asked {
    fn to_run(running: Result<Box<Running>, Option<Box<Bill>>>, deadlines: Deadlines) -> Self {
        let (running, bill) = match running {
            Ok(running) => (Some(running), None),
            Err(bill) => (None, bill),
        };
        Self(Got::Turn(Turn {
            running,
            bill,
            deadlines,
        }))
    }

    /// What that means for a result of this shape.
    #[must_use]
    pub fn answer<S: Shape>(self, _shape: S) -> Answered<S> {
        let answer = match self.0 {
            Got::Entry(entry) => served::<S>(&entry.value),
            Got::Read(entry, whole) => handed_over::<S>(entry, whole),
            Got::TimedOut(after) => S::timed_out(after),
            Got::Turn(turn) => return Answered::Turn(turn),
            // Of streams alone.
            Got::Follows(..) => None,
        };
        // Entries are looked at before, and only what may time out does: this body would run
        // without a cache.
        answer.map_or_else(|| Answered::Turn(Turn::without_cache()), Answered::Answer)
    }
}

/// Counts, tells and reports an answer that was found.
pub(super) fn found(
    pending: &Pending,
    record: &mut Record,
    wishes: Option<&Control>,
    entry: &SharedEntry,
    origin: Origin,
) {
    record.hit(entry, origin);
    pending.charge(Charged::Replayed, &entry.value);
    // The clock is read for those who ask alone.
    if wishes.is_some() {
        report_entry(wishes, pending, entry, origin);
    }
}

impl Turn {
    pub(super) fn without_cache() -> Self {
        Self {
            running: None,
            bill: None,
            deadlines: Deadlines::default(),
        }
    }

    /// What the body is counted by where nothing is kept.
    pub(crate) fn into_bill(self) -> Option<Box<Bill>> {
        self.bill
    }

    /// Keeps what the body returned, where it is to be kept, and gives it to the calls that wait.
    /// Returns what the caller gets: where the body failed, that may be an older value.
    pub fn keep<S, R>(self, _shape: S, returned: S::Returned, rule: R) -> S::Returned
    where
        S: Shape,
        R: FnOnce(&S::Kept) -> Rule,
    {
        let Some(running) = self.running else {
            if let Some((bill, value)) = self.bill.zip(S::kept(&returned)) {
                bill.charge(Charged::Billed, value);
            }
            return returned;
        };
        let Running {
            carried,
            mut kept_for,
        } = *running;
        if let Some(value) = S::kept(&returned) {
            kept_for.pending.charge(Charged::Billed, value);
            let rule = kept_for.asked(rule(value), || S::is_cacheable(value));
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
        if let Some(spare) = kept_for.survive(&carried) {
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
