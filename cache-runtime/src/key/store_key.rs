//! Names of entries in the store.
//!
//! `{prefix}op:{operation}|txt:{text or hash:…}|args:{digest}|id:{digest}` for calls that have a
//! text, `{prefix}op:{operation}|args:{digest}|id:{digest}` for the others, and `{prefix}key:{key}`
//! for keys that the application chose itself.

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

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    text.reserve(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 0xF)]);
    }
}

/// Adds text with its separators and invisible characters percent-encoded, so that it cannot be
/// taken for another part of the key.
fn push_escaped(key: &mut String, text: &str) {
    let special = |character: char| matches!(character, '%' | '|') || character.is_control();
    let mut rest = text;
    while let Some(at) = rest.find(special) {
        let (plain, from_special) = rest.split_at(at);
        key.push_str(plain);
        let mut after = from_special.chars();
        after.next();
        rest = after.as_str();
        for byte in from_special[..from_special.len() - rest.len()].bytes() {
            key.push('%');
            push_hex(key, &[byte]);
        }
    }
    key.push_str(rest);
}

/// Makes the store's keys of one kind.
#[derive(Clone, Debug)]
pub(crate) struct StoreKeys {
    pub(crate) prefix: String,
    /// Texts of more characters than this are in the key as a digest.
    pub(crate) text_hash_threshold: usize,
}

/// What all keys of one operation have in common, made once.
#[derive(Clone, Debug)]
pub(crate) struct OperationKeys {
    beginning: String,
    end: String,
    text_hash_threshold: usize,
}

impl StoreKeys {
    pub(crate) fn of_operation(&self, operation: &str, identity: Identity) -> OperationKeys {
        let mut end = "|id:".to_owned();
        push_hex(&mut end, &identity.0);
        let mut beginning = format!("{}op:", self.prefix);
        push_escaped(&mut beginning, operation);
        OperationKeys {
            beginning,
            end,
            text_hash_threshold: self.text_hash_threshold,
        }
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

impl OperationKeys {
    /// The key of a call, from its arguments as they were written.
    pub(crate) fn of_call(&self, written: &[u8], noticed: &Written) -> String {
        let text = noticed.text.as_ref().map(|range| &written[range.clone()]);
        let most = 2
            * (text
                .map_or(0, <[u8]>::len)
                .min(4 * self.text_hash_threshold)
                + 64);
        let mut key = String::with_capacity(self.beginning.len() + self.end.len() + most);
        key.push_str(&self.beginning);
        let mut rest = Sha256::new();
        match (text, &noticed.text) {
            (Some(text), Some(range)) => {
                self.push_text(&mut key, text);
                rest.update(&written[super::OPERATION_BYTES..range.start]);
                rest.update(&written[range.end..]);
            }
            _ => rest.update(arguments(written)),
        }
        let [rest, _] = halves(rest.finalize().into());
        key.push_str("|args:");
        push_hex(&mut key, &rest);
        key.push_str(&self.end);
        key
    }

    fn push_text(&self, key: &mut String, text: &[u8]) {
        let threshold = self.text_hash_threshold;
        // A character takes at most four bytes: no need to count those of a long text.
        let short = std::str::from_utf8(text)
            .ok()
            .filter(|text| text.len() <= 4 * threshold && text.chars().count() <= threshold);
        if let Some(text) = short {
            key.push_str("|txt:");
            push_escaped(key, text);
        } else {
            key.push_str("|txt:hash:");
            push_hex(key, &Sha256::digest(text));
        }
    }
}
