//! The connection to one Redis, and the task that brings it back.
//!
//! Operations take the connection as it is: while there is none they fail at once, so a call
//! loses no time to a Redis that is known to be away. An error of the connection, or too many
//! [time-outs](super::breaker), end it; a task in the background then tries to get another
//! one. Each change of state is logged once.

mod seeking;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, pipe};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::access::Access;
use super::address::Host;
use super::breaker::Outcomes;
use super::pace::Pace;
use super::reasons;
use super::sentinel::{self, Sentinels};
use super::server;
use crate::store::{Breaker, Connections, StoreChange, StoreError};

pub(super) struct Link {
    shared: Arc<Shared>,
    /// The task that looks for a connection. It ends with the runtime that it was started on; the
    /// next operation that finds no connection starts another one.
    seeker: Mutex<Option<JoinHandle<()>>>,
}

/// Where a link finds its server.
pub(super) enum Target {
    Fixed(Host),
    Sentinels(Box<Sentinels>),
}

/// So many commands that were denied, and codes of errors, are logged: more than there are.
const REFUSED: usize = 64;

/// Whom a link tells what has happened. Nothing that is called waits.
pub(super) type Tell = Arc<dyn Fn(Notice) + Send + Sync>;

/// What a link tells.
pub(super) enum Notice {
    /// Another server takes the place of the last one. To be told before it is asked.
    ServerChanged,
    Store(StoreChange),
}

struct Shared {
    target: Target,
    access: Access,
    /// As the log shows it.
    name: String,
    pace: Pace,
    state: watch::Sender<State>,
    outcomes: Outcomes,
    /// Connections in a row over which no operation was answered, with the one that there is.
    in_vain: AtomicU32,
    /// Connections made so far: the number of the next one.
    connections: AtomicU64,
    /// Which run of a server the last one went to, as far as that is known.
    last_run: Mutex<Option<String>>,
    tell: Tell,
    in_use: AtomicU64,
    /// Commands that were denied and codes of errors that the log knows.
    refused: Mutex<BTreeSet<String>>,
    /// Whether a server is tried at this moment.
    is_trying: AtomicBool,
    /// Whether the log knows that there is none. Who lets go of the link and asks again meanwhile learns
    /// nothing new.
    is_told_away: AtomicBool,
    /// As those know it who are told.
    told: Mutex<Breaker>,
}

enum State {
    /// Nobody has tried yet.
    Idle,
    Live {
        connection: MultiplexedConnection,
        number: u64,
        host: Host,
        /// How long the attempt that found it might have taken.
        attempt: Duration,
    },
    Away {
        reason: String,
        /// Whether nothing but another attempt of the same length can find it.
        is_tried: bool,
        /// It answered too late: only one that answers in time is of use.
        is_slow: bool,
    },
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// There is no connection.
    Away(String),
    Error(RedisError),
}

impl From<NoAnswer> for StoreError {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Away(reason) => Self::Away(reason),
            NoAnswer::Error(error) if ends_connection(&error) => {
                Self::Away(reasons::describe(&error))
            }
            NoAnswer::Error(error) => Self::Refused(reasons::describe(&error)),
        }
    }
}

fn ends_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || server::is_of_no_use(error)
}

impl Target {
    /// How long it takes at most to find the server where an attempt may take so long.
    fn time_for(&self, attempt: Duration) -> Duration {
        match self {
            Self::Fixed(_) => attempt,
            // They are asked before and after.
            Self::Sentinels(_) => attempt + 2 * sentinel::patience(attempt),
        }
    }
}

