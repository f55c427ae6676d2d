//! The digest of a value: the same for every value that serde shows as the same, whatever the
//! order of the elements of its maps and sequences (serde shows a set as a sequence, in another
//! order each time).
//!
//! 128 bits of XXH3 over the canonical bytes, in which a map or a sequence is the sum of its
//! elements' hashes. It has to tell types and accidents apart, not attackers: whoever can choose
//! the bytes of an entry can choose its digest as well.

use serde::Serialize;
use twox_hash::XxHash3_128;

use crate::key::{Refused, Sequences, encode};

/// `room` is a guess at the length of the canonical bytes.
pub(super) fn digest<T: Serialize>(value: &T, room: usize) -> Result<[u8; 16], Refused> {
    let mut canonical = Vec::with_capacity(room);
    encode(value, Sequences::Summed, &mut canonical)?;
    Ok(XxHash3_128::oneshot(&canonical).to_le_bytes())
}
