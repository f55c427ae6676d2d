//! Encryption of values with XChaCha20-Poly1305: authenticated, with the header, the kind and the
//! name of the key in the store as associated data, so that nothing can be changed or moved to
//! another key.
//!
//! Every entry has a random nonce of 24 bytes: no number of messages wears a key out, and
//! processes need not agree on anything.
//!
//! The X of the cipher is its nonce: `HChaCha20` makes a key out of ours and the first 16 bytes of
//! the nonce, and ChaCha20-Poly1305 goes on with that key and the other 8, as in
//! draft-irtf-cfrg-xchacha-03. The first step is that of the crate `chacha20`, the second one that
//! of `ring`, which takes a third of the time of the pure Rust one.

use chacha20::{R20, hchacha};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

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
    secret: Secret,
}

impl Key {
    fn new(secret: Secret) -> Self {
        let mut id = KeyId::default();
        let digest = Sha256::new()
            .chain_update(b"larder: id of an encryption key")
            .chain_update(secret.bytes())
            .finalize();
        id.copy_from_slice(&digest[..8]);
        Self { id, secret }
    }

    /// The cipher for one entry, and the nonce that is left for it.
    fn cipher(&self, nonce: &[u8; NONCE]) -> Option<(LessSafeKey, Nonce)> {
        let (for_key, rest) = nonce.split_first_chunk::<16>()?;
        let subkey = hchacha::<R20>(self.secret.bytes().into(), for_key.into());
        let subkey = Zeroizing::new(<[u8; 32]>::from(subkey));
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, &*subkey).ok()?;
        let mut last = [0; 12];
        last[4..].copy_from_slice(rest);
        let nonce = Nonce::assume_unique_for_key(last);
        Some((LessSafeKey::new(cipher), nonce))
    }
}

impl Keyring {
    /// The keys of a checked configuration, if it has some.
    pub(crate) fn of(config: &CacheConfig) -> Option<Self> {
        let key = |secret| Secret::parse("", secret).ok().map(Key::new);
        Some(Self {
            active: key(config.encryption_key.as_ref()?)?,
            retired: config
                .retired_encryption_keys
                .iter()
                .filter_map(key)
                .collect(),
            required: config.require_encryption.unwrap_or(true),
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
        kind: &str,
        key: &str,
        body: &mut [u8],
    ) -> Option<[u8; SEAL]> {
        let mut nonce = [0; NONCE];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let (cipher, last) = self.active.cipher(&nonce)?;
        let associated = Aad::from(associated(header, kind, key));
        let tag = cipher.seal_in_place_separate_tag(last, associated, body);
        let tag = tag.ok()?;
        let mut seal = [0; SEAL];
        seal[..NONCE].copy_from_slice(&nonce);
        seal[NONCE..].copy_from_slice(tag.as_ref());
        Some(seal)
    }

    /// Decrypts the body in its place.
    pub(super) fn decrypt(
        &self,
        id: KeyId,
        header: &[u8; HEADER],
        kind: &str,
        key: &str,
        seal: &[u8],
        body: &mut [u8],
    ) -> Result<(), Fault> {
        let mut keys = std::iter::once(&self.active).chain(&self.retired);
        let used = keys.find(|key| key.id == id).ok_or(Fault::UnknownKey)?;
        let (nonce, tag) = seal.split_first_chunk().ok_or(Fault::Damaged)?;
        let tag = Tag::try_from(tag).map_err(|_| Fault::Damaged)?;
        let (cipher, last) = used.cipher(nonce).ok_or(Fault::Damaged)?;
        let associated = Aad::from(associated(header, kind, key));
        let opened = cipher.open_in_place_separate_tag(last, associated, tag, body, 0..);
        opened.map(drop).map_err(|_| Fault::Damaged)
    }
}

/// The header has a fixed length and the kind's name its length before it, so none of the parts can
/// run into the next one.
fn associated(header: &[u8; HEADER], kind: &str, key: &str) -> Vec<u8> {
    let length = (kind.len() as u64).to_le_bytes();
    [header, length.as_slice(), kind.as_bytes(), key.as_bytes()].concat()
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
