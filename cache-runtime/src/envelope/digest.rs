//! The digest of a value: the same for every value that serde shows as the same, whatever the
//! order of the elements of its maps and sequences (serde shows a set as a sequence, in another
//! order each time).
//!
//! 128 bits of XXH3 over the canonical bytes, in which a map or a sequence is the sum of its
//! elements' hashes. It has to tell types and accidents apart, not attackers: whoever can choose
//! the bytes of an entry can choose its digest as well.

use std::cell::Cell;

use serde::Serialize;
use twox_hash::XxHash3_128;

use crate::key::{Refused, Sequences, encode};

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer that has grown beyond this is not kept.
const KEPT_BUFFER: usize = 64 * 1024;

/// `room` is a guess at the length of the canonical bytes.
pub(super) fn digest<T: Serialize>(value: &T, room: usize) -> Result<[u8; 16], Refused> {
    // The thread's, or an empty one: the thread ends, or a `Serialize` under way came back here.
    let mut canonical = BUFFER.try_with(Cell::take).unwrap_or_default();
    canonical.clear();
    canonical.reserve(room);
    let encoded = encode(value, Sequences::Summed, &mut canonical);
    let digest = encoded.map(|()| XxHash3_128::oneshot(&canonical).to_le_bytes());
    if canonical.capacity() <= KEPT_BUFFER {
        // A thread that ends needs no buffer.
        let _ = BUFFER.try_with(|buffer| buffer.set(canonical));
    }
    digest
}
