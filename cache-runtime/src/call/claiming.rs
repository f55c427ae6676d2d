//! A computation that several processes may want: one of them claims it, the others wait for what it
//! brings to the store.
//!
//! A claim is there to save work, and nothing depends on it: where the store cannot be asked, where the
//! other process brings nothing, and where it takes too long, this one computes for itself.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::control::Control;
use super::outcome::MissReason;
use super::pending::Pending;
use super::results::Results;
use super::verdict::Verdict;
use crate::bus::Ended;
use crate::envelope::Whole;
use crate::flight::Leader;
use crate::key::key_hash;
use crate::policy::SingleFlight;
use crate::store::{Computing, Held};

/// For so long a process waits for others. They are alive: it is the body that takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pauses between two looks where nobody tells what others do; each is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What the store has by the time when this process may compute, and the claim under which it does, if
/// it has one.
pub(super) struct Claiming {
    pub(super) verdict: Verdict,
    pub(super) whole: Option<Whole>,
    pub(super) held: Option<Held>,
}

impl Claiming {
    /// After a look-up that found this.
    fn without((verdict, whole): (Verdict, Option<Whole>)) -> Self {
        Self {
            verdict,
            whole,
            held: None,
        }
    }
}

impl Pending {
    /// Asks the store. Where it has no answer, and the function's callers in other processes are to be
    /// waited for, this returns when it has, or when it is this process's turn to compute.
    ///
    /// May be dropped at each await: while it waits it holds nothing, and a claim that it is making or has
    /// made is given up.
    pub(super) async fn in_store_or_claimed(
        &self,
        leader: &Leader,
        control: Option<&Control>,
        results: &Results,
        is_answer: fn(&Verdict) -> bool,
    ) -> Claiming {
        let found = self.in_store(leader, control, results).await;
        if self.operation.single_flight != SingleFlight::Cluster || is_answer(&found.0) {
            return Claiming::without(found);
        }
        // In a box: it is long, and every look-up would be.
        let claim = self.claim(found, leader, control, results, is_answer);
        Box::pin(self.claiming(claim, is_answer)).await
    }

    async fn claim(
        &self,
        mut found: (Verdict, Option<Whole>),
        leader: &Leader,
        control: Option<&Control>,
        results: &Results,
        is_answer: fn(&Verdict) -> bool,
    ) -> Claiming {
        let Some((store, name)) = self.store() else {
            return Claiming::without(found);
        };
        // From here on: what is said after a claim was refused is heard.
        let mut news = store.bus.listen_for(key_hash(&name.key));
        let began = *name.waits_since.get_or_init(Instant::now);
        let mut pause = SHORTEST_PAUSE;
        loop {
            // What is not known to be from after all removals would not be written.
            let Some(generations) = self.generations().filter(|_| name.seen.is_known()) else {
                return Claiming::without(found);
            };
            let (held, ended) = match store.claim(name, generations).await {
                Err(_lost) => return Claiming::without(found),
                Ok(Computing::Here { held, has_entry }) if !has_entry => {
                    return Claiming {
                        held: Some(held),
                        ..Claiming::without(found)
                    };
                }
                Ok(Computing::Here { held, .. }) => (Some(held), None),
                Ok(Computing::Elsewhere(left)) => {
                    let mut until = left.max(SHORTEST_PAUSE);
                    if !store.bus.is_heard() {
                        until = until.min(pause);
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    // Those who wait for one that has died do not all come at once.
                    let until = until.mul_f64(1.0 + fastrand::f64() / 16.0);
                    let ended = timeout(until, news.next()).await.ok();
                    name.begin_anew();
                    (None, ended)
                }
            };
            let looked_up = self.in_store(leader, control, results).await;
            // Where the store does not answer, what it had before is still better than nothing.
            let is_silent = matches!(
                looked_up.0,
                Verdict::Nothing(MissReason::StoreAway | MissReason::StoreTimedOut)
            );
            if !is_silent || !matches!(found.0, Verdict::Spare(..)) {
                found = looked_up;
            }
            let is_our_turn = held.is_some()
                || ended == Some(Ended::Landed)
                || began.elapsed() >= PATIENCE
                || leader.is_invalidated();
            if is_our_turn || is_answer(&found.0) {
                return Claiming {
                    held,
                    ..Claiming::without(found)
                };
            }
        }
    }
}
