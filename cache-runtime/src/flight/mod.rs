//! Computations that are under way, for one caller or for many.
//!
//! Each computation is a flight, and so is each look into the store: it begins before the look and
//! ends when what was found is kept. Callers of the same key join a flight that takes others along;
//! a caller that wants nobody's answer but its own flies alone. While a flight is under way its key
//! may be invalidated; then nothing that it brings is kept, its leader alone has it, and those who
//! wait begin anew.
//!
//! A leader may show what it brings while it brings it; who boards the flight then follows that, and
//! waits for no landing.
//!
//! A leader that ends its flight wakes all who wait at once. A leader that is dropped leaves the
//! flight without one; whoever of them is polled first takes over, so a caller that is never polled
//! again holds up nobody. After a second panic nobody takes over: they run side by side, not one
//! panic behind the other.

use std::collections::{BTreeMap, HashMap};
use std::mem::take;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use quick_cache::DefaultHashBuilder;

use crate::key::SharedKey;
use crate::memory::SharedEntry;
use crate::sync::{Mutex, lock};

/// So many of those who waited for a failure compute at once.
const AFTER_A_FAILURE: usize = 16;

/// So many callers wait for one flight. Who comes after them computes for itself.
const SEATS: usize = 65_536;

/// What the leader brought.
#[derive(Clone)]
pub(crate) enum Landing {
    /// A value, a `None` or a failure, kept or at least good for everybody who waited.
    Entry(SharedEntry),
    /// A value past its lifetime, for those who take one.
    Stale(SharedEntry),
    /// A failure that only its own caller can have.
    Failed,
    /// The key was invalidated on the way.
    Invalidated,
}

/// What a caller is in a flight.
pub(crate) enum Role {
    Leader(Leader),
    Waiter(Landing),
    /// The leader shows this, and goes on.
    Follower(SharedEntry),
    /// It waited for a failure, and may compute for itself now.
    Alone(AfterFailure),
}

/// The flights of one kind.
#[derive(Default)]
pub(crate) struct Flights {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    under_way: HashMap<SharedKey, UnderWay, DefaultHashBuilder>,
    /// Number of the latest flight.
    latest: u64,
}

/// The flights of one key.
#[derive(Default)]
struct UnderWay {
    /// The one that takes others along.
    joint: Option<Arc<Flight>>,
    /// Those that do not.
    alone: Vec<Arc<Flight>>,
}

struct Flight {
    key: SharedKey,
    /// Of flights that make a value anew, the later one has the last word.
    number: u64,
    makes_anew: bool,
    board: Mutex<Board>,
}

struct Board {
    state: State,
    /// What can be followed while the flight is led.
    shown: Option<SharedEntry>,
    /// Callers in this flight, its leader among them.
    seats: usize,
    /// Leaders whose body panicked.
    panics: usize,
    /// Those who wait, in the order in which they came.
    waiting: BTreeMap<u64, Waker>,
    tickets: u64,
    /// Of those who waited for a failure, the ones that compute.
    computing: usize,
}

enum State {
    Led,
    Leaderless,
    Landed(Landing),
}

/// To be woken when no lock is held: a waker may do anything.
#[must_use]
#[derive(Default)]
struct Waiting(BTreeMap<u64, Waker>);

impl Waiting {
    fn wake(self) {
        self.0.into_values().for_each(Waker::wake);
    }
}

impl Flights {
    /// Leads the flight of `key`, or waits until it has landed.
    ///
    /// Dropping the future while it waits leaves the flight to the others.
    pub(crate) fn join(self: &Arc<Self>, key: &SharedKey) -> impl Future<Output = Role> {
        let mut table = lock(&self.table);
        let number = table.next();
        let of_key = table.of_key(key);
        let (flight, leads) = match &of_key.joint {
            Some(joint) if joint.is_full() => {
                let alone = Flight::led(key, number, false);
                of_key.alone.push(alone.clone());
                (alone, true)
            }
            Some(joint) => (joint.clone(), false),
            None => {
                let joint = Flight::led(key, number, false);
                of_key.joint = Some(joint.clone());
                (joint, true)
            }
        };
        Boarding(Some(self.seat(flight, leads)))
    }

