//! What could be better about a cache, as its numbers show it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

/// How much a recommendation promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// The cache is of little use as it is, or takes from the machine what others need.
    High,
    /// Something is to be gained.
    Medium,
    /// All is well, or little is to be gained.
    Low,
}

impl Priority {
    /// The word for it, as it is displayed and serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a [`Recommendation`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Advice {
    /// Fewer than 30 % of the requests are hits.
    LowHitRate,
    /// 30 % of the requests and more are hits, but fewer than 70 %.
    ModestHitRate,
    /// More than 90 % of the requests are hits.
    ExcellentHitRate,
    /// More than 70 % of the texts are small, and memory has no room to spare.
    ManySmallTexts,
    /// Fewer than 20 % of the texts are small.
    FewSmallTexts,
    /// An operation has a mean time under 100 ms and a lifetime under two hours.
    ShortLifetime,
    /// More than 90 % of the memory tier is used, which is no [much memory](Self::LargeMemory).
    FullMemory,
    /// Less than 30 % of the memory tier is used.
    EmptyMemory,
    /// The memory tier has more than 100 MB.
    LargeMemory,
    /// Entries have more than 10 000 bytes on average.
    LargeEntries,
    /// More than 80 % is left of what was compressed.
    PoorCompression,
    /// Compressing takes more than 10 ms on average.
    SlowCompression,
    /// Compression has saved more than 100 MB.
    ExcellentCompression,
    /// 50 invalidations in an hour, or more.
    FrequentInvalidation,
    /// One pattern makes more than half of the invalidations.
    DominantInvalidation,
    /// Invalidations remove less than one key on average.
    VainInvalidation,
    /// Invalidations remove more than 100 keys on average.
    BroadInvalidation,
}

/// A setting, and the value to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Suggestion {
    /// The [name of the setting](crate::Setting::name).
    pub setting: &'static str,
    /// The operation whose entry is meant, where the setting is a table.
    pub operation: Option<String>,
    /// What it is now; `-` where it is not set. The same as `value` where all is well as it is.
    #[serde(serialize_with = "as_in_a_file")]
    pub current: String,
    /// What to try, as files have it: a number, a switch, or a time such as `2h`.
    #[serde(serialize_with = "as_in_a_file")]
    pub value: String,
}

impl Suggestion {
    pub(super) fn new(
        setting: &'static str,
        current: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            setting,
            operation: None,
            current: current.into(),
            value: value.into(),
        }
    }
}

/// Numbers and switches without quotes.
fn as_in_a_file<S: Serializer>(value: &str, serializer: S) -> Result<S::Ok, S::Error> {
    if let Ok(number) = value.parse::<u64>() {
        serializer.serialize_u64(number)
    } else if let Ok(on) = value.parse::<bool>() {
        serializer.serialize_bool(on)
    } else {
        serializer.serialize_str(value)
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.setting)?;
        if let Some(operation) = &self.operation {
            write!(f, " of {operation:?}")?;
        }
        write!(f, " = {}", self.value)
    }
}

/// What could be better about a cache, or is as good as it gets. Nothing of keys, arguments and values is
/// in here.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Recommendation {
    /// What it is about.
    #[serde(rename = "type")]
    pub advice: Advice,
    /// How much it promises.
    pub priority: Priority,
    /// A few words.
    pub title: &'static str,
    /// What was found.
    pub description: String,
    /// What to do.
    pub action: String,
    /// What is to be expected of it.
    pub estimated_impact: &'static str,
    /// The numbers behind it, by name.
    pub metrics: BTreeMap<&'static str, f64>,
    /// The setting that is behind it, and the value to try.
    pub suggestion: Suggestion,
}

impl fmt::Display for Recommendation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            priority,
            description,
            action,
            suggestion,
            ..
        } = self;
        write!(f, "{priority}: {description}; {action} ({suggestion})")
    }
}
