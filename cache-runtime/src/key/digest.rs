//! Digests in the names of keys.

use std::fmt;
use std::str::FromStr;

use crate::error::CacheError;

/// What digests in the names of keys are made with.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::HashAlgorithm;
///
/// let algorithm: HashAlgorithm = "blake3".parse()?;
/// assert_eq!(algorithm, HashAlgorithm::Blake3);
///
/// let unknown = "md5".parse::<HashAlgorithm>().unwrap_err().to_string();
/// assert!(unknown.contains("expected one of sha256, sha384, sha512, blake3"));
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-256: fast where the processor has instructions for it.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// BLAKE3: the fastest on long texts.
    Blake3,
}

impl HashAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Sha256, Self::Sha384, Self::Sha512, Self::Blake3];

    /// The name, as settings have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for HashAlgorithm {
    type Err = CacheError;

    fn from_str(name: &str) -> Result<Self, CacheError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| {
                CacheError::configuration(format!(
                    "the hash algorithm is {name:?}; expected one of {}",
                    Self::ALL.map(Self::name).join(", ")
                ))
            })
    }
}

/// Whether texts are readable in the names of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyPrivacy {
    /// Short texts and the application's own keys are readable: everybody who may list the keys of
    /// the store can read them.
    #[default]
    Readable,
    /// A digest stands in their place.
    Hashed,
}
