//! The memory tier: typed values in this process, bounded by their number and, if the application
//! says so, by their bytes.
//!
//! `quick_cache` decides what stays when the tier is full (a policy that resists scans). It knows
//! no lifetimes: they live in the entries and are checked when an entry is read. What nobody reads
//! again is found by a sweep, of which each insertion does a small step. An entry may stay beyond
//! its lifetime, for those who get nothing better.

mod account;
mod budget;
mod table;
mod weight;

use std::any::Any;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

pub(crate) use account::Left;
pub use budget::MemoryBudget;
pub(crate) use table::Bounds;
pub use weight::Weight;
pub(crate) use weight::{Weigher, measure, weigher};

use crate::clock::{Clock, Deadline, Tick};
use crate::envelope::ValueType;
use crate::generation::{Carried, Generations, KeyHash, Touched};
use crate::key::{MemoryKey, operation_of};
use crate::observe::{Events, RemovalCause};
use crate::policy::{TextMark, Ttl};
use account::Account;
use table::{Table, Walk};
use weight::OVERHEAD;

/// What is known of a value: its times, the generations that it carries, and its weight.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) created: Tick,
    pub(crate) fresh_until: Tick,
    pub(crate) carried: Carried,
    /// So many seconds past its freshness it may be served, where nothing better is to be had; in the
    /// first bits the mark of its text. Four bytes, because there may be millions of entries.
    kept_for: u32,
    /// It was served in place of a failure: until it has this age, in seconds, nobody asks for a new
    /// one.
    paused_until: AtomicU32,
    /// In bytes, with its key; zero where bytes are not bounded.
    weight: u32,
    /// Of its name in the store.
    pub(crate) key: KeyHash,
}

/// What an entry is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Fresh,
    /// Its lifetime is over.
    Stale,
    /// It was expired before that.
    Expired,
    /// And nobody has expired it since that was noted.
    ExpiredBefore,
    /// Nothing: all its time is over.
    Over,
    /// Nothing: it was invalidated.
    Invalidated,
}

/// In the place of a value: the body returned a `None`.
pub(crate) struct Absent;

/// In the place of a value: the body failed with this.
pub(crate) struct Failure(pub(crate) Arc<dyn Any + Send + Sync>);

/// A value, and what is known of it.
pub(crate) struct Entry<T: ?Sized = dyn Any + Send + Sync> {
    pub(crate) head: Head,
    pub(crate) value: T,
}

impl Head {
    /// Of an entry that stays for so long when its lifetime is over.
    pub(crate) fn new(
        created: Tick,
        ttl: Ttl,
        kept_for: Duration,
        key: KeyHash,
        carried: Carried,
    ) -> Self {
        let fresh_until = match ttl {
            Ttl::After(lifetime) => created.after(lifetime),
            Ttl::Never => Tick::NEVER,
        };
        Self {
            created,
            fresh_until,
            carried,
            kept_for: whole_seconds(kept_for).min(MOST_SECONDS),
            paused_until: AtomicU32::new(0),
            weight: 0,
            key,
        }
    }

    /// Notes how long the text is that it is a result for.
    pub(crate) fn mark(&mut self, text: TextMark) {
        self.kept_for = self.kept_for() | text.in_first_bits();
    }

    /// That text.
    #[inline]
    pub(crate) fn text(&self) -> TextMark {
        TextMark::of_first_bits(self.kept_for)
    }

    fn kept_for(&self) -> u32 {
        self.kept_for & MOST_SECONDS
    }

    pub(crate) fn is_fresh(&self, now: Tick) -> bool {
        now < self.fresh_until
    }

    /// What an entry with this head is good for that was touched so.
    pub(crate) fn condition(&self, now: Tick, touched: Touched) -> Condition {
        match touched {
            Touched::No if self.is_fresh(now) => Condition::Fresh,
            Touched::No if now < self.kept_until() => Condition::Stale,
            Touched::No => Condition::Over,
            // One that is not to stay beyond its lifetime is good for nothing when it is expired.
            Touched::Expired if self.is_kept(now) => Condition::Expired,
            Touched::ExpiredBefore if self.is_kept(now) => Condition::ExpiredBefore,
            Touched::Expired | Touched::ExpiredBefore | Touched::Removed => Condition::Invalidated,
        }
    }

