//! A cache from a configuration, and from what a configuration cannot hold.

use std::sync::{Arc, Mutex};

use super::Cache;
use crate::call::{Background, Operation};
use crate::clock::{Clock, ManualClock};
use crate::config::{self, CacheConfig};
use crate::error::CacheError;
use crate::generation::Generations;
use crate::key::CHOSEN;
use crate::kind::Kind;
use crate::memory::MemoryTier;
use crate::observe::Counters;
use crate::policy::Staleness;
use crate::store::{Store, StoreTier};

/// What is needed to build a [`Cache`] by hand: where the factory's ways do not fit.
#[derive(Debug)]
pub struct CacheBuilder {
    kind: String,
    config: CacheConfig,
    store: Option<Arc<dyn Store>>,
    clock: Clock,
}

impl CacheBuilder {
    pub(super) fn new(kind: &str, config: &CacheConfig) -> Self {
        Self {
            kind: kind.to_owned(),
            config: config.clone(),
            store: None,
            clock: Clock::default(),
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
        } = self;
        config::check(&config, store.is_some() || config.redis_url.is_some())?;
        let keys = Arc::new(config.store_keys(&kind)?);
        let store = match store {
            Some(store) => Some(store),
            None => config.open_store()?,
        };
        let lifetimes = config.lifetimes();
        let generations = Arc::new(Generations::new());
        let memory = config
            .memory_capacity()
            .map(|capacity| MemoryTier::new(capacity, generations.clone(), clock.clone()));
        Ok(Cache {
            inner: Arc::new(Kind {
                memory,
                generations,
                store: store.map(|store| {
                    StoreTier::new(
                        store,
                        keys.generation_of_kind(),
                        config.store_settings(&kind),
                        clock.clone(),
                    )
                }),
                flights: Arc::default(),
                requires_tenant: config.require_tenant,
                ai: config.ai.clone(),
                chosen: Arc::new(Operation {
                    number: CHOSEN,
                    store_keys: None,
                    name: "keys".to_owned(),
                    lifetime: lifetimes.of_chosen(),
                    staleness: Staleness::NONE,
                    flies_alone: false,
                    is_detached: false,
                    counters: Counters::default(),
                }),
                keys,
                lifetimes,
                retry_stale_after: config.retry_stale_after,
                background: Background::default(),
                operations: Mutex::default(),
                name: kind,
                clock,
            }),
        })
    }
}
