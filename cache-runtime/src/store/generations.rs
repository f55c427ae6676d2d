//! The generations that a store keeps for all processes: two numbers for each kind, operation,
//! tenant and tag, one for its removals and one for its expiries. An entry in the store is served
//! only while those are the same that its writer knew before it computed the value.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use quick_cache::DefaultHashBuilder;
use twox_hash::XxHash3_64;

use super::write_behind::CONFIRMED_FOR;
use super::{Store, StoreError};
use crate::bus::{Bus, Invalidated};
use crate::clock::{Clock, Tick, millis};
use crate::generation::Invalidation;
use crate::policy::Ttl;

/// The generation of one kind, operation, tenant or tag: a number for its removals and one for its
/// expiries.
pub type Generation = [u64; 2];

/// Generations of everything that an entry belongs to, in one; zero: none of it was ever
/// invalidated in a store that begins with zero.
pub(crate) type FoldedGenerations = [u64; 2];

/// Attempts to read one while it changes.
const ATTEMPTS: usize = 3;

/// The store keeps a generation for at least so long after it was last asked for.
const SHORTEST: Duration = Duration::from_secs(24 * 60 * 60);

/// So many generations are remembered.
const REMEMBERED: usize = 65_536;

/// Names of the generations of everything that an entry belongs to. Most calls of an operation have
/// the same ones, so what is known of them is kept here, too.
#[derive(Debug)]
pub(crate) struct GenerationNames {
    names: Box<[Arc<str>]>,
    folded: Mutex<Option<Folded>>,
}

/// What is known of some generations.
#[derive(Clone, Copy, Debug)]
struct Folded {
    generations: FoldedGenerations,
    /// When the first of them was read.
    read: Tick,
    /// That of the table.
    version: u64,
}

impl GenerationNames {
    /// The same and one more.
    pub(crate) fn and(&self, name: Arc<str>) -> Self {
        self.names.iter().cloned().chain([name]).collect()
    }
}

impl FromIterator<Arc<str>> for GenerationNames {
    fn from_iter<I: IntoIterator<Item = Arc<str>>>(names: I) -> Self {
        Self {
            names: names.into_iter().collect(),
            folded: Mutex::default(),
        }
    }
}

#[derive(Debug)]
pub(super) struct StoreGenerations {
    table: Mutex<Table>,
    /// Becomes another one whenever the table is about to change, while it is locked. Names may be
    /// those of several tables, so each begins with another number.
    version: AtomicU64,
    /// That of the kind, which everything belongs to.
    kind: Arc<str>,
    /// In milliseconds, of the entries that are written.
    longest_lifetime: AtomicU64,
    bus: Arc<Bus>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<Arc<str>, Known, DefaultHashBuilder>,
    /// Counts invalidations by this process, and what is forgotten.
    changes: u64,
    /// When something was forgotten last: what was asked for before is not to be remembered.
    forgotten: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// What the store said, and when it was asked. `None`: not read yet, or not to be relied on.
    read: Option<(Generation, Tick)>,
    /// What this process did to it and the store has not confirmed.
    unconfirmed: Option<Invalidation>,
    /// What the store has confirmed last, and when.
    confirmed: Option<(Invalidation, Tick)>,
    /// When this process did that last.
    changed: u64,
}

impl StoreGenerations {
    pub(super) fn new(kind: Arc<str>, bus: Arc<Bus>, clock: Clock) -> Self {
        Self {
            bus,
            table: Mutex::default(),
            version: AtomicU64::new(random()),
            kind,
            longest_lifetime: AtomicU64::new(0),
            clock,
        }
    }

    /// Those of these names that were read last, however long ago.
    pub(super) fn last_known(&self, names: &GenerationNames) -> Option<FoldedGenerations> {
        Some(self.folded(names)?.generations)
    }

    /// Those of these names, if all of them were read just now.
    pub(super) fn at_hand(&self, names: &GenerationNames) -> Option<FoldedGenerations> {
        let (now, good_for) = (self.clock.now(), self.bus.good_for());
        let Folded {
            generations, read, ..
        } = self.folded(names)?;
        (now.since(read) < good_for).then_some(generations)
    }