    fn is_kept(&self, now: Tick) -> bool {
        now < self.kept_until() && self.kept_for() > 0
    }

    /// How long its lifetime has been over.
    pub(crate) fn overdue(&self, now: Tick) -> Duration {
        now.since(self.fresh_until)
    }

    /// Whether this part of its lifetime has passed, and somebody may ask for a new one.
    pub(crate) fn is_due(&self, part: f64, now: Tick) -> bool {
        let lifetime = self.fresh_until.since(self.created);
        self.fresh_until != Tick::NEVER
            && now.since(self.created) >= lifetime.mul_f64(part)
            && !self.is_paused(now)
    }

    fn kept_until(&self) -> Tick {
        self.fresh_until
            .after(Duration::from_secs(self.kept_for().into()))
    }

    /// Has nobody ask for a new one for so long from now on.
    pub(crate) fn pause(&self, now: Tick, pause: Duration) {
        if !pause.is_zero() {
            let age = now.since(self.created).saturating_add(pause);
            self.paused_until
                .store(whole_seconds(age), Ordering::Relaxed);
        }
    }

    pub(crate) fn is_paused(&self, now: Tick) -> bool {
        let paused_until = self.paused_until.load(Ordering::Relaxed);
        now.since(self.created) < Duration::from_secs(paused_until.into())
    }

    /// What is left of the lifetime; `None` where it never ends.
    pub(crate) fn remaining(&self, now: Tick) -> Option<Duration> {
        (self.fresh_until != Tick::NEVER).then(|| self.fresh_until.since(now))
    }
}

/// What is left of four bytes for seconds: 17 years.
const MOST_SECONDS: u32 = u32::MAX >> TextMark::BITS;

/// An entry as the tiers and the flights share it.
pub(crate) type SharedEntry = Arc<Entry>;

/// At most this often a sweep begins.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// So many entries each insertion looks at, as long as a sweep goes on.
const SWEPT_AT_ONCE: usize = 16;

pub(crate) struct MemoryTier {
    table: Arc<Table>,
    account: Arc<Account>,
    capacity: usize,
    max_bytes: Option<u64>,
    /// Of an entry with its key, where bytes are bounded.
    heaviest: Option<u64>,
    unweighed: AtomicU64,
    sweep: Mutex<Sweep>,
    generations: Arc<Generations>,
    trusted_until: Deadline,
    clock: Clock,
}

impl MemoryTier {
    pub(crate) fn new(
        bounds: Bounds,
        budget: Option<MemoryBudget>,
        events: Arc<Events>,
        generations: Arc<Generations>,
        clock: Clock,
    ) -> Self {
        let table = Arc::new(bounds.table());
        let of_table = bounds.bytes.map(|bytes| bounds.heaviest(bytes));
        // Heavier ones have no weight of their own.
        let of_budget = budget.as_ref().map(|it| it.limit().min(u32::MAX.into()));
        Self {
            account: Account::new(table.clone(), budget, events, clock.clone()),
            table,
            capacity: bounds.entries,
            max_bytes: bounds.bytes,
            heaviest: of_table.into_iter().chain(of_budget).min(),
            unweighed: AtomicU64::new(0),
            sweep: Mutex::new(Sweep {
                began: clock.now(),
                walk: None,
            }),
            generations,
            trusted_until: Deadline::never(),
            clock,
        }
    }

    /// Serves nothing after this time, until there is another one.
    pub(crate) fn trust_until(&self, end: Tick) {
        self.trusted_until.set(end);
    }

    /// Whether that time has passed.
    pub(crate) fn is_overdue(&self) -> bool {
        self.trusted_until.has_passed(self.clock.now())
    }

