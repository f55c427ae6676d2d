//! What an envelope has to know about the type of a value, with the type erased.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{self, Codec};
use super::digest::digest;
use crate::key::Refused;
use crate::memory::{Entry, Head, SharedEntry, measure};

/// How one type of value is kept in memory, and what of it is written into a store.
pub(crate) trait Keep {
    /// What is in memory.
    type Kept: Clone + Send + Sync + 'static;
    /// What is in a store.
    type Written: Serialize + DeserializeOwned;

    /// What is to be written.
    fn written(kept: &Self::Kept) -> &Self::Written;

    /// What was read, as it is kept.
    fn kept(read: Self::Written) -> Self::Kept;
}

/// A value whose type only its `ValueType` knows.
pub(crate) type Erased = dyn Any + Send + Sync;

pub(super) type Digest = [u8; 16];

/// Writes and reads values of one type.
#[derive(Clone, Copy, Debug)]
pub struct ValueType {
    encode: fn(&Erased, Codec, &mut Vec<u8>) -> Result<Digest, Refused>,
    decode: fn(&[u8], Codec, Head) -> Option<Decoded>,
    measure: fn(&Erased) -> Option<u64>,
}

/// A value that was read, before it is known whether it is the one that was stored.
pub(super) struct Decoded {
    pub(super) opened: Opened,
    pub(super) digest: Digest,
}

/// An entry that was read, in two forms.
pub(crate) struct Opened {
    pub(crate) entry: SharedEntry,
    /// For who knows the type of the value, and may take it out if nobody else has the entry.
    pub(crate) whole: Whole,
}

/// An [`Entry`] of one type, all of it erased.
pub(crate) type Whole = Arc<Erased>;

impl Opened {
    pub(super) fn of<T: Send + Sync + 'static>(head: Head, value: T) -> Self {
        let entry = Arc::new(Entry { head, value });
        Self {
            whole: entry.clone(),
            entry,
        }
    }
}

impl ValueType {
    pub(crate) fn of<K: Keep>() -> Self {
        Self {
            encode: encode::<K>,
            decode: decode::<K>,
            measure: |value| {
                let value: &K::Kept = value.downcast_ref()?;
                measure(K::written(value)).ok()
            },
        }
    }

    /// Appends the bytes of a value. A panic in its own `Serialize` is a refusal.
    pub(super) fn encode(
        &self,
        value: &Erased,
        codec: Codec,
        out: &mut Vec<u8>,
    ) -> Result<Digest, Refused> {
        let encode = AssertUnwindSafe(|| (self.encode)(value, codec, out));
        catch_unwind(encode).unwrap_or(Err(Refused))
    }

    /// A digest of the value as serde shows it, insensitive to the order of maps and sets; `None` where it
    /// refuses to be serialized.
    pub(crate) fn digest(&self, value: &Erased) -> Option<Digest> {
        // The bytes are made too, and dropped: it is asked for in the background, now and then.
        self.encode(value, Codec::default(), &mut Vec::new()).ok()
    }

    /// About as many bytes as a value takes in memory; `None` where it refuses to be serialized. It may
    /// panic.
    pub(crate) fn measure(&self, value: &Erased) -> Option<u64> {
        (self.measure)(value)
    }

    /// The entry that these bytes make with this head. A panic in the value's own `Deserialize` is as
    /// good as an error.
    pub(super) fn decode(&self, bytes: &[u8], codec: Codec, head: Head) -> Option<Decoded> {
        let decode = AssertUnwindSafe(|| (self.decode)(bytes, codec, head));
        catch_unwind(decode).ok().flatten()
    }
}

fn encode<K: Keep>(value: &Erased, codec: Codec, out: &mut Vec<u8>) -> Result<Digest, Refused> {
    let value: &K::Kept = value.downcast_ref().ok_or(Refused)?;
    let value = K::written(value);
    // First: it refuses what is nested too deep for the codecs.
    let digest = digest(value, 256)?;
    codec::write(codec, value, out)?;
    Ok(digest)
}

fn decode<K: Keep>(bytes: &[u8], codec: Codec, head: Head) -> Option<Decoded> {
    let value: K::Written = codec::read(codec, bytes)?;
    // Tags and lengths take room beside the bytes.
    let digest = digest(&value, bytes.len() + bytes.len() / 8 + 64).ok()?;
    let opened = Opened::of(head, K::kept(value));
    Some(Decoded { opened, digest })
}
