//! Where a Redis is, as the application writes it down.

use std::fmt;
use std::time::Duration;

use ::redis::io::tcp::TcpSettings;
use ::redis::{Client, ConnectionInfo, IntoConnectionInfo};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// What every message about a malformed address ends with.
const EXPECTED: &str = "expected redis://[user:password@]host[:port][/database]";

/// Unacknowledged data for this long ends a connection: a packet black hole is noticed in about
/// a second and a half.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(1);

/// A checked address. Shows itself without user and password.
#[derive(Clone)]
pub(crate) struct Address {
    client: Client,
    shown: String,
}

impl Address {
    /// The address that `url` names, or one sentence about what is wrong with it, which shows
    /// neither user nor password.
    pub(crate) fn parse(url: &SecretString) -> Result<Self, String> {
        let parsed = Url::parse(url.expose_secret())
            .map_err(|error| format!("redis_url is not a URL ({error}); {EXPECTED}"))?;
        if parsed.scheme() != "redis" {
            return Err(format!(
                "redis_url has the scheme {:?}; {EXPECTED}",
                parsed.scheme()
            ));
        }
        let Some(host) = parsed.host_str().filter(|host| !host.is_empty()) else {
            return Err(format!("redis_url has no host; {EXPECTED}"));
        };
        // A password with a slash in it ends up in the path, so only a number is shown of that.
        let database = parsed
            .path()
            .strip_prefix('/')
            .filter(|database| database.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(database) = database.or(parsed.path().is_empty().then_some("")) else {
            return Err(format!(
                "redis_url has a database that is no number; {EXPECTED}"
            ));
        };
        let port = parsed.port().unwrap_or(6379);
        let shown = format!("redis://{host}:{port}/{database}");
        let client = parsed
            .as_str()
            .into_connection_info()
            .map(tcp_settings)
            .and_then(Client::open)
            .map_err(|error| format!("redis_url {shown} is refused ({error}); {EXPECTED}"))?;
        Ok(Self { client, shown })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

fn tcp_settings(info: ConnectionInfo) -> ConnectionInfo {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let settings = settings.set_user_timeout(TCP_USER_TIMEOUT);
    info.set_tcp_settings(settings)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}
