//! The claim of a process to compute an entry that several processes look for.

use std::time::Duration;

use super::{FoldedGenerations, Tombstone, random};

/// A claim to compute the entry of one key, that nobody else has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    owner: [u8; 16],
    generations: [u8; 16],
}

impl Claim {
    /// By the process with this number, of a computation whose entry is going to carry these.
    pub(super) fn new(process: u64, generations: FoldedGenerations) -> Self {
        Self {
            owner: bytes([process, random()]),
            generations: bytes(generations),
        }
    }

    /// By which it is told apart from all others: 8 bytes of the process, 8 of this claim, both at
    /// random. One of the same process is none that has to be waited for: it is left over, or of a
    /// computation that was invalidated.
    #[must_use]
    pub fn owner(&self) -> [u8; 16] {
        self.owner
    }

    /// What was invalidated before the computation began. A claim is of no interest to those who know
    /// something else: what it brings would not be served to them.
    #[must_use]
    pub fn generations(&self) -> [u8; 16] {
        self.generations
    }
}

fn bytes(numbers: [u64; 2]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (place, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
        *place = number.to_le_bytes();
    }
    bytes
}

/// What came of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It holds.
    Ours {
        /// What is before an entry, or in its place.
        tombstone: Option<Tombstone>,
        /// Whether there is an entry. It stays, because it may be served where the computation fails;
        /// and it may have come since the last look-up.
        has_entry: bool,
    },
    /// Another one holds, for so long at least.
    Theirs(Duration),
    /// The store keeps no claims: every process computes for itself.
    Unsupported,
}
