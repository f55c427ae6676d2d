//! What stands for encryption in a build without the feature: there are no keys.

use super::Fault;
use super::header::HEADER;
use crate::config::CacheConfig;

pub(super) const SEAL: usize = 0;

/// There is none.
#[derive(Debug)]
pub(crate) enum Keyring {}

impl Keyring {
    pub(crate) fn of(_config: &CacheConfig) -> Option<Self> {
        None
    }

    pub(super) fn active(&self) -> [u8; 8] {
        match *self {}
    }

    pub(super) fn is_required(&self) -> bool {
        match *self {}
    }

    pub(super) fn encrypt(
        &self,
        _header: &[u8; HEADER],
        _kind: &str,
        _key: &str,
        _body: &mut [u8],
    ) -> Option<[u8; SEAL]> {
        match *self {}
    }

    pub(super) fn decrypt(
        &self,
        _id: [u8; 8],
        _header: &[u8; HEADER],
        _kind: &str,
        _key: &str,
        _seal: &[u8],
        _body: &mut [u8],
    ) -> Result<(), Fault> {
        match *self {}
    }
}
