//! How long a text is, in four words.

use std::fmt;

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
    /// Fewer than 500 characters.
    Small,
    /// Fewer than 5000 characters.
    Medium,
    /// Fewer than 50 000 characters.
    Large,
    /// All others.
    XLarge,
}

impl TextTier {
    /// The tier of a text with this many characters.
    #[must_use]
    pub fn of(characters: usize) -> Self {
        match characters {
            0..500 => Self::Small,
            500..5000 => Self::Medium,
            5000..50_000 => Self::Large,
            _ => Self::XLarge,
        }
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