    /// The entry of this key, unless its lifetime is over or it was invalidated. Then it stays: the long way
    /// looks it up, too, and says why it is not served.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<SharedEntry> {
        let entry = self.table.get(key)?;
        self.is_served(key, &entry.head).then_some(entry)
    }

    /// The same, without counting as a use for the eviction policy.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<SharedEntry> {
        let entry = self.table.peek(key)?;
        self.is_served(key, &entry.head).then_some(entry)
    }

    /// The entry of this key and what it is good for.
    pub(crate) fn look(&self, key: &[u8]) -> Option<(SharedEntry, Condition)> {
        let entry = self.table.get(key)?;
        let condition = self.condition(key, &entry.head);
        if matches!(condition, Condition::Over | Condition::Invalidated) {
            self.drop_if_over(key);
        }
        Some((entry, condition))
    }

    /// The value for this key that is good for something.
    pub(crate) fn value(&self, key: &[u8]) -> Option<SharedEntry> {
        let entry = self.table.peek(key)?;
        let is_good = !entry.value.is::<Failure>() && !self.is_over(key, &entry.head);
        is_good.then_some(entry)
    }

    /// Expires the entry of this key, which is to be let go of when nothing is locked, and says
    /// whether it was fresh.
    pub(crate) fn expire(&self, key: &[u8]) -> Option<(SharedEntry, bool)> {
        let entry = self.table.peek(key)?;
        let was_fresh = self.is_served(key, &entry.head);
        entry.head.carried.expire();
        entry.head.paused_until.store(0, Ordering::Relaxed);
        Some((entry, was_fresh))
    }

    #[inline]
    pub(crate) fn is_served(&self, key: &[u8], head: &Head) -> bool {
        let touched = || {
            self.generations
                .touched(operation_of(key), head.key, &head.carried)
        };
        let now = self.clock.now();
        head.is_fresh(now) && !self.trusted_until.has_passed(now) && touched() == Touched::No
    }

    fn condition(&self, key: &[u8], head: &Head) -> Condition {
        let touched = self
            .generations
            .touched(operation_of(key), head.key, &head.carried);
        head.condition(self.clock.now(), touched)
    }

    fn is_over(&self, key: &[u8], head: &Head) -> bool {
        let condition = self.condition(key, head);
        matches!(condition, Condition::Over | Condition::Invalidated)
    }

    #[cold]
    pub(crate) fn drop_if_over(&self, key: &[u8]) {
        // Dropped when the shard is not locked any more.
        let over = self
            .table
            .remove_if(key, |entry| self.is_over(key, &entry.head));
        drop(self.left(over));
    }

    /// Drops what is good for nothing any more and nobody looked up: each time a few entries. To be called
    /// with nothing locked.
    pub(crate) fn sweep_when_due(&self) {
        let passed = match self.sweep.try_lock() {
            Ok(mut sweep) => sweep.step(&self.table, self.clock.now()),
            Err(TryLockError::Poisoned(sweep)) => {
                sweep.into_inner().step(&self.table, self.clock.now())
            }
            // Somebody else does it.
            Err(TryLockError::WouldBlock) => return,
        };
        for (key, entry) in &passed {
            if self.is_over(key, &entry.head) {
                self.drop_if_over(key);
            }
        }
    }

    /// Notes what an entry weighs that nobody else has yet, if that counts. To be called with nothing
    /// locked: the value says it.
    pub(crate) fn weigh(
        &self,
        entry: &mut SharedEntry,
        key: &[u8],
        weigher: Option<&Weigher>,
        value_type: Option<ValueType>,
    ) {
        if self.heaviest.is_some() && !weight::weigh(entry, key.len(), weigher, value_type) {
            self.unweighed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Puts an entry in the place of the one that is there, unless it is too heavy: then there is none.
    pub(crate) fn insert(&self, key: MemoryKey, entry: SharedEntry) -> Left {
        let mut left = Left::of(&self.account);
        if self.is_too_heavy(&entry.head) {
            if let Some((key, old)) = self.table.remove(&key) {
                self.account.leaves(&old.head);
                left.push(key, old, RemovalCause::Replaced);
            }
            left.push(key, entry, RemovalCause::TooLarge);
            return left;
        }
        let mut leaving = Vec::new();
        self.account.enters(&entry.head);
        left.enters(entry.clone(), self.table.peek(&key));
        self.table.insert_with_lifecycle(key, entry, &mut leaving);
        for (key, entry) in leaving {
            self.account.leaves(&entry.head);
            left.push_evicted(key, entry);
        }
        left
    }

    fn is_too_heavy(&self, head: &Head) -> bool {
        let weight = u64::from(head.weight);
        self.heaviest.is_some_and(|heaviest| weight > heaviest)
    }

    /// Takes an entry out, whether or not it is one to be served.
    pub(crate) fn remove(&self, key: &[u8]) -> Left {
        self.left(self.table.remove(key))
    }

    /// What was taken out of the table because it was over, or was to be.
    fn left(&self, taken: Option<(MemoryKey, SharedEntry)>) -> Left {
        let mut left = Left::of(&self.account);
        if let Some((key, entry)) = taken {
            self.account.leaves(&entry.head);
            let cause = if entry.head.is_fresh(self.clock.now()) {
                RemovalCause::Invalidated
            } else {
                RemovalCause::Expired
            };
            left.push(key, entry, cause);
        }
        left
    }

    pub(crate) fn clear(&self) {
        for taken in self.table.drain() {
            drop(self.left(Some(taken)));
        }
    }

    /// Every entry that is to be served; nothing is locked between two of them.
    pub(crate) fn served(&self) -> impl Iterator<Item = (MemoryKey, SharedEntry)> {
        self.table
            .iter()
            .filter(move |(key, entry)| self.is_served(key, &entry.head))
    }

    /// Looks at every entry whether it was invalidated.
    pub(crate) fn look_at_all(&self) {
        for (key, entry) in self.table.iter() {
            self.condition(&key, &entry.head);
        }
    }

    /// The longest value, with its key, that is kept; `None` where bytes are not bounded.
    pub(crate) fn largest_value(&self) -> Option<u64> {
        self.heaviest.map(|it| it.saturating_sub(OVERHEAD))
    }

    /// Entries that are there, whether or not they are to be served.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Entries that there may be.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn usage(&self) -> MemoryUsage {
        let account = &self.account;
        let mut usage = MemoryUsage {
            capacity: self.capacity,
            max_bytes: self.max_bytes,
            weight: account.used(),
            largest_value: self.largest_value(),
            evictions: account.count(RemovalCause::Evicted),
            expirations: account.count(RemovalCause::Expired),
            too_large: account.count(RemovalCause::TooLarge),
            unweighed: self.unweighed.load(Ordering::Relaxed),
            ..MemoryUsage::default()
        };
        for (key, entry) in self.table.iter() {
            usage.entries += 1;
            usage.expired += usize::from(!self.is_served(&key, &entry.head));
            usage.bytes += key.len() + size_of_val::<Entry>(&entry);
        }
        usage.bytes += self.table.memory_used().total();
        usage
    }
}

