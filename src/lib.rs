#![doc = include_str!("../README.md")]

pub use cache_macros::cached;
pub use cache_runtime::{
    AiConfig, Cache, CacheBuilder, CacheConfig, CacheConfigBuilder, CacheError, CacheFactory,
    CacheStats, KeyWriter, Preset, REDIS_AVAILABLE, Store, StoreError, StoreFuture, Ttl, cache,
    close, init, kinds, register, testing, unknown_kind_calls,
};

/// Control of one call, by wrapping the call expression: what a cached function is asked for, and
/// what it says about its answer.
pub mod call {
    pub use cache_runtime::call::{Origin, Outcome, outcome, ttl};
}

#[doc(hidden)]
pub use cache_runtime::expansion as __expansion;
