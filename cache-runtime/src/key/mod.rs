//! From the arguments of a call to the two names of its entry: a key in memory and one in the
//! store.
//!
//! The key in memory is the operation's number and the canonical bytes of the arguments, compared
//! as a whole up to 16 KiB. The key in the store is readable text with cryptographic digests.
//!
//! Why whole keys up to 16 KiB, and a keyed 256-bit digest above: comparing whole keys cannot be
//! wrong, and it is the cheaper way, because a look-up reads the key anyway to find its place in
//! the table. Measured on two cores of a virtual machine, in ns for one key:
//!
//! | bytes | place in the table (foldhash) | and compare | digest (keyed BLAKE3) |
//! |--:|--:|--:|--:|
//! | 256 | 21 | 9 | 300 |
//! | 2 Ki | 100 | 40 | 1220 |
//! | 16 Ki | 760 | 300 | 4200 |
//! | 64 Ki | 2900 | 1400 | 16 300 |
//!
//! So a digest costs a hit four times as much at 16 KiB, and ten times as much at the length of
//! most texts. What speaks for it is room: a thousand entries with keys of 16 KiB are 16 MB, the
//! most that we let keys add to the values they stand for; a text of a megabyte as a key would be
//! another matter. The digest is keyed with a secret of this process, so that nobody can prepare
//! two arguments that meet: 2^128 attempts for a collision, where it could be tried at all.

mod builder;
mod canonical;
mod digest;
mod glob;
mod options;
mod parsed;
mod store_key;

use std::any::type_name;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use serde::Serialize;

pub use builder::KeyBuilder;
pub(crate) use canonical::{DEEPEST, Refused, Sequences, encode};
pub(crate) use digest::Digests;
pub use digest::{HashAlgorithm, KeyPrivacy};
pub(crate) use glob::glob_match;
pub use options::{Field, Fields, InKey, Options};
pub use parsed::ParsedKey;
pub(crate) use store_key::{
    Arguments, GenerationOf, Identity, IdentityParts, OperationKeys, StoreKeys, is_longer, key_hash,
};

/// A key in memory, owned.
pub(crate) type MemoryKey = Box<[u8]>;

/// The same, for the calls and the flights that have it in common.
pub(crate) type SharedKey = Arc<[u8]>;

/// Up to this many bytes a key in memory is kept and compared whole; a longer one is replaced by
/// a digest, so that a few huge arguments cannot fill the memory tier with their keys.
pub(crate) const LONGEST_WHOLE_KEY: usize = 16 * 1024;

/// Stands where the first tag of the arguments would be, and is no tag: a digest is never taken
/// for arguments.
const DIGEST_MARK: u8 = 0xFF;

/// Stands before a tenant, and is neither a tag nor a byte of any text in UTF-8.
const TENANT_MARK: u8 = 0xFE;

/// A number of four bytes, and three that are zero: with the tag of the first argument it is a word.
const OPERATION_BYTES: usize = 7;
const DIGESTED_BYTES: usize = OPERATION_BYTES + 1 + blake3::OUT_LEN;

/// Takes the arguments of one call, by reference: first those that are neither the text nor the
/// question, sorted by their names, then the text, then the question.
///
/// The expansion of `#[cached]` feeds it; nothing else has to.
pub struct KeyWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Where the arguments end that are neither.
    end: Option<usize>,
    text: Option<Range<usize>>,
    question: Option<Range<usize>>,
    refused: bool,
}

/// A value that can be a part of a key: written with serde.
///
/// Implemented for every type that has what it takes; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of the key",
    label = "this does not implement `serde::Serialize`",
    note = "add `#[derive(serde::Serialize)]` to a type of yours, the bound `serde::Serialize` to a \
            type parameter, or the feature `serde` to the dependency that a type is from (`rc` to \
            serde for `Arc` and `Rc`)",
    note = "or leave the parameter out with `skip(..)`, or say what the key is with `key = ..`"
)]
pub trait KeyPart: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {}

impl std::fmt::Debug for KeyWriter<'_> {
    /// Without what was written: those are arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyWriter").finish_non_exhaustive()
    }
}

