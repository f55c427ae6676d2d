//! Who follows a running stream, how far each of them is, and whose turn it is to poll the body.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use super::chain::{Link, Place};
use super::{MOST_BYTES, MOST_CHUNKS, PATIENCE};
use crate::runtime::Instant;

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
    followers: BTreeMap<u64, Seat<T>>,
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

pub(super) struct Seat<T> {
    /// The last link that it has passed; `None` for what only drives.
    last: Option<Arc<Link<T>>>,
    waker: Option<Waker>,
    /// Since when it has taken none of the links that are there for it, as seen by those who waited.
    idle: Option<Instant>,
}

/// Where a follower is, and the link that is next.
type Step<T> = (Place, Arc<Link<T>>);

/// Nothing more comes for a follower: the others did not wait for it any longer.
pub(super) struct LetGo;

impl<T> Seat<T> {
    /// How far it is; `None` for what only drives.
    fn place(&self) -> Option<Place> {
        self.last.as_ref().map(|last| last.place)
    }
}

impl Place {
    /// Whether so much is between it and the last one that no more is held.
    fn is_far_behind(self, last: Self) -> bool {
        last.bytes - self.bytes >= MOST_BYTES || last.chunks - self.chunks >= MOST_CHUNKS
    }
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

    /// One more follower, which has passed this link; `None` for one that only drives.
    pub(super) fn seat(&mut self, last: Option<Arc<Link<T>>>) -> u64 {
        self.latest += 1;
        let seat = Seat {
            last,
            waker: None,
            idle: None,
        };
        self.followers.insert(self.latest, seat);
        self.latest
    }

    /// What is left of it is to be let go of when nothing is locked.
    pub(super) fn leave(&mut self, seat: u64) -> Option<Seat<T>> {
        self.followers.remove(&seat)
    }

    /// What a follower has before it, where it is not at the end.
    pub(super) fn next_of(&self, seat: u64) -> Result<Option<Step<T>>, LetGo> {
        let seat = self.followers.get(&seat).ok_or(LetGo)?;
        let last = seat.last.as_ref();
        Ok(last.and_then(|last| Some((last.place, last.next()?.clone()))))
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
        let mut places = self.followers.values().filter_map(Seat::place);
        !self.may_join() && places.any(|place| self.holds_up(place))
    }

    /// Whether those who are ahead wait for one that is there.
    pub(super) fn holds_up(&self, place: Place) -> bool {
        !self.may_join() && place.is_far_behind(self.last.place)
    }

    /// Lets go of those for whom others have waited long enough; until when they wait for the next one. What
    /// is left of them is to be let go of when nothing is locked.
    pub(super) fn be_patient(&mut self) -> (Vec<Seat<T>>, Option<Instant>) {
        // It would panic, and that would end the process.
        let waits_for_ever = cfg!(panic = "abort");
        if waits_for_ever || self.work.is_none() || !self.is_due || !self.is_held_up() {
            return (Vec::new(), None);
        }
        let (now, last) = (Instant::now(), self.last.place);
        let (mut gone, mut until) = (Vec::new(), None::<Instant>);
        for (number, seat) in &mut self.followers {
            let Some(place) = seat.place().filter(|place| *place < last) else {
                continue;
            };
            // Also of those that are not far behind yet: the others do not wait for one after the other.
            let end = *seat.idle.get_or_insert(now) + PATIENCE;
            if !place.is_far_behind(last) {
                continue;
            }
            if now >= end {
                gone.push(*number);
            } else {
                until = Some(until.map_or(end, |until| until.min(end)));
            }
        }
        let gone = gone.iter().filter_map(|it| self.followers.remove(it));
        (gone.collect(), until)
    }

    /// A follower has passed this link, and waits for nothing. What it had before is to be let go of when
    /// nothing is locked.
    pub(super) fn move_on(&mut self, seat: u64, to: Arc<Link<T>>) -> Option<Seat<T>> {
        let seat = self.followers.get_mut(&seat)?;
        let last = seat.last.as_ref().map(|_| to);
        let moved = Seat {
            last,
            waker: None,
            idle: None,
        };
        Some(std::mem::replace(seat, moved))
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
