//! Secrets of 32 bytes, as operators write them.

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

const BYTES: usize = 32;

/// A secret of 32 bytes, wiped when it is dropped.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<[u8; BYTES]>);

impl Secret {
    /// The secret behind 32 bytes in base64, with the usual alphabet or the one for URLs, padded or
    /// not.
    ///
    /// # Errors
    /// One sentence about `setting`, without the text.
    pub(crate) fn parse(setting: &str, text: &SecretString) -> Result<Self, String> {
        let text = text.expose_secret().trim().trim_end_matches('=');
        let bytes = Base64Unpadded::decode_vec(text);
        let bytes = bytes.or_else(|_| Base64UrlUnpadded::decode_vec(text));
        let bytes = bytes.map(Zeroizing::new);
        let found = match &bytes {
            Err(_) => "is not base64".to_owned(),
            Ok(bytes) => match <[u8; BYTES]>::try_from(bytes.as_slice()) {
                Ok(secret) => return Ok(Self(Zeroizing::new(secret))),
                Err(_) => format!("has {} bytes", bytes.len()),
            },
        };
        Err(format!(
            "{setting} {found}; expected {BYTES} bytes in base64, as `openssl rand -base64 {BYTES}` \
             prints them"
        ))
    }

    pub(crate) fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}
