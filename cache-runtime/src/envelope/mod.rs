//! The bytes of one entry in a store: a header, a seal that shows whether anything was changed,
//! and the value. `docs/wire-format.md` has every byte.
//!
//! An entry is served only if two things hold. Its *seal* fits its header, its body, its key and its
//! kind: a checksum, or with an encryption key the tag of an authenticated cipher; nothing that was
//! cut, changed or moved to another key is so much as inflated. And the *digest* of the value, as
//! serde shows it, is the same for what was decoded as for what was written: a value that a build
//! with another type wrote either decodes to the equal value or is a miss.

mod codec;
mod compression;
mod decoding;
mod depth;
mod digest;
#[cfg_attr(not(feature = "encryption"), path = "no_encryption.rs")]
mod encryption;
mod header;
mod value_type;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use codec::Codec;
pub(crate) use compression::Compression;
pub(crate) use encryption::Keyring;
pub(crate) use header::Times;
pub(crate) use value_type::{Erased, Keep, Opened, ValueType, Whole};

use crate::clock::{Clock, millis};
use crate::generation::Carried;
use crate::key::Refused;
use crate::key::key_hash;
use crate::memory::{Absent, Head};
use crate::observe::Packed;
use crate::policy::Ttl;
use crate::store::FoldedGenerations;
use compression::{deflate, inflate};
use header::{HEADER, Header, Packing, Sealing};
use twox_hash::{XxHash3_64, XxHash3_128};

/// The longest value that is written to a store or read from one: 8 MiB.
pub(crate) const VALUE_LIMIT: usize = 8 * 1024 * 1024;

const CHECKSUM: usize = 16;

/// The body begins with the length of the value's bytes before compression and their digest.
const LENGTH: usize = 8;
const DIGEST: usize = 16;

/// How a kind writes its values, and what it demands of those that it reads.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    /// The name of the kind: kinds may have one prefix, and then keys of one name.
    pub(crate) kind: String,
    pub(crate) codec: Codec,
    pub(crate) compression: Compression,
    /// Values are encrypted where there are keys.
    pub(crate) keyring: Option<Arc<Keyring>>,
    /// What values have become.
    pub(crate) packed: Arc<Packed>,
}

/// Why bytes from a store are not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No envelope, or one of a version, codec or cipher that this build does not know.
    Foreign,
    /// Longer than a value may be, or it would become so.
    TooLarge,
    /// Not the bytes that were written under this key.
    Damaged,
    /// Encrypted with a key that is not there.
    UnknownKey,
    /// Not encrypted, where that is demanded.
    NotEncrypted,
    /// It was invalidated, or the store has forgotten whether it was.
    Invalidated,
    /// The lifetime is over.
    Expired,
    /// The value cannot be decoded as the type that is asked for.
    Undecodable,
    /// What was decoded is not what was stored.
    Unverified,
}

impl Fault {
    pub(crate) const COUNT: usize = Self::Unverified as usize + 1;

    /// What an operator may have to do about it. `None`: nothing, it belongs to every day.
    pub(crate) fn advice(self) -> Option<&'static str> {
        match self {
            Self::Foreign => Some("not an entry, or one of a version that this build cannot read"),
            Self::TooLarge => Some("longer than 8 MiB"),
            Self::Damaged => Some("damaged, or written under another key"),
            Self::UnknownKey => Some(
                "encrypted with a key that is not configured here: does another process still \
                 write with it?",
            ),
            Self::NotEncrypted => {
                Some("not encrypted: allow that for a while with `require_encryption(false)`")
            }
            Self::Invalidated | Self::Expired => None,
            Self::Undecodable | Self::Unverified => Some(
                "of a type that has changed, or that does not come back as it was written: raise \
                 `version` in the attribute when a type changes",
            ),
        }
    }
}

/// Why a value is not written into a store. It stays in memory alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unstorable {
    /// Its `Serialize` or the codec refused it, or it is nested too deep.
    Unserializable,
    /// Longer than a value may be.
    TooLarge,
    /// The system has no random numbers to encrypt it with.
    NoRandomNumbers,
}

impl Unstorable {
    pub(crate) const COUNT: usize = Self::NoRandomNumbers as usize + 1;

    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Unserializable => {
                "the codec cannot write it (JSON needs keys that are text or numbers), its \
                 `Serialize` refuses, or it is nested more than 128 levels deep"
            }
            Self::TooLarge => "longer than 8 MiB",
            Self::NoRandomNumbers => "the system has no random numbers to encrypt it with",
        }
    }
}

/// What a reader can make use of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) value_type: ValueType,
    /// Whether there may be a `None` in the place of a value.
    pub(crate) has_none: bool,
    /// How long the lifetime may have been over; zero: not at all, and it may not have been expired
    /// before either.
    pub(crate) kept_for: Duration,
}

