//! Ready-made configurations for common situations.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{AiConfig, CacheConfig, ttl_table};
use crate::error::CacheError;

/// A ready-made configuration, named by `CACHE_PRESET`.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::Preset;
///
/// let preset: Preset = "ai-production".parse()?;
/// assert_eq!(preset.config().l1_cache_size, 1000);
///
/// let unknown = "prodution".parse::<Preset>().unwrap_err().to_string();
/// assert!(unknown.contains("expected one of disabled, minimal, simple, development"));
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// A handful of entries in memory; never Redis.
    Disabled,
    /// For containers and devices with little memory.
    Minimal,
    /// For one server without special wishes.
    Simple,
    /// Short lifetimes, little compression.
    #[default]
    Development,
    /// Long lifetimes, much compression.
    Production,
    /// [`Development`](Self::Development) for language models.
    AiDevelopment,
    /// [`Production`](Self::Production) for language models.
    AiProduction,
}

struct Row {
    default_ttl: u64,
    l1_cache_size: usize,
    compression_threshold: usize,
    compression_level: u32,
    ai: Option<(AiConfig, &'static [(&'static str, u64)])>,
}

impl Preset {
    /// Every preset, from the smallest to the largest.
    pub const ALL: [Self; 7] = [
        Self::Disabled,
        Self::Minimal,
        Self::Simple,
        Self::Development,
        Self::Production,
        Self::AiDevelopment,
        Self::AiProduction,
    ];

    /// The name, as `CACHE_PRESET` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Minimal => "minimal",
            Self::Simple => "simple",
            Self::Development => "development",
            Self::Production => "production",
            Self::AiDevelopment => "ai-development",
            Self::AiProduction => "ai-production",
        }
    }

    /// The settings of this preset. None of them names a Redis.
    #[must_use]
    pub fn config(self) -> CacheConfig {
        let row = self.row();
        let (ai, built_in_ttls) = match row.ai {
            Some((ai, ttls)) => (Some(ai), ttl_table(ttls)),
            None => Default::default(),
        };
        CacheConfig {
            default_ttl: Duration::from_secs(row.default_ttl),
            l1_cache_size: row.l1_cache_size,
            compression_threshold: row.compression_threshold,
            compression_level: row.compression_level,
            ai,
            built_in_ttls,
            ..CacheConfig::default()
        }
    }

    fn row(self) -> Row {
        let generic = |default_ttl, l1_cache_size, compression_threshold, compression_level| Row {
            default_ttl,
            l1_cache_size,
            compression_threshold,
            compression_level,
            ai: None,
        };
        match self {
            Self::Disabled => generic(300, 10, 10_000, 1),
            Self::Minimal => generic(900, 25, 5000, 1),
            Self::Simple => generic(3600, 100, 1000, 6),
            Self::Development => generic(600, 50, 2000, 3),
            Self::Production => generic(7200, 500, 500, 9),
            Self::AiDevelopment => Row {
                ai: Some((
                    AiConfig {
                        text_hash_threshold: 500,
                        max_text_length: 50_000,
                    },
                    &[
                        ("summarize", 1800),
                        ("sentiment", 900),
                        ("key_points", 1200),
                        ("questions", 1500),
                        ("qa", 900),
                    ],
                )),
                ..generic(1800, 100, 1000, 6)
            },
            Self::AiProduction => Row {
                ai: Some((
                    AiConfig {
                        text_hash_threshold: 1000,
                        max_text_length: 200_000,
                    },
                    &[
                        ("summarize", 14_400),
                        ("sentiment", 7200),
                        ("key_points", 10_800),
                        ("questions", 9600),
                        ("qa", 7200),
                    ],
                )),
                ..generic(14_400, 1000, 300, 9)
            },
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Preset {
    type Err = CacheError;

    fn from_str(name: &str) -> Result<Self, CacheError> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| {
                CacheError::configuration(format!(
                    "the preset is {name:?}; expected one of {}",
                    Self::ALL.map(Self::name).join(", ")
                ))
            })
    }
}
