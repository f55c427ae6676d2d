//! Four settings at once, for what an application is short of; and the settings of environments.

use std::time::Duration;

use super::{AiConfig, CacheConfig, CacheConfigBuilder};
use crate::error::CacheError;

/// Four settings at once, for what an application is short of.
///
/// | profile | entries in memory | compression above | level | lifetime |
/// |---|--:|--:|--:|--:|
/// | `MemoryConstrained` | 25 | 500 bytes | 8 | 15 min |
/// | `LatencyCritical` | 500 | 5000 bytes | 3 | 1 h |
/// | `StorageOptimized` | 100 | 1000 bytes | 9 | 2 h |
/// | `Balanced` | 200 | 2000 bytes | 6 | 30 min |
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{CacheConfig, Profile};
///
/// let config = CacheConfig::builder().profile(Profile::LatencyCritical).build()?;
/// assert_eq!((config.l1_cache_size, config.compression_level), (500, 3));
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// Little memory.
    MemoryConstrained,
    /// Little time.
    LatencyCritical,
    /// Little room in the store.
    StorageOptimized,
    /// A little of everything.
    Balanced,
}

impl Profile {
    pub(super) fn apply(self, config: &mut CacheConfig) {
        let (entries, threshold, level, ttl) = match self {
            Self::MemoryConstrained => (25, 500, 8, 900),
            Self::LatencyCritical => (500, 5000, 3, 3600),
            Self::StorageOptimized => (100, 1000, 9, 7200),
            Self::Balanced => (200, 2000, 6, 1800),
        };
        config.l1_cache_size = entries;
        config.compression_threshold = threshold;
        config.compression_level = level;
        config.default_ttl = Duration::from_secs(ttl);
    }
}

/// Settings of an environment: lifetime in seconds, entries in memory, compression threshold and level.
type Row = (u64, usize, usize, u32);

impl CacheConfig {
    /// A builder that starts from the settings of an environment. They are not those of the preset of
    /// the same name.
    ///
    /// | environment | lifetime | entries in memory | compression above | level |
    /// |---|--:|--:|--:|--:|
    /// | `development` | 30 min | 50 | 2000 bytes | 4 |
    /// | `testing` | 60 s | 25 | 1000 bytes | 1 |
    /// | `staging` | 30 min | 100 | 1000 bytes | 6 |
    /// | `production` | 2 h | 200 | 1000 bytes | 6 |
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for another name.
    pub fn for_environment(name: &str) -> Result<CacheConfigBuilder, CacheError> {
        let row = match name {
            "development" => (1800, 50, 2000, 4),
            "testing" => (60, 25, 1000, 1),
            "staging" => (1800, 100, 1000, 6),
            "production" => (7200, 200, 1000, 6),
            _ => return Err(unknown(name, "development, testing, staging or production")),
        };
        Ok(Self::of_environment(name, row).into())
    }

    /// The same for caches of responses of language models.
    ///
    /// | environment | lifetime | entries in memory | compression above | level | texts hashed above |
    /// |---|--:|--:|--:|--:|--:|
    /// | `development` | 30 min | 50 | 2000 bytes | 3 | 2000 characters |
    /// | `testing` | 5 min, also of all usual operations | 10 | 5000 bytes | 1 | 5000 characters |
    /// | `production` | 2 h | 200 | 500 bytes | 7 | 500 characters |
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for another name.
    pub fn for_ai_environment(name: &str) -> Result<CacheConfigBuilder, CacheError> {
        let (row, text_hash_threshold) = match name {
            "development" => ((1800, 50, 2000, 3), 2000),
            "testing" => ((300, 10, 5000, 1), 5000),
            "production" => ((7200, 200, 500, 7), 500),
            _ => return Err(unknown(name, "development, testing or production")),
        };
        let mut config = Self::of_environment(name, row);
        *config.ai_settings() = AiConfig {
            text_hash_threshold,
            ..AiConfig::default()
        };
        if name == "testing" {
            let ttl = config.default_ttl;
            config.built_in_ttls.values_mut().for_each(|it| *it = ttl);
        }
        Ok(config.into())
    }

    fn of_environment(name: &str, (ttl, entries, threshold, level): Row) -> Self {
        Self {
            environment: name.to_owned(),
            default_ttl: Duration::from_secs(ttl),
            l1_cache_size: entries,
            compression_threshold: threshold,
            compression_level: level,
            ..Self::default()
        }
    }
}

fn unknown(name: &str, expected: &str) -> CacheError {
    CacheError::configuration(format!("the environment is {name:?}; expected {expected}"))
}
