//! Names of entries in the store.
//!
//! | entry | name |
//! |---|---|
//! | call, kind `ai` | `{prefix}op:{operation}\|txt:{text}\|opts:{digest}\|q:{digest}\|id:{digest}`, without the parts that the call does not have |
//! | call, other kinds | `{prefix}op:{operation}\|txt:{text}\|args:{digest}\|id:{digest}`, without `txt` where there is no text |
//! | the application's own key | `{prefix}key:{key}` |
//! | the same, hashed | `{prefix}keyhash:{digest}` |
//! | either of a tenant | `{prefix}tenant:{digest}\|key:{key}`, `{prefix}tenant:{digest}\|keyhash:{digest}` |
//!
//! and of the numbers that tell what was invalidated:
//!
//! | generation of | name |
//! |---|---|
//! | the kind | `{prefix}gen:kind` |
//! | an operation | `{prefix}gen:op:{operation}` |
//! | a tenant | `{prefix}gen:tenant:{digest}` |
//! | a tag | `{prefix}gen:tag:{digest}` |
//!
//! A health check tries the store under `{prefix}health:{number}`.
//!
//! A tenant of a call is a part of the digest after `id:`.
//!
//! `txt` is the text itself while it is short, and `hash:{digest}` otherwise. Digests of texts and
//! of the application's own keys are whole, the others are cut to 128 bits.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use sha2::{Digest, Sha256};
use twox_hash::XxHash3_64;

use super::digest::Digests;
use super::parsed::unescaped;
use super::{KeyPrivacy, Sequences, encode};
use crate::generation::KeyHash;
use crate::policy::{TextNormalization, Ttl};
use crate::store::{GenerationNames, Seen, StoreName};

/// What a function is, apart from its arguments: a digest that tells operations apart even where
/// they carry the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity([u8; 16]);

/// What an identity is made of. The names of the fields are a part of it: to change one is to
/// change every key.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct IdentityParts<'a> {
    pub(crate) kind: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) version: Option<&'a str>,
    /// Generic arguments of the function and of what is around it, as text.
    pub(crate) generic: Option<&'a str>,
    /// Which function it is, where several claim the operation.
    pub(crate) function: Option<[&'a str; 4]>,
    pub(crate) has_text: bool,
    pub(crate) has_question: bool,
    /// Names of the other arguments, in the order in which they are written.
    pub(crate) names: &'a [&'a str],
    /// Identities from before there was any have nothing in its place.
    #[serde(skip_serializing_if = "TextNormalization::is_none")]
    pub(crate) normalization: TextNormalization,
}

impl Identity {
    /// Holds no arguments, so it needs no secret.
    pub(crate) fn of(parts: &IdentityParts<'_>) -> Self {
        let mut bytes = Vec::new();
        // Texts never refuse to be serialized.
        let _ = encode(parts, Sequences::Ordered, &mut bytes);
        let mut identity = [0; 16];
        identity.copy_from_slice(&Sha256::digest(&bytes)[..16]);
        Self(identity)
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digits = |byte: &u8| [byte >> 4, byte & 0xF].map(|digit| DIGITS[usize::from(digit)]);
    text.extend(bytes.iter().flat_map(digits));
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

/// What the name of a generation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GenerationOf {
    Kind,
    /// With this name.
    Operation(String),
    Tenant,
    Tag,
}

/// Makes the store's keys of one kind.
#[derive(Clone, Debug)]
pub(crate) struct StoreKeys {
    pub(crate) prefix: String,
    /// Texts of more characters than this are in the key as a digest.
    pub(crate) text_hash_threshold: usize,
    pub(crate) privacy: KeyPrivacy,
    pub(crate) digests: Digests,
    /// Whether the kind is `ai`: its arguments are called options, and a question stands apart.
    pub(crate) is_ai: bool,
}

/// What all keys of one operation have in common, made once.
#[derive(Clone, Debug)]
pub(crate) struct OperationKeys {
    kind: Arc<StoreKeys>,
    beginning: String,
    identity: Identity,
    /// Of calls without a tenant.
    ending: String,
    /// Names of the generations of kind and operation.
    generations: Arc<GenerationNames>,
}

/// The arguments of one call, as they were written.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a> {
    /// Text as bytes.
    pub(crate) text: Option<&'a [u8]>,
    pub(crate) question: Option<&'a [u8]>,
    /// All others, one after the other.
    pub(crate) others: &'a [u8],
    pub(crate) tenant: Option<&'a [u8]>,
}

