//! One server: a connection to it, and whether it is the right one.

use std::sync::Arc;

use ::redis::aio::{AsyncPushSender, MultiplexedConnection};
use ::redis::{
    AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd,
};

use super::access::{Access, User};
use super::address::{Address, Deployment, Host};
use super::pace::ATTEMPT;
use super::reasons;

/// What all of this was tried with.
const OLDEST: (u32, u32) = (6, 2);

/// A connection on which nothing was said yet, or what is in the way. `pushes` takes what the server
/// says without being asked.
pub(super) async fn connect(
    access: &Access,
    host: &Host,
    pushes: Option<Arc<dyn AsyncPushSender>>,
) -> Result<MultiplexedConnection, String> {
    // No time-outs of the client's own: every operation already has a deadline.
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    if let Some(limit) = access.in_flight {
        config = config.set_concurrency_limit(limit);
    }
    if let Some(pushes) = pushes {
        config = config.set_push_sender(pushes);
    }
    let client = access.client(host)?;
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    connection
        .await
        .map_err(|error| reasons::of_connecting(&error, access, host))
}

/// Whether a server at this address, the first one that is named, answers who does not say who asks.
/// Sentinels commonly do; nothing is kept there.
pub(crate) async fn lets_in_anybody(address: &Address) -> bool {
    if matches!(address.deployment, Deployment::Sentinel { .. }) {
        return false;
    }
    let access = Access {
        user: User::Nobody,
        ..address.access.clone()
    };
    let ping = async {
        let mut connection = connect(&access, &address.hosts[0], None).await.ok()?;
        cmd("PING").query_async::<()>(&mut connection).await.ok()
    };
    tokio::time::timeout(ATTEMPT, ping).await == Ok(Some(()))
}

/// What a server says about itself.
#[derive(Debug, Default)]
pub(super) struct Introduction {
    role: Option<String>,
    version: Option<String>,
    /// Another one each time that a server is started.
    pub(super) run: Option<String>,
}

impl Introduction {
    /// Empty where the user may not ask, and where the server is too old to be asked so.
    pub(super) async fn of(connection: &mut MultiplexedConnection) -> Self {
        let hello: RedisResult<Value> = cmd("HELLO").query_async(connection).await;
        let mut introduction = Self::default();
        let mut note = |name: &Value, value: &Value| {
            let field = match text(name).as_deref() {
                Some("role") => &mut introduction.role,
                Some("version") => &mut introduction.version,
                _ => return,
            };
            *field = text(value);
        };
        match hello {
            Ok(Value::Map(fields)) => {
                for (name, value) in &fields {
                    note(name, value);
                }
            }
            Ok(Value::Array(fields)) => {
                let (pairs, _) = fields.as_chunks();
                for [name, value] in pairs {
                    note(name, value);
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {}
            // That Redis answers so is all that is known of its version.
            Err(_) => introduction.version = Some("0.0".to_owned()),
        }
        // Who may not ask does not know whether it is still the same server.
        introduction.run = of_info(connection, "server", "run_id:").await;
        if introduction.role.is_none() {
            introduction.role = of_info(connection, "replication", "role:").await;
        }
        introduction
    }

    /// What it is in place of a master, as far as it says so.
    pub(super) fn is_no_master(&self) -> Option<&str> {
        self.role.as_deref().filter(|role| *role != "master")
    }

    /// What is lost, if this Redis is older than what all of this was tried with.
    pub(super) fn is_too_old(&self) -> Option<String> {
        let version = self.version.as_ref()?;
        let mut numbers = version.split('.').map_while(|number| number.parse().ok());
        let version_is = (numbers.next()?, numbers.next()?);
        let (major, minor) = OLDEST;
        (version_is < OLDEST).then(|| {
            let found = match version_is {
                (0, 0) => "unknown".to_owned(),
                _ => version.clone(),
            };
            format!(
                "its version is {found}, and expected is {major}.{minor} or later: what other \
                 processes invalidate may be noticed late, and nothing was tested with it"
            )
        })
    }
}

/// What a section of `INFO` says in the line that begins so.
async fn of_info(
    connection: &mut MultiplexedConnection,
    section: &str,
    field: &str,
) -> Option<String> {
    let info: RedisResult<String> = cmd("INFO").arg(section).query_async(connection).await;
    let info = info.ok()?;
    let mut lines = info.lines();
    lines.find_map(|line| line.strip_prefix(field).map(str::to_owned))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

/// Whether the server that says this is not the one that is to be asked: another one has become the
/// master, it is not ready yet, or it wants to know who asks.
pub(super) fn is_of_no_use(error: &RedisError) -> bool {
    let is_known = matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ReadOnly | ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown
        )
    );
    is_known || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
}

/// What its user may not do, if that is what Redis says: a command, where that is named.
pub(super) fn denied(error: &RedisError) -> Option<&str> {
    let says_so = error.code() == Some("NOPERM");
    let named = || {
        let (_, rest) = error.detail()?.split_once("run the '")?;
        let (command, _) = rest.split_once('\'')?;
        // Nothing that a key or a user could be called.
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'|';
        Some(command).filter(|command| command.bytes().all(is_name))
    };
    says_so.then(|| named().unwrap_or("on some keys or channels"))
}
