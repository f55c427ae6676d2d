//! Who may use the store, and how the way to it is protected.

#[cfg(feature = "redis")]
mod facts;
#[cfg(feature = "redis")]
mod files;
#[cfg(feature = "redis")]
mod report;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

#[cfg(feature = "redis")]
use files::{Content, TlsFile};
#[cfg(feature = "redis")]
pub use report::{SecurityLevel, SecurityReport};

#[cfg(feature = "redis")]
use crate::store::redis::TlsFiles;

/// Who this application is to Redis, and how the connections are protected.
///
/// What is said here comes before what the URL says. Nothing is needed: without it the URL says who
/// the user is, and `rediss://` asks for TLS.
///
/// Certificates are always checked: against the authorities that the system trusts, or against one
/// of your own. There is no way to switch that off.
///
/// `Debug` shows no secret.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{CacheConfig, SecurityConfig};
///
/// # let password = "correct horse battery staple";
/// let security = SecurityConfig::default().acl_user("larder", password).tls();
/// let config = CacheConfig::builder()
///     .redis_url("redis://cache.internal:6380")
///     .security(security)
///     .build()?;
/// assert!(!format!("{config:?}").contains("battery"));
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SecurityConfig {
    /// Password of Redis' default user.
    pub redis_auth: Option<SecretString>,
    /// An ACL user, who needs `acl_password`.
    pub acl_username: Option<String>,
    /// Password of the ACL user.
    pub acl_password: Option<SecretString>,
    /// Who this is, asked anew for every connection.
    pub credentials: Option<CredentialSource>,
    /// Whether connections use TLS, also where the URL begins with `redis://`. Default: no.
    pub use_tls: bool,
    /// The authority that the server's certificate is checked against, as a file in PEM. Default:
    /// those that the system trusts.
    pub tls_ca_path: Option<PathBuf>,
    /// The certificate that this application shows, as a file in PEM.
    pub tls_cert_path: Option<PathBuf>,
    /// Its key, as a file in PEM.
    pub tls_key_path: Option<PathBuf>,
}

/// Who a connection is opened as.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// An ACL user; `None`: the default one.
    pub username: Option<String>,
    /// The user's password.
    pub password: SecretString,
}

/// Says who a connection is opened as. Shows itself without anything of that.
#[derive(Clone)]
pub struct CredentialSource(Arc<dyn Fn() -> Credentials + Send + Sync>);

impl CredentialSource {
    /// Whether it is the same source, not only one that says the same.
    pub(super) fn is_same(&self, other: Option<&Self>) -> bool {
        other.is_some_and(|other| Arc::ptr_eq(&self.0, &other.0))
    }

    #[cfg(feature = "redis")]
    pub(crate) fn ask(&self) -> Credentials {
        (self.0)()
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialSource")
    }
}

impl SecurityConfig {
    /// Opens connections with the password of Redis' default user.
    #[must_use]
    pub fn password(mut self, password: impl Into<SecretString>) -> Self {
        self.redis_auth = Some(password.into());
        self
    }

    /// Opens connections as this ACL user.
    #[must_use]
    pub fn acl_user(mut self, name: &str, password: impl Into<SecretString>) -> Self {
        self.acl_username = Some(name.to_owned());
        self.acl_password = Some(password.into());
        self
    }

    /// Asks `source` for every connection, and so follows credentials that change while the
    /// application runs: connections that are open stay so as long as Redis lets them, and the next
    /// one is opened with what `source` says then.
    ///
    /// It is called in the background and must not block. Where it panics, there is no connection.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use std::sync::{Arc, RwLock};
    /// use larder::{Credentials, SecurityConfig};
    ///
    /// let current = Arc::new(RwLock::new("the first password".to_owned()));
    /// let source = current.clone();
    /// let security = SecurityConfig::default().credentials(move || Credentials {
    ///     username: Some("larder".to_owned()),
    ///     password: source.read().unwrap().clone().into(),
    /// });
    /// *current.write().unwrap() = "the next one".to_owned();
    /// # drop(security);
    /// ```
    #[must_use]
    pub fn credentials(mut self, source: impl Fn() -> Credentials + Send + Sync + 'static) -> Self {
        self.credentials = Some(CredentialSource(Arc::new(source)));
        self
    }

