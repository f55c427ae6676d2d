//! [`Cache`]: one kind's tiers behind one handle, for those who want no macro.

use std::any::TypeId;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::call::{self, Answered, Miss, Operation, Origin, Own, Pending, Shape, Value};
use crate::clock::{Clock, ManualClock};
use crate::config::{self, CacheConfig};
use crate::envelope::{Unstorable, ValueType};
use crate::error::CacheError;
use crate::generation::{Generations, Invalidation};
use crate::key::{
    CHOSEN, LONGEST_WHOLE_KEY, MemoryKey, chosen_by_application, chosen_key, glob_match,
};
use crate::kind::{Kind, Reach};
use crate::memory::{Entry, MemoryTier};
use crate::observe::{CacheStats, Counters, Event, RefusedEntries};
use crate::policy::{Lifetime, Ttl};
use crate::store::{Store, StoreTier};

/// Keys that one listing shows at most.
const LISTED: usize = 100_000;

/// One kind of cache: a memory tier, a store, or both, with one set of lifetimes.
///
/// A handle is cheap to clone; clones share everything. The kind itself is what annotated
/// functions find in the registry; the methods here are for keys that the application chooses
/// itself, such as `user:123`. Those and the keys of annotated functions never meet.
///
/// No method fails because of the store: what cannot be read is absent, what cannot be written
/// stays in memory. Dropping the future of any method leaves the cache whole; what it would have
/// written may or may not be written.
///
/// Inside of [`call::tenant`](crate::call::tenant()) every method but [`clear`](Self::clear) and
/// [`stats`](Self::stats) sees the keys of that tenant alone.
///
/// Nothing is kept under a key of more than 16 KiB: it is always absent, [`set`](Self::set) does
/// nothing, and [`get_or_compute`](Self::get_or_compute) computes each time. Such look-ups are
/// counted as [`no_key`](CacheStats::no_key).
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let cache = larder::CacheFactory::for_testing().await?;
///
/// cache.set("user:123", "Ada".to_owned()).await;
/// assert_eq!(cache.get::<String>("user:123").await.as_deref(), Some("Ada"));
///
/// assert!(cache.remove("user:123").await);
/// assert_eq!(cache.get::<String>("user:123").await, None);
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Kind>,
}

/// What is needed to build a [`Cache`] by hand: where the factory's ways do not fit.
#[derive(Debug)]
pub struct CacheBuilder {
    kind: String,
    config: CacheConfig,
    store: Option<Arc<dyn Store>>,
    clock: Clock,
}

impl CacheBuilder {
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
                    lifetime: Lifetime {
                        ttl: Ttl::After(config.default_ttl),
                        is_operators: false,
                    },
                    counters: Counters::default(),
                }),
                keys,
                lifetimes: config.lifetimes(),
                operations: Mutex::default(),
                name: kind,
                clock,
            }),
        })
    }
}

impl Cache {
    /// A cache of this kind with these settings.
    #[must_use]
    pub fn builder(kind: &str, config: &CacheConfig) -> CacheBuilder {
        CacheBuilder {
            kind: kind.to_owned(),
            config: config.clone(),
            store: None,
            clock: Clock::default(),
        }
    }

    pub(crate) fn kind(&self) -> &Arc<Kind> {
        &self.inner
    }

    /// The name of the kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The value of `key`, if there is a fresh one of this type.
    pub async fn get<T: Value>(&self, key: &str) -> Option<T> {
        let chosen = self.chosen_or_count(key)?;
        let found = self.find::<T>(chosen).await;
        if found.is_none() {
            self.inner.chosen.counters.count(Event::Missed);
        }
        found
    }

