//! Which cache stands behind each kind: for the whole program, or for the
//! [scope](crate::testing::registry_scope) of a test.

mod closing;
mod fallback;
mod making;
mod scope;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub use closing::{CloseReport, close, close_kind, close_within};
pub use fallback::{conditional, fallback};
pub use making::get_or_register;
pub use scope::RegistryScope;
pub(crate) use scope::{changed_everywhere, in_force};

use making::Asking;
use scope::{InForce, SCOPED};

use futures_util::future::{join_all, try_join_all};

use crate::cache::Cache;
use crate::config::{CacheConfig, Preset};
use crate::error::CacheError;
use crate::factory::caches;
use crate::verify;

/// The one of the process.
static PROCESS: Registry = Registry::new(1);

/// Counts the changes of all registries: each has a number that no other one ever has.
static CHANGES: AtomicU64 = AtomicU64::new(2);

/// The kinds, and what belongs to them.
#[derive(Debug)]
pub(crate) struct Registry {
    state: Mutex<State>,
    /// Number of the latest change. What was looked up in an older one is looked up again. In that of
    /// the process, [`SCOPED`] is set while there are others.
    epoch: AtomicU64,
    unknown_kind_calls: AtomicU64,
    asking: Asking,
    fallback: OnceLock<Cache>,
}

#[derive(Debug)]
struct State {
    kinds: BTreeMap<String, Cache>,
    /// Whether the environment has been read, or need not be.
    initialized: bool,
    /// Kinds that were asked for in vain, each warned of once.
    unknown: BTreeSet<String>,
    /// Kinds that the registry began with, and that those from the environment take the place of.
    stand_ins: BTreeSet<String>,
}

impl State {
    /// What leaves is to be dropped when nothing is locked: values may do anything then.
    #[must_use]
    fn insert(&mut self, kind: &str, cache: Cache) -> Option<Cache> {
        self.unknown.remove(kind);
        self.stand_ins.remove(kind);
        self.kinds.insert(kind.to_owned(), cache)
    }

    /// The same, unless somebody has registered the kind.
    #[must_use]
    fn insert_if_missing(&mut self, cache: &Cache) -> Option<Cache> {
        let kind = cache.name();
        if self.stand_ins.contains(kind) || !self.kinds.contains_key(kind) {
            self.insert(kind, cache.clone())
        } else {
            None
        }
    }
}

/// Why a call finds no cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    Unknown,
    /// The environment is being read, by what has made the call.
    BeingMade,
}

thread_local! {
    static MAKING: Cell<bool> = const { Cell::new(false) };
}

/// While this is there, its thread makes the kinds of the environment.
struct Making;

impl Making {
    /// `None` where it does so already.
    fn begin() -> Option<Self> {
        if MAKING.replace(true) {
            return None;
        }
        Some(Self)
    }
}

impl Drop for Making {
    /// Also when a log panics.
    fn drop(&mut self) {
        MAKING.set(false);
    }
}

impl Registry {
    const fn new(epoch: u64) -> Self {
        Self {
            state: Mutex::new(State {
                kinds: BTreeMap::new(),
                initialized: false,
                unknown: BTreeSet::new(),
                stand_ins: BTreeSet::new(),
            }),
            epoch: AtomicU64::new(epoch),
            unknown_kind_calls: AtomicU64::new(0),
            asking: Asking::new(),
            fallback: OnceLock::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of the latest change.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire) & !SCOPED
    }

