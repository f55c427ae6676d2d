//! What the name of a key in the store says to somebody who finds it there.

use crate::policy::{TextTier, TextTiers};

/// What can be read in the name of a key, for statistics and for people. Made by
/// [`CacheConfig::parse_key`](crate::CacheConfig::parse_key).
///
/// Everything is unknown (`None`) of a key that is not that of a call: one that the application
/// chose itself, one of another prefix, one that is damaged, or no text at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParsedKey {
    /// The operation, as it was written.
    pub operation: Option<String>,
    /// The tier of the text. Unknown of a text that is hashed, and where there is none.
    pub text_tier: Option<TextTier>,
}

impl ParsedKey {
    /// `prefix` comes before the keys of the kind, and `tiers` are those of its texts.
    pub(crate) fn of(prefix: &str, key: &[u8], tiers: TextTiers) -> Self {
        let parts = || {
            let key = std::str::from_utf8(key).ok()?;
            let (rest, id) = key.strip_prefix(prefix)?.rsplit_once("|id:")?;
            let is_whole = id.len() == 32 && is_hex(id);
            let mut parts = rest.split('|');
            let operation = unescaped(parts.next()?.strip_prefix("op:")?)?;
            let text = parts.next().and_then(|part| part.strip_prefix("txt:"));
            is_whole.then_some((operation, text))
        };
        let Some((operation, text)) = parts() else {
            return Self::default();
        };
        let text = text
            .filter(|text| !text.starts_with(super::store_key::HASHED))
            .and_then(unescaped);
        Self {
            operation: Some(operation),
            text_tier: text.map(|text| tiers.of(text.chars().count())),
        }
    }
}

/// Digits as they are written here: in lower case.
fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The text whose special characters were percent-encoded, unless the encoding is damaged.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (encoded, plain) = part.split_at_checked(2)?;
        let byte = u8::from_str_radix(encoded, 16).ok();
        bytes.push(byte.filter(|_| is_hex(encoded))?);
        bytes.extend_from_slice(plain.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{ParsedKey, TextTier, TextTiers};

    #[test]
    fn the_tier_of_a_text_is_that_of_its_kind() {
        let tier_of = |text: &str| {
            let key = format!("web:op:qa|txt:{text}|id:{}", "0a".repeat(16));
            ParsedKey::of("web:", key.as_bytes(), TextTiers::new(2, 4, 8)).text_tier
        };
        assert_eq!(tier_of("a"), Some(TextTier::Small));
        // What is escaped is one character.
        assert_eq!(tier_of("%7c"), Some(TextTier::Small));
        assert_eq!(tier_of("a%7c"), Some(TextTier::Medium));
        assert_eq!(tier_of("abcdefgh"), Some(TextTier::XLarge));
    }
}