    /// Begins a flight that takes others along, unless there is one.
    pub(crate) fn lead(self: &Arc<Self>, key: &SharedKey) -> Option<Leader> {
        let mut table = lock(&self.table);
        let number = table.next();
        let joint = &mut table.of_key(key).joint;
        if joint.is_some() {
            return None;
        }
        let flight = Flight::led(key, number, false);
        *joint = Some(flight.clone());
        Some(Leader {
            seat: self.seat(flight, true),
            _turn: None,
        })
    }

    /// Begins a flight that takes nobody along.
    pub(crate) fn fly_alone(self: &Arc<Self>, key: &SharedKey) -> Leader {
        self.fly(key, false, None)
    }

    /// The same for a caller that waited for a failure.
    pub(crate) fn fly_in_turn(self: &Arc<Self>, key: &SharedKey, turn: AfterFailure) -> Leader {
        self.fly(key, false, Some(turn))
    }

    /// The same for one whose value is to take the place of everything older.
    pub(crate) fn fly_anew(self: &Arc<Self>, key: &SharedKey) -> Leader {
        self.fly(key, true, None)
    }

    fn fly(
        self: &Arc<Self>,
        key: &SharedKey,
        makes_anew: bool,
        turn: Option<AfterFailure>,
    ) -> Leader {
        let mut table = lock(&self.table);
        let flight = Flight::led(key, table.next(), makes_anew);
        table.of_key(key).alone.push(flight.clone());
        Leader {
            seat: self.seat(flight, true),
            _turn: turn,
        }
    }

    /// Keys that have flights under way.
    #[cfg(feature = "metrics")]
    pub(crate) fn under_way(&self) -> usize {
        lock(&self.table).under_way.len()
    }

    /// To be called with the table locked: nobody takes a flight out of it that somebody boards.
    fn seat(self: &Arc<Self>, flight: Arc<Flight>, leads: bool) -> Seat {
        lock(&flight.board).seats += 1;
        Seat {
            flights: self.clone(),
            flight,
            leads,
            ticket: None,
        }
    }

    /// Lets nothing be kept of what is under way for `key`, and does something before anybody begins
    /// anew.
    pub(crate) fn invalidate<R>(&self, key: &[u8], meanwhile: impl FnOnce() -> R) -> R {
        let mut table = lock(&self.table);
        let waiting = table.land_before(key, u64::MAX);
        let done = meanwhile();
        drop(table);
        waiting.into_iter().for_each(Waiting::wake);
        done
    }

    /// The same for the flight that shows this alone.
    pub(crate) fn end_shown(&self, key: &SharedKey, shown: &SharedEntry) {
        let mut table = lock(&self.table);
        let Some(of_key) = table.under_way.get_mut(key) else {
            return;
        };
        let is_it = |flight: &mut Arc<Flight>| {
            let board = lock(&flight.board);
            board
                .shown
                .as_ref()
                .is_some_and(|it| Arc::ptr_eq(it, shown))
        };
        let Some(flight) = of_key.joint.take_if(is_it) else {
            return;
        };
        if of_key.is_empty() {
            table.under_way.remove(key);
        }
        let waiting = flight.land(Landing::Invalidated);
        drop(table);
        waiting.wake();
    }

    /// Lets nothing be kept of what is under way for the keys that match.
    pub(crate) fn invalidate_matching(&self, matches: impl Fn(&[u8]) -> bool) {
        let mut table = lock(&self.table);
        let matching = table.under_way.extract_if(|key, _| matches(key));
        let waiting: Vec<_> = matching
            .flat_map(|(_, mut it)| it.land_before(u64::MAX))
            .collect();
        drop(table);
        waiting.into_iter().for_each(Waiting::wake);
    }
}