    /// Has everything looked up again that was looked up before.
    fn changed(&self) {
        // Of two at once either may come last: both numbers are new.
        let number = CHANGES.fetch_add(1, Ordering::AcqRel);
        let changed = |epoch| Some((epoch & SCOPED) | number);
        let _ = self
            .epoch
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, changed);
    }

    fn get(&self, kind: &str) -> Option<Cache> {
        self.lock().kinds.get(kind).cloned()
    }

    fn register(&self, kind: &str, cache: Cache) {
        let _replaced = self.lock().insert(kind, cache);
        self.changed();
        self.asking.tell(kind);
    }

    fn kinds(&self) -> Vec<String> {
        self.lock().kinds.keys().cloned().collect()
    }

    /// The cache behind a kind, for a call. Reads the environment where nobody has done so.
    pub(crate) fn find(&self, kind: &str) -> Result<Cache, Absent> {
        let is_being_made = !self.first_use();
        let mut state = self.lock();
        if let Some(cache) = state.kinds.get(kind) {
            return Ok(cache.clone());
        }
        if is_being_made {
            // That nobody has registered it would not be true.
            return Err(Absent::BeingMade);
        }
        if state.unknown.insert(kind.to_owned()) {
            let registered: Vec<String> = state.kinds.keys().cloned().collect();
            // A log may be anything; it is not called with the lock held.
            drop(state);
            tracing::warn!(
                kind,
                ?registered,
                "nobody registered this kind of cache: its functions run without one"
            );
        }
        Err(Absent::Unknown)
    }

    /// Makes the kinds of an application that did not call [`init`], and says whether they are made:
    /// false where this is called by what makes them. Lenient: there is nobody to tell of an error.
    fn first_use(&self) -> bool {
        if self.lock().initialized {
            return true;
        }
        // Nothing is locked while settings are read: they are logged, and a log may be anything, a
        // cached function too. That one goes without.
        let Some(making) = Making::begin() else {
            return false;
        };
        let from_environment = CacheConfig::from_environment().and_then(|config| caches(&config));
        drop(making);
        let caches = match &from_environment {
            Ok(caches) => caches.clone(),
            Err(_) => caches(&Preset::Development.config()).unwrap_or_default(),
        };
        let mut state = self.lock();
        // Of several threads the first one has done it.
        if std::mem::replace(&mut state.initialized, true) {
            return true;
        }
        let _replaced = self.insert_if_missing(state, &caches);
        if let Err(error) = from_environment {
            tracing::warn!(
                %error,
                "the environment cannot be used: caching in memory, as in the development preset"
            );
        }
        true
    }

    /// Registers those whose kind nobody has registered.
    fn insert_if_missing(
        &self,
        mut state: MutexGuard<'_, State>,
        caches: &[Cache],
    ) -> Vec<Option<Cache>> {
        let replaced = caches.iter().map(|cache| state.insert_if_missing(cache));
        let replaced = replaced.collect();
        drop(state);
        self.changed();
        for cache in caches {
            self.asking.tell(cache.name());
        }
        replaced
    }
}

/// Changes with the registry of the process, and is no number of any registry while there are scopes:
/// then [`in_force`] knows which one a call sees.
#[inline]
pub(crate) fn epoch() -> u64 {
    PROCESS.epoch.load(Ordering::Acquire)
}

/// Makes the kinds of the environment: [`init_with`] with [`CacheConfig::from_environment`].
///
/// | variable | meaning | default |
/// |---|---|---|
/// | `CACHE_PRESET` | name of a [`Preset`](crate::Preset) | `development` |
/// | `CACHE_REDIS_URL` | as [`redis_url`](crate::CacheConfigBuilder::redis_url) takes it | in memory only |
/// | `ENABLE_AI_CACHE` | whether the kind `ai` has settings and lifetimes for language models | as the preset says |
/// | `CACHE_CONFIG_FILE` | a file with settings, in JSON or TOML | none |
/// | `CACHE_CUSTOM_CONFIG` | settings in JSON, which come before all others | none |
///
/// `docs/configuration.md` has all of them, and every setting. `disabled` is not off: it keeps a few
/// entries in memory, and never uses Redis.
///
/// Where nobody calls `init`, the first cached call reads the same variables. It cannot return an
/// error, so it logs a warning and caches in memory if they cannot be used.
///
/// # Errors
/// [`CacheError::Configuration`] with every problem, if a variable or the file cannot be used, and
/// those of [`init_with`].
pub async fn init() -> Result<(), CacheError> {
    init_with(&CacheConfig::from_environment()?).await
}