impl Link {
    pub(super) fn new(
        target: Target,
        access: Access,
        name: String,
        pace: Pace,
        tell: Tell,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                target,
                access,
                name,
                pace,
                state: watch::Sender::new(State::Idle),
                outcomes: Outcomes::default(),
                in_vain: AtomicU32::new(0),
                connections: AtomicU64::new(0),
                last_run: Mutex::default(),
                tell,
                in_use: AtomicU64::new(0),
                refused: Mutex::default(),
                is_trying: AtomicBool::new(false),
                is_told_away: AtomicBool::new(false),
                told: Mutex::default(),
            }),
            seeker: Mutex::default(),
        }
    }

    /// The answer to one command, over the connection that there is.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, NoAnswer> {
        let mut use_of = self.take()?;
        let answer = command.query_async(&mut use_of.connection).await;
        self.note(use_of, answer)
    }

    /// The same for a key that is on its way to this server from another one of a cluster.
    pub(super) async fn ask_newcomer<T: FromRedisValue>(
        &self,
        command: &Cmd,
    ) -> Result<T, NoAnswer> {
        let mut use_of = self.take()?;
        let mut both = pipe();
        both.cmd("ASKING").ignore().add_command(command.clone());
        let answer: RedisResult<(T,)> = both.query_async(&mut use_of.connection).await;
        self.note(use_of, answer).map(|(answer,)| answer)
    }

    /// The answers to so many commands that are sent together, each of them bytes.
    pub(super) async fn ask_together(
        &self,
        commands: &Pipeline,
        count: usize,
    ) -> Result<Vec<Result<Vec<u8>, NoAnswer>>, NoAnswer> {
        let mut use_of = self.take()?;
        let number = use_of.number;
        let answers = use_of.connection.req_packed_commands(commands, 0, count);
        let answers = answers.await;
        let answers = self.note(use_of, answers)?;
        let answers = answers.into_iter().map(|answer| {
            let answer = answer.extract_error();
            let answer = answer.and_then(|answer| Ok(Vec::from_redis_value(answer)?));
            answer.map_err(|error| self.conclude(number, error))
        });
        Ok(answers.collect())
    }

    fn take(&self) -> Result<Use<'_>, NoAnswer> {
        let reason = match &*self.shared.state.borrow() {
            State::Live {
                connection, number, ..
            } => {
                self.shared.in_use.fetch_add(1, Ordering::Relaxed);
                return Ok(Use {
                    link: self,
                    connection: connection.clone(),
                    number: *number,
                    began: Instant::now(),
                    has_answer: false,
                });
            }
            State::Idle => "connecting".to_owned(),
            State::Away { reason, .. } => reason.clone(),
        };
        self.seek();
        Err(NoAnswer::Away(reason))
    }

    /// Draws the conclusions from an answer.
    fn note<T>(&self, mut use_of: Use<'_>, answer: RedisResult<T>) -> Result<T, NoAnswer> {
        use_of.has_answer = true;
        answer
            .inspect(|_| self.shared.answered())
            .map_err(|error| self.conclude(use_of.number, error))
    }

    /// Draws the conclusions from an error of the connection with this number.
    fn conclude(&self, number: u64, error: RedisError) -> NoAnswer {
        if ends_connection(&error) {
            let reason = reasons::describe(&error);
            self.shared.lost(number, reason, false);
            self.seek();
        } else {
            self.shared.answered();
            if let Some(command) = server::denied(&error) {
                self.shared.warn_of_denial(command);
            } else if let Some((code, advice)) = reasons::of_refusal(&error) {
                self.shared.warn_of_refusal(code, advice);
            }
        }
        NoAnswer::Error(error)
    }

    /// Nobody waits any more for an operation that began then over the connection with this number.
    fn given_up(&self, number: u64, began: Instant) {
        let shared = &self.shared;
        // A little less than the whole, because its time began to run before.
        if began.elapsed() < shared.pace.budget.mul_f64(0.9) {
            // Its caller has left, or had little time: that says nothing about the connection.
            return;
        }
        let is_live = match *shared.state.borrow() {
            State::Live { number: live, .. } => live == number,
            State::Idle | State::Away { .. } => false,
        };
        if is_live && let Some(reason) = shared.outcomes.timed_out() {
            shared.lost(number, reason, true);
            self.seek();
        }
    }

    /// Returns with the first answer, or the first failure that is none of too little time.
    pub(super) async fn connect(&self) -> Result<(), StoreError> {
        let mut state = self.shared.state.subscribe();
        self.seek();
        let is_known = |state: &State| match state {
            State::Idle => false,
            State::Live { .. } => true,
            State::Away { is_tried, .. } => *is_tried,
        };
        // The sender lives as long as `self`.
        let _ = state.wait_for(is_known).await;
        match &*state.borrow() {
            State::Away { reason, .. } => Err(StoreError::Away(reason.clone())),
            State::Live { .. } | State::Idle => Ok(()),
        }
    }

    /// The server that it always goes to, if there is one.
    pub(super) fn host(&self) -> Option<&Host> {
        match &self.shared.target {
            Target::Fixed(host) => Some(host),
            Target::Sentinels(_) => None,
        }
    }

    pub(super) fn database(&self) -> i64 {
        self.shared.access.database
    }

    pub(super) fn connections(&self) -> Connections {
        let shared = &self.shared;
        let in_use = shared.in_use.load(Ordering::Relaxed);
        let limit = shared.access.in_flight.map(|limit| limit as u64);
        Connections {
            in_use,
            available: limit.map(|limit| limit.saturating_sub(in_use)),
            created_connections: shared.connections.load(Ordering::Relaxed),
            breaker: shared.breaker(),
        }
    }

    /// The server at the other end, if there is one.
    pub(super) fn served(self: &Arc<Self>) -> Option<Served> {
        match &*self.shared.state.borrow() {
            State::Live {
                number,
                host,
                attempt,
                ..
            } => Some(Served {
                link: self.clone(),
                number: *number,
                host: host.clone(),
                attempt: *attempt,
            }),
            State::Idle | State::Away { .. } => None,
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

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.shared.name).finish()
    }
}

