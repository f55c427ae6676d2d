//! The connection to one Redis, and the task that brings it back.
//!
//! Operations take the connection as it is: while there is none they fail at once, so a call
//! loses no time to a Redis that is known to be away. An error of the connection, or
//! [`TIMEOUTS`] time-outs in a row, end it; a task in the background then tries to get another
//! one. Each change of state is logged once.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd,
};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::address::Address;
use crate::store::StoreError;

/// Time-outs in a row after which a connection is given up.
const TIMEOUTS: u32 = 5;

/// How long one attempt to connect may take, from name resolution to the answer to a PING.
const CONNECT: Duration = Duration::from_secs(1);

/// The pause between two attempts is between half of this and all of it, so that many processes
/// do not come back in step.
const PAUSE_MILLIS: u64 = 500;

#[derive(Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
    /// The task that looks for a connection. It ends with the runtime that it was started on; the
    /// next operation that finds no connection starts another one.
    seeker: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    address: Address,
    state: watch::Sender<State>,
    /// Time-outs since the last answer.
    timeouts: AtomicU32,
    /// Connections made so far: the number of the next one.
    connections: AtomicU64,
}

#[derive(Debug)]
enum State {
    /// Nobody has tried yet.
    Idle,
    Live {
        connection: MultiplexedConnection,
        number: u64,
        since: Instant,
    },
    Away {
        reason: String,
    },
}

/// A connection as it was when an operation took it.
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    number: u64,
}

impl Link {
    pub(super) fn new(address: Address) -> Self {
        Self {
            shared: Arc::new(Shared {
                address,
                state: watch::Sender::new(State::Idle),
                timeouts: AtomicU32::new(0),
                connections: AtomicU64::new(0),
            }),
            seeker: Mutex::default(),
        }
    }

    pub(super) fn live(&self) -> Result<Live, StoreError> {
        let reason = match &*self.shared.state.borrow() {
            State::Live {
                connection, number, ..
            } => {
                return Ok(Live {
                    connection: connection.clone(),
                    number: *number,
                });
            }
            State::Idle => "connecting".to_owned(),
            State::Away { reason } => reason.clone(),
        };
        self.seek();
        Err(StoreError::Away(reason))
    }

    /// Draws the conclusions from an answer.
    pub(super) fn note<T>(&self, live: &Live, answer: RedisResult<T>) -> Result<T, StoreError> {
        match answer {
            Ok(value) => {
                self.shared.answered();
                Ok(value)
            }
            Err(error) => {
                let shown = describe(&error);
                if error.is_unrecoverable_error() || is_of_no_use(&error) {
                    self.shared.lost(live.number, &shown);
                    self.seek();
                    Err(StoreError::Away(shown))
                } else {
                    Err(StoreError::Refused(shown))
                }
            }
        }
    }

    pub(super) fn timed_out(&self, after: Duration) {
        let number = match *self.shared.state.borrow() {
            // One that began before this connection says nothing about it.
            State::Live { number, since, .. } if since.elapsed() >= after => number,
            _ => return,
        };
        let timeouts = self.shared.timeouts.fetch_add(1, Ordering::Relaxed) + 1;
        if timeouts >= TIMEOUTS {
            self.shared
                .lost(number, &format!("{TIMEOUTS} time-outs in a row"));
            self.seek();
        }
    }

    /// Returns with the first answer, or the first failure.
    pub(super) async fn connect(&self) -> Result<(), StoreError> {
        let mut state = self.shared.state.subscribe();
        self.seek();
        // The sender lives as long as `self`.
        let _ = state.wait_for(|state| !matches!(state, State::Idle)).await;
        match &*state.borrow() {
            State::Away { reason } => Err(StoreError::Away(reason.clone())),
            State::Live { .. } | State::Idle => Ok(()),
        }
    }