/// How full the memory tier is, and what became of what was in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryUsage {
    pub(crate) entries: usize,
    pub(crate) expired: usize,
    pub(crate) capacity: usize,
    pub(crate) bytes: usize,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) weight: u64,
    pub(crate) largest_value: Option<u64>,
    pub(crate) evictions: u64,
    pub(crate) expirations: u64,
    pub(crate) too_large: u64,
    pub(crate) unweighed: u64,
}

/// Rounded up, and 136 years at most.
fn whole_seconds(duration: Duration) -> u32 {
    let rounds_up = u64::from(duration.subsec_nanos() > 0);
    u32::try_from(duration.as_secs().saturating_add(rounds_up)).unwrap_or(u32::MAX)
}

/// A look at all entries now and then, a few at a time.
struct Sweep {
    began: Tick,
    /// While it goes on.
    walk: Option<Walk>,
}

impl Sweep {
    /// The next entries, if it is time. The caller drops them: it may be the last who has them.
    fn step(&mut self, table: &Arc<Table>, now: Tick) -> Vec<(MemoryKey, SharedEntry)> {
        if self.walk.is_none() {
            if now.since(self.began) < SWEEP_EVERY {
                return Vec::new();
            }
            self.began = now;
        }
        let walk = self.walk.get_or_insert_with(|| Walk::over(table.clone()));
        let passed: Vec<_> = walk.by_ref().take(SWEPT_AT_ONCE).collect();
        if passed.len() < SWEPT_AT_ONCE {
            self.walk = None;
        }
        passed
    }
}
