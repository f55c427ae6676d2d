//! What a flight shows of a stream that is running, and who may join that.

use std::any::{Any, TypeId};
use std::sync::{Arc, Weak};

use crate::call::{Company, Control, Pending, Results};
use crate::memory::SharedEntry;

/// One more follower, of the type that its call knows.
pub(crate) type Follower = Box<dyn Any + Send>;

/// A stream that others may join, in the place of a value.
pub(crate) struct Running {
    live: Weak<dyn Joined>,
    follower: TypeId,
}

/// A stream that is running, whatever its items are.
pub(super) trait Joined: Send + Sync {
    /// One more follower, from the first chunk on. `None` where nobody may join it any more.
    fn join(self: Arc<Self>) -> Option<Follower>;
}

impl Running {
    /// A stream whose followers are of type `F`.
    pub(super) fn of<F: Any>(live: Weak<dyn Joined>) -> Self {
        Self {
            live,
            follower: TypeId::of::<F>(),
        }
    }
}

/// Whether a caller joins a stream that is running.
pub(crate) enum Boarding {
    Aboard(Follower),
    /// It is not for this caller.
    Apart,
    /// It is for nobody any more.
    Over,
}

impl Pending {
    /// Joins the stream that another call shows. One that is over for everybody is not shown any more.
    pub(crate) fn board(
        &self,
        shown: &SharedEntry,
        control: Option<&Control>,
        results: &Results,
    ) -> Boarding {
        let boarding = self.join(shown, control, results);
        if matches!(boarding, Boarding::Over) {
            self.kind.flights.end_shown(&self.key, shown);
        }
        boarding
    }

    fn join(&self, shown: &SharedEntry, control: Option<&Control>, results: &Results) -> Boarding {
        let Some(running) = shown.value.downcast_ref::<Running>() else {
            return Boarding::Apart;
        };
        if !self.follows(&shown.head) {
            return Boarding::Over;
        }
        // Functions that share an operation may fail in other ways.
        if results.company != Company::Follows(running.follower) || !self.is_young(shown, control) {
            return Boarding::Apart;
        }
        let joined = running.live.upgrade().and_then(Joined::join);
        joined.map_or(Boarding::Over, Boarding::Aboard)
    }
}
