//! Where a Redis is, as the application writes it down in a URL.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::access::{Access, Protocol, User};
use crate::config::{Credentials, SecurityConfig};

/// What every message about a malformed address ends with.
const EXPECTED: &str = "expected redis://[user:password@]host[:port][/database], rediss:// for \
                        TLS, unix:///path/to/socket, redis-cluster://host:port or \
                        redis-sentinel://host:port?master=name";

/// Parameters of other clients that mean nothing here: connections are not pooled, and what they may
/// cost is a setting of the cache.
const WITHOUT_MEANING: [&str; 11] = [
    "decode_responses",
    "encoding",
    "health_check_interval",
    "pool_size",
    "retry_on_error",
    "retry_on_timeout",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_keepalive_options",
    "socket_timeout",
    "timeout",
];

/// Redis itself takes no higher number.
const LAST_DATABASE: i64 = i32::MAX as i64;

/// A checked address. Shows itself without user and password.
#[derive(Clone)]
pub(crate) struct Address {
    pub(super) deployment: Deployment,
    /// Whom to ask first; there is at least one.
    pub(super) hosts: Vec<Host>,
    pub(super) access: Access,
    /// Parameters that were understood and mean nothing here.
    pub(crate) without_meaning: Vec<String>,
    /// Whether a password travels where others can read it.
    pub(crate) shows_password: bool,
    shown: String,
}

#[derive(Clone)]
pub(super) enum Deployment {
    Single,
    /// The hosts are sentinels, to be asked so, and know where the master of this name is.
    Sentinel {
        master: String,
        access: Access,
    },
    Cluster,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Tcp { name: String, port: u16 },
    Unix(PathBuf),
}

/// What a scheme promises.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Server,
    Socket,
    Cluster,
    Sentinels,
}

/// What the part behind the question mark says.
#[derive(Default)]
struct Parameters {
    database: Option<String>,
    protocol: Protocol,
    in_flight: Option<usize>,
    nodes: Vec<Host>,
    master: Option<String>,
    sentinel_user: Option<String>,
    sentinel_password: Option<SecretString>,
    without_meaning: Vec<String>,
}

impl Address {
    /// The address that `url` names, for the user and with the protection that `security` asks for;
    /// or one sentence about what is wrong with it, which shows neither user nor password.
    pub(crate) fn parse(url: &SecretString, security: &SecurityConfig) -> Result<Self, String> {
        has_scheme(url.expose_secret())?;
        let parsed = Url::parse(url.expose_secret()).map_err(|error| {
            format!(
                "redis_url is not a URL ({error}); user and password are percent-encoded, a # as \
                     %23, a / as %2F; {EXPECTED}"
            )
        })?;
        let scheme = parsed.scheme();
        if parsed.fragment().is_some() {
            // Most likely a part of a password.
            return Err(format!("redis_url has a #; write it as %23; {EXPECTED}"));
        }
        let mut parameters = Parameters::of(&parsed)?;
        let what = match scheme {
            "redis" | "rediss" => What::Server,
            "unix" | "redis+unix" => What::Socket,
            "redis-cluster" | "rediss-cluster" => What::Cluster,
            "redis-sentinel" | "rediss-sentinel" => What::Sentinels,
            _ => return Err(format!("redis_url has the scheme {scheme:?}; {EXPECTED}")),
        };
        let is_tls = scheme.starts_with("rediss") || security.use_tls;
        let is_socket = what == What::Socket;
        if is_socket && is_tls {
            return Err(format!(
                "redis_url is that of a socket, and use_tls is true; leave TLS out: nothing leaves \
                 the machine; {EXPECTED}"
            ));
        }
        let host = match what {
            What::Socket => socket(&parsed),
            What::Sentinels => host(&parsed, 26379),
            What::Server | What::Cluster => host(&parsed, 6379),
        }?;
        let database = parameters.database(if is_socket { "" } else { parsed.path() })?;
        let (user, settings) = user(&parsed, security)?;
        let access = Access {
            user,
            settings,
            database,
            protocol: parameters.protocol,
            in_flight: parameters.in_flight,
            tls: is_tls.then(|| security.tls_files()),
        };
        let deployment = deployment(what, &mut parameters, &access)?;
        let hosts: Vec<Host> = [host].into_iter().chain(parameters.nodes).collect();
        let scheme = match (what, is_tls) {
            (What::Server, false) => "redis",
            (What::Server, true) => "rediss",
            (What::Socket, _) => scheme,
            (What::Cluster, false) => "redis-cluster",
            (What::Cluster, true) => "rediss-cluster",
            (What::Sentinels, false) => "redis-sentinel",
            (What::Sentinels, true) => "rediss-sentinel",
        };
        let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let shown = match &deployment {
            Deployment::Sentinel { master, .. } => {
                format!("{scheme}://{}/{master}/{database}", names.join(","))
            }
            _ => format!("{scheme}://{}/{database}", names.join(",")),
        };
        Ok(Self {
            shows_password: !is_tls && !is_socket && !matches!(access.user, User::Nobody),
            deployment,
            hosts,
            access,
            without_meaning: parameters.without_meaning,
            shown,
        })
    }