    /// Uses TLS.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.use_tls = true;
        self
    }

    /// Uses TLS, and trusts servers that this authority vouches for and no others. The file is read
    /// for every connection, so that it may be exchanged while the application runs.
    #[must_use]
    pub fn tls_ca(mut self, path: impl AsRef<Path>) -> Self {
        self.tls_ca_path = Some(path.as_ref().to_owned());
        self.tls()
    }

    /// Uses TLS, and shows this certificate to the server (mutual TLS). The files are read for every
    /// connection.
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Self {
        self.tls_cert_path = Some(certificate.as_ref().to_owned());
        self.tls_key_path = Some(key.as_ref().to_owned());
        self.tls()
    }

    /// What makes these settings unusable.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let users = [
            ("redis_auth", self.redis_auth.is_some()),
            ("acl_username", self.acl_username.is_some()),
            ("credentials", self.credentials.is_some()),
        ];
        let users = users.into_iter().filter(|(_, is_set)| *is_set);
        let users: Vec<_> = users.map(|(setting, _)| setting).collect();
        if users.len() > 1 {
            problems.push(format!(
                "{} are set; expected one of them",
                users.join(" and ")
            ));
        }
        let is_empty = |secret: &Option<SecretString>| {
            let secret = secret.as_ref().map(ExposeSecret::expose_secret);
            secret.is_none_or(str::is_empty)
        };
        match &self.acl_username {
            Some(name) if name.is_empty() => {
                problems.push("acl_username is empty; expected the name of a user".to_owned());
            }
            Some(_) if is_empty(&self.acl_password) => problems.push(
                "acl_username is set and acl_password is missing; expected the user's password"
                    .to_owned(),
            ),
            None if self.acl_password.is_some() => problems.push(
                "acl_password is set and acl_username is missing; expected the user's name, or \
                 redis_auth for the default user"
                    .to_owned(),
            ),
            _ => {}
        }
        if self.redis_auth.is_some() && is_empty(&self.redis_auth) {
            problems.push("redis_auth is empty; expected a password, or nothing".to_owned());
        }
        if self.tls_cert_path.is_some() != self.tls_key_path.is_some() {
            problems.push(
                "one of tls_cert_path and tls_key_path is set; expected both or none".to_owned(),
            );
        }
        let files = [&self.tls_ca_path, &self.tls_cert_path, &self.tls_key_path];
        if !self.use_tls && files.into_iter().any(Option::is_some) {
            problems.push(
                "files of TLS are named and use_tls is false; set it, or leave the files out"
                    .to_owned(),
            );
        }
        problems
    }

    /// What is worth a word at start-up.
    #[cfg(feature = "redis")]
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.files().filter_map(|file| file.problem()).collect()
    }

    #[cfg(feature = "redis")]
    pub(crate) fn tls_files(&self) -> TlsFiles {
        let certificate = self.tls_cert_path.clone();
        TlsFiles {
            authority: self.tls_ca_path.clone(),
            certificate: certificate.zip(self.tls_key_path.clone()),
        }
    }

    #[cfg(feature = "redis")]
    fn files(&self) -> impl Iterator<Item = TlsFile<'_>> {
        let files = [
            ("tls_ca_path", &self.tls_ca_path, Content::Authorities),
            ("tls_cert_path", &self.tls_cert_path, Content::Certificate),
            ("tls_key_path", &self.tls_key_path, Content::Key),
        ];
        files.into_iter().filter_map(|(setting, path, content)| {
            let path = path.as_deref()?;
            Some(TlsFile {
                setting,
                path,
                content,
            })
        })
    }
}
