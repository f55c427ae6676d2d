//! [`Cache`]: one kind's tiers behind one handle, for those who want no macro.

mod builder;
mod events;
mod invalidation;
mod many;
mod switch;
mod weak;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use builder::APPLICATIONS_OWN;
pub use builder::CacheBuilder;
pub use weak::WeakCache;

use crate::call::{self, Answered, Miss, MissReason, Origin, Own, Pending, Results, Shape, Value};
use crate::config::CacheConfig;
use crate::envelope::{Unstorable, ValueType};
use crate::key::{
    CHOSEN, LONGEST_WHOLE_KEY, MemoryKey, chosen_by_application, chosen_key, glob_match,
};
use crate::kind::Kind;
use crate::memory::{Entry, SharedEntry};
use crate::observe::{
    CacheStats, Details, Ending, EventKind, Happened, Of, Record, RefusedEntries, Statistics,
    TenantCounters,
};
use crate::policy::{Promoted, TextMark, Ttl};
use crate::store::StoreInfo;

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
/// Inside of [`call::tenant`](crate::call::tenant()) methods see the keys of that tenant alone, but
/// for [`stats`](Self::stats) and those that say that they are about all tenants.
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

impl Cache {
    /// A cache of this kind with these settings.
    #[must_use]
    pub fn builder(kind: &str, config: &CacheConfig) -> CacheBuilder {
        CacheBuilder::new(kind, config)
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
        let chosen = self
            .chosen_or_count(key)
            .filter(|chosen| self.looks_up(chosen))?;
        if let Some(value) = self.in_memory(&chosen) {
            return Some(value);
        }
        let mut record = self.record(&chosen);
        let Some((entry, origin)) = self.find::<T>(chosen).await else {
            record.end(Ending::Missed);
            return None;
        };
        record.hit(&entry, origin);
        entry.value.downcast_ref::<T>().cloned()
    }