impl StoreKeys {
    pub(crate) fn of_operation(
        self: &Arc<Self>,
        operation: &str,
        identity: Identity,
    ) -> OperationKeys {
        let mut ending = "|id:".to_owned();
        push_hex(&mut ending, &identity.0);
        OperationKeys {
            ending,
            kind: self.clone(),
            beginning: self.beginning(operation),
            identity,
            generations: Arc::new(GenerationNames::from_iter([
                self.generation_of_kind(),
                self.generation_of_operation(operation),
            ])),
        }
    }

    fn beginning(&self, operation: &str) -> String {
        let mut beginning = format!("{}op:", self.prefix);
        push_escaped(&mut beginning, operation);
        beginning
    }

    /// What the keys of all calls of one operation begin with, and no others.
    pub(crate) fn operation_prefix(&self, operation: &str) -> String {
        self.beginning(operation) + "|"
    }

    /// The key of an entry whose key the application chose.
    pub(crate) fn of_chosen(&self, tenant: Option<&str>, key: &str) -> String {
        let mut name = self.prefix.clone();
        if let Some(tenant) = tenant {
            self.push_digest(&mut name, "tenant:", tenant.as_bytes());
            name.push('|');
        }
        match self.privacy {
            KeyPrivacy::Readable => {
                name.push_str("key:");
                name.push_str(key);
            }
            KeyPrivacy::Hashed => {
                // Not `key:hash:…`, which an application without hashing may have chosen.
                name.push_str("keyhash:");
                self.digests
                    .with_whole(key.as_bytes(), |digest| push_hex(&mut name, digest));
            }
        }
        name
    }

    /// The same, with the names of its generations.
    pub(crate) fn name_of_chosen(&self, tenant: Option<&str>, key: &str, ttl: Ttl) -> StoreName {
        let of_tenant = tenant.map(|tenant| self.generation_of_tenant(tenant.as_bytes()));
        let generations = [self.generation_of_kind()].into_iter().chain(of_tenant);
        StoreName {
            key: self.of_chosen(tenant, key),
            generations: Arc::new(generations.collect()),
            ttl,
            seen: Seen::default(),
            spent: AtomicU64::new(0),
            waits_since: OnceLock::new(),
        }
    }

    /// What comes before the application's own keys, where they are readable.
    pub(crate) fn chosen_prefix(&self, tenant: Option<&str>) -> Option<String> {
        (self.privacy == KeyPrivacy::Readable).then(|| self.of_chosen(tenant, ""))
    }

    /// A key that nothing else has.
    pub(crate) fn of_trial(&self, number: u64) -> String {
        format!("{}health:{number:016x}", self.prefix)
    }

    pub(crate) fn generation_of_kind(&self) -> Arc<str> {
        format!("{}gen:kind", self.prefix).into()
    }

    pub(crate) fn generation_of_operation(&self, operation: &str) -> Arc<str> {
        let mut name = format!("{}gen:op:", self.prefix);
        push_escaped(&mut name, operation);
        name.into()
    }

    pub(crate) fn generation_of_tenant(&self, tenant: &[u8]) -> Arc<str> {
        let mut name = self.prefix.clone();
        self.push_digest(&mut name, "gen:tenant:", tenant);
        name.into()
    }

    pub(crate) fn generation_of_tag(&self, tenant: Option<&str>, tag: &str) -> Arc<str> {
        let mut bytes = Vec::new();
        // Texts never refuse to be serialized.
        let _ = encode(&(tenant, tag), Sequences::Ordered, &mut bytes);
        let mut name = self.prefix.clone();
        self.push_digest(&mut name, "gen:tag:", &bytes);
        name.into()
    }

