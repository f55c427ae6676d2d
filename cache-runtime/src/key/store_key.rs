//! Names of entries in the store.
//!
//! `{prefix}op:{operation}|txt:{text or hash:…}|args:{digest}|id:{digest}` for calls that have a
//! text, `{prefix}op:{operation}|args:{digest}|id:{digest}` for the others, and `{prefix}key:{key}`
//! for keys that the application chose itself.

use std::fmt::{self, Display, Write};

use sha2::{Digest, Sha256};

use super::{Sequences, Written, arguments, encode};

/// What a function is, apart from its arguments: a digest that tells operations apart even where
/// they carry the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity([u8; 16]);

impl Identity {
    /// The identity of everything that has these parts, in this order.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let mut bytes = Vec::new();
        // Text never refuses to be serialized.
        let _ = encode(parts, Sequences::Ordered, &mut bytes);
        Self(short_digest(&bytes))
    }
}

/// 128 bits of SHA-256.
fn short_digest(bytes: &[u8]) -> [u8; 16] {
    let [half, _] = halves(Sha256::digest(bytes).into());
    half
}

fn halves(digest: [u8; 32]) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    for (half, bytes) in halves.iter_mut().zip(digest.chunks_exact(16)) {
        half.copy_from_slice(bytes);
    }
    halves
}

struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Text whose separators and invisible characters are percent-encoded, so that it cannot be taken
/// for another part of the key.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if matches!(character, '%' | '|') || character.is_control() {
                let mut utf8 = [0; 4];
                for byte in character.encode_utf8(&mut utf8).bytes() {
                    write!(f, "%{byte:02X}")?;
                }
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Makes the store's keys of one kind.
#[derive(Clone, Debug)]
pub(crate) struct StoreKeys {
    pub(crate) prefix: String,
    /// Texts of more characters than this are in the key as a digest.
    pub(crate) text_hash_threshold: usize,
}

impl StoreKeys {
    /// The key of a call, from its arguments as they were written (and not yet sealed).
    pub(crate) fn of_call(
        &self,
        operation: &str,
        identity: Identity,
        written: &[u8],
        noticed: &Written,
    ) -> String {
        let mut key = format!("{}op:{}", self.prefix, Escaped(operation));
        let mut rest = Sha256::new();
        match &noticed.text {
            Some(range) => {
                self.write_text(&mut key, &written[range.clone()]);
                rest.update(&written[super::OPERATION_BYTES..range.start]);
                rest.update(&written[range.end..]);
            }
            None => rest.update(arguments(written)),
        }
        let [rest, _] = halves(rest.finalize().into());
        // Writing into a `String` cannot fail.
        let _ = write!(key, "|args:{}|id:{}", Hex(&rest), Hex(&identity.0));
        key
    }

    fn write_text(&self, key: &mut String, text: &[u8]) {
        let threshold = self.text_hash_threshold;
        // A character takes at most four bytes: no need to count those of a long text.
        let short = std::str::from_utf8(text)
            .ok()
            .filter(|text| text.len() <= 4 * threshold && text.chars().count() <= threshold);
        let _ = match short {
            Some(text) => write!(key, "|txt:{}", Escaped(text)),
            None => write!(key, "|txt:hash:{}", Hex(&Sha256::digest(text))),
        };
    }

    /// The key of an entry whose key the application chose.
    pub(crate) fn of_chosen(&self, key: &str) -> String {
        format!("{}key:{key}", self.prefix)
    }

    /// What comes before the application's own keys.
    pub(crate) fn chosen_prefix(&self) -> String {
        self.of_chosen("")
    }
}
