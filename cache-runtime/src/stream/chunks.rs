//! The chunks of a stream that has come to its end: what is kept of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{Local, LocalValue, Own, Shared, Tiered, Value};
use crate::memory::measure;

/// All chunks of one stream. Serde shows it as nothing that a function would return: an operation that
/// a stream shares with a function takes none of its values.
#[derive(Serialize, Deserialize)]
pub enum Chunks<T> {
    /// In their order.
    #[serde(rename = "larder.stream")]
    Stream(Vec<T>),
}

impl<T> Chunks<T> {
    pub(super) fn list(&self) -> &Vec<T> {
        let Self::Stream(list) = self;
        list
    }
}

impl<T> std::fmt::Debug for Chunks<T> {
    /// Without what they say.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks")
            .field("number", &self.list().len())
            .finish_non_exhaustive()
    }
}

/// How the chunks of a stream are kept in the tiers.
pub trait Chunked: 'static {
    /// One of them.
    type Chunk: Clone + Send + Sync + 'static;
    /// How all of them together are kept.
    type Together: Tiered<Kept = Arc<Chunks<Self::Chunk>>>;

    /// About as many bytes as a chunk takes in memory. What panics or refuses to be serialized has the
    /// size of its type.
    fn measure(chunk: &Self::Chunk) -> u64;
}

impl<T: Value> Chunked for Own<T> {
    type Chunk = T;
    type Together = Shared<Chunks<T>>;

    fn measure(chunk: &T) -> u64 {
        let measured = catch_unwind(AssertUnwindSafe(|| measure(chunk).ok()));
        let measured = measured.ok().flatten();
        measured.unwrap_or(0).max(size_of::<T>() as u64)
    }
}

impl<T: LocalValue> Chunked for Local<T> {
    type Chunk = T;
    type Together = Local<Arc<Chunks<T>>>;

    fn measure(_: &T) -> u64 {
        size_of::<T>() as u64
    }
}
