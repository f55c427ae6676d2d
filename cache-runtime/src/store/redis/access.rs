//! How a server is opened: as whom, with which protection, and in which words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::redis::io::tcp::TcpSettings;
use ::redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, RedisError, TlsCertificates,
};
use rustls::crypto::{CryptoProvider, ring};
use secrecy::ExposeSecret;

use super::address::Host;
use crate::config::{CredentialSource, Credentials};

/// Unacknowledged data for this long ends a connection: a packet black hole is noticed in about
/// a second and a half.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Access {
    pub(super) user: User,
    /// Which settings say that, or may.
    pub(super) settings: &'static str,
    pub(super) database: i64,
    pub(super) protocol: Protocol,
    /// Operations under way at once over one connection, at most.
    pub(super) in_flight: Option<usize>,
    pub(super) tls: Option<TlsFiles>,
}

#[derive(Clone)]
pub(super) enum User {
    Nobody,
    Known(Credentials),
    Asked(CredentialSource),
}

impl User {
    pub(super) fn credentials(&self) -> Option<Credentials> {
        match self {
            Self::Nobody => None,
            Self::Known(credentials) => Some(credentials.clone()),
            Self::Asked(source) => Some(source.ask()),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// Read for every connection: they may be exchanged while the application runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsFiles {
    pub(crate) authority: Option<PathBuf>,
    /// Of this application, with its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
}

impl Access {
    /// What opens connections to this server from now on, or what is in the way.
    pub(super) fn client(&self, host: &Host) -> Result<Client, String> {
        let mut settings = RedisConnectionInfo::default()
            .set_db(self.database)
            .set_protocol(match self.protocol {
                Protocol::Resp2 => ProtocolVersion::RESP2,
                Protocol::Resp3 => ProtocolVersion::RESP3,
            })
            // A user with few rights may not say it.
            .set_skip_set_lib_name();
        if let Some(credentials) = self.user.credentials() {
            settings = settings.set_password(credentials.password.expose_secret());
            if let Some(username) = credentials.username {
                settings = settings.set_username(username);
            }
        }
        let address = match host {
            Host::Unix(path) => ConnectionAddr::Unix(path.clone()),
            Host::Tcp { name, port } if self.tls.is_none() => {
                ConnectionAddr::Tcp(name.clone(), *port)
            }
            Host::Tcp { name, port } => ConnectionAddr::TcpTls {
                host: name.clone(),
                port: *port,
                insecure: false,
                tls_params: None,
            },
        };
        let tcp = TcpSettings::default().set_nodelay(true);
        #[cfg(any(target_os = "android", target_os = "linux"))]
        let tcp = tcp.set_user_timeout(TCP_USER_TIMEOUT);
        let refused = |error: RedisError| format!("refused by the client ({error})");
        let info = address
            .into_connection_info()
            .map_err(refused)?
            .set_redis_settings(settings)
            .set_tcp_settings(tcp);
        match &self.tls {
            None => Client::open(info).map_err(refused),
            Some(files) => files.client(info),
        }
    }
}

impl TlsFiles {
    fn client(&self, info: ConnectionInfo) -> Result<Client, String> {
        if CryptoProvider::get_default().is_none() {
            // Whoever was faster has chosen for all.
            let _ = ring::default_provider().install_default();
        }
        let authority = self.authority.as_deref();
        let root_cert = authority
            .map(|path| read("tls_ca_path", path))
            .transpose()?;
        let client_tls = match &self.certificate {
            Some((certificate, key)) => Some(ClientTlsConfig {
                client_cert: read("tls_cert_path", certificate)?,
                client_key: read("tls_key_path", key)?,
            }),
            None => None,
        };
        let certificates = TlsCertificates {
            client_tls,
            root_cert,
        };
        // The error may quote the files.
        Client::build_with_tls(info, certificates)
            .map_err(|_| "the files of TLS are no certificates and keys in PEM".to_owned())
    }
}

/// Small files, read when a connection is opened: not worth a thread.
fn read(setting: &str, path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{setting} cannot be read ({error})"))
}
