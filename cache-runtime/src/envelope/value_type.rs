//! From a value to bytes and back, with the value's type erased.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Tick;
use crate::key::{Refused, Sequences, encode};
use crate::memory::{Entry, SharedEntry};
use crate::policy::Ttl;

/// A value whose type only its codec knows.
pub(crate) type Erased = dyn Any + Send + Sync;

/// Writes and reads values of one type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueType {
    encode: fn(&Erased) -> Result<Encoded, Refused>,
    decode: fn(&[u8], Tick, Ttl) -> Option<Decoded>,
}

/// A value as bytes.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// What the digest is made over. The order of sequences does not count in it, because serde
    /// shows a set as a sequence, in another order each time.
    pub(crate) canonical: Vec<u8>,
}

/// A value that was read, before it is known whether it is the one that was stored.
pub(super) struct Decoded {
    pub(super) entry: SharedEntry,
    pub(super) canonical: Vec<u8>,
}

impl ValueType {
    pub(crate) const fn of<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self {
            encode: encode_as::<T>,
            decode: decode_as::<T>,
        }
    }

    /// A panic in the value's own `Serialize` is a refusal.
    pub(super) fn encode(&self, value: &Erased) -> Result<Encoded, Refused> {
        catch_unwind(AssertUnwindSafe(|| (self.encode)(value))).unwrap_or(Err(Refused))
    }

    /// The entry that these bytes and times make. A panic in the value's own `Deserialize` is as
    /// good as an error.
    pub(super) fn decode(&self, bytes: &[u8], created: Tick, ttl: Ttl) -> Option<Decoded> {
        catch_unwind(AssertUnwindSafe(|| (self.decode)(bytes, created, ttl)))
            .ok()
            .flatten()
    }
}

fn encode_as<T: Serialize + 'static>(value: &Erased) -> Result<Encoded, Refused> {
    let value: &T = value.downcast_ref().ok_or(Refused)?;
    let bytes = rmp_serde::to_vec_named(value).map_err(|_| Refused)?;
    let canonical = canonical(value, bytes.len())?;
    Ok(Encoded { bytes, canonical })
}

fn decode_as<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
    bytes: &[u8],
    created: Tick,
    ttl: Ttl,
) -> Option<Decoded> {
    let value: T = rmp_serde::from_slice(bytes).ok()?;
    let canonical = canonical(&value, bytes.len()).ok()?;
    Some(Decoded {
        entry: Arc::new(Entry::new(value, created, ttl)),
        canonical,
    })
}

/// `encoded` is the length of the value in another encoding: a good guess at this one.
fn canonical<T: Serialize>(value: &T, encoded: usize) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::with_capacity(encoded + encoded / 4 + 16);
    encode(value, Sequences::Sorted, &mut bytes)?;
    Ok(bytes)
}