/// Makes the kinds of this configuration and, where a Redis is named, waits for at most a second for
/// its answer: `web` (without settings for language models), `ai`, and those that have
/// [settings of their own](CacheConfig::kinds). They share connections where they have the same Redis.
///
/// Annotated functions that do not fit the kinds are logged as warnings, as [`verify`](crate::verify) finds them:
/// register the kinds of your own before.
///
/// Kinds that are registered already stay as they are. A Redis that does not answer is no error, unless
/// `fail_on_connection_error` is set: the caches work without it, and find it when it comes. Where that
/// is set it is waited for as long as [`Cache::connect`] says.
///
/// # Errors
/// [`CacheError::Configuration`] where no cache can be built; [`CacheError::Infrastructure`] where the
/// store cannot be reached and `fail_on_connection_error` is set: nothing is registered then.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use larder::{CacheConfigBuilder, ConfigSources};
///
/// let loaded = ConfigSources::new().environment().load()?;
/// let config = CacheConfigBuilder::from(loaded)
///     .kind("geo", |geo| geo.l1_cache_size(50_000))
///     .build()?;
/// larder::init_with(&config).await?;
/// assert!(larder::kinds().contains(&"geo".to_owned()));
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
pub async fn init_with(config: &CacheConfig) -> Result<(), CacheError> {
    let caches = caches(config)?;
    let connecting = caches.iter().map(async |cache| {
        let connected = cache.try_connect().await;
        let failed = connected.err().filter(|_| cache.kind().needs_store);
        failed.map_or(Ok(()), |error| {
            Err(config.for_kind(cache.name()).unreachable(&error))
        })
    });
    try_join_all(connecting).await?;
    let registry = in_force();
    {
        let mut state = registry.lock();
        state.initialized = true;
        let _replaced = registry.insert_if_missing(state, &caches);
    }
    // Those that were registered before, in the place of which nothing was made.
    let registered = caches.iter().filter_map(|made| {
        let there = registry.get(made.name())?;
        (!there.is_same(made)).then_some(there)
    });
    join_all(registered.map(async |cache| cache.connect().await)).await;
    for problem in verify::problems() {
        tracing::warn!("{problem}");
    }
    Ok(())
}

/// Makes `cache` the one behind its kind, in place of the one that was there.
///
/// There is one registry in a process, and what it holds lives until the kind is replaced,
/// [unregistered](unregister) or [closed](close); [`downgrade`](Cache::downgrade) is for those who
/// want to know a cache without keeping it. Processes share no memory: of several workers, each keeps
/// values in a memory tier of its own (give each a part of the room), and one store behind them is
/// what they have in common.
///
/// Takes effect for every call that begins afterwards. A program that registers kinds before its
/// first cached call still gets `web` and `ai` from the environment, unless it registers those
/// too.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{Cache, CacheConfig};
///
/// let config = CacheConfig::builder().l1_cache_size(5000).build()?;
/// larder::register(Cache::builder("geo", &config).build()?);
/// assert!(larder::kinds().contains(&"geo".to_owned()));
/// # Ok::<(), larder::CacheError>(())
/// ```
pub fn register(cache: Cache) {
    let kind = cache.name().to_owned();
    in_force().register(&kind, cache);
}

/// Takes the cache from behind its kind, and gives it back; `None` where there was none.
///
/// Calls that begin afterwards run without a cache, as those of a kind that nobody knows, until the
/// kind is registered again; [`switch_off`](Cache::switch_off) is for a while. The cache itself is
/// not closed: its handles go on, and [`close_kind`] does both. A program that has not used the
/// registry so far still gets `web` and `ai` from the environment.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{Cache, CacheConfig};
///
/// larder::register(Cache::builder("maps", &CacheConfig::builder().build()?).build()?);
/// let maps = larder::unregister("maps");
/// assert_eq!(maps.as_ref().map(Cache::name), Some("maps"));
/// assert!(larder::unregister("maps").is_none());
/// # Ok::<(), larder::CacheError>(())
/// ```
#[expect(clippy::must_use_candidate, reason = "most callers have no use for it")]
pub fn unregister(kind: &str) -> Option<Cache> {
    let registry = in_force();
    let unregistered = {
        let mut state = registry.lock();
        state.stand_ins.remove(kind);
        state.kinds.remove(kind)
    };
    registry.changed();
    unregistered
}

/// The cache behind a kind: one that was [registered](register), or `web` or `ai` after [`init`] or
/// the first cached call.
#[must_use]
pub fn cache(kind: &str) -> Option<Cache> {
    in_force().get(kind)
}

/// The kinds that are registered, sorted.
#[must_use]
pub fn kinds() -> Vec<String> {
    in_force().kinds()
}

/// How many calls ran without a cache because nobody knew their kind.
#[must_use]
pub fn unknown_kind_calls() -> u64 {
    in_force().unknown_kind_calls.load(Ordering::Relaxed)
}

/// The kinds that a call finds. Reads the environment where nobody has done so.
pub(crate) fn known_kinds() -> Vec<String> {
    let registry = in_force();
    registry.first_use();
    registry.kinds()
}

pub(crate) fn count_unknown_kind() {
    let calls = &in_force().unknown_kind_calls;
    calls.fetch_add(1, Ordering::Relaxed);
}