    /// What this is the name of a generation of; `None` of something else.
    pub(crate) fn generation_of(&self, name: &str) -> Option<GenerationOf> {
        let of = name.strip_prefix(&self.prefix)?.strip_prefix("gen:")?;
        if of == "kind" {
            Some(GenerationOf::Kind)
        } else if let Some(operation) = of.strip_prefix("op:") {
            unescaped(operation).map(GenerationOf::Operation)
        } else if of.starts_with("tenant:") {
            Some(GenerationOf::Tenant)
        } else {
            of.starts_with("tag:").then_some(GenerationOf::Tag)
        }
    }

    fn push_text(&self, key: &mut String, text: &[u8]) {
        key.push_str("|txt:");
        let readable = std::str::from_utf8(text)
            .ok()
            .filter(|_| self.privacy == KeyPrivacy::Readable)
            .filter(|text| !is_longer(text.as_bytes(), self.text_hash_threshold));
        match readable.map(|text| (text, text.strip_prefix(HASHED))) {
            Some((text, None)) => push_escaped(key, text),
            Some((_, Some(rest))) => {
                // Or this text would be taken for the digest of another one.
                key.push_str("hash%3a");
                push_escaped(key, rest);
            }
            None => {
                key.push_str(HASHED);
                self.digests
                    .with_whole(text, |digest| push_hex(key, digest));
            }
        }
    }

    fn push_digest(&self, key: &mut String, label: &str, bytes: &[u8]) {
        key.push_str(label);
        self.digests
            .with_short(bytes, |digest| push_hex(key, digest));
    }
}

/// By which the entry of this name is known in memory.
pub(crate) fn key_hash(name: &str) -> KeyHash {
    let hash = XxHash3_64::oneshot(name.as_bytes());
    // Half of it is as good as any.
    let [a, b, c, d, ..] = hash.to_le_bytes();
    KeyHash(u32::from_le_bytes([a, b, c, d]).max(1))
}

/// Whether a text has more characters than this.
pub(crate) fn is_longer(text: &[u8], characters: usize) -> bool {
    // A character takes one to four bytes: no need to count those of most texts.
    text.len() > characters
        && (text.len() > characters.saturating_mul(4)
            || std::str::from_utf8(text).is_ok_and(|text| text.chars().count() > characters))
}

/// Begins the text of a key where a digest stands in its place.
pub(super) const HASHED: &str = "hash:";

impl OperationKeys {
    /// Names of the generations of everything that a call belongs to.
    pub(crate) fn generations(&self, tenant: Option<&[u8]>) -> Arc<GenerationNames> {
        let Some(tenant) = tenant else {
            return self.generations.clone();
        };
        let of_tenant = self.kind.generation_of_tenant(tenant);
        Arc::new(self.generations.and(of_tenant))
    }

    /// The key of a call.
    pub(crate) fn of_call(&self, arguments: Arguments<'_>) -> String {
        /// Room for the digests and their labels.
        const DIGESTS: usize = 256;
        let text = arguments.text.map_or(0, <[u8]>::len);
        let text = text.min(self.kind.text_hash_threshold.saturating_mul(4));
        let capacity = self.beginning.len() + text + DIGESTS;
        let mut key = String::with_capacity(capacity);
        key.push_str(&self.beginning);
        if let Some(text) = arguments.text {
            self.kind.push_text(&mut key, text);
        }
        if !self.kind.is_ai {
            self.kind.push_digest(&mut key, "|args:", arguments.others);
        } else if !arguments.others.is_empty() {
            self.kind.push_digest(&mut key, "|opts:", arguments.others);
        }
        if let Some(question) = arguments.question {
            self.kind.push_digest(&mut key, "|q:", question);
        }
        match arguments.tenant {
            None => key.push_str(&self.ending),
            Some(tenant) => {
                let identity = [&self.identity.0, tenant].concat();
                self.kind.push_digest(&mut key, "|id:", &identity);
            }
        }
        key
    }
}
