//! What an envelope has to know about the type of a value, with the type erased.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{self, Codec};
use super::digest::digest;
use crate::clock::Tick;
use crate::key::Refused;
use crate::memory::{Entry, SharedEntry};
use crate::policy::Ttl;

/// A value whose type only its `ValueType` knows.
pub(crate) type Erased = dyn Any + Send + Sync;

pub(super) type Digest = [u8; 16];

/// Writes and reads values of one type.
#[derive(Clone, Copy, Debug)]
pub struct ValueType {
    encode: fn(&Erased, Codec, &mut Vec<u8>) -> Result<Digest, Refused>,
    decode: fn(&[u8], Codec, Tick, Ttl) -> Option<Decoded>,
}

/// A value that was read, before it is known whether it is the one that was stored.
pub(super) struct Decoded {
    pub(super) entry: SharedEntry,
    pub(super) digest: Digest,
}

impl ValueType {
    pub(crate) const fn of<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self {
            encode: encode_as::<T>,
            decode: decode_as::<T>,
        }
    }

    /// Of values that are kept behind an `Arc`, which leaves no trace in their bytes.
    pub(crate) const fn of_shared<T>() -> Self
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        Self {
            encode: encode_shared::<T>,
            decode: decode_shared::<T>,
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

    /// The entry that these bytes and times make. A panic in the value's own `Deserialize` is as
    /// good as an error.
    pub(super) fn decode(
        &self,
        bytes: &[u8],
        codec: Codec,
        created: Tick,
        ttl: Ttl,
    ) -> Option<Decoded> {
        let decode = AssertUnwindSafe(|| (self.decode)(bytes, codec, created, ttl));
        catch_unwind(decode).ok().flatten()
    }
}

fn encode_as<T: Serialize + 'static>(
    value: &Erased,
    codec: Codec,
    out: &mut Vec<u8>,
) -> Result<Digest, Refused> {
    encode::<T>(value.downcast_ref().ok_or(Refused)?, codec, out)
}

fn encode_shared<T: Serialize + 'static + Send + Sync>(
    value: &Erased,
    codec: Codec,
    out: &mut Vec<u8>,
) -> Result<Digest, Refused> {
    let value: &Arc<T> = value.downcast_ref().ok_or(Refused)?;
    encode::<T>(value, codec, out)
}

fn encode<T: Serialize>(value: &T, codec: Codec, out: &mut Vec<u8>) -> Result<Digest, Refused> {
    // First: it refuses what is nested too deep for the codecs.
    let digest = digest(value, 256)?;
    codec::write(codec, value, out)?;
    Ok(digest)
}

fn decode_as<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
    bytes: &[u8],
    codec: Codec,
    created: Tick,
    ttl: Ttl,
) -> Option<Decoded> {
    let (value, digest) = decode::<T>(bytes, codec)?;
    let entry = Arc::new(Entry::new(value, created, ttl));
    Some(Decoded { entry, digest })
}

fn decode_shared<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
    bytes: &[u8],
    codec: Codec,
    created: Tick,
    ttl: Ttl,
) -> Option<Decoded> {
    let (value, digest) = decode::<T>(bytes, codec)?;
    let entry = Arc::new(Entry::new(Arc::new(value), created, ttl));
    Some(Decoded { entry, digest })
}

fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], codec: Codec) -> Option<(T, Digest)> {
    let value = codec::read(codec, bytes)?;
    let digest = digest(&value, bytes.len()).ok()?;
    Some((value, digest))
}