impl Table {
    fn next(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    fn of_key(&mut self, key: &SharedKey) -> &mut UnderWay {
        self.under_way.entry(key.clone()).or_default()
    }

    /// Lets nothing be kept of the flights of a key, but for those that make a value anew and began
    /// after the one with this number.
    fn land_before(&mut self, key: &[u8], number: u64) -> Vec<Waiting> {
        let Some(of_key) = self.under_way.get_mut(key) else {
            return Vec::new();
        };
        let waiting = of_key.land_before(number);
        if of_key.is_empty() {
            self.under_way.remove(key);
        }
        waiting
    }

    /// Takes a flight out, if it is there.
    fn forget(&mut self, flight: &Arc<Flight>) {
        let Some(of_key) = self.under_way.get_mut(&flight.key) else {
            return;
        };
        of_key.joint.take_if(|joint| Arc::ptr_eq(joint, flight));
        of_key.alone.retain(|alone| !Arc::ptr_eq(alone, flight));
        if of_key.is_empty() {
            self.under_way.remove(&flight.key);
        }
    }
}

impl UnderWay {
    fn is_empty(&self) -> bool {
        self.joint.is_none() && self.alone.is_empty()
    }

    fn land_before(&mut self, number: u64) -> Vec<Waiting> {
        let is_older = |flight: &mut Arc<Flight>| !flight.makes_anew || flight.number < number;
        let older = self.alone.extract_if(.., is_older);
        let older = older.chain(self.joint.take());
        older.map(|it| it.land(Landing::Invalidated)).collect()
    }
}

impl Flight {
    fn led(key: &SharedKey, number: u64, makes_anew: bool) -> Arc<Self> {
        Arc::new(Self {
            key: key.clone(),
            number,
            makes_anew,
            board: Mutex::new(Board {
                state: State::Led,
                shown: None,
                seats: 0,
                panics: 0,
                waiting: BTreeMap::new(),
                tickets: 0,
                computing: 0,
            }),
        })
    }

    fn is_full(&self) -> bool {
        lock(&self.board).seats >= SEATS
    }

    /// Ends the flight, unless it has ended.
    fn land(&self, landing: Landing) -> Waiting {
        let mut board = lock(&self.board);
        if board.has_landed() {
            return Waiting::default();
        }
        board.state = State::Landed(landing);
        Waiting(take(&mut board.waiting))
    }
}

impl Board {
    fn has_landed(&self) -> bool {
        matches!(self.state, State::Landed(_))
    }
}

/// One caller's place in a flight.
struct Seat {
    flights: Arc<Flights>,
    flight: Arc<Flight>,
    leads: bool,
    /// Of its waker, while it waits.
    ticket: Option<u64>,
}

/// What a caller sees that is in a flight and does not lead it.
enum Sight {
    /// Somebody leads.
    Led,
    /// Nobody does, so this caller does from now on.
    Leads,
    Landed(Landing),
    /// Somebody leads, and shows this.
    Shown(SharedEntry),
    /// It has landed with a failure, and it is this caller's turn.
    Computes,
}

/// A caller that leads, or waits until the flight has landed.
struct Boarding(Option<Seat>);

impl Future for Boarding {
    type Output = Role;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Role> {
        let Some(mut seat) = self.0.take() else {
            return Poll::Pending;
        };
        if !seat.leads {
            let (sight, _waker) = seat.look(context.waker().clone());
            match sight {
                Sight::Led => {
                    self.0 = Some(seat);
                    return Poll::Pending;
                }
                Sight::Leads => seat.leads = true,
                Sight::Landed(landing) => return Poll::Ready(Role::Waiter(landing)),
                Sight::Shown(shown) => return Poll::Ready(Role::Follower(shown)),
                Sight::Computes => return Poll::Ready(Role::Alone(AfterFailure(seat))),
            }
        }
        Poll::Ready(Role::Leader(Leader { seat, _turn: None }))
    }
}

impl Seat {
    fn has_landed(&self) -> bool {
        lock(&self.flight.board).has_landed()
    }

