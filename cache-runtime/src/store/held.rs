//! A claim that this process has made, as long as it computes.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use super::bounded::BoundedStore;
use super::{Claim, Tombstone};
use crate::bus::Ended;
use crate::key::key_hash;
use crate::runtime;

/// A claim holds for so long after it was made or renewed: when its process dies, another one computes
/// after this time.
pub(super) const LEASE: Duration = Duration::from_secs(3);

/// It is renewed so often, and an attempt takes no longer than that: two may fail, or one may find that the
/// store does not answer.
const RENEWAL: Duration = Duration::from_millis(700);

/// It is renewed for so long: what is computed for longer may be refused after a removal in any case.
const LONGEST: Duration = Tombstone::LIFETIME;

/// Counts the claims of one kind whose end is on its way to the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Endings(Arc<watch::Sender<u64>>);

impl Endings {
    /// Waits until there are none.
    pub(super) async fn are_over(&self) {
        // The sender is here, so that this does not fail.
        drop(self.0.subscribe().wait_for(|number| *number == 0).await);
    }
}

/// The end of a claim, on its way.
#[derive(Debug)]
struct Ending {
    how: Ended,
    among: Endings,
}

impl Ending {
    fn of(how: Ended, among: &Endings) -> Self {
        among.0.send_modify(|number| *number += 1);
        let among = among.clone();
        Self { how, among }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.among.0.send_modify(|number| *number -= 1);
    }
}

/// A claim, or an attempt to make one. It is renewed while this is there, and ended when it is dropped:
/// somebody else may compute then.
#[derive(Debug)]
pub(crate) struct Held {
    /// What is to be told in the end. `None`: the store has ended it, or it was never made.
    end: Option<Ended>,
    /// Takes that to the task that renews.
    ended: Option<oneshot::Sender<Option<Ending>>>,
    endings: Endings,
}

impl Held {
    /// To be called before the claim is made: who is dropped while it makes one may have made it.
    ///
    /// `None` where there is no runtime with timers.
    pub(super) fn of(store: &Arc<BoundedStore>, key: &str, claim: Claim) -> Option<Self> {
        let runtime = Handle::try_current()
            .ok()
            .filter(|_| runtime::has_timer())?;
        let (ended, is_ended) = oneshot::channel();
        runtime.spawn(hold(store.clone(), key.to_owned(), claim, is_ended));
        Some(Self {
            end: Some(Ended::GivenUp),
            ended: Some(ended),
            endings: store.endings.clone(),
        })
    }

    /// The computation has ended: who waits does not wait for another one, even if there is nothing of
    /// it in the store.
    pub(crate) fn landed(mut self) -> Self {
        self.end = Some(Ended::Landed);
        self
    }

    /// There is nothing left to end.
    pub(super) fn forget(mut self) {
        self.end = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            let ending = self.end.map(|how| Ending::of(how, &self.endings));
            // On a runtime that has ended the lease ends it.
            let _ = ended.send(ending);
        }
    }
}

/// Renews a claim until it is ended, or somebody else has ended it.
async fn hold(
    store: Arc<BoundedStore>,
    key: String,
    claim: Claim,
    mut is_ended: oneshot::Receiver<Option<Ending>>,
) {
    let began = Instant::now();
    let end = loop {
        if let Ok(end) = timeout(RENEWAL, &mut is_ended).await {
            break end.unwrap_or_default();
        }
        let renewed = store.within(RENEWAL, store.store.renew(&key, &claim, LEASE));
        // One that the store could not be asked for may still be there.
        let is_over = renewed.await == Ok(false) || began.elapsed() >= LONGEST;
        if is_over {
            return;
        }
    };
    if let Some(ending) = end {
        let announcement = store.bus.say_ended(key_hash(&key), ending.how);
        let release = store.store.release(&key, &claim, announcement.as_ref());
        // Where it fails, the lease ends it.
        let _ = store
            .within(store.settings.budget.saturating_mul(2), release)
            .await;
    }
}
