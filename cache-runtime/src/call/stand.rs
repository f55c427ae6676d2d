//! How a call stands whose result is not at hand: who else may have it, or is about to.

use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument;

use super::claiming::Claiming;
use super::control::{Control, Finding, Way};
use super::failure::TimedOut;
use super::outcome::{MissReason, Origin, StaleCause};
use super::pending::Pending;
use super::results::Results;
use super::shape::Company;
use super::verdict::Verdict;
use crate::envelope::Whole;
use crate::flight::{Landing, Leader, Role};
use crate::memory::{Absent, Failure, SharedEntry};
use crate::policy::{Patience, SingleFlight};
use crate::runtime;
use crate::store::Held;
use crate::stream::{Boarding, Follower};

/// Until when the caller of one call waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadlines {
    /// Then it takes an older value.
    pub(super) soft: Option<Instant>,
    /// Then it gives up; and after how long that is.
    pub(super) hard: Option<(Instant, Duration)>,
}

impl Deadlines {
    /// Of a call that begins now.
    pub(super) fn of(patience: Patience) -> Self {
        let Patience { soft, hard } = patience;
        if (soft.is_none() && hard.is_none()) || !runtime::has_timer() {
            return Self::default();
        }
        let now = Instant::now();
        Self {
            soft: soft.map(|soft| now + soft),
            hard: hard.map(|hard| (now + hard, hard)),
        }
    }

    fn are_none(self) -> bool {
        self.soft.is_none() && self.hard.is_none()
    }
}

/// How a call stands that is to go on, when memory, the other callers and the store have been
/// asked.
pub(super) enum Stand {
    Found(SharedEntry, Origin),
    /// The same, read for this call: its value may be taken out if nobody else has the entry.
    Read(SharedEntry, Origin, Whole),
    /// A stream that another call began.
    Follows(Follower),
    /// To be computed.
    Leads(Lead),
    /// To be computed, and not to be kept.
    Bypasses,
    /// It has waited for too long.
    TimedOut(TimedOut),
}

/// The lead of a computation.
pub(super) struct Lead {
    pub(super) leader: Leader,
    /// The claim of this process, where others may want the same.
    pub(super) held: Option<Held>,
    pub(super) why: MissReason,
    /// An entry that is served if the body fails or takes too long.
    pub(super) spare: Option<SharedEntry>,
    /// Where that comes from, if the caller takes it at once and the body runs in the background.
    pub(super) answers_from: Option<Origin>,
    /// What the body returns is compared with that, and not kept.
    pub(super) is_shadow: bool,
}

/// What the others get of an entry that is the answer of one caller.
fn landing(entry: SharedEntry, origin: Origin) -> Landing {
    match origin {
        Origin::Stale(_) => Landing::Stale(entry),
        _ => Landing::Entry(entry),
    }
}

impl Pending {
    /// Goes the way that the caller wants; the usual one asks memory, the other callers and the
    /// store. An error is what a call found that does not go on.
    ///
    /// May be dropped at each await: while it waits for another caller it holds nothing, while it
    /// waits for the store it leads, which passes on, and what it would have forgotten may or may
    /// not be forgotten.
    pub(super) async fn stand(
        &self,
        control: Option<&Control>,
        results: &Results,
        deadlines: Deadlines,
    ) -> Result<Stand, Finding> {
        match control.and_then(|control| control.way) {
            None if deadlines.are_none() => Ok(self.look_up(control, results).await),
            // In boxes, like two below: they are long, and every look-up would be.
            None => Ok(Box::pin(self.look_up_in_time(control, results, deadlines)).await),
            Some(Way::Bypass) => Ok(Stand::Bypasses),
            Some(Way::Refresh) => {
                self.prepare().await;
                Ok(self.leads_anew())
            }
            Some(Way::Peek) => match self.find(control, results).await {
                Some((entry, origin)) => Ok(Stand::Found(entry, origin)),
                None => Err(Finding::Nothing),
            },
            Some(Way::Remove) => Err(Finding::Forgot(Box::pin(self.remove()).await)),
            Some(Way::Expire) => Err(Finding::Forgot(Box::pin(self.expire()).await)),
            Some(Way::Key) => Err(Finding::Key(self.name_in_store())),
        }
    }

