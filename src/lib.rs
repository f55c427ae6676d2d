//! A memoization framework for async Rust: one attribute on a function keeps what was expensive to
//! make, in memory, in Redis, or in both.
//!
//! ```
//! use larder::cached;
//!
//! #[cached(kind = "web", op = "user.name", ttl = "15m")]
//! async fn name(id: u64) -> Result<String, std::io::Error> {
//!     // … ask the database …
//!     Ok(format!("user {id}"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! larder::init().await?;
//! let first = name(7).await?;
//! let again = name(7).await?; // from memory
//! assert_eq!(first, again);
//! larder::close().await;
//! # Ok(())
//! # }
//! ```
//!
//! - [`cached`]: every option of the attribute, what is kept, and what is in a key
//! - [`init`], [`register`], [`close`]: from settings to the caches behind the kinds;
//!   [`get_or_register`] makes one when it is first asked for, [`unregister`] and [`close_kind`] are
//!   about one kind, [`fallback`] and [`conditional`] give one whatever happens
//! - [`CacheConfig`], [`Preset`], [`CacheFactory`]: the settings themselves
//! - [`SecurityConfig`]: users, passwords and TLS of Redis, and a report on them
//! - [`Cache`]: one kind as a handle, for keys that the application chooses itself, and to
//!   [switch it off](Cache::switch_off) for a while
//! - [`AiCache`], [`AiRequest`]: the same for answers of language models, by text, operation, options
//!   and question
//! - [`sites`], [`verify`]: the annotated functions of the program, and whether they fit the kinds
//! - [`Cache::statistics`]: how calls have ended and how long they took, by operation, length of text and
//!   tenant; [`Cache::stats`]: one record of what a cache has done and how full it is
//! - [`Cache::insight`], [`insight`]: what those numbers mean, and which settings to try; [`Cache::watch`],
//!   [`Cache::analyze`]: what a cache does at the moment; [`AlertWatch`]: who is told when that is not what
//!   it should be
//! - [`health()`], [`Cache::health`], [`Cache::health_full`], [`watch_health`], [`liveness`]: whether
//!   all of it works
//! - [`KeyBuilder`]: the names of keys in a store; [`Options`](trait@Options): which fields of a request
//!   are in them; [`TextNormalization`]: which texts are the same in them
//! - [`Cacheable`]: answers of language models that know whether they are worth keeping
//! - [`Savings`]: in the statistics, what answers have cost, and what those have saved that were there already
//! - [`TextTiers`], [`Promotion`]: which texts are short or long, and which results enter memory
//! - [`MemoryBudget`]: one bound on the bytes of several kinds
//! - [`Cache::on_event`], [`CacheEvent`], [`EventFilter`]: functions of the application that are told
//!   of hits, misses, what is kept, forgotten and leaves memory, and of the way to the store
//! - [`call`]: control of a single call, and [`call::warm`] for many
//! - [`testing`]: for the tests of applications
//! - `publish_metrics` (feature `metrics`): what all kinds have counted, for the recorder of the
//!   application; spans of calls are under the target `larder`
//! - `axum` (feature `axum`): extractors, tenants, and routes for operators
//!
//! What goes wrong on the way (a Redis that is away, a kind that nobody registered) never reaches
//! the caller of an annotated function. It is logged through `tracing`, once for each change.

