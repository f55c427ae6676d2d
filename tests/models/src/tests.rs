//! The way of a call through memory and flights, with what may happen meanwhile.

use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;

use crate::Entry;
use crate::flight::{Flights, Landing, Leader, Role};
use crate::generation::{Generations, Invalidation, KeyHash, Scope, Touched};
use crate::key::SharedKey;
use crate::memory::SharedEntry;
use crate::sync::lock;

/// Orders that are tried of each model. `MODEL_ORDERS` sets another number.
const ORDERS: usize = 2000;

pub(crate) fn try_orders(model: impl Fn() + Copy + Send + Sync + 'static) {
    let orders = std::env::var("MODEL_ORDERS").ok();
    let orders = orders.and_then(|it| it.parse().ok()).unwrap_or(ORDERS);
    shuttle::check_random(model, orders);
    shuttle::check_pct(model, orders, 3);
}

const OPERATION: u32 = 7;

/// One key of one kind, and the world that its value is computed from.
struct World {
    state: AtomicU64,
    memory: Mutex<Option<SharedEntry>>,
    flights: Arc<Flights>,
    generations: Generations,
    key: SharedKey,
    /// Whether the state 0 is one in which nothing is found.
    zero_is_none: bool,
}

impl World {
    fn new() -> Arc<Self> {
        Self::where_zero_is_none(false)
    }

    fn where_zero_is_none(zero_is_none: bool) -> Arc<Self> {
        Arc::new(Self {
            zero_is_none,
            state: AtomicU64::new(0),
            memory: Mutex::new(None),
            flights: Arc::default(),
            generations: Generations::new(),
            key: [1].into(),
        })
    }

    fn is_served(&self, entry: &SharedEntry) -> bool {
        self.generations
            .touched(OPERATION, KeyHash::NONE, &entry.carried)
            == Touched::No
    }

    fn in_memory(&self) -> Option<SharedEntry> {
        let entry = lock(&self.memory).clone();
        entry.filter(|entry| self.is_served(entry))
    }

    /// One call, as `call/stand.rs` and `call/turn.rs` make it.
    fn call(&self) -> u64 {
        loop {
            if let Some(entry) = self.in_memory() {
                return entry.value;
            }
            let leader = match block_on(self.flights.join(&self.key)) {
                Role::Waiter(Landing::Entry(entry)) if self.is_served(&entry) => {
                    return entry.value;
                }
                Role::Waiter(_) => continue,
                Role::Follower(_) => unreachable!("nobody shows anything here"),
                Role::Alone(turn) => self.flights.fly_in_turn(&self.key, turn),
                Role::Leader(leader) => leader,
            };
            if let Some(entry) = self.in_memory() {
                leader.land(Landing::Entry(entry.clone()));
                return entry.value;
            }
            return self.compute(leader);
        }
    }

    fn compute(&self, leader: Leader) -> u64 {
        let entry = Arc::new(self.entry());
        let value = entry.value;
        let is_kept = !(self.zero_is_none && value == 0);
        if is_kept && self.is_served(&entry) {
            leader.keep(|| *lock(&self.memory) = Some(entry.clone()));
        }
        leader.land(Landing::Entry(entry));
        value
    }

    /// A new value is computed in the background, unless somebody is about it.
    fn renew(&self) {
        if let Some(leader) = self.flights.lead(&self.key) {
            self.compute(leader);
        }
    }

    fn entry(&self) -> Entry {
        let carried = self.generations.carry(&[]);
        let value = self.state.load(Ordering::SeqCst);
        Entry {
            value,
            carried,
            running: None,
        }
    }

    /// What is computed anew takes the place of everything older.
    fn refresh(&self) -> u64 {
        let leader = self.flights.fly_anew(&self.key);
        let entry = Arc::new(self.entry());
        leader.replace(|| *lock(&self.memory) = Some(entry.clone()));
        leader.land(Landing::Entry(entry.clone()));
        entry.value
    }

    fn remove(&self) {
        self.flights
            .invalidate(&self.key, || *lock(&self.memory) = None);
    }
}

fn spawn<T: Send + 'static>(
    world: &Arc<World>,
    run: impl FnOnce(&World) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let world = world.clone();
    thread::spawn(move || run(&world))
}

/// A caller, one whose value is computed in the background, one that wants it computed anew, and one
/// who changes the world, invalidates and calls: that call, and every later one, has the new state.
fn invalidated(world: &Arc<World>, invalidate: fn(&World)) {
    let calls: [fn(&World); 3] = [
        |world| _ = world.call(),
        World::renew,
        |world| _ = world.refresh(),
    ];
    let callers = calls.map(|call| spawn(world, call));
    world.state.store(1, Ordering::SeqCst);
    invalidate(world);
    assert_eq!(world.call(), 1);
    for caller in callers {
        caller.join().unwrap();
        assert_eq!(world.call(), 1);
    }
}

#[test]
fn a_removed_key_never_comes_back() {
    try_orders(|| invalidated(&World::new(), World::remove));
}

#[test]
fn an_expired_key_is_not_fresh_again() {
    try_orders(|| {
        invalidated(&World::new(), |world| {
            world.flights.invalidate(&world.key, || {
                if let Some(entry) = &*lock(&world.memory) {
                    entry.carried.expire();
                }
            });
        });
    });
}

fn remove_operation(world: &World) {
    let operation = Scope::Operation(OPERATION);
    world
        .generations
        .invalidate(operation, Invalidation::Remove);
}

#[test]
fn a_removed_operation_never_comes_back() {
    try_orders(|| invalidated(&World::new(), remove_operation));
}

#[test]
fn nor_does_a_none_of_it() {
    try_orders(|| invalidated(&World::where_zero_is_none(true), World::remove));
    try_orders(|| invalidated(&World::where_zero_is_none(true), remove_operation));
}

#[test]
fn nothing_comes_back_when_marks_are_forgotten() {
    try_orders(|| {
        invalidated(&World::new(), |world| {
            world
                .generations
                .invalidate(Scope::Kind, Invalidation::Expire);
            world.generations.forget(|| drop(world.in_memory()));
        });
    });
}

#[test]
fn nothing_older_comes_after_a_refresh() {
    try_orders(|| {
        let world = World::new();
        let calls: [fn(&World) -> u64; 3] = [World::call, World::call, World::refresh];
        let callers = calls.map(|call| spawn(&world, call));
        world.state.store(1, Ordering::SeqCst);
        assert_eq!(world.refresh(), 1);
        assert_eq!(world.call(), 1);
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(world.call(), 1);
    });
}

#[test]
fn a_cold_key_is_computed_once() {
    try_orders(|| {
        let world = World::new();
        // Each look at the world changes it.
        let call = |world: &World| {
            let value = world.call();
            world.state.fetch_add(1, Ordering::SeqCst);
            value
        };
        let callers: Vec<_> = (0..3).map(|_| spawn(&world, call)).collect();
        for caller in callers {
            assert_eq!(caller.join().unwrap(), 0);
        }
    });
}

#[test]
fn a_leader_that_gives_up_or_fails_leaves_nobody_waiting() {
    try_orders(|| {
        let world = World::new();
        let callers: Vec<_> = (0..2).map(|_| spawn(&world, World::call)).collect();
        for landing in [None, Some(Landing::Failed), None] {
            if let Role::Leader(leader) = block_on(world.flights.join(&world.key))
                && let Some(landing) = landing
            {
                leader.land(landing);
            }
        }
        for caller in callers {
            assert_eq!(caller.join().unwrap(), 0);
        }
        assert_eq!(world.call(), 0);
    });
}
