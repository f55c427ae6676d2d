//! The bytes of one entry in a store.
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | `LRDR` |
//! | 4 | version of this layout: 1 |
//! | 5 | codec: 1 `MessagePack` with field names |
//! | 6 | compression: 0 none, 1 zlib |
//! | 7 | 0 |
//! | 8–15 | created, milliseconds since 1970 |
//! | 16–23 | fresh until, milliseconds since 1970 |
//! | 24–31 | length of the value's bytes before compression |
//! | 32–47 | digest over the value, the bytes 4–31, the entry's key in the store and its length |
//! | 48– | the value's bytes |
//!
//! Numbers are little-endian. The digest is 128 bits of BLAKE3 over the value as serde shows it,
//! and is computed again over what was decoded: an entry that was cut, changed, moved to
//! another key or written by a build with another type is a miss.

mod codec;
mod value_type;

use std::io::{Read, Write};
use std::time::Duration;

use crate::clock::{Clock, UnixMillis};
use crate::memory::SharedEntry;
use crate::policy::Ttl;
use flate2::Compression as Level;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

pub use codec::Codec;
pub(crate) use value_type::ValueType;

const MAGIC: [u8; 4] = *b"LRDR";
const VERSION: u8 = 1;
const MESSAGE_PACK: u8 = 1;
const STORED: u8 = 0;
const ZLIB: u8 = 1;

const PREAMBLE: usize = 32;
const DIGEST: usize = 16;
const HEADER: usize = PREAMBLE + DIGEST;

/// When and how values are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compression {
    /// Values of more bytes than this are compressed.
    pub(crate) threshold: usize,
    /// 1 (fast) to 9 (small).
    pub(crate) level: u32,
}

/// Times of an entry in a store, by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) created: UnixMillis,
    pub(crate) fresh_until: UnixMillis,
}

/// Why bytes from a store are not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not an envelope of this version.
    Foreign,
    /// Longer than allowed, or than it says.
    Length,
    /// The value cannot be decoded as the type that is asked for.
    Undecodable,
    /// What was decoded is not what was stored.
    Unverified,
    /// The lifetime is over.
    Expired,
}

/// The bytes to store for a value, or `None` where the value refuses to be serialized.
pub(crate) fn seal(
    key: &str,
    value: &value_type::Erased,
    value_type: ValueType,
    times: Times,
    compression: Compression,
) -> Option<Vec<u8>> {
    let encoded = value_type.encode(value).ok()?;
    let mut preamble = [0; PREAMBLE];
    preamble[..4].copy_from_slice(&MAGIC);
    preamble[4..8].copy_from_slice(&[VERSION, MESSAGE_PACK, STORED, 0]);
    preamble[8..16].copy_from_slice(&times.created.to_le_bytes());
    preamble[16..24].copy_from_slice(&times.fresh_until.to_le_bytes());
    preamble[24..].copy_from_slice(&(encoded.bytes.len() as u64).to_le_bytes());

    let compressed = (encoded.bytes.len() > compression.threshold)
        .then(|| deflate(&encoded.bytes, compression.level))
        .flatten()
        .filter(|compressed| compressed.len() < encoded.bytes.len());
    if compressed.is_some() {
        preamble[6] = ZLIB;
    }
    let bytes = compressed.unwrap_or(encoded.bytes);

    let mut sealed = Vec::with_capacity(HEADER + bytes.len());
    sealed.extend_from_slice(&preamble);
    sealed.extend_from_slice(&digest(key, &preamble, &encoded.canonical));
    sealed.extend_from_slice(&bytes);
    Some(sealed)
}

/// The entry in these bytes, if they are those of a fresh entry of `key` whose value has the
/// codec's type and takes at most `limit` bytes.
pub(crate) fn open(
    key: &str,
    sealed: &[u8],
    value_type: ValueType,
    clock: &Clock,
    limit: usize,
) -> Result<SharedEntry, Fault> {
    let (preamble, rest) = sealed
        .split_first_chunk::<PREAMBLE>()
        .ok_or(Fault::Foreign)?;
    let (stored_digest, bytes) = rest.split_first_chunk::<DIGEST>().ok_or(Fault::Foreign)?;
    let [m0, m1, m2, m3, VERSION, MESSAGE_PACK, compression, 0, ..] = *preamble else {
        return Err(Fault::Foreign);
    };
    if [m0, m1, m2, m3] != MAGIC {
        return Err(Fault::Foreign);
    }
    let now = clock.unix_millis();
    let (written, fresh_until) = (number_at(preamble, 8), number_at(preamble, 16));
    let age = Duration::from_millis(now.saturating_sub(written));
    // A writer whose clock is ahead gets no more than the lifetime that it meant.
    let left = fresh_until.saturating_sub(now.max(written));
    if left == 0 {
        return Err(Fault::Expired);
    }
    let length = usize::try_from(number_at(preamble, 24))
        .ok()
        .filter(|length| *length <= limit)
        .ok_or(Fault::Length)?;
    let inflated;
    let bytes = match compression {
        STORED if bytes.len() == length => bytes,
        ZLIB => {
            inflated = inflate(bytes, length).ok_or(Fault::Length)?;
            &inflated
        }
        _ => return Err(Fault::Length),
    };
    let created = clock.now().before(age);
    let ttl = Ttl::After(age.saturating_add(Duration::from_millis(left)));
    let decoded = value_type
        .decode(bytes, created, ttl)
        .ok_or(Fault::Undecodable)?;
    if digest(key, preamble, &decoded.canonical) != *stored_digest {
        return Err(Fault::Unverified);
    }
    Ok(decoded.entry)
}

fn number_at(preamble: &[u8; PREAMBLE], offset: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&preamble[offset..offset + 8]);
    u64::from_le_bytes(bytes)
}

fn digest(key: &str, preamble: &[u8; PREAMBLE], canonical: &[u8]) -> [u8; DIGEST] {
    let mut hasher = blake3::Hasher::new();
    hasher
        // First, where it meets the boundaries of the hash's chunks: those are hashed side by side.
        .update(canonical)
        .update(&preamble[MAGIC.len()..])
        .update(key.as_bytes())
        .update(&(key.len() as u64).to_le_bytes());
    let mut digest = [0; DIGEST];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

fn deflate(bytes: &[u8], level: u32) -> Option<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len() / 2), Level::new(level));
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// The inflated bytes, if there are exactly `length` of them. Stops one byte after that, whatever
/// the bytes would inflate to.
fn inflate(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    ZlibDecoder::new(bytes)
        .take(length as u64 + 1)
        .read_to_end(&mut inflated)
        .ok()?;
    (inflated.len() == length).then_some(inflated)
}
