//! How a value becomes bytes: the formats, and what a reader of each allows.

use std::fmt;
use std::str::FromStr;

use crate::error::CacheError;

/// How values are written into a store.
///
/// Every entry says which one it is written with, so a cache reads what was written before the
/// setting was changed.
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
    /// `MessagePack` with the names of fields: takes every type that serde takes.
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
            .find(|codec| codec.name() == name)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|codec| codec.name()).collect();
                CacheError::configuration(format!(
                    "the codec is {name:?}; expected one of {}",
                    names.join(", ")
                ))
            })
    }
}
