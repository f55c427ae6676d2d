//! Whether the caches work, for operators: what is there, what is away, and what that means.
//!
//! - [`parts`]: a look at one kind, which costs one PING
//! - [`trial`]: everything that a kind does, tried
//! - [`registered`]: all kinds of the process
//! - [`watch`]: a look every now and then

mod parts;
mod registered;
mod trial;
mod watch;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use registered::{health, liveness};
pub use watch::{HealthWatch, watch_health};

/// How well something works; the worse, the greater.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::HealthStatus::{Degraded, Healthy, Unhealthy};
///
/// assert!(Healthy < Degraded && Degraded < Unhealthy);
/// assert_eq!(Degraded.to_string(), "degraded");
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// As it was configured.
    #[default]
    Healthy,
    /// Calls are answered as ever, and more of them are computed than would have to be.
    Degraded,
    /// Nothing can be cached, or not in the way that the application demands.
    Unhealthy,
}

impl HealthStatus {
    /// The word for it, as it is displayed and serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// Of several, the worst counts; of none, all is well.
    fn worst(of: impl IntoIterator<Item = Self>) -> Self {
        of.into_iter().max().unwrap_or_default()
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One part of a kind of cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartHealth {
    /// Such as `store`: [`Cache::health`](crate::Cache::health) and
    /// [`Cache::health_full`](crate::Cache::health_full) list them.
    pub part: &'static str,
    /// How well it works.
    pub status: HealthStatus,
    /// A sentence: what was found, what that means, and what to do where there is something to do.
    /// Without keys, values, arguments and secrets; it may name addresses, files and users of the store,
    /// and is for operators.
    pub reason: String,
}

impl PartHealth {
    fn healthy(part: &'static str, reason: impl Into<String>) -> Self {
        Self::new(part, HealthStatus::Healthy, reason)
    }

    fn degraded(part: &'static str, reason: impl Into<String>) -> Self {
        Self::new(part, HealthStatus::Degraded, reason)
    }

    fn unhealthy(part: &'static str, reason: impl Into<String>) -> Self {
        Self::new(part, HealthStatus::Unhealthy, reason)
    }

    fn new(part: &'static str, status: HealthStatus, reason: impl Into<String>) -> Self {
        Self {
            part,
            status,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for PartHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}: {}", self.part, self.status, self.reason)
    }
}

/// One kind of cache. Displayed, it is a line, and one more for each part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KindHealth {
    /// Its name.
    pub kind: String,
    /// That of the part that is worst off.
    pub status: HealthStatus,
    /// What it consists of, or what was tried of it.
    pub parts: Vec<PartHealth>,
}

impl KindHealth {
    fn of(kind: &str, parts: Vec<PartHealth>) -> Self {
        Self {
            kind: kind.to_owned(),
            status: HealthStatus::worst(parts.iter().map(|part| part.status)),
            parts,
        }
    }

    /// The part with this name, where there is one.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&PartHealth> {
        self.parts.iter().find(|part| part.part == name)
    }
}

impl fmt::Display for KindHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kind {} is {}", self.kind, self.status)?;
        self.parts
            .iter()
            .try_for_each(|part| write!(f, "\n  {part}"))
    }
}

/// All kinds of a process. Displayed, it is a line, and those of the kinds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// That of the kind that is worst off; healthy where there is none.
    pub status: HealthStatus,
    /// The process that this is about, as the operating system numbers it: each has a memory tier and
    /// a connection of its own.
    pub process: u32,
    /// What it is called (`worker_id`), if anything.
    pub worker: Option<String>,
    /// Each kind, in the order of their names.
    pub kinds: Vec<KindHealth>,
}

impl Health {
    fn of(worker: Option<String>, kinds: Vec<KindHealth>) -> Self {
        Self {
            status: HealthStatus::worst(kinds.iter().map(|kind| kind.status)),
            process: std::process::id(),
            worker,
            kinds,
        }
    }

    /// The kind with this name, where there is one.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&KindHealth> {
        self.kinds.iter().find(|kind| kind.kind == name)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.worker {
            Some(worker) => write!(f, "worker {worker} is {}", self.status)?,
            None => write!(f, "process {} is {}", self.process, self.status)?,
        }
        if self.kinds.is_empty() {
            write!(f, ": no kind of cache is registered")?;
        }
        self.kinds.iter().try_for_each(|kind| write!(f, "\n{kind}"))
    }
}