impl<'a> KeyWriter<'a> {
    #[inline]
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        out.clear();
        out.extend_from_slice(&[0; OPERATION_BYTES]);
        Self {
            out,
            end: None,
            text: None,
            question: None,
            refused: false,
        }
    }

    /// Adds one argument. Where its `Serialize` gives an error, the call is not cached.
    #[inline]
    pub fn arg<T: KeyPart + ?Sized>(&mut self, value: &T) {
        self.refused |= write_argument(value, self.out).is_err();
    }

    /// Adds the argument that says itself which of its fields are in the key.
    #[inline]
    pub fn options<T: Options + ?Sized>(&mut self, options: &T) {
        self.arg(&options.in_key());
    }

    /// Adds the argument that is the text of the operation: readable in the store's key while it
    /// is short.
    #[inline]
    pub fn text(&mut self, text: &str) {
        self.end.get_or_insert(self.out.len());
        self.arg(text);
        self.text = Some(self.out.len() - text.len()..self.out.len());
    }

    /// Adds the question to a language model, which has a digest of its own in the store's key.
    #[inline]
    pub fn question<T: KeyPart + ?Sized>(&mut self, value: &T) {
        let begin = self.out.len();
        self.end.get_or_insert(begin);
        self.arg(value);
        self.question = Some(begin..self.out.len());
    }

    /// Adds an argument that [`canonical`] has written.
    pub(crate) fn written_arg(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The same for the question.
    pub(crate) fn written_question(&mut self, bytes: &[u8]) {
        let begin = self.out.len();
        self.end.get_or_insert(begin);
        self.written_arg(bytes);
        self.question = Some(begin..self.out.len());
    }

    #[inline]
    pub(crate) fn finish(self) -> Written {
        Written {
            others: OPERATION_BYTES..self.end.unwrap_or(self.out.len()),
            text: self.text,
            question: self.question,
            tenant: None,
            refused: self.refused,
            is_timed: false,
            is_shadowed: false,
        }
    }
}

/// The canonical bytes of one argument.
pub(crate) fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    write_argument(value, &mut bytes)?;
    Ok(bytes)
}

/// Appends the canonical bytes of one argument.
#[inline]
fn write_argument<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Refused> {
    let sequences = if is_hash_set(type_name::<T>()) {
        Sequences::OutermostSorted
    } else {
        Sequences::Ordered
    };
    encode(value, sequences, out)
}

/// Whether this is the name of a `HashSet` or of a reference to one: serde shows it as a sequence,
/// in another order each time.
///
/// Written so that the compiler knows the answer for most types: each call asks it of each argument.
#[inline]
fn is_hash_set(type_name: &str) -> bool {
    let mut name = type_name.as_bytes();
    if name.last() != Some(&b'>') {
        return false;
    }
    while let [b'&', referenced @ ..] = name {
        name = referenced.strip_prefix(b"mut ").unwrap_or(referenced);
    }
    name.starts_with(b"std::collections::hash::set::HashSet<")
        || name.starts_with(b"hashbrown::set::HashSet<")
}

/// What was noticed while the arguments were written, as places in the written bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    others: Range<usize>,
    text: Option<Range<usize>>,
    question: Option<Range<usize>>,
    tenant: Option<Range<usize>>,
    /// An argument refused to be serialized: this call has no key.
    pub(crate) refused: bool,
    /// It is one of the calls that are timed from their beginning.
    pub(crate) is_timed: bool,
    /// What it returns is compared with what its body returns.
    pub(crate) is_shadowed: bool,
}

impl Written {
    /// Adds the tenant after the arguments. Those are tagged and carry their lengths, so what comes
    /// after them is never taken for one.
    #[cold]
    pub(crate) fn add_tenant(&mut self, tenant: &str, written: &mut Vec<u8>) {
        written.push(TENANT_MARK);
        let begin = written.len();
        written.extend_from_slice(tenant.as_bytes());
        self.tenant = Some(begin..written.len());
    }

    /// Whether more is noted of a hit in memory than that it was one.
    #[inline]
    pub(crate) fn is_noted(&self) -> bool {
        self.is_timed || self.tenant.is_some()
    }

    pub(crate) fn tenant<'a>(&self, written: &'a [u8]) -> Option<&'a [u8]> {
        written.get(self.tenant.clone()?)
    }

    pub(crate) fn arguments<'a>(&self, written: &'a [u8]) -> Arguments<'a> {
        let part = |range: &Range<usize>| &written[range.clone()];
        Arguments {
            text: self.text.as_ref().map(part),
            question: self.question.as_ref().map(part),
            others: part(&self.others),
            tenant: self.tenant(written),
        }
    }
}

/// Gives the key in memory of written arguments to `use_key`, without copying them.
#[inline]
pub(crate) fn with_memory_key<R>(
    operation: u32,
    written: &mut [u8],
    use_key: impl FnOnce(&[u8]) -> R,
) -> R {
    write_operation(operation, written);
    if written.len() > LONGEST_WHOLE_KEY {
        use_key(&digested(written))
    } else {
        use_key(written)
    }
}

