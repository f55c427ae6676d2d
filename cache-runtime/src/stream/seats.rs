//! Who follows a running stream, how far each of them is, and whose turn it is to poll the body.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use super::chain::{Link, Place};
use super::{MOST_BYTES, MOST_CHUNKS};

/// What the lock of a running stream guards. `W` is what there is to poll.
pub(super) struct Seats<W, T> {
    /// Unless somebody polls it, or it is over.
    pub(super) work: Option<W>,
    /// Whether the body wants to be polled.
    pub(super) is_due: bool,
    /// The beginning of the chain, as long as one may join.
    pub(super) root: Option<Arc<Link<T>>>,
    pub(super) last: Arc<Link<T>>,
    pub(super) end: Option<End>,
    followers: BTreeMap<u64, Seat>,
    /// Number of the latest follower.
    latest: u64,
    /// It went on without a caller before.
    pub(super) was_left: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    Panicked,
}

pub(super) struct Seat {
    /// How far it is; `None` for what only drives.
    place: Option<Place>,
    waker: Option<Waker>,
}

/// To be woken when nothing is locked.
#[must_use]
#[derive(Default)]
pub(super) struct Wakers(Vec<Waker>);

impl Wakers {
    pub(super) fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}

impl<W, T> Seats<W, T> {
    pub(super) fn new(root: &Arc<Link<T>>) -> Self {
        Self {
            work: None,
            is_due: true,
            root: Some(root.clone()),
            last: root.clone(),
            end: None,
            followers: BTreeMap::new(),
            latest: 0,
            was_left: false,
        }
    }

    /// One more follower, which is there; `None` for one that only drives.
    pub(super) fn seat(&mut self, place: Option<Place>) -> u64 {
        self.latest += 1;
        let waker = None;
        self.followers.insert(self.latest, Seat { place, waker });
        self.latest
    }

    /// What is left of it is to be let go of when nothing is locked.
    pub(super) fn leave(&mut self, seat: u64) -> Option<Seat> {
        self.followers.remove(&seat)
    }

    pub(super) fn number(&self) -> usize {
        self.followers.len()
    }

    pub(super) fn may_join(&self) -> bool {
        self.root.is_some()
    }

    /// Whether the body is there to be polled.
    pub(super) fn can_go_on(&self) -> bool {
        self.work.is_some() && self.is_due && !self.is_held_up()
    }

    /// Whether somebody is so far behind that the others wait.
    fn is_held_up(&self) -> bool {
        if self.may_join() {
            return false;
        }
        let mut places = self.followers.values().filter_map(|seat| seat.place);
        places.any(|place| self.is_far_behind(place))
    }

    fn is_far_behind(&self, place: Place) -> bool {
        let last = self.last.place;
        last.bytes - place.bytes >= MOST_BYTES || last.chunks - place.chunks >= MOST_CHUNKS
    }

    /// Whether those who are ahead wait for one that is there.
    pub(super) fn holds_up(&self, place: Place) -> bool {
        !self.may_join() && self.is_far_behind(place)
    }

    /// A follower has what there is up to this place, and waits for nothing. Its waker is to be let go
    /// of when nothing is locked.
    pub(super) fn move_on(&mut self, seat: u64, to: Place) -> Option<Waker> {
        let seat = self.followers.get_mut(&seat)?;
        seat.place = seat.place.map(|_| to);
        seat.waker.take()
    }

    /// A follower waits. The waker that it had is to be let go of when nothing is locked.
    pub(super) fn wait(&mut self, seat: u64, waker: Waker) -> Option<Waker> {
        let seat = self.followers.get_mut(&seat)?;
        seat.waker.replace(waker)
    }

    /// All who wait.
    pub(super) fn waiting(&mut self) -> Wakers {
        let seats = self.followers.values_mut();
        Wakers(seats.filter_map(|seat| seat.waker.take()).collect())
    }
}
