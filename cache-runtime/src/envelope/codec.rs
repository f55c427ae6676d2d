//! How a value becomes bytes: the formats, and what a reader of each allows.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(feature = "bincode")]
use super::VALUE_LIMIT;
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
    /// `MessagePack` with the names of fields: takes every type that serde takes. `Some(None)` is the
    /// same as `None` in it, and does not come back.
    #[default]
    MessagePack,
    /// JSON: to be read by people. Maps need keys that JSON can write; floats that are no numbers
    /// do not come back.
    Json,
    /// `bincode` 2: the smallest, without names. Types that have to be told what they are by the
    /// bytes (`serde_json::Value`, untagged enums, flattened fields) do not come back.
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
    let mut place = Place::new(PhantomData, Bounds::new(&allowance));
    fill(codec, bytes, &mut place).ok()?;
    place.value()
}

fn fill<'de>(codec: Codec, bytes: &'de [u8], value: &mut dyn Seed<'de>) -> Result<(), Undecodable> {
    match codec {
        Codec::MessagePack => value.fill(&mut MessagePack::new(bytes)),
        Codec::Json => {
            let mut json = serde_json::Deserializer::from_slice(bytes);
            // Ours counts as the writer does; its own counts a variant with fields twice.
            json.disable_recursion_limit();
            value.fill(&mut Format::new(&mut json))
        }
        #[cfg(feature = "bincode")]
        Codec::Bincode => {
            let reader = bincode::de::read::SliceReader::new(bytes);
            let mut decoder = bincode::serde::OwnedSerdeDecoder::from_reader(reader, BINCODE);
            value.fill(&mut Format::new(decoder.as_deserializer()))
        }
    }
}

/// With a limit, because it allocates what a length field claims.
#[cfg(feature = "bincode")]
const BINCODE: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<VALUE_LIMIT>,
> = bincode::config::standard().with_limit::<VALUE_LIMIT>();
