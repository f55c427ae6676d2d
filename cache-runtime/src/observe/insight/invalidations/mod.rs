//! What was invalidated in the last hour.
//!
//! What a pattern, a tag or a tenant says may name people: of all that, only the names of operations that are
//! known anyway are kept, and the shapes of patterns.

mod noted;
mod shape;

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;

use super::Level;
use super::figures::written_moment;
pub(crate) use noted::{Invalidated, Invalidations, NoteOf};

/// From so many in an hour on they are a warning, and critical (MON-2).
pub(super) const PER_HOUR: [u64; 2] = [50, 100];

/// What was to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InvalidationTarget {
    /// Everything of the kind.
    Kind,
    /// Everything of an operation.
    Operation,
    /// The application's own keys that match a pattern.
    Matching,
    /// Everything of a tenant.
    Tenant,
    /// Everything with a tag.
    Tag,
}

impl InvalidationTarget {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Kind,
        Self::Operation,
        Self::Matching,
        Self::Tenant,
        Self::Tag,
    ];

    /// The name, as it is displayed and serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Operation => "operation",
            Self::Matching => "matching",
            Self::Tenant => "tenant",
            Self::Tag => "tag",
        }
    }

    /// Whether it takes much that may still be right. Forgetting a tenant or a tag is what an application
    /// does all day.
    pub(super) fn is_broad(self) -> bool {
        self <= Self::Matching
    }
}

impl fmt::Display for InvalidationTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What was invalidated in the last hour: the latest thousand of each
/// [target](InvalidationTarget). Single keys are not counted here.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InvalidationStatistics {
    /// When this was so.
    #[serde(serialize_with = "written_moment")]
    pub at: SystemTime,
    /// Invalidations of a whole kind, of an operation, and of keys by a pattern.
    pub last_hour: u64,
    /// What that is for an hour: a warning from 50 on, critical from 100 on.
    pub rate: Level,
    /// Those beside that were about a single tenant or tag.
    pub of_tenants_and_tags: u64,
    /// Of `last_hour`, those whose keys were counted:
    /// [`remove_matching`](crate::Cache::remove_matching) and
    /// [`remove_operation_counted`](crate::Cache::remove_operation_counted).
    pub counted: u64,
    /// The keys that these removed.
    pub removed_keys: u64,
    /// The same on average; `None` where none was counted.
    pub average_removed_keys: Option<f64>,
    /// The same by what was asked for, the most frequent first.
    pub patterns: Vec<InvalidatedPattern>,
}

/// Something that was invalidated in the last hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InvalidatedPattern {
    /// What was to be forgotten.
    pub target: InvalidationTarget,
    /// The name of an operation that the kind knows, or the shape of a pattern, as `…*` is that of
    /// `user:7:*`; empty for what has neither.
    pub pattern: String,
    /// So often.
    pub count: u64,
    /// The keys that were removed, where they were counted.
    pub removed_keys: Option<u64>,
}
