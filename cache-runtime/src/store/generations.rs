//! The generations that a store keeps for all processes: two numbers for each kind, operation,
//! tenant and tag, one for its removals and one for its expiries. An entry in the store is served
//! only while those are the same that its writer knew before it computed the value.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use quick_cache::DefaultHashBuilder;
use twox_hash::XxHash3_64;

use super::{Store, StoreError};
use crate::clock::{Clock, Tick, millis};
use crate::generation::Invalidation;
use crate::policy::Ttl;

/// The generation of one kind, operation, tenant or tag: a number for its removals and one for its
/// expiries.
pub type Generation = [u64; 2];

/// Generations of everything that an entry belongs to, in one; zero: none of it was ever
/// invalidated in a store that begins with zero.
pub(crate) type Generations = [u64; 2];

/// A number that was read is good for so long. Then the store is asked again, because another
/// process may have changed it.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// The store keeps a generation for at least so long after it was last asked for.
const SHORTEST: Duration = Duration::from_secs(24 * 60 * 60);

/// So many generations are remembered.
const REMEMBERED: usize = 65_536;

#[derive(Debug)]
pub(super) struct StoreGenerations {
    known: Mutex<HashMap<Arc<str>, Known, DefaultHashBuilder>>,
    /// In milliseconds, of the entries that are written.
    longest_lifetime: AtomicU64,
    clock: Clock,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// `None`: not read yet.
    numbers: Option<Generation>,
    read: Option<Tick>,
    /// What this process did to it and the store has not confirmed.
    unconfirmed: Option<Invalidation>,
    /// Invalidations by this process.
    changes: u64,
}

impl StoreGenerations {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            known: Mutex::default(),
            longest_lifetime: AtomicU64::new(0),
            clock,
        }
    }

    /// Those of these keys that were read last, however long ago.
    pub(super) fn last_known(&self, keys: &[Arc<str>]) -> Option<Generations> {
        let known = self.lock();
        let mut numbers = keys.iter().map(|key| known.get(key)?.numbers);
        folded(&mut numbers)
    }

    /// Those of these keys, if all of them were read just now.
    pub(super) fn at_hand(&self, keys: &[Arc<str>]) -> Option<Generations> {
        let now = self.clock.now();
        let known = self.lock();
        let mut numbers = keys.iter().map(|key| {
            let known = known.get(key).filter(|known| known.is_good(now))?;
            known.numbers
        });
        folded(&mut numbers)
    }

    /// Those of these keys; the store is asked for the ones that are not at hand, all at once.
    pub(super) async fn read(
        &self,
        store: &dyn Store,
        keys: &[Arc<str>],
    ) -> Result<Generations, StoreError> {
        let numbers = keys.iter().map(|key| self.read_one(store, key));
        let numbers = try_join_all(numbers).await?;
        let mut numbers = numbers.into_iter().map(Some);
        Ok(folded(&mut numbers).unwrap_or_default())
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
        self.change(key, how);
        self.read_one(store, key)
    }

    /// Forgets what was read.
    pub(super) fn forget(&self) {
        self.lock().retain(|_, known| known.unconfirmed.is_some());
    }

    /// The store has to remember as long as there may be an entry with this lifetime. To be called
    /// before the generations are asked for, as far as the lifetime is known then: one that the
    /// store forgets makes its entries misses.
    pub(super) fn outlive(&self, ttl: Ttl) {
        let lifetime = millis(ttl.bounded());
        if self.longest_lifetime.load(Ordering::Relaxed) < lifetime {
            self.longest_lifetime.fetch_max(lifetime, Ordering::Relaxed);
            // With the next look they are kept for longer.
            self.lock().values_mut().for_each(|known| known.read = None);
        }
    }

    fn change(&self, key: &Arc<str>, how: Invalidation) {
        let [removals, expiries] = [random(), random()];
        let mut known = self.lock();
        let known = known.entry(key.clone()).or_insert(Known::NOTHING);
        known.changes += 1;
        match how {
            Invalidation::Remove => {
                known.numbers = Some([removals, expiries]);
                known.unconfirmed = Some(Invalidation::Remove);
            }
            Invalidation::Expire => {
                if let Some([_, known]) = &mut known.numbers {
                    *known = expiries;
                }
                known.unconfirmed.get_or_insert(Invalidation::Expire);
            }
        }
    }

    async fn read_one(&self, store: &dyn Store, key: &Arc<str>) -> Result<Generation, StoreError> {
        let before = self.lock().get(key).copied().unwrap_or(Known::NOTHING);
        if let Some(numbers) = before.numbers
            && before.is_good(self.clock.now())
        {
            return Ok(numbers);
        }
        let asked = self.clock.now();
        let new = match (before.numbers, before.unconfirmed) {
            (Some(numbers), Some(_)) => numbers,
            _ => [random(), random()],
        };
        let numbers = store
            .generation(key, before.unconfirmed, new, self.lifetime())
            .await?;
        let mut known = self.lock();
        if known.len() >= REMEMBERED && !known.contains_key(key) {
            // What is asked for again is read again; what the store has not confirmed stays.
            known.retain(|_, known| known.unconfirmed.is_some());
        }
        let known = known.entry(key.clone()).or_insert(Known::NOTHING);
        // Else it was invalidated meanwhile, and what was read is from before.
        if known.changes == before.changes {
            *known = Known {
                numbers: Some(numbers),
                read: Some(asked),
                unconfirmed: None,
                changes: before.changes,
            };
            return Ok(numbers);
        }
        known
            .numbers
            .ok_or_else(|| StoreError::Away("the generation changed while it was read".to_owned()))
    }

    fn lifetime(&self) -> Duration {
        let longest = self.longest_lifetime.load(Ordering::Relaxed);
        Duration::from_millis(longest.saturating_mul(2)).max(SHORTEST)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Known, DefaultHashBuilder>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    const NOTHING: Self = Self {
        numbers: None,
        read: None,
        unconfirmed: None,
        changes: 0,
    };

    fn is_good(&self, now: Tick) -> bool {
        let is_recent = |read: Tick| now.since(read) < GOOD_FOR;
        self.unconfirmed.is_none() && self.read.is_some_and(is_recent)
    }
}

/// All removals in one number, all expiries in another; `None` where one is not known.
fn folded(numbers: &mut dyn Iterator<Item = Option<Generation>>) -> Option<Generations> {
    let mut folded = [0; 2];
    for numbers in numbers {
        for (folded, number) in folded.iter_mut().zip(numbers?) {
            if number != 0 {
                *folded = XxHash3_64::oneshot_with_seed(*folded, &number.to_le_bytes()).max(1);
            }
        }
    }
    Some(folded)
}

fn random() -> u64 {
    RandomState::new().hash_one("a generation").max(1)
}