    /// The key as a part of this kind; where nothing can be kept under it, why.
    fn chosen<'a>(&self, key: &'a str) -> Result<Chosen<'a>, Event> {
        let tenant = call::current_tenant().map_err(|_ending| Event::NoKey)?;
        if key.len() > LONGEST_WHOLE_KEY {
            return Err(Event::NoKey);
        }
        if self.inner.requires_tenant && tenant.as_deref().is_none_or(str::is_empty) {
            return Err(Event::NoTenant);
        }
        Ok(Chosen {
            in_memory: chosen_key(tenant.as_deref(), key),
            key,
            tenant,
        })
    }

    /// The same, for a use that is counted where it fails.
    fn chosen_or_count<'a>(&self, key: &'a str) -> Option<Chosen<'a>> {
        let counters = &self.inner.chosen.counters;
        let chosen = self.chosen(key);
        chosen.map_err(|obstacle| counters.count(obstacle)).ok()
    }

    /// A call under this key, whose value is kept for so long.
    fn pending(&self, chosen: Chosen<'_>, ttl: Ttl) -> Pending {
        let kind = &self.inner;
        let tenant = chosen.tenant.as_deref();
        let scope = tenant.map(|tenant| kind.generations.tenant(tenant.as_bytes()));
        Pending {
            kind: kind.clone(),
            operation: kind.chosen.clone(),
            key: chosen.in_memory,
            in_store: kind
                .store
                .as_ref()
                .map(|_| kind.keys.name_of_chosen(tenant, chosen.key, ttl)),
            names: scope.into_iter().collect(),
        }
    }

    async fn find<T: Value>(&self, chosen: Chosen<'_>) -> Option<T> {
        let kind = &*self.inner;
        let in_memory = kind
            .memory
            .as_ref()
            .and_then(|memory| memory.get(&chosen.in_memory));
        if let Some(entry) = in_memory
            && let Some(value) = entry.value.downcast_ref::<T>()
        {
            kind.chosen.counters.count_memory_hit();
            return Some(value.clone());
        }
        kind.store.as_ref()?;
        let pending = self.pending(chosen, kind.chosen.lifetime.ttl);
        let value_type = Some(ValueType::of::<Own<T>>());
        let (entry, origin) = pending.find(None, value_type, TypeId::of::<T>()).await?;
        match origin {
            Origin::Memory => kind.chosen.counters.count_memory_hit(),
            _ => kind.chosen.counters.count(Event::StoreHit),
        }
        entry.value.downcast_ref::<T>().cloned()
    }

    /// Keeps `value` for the kind's default lifetime.
    ///
    /// Returns when the store has the value, or has failed to take it: after three times the time
    /// budget of a look-up at the latest, also where other writes are queued before it. What the
    /// store had before is not served to this process any more, whether or not it could be told.
    pub async fn set<T: Value>(&self, key: &str, value: T) {
        self.set_for(key, value, self.inner.chosen.lifetime.ttl)
            .await;
    }

    /// Keeps `value` for this long. A lifetime of zero forgets the key.
    pub async fn set_for<T: Value>(&self, key: &str, value: T, ttl: impl Into<Ttl>) {
        let ttl = ttl.into();
        let Some(chosen) = self.chosen_or_count(key) else {
            return;
        };
        let pending = self.pending(chosen, ttl);
        if ttl.is_zero() {
            pending.remove().await;
        } else {
            let value_type = ValueType::of::<Own<T>>();
            let entry = |head| Arc::new(Entry { head, value }) as Arc<Entry>;
            pending.set(entry, ttl, value_type).await;
        }
    }

    /// Forgets `key` in both tiers, and says whether either had it.
    ///
    /// Nothing that was being computed for it is kept. What the store has is not served to this
    /// process any more, even if the store could not be told; then it is told when the key is next
    /// looked up.
    pub async fn remove(&self, key: &str) -> bool {
        match self.chosen(key) {
            Ok(chosen) => {
                let pending = self.pending(chosen, self.inner.chosen.lifetime.ttl);
                pending.remove().await
            }
            Err(_) => false,
        }
    }

    /// Whether there is an entry, of whatever type. Does not count as a use of it.
    ///
    /// Of an entry in the store only its key is looked at, here and in [`ttl`](Self::ttl) and
    /// [`keys`](Self::keys): one that was invalidated with everything of its tenant or kind is still
    /// there.
    pub async fn exists(&self, key: &str) -> bool {
        self.entry_lifetime(key).await.is_some()
    }

    /// What is left of the lifetime of `key`: `None` where there is no entry, or one that never
    /// expires.
    pub async fn ttl(&self, key: &str) -> Option<Duration> {
        self.entry_lifetime(key).await.flatten()
    }

    /// `None` where there is no entry; inside, `None` for one that never expires.
    async fn entry_lifetime(&self, key: &str) -> Option<Option<Duration>> {
        let kind = &*self.inner;
        let chosen = self.chosen(key).ok()?;
        let in_memory = kind
            .memory
            .as_ref()
            .and_then(|memory| memory.peek(&chosen.in_memory));
        if let Some(entry) = in_memory {
            return Some(entry.head.remaining(kind.clock.now()));
        }
        let store = kind.store.as_ref()?;
        let name = kind.keys.of_chosen(chosen.tenant.as_deref(), chosen.key);
        store.ttl(&name).await.map(Some)
    }

    /// The value of `key`, computed by `compute` where there is none.
    ///
    /// Of callers that ask at once, one computes and the others take its value. A caller that is
    /// dropped while it computes hands over to one that waits. What [`call`](crate::call) has for
    /// calls of annotated functions holds for this one too.
    pub async fn get_or_compute<T, F, Fut>(&self, key: &str, compute: F) -> T
    where
        T: Value,
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        self.compute_as(key, call::opaque::<T>(), compute).await
    }

    /// The same for a computation that can fail. A failure is not kept.
    ///
    /// # Errors
    /// Those of `compute`, and no others.
    pub async fn get_or_try_compute<T, E, F, Fut>(&self, key: &str, compute: F) -> Result<T, E>
    where
        T: Value,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let shape = call::fallible::<T, E>();
        self.compute_as(key, shape, compute).await
    }

    async fn compute_as<S, F, Fut>(&self, key: &str, shape: S, compute: F) -> S::Returned
    where
        S: Shape,
        F: FnOnce() -> Fut,
        Fut: Future<Output = S::Returned>,
    {
        let ttl = self.inner.chosen.lifetime.ttl;
        let pending = self
            .chosen_or_count(key)
            .map(|chosen| self.pending(chosen, ttl));
        let asked = Miss::of_chosen(pending, shape).ask().await;
        let turn = match asked.answer(shape) {
            Answered::Answer(answer) => return answer,
            Answered::Turn(turn) => turn,
        };
        let returned = compute().await;
        turn.keep(shape, &returned, call::always);
        returned
    }

    /// Up to 100 000 of the application's keys that match a glob (`*` any text, `?` one
    /// character, `[a-z]` one of these, `\` takes the next character as it is), sorted. An empty
    /// pattern is the same as `*`.
    ///
    /// With [`KeyPrivacy::Hashed`](crate::KeyPrivacy::Hashed) no pattern can see the names in the
    /// store, so only the keys in memory are listed.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let kind = &*self.inner;
        let pattern = all_if_empty(pattern);
        let Ok(tenant) = call::current_tenant() else {
            return Vec::new();
        };
        let mut keys = self.active_keys();
        keys.retain(|key| glob_match(pattern, key));
        let prefix = kind.keys.chosen_prefix(tenant.as_deref());
        if let (Some(store), Some(prefix)) = (&kind.store, prefix) {
            keys.extend(store.keys(&prefix, pattern, LISTED).await);
        }
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(LISTED);
        keys
    }

    /// Forgets the application's keys that match a glob as in [`keys`](Self::keys), and counts
    /// them. What a failing store could not say is not counted.
    ///
    /// With [`KeyPrivacy::Hashed`](crate::KeyPrivacy::Hashed) it forgets the keys that
    /// [`keys`](Self::keys) lists: those in memory, in both tiers. A key that is in the store alone
    /// stays there.
    pub async fn remove_matching(&self, pattern: &str) -> u64 {
        let kind = &*self.inner;
        let pattern = all_if_empty(pattern);
        let in_memory = || {
            let keys = self.active_keys().into_iter();
            keys.filter(|key| glob_match(pattern, key))
        };
        let Ok(tenant) = call::current_tenant() else {
            return 0;
        };
        let tenant = tenant.as_deref();
        let invalidate_under_way = || {
            kind.flights.invalidate_matching(|key| {
                let key = chosen_by_application(tenant, key);
                key.is_some_and(|key| glob_match(pattern, &key))
            });
        };
        // What is under way is not kept.
        invalidate_under_way();
        let Some(prefix) = kind.keys.chosen_prefix(tenant) else {
            let mut removed = 0;
            for key in in_memory() {
                removed += u64::from(self.remove(&key).await);
            }
            return removed;
        };
        let in_store = match &kind.store {
            Some(store) => {
                store.settle().await;
                let in_store = store.remove_matching(&prefix, pattern).await;
                // What was read meanwhile is not kept either.
                invalidate_under_way();
                in_store
            }
            None => 0,
        };
        let mut removed = 0;
        for key in in_memory() {
            removed += u64::from(kind.remove_here(&chosen_key(tenant, &key)));
        }
        in_store.max(removed)
    }

    /// Forgets everything of this kind, of all tenants: the application's keys and the results of
    /// annotated functions. In the store, what lies under the kind's own prefix.
    pub async fn clear(&self) -> Reach {
        let kind = &*self.inner;
        let reach = kind.invalidate_all(Invalidation::Remove).await;
        if let Some(memory) = &kind.memory {
            memory.clear();
        }
        if let Some(store) = &kind.store {
            store.settle().await;
            store.remove_matching(&kind.keys.prefix, "*").await;
            store.forget_generations();
        }
        reach
    }

    /// Expires everything of this kind, of all tenants, in one step.
    pub async fn expire_all(&self) -> Reach {
        self.inner.invalidate_all(Invalidation::Expire).await
    }

    /// Removes all results of the annotated functions with this operation, of all tenants: in one
    /// step, however many there are. Nothing that was being computed when this was called is served
    /// after it has returned.
    ///
    /// The operation of a function without `op` is its path. The results are not served any more,
    /// but leave memory and store when they are met or their lifetime is over.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # async fn example(cache: larder::Cache) {
    /// // The prompt has changed.
    /// cache.remove_operation("summarize").await;
    /// # }
    /// ```
    pub async fn remove_operation(&self, operation: &str) -> Reach {
        self.inner
            .invalidate_operation(operation, Invalidation::Remove)
            .await
    }

    /// Expires all results of the annotated functions with this operation, in the same way.
    pub async fn expire_operation(&self, operation: &str) -> Reach {
        self.inner
            .invalidate_operation(operation, Invalidation::Expire)
            .await
    }

    /// Removes all results of annotated functions that have this tag (`tags(…)`), in one step, as
    /// [`remove_operation`](Self::remove_operation) does. Those of the tenant that this is called
    /// in, or of none.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # async fn example(cache: larder::Cache) {
    /// // User 7 has changed the address.
    /// cache.remove_tag("user:7").await;
    /// # }
    /// ```
    pub async fn remove_tag(&self, tag: &str) -> Reach {
        let tenant = call::current_tenant().ok().flatten();
        self.inner
            .invalidate_tag(tenant.as_deref(), tag, Invalidation::Remove)
            .await
    }

    /// Expires all results of annotated functions that have this tag, in the same way.
    pub async fn expire_tag(&self, tag: &str) -> Reach {
        let tenant = call::current_tenant().ok().flatten();
        self.inner
            .invalidate_tag(tenant.as_deref(), tag, Invalidation::Expire)
            .await
    }

    /// Removes everything of a tenant, in one step, as
    /// [`remove_operation`](Self::remove_operation) does: the results of annotated functions, and
    /// the keys that the application chose.
    pub async fn remove_tenant(&self, tenant: &str) -> Reach {
        self.inner
            .invalidate_tenant(tenant.as_bytes(), Invalidation::Remove)
            .await
    }

    /// Expires everything of a tenant, in the same way.
    pub async fn expire_tenant(&self, tenant: &str) -> Reach {
        self.inner
            .invalidate_tenant(tenant.as_bytes(), Invalidation::Expire)
            .await
    }

    /// Entries in memory whose lifetime is not over.
    #[must_use]
    pub fn size(&self) -> usize {
        self.inner
            .memory
            .as_ref()
            .map_or(0, |memory| memory.served().count())
    }

    /// The application's keys in memory whose lifetime is not over, sorted.
    #[must_use]
    pub fn active_keys(&self) -> Vec<String> {
        let Some(memory) = &self.inner.memory else {
            return Vec::new();
        };
        let Ok(tenant) = call::current_tenant() else {
            return Vec::new();
        };
        let mut keys: Vec<String> = memory
            .served()
            .filter_map(|(key, _)| chosen_by_application(tenant.as_deref(), &key))
            .collect();
        keys.sort_unstable();
        keys
    }

    /// What the cache has done, and how full it is. Walks over all entries in memory.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let kind = &*self.inner;
        let mut stats = CacheStats {
            backend_type: match &kind.store {
                None => "memory",
                Some(store) if kind.ai.is_some() && store.name() == "redis" => "ai_redis",
                Some(store) => store.name(),
            },
            ..CacheStats::default()
        };
        stats.add(kind.chosen.counters.tally());
        for operation in kind.operations() {
            stats.add(operation.counters.tally());
        }
        if let Some(store) = &kind.store {
            stats.store_failures = store.failures();
            stats.store_timeouts = store.timeouts();
            stats.refused = RefusedEntries::of(store);
            stats.unserializable_values = store.unstorable(Unstorable::Unserializable);
            stats.oversized_values = store.unstorable(Unstorable::TooLarge);
            stats.dropped_writes = store.dropped_writes();
        }
        if let Some(memory) = &kind.memory {
            let usage = memory.usage();
            stats.total_entries = usage.entries;
            stats.expired_entries = usage.expired;
            stats.max_size = usage.capacity;
            stats.evictions = usage.evictions;
            stats.memory_usage_bytes = usage.bytes;
        }
        stats
    }

    /// Whether the store answers within the time budget of a look-up; true without a store.
    pub async fn ping(&self) -> bool {
        match &self.inner.store {
            Some(store) => store.ping().await,
            None => true,
        }
    }

    /// Connects to the store, waiting for at most a second, and says whether it is there; true
    /// without a store. The cache works in any case, and goes on trying in the background.
    pub async fn connect(&self) -> bool {
        self.try_connect().await.is_ok()
    }

    pub(crate) async fn try_connect(&self) -> Result<(), crate::store::StoreError> {
        match &self.inner.store {
            Some(store) => store.connect(Duration::from_secs(1)).await,
            None => Ok(()),
        }
    }

    /// Waits until the writes that are queued for the store are done, for at most `deadline`, and
    /// says whether they are.
    pub async fn flush(&self, deadline: Duration) -> bool {
        match &self.inner.store {
            Some(store) => store.flush(deadline).await,
            None => true,
        }
    }

    /// Lets go of the connection to the store. The next look-up opens it again.
    pub fn disconnect(&self) {
        if let Some(store) = &self.inner.store {
            store.disconnect();
        }
    }
}

/// A key that the application chose.
struct Chosen<'a> {
    in_memory: MemoryKey,
    key: &'a str,
    tenant: Option<Arc<str>>,
}

fn all_if_empty(pattern: &str) -> &str {
    if pattern.is_empty() { "*" } else { pattern }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("kind", &self.inner.name)
            .field("memory", &self.inner.memory.is_some())
            .field("store", &self.inner.store.as_ref().map(StoreTier::name))
            .finish_non_exhaustive()
    }
}
