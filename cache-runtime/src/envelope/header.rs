//! The header of an envelope, to bytes and back.

use super::Codec;
use crate::clock::UnixMillis;
use crate::store::FoldedGenerations;

const MAGIC: [u8; 4] = *b"LRDR";
const VERSION: u8 = 1;

pub(super) const HEADER: usize = 56;

/// Times of an entry in a store, by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) created: UnixMillis,
    pub(crate) fresh_until: UnixMillis,
    /// Past its freshness it may be served until then, where nothing better is to be had.
    pub(crate) kept_until: UnixMillis,
}

/// What was done to the value's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Zlib,
    /// There is no value: the body returned a `None`.
    Absent,
}

/// What shows that nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sealing {
    Checksum,
    /// Encrypted with the key of this id.
    Encrypted([u8; 8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) codec: Codec,
    pub(super) packing: Packing,
    pub(super) sealing: Sealing,
    pub(super) times: Times,
    pub(super) generations: FoldedGenerations,
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let packing = match self.packing {
            Packing::Plain => 0,
            Packing::Zlib => 1,
            Packing::Absent => 2,
        };
        let (sealing, key_id) = match self.sealing {
            Sealing::Checksum => (0, [0; 8]),
            Sealing::Encrypted(key_id) => (1, key_id),
        };
        let numbers = [
            self.times.created,
            self.times.fresh_until,
            self.times.kept_until,
            self.generations[0],
            self.generations[1],
        ];
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&[VERSION, self.codec.number(), packing, sealing]);
        for (place, number) in bytes[8..48].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes[48..].copy_from_slice(&key_id);
        bytes
    }

    /// `None`: nothing that this build can read.
    pub(super) fn parse(bytes: &[u8; HEADER]) -> Option<Self> {
        let number = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            number
        };
        let [m0, m1, m2, m3, VERSION, codec, packing, sealing, ..] = *bytes else {
            return None;
        };
        if [m0, m1, m2, m3] != MAGIC {
            return None;
        }
        let key_id = number(48);
        Some(Self {
            codec: Codec::of_number(codec)?,
            packing: match packing {
                0 => Packing::Plain,
                1 => Packing::Zlib,
                2 => Packing::Absent,
                _ => return None,
            },
            sealing: match sealing {
                0 if key_id == [0; 8] => Sealing::Checksum,
                1 => Sealing::Encrypted(key_id),
                _ => return None,
            },
            times: Times {
                created: u64::from_le_bytes(number(8)),
                fresh_until: u64::from_le_bytes(number(16)),
                kept_until: u64::from_le_bytes(number(24)),
            },
            generations: [32, 40].map(|at| u64::from_le_bytes(number(at))),
        })
    }
}