    /// Without the lock that all look-ups would share, as long as nothing has changed. Who asks after a
    /// change, whatever tells the one of the other, reads another version.
    fn folded(&self, names: &GenerationNames) -> Option<Folded> {
        let version = self.version.load(Ordering::Acquire);
        let last = *lock(&names.folded);
        if let Some(last) = last.filter(|last| last.version == version) {
            return Some(last);
        }
        let table = self.reading();
        let version = self.version.load(Ordering::Acquire);
        let mut first = Tick::NEVER;
        let generations = folded(names.names.iter().map(|name| {
            let (generation, read) = table.known.get(name)?.read?;
            first = first.min(read);
            Some(generation)
        }))?;
        drop(table);
        let folded = Folded {
            generations,
            read: first,
            version,
        };
        *lock(&names.folded) = Some(folded);
        Some(folded)
    }

    /// Those of these names; the store is asked for the ones that are not at hand, all at once.
    pub(super) async fn read(
        &self,
        store: &dyn Store,
        names: &GenerationNames,
    ) -> Result<FoldedGenerations, StoreError> {
        let generations = names.names.iter().map(|key| self.read_one(store, key));
        let generations = try_join_all(generations).await?;
        Ok(folded(generations.into_iter().map(Some)).unwrap_or_default())
    }

    /// An invalidation holds in this process when this returns its future, and everywhere when that
    /// is done without an error. Where it is not, it is tried again when the generation is next
    /// asked for.
    pub(super) fn invalidate<'a>(
        &'a self,
        store: &'a dyn Store,
        key: &'a Arc<str>,
        how: Invalidation,
    ) -> impl Future<Output = Result<Generation, StoreError>> + 'a {
        let now = self.clock.now();
        self.changing().change(key, how, &self.kind, now);
        self.read_one(store, key)
    }

    /// Those that were invalidated and the store has not confirmed.
    pub(super) fn untold(&self) -> Vec<Arc<str>> {
        let table = self.reading();
        let untold = table
            .known
            .iter()
            .filter(|(_, known)| known.unconfirmed.is_some());
        untold.map(|(key, _)| key.clone()).collect()
    }

    pub(super) fn has_untold(&self) -> bool {
        let table = self.reading();
        table
            .known
            .values()
            .any(|known| known.unconfirmed.is_some())
    }

    /// Tells the store of one of them.
    pub(super) async fn tell(&self, store: &dyn Store, key: &Arc<str>) -> Result<(), StoreError> {
        self.read_one(store, key).await.map(drop)
    }

    /// Invalidates everything in this process; the store is still to be told.
    pub(super) fn refuse_all(&self) {
        let (kind, now) = (&self.kind, self.clock.now());
        self.changing()
            .change(kind, Invalidation::Remove, kind, now);
    }

    /// Forgets what was read.
    pub(super) fn forget(&self) {
        let now = self.clock.now();
        self.changing().forget(now);
    }

    /// Another server is asked from now on, which may not know what the last one has confirmed.
    pub(super) fn tell_again(&self) {
        let now = self.clock.now();
        let mut table = self.changing();
        table.forget(now);
        for known in table.known.values_mut() {
            if let Some((how, _)) = known.confirmed {
                known.invalidate(how);
            }
        }
    }

    /// Forgets what was read of one: another process has changed it.
    pub(super) fn forget_one(&self, key: &str) {
        let mut table = self.changing();
        table.changes += 1;
        let changes = table.changes;
        match table.known.get_mut(key) {
            Some(known) => {
                known.read = None;
                known.changed = changes;
            }
            // It may be read for the first time at this moment.
            None => table.forgotten = changes,
        }
    }

    /// The store has to remember as long as there may be an entry with this lifetime. To be called
    /// before the generations are asked for, as far as the lifetime is known then: one that the
    /// store forgets makes its entries misses.
    pub(super) fn outlive(&self, ttl: Ttl) {
        let lifetime = millis(ttl.bounded());
        if self.longest_lifetime.load(Ordering::Relaxed) < lifetime {
            self.longest_lifetime.fetch_max(lifetime, Ordering::Relaxed);
            // With the next look they are kept for longer. What was read stays true.
            let good_for = self.bus.good_for();
            for known in self.changing().known.values_mut() {
                if let Some((_, read)) = &mut known.read {
                    *read = read.before(good_for);
                }
            }
        }
    }

    async fn read_one(&self, store: &dyn Store, key: &Arc<str>) -> Result<Generation, StoreError> {
        for _ in 0..ATTEMPTS {
            if let Some(generation) = self.try_to_read(store, key).await? {
                return Ok(generation);
            }
        }
        Err(StoreError::Away(
            "a generation changed while it was read".to_owned(),
        ))
    }

    /// `None` where it changed meanwhile.
    async fn try_to_read(
        &self,
        store: &dyn Store,
        key: &Arc<str>,
    ) -> Result<Option<Generation>, StoreError> {
        let (known, changes) = {
            let table = self.reading();
            let known = table.known.get(key).copied().unwrap_or_default();
            (known, table.changes)
        };
        let asked = self.clock.now();
        if let Some((generation, read)) = known.read
            && asked.since(read) < self.bus.good_for()
        {
            return Ok(Some(generation));
        }
        // Other numbers with each attempt: another process may have invalidated it since the last one.
        let new = [random(), random()];
        let announcement = known.unconfirmed.and_then(|how| {
            let moved = Invalidated::Generation(key.to_string(), how);
            self.bus.announce(moved)
        });
        let generation = store
            .generation(
                key,
                known.unconfirmed,
                new,
                self.lifetime(),
                announcement.as_ref(),
            )
            .await?;
        let mut table = self.changing();
        let last_change = table.known.get(key).map_or(0, |known| known.changed);
        if changes < last_change.max(table.forgotten) {
            return Ok(None);
        }
        if table.known.len() >= REMEMBERED && !table.known.contains_key(key) {
            table.forget(asked);
        }
        let known = table.known.entry(key.clone()).or_default();
        known.read = Some((generation, asked));
        if let Some(how) = known.unconfirmed.take() {
            let was_removed = matches!(known.confirmed, Some((Invalidation::Remove, at))
                if asked.since(at) < CONFIRMED_FOR);
            let how = if was_removed {
                Invalidation::Remove
            } else {
                how
            };
            known.confirmed = Some((how, asked));
        }
        Ok(Some(generation))
    }

    fn lifetime(&self) -> Duration {
        let longest = self.longest_lifetime.load(Ordering::Relaxed);
        Duration::from_millis(longest.saturating_mul(2)).max(SHORTEST)
    }

    /// For who changes something in it: what was folded is old then.
    fn changing(&self) -> MutexGuard<'_, Table> {
        let table = lock(&self.table);
        self.version.fetch_add(1, Ordering::Release);
        table
    }

    /// For who changes nothing.
    fn reading(&self) -> impl Deref<Target = Table> {
        lock(&self.table)
    }
}

