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
//! - [`init`], [`register`], [`close`]: from settings to the caches behind the kinds
//! - [`CacheConfig`], [`Preset`], [`CacheFactory`]: the settings themselves
//! - [`Cache`]: one kind as a handle, for keys that the application chooses itself
//! - [`sites`], [`verify`]: the annotated functions of the program, and whether they fit the kinds
//! - [`KeyBuilder`]: the names of keys in a store
//! - [`call`]: control of a single call
//! - [`testing`]: for the tests of applications
//!
//! What goes wrong on the way (a Redis that is away, a kind that nobody registered) never reaches
//! the caller of an annotated function. It is logged through `tracing`, once for each change.

pub use cache_macros::cached;
pub use cache_runtime::{
    AiConfig, Cache, CacheBuilder, CacheConfig, CacheConfigBuilder, CacheError, CacheFactory,
    CacheStats, CallSite, Codec, HashAlgorithm, KeyBuilder, KeyPrivacy, ParsedKey, Preset,
    REDIS_AVAILABLE, RefusedEntries, Store, StoreError, StoreFuture, TextTier, Ttl, cache, close,
    init, kinds, register, sites, testing, unknown_kind_calls, verify,
};

/// Control of one call, by wrapping the call expression: what a cached function is asked for, and
/// what it says about its answer.
pub mod call {
    pub use cache_runtime::call::{
        Control, Origin, Outcome, bypass, carry, expire, key, max_age, outcome, peek, refresh,
        remove, sync, tenant, ttl,
    };
}

#[doc(hidden)]
pub use cache_runtime::expansion as __expansion;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
