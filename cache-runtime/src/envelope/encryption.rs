//! Encryption of values with XChaCha20-Poly1305: authenticated, with the header and the name of
//! the key in the store as associated data, so that nothing can be changed or moved to another
//! key.
//!
//! Every entry has a random nonce of 24 bytes: no number of messages wears a key out, and
//! processes need not agree on anything.

use chacha20poly1305::aead::{AeadInOut, Nonce, Tag};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use sha2::{Digest, Sha256};

use super::Fault;
use super::header::HEADER;
use crate::config::{CacheConfig, Secret};

const NONCE: usize = 24;
const TAG: usize = 16;

pub(super) const SEAL: usize = NONCE + TAG;

/// Names a key without showing it: everybody who has the key knows its id.
type KeyId = [u8; 8];

/// The keys of one kind.
pub(crate) struct Keyring {
    active: Key,
    retired: Vec<Key>,
    required: bool,
}

struct Key {
    id: KeyId,
    cipher: XChaCha20Poly1305,
}

impl Key {
    fn new(secret: &Secret) -> Self {
        let mut id = KeyId::default();
        let digest = Sha256::new()
            .chain_update(b"larder: id of an encryption key")
            .chain_update(secret.bytes())
            .finalize();
        id.copy_from_slice(&digest[..8]);
        Self {
            id,
            cipher: XChaCha20Poly1305::new(secret.bytes().into()),
        }
    }
}

impl Keyring {
    /// The keys of a checked configuration, if it has some.
    pub(crate) fn of(config: &CacheConfig) -> Option<Self> {
        let key = |secret| {
            Secret::parse("", secret)
                .ok()
                .map(|secret| Key::new(&secret))
        };
        Some(Self {
            active: key(config.encryption_key.as_ref()?)?,
            retired: config
                .retired_encryption_keys
                .iter()
                .filter_map(key)
                .collect(),
            required: config.require_encryption,
        })
    }

    /// The id of the key that values are written with.
    pub(super) fn active(&self) -> KeyId {
        self.active.id
    }

    /// Whether values that are not encrypted are refused.
    pub(super) fn is_required(&self) -> bool {
        self.required
    }

    /// Encrypts the body in its place. `None` where the system has no random numbers.
    pub(super) fn encrypt(
        &self,
        header: &[u8; HEADER],
        key: &str,
        body: &mut [u8],
    ) -> Option<[u8; SEAL]> {
        let mut nonce = Nonce::<XChaCha20Poly1305>::default();
        getrandom::fill(&mut nonce).ok()?;
        let cipher = &self.active.cipher;
        let tag = cipher
            .encrypt_inout_detached(&nonce, &associated(header, key), body.into())
            .ok()?;
        let mut seal = [0; SEAL];
        seal[..NONCE].copy_from_slice(&nonce);
        seal[NONCE..].copy_from_slice(&tag);
        Some(seal)
    }

    /// Decrypts the body in its place.
    pub(super) fn decrypt(
        &self,
        id: KeyId,
        header: &[u8; HEADER],
        key: &str,
        seal: &[u8],
        body: &mut [u8],
    ) -> Result<(), Fault> {
        let mut keys = std::iter::once(&self.active).chain(&self.retired);
        let cipher = &keys
            .find(|key| key.id == id)
            .ok_or(Fault::UnknownKey)?
            .cipher;
        let (nonce, tag) = seal.split_at_checked(NONCE).ok_or(Fault::Damaged)?;
        let nonce = <&Nonce<XChaCha20Poly1305>>::try_from(nonce).map_err(|_| Fault::Damaged)?;
        let tag = <&Tag<XChaCha20Poly1305>>::try_from(tag).map_err(|_| Fault::Damaged)?;
        cipher
            .decrypt_inout_detached(nonce, &associated(header, key), body.into(), tag)
            .map_err(|_| Fault::Damaged)
    }
}

/// The header has a fixed length, so the two cannot run into each other.
fn associated(header: &[u8; HEADER], key: &str) -> Vec<u8> {
    [header.as_slice(), key.as_bytes()].concat()
}

impl std::fmt::Debug for Keyring {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("retired", &self.retired.len())
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}