    /// The key as a part of this kind; where nothing can be kept under it, why.
    fn chosen<'a>(&self, key: &'a str) -> Result<Chosen<'a>, Ending> {
        let tenant = call::current_tenant().map_err(|_ending| Ending::NoKey)?;
        if key.len() > LONGEST_WHOLE_KEY {
            return Err(Ending::NoKey);
        }
        if self.inner.requires_tenant && tenant.as_deref().is_none_or(str::is_empty) {
            return Err(Ending::NoTenant);
        }
        Ok(Chosen {
            in_memory: chosen_key(tenant.as_deref(), key),
            key,
            tenant,
        })
    }

    /// The same, for a use that is counted where it fails.
    fn chosen_or_count<'a>(&self, key: &'a str) -> Option<Chosen<'a>> {
        let chosen = self.chosen(key);
        chosen.map_err(|obstacle| self.count(None, obstacle)).ok()
    }

    /// A look-up under this key that ends at once.
    fn count(&self, chosen: Option<&Chosen<'_>>, ending: Ending) {
        let why = match ending {
            Ending::NoKey => Some(MissReason::NoKey),
            Ending::NoTenant => Some(MissReason::NoTenant),
            _ => None,
        };
        let tenant = chosen.and_then(|chosen| self.of_tenant(chosen));
        let counters = &self.inner.chosen.counters;
        counters.count(TextMark::default(), tenant.as_deref(), ending, why);
        if ending.is_miss() {
            let what = Happened::Miss {
                reason: why,
                ending,
            };
            let events = &self.inner.events;
            events.tell(Of::Operation(CHOSEN), what, |_| Details {
                tenant: call::current_tenant().ok().flatten(),
                ..Details::default()
            });
        }
    }

    /// The record of a look-up under this key.
    fn record(&self, chosen: &Chosen<'_>) -> Record {
        let kind = &*self.inner;
        let operation = kind.chosen.clone();
        let mut record = Record::begin(operation, TextMark::default(), self.of_tenant(chosen));
        record.tell(&kind.events, chosen.tenant.as_deref());
        record.name(|| Some(chosen.name(kind)));
        record
    }

    /// The numbers of its tenant.
    fn of_tenant(&self, chosen: &Chosen<'_>) -> Option<Arc<TenantCounters>> {
        let tenant = chosen.tenant.as_deref()?;
        let Kind {
            tenants, chosen, ..
        } = &*self.inner;
        Some(tenants.counters(&chosen.counters, tenant))
    }

    /// Whether the kind is on, for a look-up that is counted where it is not.
    fn looks_up(&self, chosen: &Chosen<'_>) -> bool {
        let is_on = self.is_on();
        if !is_on {
            self.count(Some(chosen), Ending::SwitchedOff);
        }
        is_on
    }

    /// A call under this key, whose value is kept for so long.
    fn pending(&self, chosen: Chosen<'_>, ttl: Ttl) -> Pending {
        let kind = &self.inner;
        let tenant = chosen.tenant.as_deref();
        let scope = tenant.map(|tenant| kind.tenant(tenant.as_bytes()));
        Pending {
            kind: kind.clone(),
            operation: kind.chosen.clone(),
            key: chosen.in_memory.into(),
            in_store: (kind.store.is_some() || kind.events.wants_keys())
                .then(|| kind.keys.name_of_chosen(tenant, chosen.key, ttl)),
            names: scope.into_iter().collect(),
            text: TextMark::default(),
            promoted: Promoted::Always,
            tenant: chosen.tenant,
            weigher: None,
            is_shadowed: false,
            price: None,
            about: None,
        }
    }

    /// The value in memory, counted as a hit if there is one.
    fn in_memory<T: Value>(&self, chosen: &Chosen<'_>) -> Option<T> {
        let memory = self.inner.memory.as_ref()?;
        let Some(entry) = memory.get(&chosen.in_memory) else {
            memory.drop_if_over(&chosen.in_memory);
            return None;
        };
        let value = entry.value.downcast_ref::<T>()?;
        // First: the value's own `clone` may panic.
        self.count(Some(chosen), Ending::MemoryHit);
        let events = &self.inner.events;
        if events.wants(EventKind::Hit) {
            let hit = Happened::Hit(Origin::Memory);
            events.tell(Of::Operation(CHOSEN), hit, |wanted| Details {
                tenant: chosen.tenant.clone(),
                key: wanted.keys.then(|| chosen.name(&self.inner)),
                entry: wanted.values.then(|| entry.clone()),
            });
        }
        Some(value.clone())
    }

    async fn find<T: Value>(&self, chosen: Chosen<'_>) -> Option<(SharedEntry, Origin)> {
        let kind = &*self.inner;
        kind.store.as_ref()?;
        let pending = self.pending(chosen, kind.chosen.lifetime.ttl);
        let results = Results::of_shape(call::opaque::<T>());
        pending.find(None, &results).await
    }

    /// Keeps `value` for the kind's default lifetime.
    ///
    /// Returns when the store has the value, or has failed to take it: after three times the time
    /// budget of a look-up at the latest, also where other writes are queued before it. Nothing that
    /// was being computed for the key is kept, as after a [`remove`](Self::remove). What the
    /// store had before is not served to this process any more, whether or not it could be told.
    pub async fn set<T: Value>(&self, key: &str, value: T) {
        self.set_for(key, value, self.inner.chosen.lifetime.ttl)
            .await;
    }

    /// Keeps `value` for this long. A lifetime of zero forgets the key.
    pub async fn set_for<T: Value>(&self, key: &str, value: T, ttl: impl Into<Ttl>) {
        let ttl = self.inner.chosen.lifetime.jittered(ttl.into());
        let Some(chosen) = self.chosen_or_count(key) else {
            return;
        };
        let pending = self.pending(chosen, ttl);
        // Switched off: what was there is over all the same.
        if ttl.is_zero() || !self.is_on() {
            pending.remove().await;
        } else {
            let value_type = ValueType::of::<Own<T>>();
            let entry = |head| Arc::new(Entry { head, value }) as Arc<Entry>;
            pending.set(entry, ttl, value_type).await;
        }
    }

    /// Whether there is an entry, of whatever type. Does not count as a use of it.
    ///
    /// Of an entry in the store only its key is looked at, here and in [`ttl`](Self::ttl) and
    /// [`keys`](Self::keys): one that was invalidated with everything of its tenant or kind is still
    /// there. So is a computed value for at least ten minutes after its key was removed, however
    /// short its own lifetime is ([`Tombstone`](crate::Tombstone)).
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
        let chosen = self.chosen(key).ok().filter(|_| self.is_on())?;
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
    ///
    /// A `T` that is itself a `Result` or an `Option` is computed by each caller, and not kept: use
    /// [`get_or_try_compute`](Self::get_or_try_compute), which keeps what is in an `Ok`.
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
        let pending = match self.chosen(key) {
            Ok(chosen) => {
                let record = self.record(&chosen);
                Ok((self.pending(chosen, ttl), record))
            }
            Err(obstacle) => {
                self.count(None, obstacle);
                Err(match obstacle {
                    Ending::NoTenant => MissReason::NoTenant,
                    _ => MissReason::NoKey,
                })
            }
        };
        let asked = Miss::of_chosen(pending, shape).ask().await;
        let turn = match asked.answer(shape) {
            Answered::Answer(answer) => return answer,
            Answered::Turn(turn) => turn,
        };
        let returned = turn.compute(pin!(compute())).await;
        turn.keep(shape, returned, call::always)
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
            not_promoted: kind.promotions.withheld(),
            failed_listeners: kind.events.failed(),
            dropped_events: kind.events.dropped(),
            default_ttl: kind.chosen.lifetime.ttl.bounded(),
            ..CacheStats::default()
        };
        stats.add(&kind.chosen.counters.counts());
        for operation in kind.operations() {
            stats.add(&operation.counters.counts());
        }
        if let Some(store) = &kind.store {
            stats.connections = store.connections();
            stats.store_failures = store.failures();
            stats.store_timeouts = store.timeouts();
            stats.refused = RefusedEntries::of(store);
            stats.unserializable_values = store.unstorable(Unstorable::Unserializable);
            stats.oversized_values = store.unstorable(Unstorable::TooLarge);
            stats.dropped_writes = store.dropped_writes();
            stats.refused_writes = store.refused_writes();
            stats.heard_invalidations = store.bus.heard();
        }
        if let Some(memory) = &kind.memory {
            let usage = memory.usage();
            stats.total_entries = usage.entries;
            stats.expired_entries = usage.expired;
            stats.max_size = usage.capacity;
            stats.max_bytes = usage.max_bytes;
            stats.weight = usage.weight;
            stats.largest_value_bytes = usage.largest_value;
            stats.evictions = usage.evictions;
            stats.expirations = usage.expirations;
            stats.too_large_for_memory = usage.too_large;
            stats.failed_weights = usage.unweighed;
            stats.memory_usage_bytes = usage.bytes;
        }
        stats
    }

    /// What the cache has done by operation, length of text and tenant, how long that took, and what it has
    /// [saved](crate::Savings): since it was made, or since the last [`reset_statistics`](Self::reset_statistics).
    ///
    /// Counted are all calls, and timed all that are no hits in memory; of those one in
    /// [`HITS_TIMED`](crate::HITS_TIMED) is. Reading it costs about a microsecond for each operation and
    /// tenant, and calls do not wait for it.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use larder::Ending;
    ///
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// cache.get::<u32>("user:1").await;
    ///
    /// let statistics = cache.statistics();
    /// assert_eq!(statistics.counts.of(Ending::Missed), 1);
    /// assert_eq!(statistics.operations["keys"].counts.hit_ratio(), Some(0.0));
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.inner.statistics()
    }

    /// The same since the cache was made: numbers that only grow, as those that collect them want it. Of
    /// latencies that holds for number and total; the others begin anew with each reset.
    #[must_use]
    pub fn statistics_since_start(&self) -> Statistics {
        self.inner.statistics_since_start()
    }

    /// Has [`statistics`](Self::statistics) begin anew. [`stats`](Self::stats) only grows.
    pub fn reset_statistics(&self) {
        self.inner.reset_statistics();
    }

    /// Whether the store answers within the time budget of a look-up; true without a store.
    pub async fn ping(&self) -> bool {
        match &self.inner.store {
            Some(store) => store.ping().await,
            None => true,
        }
    }

    /// What the store says about itself, if it does so within the time budget of a look-up; `None`
    /// without a store. In Redis, the user needs the right to `INFO`.
    pub async fn store_info(&self) -> Option<StoreInfo> {
        match &self.inner.store {
            Some(store) => store.info().await,
            None => None,
        }
    }

    /// Connects to the store, waiting for at most a second, and says whether it is there; true
    /// without a store. Where the cache is not to be without it (`fail_on_connection_error`), it is
    /// waited for twice the `connection_timeout`, if that is longer. The cache works in any case, and
    /// goes on trying in the background.
    pub async fn connect(&self) -> bool {
        self.try_connect().await.is_ok()
    }

    pub(crate) async fn try_connect(&self) -> Result<(), crate::store::StoreError> {
        match &self.inner.store {
            Some(store) => store.connect(self.inner.patience).await,
            None => Ok(()),
        }
    }

    /// Waits until the writes that are queued for the store are done, and until it has been told of
    /// everything that was removed while it was away, for at most `deadline`. Says whether all of that
    /// is done.
    pub async fn flush(&self, deadline: Duration) -> bool {
        match &self.inner.store {
            Some(store) => store.flush(deadline).await,
            None => true,
        }
    }

    /// Tells other processes that this one has nothing more to say.
    pub(crate) async fn leave(&self) {
        if let Some(store) = &self.inner.store {
            store.leave().await;
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

impl Chosen<'_> {
    /// What a store calls it.
    fn name(&self, kind: &Kind) -> String {
        kind.keys.of_chosen(self.tenant.as_deref(), self.key)
    }
}

fn all_if_empty(pattern: &str) -> &str {
    if pattern.is_empty() { "*" } else { pattern }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("kind", &self.inner.name)
            .field("memory", &self.inner.memory.is_some())
            .field(
                "store",
                &self.inner.store.as_ref().map(|store| store.name()),
            )
            .finish_non_exhaustive()
    }
}
