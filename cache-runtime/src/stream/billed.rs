//! What the body of a stream gives that is not kept, and whose price is known when it has come to its end.

use std::sync::Arc;

use super::chain::Place;
use super::chunks::{Chunked, Chunks};
use super::{MOST_BYTES, MOST_CHUNKS};
use crate::call::Bill;
use crate::observe::Charged;

pub(super) struct Billed<K: Chunked> {
    bill: Box<Bill>,
    chunks: Vec<K::Chunk>,
    place: Place,
}

impl<K: Chunked> Billed<K> {
    pub(super) fn by(bill: Box<Bill>) -> Self {
        Self {
            bill,
            chunks: Vec::new(),
            place: Place::default(),
        }
    }

    /// With one more; `None` where that is more than would be kept of a stream.
    pub(super) fn with(mut self: Box<Self>, chunk: &K::Chunk) -> Option<Box<Self>> {
        self.place = self.place.after(K::measure(chunk));
        if self.place.bytes > MOST_BYTES || self.place.chunks > MOST_CHUNKS {
            return None;
        }
        self.chunks.push(chunk.clone());
        Some(self)
    }

    /// These are all of them.
    pub(super) fn charge(self) {
        let chunks = Arc::new(Chunks::Stream(self.chunks));
        self.bill.charge(Charged::Billed, &chunks);
    }
}
