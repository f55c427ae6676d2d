//! A cache from a configuration, and from what a configuration cannot hold.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Cache;
use crate::call::{Background, Operation};
use crate::clock::{Clock, ManualClock};
use crate::config::{self, CacheConfig};
use crate::error::CacheError;
use crate::generation::Generations;
use crate::key::{CHOSEN, Digests, StoreKeys};
use crate::kind::{Kind, Switch};
use crate::memory::{MemoryBudget, MemoryTier};
use crate::observe::{Counters, Removal, Removals};
use crate::policy::{SingleFlight, Staleness};
use crate::store::{Store, StoreTier};

/// The operation of the keys that the application chooses.
const APPLICATIONS_OWN: &str = "keys";

/// What is needed to build a [`Cache`] by hand: where the factory's ways do not fit.
#[derive(Debug)]
pub struct CacheBuilder {
    kind: String,
    config: CacheConfig,
    store: Option<Arc<dyn Store>>,
    clock: Clock,
    budget: Option<MemoryBudget>,
    removals: Option<Removals>,
}

impl CacheBuilder {
    pub(super) fn new(kind: &str, config: &CacheConfig) -> Self {
        Self {
            kind: kind.to_owned(),
            config: config.for_kind(kind),
            store: None,
            clock: Clock::default(),
            budget: None,
            removals: None,
        }
    }

    /// Uses this store in place of the Redis of the configuration.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Reads the time from this clock in place of the system's.
    #[must_use]
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = Clock::Manual(clock);
        self
    }

    /// Holds the entries in memory within this budget too, which other kinds may share.
    #[must_use]
    pub fn memory_budget(mut self, budget: &MemoryBudget) -> Self {
        self.budget = Some(budget.clone());
        self
    }

    /// Tells a listener of every entry that leaves memory, on the thread where it leaves, when
    /// nothing is locked: it may do anything, and the call waits for it. A panic in it goes no further
    /// and is [counted](crate::CacheStats::failed_listeners).
    ///
    /// An entry that is over leaves when it is met: by a look-up of its key, or by the sweep that goes
    /// on with insertions. What is in memory when the cache is dropped is not told of.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use std::sync::Mutex;
    /// use larder::{Cache, CacheConfig, RemovalCause};
    ///
    /// static CAUSES: Mutex<Vec<RemovalCause>> = Mutex::new(Vec::new());
    ///
    /// let config = CacheConfig::builder().build()?;
    /// let cache = Cache::builder("sessions", &config)
    ///     .on_removal(|removal| CAUSES.lock().unwrap().push(removal.cause))
    ///     .build()?;
    /// cache.set("session:1", 1).await;
    /// cache.remove("session:1").await;
    /// assert_eq!(*CAUSES.lock().unwrap(), [RemovalCause::Invalidated]);
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn on_removal(mut self, listener: impl Fn(&Removal) + Send + Sync + 'static) -> Self {
        self.removals = Some(Removals::new(Box::new(listener)));
        self
    }

    /// The cache. A configured Redis is not connected to yet; [`Cache::connect`] or the first
    /// look-up begins with that.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for a kind without a name, and for settings that cannot be
    /// used, such as a Redis URL in a build without the feature `redis`.
    pub fn build(self) -> Result<Cache, CacheError> {
        let Self {
            kind,
            config,
            store,
            clock,
            budget,
            removals,
        } = self;
        if let Some(budget) = &budget {
            config::check_budget(budget.limit())?;
        }
        config::check(&config, store.is_some() || config.redis_url.is_some())?;
        let keys = Arc::new(config.store_keys(&kind)?);
        let store = match store {
            Some(store) => Some(store),
            None => config.open_store()?,
        };
        let store_settings = config.store_settings(&kind)?;
        let store = store.map(|store| {
            let generation = keys.generation_of_kind();
            StoreTier::new(store, generation, store_settings, clock.clone())
        });
        let cache = Cache::of(Parts {
            kind,
            config: &config,
            keys,
            store,
            clock,
            budget,
            removals,
        });
        if let Some(store) = &cache.inner.store {
            let listener = Arc::downgrade(&cache.inner);
            store.listen(listener);
        }
        Ok(cache)
    }
}

/// What has been checked.
struct Parts<'a> {
    kind: String,
    config: &'a CacheConfig,
    keys: Arc<StoreKeys>,
    store: Option<Arc<StoreTier>>,
    clock: Clock,
    budget: Option<MemoryBudget>,
    removals: Option<Removals>,
}

impl Cache {
    /// A cache in memory, with settings that need no check.
    pub(crate) fn without_store(kind: &str, ttl: Duration, entries: usize) -> Self {
        let config = CacheConfig {
            default_ttl: ttl,
            l1_cache_size: entries,
            ..CacheConfig::default()
        };
        let keys = StoreKeys {
            prefix: format!("{kind}:"),
            text_hash_threshold: usize::MAX,
            privacy: config.key_privacy,
            digests: Digests {
                algorithm: config.hash_algorithm,
                secret: None,
            },
            is_ai: false,
        };
        Self::of(Parts {
            kind: kind.to_owned(),
            config: &config,
            keys: Arc::new(keys),
            store: None,
            clock: Clock::default(),
            budget: None,
            removals: None,
        })
    }

    fn of(parts: Parts<'_>) -> Self {
        let Parts {
            kind,
            config,
            keys,
            store,
            clock,
            budget,
            removals,
        } = parts;
        let lifetimes = config.lifetimes();
        let generations = Arc::new(Generations::new());
        let memory = config.memory_bounds().map(|bounds| {
            let generations = generations.clone();
            MemoryTier::new(bounds, budget, removals, generations, clock.clone())
        });
        if let Some(memory) = &memory {
            memory.name(CHOSEN, APPLICATIONS_OWN);
            report(&kind, memory);
        }
        let inner = Arc::new(Kind {
            memory,
            generations,
            store,
            flights: Arc::default(),
            needs_store: config.fail_on_connection_error,
            patience: config.patience(),
            worker: config.worker_id.clone(),
            requires_tenant: config.require_tenant,
            switch: Switch::default(),
            ai: config.ai.clone(),
            chosen: Arc::new(Operation {
                number: CHOSEN,
                store_keys: None,
                name: APPLICATIONS_OWN.to_owned(),
                lifetime: lifetimes.of_chosen(),
                staleness: Staleness::NONE,
                single_flight: SingleFlight::Process,
                is_detached: false,
                counters: Counters::default(),
            }),
            keys,
            lifetimes,
            retry_stale_after: config.retry_stale_after,
            background: Background::default(),
            promotions: config.promotions(),
            operations: Mutex::default(),
            name: kind,
            clock,
        });
        Self { inner }
    }
}

/// So that nobody has to guess why a value is never found in memory.
fn report(kind: &str, memory: &MemoryTier) {
    if let Some(bytes) = memory.largest_value() {
        tracing::debug!(
            kind,
            largest_value_bytes = bytes,
            "values up to this size, with their keys, are kept in memory"
        );
    }
}
