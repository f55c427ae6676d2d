//! How long a value is kept and whether in memory, and how long texts are called.

mod promotion;
mod tier;

use std::collections::HashMap;
use std::time::Duration;

pub use promotion::Promotion;
pub(crate) use promotion::{Promoted, Promotions};
pub use tier::TextTier;

/// The longest lifetime that can be configured.
pub(crate) const LONGEST: Duration = Duration::from_secs(31_536_000);

/// How long one value is kept.
///
/// ```
/// # use cache_runtime as larder;
/// use std::time::Duration;
/// use larder::Ttl;
///
/// assert_eq!(Ttl::from(Duration::from_secs(60)), Ttl::After(Duration::from_secs(60)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Until this much time has passed. Zero means: not kept at all.
    After(Duration),
    /// As long as there is room in memory. A store keeps it for one year, because every key
    /// that is written to Redis expires.
    Never,
}

impl From<Duration> for Ttl {
    fn from(duration: Duration) -> Self {
        Self::After(duration)
    }
}

impl Ttl {
    /// The lifetime in a store, where everything ends.
    pub(crate) fn bounded(self) -> Duration {
        match self {
            Self::After(duration) => duration.min(LONGEST),
            Self::Never => LONGEST,
        }
    }

    pub(crate) fn is_zero(self) -> bool {
        self == Self::After(Duration::ZERO)
    }
}

/// The lifetimes of one kind, from the strongest word to the weakest.
///
/// What a call says for itself (`call::ttl`) comes before all of them and is not in here.
#[derive(Clone, Debug)]
pub(crate) struct Lifetimes {
    /// What the operator configured for an operation.
    pub(crate) operator: HashMap<String, Duration>,
    /// What the factory or the preset brings along.
    pub(crate) built_in: HashMap<String, Duration>,
    /// What holds for everything else.
    pub(crate) default: Ttl,
}

impl Lifetimes {
    /// The lifetime of an operation whose attribute says `attribute`.
    pub(crate) fn of(&self, operation: &str, attribute: Option<Duration>) -> Lifetime {
        let configured = self.operator.get(operation).copied();
        let ttl = configured
            .or(attribute)
            .or_else(|| self.built_in.get(operation).copied())
            .map_or(self.default, Ttl::After);
        Lifetime {
            ttl,
            is_operators: configured.is_some(),
        }
    }
}

/// The lifetime of one operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) ttl: Ttl,
    /// Whether it is the operator's word, which comes before that of an attribute.
    pub(crate) is_operators: bool,
}

impl Lifetime {
    /// What holds where the attribute computes a lifetime for each value.
    pub(crate) fn or_computed(self, computed: Option<Ttl>) -> Ttl {
        computed.filter(|_| !self.is_operators).unwrap_or(self.ttl)
    }
}