    /// The same for a function that is not async: no other caller is waited for, no store is asked,
    /// and nothing can stop it.
    pub(super) fn stand_of_sync(&self, control: Option<&Control>, results: &Results) -> Stand {
        let flights = &self.kind.flights;
        let (why, spare) = match control.and_then(|control| control.way) {
            Some(Way::Bypass) => return Stand::Bypasses,
            Some(Way::Refresh) => return self.leads_anew(),
            _ => match self.in_memory(control, results) {
                Verdict::Answer(entry, origin) | Verdict::Due(entry, origin) => {
                    return Stand::Found(entry, origin);
                }
                Verdict::Spare(entry, why) => (why, Some(entry)),
                Verdict::Nothing(why) => (why, None),
            },
        };
        Stand::Leads(Lead {
            leader: flights.fly_alone(&self.key),
            held: None,
            why,
            spare,
            answers_from: None,
            is_shadow: false,
        })
    }

    /// Asks the store for what is written with what is computed, without a look-up.
    async fn prepare(&self) {
        if let Some((store, name)) = self.store() {
            // In a box: it is long, and every look-up would be.
            Box::pin(store.prepare(name).instrument(self.store_span())).await;
        }
    }

    fn leads_anew(&self) -> Stand {
        Stand::Leads(Lead {
            leader: self.kind.flights.fly_anew(&self.key),
            held: None,
            why: MissReason::Refreshed,
            spare: None,
            answers_from: None,
            is_shadow: false,
        })
    }

    /// Looks up for as long as the function's callers wait.
    async fn look_up_in_time(
        &self,
        control: Option<&Control>,
        results: &Results,
        deadlines: Deadlines,
    ) -> Stand {
        let mut looking = pin!(self.look_up(control, results));
        if let Some(deadline) = deadlines.soft {
            if let Some(stand) = runtime::until(deadline, &mut looking).await {
                return stand;
            }
            if let Some((entry, origin)) = self.old_answer(StaleCause::Slow, control, results) {
                return Stand::Found(entry, origin);
            }
        }
        let Some((deadline, hard)) = deadlines.hard else {
            return looking.await;
        };
        match runtime::until(deadline, looking).await {
            // The lead came too late: nothing is begun that nobody waits for.
            Some(Stand::Leads(_)) if Instant::now() >= deadline => {}
            Some(stand) => return stand,
            None => {}
        }
        match self.old_answer(StaleCause::Slow, control, results) {
            Some((entry, origin)) => Stand::Found(entry, origin),
            None => Stand::TimedOut(TimedOut::after(hard)),
        }
    }

