//! What happens while a program runs that uses `larder`.
//!
//! This crate does the work; the crate `larder` is the face that applications depend on, and the
//! place of the documentation. Each module is a room of the house:
//!
//! - `call`: the path of one cached call, from top to bottom
//! - `key`: from arguments to keys
//! - `policy`: how long a value is kept, and whether in memory
//! - `flight`: one computation for many callers
//! - `generation`: what was invalidated when; `bus`: what other processes invalidate
//! - `memory`: the tier in this process
//! - `store`: the tier outside of it; `envelope`: the bytes of an entry there
//! - `stream`: memoized streams
//! - `config`, `factory`, `registry`: from settings to the cache behind a kind; `verify`: whether the
//!   annotated functions fit them
//! - `kind`: what one kind of cache consists of; `cache`: the handle for those who want no macro;
//!   `ai`: the same for answers of language models
//! - `observe`: what is counted, and who is told; `health`: whether all of it works
//! - `runtime`: whether there are timers; `sync`: the locks of what is checked by models

mod ai;
mod bus;
mod cache;
pub mod call;
mod clock;
mod config;
mod envelope;
mod error;
mod factory;
mod flight;
mod generation;
mod health;
mod key;
mod kind;
mod memory;
mod observe;
mod policy;
mod registry;
mod runtime;
mod store;
mod stream;
mod sync;
pub mod testing;
mod verify;

pub use ai::{AiCache, AiRequest};
pub use cache::{Cache, CacheBuilder, WeakCache};
pub use call::{CallSite, SharedError, TimedOut, Value};
pub use config::{
    AiConfig, CacheConfig, CacheConfigBuilder, ConfigSources, CredentialSource, Credentials,
    Explained, Explanation, KindSettings, Preset, PresetComparison, PresetDescription,
    PresetRecommendation, Profile, SecurityConfig, Setting, SmokeTest, Strategy, ValidationReport,
};
#[cfg(feature = "redis")]
pub use config::{SecurityLevel, SecurityReport};
pub use envelope::Codec;
pub use error::CacheError;
pub use factory::CacheFactory;
pub use generation::Invalidation;
pub use health::{
    Health, HealthStatus, HealthWatch, KindHealth, PartHealth, health, liveness, watch_health,
};
pub use key::{HashAlgorithm, KeyBuilder, KeyPrivacy, Options, ParsedKey};
pub use kind::Reach;
pub use memory::MemoryBudget;
#[cfg(feature = "metrics")]
pub use observe::publish_metrics;
pub use observe::{
    Alert, AlertLevel, AlertSubject, AlertThresholds, AlertWatch, AlertWatchBuilder, Analysis,
    CacheEvent, CacheStats, Charges, CompressionStatistics, Counts, Ending, EventFilter, EventKind,
    Extent, HITS_TIMED, Happened, Heard, InvalidationOrigin, Latencies, ListenerId,
    OperationStatistics, Rating, RefusedEntries, Removal, RemovalCause, Savings, ShadowStatistics,
    SlowOperation, SlowPart, Statistics, TENANTS_COUNTED, TenantStatistics, TextStatistics,
    Threshold, Watch, WatchSubscriber,
};
pub use policy::{Cacheable, Promotion, TextNormalization, TextTier, TextTiers, Ttl};
pub use registry::{
    CloseReport, cache, close, close_kind, close_within, conditional, fallback, get_or_register,
    init, init_with, kinds, register, unknown_kind_calls, unregister,
};
pub use store::{
    Announcement, Breaker, Claim, Claimed, Connections, Generation, Listener, Store, StoreChange,
    StoreError, StoreFuture, StoreInfo, Tombstone,
};
pub use verify::{sites, verify};

/// What the numbers of a kind mean: [`Cache::insight`](crate::Cache::insight) has all of it.
pub mod insight {
    pub use crate::observe::insight::{
        Advice, AiFigures, AiMetrics, AiSummary, CacheMetrics, CacheOperations, Completeness,
        CompressionPerformance, Insight, InvalidatedPattern, InvalidationStatistics,
        InvalidationTarget, KeyGeneration, Level, MemoryUsage, OperationPerformance,
        PerformanceStatistics, Priority, Recommendation, Suggestion, TextSizes, TierAnalysis,
        TierConfiguration, TierFinding, TierOpportunity, TierStatistics, Timings,
    };
}

/// Whether this build can keep values in Redis.
pub const REDIS_AVAILABLE: bool = cfg!(feature = "redis");

/// What expansions of `#[cached]` name. Not for use by hand: it changes without notice.
#[doc(hidden)]
pub mod expansion {
    pub use inventory;

    pub use crate::__larder_site as site;

    pub use serde::Serialize;

    pub use crate::key::{Field, Fields, InKey, KeyWriter, Options};
    pub use crate::memory::Weight;
    pub use crate::policy::TextNormalization;

    pub use crate::call::{
        Answered, Call, CallSite, Collected, Description, Entered, LocalProbe, Price, Probe,
        Probed, Rule, Wariness, always, call, checked, copy_of, enter, enter_priced,
        keeping_errors, keeping_none, limited, local_plain, plain, priced, returned, sharing,
        surviving,
    };
    pub use crate::stream::{
        LocalStreamProbe, Memoized, Sink, StreamProbe, StreamProbed, memoized, streamed,
    };
}
