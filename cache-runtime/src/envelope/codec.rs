//! From a value to bytes and back, with the value's type erased.

use std::any::Any;

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
pub(crate) struct Codec {
    encode: fn(&Erased) -> Result<Encoded, Refused>,
    decode: fn(&[u8]) -> Option<Decoded>,
}

/// A value as bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// What the digest is made over. The order of sequences does not count in it, because serde
    /// shows a set as a sequence, in another order each time.
    pub(crate) canonical: Vec<u8>,
}

/// A value that was read, before it is known whether it is the one that was stored.
pub(crate) struct Decoded {
    pub(crate) canonical: Vec<u8>,
    value: Box<dyn IntoEntry>,
}

impl Decoded {
    pub(crate) fn into_entry(self, created: Tick, ttl: Ttl) -> SharedEntry {
        self.value.into_entry(created, ttl)
    }
}

/// Moves a value into an entry without knowing its type.
trait IntoEntry {
    fn into_entry(self: Box<Self>, created: Tick, ttl: Ttl) -> SharedEntry;
}

impl<T: Send + Sync + 'static> IntoEntry for T {
    fn into_entry(self: Box<Self>, created: Tick, ttl: Ttl) -> SharedEntry {
        std::sync::Arc::new(Entry::new(*self, created, ttl))
    }
}

impl Codec {
    pub(crate) const fn of<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self {
            encode: encode_as::<T>,
            decode: decode_as::<T>,
        }
    }

    pub(super) fn encode(&self, value: &Erased) -> Result<Encoded, Refused> {
        (self.encode)(value)
    }

    pub(super) fn decode(&self, bytes: &[u8]) -> Option<Decoded> {
        (self.decode)(bytes)
    }
}

fn encode_as<T: Serialize + 'static>(value: &Erased) -> Result<Encoded, Refused> {
    let value: &T = value.downcast_ref().ok_or(Refused)?;
    Ok(Encoded {
        bytes: rmp_serde::to_vec_named(value).map_err(|_| Refused)?,
        canonical: canonical(value)?,
    })
}

fn decode_as<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
    bytes: &[u8],
) -> Option<Decoded> {
    let value: T = rmp_serde::from_slice(bytes).ok()?;
    Some(Decoded {
        canonical: canonical(&value).ok()?,
        value: Box::new(value),
    })
}

fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    encode(value, Sequences::Sorted, &mut bytes)?;
    Ok(bytes)
}