    async fn look_up(&self, control: Option<&Control>, results: &Results) -> Stand {
        let flights = &self.kind.flights;
        loop {
            let (mut why, mut spare);
            match self.in_memory(control, results) {
                Verdict::Answer(entry, origin) => return self.answer(entry, origin),
                Verdict::Due(entry, origin) => return self.renew(entry, origin),
                Verdict::Spare(_, reason) | Verdict::Nothing(reason) => why = reason,
            }
            let is_alone = results.company == Company::Alone;
            let (leader, asks_store) =
                if is_alone || self.operation.single_flight == SingleFlight::Off {
                    (flights.fly_alone(&self.key), true)
                } else {
                    match self.boarding(flights.join(&self.key)).await {
                        Role::Waiter(Landing::Entry(entry))
                            if self.is_good(&entry, control, results) =>
                        {
                            return self.joined(entry, control, results);
                        }
                        Role::Waiter(Landing::Stale(entry)) => {
                            match self.see(entry, control, results) {
                                Verdict::Answer(entry, origin) | Verdict::Due(entry, origin) => {
                                    return Stand::Found(entry, origin);
                                }
                                // The body has just failed.
                                Verdict::Spare(entry, _) => {
                                    return Stand::Found(entry, Origin::Stale(StaleCause::Failed));
                                }
                                Verdict::Nothing(_) => continue,
                            }
                        }
                        // Too old for this caller, or from before an invalidation: it joins those who
                        // want a new one.
                        Role::Waiter(_) => continue,
                        Role::Alone(turn) => (flights.fly_in_turn(&self.key, turn), false),
                        Role::Leader(leader) => (leader, true),
                        Role::Follower(shown) => match self.board(&shown, control, results) {
                            Boarding::Aboard(follower) => return Stand::Follows(follower),
                            Boarding::Apart => (flights.fly_alone(&self.key), true),
                            Boarding::Over => continue,
                        },
                    }
                };
            // A flight may have landed between the look into memory and the lead of this one, or what
            // was there may be gone.
            (why, spare) = match self.in_memory(control, results) {
                Verdict::Answer(entry, origin) => {
                    leader.land(landing(entry.clone(), origin));
                    return Stand::Found(entry, origin);
                }
                Verdict::Due(entry, origin) => {
                    leader.land(landing(entry.clone(), origin));
                    return self.renew(entry, origin);
                }
                Verdict::Spare(entry, why) => (why, Some(entry)),
                // The first look has taken out what was over.
                Verdict::Nothing(MissReason::Absent) => (why, None),
                Verdict::Nothing(why) => (why, None),
            };
            let mut held = None;
            if asks_store {
                let is_answer = Verdict::is_answer;
                let claiming = self.in_store_or_claimed(&leader, control, results, is_answer);
                let Claiming {
                    verdict,
                    whole,
                    held: claimed,
                } = claiming.await;
                held = claimed;
                match verdict {
                    Verdict::Answer(entry, origin) => {
                        leader.land(landing(entry.clone(), origin));
                        return match whole {
                            _ if self.is_shadowed => self.answer(entry, origin),
                            Some(whole) => Stand::Read(entry, origin, whole),
                            None => Stand::Found(entry, origin),
                        };
                    }
                    Verdict::Due(entry, origin) => {
                        leader.land(landing(entry.clone(), origin));
                        return self.renew(entry, origin);
                    }
                    Verdict::Spare(entry, of_entry) if spare.is_none() => {
                        why = of_entry;
                        spare = Some(entry);
                    }
                    Verdict::Spare(..) => {}
                    Verdict::Nothing(of_store) => why = why.or_of_store(of_store),
                }
            } else {
                self.prepare().await;
            }
            // Nothing of it would be kept, and nobody is with it any more.
            if leader.is_invalidated() {
                continue;
            }
            return Stand::Leads(Lead {
                leader,
                held,
                why,
                spare,
                answers_from: None,
                is_shadow: false,
            });
        }
    }

    /// What a caller gets that waited for a result: where that is a failure, it may have something
    /// better.
    fn joined(&self, entry: SharedEntry, control: Option<&Control>, results: &Results) -> Stand {
        if entry.value.is::<Failure>()
            && let Some((better, origin)) = self.old_answer(StaleCause::Failed, control, results)
            && !better.value.is::<Failure>()
        {
            return Stand::Found(better, origin);
        }
        Stand::Found(entry, Origin::Joined)
    }

    /// The entry is the answer. Where it is drawn, the body runs beside it.
    fn answer(&self, entry: SharedEntry, origin: Origin) -> Stand {
        let has_value = !entry.value.is::<Failure>() && !entry.value.is::<Absent>();
        if !self.is_shadowed || !has_value || !self.kind.background.has_room_to_spare() {
            return Stand::Found(entry, origin);
        }
        Stand::Leads(Lead {
            // Nobody joins it.
            leader: self.kind.flights.fly_alone(&self.key),
            held: None,
            why: MissReason::Refreshed,
            spare: Some(entry),
            answers_from: Some(origin),
            is_shadow: true,
        })
    }

    /// The entry is the answer. It is computed anew, unless somebody is about it already.
    fn renew(&self, entry: SharedEntry, origin: Origin) -> Stand {
        let background = &self.kind.background;
        let leader = background
            .has_room()
            .then(|| self.kind.flights.lead(&self.key))
            .flatten();
        match leader {
            None => Stand::Found(entry, origin),
            Some(leader) => Stand::Leads(Lead {
                leader,
                held: None,
                why: MissReason::Expired,
                spare: Some(entry),
                answers_from: Some(origin),
                is_shadow: false,
            }),
        }
    }
}