/// The bytes to store for a value.
pub(crate) fn seal(
    key: &str,
    value: &Erased,
    value_type: ValueType,
    times: Times,
    generations: FoldedGenerations,
    format: &Format,
) -> Result<Vec<u8>, Unstorable> {
    let sealing = match &format.keyring {
        None => Sealing::Checksum,
        Some(keyring) => Sealing::Encrypted(keyring.active()),
    };
    let body_at = HEADER + seal_length(sealing);
    let payload_at = body_at + LENGTH + DIGEST;

    let mut sealed = vec![0; payload_at];
    let is_absent = value.is::<Absent>();
    let digest = if is_absent {
        [0; DIGEST]
    } else {
        value_type
            .encode(value, format.codec, &mut sealed)
            .map_err(|Refused| Unstorable::Unserializable)?
    };
    let length = sealed.len() - payload_at;
    if length > VALUE_LIMIT {
        return Err(Unstorable::TooLarge);
    }
    let began = Instant::now();
    let compressed = deflate(&sealed[payload_at..], format.compression);
    let time = began.elapsed();
    if let Some(compressed) = &compressed {
        sealed.truncate(payload_at);
        sealed.extend_from_slice(compressed);
    }
    let header = Header {
        codec: format.codec,
        packing: match &compressed {
            _ if is_absent => Packing::Absent,
            None => Packing::Plain,
            Some(_) => Packing::Zlib,
        },
        sealing,
        times,
        generations,
    };
    let header = header.to_bytes();
    sealed[..HEADER].copy_from_slice(&header);
    sealed[body_at..][..LENGTH].copy_from_slice(&(length as u64).to_le_bytes());
    sealed[body_at + LENGTH..payload_at].copy_from_slice(&digest);

    let (front, body) = sealed.split_at_mut(body_at);
    let place = &mut front[HEADER..];
    match &format.keyring {
        None => place.copy_from_slice(&checksum(&header, &format.kind, key, body)),
        Some(keyring) => {
            let seal = keyring.encrypt(&header, &format.kind, key, body);
            place.copy_from_slice(&seal.ok_or(Unstorable::NoRandomNumbers)?);
        }
    }
    if sealed.len() > VALUE_LIMIT {
        return Err(Unstorable::TooLarge);
    }
    let compressed = compressed.map(|it| it.len());
    format.packed.count(length, sealed.len(), compressed, time);
    Ok(sealed)
}

/// The entry in these bytes, if they are those of an entry of `key` that is wanted, which is fresh or
/// still to be kept, and which was not removed: the generations in the store are those that its
/// writer knew. In memory it is going to carry what was noted before the bytes were asked for.
pub(crate) fn open(
    key: &str,
    mut sealed: Vec<u8>,
    wanted: Wanted,
    generations: FoldedGenerations,
    carried: Carried,
    clock: &Clock,
    format: &Format,
) -> Result<Opened, Fault> {
    if sealed.len() > VALUE_LIMIT {
        return Err(Fault::TooLarge);
    }
    let (header_bytes, rest) = sealed
        .split_first_chunk_mut::<HEADER>()
        .ok_or(Fault::Foreign)?;
    let header = Header::parse(header_bytes).ok_or(Fault::Foreign)?;
    let (seal, body) = rest
        .split_at_mut_checked(seal_length(header.sealing))
        .ok_or(Fault::Damaged)?;
    match (header.sealing, &format.keyring) {
        (Sealing::Checksum, Some(keyring)) if keyring.is_required() => {
            return Err(Fault::NotEncrypted);
        }
        (Sealing::Checksum, _) => {
            if checksum(header_bytes, &format.kind, key, body) != *seal {
                return Err(Fault::Damaged);
            }
        }
        (Sealing::Encrypted(_), None) => return Err(Fault::UnknownKey),
        (Sealing::Encrypted(id), Some(keyring)) => {
            keyring.decrypt(id, header_bytes, &format.kind, key, seal, body)?;
        }
    }
    let [removed, expired] = generations;
    let Times {
        created: written,
        fresh_until,
        kept_until,
    } = header.times;
    let kept_for = Duration::from_millis(kept_until.saturating_sub(fresh_until));
    let kept_for = kept_for.min(wanted.kept_for);
    let is_expired = header.generations[1] != expired;
    if header.generations[0] != removed || (is_expired && kept_for.is_zero()) {
        return Err(Fault::Invalidated);
    }

    let now = clock.unix_millis();
    // A writer whose clock is ahead gets no more than the lifetime that it meant.
    let now = now.max(written);
    if now >= fresh_until.saturating_add(millis(kept_for)) {
        return Err(Fault::Expired);
    }
    let age = Duration::from_millis(now - written);
    let created = clock.now().before(age);
    let ttl = Ttl::After(Duration::from_millis(fresh_until.saturating_sub(written)));
    if is_expired {
        carried.expire();
    }
    let head = Head::new(created, ttl, kept_for, key_hash(key), carried);

    let (length, body) = body.split_first_chunk::<LENGTH>().ok_or(Fault::Damaged)?;
    let (digest, payload) = body.split_first_chunk::<DIGEST>().ok_or(Fault::Damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length))
        .ok()
        .filter(|length| *length <= VALUE_LIMIT)
        .ok_or(Fault::TooLarge)?;
    let inflated;
    let payload = match header.packing {
        Packing::Plain | Packing::Absent => payload,
        Packing::Zlib => {
            inflated = inflate(payload, length).ok_or(Fault::Damaged)?;
            &inflated
        }
    };
    if payload.len() != length {
        return Err(Fault::Damaged);
    }
    if header.packing == Packing::Absent {
        if !wanted.has_none || !payload.is_empty() {
            return Err(Fault::Undecodable);
        }
        return Ok(Opened::of(head, Absent));
    }
    let decoded = wanted
        .value_type
        .decode(payload, header.codec, head)
        .ok_or(Fault::Undecodable)?;
    if decoded.digest != *digest {
        return Err(Fault::Unverified);
    }
    Ok(decoded.opened)
}

fn seal_length(sealing: Sealing) -> usize {
    match sealing {
        Sealing::Checksum => CHECKSUM,
        Sealing::Encrypted(_) => encryption::SEAL,
    }
}

/// Finds accidents. Whoever can write into the store can compute it as well: against that helps
/// encryption.
fn checksum(header: &[u8; HEADER], kind: &str, key: &str, body: &[u8]) -> [u8; CHECKSUM] {
    let seed = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(header), kind.as_bytes());
    let seed = XxHash3_64::oneshot_with_seed(seed, key.as_bytes());
    XxHash3_128::oneshot_with_seed(seed, body).to_le_bytes()
}