    /// What there is to see; who has to wait leaves its waker. A waker that is left over is given
    /// back, to be dropped when nothing is locked.
    fn look(&mut self, waker: Waker) -> (Sight, Option<Waker>) {
        let mut board = lock(&self.flight.board);
        let board = &mut *board;
        let sight = match (&board.state, &board.shown) {
            (State::Leaderless, _) => {
                board.state = State::Led;
                Sight::Leads
            }
            (State::Landed(Landing::Failed), _) if board.computing < AFTER_A_FAILURE => {
                board.computing += 1;
                Sight::Computes
            }
            (State::Led, Some(shown)) => Sight::Shown(shown.clone()),
            (State::Led, None) | (State::Landed(Landing::Failed), _) => {
                let ticket = *self.ticket.get_or_insert_with(|| {
                    board.tickets += 1;
                    board.tickets
                });
                return (Sight::Led, board.waiting.insert(ticket, waker));
            }
            (State::Landed(landing), _) => Sight::Landed(landing.clone()),
        };
        (sight, Some(waker))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _own_waker;
        let mut _shown = None;
        let mut waiting = Waiting::default();
        {
            // A landed flight left the table when it landed; the key may have a new one by now.
            let table = (!self.has_landed()).then(|| lock(&self.flights.table));
            let mut board = lock(&self.flight.board);
            board.seats -= 1;
            _own_waker = self.ticket.and_then(|ticket| board.waiting.remove(&ticket));
            let Some(mut table) = table.filter(|_| !board.has_landed()) else {
                return;
            };
            if self.leads {
                _shown = board.shown.take();
                board.panics += usize::from(std::thread::panicking());
                board.state = if board.panics < 2 {
                    State::Leaderless
                } else {
                    State::Landed(Landing::Failed)
                };
                waiting = Waiting(take(&mut board.waiting));
            }
            if board.seats == 0 || board.has_landed() {
                table.forget(&self.flight);
            }
        }
        waiting.wake();
    }
}

/// The turn of a caller that waited for a failure: so many compute side by side, and when one ends
/// the next begins.
pub(crate) struct AfterFailure(Seat);

impl Drop for AfterFailure {
    fn drop(&mut self) {
        let mut board = lock(&self.0.flight.board);
        board.computing -= 1;
        let waiting = Waiting(take(&mut board.waiting));
        drop(board);
        waiting.wake();
    }
}

/// The right to compute for everybody who waits on one key, or for its caller alone. Dropped without
/// [`land`](Leader::land), it hands over to one of them.
pub(crate) struct Leader {
    seat: Seat,
    /// Of one who waited for a failure.
    _turn: Option<AfterFailure>,
}

impl Leader {
    /// Shows this to everybody who waits or boards from now on, unless the key was invalidated on the
    /// way.
    pub(crate) fn show(&self, shown: SharedEntry) {
        let mut board = lock(&self.seat.flight.board);
        if board.has_landed() {
            return;
        }
        let before = board.shown.replace(shown);
        let waiting = Waiting(take(&mut board.waiting));
        drop(board);
        drop(before);
        waiting.wake();
    }

    /// Whether nothing that the flight brings is to be kept, or given to anybody else.
    pub(crate) fn is_invalidated(&self) -> bool {
        self.seat.has_landed()
    }

    /// Keeps something, unless the key was invalidated on the way.
    pub(crate) fn keep<R>(&self, keep: impl FnOnce() -> R) -> Option<R> {
        let board = lock(&self.seat.flight.board);
        (!board.has_landed()).then(keep)
    }

    /// The same, in the place of all else that is under way for the key and does not make a value
    /// anew, later than this one.
    pub(crate) fn replace<R>(&self, keep: impl FnOnce() -> R) -> Option<R> {
        let Seat {
            flights, flight, ..
        } = &self.seat;
        let mut table = lock(&flights.table);
        if self.is_invalidated() {
            return None;
        }
        table.forget(flight);
        let waiting = table.land_before(&flight.key, flight.number);
        let kept = keep();
        drop(table);
        waiting.into_iter().for_each(Waiting::wake);
        Some(kept)
    }

    /// Ends the flight. A value has to be in memory by now: who comes after this looks there.
    pub(crate) fn land(self, landing: Landing) {
        let Seat {
            flights, flight, ..
        } = &self.seat;
        lock(&flights.table).forget(flight);
        flight.land(landing).wake();
    }
}