/// A server, for as long as the connection to it is the one that there is.
pub(super) struct Served {
    pub(super) link: Arc<Link>,
    number: u64,
    pub(super) host: Host,
    /// How long the attempt that found it might have taken.
    pub(super) attempt: Duration,
}

impl Served {
    pub(super) fn is_still(&self) -> bool {
        self.is(&self.link.shared.state.borrow())
    }

    /// Returns when it is not any more.
    pub(super) async fn is_over(&self) {
        let mut state = self.link.shared.state.subscribe();
        // The sender lives as long as the link.
        let _ = state.wait_for(|state| !self.is(state)).await;
    }

    fn is(&self, state: &State) -> bool {
        matches!(state, State::Live { number, .. } if *number == self.number)
    }
}

/// One operation over the connection as it was when the operation began.
struct Use<'a> {
    link: &'a Link,
    connection: MultiplexedConnection,
    number: u64,
    began: Instant,
    has_answer: bool,
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        self.link.shared.in_use.fetch_sub(1, Ordering::Relaxed);
        if !self.has_answer {
            self.link.given_up(self.number, self.began);
        }
    }
}

impl Shared {
    fn answered(&self) {
        self.outcomes.answered();
        // Read first: writing for every answer would pass the cache line around.
        if self.in_vain.load(Ordering::Relaxed) != 0 {
            self.in_vain.store(0, Ordering::Relaxed);
        }
    }

    /// Once for each command.
    fn warn_of_denial(&self, command: &str) {
        if self.is_new(command) {
            tracing::warn!(
                redis = self.name,
                command,
                "Redis denies this user a command: what needs it is not done (deploy/redis/users.acl \
                 has the rights that are needed)"
            );
        }
    }

    /// Once for each code.
    fn warn_of_refusal(&self, code: &str, advice: &str) {
        if self.is_new(code) {
            tracing::warn!(
                redis = self.name,
                code,
                advice,
                "Redis refuses what it is asked for: that is not done, and logged this once"
            );
        }
    }

    /// Whether this was not refused before. A log may be anything, a cached function too: it is called
    /// with nothing locked.
    fn is_new(&self, refused: &str) -> bool {
        let mut known = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        known.len() < REFUSED && known.insert(refused.to_owned())
    }

    /// Gives up the connection with this number, unless it is gone already.
    fn lost(&self, number: u64, reason: String, is_slow: bool) {
        let told = reason.clone();
        let lost = self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Live { number: live, .. } if *live == number);
            if is_it {
                *state = State::Away {
                    reason,
                    is_tried: true,
                    is_slow,
                };
            }
            is_it
        });
        if lost {
            self.is_told_away.store(true, Ordering::Relaxed);
            tracing::warn!(
                redis = self.name,
                reason = told,
                "Redis is away: functions go on without it"
            );
            self.tell_gone(&told);
            self.tell_breaker();
        }
    }

    fn breaker(&self) -> Breaker {
        match *self.state.borrow() {
            State::Idle | State::Live { .. } => Breaker::Closed,
            State::Away { .. } if self.is_trying.load(Ordering::Relaxed) => Breaker::HalfOpen,
            State::Away { .. } => Breaker::Open,
        }
    }

    fn tell_gone(&self, reason: &str) {
        let (server, reason) = (self.name.as_str().into(), reason.into());
        (self.tell)(Notice::Store(StoreChange::Gone { server, reason }));
    }

    /// Tells how the breaker stands, where that is news.
    fn tell_breaker(&self) {
        // Held while it is told, so that the last that is told is true.
        let mut told = lock(&self.told);
        let breaker = self.breaker();
        if std::mem::replace(&mut *told, breaker) != breaker {
            let server = self.name.as_str().into();
            (self.tell)(Notice::Store(StoreChange::Breaker { server, breaker }));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
