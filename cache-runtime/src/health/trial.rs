//! Everything that a kind does, tried with a value of our own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::parts::found;
use super::{KindHealth, PartHealth};
use crate::cache::Cache;
use crate::generation::KeyHash;
use crate::key::MemoryKey;
use crate::kind::Kind;
use crate::memory::{Condition, Entry, Head, MemoryTier};
use crate::policy::Ttl;
use crate::store::{StoreError, StoreTier};

/// Operations that are slower than this on average make a kind degraded.
const SLOW: Duration = Duration::from_millis(10);

/// So many values are set, read and removed to measure that.
const ROUNDS: u32 = 10;

/// A value that is gone when it is read back may have been evicted, or invalidated with everything of
/// its kind: that does not happen so often in a row.
const ATTEMPTS: usize = 3;

/// Where what is tried could not be removed, it is over after this time.
const TRIED_FOR: Duration = Duration::from_secs(60);

/// Begins keys in memory that no operation has: they are numbered from below.
const NO_OPERATION: u32 = u32::MAX;

impl Cache {
    /// Tries everything that this kind does, with a value of its own that no call can meet. Unlike
    /// [`health`](Self::health) it finds a store that answers and takes nothing, and calls a kind
    /// [unhealthy](crate::HealthStatus::Unhealthy) whose store is away.
    ///
    /// | part | what is tried | where it fails |
    /// |---|---|---|
    /// | `connectivity` | whether the store answers; not where there is none | unhealthy |
    /// | `read_write` | a value is set, read back and removed, in memory and in the store | unhealthy |
    /// | `performance` | ten values are set, read and removed in the store, or in memory where there is none: an operation takes less than 10 ms on average | degraded |
    /// | `memory_usage` | whether the memory tier keeps to its bounds; walks over all its entries, as [`stats`](Self::stats) does | degraded |
    ///
    /// It takes as long as about fifty operations of the store, each of them within twice the time budget
    /// of a look-up, and ends what it tries with the first one that fails. It needs a tenant as little as
    /// the rights of an operator, announces nothing, and is not counted in [`stats`](Self::stats). In
    /// memory it may cost an entry its place for a moment.
    ///
    /// In the store the value is under a key that begins with the prefix of the kind and `health:`, which
    /// no other key does. It has a lifetime of 60 s, for the case that it cannot be removed or this future
    /// is dropped.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// let health = cache.health_full().await;
    /// assert_eq!(health.status, larder::HealthStatus::Healthy, "{health}");
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    pub async fn health_full(&self) -> KindHealth {
        let kind = &**self.kind();
        let store = kind.store.as_deref();
        let mut parts = Vec::with_capacity(4);
        let mut is_away = false;
        if let Some(store) = store {
            let connectivity = connectivity(store).await;
            is_away = connectivity.is_err();
            parts.push(connectivity.unwrap_or_else(|away| away));
        }
        let in_memory = kind
            .memory
            .as_ref()
            .map(|memory| Place::in_memory(kind, memory));
        let in_store = store.map(|store| Place::in_store(kind, store));
        let read_write = match read_write(in_memory.as_ref()).await {
            Ok(()) if is_away => {
                Err("the store cannot be tried, because it does not answer".to_owned())
            }
            Ok(()) => read_write(in_store.as_ref()).await,
            failed => failed,
        };
        let works = read_write.is_ok();
        parts.push(match read_write {
            Ok(()) => PartHealth::healthy(
                "read_write",
                "a value that is set can be read, and is gone when it is removed",
            ),
            Err(reason) => PartHealth::unhealthy("read_write", reason),
        });
        let place = in_store.as_ref().or(in_memory.as_ref());
        parts.push(match place {
            Some(place) if works => performance(place).await,
            _ => PartHealth::degraded("performance", "it cannot be measured where nothing is kept"),
        });
        parts.push(memory_usage(kind.memory.as_ref()));
        KindHealth::of(&kind.name, parts)
    }
}

/// In either case the part to be shown.
async fn connectivity(store: &StoreTier) -> Result<PartHealth, PartHealth> {
    const PART: &str = "connectivity";
    match store.answers().await {
        Ok(took) => Ok(PartHealth::healthy(
            PART,
            format!("{} answers within {took:.1?}", store.name()),
        )),
        Err(error) => Err(PartHealth::unhealthy(
            PART,
            format!(
                "{}: see to it that it runs, and that it can be reached from here",
                found(store, &error)
            ),
        )),
    }
}

/// Sets a value, reads it back and removes it; says what was found instead.
async fn read_write(place: Option<&Place<'_>>) -> Result<(), String> {
    let Some(place) = place else {
        return Ok(());
    };
    let mut found = String::new();
    for _ in 0..ATTEMPTS {
        match place.round().await {
            Ok(Round::AsItShouldBe) => return Ok(()),
            Ok(Round::Another(what)) => found = format!("{}: {what}", place.name()),
            Err(error) => return Err(place.describe(&error)),
        }
    }
    Err(found)
}