    pub(super) fn disconnect(&self) {
        if let Some(seeker) = lock(&self.seeker).take() {
            seeker.abort();
        }
        self.shared.state.send_replace(State::Idle);
    }

    /// Has somebody look for a connection.
    fn seek(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut seeker = lock(&self.seeker);
        if seeker.as_ref().is_none_or(JoinHandle::is_finished) {
            *seeker = Some(runtime.spawn(self.shared.clone().seek()));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.disconnect();
    }
}

impl Shared {
    fn answered(&self) {
        // Read first: writing for every answer would pass the cache line around.
        if self.timeouts.load(Ordering::Relaxed) != 0 {
            self.timeouts.store(0, Ordering::Relaxed);
        }
    }

    /// Gives up the connection with this number, unless it is gone already.
    fn lost(&self, number: u64, reason: &str) {
        let lost = self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Live { number: live, .. } if *live == number);
            if is_it {
                *state = State::Away {
                    reason: reason.to_owned(),
                };
            }
            is_it
        });
        if lost {
            tracing::warn!(
                redis = %self.address,
                reason,
                "Redis is away: functions go on without it"
            );
        }
    }

    async fn seek(self: Arc<Self>) {
        loop {
            if matches!(*self.state.borrow(), State::Live { .. }) {
                return;
            }
            // On a runtime without network, tokio panics.
            let open = AssertUnwindSafe(self.open()).catch_unwind();
            match tokio::time::timeout(CONNECT, open).await {
                Ok(Ok(Ok(connection))) => return self.found(connection),
                Ok(Ok(Err(reason))) => self.not_found(&reason),
                Ok(Err(_panic)) => self.not_found("this tokio runtime has no network"),
                Err(_elapsed) => self.not_found("no answer to the attempt to connect"),
            }
            let pause = fastrand::u64(PAUSE_MILLIS / 2..=PAUSE_MILLIS);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// A connection to a server that answers and takes writes, or what is in the way.
    async fn open(&self) -> Result<MultiplexedConnection, String> {
        // No time-outs of the client's own: every operation already has a deadline.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let client = self.address.client();
        let open = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = open.await.map_err(|error| describe(&error))?;
        let ping = cmd("PING").query_async::<()>(&mut connection).await;
        ping.map_err(|error| describe(&error))?;
        let role: RedisResult<Vec<Value>> = cmd("ROLE").query_async(&mut connection).await;
        match role.as_deref() {
            Ok([Value::BulkString(role), ..]) if role != b"master" => Err(format!(
                "it is no master but a {}",
                String::from_utf8_lossy(role)
            )),
            // Who may not ask is told with the first write.
            _ => Ok(connection),
        }
    }

    fn found(&self, connection: MultiplexedConnection) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let before = self.state.send_replace(State::Live {
            connection,
            number,
            since: Instant::now(),
        });
        let came_back = matches!(before, State::Away { .. });
        self.timeouts.store(0, Ordering::Relaxed);
        if came_back {
            tracing::warn!(redis = %self.address, "Redis answers again");
        } else {
            tracing::info!(redis = %self.address, "Redis answers");
        }
    }

    /// Only the first failure is news.
    fn not_found(&self, reason: &str) {
        let first = self.state.send_if_modified(|state| {
            let first = matches!(state, State::Idle);
            if first {
                *state = State::Away {
                    reason: reason.to_owned(),
                };
            }
            first
        });
        if first {
            tracing::warn!(
                redis = %self.address,
                reason,
                "Redis is not reachable: functions go on without it"
            );
        }
    }
}

/// Whether the server that says this is not the one that is to be asked: another one has become the
/// master, or it is not ready yet.
fn is_of_no_use(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ReadOnly | ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown
        )
    )
}

/// What went wrong, without anything that the server may have quoted from a command.
fn describe(error: &RedisError) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None if error.is_timeout() => "timed out".to_owned(),
        None if error.is_io_error() => error.to_string(),
        None => format!("{:?}", error.kind()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
