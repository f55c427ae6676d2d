//! The settings that advice is about, as they are, and what to try in their place.

use std::collections::BTreeMap;
use std::time::Duration;

use super::recommendation::Suggestion;
use crate::config::{CacheConfig, L1_BYTES, shown_time};
use crate::policy::{LONGEST, TextTiers};

/// The most entries that the memory tier can be given.
const MOST_ENTRIES: u64 = 10_000_000;

/// The highest `compression_threshold`, and the one that is tried where it is higher.
const HIGHEST_THRESHOLD: u64 = 1_048_576;
const USUAL_THRESHOLD: u64 = 1000;

/// A level of compression goes up and down by so much, from the first to the last.
const LEVEL_STEP: u32 = 2;
const LEVELS: [u32; 2] = [1, 9];

/// Settings of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    pub(crate) enable_l1_cache: bool,
    pub(crate) l1_cache_size: u64,
    pub(crate) l1_cache_bytes: Option<u64>,
    pub(crate) compression_threshold: u64,
    pub(crate) compression_level: u32,
    pub(crate) default_ttl: Duration,
    pub(crate) text_size_tiers: TextTiers,
    /// Whether results enter memory by the length of their text.
    pub(crate) is_promoting_by_text: bool,
    /// Lifetimes of operations that the configuration names, the operator's before those that come
    /// along.
    pub(crate) operation_ttls: BTreeMap<String, Duration>,
}

impl CacheConfig {
    /// What advice is about.
    pub(crate) fn tuning(&self) -> Tuning {
        let ai = self.ai.as_ref();
        let named = self.built_in_ttls.iter().chain(&self.operation_ttls);
        Tuning {
            enable_l1_cache: self.enable_l1_cache,
            l1_cache_size: wide(self.l1_cache_size),
            l1_cache_bytes: self.l1_cache_bytes,
            compression_threshold: wide(self.compression_threshold),
            compression_level: self.compression_level,
            default_ttl: self.default_ttl,
            text_size_tiers: ai.map_or_else(TextTiers::default, |ai| ai.text_size_tiers),
            is_promoting_by_text: match &self.promotion {
                Some(policy) => policy.is_by_text(),
                None => ai.is_some_and(|ai| ai.enable_smart_promotion),
            },
            operation_ttls: named.map(|(name, ttl)| (name.clone(), *ttl)).collect(),
        }
    }
}

pub(crate) fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The lifetime of an operation, or of everything that has none of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum LifetimeOf<'a> {
    Operation(&'a str, Duration),
    Everything,
}

impl Tuning {
    /// Twice the lifetime.
    pub(super) fn longer_lifetime(&self, of: LifetimeOf<'_>) -> Suggestion {
        self.lifetime(of, |ttl| ttl.saturating_mul(2))
    }

    /// Half the lifetime.
    pub(super) fn shorter_lifetime(&self, of: LifetimeOf<'_>) -> Suggestion {
        self.lifetime(of, |ttl| ttl / 2)
    }

    /// The lifetime that it has.
    pub(super) fn same_lifetime(&self) -> Suggestion {
        self.lifetime(LifetimeOf::Everything, |ttl| ttl)
    }

    fn lifetime(&self, of: LifetimeOf<'_>, change: impl Fn(Duration) -> Duration) -> Suggestion {
        let (setting, operation, now) = match of {
            LifetimeOf::Operation(name, ttl) => ("operation_ttls", Some(name.to_owned()), ttl),
            LifetimeOf::Everything => ("default_ttl", None, self.default_ttl),
        };
        let then = change(now).clamp(Duration::from_secs(1), LONGEST);
        Suggestion {
            operation,
            // Nobody writes half a second into a file that is about hours.
            ..Suggestion::new(
                setting,
                shown_time(now),
                shown_time(Duration::from_secs(then.as_secs())),
            )
        }
    }

    /// Twice the entries, or a memory tier where there is none.
    pub(super) fn more_entries(&self) -> Suggestion {
        if !self.enable_l1_cache {
            return Suggestion::new("enable_l1_cache", "false", "true");
        }
        self.entries(self.l1_cache_size.saturating_mul(2))
    }

    /// Half the entries.
    pub(super) fn fewer_entries(&self) -> Suggestion {
        self.entries(self.l1_cache_size / 2)
    }

    /// This many.
    pub(super) fn entries(&self, then: u64) -> Suggestion {
        let then = then.clamp(1, MOST_ENTRIES);
        number("l1_cache_size", self.l1_cache_size, then)
    }

    /// This bound on the bytes in memory.
    pub(super) fn bytes(&self, then: u64) -> Suggestion {
        let then = then.clamp(*L1_BYTES.start(), *L1_BYTES.end());
        let now = self.l1_cache_bytes;
        Suggestion::new(
            "l1_cache_bytes",
            now.map_or_else(|| "-".to_owned(), |now| now.to_string()),
            then.to_string(),
        )
    }

    /// Whether something more can be done about the size of what is stored.
    pub(super) fn more_compression(&self) -> Suggestion {
        let [_, last] = LEVELS;
        if self.compression_threshold > USUAL_THRESHOLD {
            self.threshold(USUAL_THRESHOLD)
        } else if self.compression_level < last {
            self.level(self.compression_level + LEVEL_STEP)
        } else {
            self.threshold(self.compression_threshold / 2)
        }
    }

    /// Better compression, at a price in time.
    pub(super) fn harder_compression(&self) -> Suggestion {
        let [_, last] = LEVELS;
        if self.compression_level < last {
            self.level(self.compression_level + LEVEL_STEP)
        } else {
            self.rarer_compression()
        }
    }

    /// Quicker compression, at a price in size.
    pub(super) fn quicker_compression(&self) -> Suggestion {
        let [first, _] = LEVELS;
        if self.compression_level > first {
            self.level(self.compression_level.saturating_sub(LEVEL_STEP))
        } else {
            self.rarer_compression()
        }
    }

    /// Compression of larger values alone.
    pub(super) fn rarer_compression(&self) -> Suggestion {
        let doubled = self.compression_threshold.saturating_mul(2);
        self.threshold(doubled.max(USUAL_THRESHOLD))
    }

    /// The level that it has.
    pub(super) fn same_compression(&self) -> Suggestion {
        self.level(self.compression_level)
    }

    fn level(&self, then: u32) -> Suggestion {
        let [first, last] = LEVELS;
        number(
            "compression_level",
            self.compression_level.into(),
            then.clamp(first, last).into(),
        )
    }

    fn threshold(&self, then: u64) -> Suggestion {
        number(
            "compression_threshold",
            self.compression_threshold,
            then.min(HIGHEST_THRESHOLD),
        )
    }
}

fn number(setting: &'static str, current: u64, value: u64) -> Suggestion {
    Suggestion::new(setting, current.to_string(), value.to_string())
}