async fn performance(place: &Place<'_>) -> PartHealth {
    const PART: &str = "performance";
    let began = Instant::now();
    for _ in 0..ROUNDS {
        if let Err(error) = place.round().await {
            return PartHealth::degraded(PART, place.describe(&error));
        }
    }
    let average = began.elapsed() / (ROUNDS * OPERATIONS);
    let name = place.name();
    if average < SLOW {
        PartHealth::healthy(
            PART,
            format!("an operation in {name} takes {average:.1?} on average"),
        )
    } else {
        PartHealth::degraded(
            PART,
            format!(
                "an operation in {name} takes {average:.1?} on average, where {SLOW:?} are much: look \
                 at the network and at what else {name} does"
            ),
        )
    }
}

fn memory_usage(memory: Option<&MemoryTier>) -> PartHealth {
    const PART: &str = "memory_usage";
    let Some(memory) = memory else {
        return PartHealth::healthy(PART, "there is no memory tier");
    };
    let usage = memory.usage();
    let (entries, capacity) = (usage.entries, usage.capacity);
    let weighed = match usage.max_bytes {
        Some(bytes) => format!(", which weigh {} of {bytes} bytes", usage.weight),
        None => format!(
            ", in about {} bytes without what they point to",
            usage.bytes
        ),
    };
    let used = format!("it has {entries} of {capacity} entries{weighed}");
    let is_over = entries > capacity || usage.max_bytes.is_some_and(|most| usage.weight > most);
    if is_over {
        PartHealth::degraded(PART, format!("{used}: more than it is to have"))
    } else {
        PartHealth::healthy(PART, used)
    }
}

/// Set, get, remove.
const OPERATIONS: u32 = 3;

/// How a round has ended.
enum Round {
    AsItShouldBe,
    /// With something else, which is said.
    Another(&'static str),
}

/// Where a value is tried, under a key of its own. In memory nothing waits, so nothing stays there.
enum Place<'a> {
    Memory {
        kind: &'a Kind,
        tier: &'a MemoryTier,
        key: MemoryKey,
    },
    Store {
        tier: &'a StoreTier,
        key: String,
    },
}

impl<'a> Place<'a> {
    fn in_memory(kind: &'a Kind, tier: &'a MemoryTier) -> Self {
        let mut key = NO_OPERATION.to_le_bytes().to_vec();
        key.extend_from_slice(&fastrand::u64(..).to_le_bytes());
        Self::Memory {
            kind,
            tier,
            key: key.into(),
        }
    }

    fn in_store(kind: &Kind, tier: &'a StoreTier) -> Self {
        Self::Store {
            tier,
            key: kind.keys.of_trial(fastrand::u64(..)),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "memory",
            Self::Store { tier, .. } => tier.name(),
        }
    }

    fn describe(&self, error: &StoreError) -> String {
        match self {
            Self::Memory { .. } => error.to_string(),
            Self::Store { tier, .. } => format!(
                "{}: look whether it is full or denies the user something (deploy/redis/README.md)",
                found(tier, error)
            ),
        }
    }

    /// Sets a value that was not there before, reads it back and removes it.
    async fn round(&self) -> Result<Round, StoreError> {
        // Longer than whatever may be before an entry, and like nothing of that.
        let value = format!(
            "{:016x}{:-<112}",
            fastrand::u64(..),
            " is what larder tries "
        );
        self.set(value.as_bytes()).await?;
        let found = self.get().await?;
        let was_there = self.remove().await?;
        Ok(match found {
            None => Round::Another("a value that was set is not there"),
            Some(found) if found != value.as_bytes() => {
                Round::Another("a value is not what was set")
            }
            Some(_) if !was_there => Round::Another("a value was gone before it was removed"),
            Some(_) => Round::AsItShouldBe,
        })
    }

    async fn set(&self, value: &[u8]) -> Result<(), StoreError> {
        match self {
            Self::Memory { kind, tier, key } => {
                let carried = kind.generations.carry(&[]);
                let (ttl, no_time) = (Ttl::After(TRIED_FOR), Duration::ZERO);
                let now = kind.clock.now();
                let head = Head::new(now, ttl, no_time, KeyHash::NONE, carried);
                let value = value.to_vec();
                drop(tier.insert(key.clone(), Arc::new(Entry { head, value })));
                Ok(())
            }
            Self::Store { tier, key } => tier.try_set(key, value).await,
        }
    }

    async fn get(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Memory { tier, key, .. } => {
                let found = tier.look(key);
                let fresh = found.filter(|(_, condition)| *condition == Condition::Fresh);
                Ok(fresh.and_then(|(entry, _)| entry.value.downcast_ref::<Vec<u8>>().cloned()))
            }
            Self::Store { tier, key } => tier.try_get(key).await,
        }
    }

    async fn remove(&self) -> Result<bool, StoreError> {
        match self {
            Self::Memory { tier, key, .. } => {
                let was_there = tier.look(key).is_some();
                drop(tier.remove(key));
                Ok(was_there && tier.look(key).is_none())
            }
            Self::Store { tier, key } => tier.try_remove(key).await,
        }
    }
}