pub use cache_macros::{Options, cached};
#[cfg(feature = "metrics")]
pub use cache_runtime::publish_metrics;
pub use cache_runtime::{
    AiCache, AiConfig, AiRequest, Alert, AlertLevel, AlertSubject, AlertThresholds, AlertWatch,
    AlertWatchBuilder, Analysis, Announcement, Breaker, Cache, CacheBuilder, CacheConfig,
    CacheConfigBuilder, CacheError, CacheEvent, CacheFactory, CacheStats, Cacheable, CallSite,
    Charges, Claim, Claimed, CloseReport, Codec, CompressionStatistics, ConfigSources, Connections,
    Counts, CredentialSource, Credentials, Ending, EventFilter, EventKind, Explained, Explanation,
    Extent, Generation, HITS_TIMED, Happened, HashAlgorithm, Health, HealthStatus, HealthWatch,
    Heard, Invalidation, InvalidationOrigin, KeyBuilder, KeyPrivacy, KindHealth, KindSettings,
    Latencies, ListenerId, MemoryBudget, OperationStatistics, Options, ParsedKey, PartHealth,
    Preset, PresetComparison, PresetDescription, PresetRecommendation, Profile, Promotion,
    REDIS_AVAILABLE, Rating, Reach, RefusedEntries, Removal, RemovalCause, Savings, SecurityConfig,
    Setting, ShadowStatistics, SharedError, SlowOperation, SlowPart, SmokeTest, Statistics, Store,
    StoreChange, StoreError, StoreFuture, StoreInfo, Strategy, TENANTS_COUNTED, TenantStatistics,
    TextNormalization, TextStatistics, TextTier, TextTiers, Threshold, TimedOut, Tombstone, Ttl,
    ValidationReport, Value, Watch, WatchSubscriber, WeakCache, cache, close, close_kind,
    close_within, conditional, fallback, get_or_register, health, init, init_with, insight, kinds,
    liveness, register, sites, testing, unknown_kind_calls, unregister, verify, watch_health,
};
#[cfg(feature = "redis")]
pub use cache_runtime::{SecurityLevel, SecurityReport};
#[cfg(feature = "axum")]
pub use cache_web as axum;

/// Control of one call, by wrapping the call expression.
///
/// A future does nothing until it is polled, so nothing has to be added to the annotated function:
/// the wrapper has its wishes at hand while it polls the call for the first time, and the first
/// cached call that is reached in that poll takes them. Hence:
///
/// | what is wrapped | what the wrapper controls |
/// |---|---|
/// | a cached call; a method, of a trait too; a function that returns a future | that call |
/// | a function that calls a cached one at once | the cached call in it. `peek`, `remove`, `expire` and `key` end there: what comes after it in the function is not run, unless `peek` has an answer |
/// | `join!` of several | the first one |
/// | `select!` | the branch that is polled first, if it is cached; `select!` begins anywhere unless it is `biased` |
/// | `timeout(…, call)` | the call, as without the time-out |
/// | a function that waits for something else before | nothing |
/// | `spawn(call)` and its handle | nothing: another task polls it |
/// | [`Cache::get_or_compute`], [`AiCache::get_or_compute`] | the computation under that key |
/// | a function that returns a stream | `call::stream(…)` of it, or a future that polls it, such as `stream.next()` |
///
/// Where nothing is controlled, [`outcome`](call::outcome) says [`Unreached`](call::Origin::Unreached),
/// the others log a warning, and the call runs as ever, but [`peek`](call::peek),
/// [`remove`](call::remove), [`expire`](call::expire) and [`key`](call::key) drop the future, so that
/// no body runs that was not to run. The wishes never reach the cached calls in the body of the call
/// that took them. A function that takes a lock before it makes a cached call reaches it in the first
/// poll as long as the lock is free: wrap the cached call itself.
///
/// What `peek` and its kind are given by reference, or as a clone of a shared future, goes on without
/// a cache when it is polled again.
///
/// Wrappers combine. Of two that disagree, the inner one has the last word, but where one wants no
/// body to start, none does; all of them are told how the call ended:
///
/// ```
/// # #[larder::cached(op = "doc.rate")] async fn rate(currency: &str) -> f64 { 1.0 }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use larder::call;
/// use std::time::Duration;
///
/// let minute = Duration::from_secs(60);
/// let euro = call::outcome(call::ttl(minute, call::max_age(minute, rate("EUR")))).await;
/// assert_eq!(euro.origin, call::Origin::Computed);
/// # });
/// ```
///
/// [`tenant`](call::tenant()) and [`carry`](call::carry) are another matter: a tenant holds for
/// everything that is awaited inside, at every poll.
///
/// Dropping any of these futures drops the call in it.
///
/// [`warm`](call::warm()) runs many calls ahead of those who need them.
pub mod call {
    pub use cache_runtime::call::{
        Control, ControlledStream, MissReason, Origin, Outcome, StaleCause, Warm, WarmReport,
        bypass, carry, expire, key, max_age, outcome, peek, refresh, remove, stream, sync, tenant,
        ttl, warm,
    };
}

#[doc(hidden)]
pub use cache_runtime::expansion as __expansion;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
