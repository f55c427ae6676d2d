//! The files that TLS is set up with: whether they hold what they should, and until when.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

pub(super) struct TlsFile<'a> {
    pub(super) setting: &'static str,
    pub(super) path: &'a Path,
    pub(super) content: Content,
}

#[derive(Clone, Copy)]
pub(super) enum Content {
    /// Certificates of authorities, each good by itself.
    Authorities,
    /// A certificate, and those of who vouches for it.
    Certificate,
    Key,
}

impl TlsFile<'_> {
    /// What is in the way of using it.
    pub(super) fn problem(&self) -> Option<String> {
        let (found, expected) = match self.valid_until() {
            Err(reason) => (reason, "a file in PEM"),
            Ok(Some(end)) => {
                let over = SystemTime::now().duration_since(end).ok()?;
                let found = format!("whose certificate expired {} ago", days(over));
                (found, "one that is valid")
            }
            Ok(None) => return None,
        };
        let (setting, path) = (self.setting, self.path.display());
        Some(format!("{setting} is {path}, {found}; expected {expected}"))
    }

    /// When the certificate in it ends, as far as it says so; or what is there in place of what
    /// should be.
    pub(super) fn valid_until(&self) -> Result<Option<SystemTime>, String> {
        let pem = std::fs::read(self.path);
        let pem = pem.map_err(|error| format!("which cannot be read ({error})"))?;
        // What is wrong with it is not said: that may quote the file.
        if matches!(self.content, Content::Key) {
            return match PrivateKeyDer::from_pem_slice(&pem) {
                Ok(_) => Ok(None),
                Err(_) => Err("which holds no key".to_owned()),
            };
        }
        let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.unwrap_or_default();
        if certificates.is_empty() {
            return Err("which holds no certificate".to_owned());
        }
        let mut ends = certificates.iter().map(valid_until);
        Ok(match self.content {
            Content::Authorities => ends.max().flatten(),
            Content::Certificate | Content::Key => ends.next().flatten(),
        })
    }
}

/// Whoever asks at the end of time whether a certificate is valid is told when it ended, before
/// anything else about it is looked at.
fn valid_until(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let end_of_time = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
    let nobody = RootCertStore::empty();
    match verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], end_of_time, &[]) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(not_after.as_secs()))
        }
        _ => None,
    }
}

pub(super) fn days(time: Duration) -> String {
    match time.as_secs() / (24 * 60 * 60) {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