    /// The same, where a setting allows no more operations under way at once over one connection than
    /// so many, above zero. Where the URL has a bound too, the smaller one holds: who writes a number
    /// down means that there are never more.
    pub(crate) fn limited_to(mut self, max_connections: Option<u32>) -> Self {
        let limit = max_connections
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| *limit > 0);
        let limits = [limit, self.access.in_flight];
        self.access.in_flight = limits.into_iter().flatten().min();
        self
    }

    /// Who connections are opened as now.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        self.access.user.credentials()
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.access.tls.is_some()
    }

    pub(crate) fn is_socket(&self) -> bool {
        matches!(self.hosts[0], Host::Unix(_))
    }
}

impl Parameters {
    fn of(url: &Url) -> Result<Self, String> {
        let mut parameters = Self::default();
        for (name, value) in url.query_pairs() {
            match &*name {
                "db" => parameters.database = Some(value.into_owned()),
                "protocol" => {
                    parameters.protocol = match &*value {
                        "2" | "resp2" => Protocol::Resp2,
                        "3" | "resp3" => Protocol::Resp3,
                        _ => return Err(expected(&name, &value, "resp2 or resp3")),
                    }
                }
                "max_connections" => {
                    let number = value.parse().ok().filter(|number| *number > 0);
                    parameters.in_flight = match number {
                        Some(number) => Some(number),
                        None => return Err(expected(&name, &value, "a number above zero")),
                    }
                }
                "node" => {
                    let node = Url::parse(&format!("redis-node://{value}"));
                    let node = node.ok().filter(|node| node.username().is_empty());
                    let node = node.filter(|node| node.password().is_none());
                    let node = node.and_then(|node| host(&node, 6379).ok());
                    let Some(node) = node else {
                        return Err(expected(&name, "something else", "host:port"));
                    };
                    parameters.nodes.push(node);
                }
                "master" => parameters.master = Some(value.into_owned()),
                "sentinel_username" => parameters.sentinel_user = Some(value.into_owned()),
                "sentinel_password" => {
                    parameters.sentinel_password = Some(value.into_owned().into());
                }
                name if WITHOUT_MEANING.contains(&name) => {
                    parameters.without_meaning.push(name.to_owned());
                }
                // Its value may be anything, a password too; and where a password has a question mark
                // in it, so may its name.
                name => {
                    let is_name = name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
                    let is_plain = is_name && !url.query().unwrap_or_default().contains('@');
                    let found = if is_plain {
                        format!(" {name:?}")
                    } else {
                        String::new()
                    };
                    return Err(format!(
                        "redis_url has an unknown parameter{found}; expected db, protocol, \
                         max_connections, node, master, sentinel_username or sentinel_password"
                    ));
                }
            }
        }
        Ok(parameters)
    }

    fn database(&self, path: &str) -> Result<i64, String> {
        // A password with a slash in it ends up in the path, so only a number is shown of that.
        let in_path = path.strip_prefix('/').unwrap_or(path);
        let said = match (in_path, &self.database) {
            ("", Some(parameter)) => parameter,
            (in_path, _) => in_path,
        };
        if said.is_empty() {
            return Ok(0);
        }
        if !said.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!(
                "redis_url has a database that is no number; {EXPECTED}"
            ));
        }
        let number = said.parse().ok().filter(|number| *number <= LAST_DATABASE);
        number.ok_or_else(|| {
            format!("redis_url has the database {said}; expected 0 to {LAST_DATABASE}")
        })
    }

    fn sentinel_user(&mut self) -> User {
        match self.sentinel_password.take() {
            Some(password) => User::Known(Credentials {
                username: self.sentinel_user.take(),
                password,
            }),
            None => User::Nobody,
        }
    }
}

fn deployment(
    what: What,
    parameters: &mut Parameters,
    access: &Access,
) -> Result<Deployment, String> {
    let has_nodes = !parameters.nodes.is_empty();
    match (what, parameters.master.take()) {
        (What::Sentinels, None) => Err(format!(
            "redis_url names sentinels and no master; {EXPECTED}"
        )),
        (What::Sentinels, Some(master)) => Ok(Deployment::Sentinel {
            master,
            access: Access {
                user: parameters.sentinel_user(),
                settings: "sentinel_username and sentinel_password in redis_url",
                database: 0,
                protocol: Protocol::default(),
                in_flight: None,
                tls: access.tls.clone(),
            },
        }),
        (_, Some(_)) => Err(format!(
            "redis_url has the parameter master, which is for sentinels; {EXPECTED}"
        )),
        (What::Cluster, None) if access.database != 0 => Err(format!(
            "redis_url names database {} of a cluster, which has database 0 alone; {EXPECTED}",
            access.database
        )),
        (What::Cluster, None) => Ok(Deployment::Cluster),
        (What::Server | What::Socket, None) if has_nodes => Err(format!(
            "redis_url has the parameter node, which is for clusters and sentinels; {EXPECTED}"
        )),
        (What::Server | What::Socket, None) => Ok(Deployment::Single),
    }
}

