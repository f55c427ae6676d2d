//! Ready-made configurations for common situations.

mod comparison;
mod recommendation;
mod table;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use comparison::PresetComparison;
pub use recommendation::PresetRecommendation;
use table::Row;

use super::layer::did_you_mean;
use super::{CacheConfig, ttl_table};
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

/// What a preset is for, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Little work, little memory.
    Fast,
    /// A little of everything.
    Balanced,
    /// Long lifetimes, much room.
    Robust,
    /// For answers of language models.
    AiOptimized,
}

/// What there is to know about a preset, beside its [settings](Preset::config).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresetDescription {
    /// The preset.
    pub preset: Preset,
    /// What it is for, in a word.
    pub strategy: Strategy,
    /// What it is for, in a sentence.
    pub summary: &'static str,
    /// The environments that it is made for.
    pub contexts: &'static [&'static str],
    /// The level of logs that suits it. Nothing goes by it: what is logged is the application's own
    /// decision.
    pub log_level: &'static str,
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

    /// Every preset with what it is for, from the smallest to the largest.
    pub fn list() -> impl Iterator<Item = PresetDescription> {
        Self::ALL.into_iter().map(Self::describe)
    }

    /// What this preset is for.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::Preset;
    ///
    /// let description = Preset::Minimal.describe();
    /// assert!(description.contexts.contains(&"serverless"));
    /// println!("{description}");
    /// ```
    #[must_use]
    pub fn describe(self) -> PresetDescription {
        let row = self.row();
        PresetDescription {
            preset: self,
            strategy: row.strategy,
            summary: row.summary,
            contexts: row.contexts,
            log_level: row.log_level,
        }
    }

    /// The settings of this preset. None of them names a Redis.
    #[must_use]
    pub fn config(self) -> CacheConfig {
        let row = self.row();
        let (ai, built_in_ttls) = match &row.ai {
            Some((ai, ttls)) => (Some(ai.clone()), ttl_table(ttls)),
            None => Default::default(),
        };
        let mut config = CacheConfig {
            preset: Some(self),
            environment: row.environment.to_owned(),
            default_ttl: Duration::from_secs(row.default_ttl),
            max_connections: Some(row.max_connections),
            connection_timeout: Duration::from_secs(row.connection_timeout),
            l1_cache_size: row.l1_cache_size,
            compression_threshold: row.compression_threshold,
            compression_level: row.compression_level,
            enable_monitoring: row.monitoring,
            ai,
            built_in_ttls,
            ..CacheConfig::default()
        };
        config.note_changes(&CacheConfig::default(), &format!("preset {self}"));
        config
    }

    fn row(self) -> &'static Row {
        match self {
            Self::Disabled => &table::DISABLED,
            Self::Minimal => &table::MINIMAL,
            Self::Simple => &table::SIMPLE,
            Self::Development => &table::DEVELOPMENT,
            Self::Production => &table::PRODUCTION,
            Self::AiDevelopment => &table::AI_DEVELOPMENT,
            Self::AiProduction => &table::AI_PRODUCTION,
        }
    }
}

impl Strategy {
    /// The name, as documents have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Balanced => "balanced",
            Self::Robust => "robust",
            Self::AiOptimized => "ai_optimized",
        }
    }
}

impl fmt::Display for PresetDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}. For {}",
            self.preset,
            self.strategy.name(),
            self.summary,
            self.contexts.join(", ")
        )
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
                let names = Self::ALL.map(Self::name);
                let meant = did_you_mean(name, names);
                let names = names.join(", ");
                CacheError::configuration(format!(
                    "the preset is {name:?}; expected one of {names}{meant}"
                ))
            })
    }
}
