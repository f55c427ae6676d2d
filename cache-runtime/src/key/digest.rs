//! Digests in the names of keys.

use std::fmt;
use std::str::FromStr;

use hmac::digest::OutputSizeUser;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha2::digest::Output;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::config::Secret;
use crate::error::CacheError;

/// What digests in the names of keys are made with.
///
/// Keys under different algorithms are different keys: after a change, what was stored before is
/// not found again, and stays until its lifetime is over.
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
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name.trim()))
            .ok_or_else(|| {
                CacheError::configuration(format!(
                    "the hash algorithm is {name:?}; expected one of {}",
                    Self::ALL.map(Self::name).join(", ")
                ))
            })
    }
}

/// Whether texts are readable in the names of keys.
///
/// Keys under different settings are different keys: after a change, what was stored before is not
/// found again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyPrivacy {
    /// Short texts and the application's own keys are readable: everybody who may list the keys of
    /// the store can read them.
    #[default]
    Readable,
    /// A digest stands in their place. No pattern can see through it, so
    /// [`Cache::keys`](crate::Cache::keys) and
    /// [`Cache::remove_matching`](crate::Cache::remove_matching) know only the keys that are in
    /// memory; [`Cache::clear`](crate::Cache::clear) forgets them all.
    ///
    /// Somebody who may list the keys of the store can still find out whether a text that he
    /// guesses has a key, unless there is a
    /// [`key_secret`](crate::CacheConfigBuilder::key_secret).
    Hashed,
}

impl KeyPrivacy {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Readable, Self::Hashed];

    /// The name, as settings have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Readable => "readable",
            Self::Hashed => "hashed",
        }
    }
}

impl FromStr for KeyPrivacy {
    type Err = CacheError;

    fn from_str(name: &str) -> Result<Self, CacheError> {
        let known = Self::ALL.into_iter().find(|it| it.name() == name);
        known.ok_or_else(|| {
            CacheError::configuration(format!(
                "key_privacy is {name:?}; expected one of {}",
                Self::ALL.map(Self::name).join(", ")
            ))
        })
    }
}

/// Makes the digests in the names of one kind's keys, with the secret where there is one.
#[derive(Clone, Debug)]
pub(crate) struct Digests {
    pub(crate) algorithm: HashAlgorithm,
    pub(crate) secret: Option<Secret>,
}

impl Digests {
    /// Gives the whole digest to `use_digest`: 32, 48 or 64 bytes.
    pub(super) fn with_whole<R>(&self, bytes: &[u8], use_digest: impl FnOnce(&[u8]) -> R) -> R {
        match self.algorithm {
            HashAlgorithm::Sha256 => use_digest(&self.sha::<Sha256>(bytes)),
            HashAlgorithm::Sha384 => use_digest(&self.sha::<Sha384>(bytes)),
            HashAlgorithm::Sha512 => use_digest(&self.sha::<Sha512>(bytes)),
            HashAlgorithm::Blake3 => {
                let digest = match &self.secret {
                    Some(secret) => blake3::keyed_hash(secret.bytes(), bytes),
                    None => blake3::hash(bytes),
                };
                use_digest(digest.as_bytes())
            }
        }
    }

    /// The same with the first 128 bits.
    pub(super) fn with_short<R>(&self, bytes: &[u8], use_digest: impl FnOnce(&[u8]) -> R) -> R {
        self.with_whole(bytes, |digest| use_digest(&digest[..SHORT]))
    }

    fn sha<D: Digest + EagerHash>(&self, bytes: &[u8]) -> Output<D>
    where
        Hmac<D>: Mac + KeyInit + OutputSizeUser<OutputSize = D::OutputSize>,
    {
        match &self.secret {
            Some(secret) => {
                // HMAC fills a key that is shorter than a block with zeros.
                let mut key = hmac::digest::Key::<Hmac<D>>::default();
                key[..secret.bytes().len()].copy_from_slice(secret.bytes());
                let mac = <Hmac<D> as KeyInit>::new(&key).chain_update(bytes);
                mac.finalize().into_bytes()
            }
            None => D::digest(bytes),
        }
    }
}

/// Bytes of a digest that has been cut.
const SHORT: usize = 16;