/// Writes a whole word where there is one. The hash of the key, which comes next, reads words: a processor
/// takes them from what was written just before only where each was written at once, and waits else. That was
/// a fifth of a hit.
#[inline]
fn write_operation(operation: u32, written: &mut [u8]) {
    match written.first_chunk_mut::<{ size_of::<u64>() }>() {
        Some(word) => {
            let [.., tag] = *word;
            *word = (u64::from(operation) | u64::from(tag) << 56).to_le_bytes();
        }
        // There are no arguments.
        None => written[..size_of::<u32>()].copy_from_slice(&operation.to_le_bytes()),
    }
}

#[cold]
fn digested(written: &[u8]) -> [u8; DIGESTED_BYTES] {
    /// Differs from process to process, so that nobody can prepare two arguments that meet.
    static SECRET: LazyLock<[u8; 32]> = LazyLock::new(|| {
        use std::hash::{BuildHasher, RandomState};
        let mut secret = [0; 32];
        for (index, bytes) in secret.chunks_exact_mut(8).enumerate() {
            bytes.copy_from_slice(&RandomState::new().hash_one(index).to_le_bytes());
        }
        secret
    });
    let mut key = [DIGEST_MARK; DIGESTED_BYTES];
    key[..OPERATION_BYTES].copy_from_slice(&written[..OPERATION_BYTES]);
    let digest = blake3::keyed_hash(&SECRET, &written[OPERATION_BYTES..]);
    key[OPERATION_BYTES + 1..].copy_from_slice(digest.as_bytes());
    key
}

/// The number of the operation that a key in memory begins with.
#[inline]
pub(crate) fn operation_of(key: &[u8]) -> u32 {
    let number = key.first_chunk();
    number.map_or(CHOSEN, |number| u32::from_le_bytes(*number))
}

/// The number of the operation under which the application's own keys are kept.
pub(crate) const CHOSEN: u32 = 0;

/// The key in memory for a key that the application chose.
pub(crate) fn chosen_key(tenant: Option<&str>, key: &str) -> MemoryKey {
    let mut bytes = chosen_beginning(tenant);
    bytes.extend_from_slice(key.as_bytes());
    bytes.into()
}

/// The other way round; `None` for the key of a call, and for one of another tenant.
pub(crate) fn chosen_by_application(tenant: Option<&str>, key: &[u8]) -> Option<String> {
    let key = key.strip_prefix(chosen_beginning(tenant).as_slice())?;
    // Without a tenant, a key that has one goes on with a byte that is in no text.
    std::str::from_utf8(key).ok().map(str::to_owned)
}

/// The tenant and the key; `None` for the key of a call.
pub(crate) fn parts_of_chosen(key: &[u8]) -> Option<(Option<&str>, &str)> {
    let key = key.strip_prefix(&CHOSEN.to_le_bytes())?;
    let Some(rest) = key.strip_prefix(&[TENANT_MARK]) else {
        return Some((None, std::str::from_utf8(key).ok()?));
    };
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (tenant, key) = rest.split_at_checked(length)?;
    let tenant = std::str::from_utf8(tenant).ok()?;
    Some((Some(tenant), std::str::from_utf8(key).ok()?))
}

fn chosen_beginning(tenant: Option<&str>) -> Vec<u8> {
    let mut beginning = CHOSEN.to_le_bytes().to_vec();
    if let Some(tenant) = tenant {
        beginning.push(TENANT_MARK);
        beginning.extend_from_slice(&(tenant.len() as u64).to_le_bytes());
        beginning.extend_from_slice(tenant.as_bytes());
    }
    beginning
}

#[cfg(test)]
mod tests {
    use std::any::type_name;
    use std::collections::{BTreeSet, HashSet};

    use super::is_hash_set;

    #[test]
    fn hash_sets_and_references_to_them_are_known_by_their_names() {
        for (name, is_set) in [
            (type_name::<HashSet<u8>>(), true),
            (type_name::<&&mut HashSet<Vec<u8>>>(), true),
            ("hashbrown::set::HashSet<u8>", true),
            ("&hashbrown::set::HashSet<u8, foldhash::FixedState>", true),
            (type_name::<Vec<HashSet<u8>>>(), false),
            (type_name::<Option<HashSet<u8>>>(), false),
            (type_name::<BTreeSet<u8>>(), false),
            ("mine::HashSet<u8>", false),
            (type_name::<&str>(), false),
            ("&", false),
            ("u8", false),
            ("", false),
        ] {
            assert_eq!(is_hash_set(name), is_set, "{name}");
        }
    }
}
