//! Which values are kept, how long and whether in memory, which texts are the same and what they are
//! called by their length, and who waits for whom.

mod cacheable;
mod normalization;
mod promotion;
mod single_flight;
mod staleness;
mod tier;

use std::collections::HashMap;
use std::time::Duration;

use crate::call::CallSite;

pub use cacheable::Cacheable;
pub use normalization::TextNormalization;
pub use promotion::Promotion;
pub(crate) use promotion::{Promoted, Promotions};
pub(crate) use single_flight::SingleFlight;
pub(crate) use staleness::{Patience, Staleness};
pub(crate) use tier::{TextMark, characters};
pub use tier::{TextTier, TextTiers};

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

    /// This lifetime and then so much more.
    pub(crate) fn longer(self, by: Duration) -> Self {
        match self {
            Self::After(duration) => Self::After(duration.saturating_add(by)),
            Self::Never => Self::Never,
        }
    }

    pub(crate) fn min(self, other: Self) -> Self {
        match (self, other) {
            (Self::After(one), Self::After(other)) => Self::After(one.min(other)),
            (Self::Never, bounded) | (bounded, Self::Never) => bounded,
        }
    }

    /// Shorter by up to this part of it, at random, so that what was made together does not end
    /// together.
    pub(crate) fn jittered(self, jitter: f64) -> Self {
        match self {
            Self::After(duration) if jitter > 0.0 => {
                let seconds = duration.as_secs_f64() * (1.0 - jitter * fastrand::f64());
                // The longest durations are rounded to more than there is.
                let shorter = Duration::try_from_secs_f64(seconds);
                Self::After(shorter.unwrap_or(duration))
            }
            other => other,
        }
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
    /// The part of a lifetime that may be taken off it, 0 to 1.
    pub(crate) jitter: f64,
}

impl Lifetimes {
    /// The lifetimes of the operation of this function.
    pub(crate) fn of(&self, operation: &str, site: &CallSite) -> Lifetime {
        Lifetime {
            none_ttl: site.none_ttl(),
            err_ttl: site.err_ttl(),
            ..self.of_requests(operation, site.ttl())
        }
    }

    /// Those of an operation without a function, or with one whose attribute says this.
    pub(crate) fn of_requests(&self, operation: &str, attribute: Option<Duration>) -> Lifetime {
        let configured = self.operator.get(operation).copied();
        let ttl = configured
            .or(attribute)
            .or_else(|| self.built_in.get(operation).copied())
            .map_or(self.default, Ttl::After);
        Lifetime {
            is_operators: configured.is_some(),
            ..self.everywhere(ttl)
        }
    }

    /// That of the keys that the application chooses.
    pub(crate) fn of_chosen(&self) -> Lifetime {
        self.everywhere(self.default)
    }

    fn everywhere(&self, ttl: Ttl) -> Lifetime {
        Lifetime {
            ttl,
            is_operators: false,
            none_ttl: None,
            err_ttl: None,
            jitter: self.jitter,
        }
    }
}

/// The lifetimes of one operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) ttl: Ttl,
    /// Whether that is the operator's word, which comes before that of an attribute.
    is_operators: bool,
    /// Of a `None`, which is not kept without.
    pub(crate) none_ttl: Option<Duration>,
    /// Of a failure, which is not kept without.
    pub(crate) err_ttl: Option<Duration>,
    jitter: f64,
}

impl Lifetime {
    /// What one value is kept for, where the caller or the attribute said something about it.
    pub(crate) fn of_value(&self, called: Option<Ttl>, computed: Option<Ttl>) -> Ttl {
        self.jittered(called.unwrap_or_else(|| self.or_computed(computed)))
    }

    /// The same for a `None` or a failure, which lives no longer than a value would.
    pub(crate) fn of_negative(&self, called: Option<Ttl>, negative: Option<Duration>) -> Ttl {
        let negative = Ttl::After(negative.unwrap_or_default());
        self.jittered(negative.min(called.unwrap_or(self.ttl)))
    }

    pub(crate) fn jittered(&self, ttl: Ttl) -> Ttl {
        ttl.jittered(self.jitter)
    }

    fn or_computed(&self, computed: Option<Ttl>) -> Ttl {
        computed.filter(|_| !self.is_operators).unwrap_or(self.ttl)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Ttl;

    #[test]
    fn jitter_makes_lifetimes_shorter_and_the_longest_ones_are_no_exception() {
        for jitter in [f64::MIN_POSITIVE, 0.1, 1.0] {
            for duration in [Duration::ZERO, Duration::from_secs(60), Duration::MAX] {
                let jittered = Ttl::After(duration).jittered(jitter);
                assert_eq!(jittered.min(Ttl::After(duration)), jittered, "{duration:?}");
            }
            assert_eq!(Ttl::Never.jittered(jitter), Ttl::Never);
        }
    }
}