impl Table {
    fn change(&mut self, key: &Arc<str>, how: Invalidation, kind: &Arc<str>, now: Tick) {
        if self.known.len() >= REMEMBERED && !self.known.contains_key(key) {
            self.forget(now);
            if self.known.len() >= REMEMBERED {
                // More than can be remembered: everything is invalidated in their place.
                self.known.clear();
                self.change(kind, Invalidation::Remove, kind, now);
            }
        }
        self.changes += 1;
        let known = self.known.entry(key.clone()).or_default();
        known.changed = self.changes;
        known.read = None;
        known.invalidate(how);
    }

    /// Forgets what was read; what the store has not confirmed stays, and what it confirmed just now.
    fn forget(&mut self, now: Tick) {
        self.changes += 1;
        self.forgotten = self.changes;
        self.known.retain(|_, known| {
            let confirmed = known.confirmed;
            let is_recent = confirmed.is_some_and(|(_, at)| now.since(at) < CONFIRMED_FOR);
            known.read = None;
            known.unconfirmed.is_some() || is_recent
        });
    }
}

impl Known {
    fn invalidate(&mut self, how: Invalidation) {
        if self.unconfirmed != Some(Invalidation::Remove) {
            self.unconfirmed = Some(how);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All removals in one number, all expiries in another; `None` where one is not known.
fn folded(generations: impl Iterator<Item = Option<Generation>>) -> Option<FoldedGenerations> {
    let mut folded = [0; 2];
    for generation in generations {
        for (folded, number) in folded.iter_mut().zip(generation?) {
            if number != 0 {
                *folded = XxHash3_64::oneshot_with_seed(*folded, &number.to_le_bytes()).max(1);
            }
        }
    }
    Some(folded)
}

/// Never zero.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one("a number").max(1)
}
