//! How a value becomes bytes: the formats, and what a reader of each allows.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(feature = "bincode")]
use super::decoding::FillingSeed;
use super::decoding::{Format, MessagePack, Place, Seed};
use super::depth::{Allowance, Bounds, MEMORY, Undecodable};
use crate::error::CacheError;
use crate::key::Refused;

/// How values are written into a store.
///
/// Every entry says which one it is written with, so a cache reads what was written before the
/// setting was changed. A value that does not come back as it was written is a miss each time; the
/// first of them is logged.
///
/// Whatever bytes are in a store, reading them is bounded: in levels, in the stack, and in the memory
/// of lists and maps, of about 64 MiB. A value that takes more is a miss. The bounds end where serde
/// itself buffers a part before it decodes it, which it does for untagged and internally tagged
/// enums and for flattened fields: bytes can fill the stack, the memory or the time of the process
/// if such a type contains itself, or a type that does. Where others can write into the store, have
/// no such types, or encrypt: forged bytes are then refused before they are decoded.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{CacheConfig, Codec};
///
/// let readable = CacheConfig::builder().codec(Codec::Json).build()?;
/// assert_eq!("messagepack".parse::<Codec>()?, Codec::default());
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// `MessagePack` with the names of fields: for nearly every type. `Some(None)` is the same as
    /// `None` in it, and does not come back. Neither does a value whose type asks for a number, a
    /// list or a map while it reads, but has written something else, such as nothing for NaN.
    #[default]
    MessagePack,
    /// JSON: to be read by people. Maps need keys that JSON can write; floats that are no numbers
    /// do not come back.
    Json,
    /// `bincode` 2: the smallest, without names. Types that have to be told what they are by the
    /// bytes (`serde_json::Value`, enums that are untagged or tagged inside, fields that are
    /// flattened or left out) do not come back. Neither does a value with many more than a thousand
    /// elements that take no bytes, such as `vec![(); 2000]`.
    #[cfg(feature = "bincode")]
    Bincode,
}

impl Codec {
    /// Every codec of this build.
    pub const ALL: &'static [Self] = &[
        Self::MessagePack,
        Self::Json,
        #[cfg(feature = "bincode")]
        Self::Bincode,
    ];

    /// The name, as settings have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MessagePack => "messagepack",
            Self::Json => "json",
            #[cfg(feature = "bincode")]
            Self::Bincode => "bincode",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Codec {
    type Err = CacheError;

    fn from_str(name: &str) -> Result<Self, CacheError> {
        Self::ALL
            .iter()
            .copied()
            .find(|codec| codec.name().eq_ignore_ascii_case(name.trim()))
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|codec| codec.name()).collect();
                CacheError::configuration(format!(
                    "the codec is {name:?}; expected one of {}",
                    names.join(", ")
                ))
            })
    }
}

impl Codec {
    /// In the header of an envelope.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::MessagePack => 1,
            Self::Json => 2,
            #[cfg(feature = "bincode")]
            Self::Bincode => 3,
        }
    }

    pub(super) fn of_number(number: u8) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|codec| codec.number() == number)
    }
}

/// Every element of a list takes a byte at least, but for those that `bincode` writes nothing for.
/// So many of them may be in a value.
const ELEMENTS_WITHOUT_BYTES: usize = 1024;

/// Appends the value's bytes.
///
/// Each codec is compiled once, for erased values. But where this crate is optimized, `MessagePack`
/// is compiled for each type: nearly every entry is written with it, and erased it takes twice as
/// long for a list of numbers. The bytes are the same.
pub(super) fn write<T: Serialize>(
    codec: Codec,
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), Refused> {
    #[cfg(not(debug_assertions))]
    if codec == Codec::MessagePack {
        return rmp_serde::encode::write_named(out, value).map_err(|_| Refused);
    }
    write_erased(codec, value, out)
}

fn write_erased(
    codec: Codec,
    value: &dyn erased_serde::Serialize,
    out: &mut Vec<u8>,
) -> Result<(), Refused> {
    match codec {
        Codec::MessagePack => rmp_serde::encode::write_named(out, value).map_err(|_| Refused),
        Codec::Json => serde_json::to_writer(out, value).map_err(|_| Refused),
        #[cfg(feature = "bincode")]
        Codec::Bincode => match bincode::serde::encode_into_std_write(value, out, BINCODE) {
            Ok(_length) => Ok(()),
            Err(_) => Err(Refused),
        },
    }
}

/// The other way round.
pub(super) fn read<T: DeserializeOwned>(codec: Codec, bytes: &[u8]) -> Option<T> {
    let allowance = Allowance {
        elements: Cell::new(bytes.len() + ELEMENTS_WITHOUT_BYTES),
        memory: Cell::new(MEMORY),
    };
    let mut place = Place::new(PhantomData::<T>, Bounds::new(&allowance));
    fill(codec, bytes, &mut place).ok()?;
    place.value().ok()
}

fn fill<'de>(codec: Codec, bytes: &'de [u8], value: &mut dyn Seed<'de>) -> Result<(), Undecodable> {
    match codec {
        Codec::MessagePack => {
            let mut message_pack = MessagePack::new(bytes);
            value.fill(&mut message_pack)?;
            message_pack.ended()
        }
        Codec::Json => {
            let mut json = serde_json::Deserializer::from_slice(bytes);
            // Ours holds for every codec.
            json.disable_recursion_limit();
            value.fill(&mut Format::new(&mut json))?;
            json.end().map_err(|_| Undecodable)
        }
        #[cfg(feature = "bincode")]
        Codec::Bincode => {
            let seed = FillingSeed(value);
            match bincode::serde::seed_decode_from_slice(seed, bytes, BINCODE) {
                Ok(((), length)) if length == bytes.len() => Ok(()),
                _ => Err(Undecodable),
            }
        }
    }
}

/// Without a limit: it would count a number as long as it is in memory. None is needed, because a
/// text or bytes are borrowed, and are never longer than what is left.
#[cfg(feature = "bincode")]
const BINCODE: bincode::config::Configuration = bincode::config::standard();
