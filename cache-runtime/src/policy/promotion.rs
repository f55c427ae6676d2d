//! Which results enter memory, where a store has them as well.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use quick_cache::DefaultHashBuilder;

use super::TextTier;

/// Which results enter the memory of a kind that has a store too: those that were just computed, and
/// those that were found in the store.
///
/// A call has a text where its attribute says so (`text = …`, or by the kind `ai`). Results of calls
/// without one, keys of the application's own, and what no store has always enter memory.
///
/// A result that does not enter memory is served from the store as soon as that has it: a call that
/// comes before, within the milliseconds that the write takes, computes anew.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{CacheConfig, Promotion, TextTier};
///
/// let by_text = Promotion::by_text().operation("translate", TextTier::Large);
/// let config = CacheConfig::builder().ai().promotion(by_text).build()?;
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promotion {
    /// The largest texts of an operation whose results enter memory. `None`: all results do.
    up_to: Option<BTreeMap<String, TextTier>>,
}

/// What enters memory at once: the results for small texts, and those of operations whose answers
/// hardly change.
const STABLE: [(&str, TextTier); 4] = [
    ("summarize", TextTier::Medium),
    ("sentiment", TextTier::Large),
    ("key_points", TextTier::Medium),
    ("classify", TextTier::Medium),
];

/// So often a result for a medium text is found in the store before it enters memory.
const FREQUENT: u8 = 10;

/// Results that are counted apart. Two that meet are counted together, and enter memory earlier.
const COUNTED: usize = 4096;

impl Promotion {
    /// All results enter memory. The default.
    #[must_use]
    pub fn always() -> Self {
        Self::default()
    }

    /// By the [tier](crate::TextTiers) of the text and the operation:
    ///
    /// | text | enters memory |
    /// |---|---|
    /// | small | always |
    /// | medium | of `summarize`, `sentiment`, `key_points` and `classify`; of others, what was found in the store ten times |
    /// | large | of `sentiment` |
    /// | xlarge | never |
    #[must_use]
    pub fn by_text() -> Self {
        let stable = STABLE.map(|(operation, tier)| (operation.to_owned(), tier));
        Self {
            up_to: Some(stable.into()),
        }
    }

    /// By text, where the results of this operation enter memory for texts up to this long.
    #[must_use]
    pub fn operation(mut self, operation: &str, longest: TextTier) -> Self {
        let up_to = self.up_to.get_or_insert_default();
        up_to.insert(operation.to_owned(), longest);
        self
    }

    /// Whether the length of a text matters.
    pub(crate) fn is_by_text(&self) -> bool {
        self.up_to.is_some()
    }

    fn of(&self, operation: &str, tier: Option<TextTier>) -> Promoted {
        let Some((up_to, tier)) = self.up_to.as_ref().zip(tier) else {
            return Promoted::Always;
        };
        let longest = up_to.get(operation).copied().unwrap_or(TextTier::Small);
        if tier <= longest {
            Promoted::Always
        } else if tier == TextTier::Medium {
            Promoted::WhenFrequent
        } else {
            Promoted::Never
        }
    }
}

/// Whether the result of one call enters memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promoted {
    Always,
    /// When it has been found in the store often enough.
    WhenFrequent,
    Never,
}

/// The promotions of one kind.
pub(crate) struct Promotions {
    policy: Promotion,
    hasher: DefaultHashBuilder,
    found: Box<[AtomicU8]>,
    withheld: AtomicU64,
}

impl Promotions {
    pub(crate) fn new(policy: Promotion) -> Self {
        let counted = if policy.up_to.is_some() { COUNTED } else { 0 };
        Self {
            policy,
            hasher: DefaultHashBuilder::default(),
            found: std::iter::repeat_with(AtomicU8::default)
                .take(counted)
                .collect(),
            withheld: AtomicU64::new(0),
        }
    }

    pub(crate) fn of(&self, operation: &str, tier: Option<TextTier>) -> Promoted {
        self.policy.of(operation, tier)
    }

    /// Whether a result enters memory that the store is given just now.
    pub(crate) fn of_computed(&self, promoted: Promoted) -> bool {
        self.note(promoted == Promoted::Always)
    }

    /// Whether a result enters memory that was found in the store.
    pub(crate) fn of_found(&self, promoted: Promoted, key: &[u8]) -> bool {
        self.note(match promoted {
            Promoted::Always => true,
            Promoted::Never => false,
            Promoted::WhenFrequent => self.is_frequent(key),
        })
    }

    /// How many did not enter memory.
    pub(crate) fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::Relaxed)
    }

    fn note(&self, enters: bool) -> bool {
        self.withheld
            .fetch_add(u64::from(!enters), Ordering::Relaxed);
        enters
    }

    fn is_frequent(&self, key: &[u8]) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "any part of a hash is one")]
        let place = self.hasher.hash_one(key) as usize % COUNTED;
        let Some(found) = self.found.get(place) else {
            return true;
        };
        let is_frequent = found.fetch_add(1, Ordering::Relaxed) + 1 >= FREQUENT;
        if is_frequent {
            // The next one that meets it begins anew.
            found.store(0, Ordering::Relaxed);
        }
        is_frequent
    }
}

#[cfg(test)]
mod tests {
    use super::{Promoted, Promotion, Promotions, TextTier};

    #[test]
    fn what_enters_memory_goes_by_the_tier_of_the_text() {
        let promotions = Promotions::new(Promotion::by_text());
        let (always, never) = (Promoted::Always, Promoted::Never);
        for (operation, expected) in [
            ("summarize", [always, always, never, never]),
            ("sentiment", [always, always, always, never]),
            ("qa", [always, Promoted::WhenFrequent, never, never]),
        ] {
            let found = TextTier::ALL.map(|tier| promotions.of(operation, Some(tier)));
            assert_eq!(found, expected, "{operation}");
        }
        assert_eq!(promotions.of("qa", None), always);
    }
}
