//! The bytes of what is said on a channel.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version: 1, or 2 where a digest follows |
//! | 1 | what is said |
//! | 8 | number of the sender, at random |
//! | 8 | how many invalidations the sender has announced, with this one |
//! | | of an entry or a computation: the hash of the entry's name, 4 bytes; of a generation: its name |
//! | 16 | the first half of HMAC-SHA-256 over all that is before, with the secret of the keys (version 2) |
//!
//! Numbers begin with their lowest byte.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::news::Ended;
use crate::config::Secret;
use crate::generation::{Invalidation, KeyHash};

const PLAIN: u8 = 1;
const AUTHENTICATED: u8 = 2;
const DIGEST: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) sender: u64,
    /// Invalidations that the sender has announced so far.
    pub(crate) announced: u64,
    pub(crate) said: Said,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing but how many there were.
    Beat,
    /// The same, by one who has just begun to listen, and wants to know of the others.
    Hello,
    /// The same, for the last time.
    Bye,
    Invalidated(Invalidated),
    /// Very much was removed.
    Everything,
    /// A computation that others may wait for has ended. It is no invalidation, and not counted: who
    /// waits looks now and then anyway.
    Ended(KeyHash, Ended),
}

/// What others may have in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Invalidated {
    /// Removed, or set by the application.
    Entry(KeyHash),
    /// All that carries the generation of this name.
    Generation(String, Invalidation),
}

impl Message {
    pub(crate) fn to_bytes(&self, secret: Option<&Secret>) -> Vec<u8> {
        let version = if secret.is_some() {
            AUTHENTICATED
        } else {
            PLAIN
        };
        let hash;
        let (code, subject): (u8, &[u8]) = match &self.said {
            Said::Beat => (0, &[]),
            Said::Bye => (1, &[]),
            Said::Everything => (2, &[]),
            Said::Hello => (6, &[]),
            Said::Invalidated(Invalidated::Entry(KeyHash(of))) => {
                hash = of.to_le_bytes();
                (3, &hash)
            }
            Said::Ended(KeyHash(of), ended) => {
                hash = of.to_le_bytes();
                let code = match ended {
                    Ended::Landed => 7,
                    Ended::GivenUp => 8,
                };
                (code, &hash)
            }
            Said::Invalidated(Invalidated::Generation(name, how)) => match how {
                Invalidation::Expire => (4, name.as_bytes()),
                Invalidation::Remove => (5, name.as_bytes()),
            },
        };
        let mut bytes = vec![version, code];
        bytes.extend_from_slice(&self.sender.to_le_bytes());
        bytes.extend_from_slice(&self.announced.to_le_bytes());
        bytes.extend_from_slice(subject);
        if let Some(secret) = secret {
            let digest = mac(secret, &bytes).finalize().into_bytes();
            bytes.extend_from_slice(&digest[..DIGEST]);
        }
        bytes
    }

    /// `None` for bytes of another kind, and for those of somebody without the secret.
    pub(crate) fn parse(bytes: &[u8], secret: Option<&Secret>) -> Option<Self> {
        let (version, said) = match secret {
            None => (PLAIN, bytes),
            Some(secret) => {
                let (said, digest) = bytes.split_last_chunk::<DIGEST>()?;
                mac(secret, said).verify_truncated_left(digest).ok()?;
                (AUTHENTICATED, said)
            }
        };
        let ([found, code], rest) = said.split_first_chunk()?;
        let (sender, rest) = rest.split_first_chunk()?;
        let (announced, subject) = rest.split_first_chunk()?;
        if *found != version {
            return None;
        }
        let said = match code {
            0 => Said::Beat,
            1 => Said::Bye,
            2 => Said::Everything,
            6 => Said::Hello,
            3 | 7 | 8 => {
                let hash = KeyHash(u32::from_le_bytes(subject.try_into().ok()?));
                match code {
                    3 => Said::Invalidated(Invalidated::Entry(hash)),
                    7 => Said::Ended(hash, Ended::Landed),
                    _ => Said::Ended(hash, Ended::GivenUp),
                }
            }
            4 | 5 => {
                let name = String::from_utf8(subject.to_vec()).ok()?;
                let how = if *code == 4 {
                    Invalidation::Expire
                } else {
                    Invalidation::Remove
                };
                Said::Invalidated(Invalidated::Generation(name, how))
            }
            _ => return None,
        };
        Some(Self {
            sender: u64::from_le_bytes(*sender),
            announced: u64::from_le_bytes(*announced),
            said,
        })
    }
}

fn mac(secret: &Secret, bytes: &[u8]) -> Hmac<Sha256> {
    // HMAC fills a key that is shorter than a block with zeros.
    let mut key = hmac::digest::Key::<Hmac<Sha256>>::default();
    key[..secret.bytes().len()].copy_from_slice(secret.bytes());
    <Hmac<Sha256> as KeyInit>::new(&key).chain_update(bytes)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::{Ended, Invalidated, Message, Said};
    use crate::config::Secret;
    use crate::generation::{Invalidation, KeyHash};

    fn secret(letter: &str) -> Secret {
        let text = SecretString::from(format!("{}=", letter.repeat(43)));
        Secret::parse("key_secret", &text).unwrap_or_else(|problem| panic!("{problem}"))
    }

    fn messages() -> Vec<Message> {
        let mut said = vec![Said::Beat, Said::Hello, Said::Bye, Said::Everything];
        said.push(Said::Invalidated(Invalidated::Entry(KeyHash(7))));
        for ended in [Ended::Landed, Ended::GivenUp] {
            said.push(Said::Ended(KeyHash(7), ended));
        }
        for how in [Invalidation::Expire, Invalidation::Remove] {
            let name = "web:gen:op:profile".to_owned();
            said.push(Said::Invalidated(Invalidated::Generation(name, how)));
        }
        let message = |said| Message {
            sender: 1 << 63,
            announced: 300,
            said,
        };
        said.into_iter().map(message).collect()
    }

    #[test]
    fn what_is_said_is_what_is_heard() {
        let ours = secret("A");
        for message in messages() {
            for secret in [None, Some(&ours)] {
                let bytes = message.to_bytes(secret);
                assert_eq!(Message::parse(&bytes, secret), Some(message.clone()));
            }
        }
    }

    #[test]
    fn whoever_does_not_know_the_secret_is_not_heard() {
        let (ours, theirs) = (secret("A"), secret("E"));
        for message in messages() {
            let plain = message.to_bytes(None);
            let forged = message.to_bytes(Some(&theirs));
            assert_eq!(Message::parse(&plain, Some(&ours)), None);
            assert_eq!(Message::parse(&forged, Some(&ours)), None);
            let right = message.to_bytes(Some(&ours));
            for at in 0..right.len() {
                let mut changed = right.clone();
                changed[at] ^= 1;
                assert_eq!(Message::parse(&changed, Some(&ours)), None, "byte {at}");
                assert_eq!(
                    Message::parse(&right[..at], Some(&ours)),
                    None,
                    "cut at {at}"
                );
            }
            assert_eq!(Message::parse(&right, None), None);
        }
    }
}
