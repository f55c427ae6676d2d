//! What is told.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;

use crate::observe::insight::figures::written_moment;

/// How bad it is; the worse, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AlertLevel {
    /// Worth a look in working hours.
    Warning,
    /// Something does not work.
    Error,
    /// The cache is of little use, or something has not worked for a while.
    Critical,
}

impl AlertLevel {
    /// The word for it, as it is displayed and serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for AlertLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What an [`Alert`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertSubject {
    /// Hits among hits and misses, 0 to 1.
    HitRatio,
    /// What a hit takes, in milliseconds.
    OperationTime,
    /// Calls that the store did not answer among those that asked it, 0 to 1.
    ErrorRate,
    /// What is in memory, in megabytes.
    Memory,
    /// Whether everything is there that the kind consists of.
    Health,
}

impl AlertSubject {
    /// The name, as it is displayed and serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HitRatio => "hit_ratio",
            Self::OperationTime => "operation_time",
            Self::ErrorRate => "error_rate",
            Self::Memory => "memory",
            Self::Health => "health",
        }
    }
}

impl fmt::Display for AlertSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Something about a cache is not what it should be. Nothing of keys, arguments and values is in here.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Alert {
    /// When this was found.
    #[serde(serialize_with = "written_moment")]
    pub timestamp: SystemTime,
    /// How bad it is.
    pub level: AlertLevel,
    /// Always `cache_infrastructure`.
    pub service: &'static str,
    /// The name of the cache.
    pub kind: String,
    /// What it is about.
    pub subject: AlertSubject,
    /// A sentence, for operators: it may name the address of a store.
    pub message: String,
    /// The number that was found, where it is one.
    pub value: Option<f64>,
    /// The threshold that it is beyond.
    pub threshold: Option<f64>,
}

impl Alert {
    /// What [`service`](Self::service) says.
    pub const SERVICE: &'static str = "cache_infrastructure";
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: kind {}: {}", self.level, self.kind, self.message)
    }
}
