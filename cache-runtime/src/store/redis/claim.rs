//! The bytes of a claim, which are under the key of the entry: behind a tombstone and before the entry,
//! where there are any.
//!
//! | bytes | |
//! |---|---|
//! | 4 | `LRDC` |
//! | 1 | version: 1 |
//! | 3 | zero |
//! | 8 | the end of the lease in milliseconds, by the clock of Redis; lowest byte first |
//! | 16 | its owner |
//! | 16 | generations |
//!
//! Only [scripts](super::script) write them.

use crate::store::Tombstone;

const MAGIC: [u8; 4] = *b"LRDC";
pub(super) const LENGTH: usize = 48;

/// What a key has in the place of an entry, or before it, at most.
pub(super) const BEFORE_ENTRY: usize = Tombstone::LENGTH + LENGTH;

/// Where the claim among these bytes begins, which are the whole of what is under a key, or at least
/// [all that may be before an entry](BEFORE_ENTRY).
fn place(stored: &[u8]) -> Option<usize> {
    let place = Tombstone::of(stored).map_or(0, |_| Tombstone::LENGTH);
    let claim = stored.get(place..place + LENGTH)?;
    claim.starts_with(&MAGIC).then_some(place)
}

/// The tombstone and the entry.
pub(super) fn without(mut stored: Vec<u8>) -> Vec<u8> {
    if let Some(place) = place(&stored) {
        stored.drain(place..place + LENGTH);
    }
    stored
}
