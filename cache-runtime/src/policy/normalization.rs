//! Which texts count as the same.

use std::borrow::Cow;

use serde::Serialize;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Which texts count as the same in keys. What a function itself gets is the text as it was written.
///
/// The policy is a part of the key, so that two programs with different policies never take each
/// other's answers. Capitals and blanks inside of a text count with each of them.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::TextNormalization;
///
/// assert_eq!(TextNormalization::None.normalized(" ok\n"), " ok\n");
/// assert_eq!(TextNormalization::Trim.normalized(" ok\n"), "ok");
/// // An `e` and an accent of its own are the letter that has it.
/// assert_eq!(TextNormalization::Unicode.normalized("cafe\u{301}"), "caf\u{e9}");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextNormalization {
    /// Each byte counts.
    #[default]
    None,
    /// Without the white space at both ends, as [`str::trim`] finds it.
    Trim,
    /// In the Unicode normal form C: a letter with an accent is the same as that letter and then
    /// the accent. White space counts. A text that has this form already, as nearly all have, is
    /// looked through once and not copied.
    Unicode,
}

impl TextNormalization {
    /// What of a text is in the key.
    #[must_use]
    pub fn normalized(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::None => Cow::Borrowed(text),
            Self::Trim => Cow::Borrowed(text.trim()),
            Self::Unicode if text.is_ascii() || is_nfc(text) => Cow::Borrowed(text),
            Self::Unicode => Cow::Owned(text.nfc().collect()),
        }
    }

    /// Whether each text is another one.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::None
    }
}
