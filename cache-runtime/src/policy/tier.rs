//! How long a text is, in four words, and where each of them ends.

use std::fmt;

use serde::{Serialize, Serializer};

/// The size of a text: what a language model takes for it grows with it.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::TextTier;
///
/// assert_eq!(TextTier::of(499), TextTier::Small);
/// assert_eq!(TextTier::of(500), TextTier::Medium);
/// assert_eq!(TextTier::of(50_000).to_string(), "xlarge");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TextTier {
    /// Fewer characters than the first limit (500).
    Small,
    /// Fewer characters than the second limit (5000).
    Medium,
    /// Fewer characters than the third limit (50 000).
    Large,
    /// All others.
    XLarge,
}

/// Where the tiers of texts end, in characters, not bytes. A limit is the first length that is too long
/// for its tier.
///
/// The limits are meant to rise. Where they do not, the first one that a text is shorter than counts,
/// so that the tiers after it are empty or begin later; nothing fails.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{TextTier, TextTiers};
///
/// let tiers = TextTiers::new(100, 1000, 10_000);
/// assert_eq!(tiers.of(99), TextTier::Small);
/// assert_eq!(tiers.of(100), TextTier::Medium);
/// assert_eq!(tiers.of(10_000), TextTier::XLarge);
/// assert_eq!(TextTiers::default(), TextTiers::new(500, 5000, 50_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextTiers {
    /// Texts with fewer characters are [`Small`](TextTier::Small). 500 if nothing else is said.
    pub small: usize,
    /// Other texts with fewer characters are [`Medium`](TextTier::Medium). 5000 if nothing else is said.
    pub medium: usize,
    /// Other texts with fewer characters are [`Large`](TextTier::Large), and the rest is
    /// [`XLarge`](TextTier::XLarge). 50 000 if nothing else is said.
    pub large: usize,
}

impl TextTiers {
    /// Tiers with these limits, in characters.
    #[must_use]
    pub const fn new(small: usize, medium: usize, large: usize) -> Self {
        Self {
            small,
            medium,
            large,
        }
    }

    /// The tier of a text with this many characters.
    #[must_use]
    pub fn of(&self, characters: usize) -> TextTier {
        if characters < self.small {
            TextTier::Small
        } else if characters < self.medium {
            TextTier::Medium
        } else if characters < self.large {
            TextTier::Large
        } else {
            TextTier::XLarge
        }
    }
}

impl Default for TextTiers {
    fn default() -> Self {
        Self::new(500, 5000, 50_000)
    }
}

/// As its name.
impl Serialize for TextTier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl TextTier {
    /// Every tier, from the shortest texts to the longest.
    pub const ALL: [Self; 4] = [Self::Small, Self::Medium, Self::Large, Self::XLarge];

    /// The tier of a text with this many characters, by the limits that hold where nothing else is said
    /// ([`TextTiers::default`]).
    #[must_use]
    pub fn of(characters: usize) -> Self {
        TextTiers::default().of(characters)
    }

    /// The name, as statistics have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::XLarge => "xlarge",
        }
    }
}

impl fmt::Display for TextTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many characters a text has, in UTF-8: each has one byte that is no continuation.
pub(crate) fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// The tier of the text of a call, where it has one, as a small number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextMark(u8);

impl TextMark {
    /// No text, and the tiers.
    pub(crate) const COUNT: usize = 1 + TextTier::ALL.len();

    /// Bits that one takes, and the numbers that these have.
    pub(crate) const BITS: u32 = 3;
    pub(crate) const PLACES: usize = 1 << Self::BITS;

    /// The mark in the first bits of this, where [`in_first_bits`](Self::in_first_bits) has put it.
    #[inline]
    pub(crate) fn of_first_bits(bits: u32) -> Self {
        Self((bits >> (u32::BITS - Self::BITS)) as u8)
    }

    pub(crate) fn in_first_bits(self) -> u32 {
        u32::from(self.0) << (u32::BITS - Self::BITS)
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let tiers = TextTier::ALL.into_iter().map(Some);
        std::iter::once(None).chain(tiers).map(Self::from)
    }

    /// Below [`COUNT`](Self::COUNT). Written so that the compiler sees that it is below
    /// [`PLACES`](Self::PLACES): hits in memory ask it.
    #[inline]
    pub(crate) fn place(self) -> usize {
        usize::from(self.0) % Self::PLACES
    }
}

impl From<Option<TextTier>> for TextMark {
    fn from(tier: Option<TextTier>) -> Self {
        Self(tier.map_or(0, |tier| tier as u8 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::{TextTier, TextTiers};

    #[test]
    fn a_text_as_long_as_a_limit_is_of_the_next_tier() {
        let tiers = TextTiers::new(2, 4, 8);
        let found = [0, 1, 2, 3, 4, 7, 8, usize::MAX].map(|characters| tiers.of(characters).name());
        let expected = [
            "small", "small", "medium", "medium", "large", "large", "xlarge", "xlarge",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_limit_that_a_text_is_shorter_than_counts() {
        let falling = TextTiers::new(8, 4, 10);
        assert_eq!(falling.of(3), TextTier::Small);
        assert_eq!(falling.of(7), TextTier::Small);
        assert_eq!(falling.of(8), TextTier::Large);
        let nothing = TextTiers::new(0, 0, 0);
        assert_eq!(nothing.of(0), TextTier::XLarge);
    }

    #[test]
    fn what_nobody_sets_is_as_it_always_was() {
        for characters in [0, 499, 500, 4999, 5000, 49_999, 50_000] {
            let tier = TextTiers::default().of(characters);
            assert_eq!(tier, TextTier::of(characters), "{characters}");
        }
        assert_eq!(TextTier::of(49_999), TextTier::Large);
        assert_eq!(TextTier::of(50_000), TextTier::XLarge);
    }
}
