//! One computation for many callers, in this process.
//!
//! The first caller of a key leads its flight; the others wait. A leader that ends its flight
//! wakes all of them at once. A leader that is dropped leaves the flight without one; whichever
//! waiter is polled first takes over, so a waiter that is never polled again holds up nobody. After
//! a second panic nobody takes over: the waiters run side by side, not one panic behind the other.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::DefaultHashBuilder;
use tokio::sync::Notify;

use crate::key::MemoryKey;
use crate::memory::SharedEntry;

/// What the leader brought.
#[derive(Clone)]
pub(crate) enum Landing {
    /// A value, kept or at least good for everybody who waited.
    Value(SharedEntry),
    /// A `None`: not kept, but good for everybody who waited.
    Absent,
    /// A failure that only its own caller can have.
    Failed,
}

enum State {
    Led,
    Leaderless,
    Landed(Landing),
}

struct Flight {
    key: MemoryKey,
    board: Mutex<Board>,
    changed: Notify,
}

struct Board {
    state: State,
    /// Callers in this flight, its leader among them.
    seats: usize,
    /// Leaders whose body panicked.
    panics: usize,
}

/// The flights of one kind.
#[derive(Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<MemoryKey, Arc<Flight>, DefaultHashBuilder>>,
}

/// What a caller is in a flight.
pub(crate) enum Role {
    Leader(Leader),
    Waiter(Landing),
}

impl Flights {
    /// Leads the flight of `key`, or waits until it has landed.
    ///
    /// Dropping the future while it waits leaves the flight to the others.
    pub(crate) async fn join(self: &Arc<Self>, key: &MemoryKey) -> Role {
        let mut seat = self.take_seat(key);
        let flight = seat.flight.clone();
        while !seat.leads {
            // Made before the look at the state: a change after the look still wakes it.
            let changed = flight.changed.notified();
            if let Some(landing) = seat.landed_or_lead() {
                return Role::Waiter(landing);
            }
            if !seat.leads {
                changed.await;
            }
        }
        Role::Leader(Leader(seat))
    }

    fn take_seat(self: &Arc<Self>, key: &MemoryKey) -> Seat {
        let mut under_way = lock(&self.under_way);
        let (flight, leads) = match under_way.entry(key.clone()) {
            Slot::Vacant(slot) => (
                slot.insert(Arc::new(Flight::led(key.clone()))).clone(),
                true,
            ),
            Slot::Occupied(slot) => (slot.get().clone(), false),
        };
        // Under both locks, as in `Seat::drop`: nobody takes a flight out of the table between
        // the look-up and the count.
        lock(&flight.board).seats += 1;
        Seat {
            flights: self.clone(),
            flight,
            leads,
        }
    }
}

impl Flight {
    fn led(key: MemoryKey) -> Self {
        Self {
            key,
            board: Mutex::new(Board {
                state: State::Led,
                seats: 0,
                panics: 0,
            }),
            changed: Notify::new(),
        }
    }
}

/// One caller's place in a flight.
struct Seat {
    flights: Arc<Flights>,
    flight: Arc<Flight>,
    leads: bool,
}

impl Seat {
    /// What the flight brought, if it has landed; takes the lead if nobody has it.
    fn landed_or_lead(&mut self) -> Option<Landing> {
        let mut board = lock(&self.flight.board);
        match &board.state {
            State::Landed(landing) => return Some(landing.clone()),
            State::Led => {}
            State::Leaderless => {
                board.state = State::Led;
                self.leads = true;
            }
        }
        None
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut under_way = lock(&self.flights.under_way);
        let mut board = lock(&self.flight.board);
        board.seats -= 1;
        // A landed flight left the table when it landed; the key may have a new one by now.
        if matches!(board.state, State::Landed(_)) {
            return;
        }
        let leaves_the_lead = self.leads;
        if leaves_the_lead {
            board.panics += usize::from(std::thread::panicking());
            board.state = if board.panics < 2 {
                State::Leaderless
            } else {
                State::Landed(Landing::Failed)
            };
        }
        if board.seats == 0 || board.panics >= 2 {
            under_way.remove(&self.flight.key);
        }
        drop(board);
        drop(under_way);
        if leaves_the_lead {
            self.flight.changed.notify_waiters();
        }
    }
}

/// The right to compute for everybody who waits on one key. Dropped without
/// [`land`](Leader::land), it hands over to one of them.
pub(crate) struct Leader(Seat);

impl Leader {
    /// Ends the flight. A value has to be in memory by now: who comes after this looks there.
    pub(crate) fn land(self, landing: Landing) {
        let flight = &self.0.flight;
        lock(&self.0.flights.under_way).remove(&flight.key);
        lock(&flight.board).state = State::Landed(landing);
        flight.changed.notify_waiters();
    }
}

/// The data behind these locks is whole after every step, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