/// What has none is not shown: it may begin with a password.
fn has_scheme(url: &str) -> Result<(), String> {
    let url = url.trim();
    let of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !scheme.is_empty() && scheme.bytes().all(of_scheme) {
        return Ok(());
    }
    Err(match url.bytes().next() {
        None => format!("redis_url is empty; {EXPECTED}"),
        Some(b'"' | b'\'') => {
            format!("redis_url begins with a quotation mark; leave the quotes out; {EXPECTED}")
        }
        Some(b'/') => {
            format!("redis_url has no scheme; put unix:// before a path to a socket; {EXPECTED}")
        }
        Some(_) => format!("redis_url has no scheme; put redis:// before it; {EXPECTED}"),
    })
}

fn expected(parameter: &str, found: &str, expected: &str) -> String {
    format!("redis_url has the parameter {parameter} with {found}; expected {expected}")
}

fn host(url: &Url, default_port: u16) -> Result<Host, String> {
    let name = match url.host() {
        Some(url::Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => String::new(),
    };
    if name.is_empty() {
        return Err(format!("redis_url has no host; {EXPECTED}"));
    }
    Ok(Host::Tcp {
        name,
        port: url.port().unwrap_or(default_port),
    })
}

fn socket(url: &Url) -> Result<Host, String> {
    // Some write it where a user and a password need a host behind them.
    if url
        .host_str()
        .is_some_and(|host| !matches!(host, "" | "localhost"))
    {
        return Err(format!(
            "redis_url names a host, and a socket has none: its path begins with the third slash; \
             {EXPECTED}"
        ));
    }
    let path = percent_decode_str(url.path()).decode_utf8();
    match path {
        Ok(path) if path.len() > 1 => Ok(Host::Unix(PathBuf::from(&*path))),
        _ => Err(format!("redis_url has no path to a socket; {EXPECTED}")),
    }
}

/// Who asks, and which settings say that, or may.
fn user(url: &Url, security: &SecurityConfig) -> Result<(User, &'static str), String> {
    if let Some(source) = &security.credentials {
        let settings = "what the source of credentials gives";
        return Ok((User::Asked(source.clone()), settings));
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = security
        .acl_password
        .as_ref()
        .or(security.redis_auth.as_ref());
    let said = match password {
        Some(password) => Some(Credentials {
            username: security.acl_username.clone(),
            password: password.clone(),
        }),
        None if url.password().is_none() && !url.username().is_empty() => {
            return Err(format!(
                "redis_url names a user and no password; {EXPECTED}"
            ));
        }
        None => url.password().map(|password| Credentials {
            username: (!url.username().is_empty()).then(|| decoded(url.username())),
            password: decoded(password).into(),
        }),
    };
    let settings = match (&said, password) {
        (None, _) => "acl_username and acl_password, or redis_auth",
        (Some(_), None) => "the user and the password in redis_url",
        (Some(_), Some(_)) if security.acl_password.is_some() => "acl_username and acl_password",
        (Some(_), Some(_)) => "redis_auth",
    };
    Ok((said.map_or(User::Nobody, User::Known), settings))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Tcp { name, port } => write!(f, "{name}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::{Address, Deployment};
    use crate::config::SecurityConfig;

    fn limit_of(url: &str, setting: Option<u32>) -> Option<usize> {
        let address = Address::parse(&url.to_owned().into(), &SecurityConfig::default());
        let address = address.ok()?.limited_to(setting);
        if let Deployment::Sentinel { access, .. } = &address.deployment {
            assert_eq!(
                access.in_flight, None,
                "sentinels are asked one thing at a time"
            );
        }
        address.access.in_flight
    }

    #[test]
    fn of_two_bounds_on_operations_under_way_the_smaller_one_holds() {
        for url in [
            "redis://host?",
            "redis-cluster://host?",
            "redis-sentinel://host?master=name&",
        ] {
            let limited = format!("{url}max_connections=8");
            assert_eq!(limit_of(url, None), None);
            assert_eq!(limit_of(url, Some(4)), Some(4));
            assert_eq!(limit_of(&limited, None), Some(8));
            assert_eq!(limit_of(&limited, Some(4)), Some(4));
            assert_eq!(limit_of(&limited, Some(20)), Some(8));
            // It would let nothing through at all.
            assert_eq!(limit_of(&limited, Some(0)), Some(8));
        }
    }
}
