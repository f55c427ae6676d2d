//! A cache from a configuration, and from what a configuration cannot hold.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Cache;
use crate::call::{Background, Operation, Warned};
use crate::clock::{Clock, ManualClock};
use crate::config::{self, CacheConfig};
use crate::error::CacheError;
use crate::generation::Generations;
use crate::key::{CHOSEN, Digests, StoreKeys};
use crate::kind::{Counting, Kind, Switch};
use crate::memory::{MemoryBudget, MemoryTier};
#[cfg(feature = "metrics")]
use crate::observe::Named;
use crate::observe::{
    CacheEvent, Counters, EventFilter, Events, Heard, Invalidations, NewListener, Tenants,
};
use crate::policy::{SingleFlight, Staleness};
use crate::store::{Store, StoreTier};

/// The operation of the keys that the application chooses.
pub(crate) const APPLICATIONS_OWN: &str = "keys";

/// What is needed to build a [`Cache`] by hand: where the factory's ways do not fit.
#[derive(Debug)]
pub struct CacheBuilder {
    kind: String,
    config: CacheConfig,
    store: Option<Arc<dyn Store>>,
    clock: Clock,
    budget: Option<MemoryBudget>,
    listeners: Vec<NewListener>,
}

impl CacheBuilder {
    pub(super) fn new(kind: &str, config: &CacheConfig) -> Self {
        Self {
            kind: kind.to_owned(),
            config: config.for_kind(kind),
            store: None,
            clock: Clock::default(),
            budget: None,
            listeners: Vec::new(),
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

    /// Tells a listener of events, from the beginning. [`Cache::on_event`] does the same later, and says
    /// all about it. May be called several times: each listener is called, in this order.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use std::sync::Mutex;
    /// use larder::{Cache, CacheConfig, EventFilter, EventKind};
    ///
    /// static SEEN: Mutex<Vec<EventKind>> = Mutex::new(Vec::new());
    ///
    /// let config = CacheConfig::builder().build()?;
    /// let cache = Cache::builder("sessions", &config)
    ///     .on_event(EventFilter::all(), |event| SEEN.lock().unwrap().push(event.kind()))
    ///     .build()?;
    /// cache.set("session:1", 1).await;
    /// cache.get::<i32>("session:1").await;
    /// cache.flush_events().await;
    /// assert_eq!(*SEEN.lock().unwrap(), [EventKind::Stored, EventKind::Hit]);
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn on_event<H: Heard>(
        mut self,
        filter: EventFilter,
        callback: impl Fn(&CacheEvent) -> H + Send + Sync + 'static,
    ) -> Self {
        self.listeners.push(NewListener::new(filter, callback));
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
            listeners,
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
            listeners,
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
    listeners: Vec<NewListener>,
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
            listeners: Vec::new(),
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
            listeners,
        } = parts;
        let lifetimes = config.lifetimes();
        let generations = Arc::new(Generations::new());
        let events = Arc::new(Events::new(&kind, keys.clone(), listeners));
        events.name(CHOSEN, APPLICATIONS_OWN);
        let memory = config.memory_bounds().map(|bounds| {
            let (generations, events) = (generations.clone(), events.clone());
            MemoryTier::new(bounds, budget, events, generations, clock.clone())
        });
        if let Some(memory) = &memory {
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
            events,
            ai: config.ai.clone(),
            chosen: Arc::new(Operation {
                number: CHOSEN,
                store_keys: None,
                name: APPLICATIONS_OWN.to_owned(),
                lifetime: lifetimes.of_chosen(),
                staleness: Staleness::NONE,
                single_flight: SingleFlight::Process,
                is_detached: false,
                counters: Counters::new(config.enable_monitoring),
                warned: Warned::default(),
            }),
            tenants: Tenants::default(),
            counting: Counting::default(),
            keys,
            lifetimes,
            is_timed: config.enable_monitoring,
            retry_stale_after: config.retry_stale_after,
            background: Background::default(),
            promotions: config.promotions(),
            invalidations: Invalidations::default(),
            tuning: config.tuning(),
            operations: Mutex::default(),
            #[cfg(feature = "metrics")]
            published: Named::default(),
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
