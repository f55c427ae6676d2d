//! The connection to one Redis, and the task that brings it back.
//!
//! Operations take the connection as it is: while there is none they fail at once, so a call
//! loses no time to a Redis that is known to be away. An error of the connection, or too many
//! [time-outs](super::breaker), end it; a task in the background then tries to get another
//! one. Each change of state is logged once.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, cmd, pipe};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::access::Access;
use super::address::Host;
use super::breaker::Outcomes;
use super::sentinel::{self, Sentinels};
use super::server::{self, ATTEMPT, Introduction};
use crate::store::{Breaker, Connections, StoreError};

/// How often the sentinels are asked whether there is another master.
const WATCH: Duration = Duration::from_secs(1);

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

/// How long things may take over a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// An operation that is given up after this time or more counts as timed out.
    pub(crate) budget: Duration,
    /// From one attempt to find a server to the next one: half of this, up to all of it, so that many
    /// processes do not come back in step.
    pub(crate) open_for: Duration,
}

impl Pace {
    fn pause(self) -> Duration {
        self.open_for.mul_f64(fastrand::f64() / 2.0 + 0.5)
    }

    /// Before the next attempt, after so many connections in a row over which nothing was answered: a
    /// server may take connections and end them. One such connection says nothing, because a server
    /// may be restarted while nobody asks it anything.
    fn pause_after(self, in_vain: u32) -> Duration {
        match in_vain {
            0 | 1 => Duration::ZERO,
            _ => self.pause() / (8 >> (in_vain - 2).min(3)),
        }
    }
}

/// So many commands that were denied are logged: more than there are that are asked for.
const DENIED: usize = 32;

/// To be called when another server takes the place of the last one, before it is asked.
pub(super) type ServerChanged = Arc<dyn Fn() + Send + Sync>;

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
    changed: ServerChanged,
    in_use: AtomicU64,
    /// Commands that were denied, and the log knows that.
    denied: Mutex<BTreeSet<String>>,
    /// Whether a server is tried at this moment.
    is_trying: AtomicBool,
}

enum State {
    /// Nobody has tried yet.
    Idle,
    Live {
        connection: MultiplexedConnection,
        number: u64,
        host: Host,
    },
    Away {
        reason: String,
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
                Self::Away(server::describe(&error))
            }
            NoAnswer::Error(error) => Self::Refused(server::describe(&error)),
        }
    }
}

fn ends_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || server::is_of_no_use(error)
}

impl Target {
    fn attempt(&self) -> Duration {
        match self {
            Self::Fixed(_) => ATTEMPT,
            // They are asked before and after.
            Self::Sentinels(_) => ATTEMPT + 2 * sentinel::PATIENCE,
        }
    }
}

impl Link {
    pub(super) fn new(
        target: Target,
        access: Access,
        name: String,
        pace: Pace,
        changed: ServerChanged,
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
                changed,
                in_use: AtomicU64::new(0),
                denied: Mutex::default(),
                is_trying: AtomicBool::new(false),
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
            let reason = server::describe(&error);
            self.shared.lost(number, reason, false);
            self.seek();
        } else {
            self.shared.answered();
            if let Some(command) = server::denied(&error) {
                self.shared.warn_of_denial(command);
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

    /// Returns with the first answer, or the first failure.
    pub(super) async fn connect(&self) -> Result<(), StoreError> {
        let mut state = self.shared.state.subscribe();
        self.seek();
        // The sender lives as long as `self`.
        let _ = state.wait_for(|state| !matches!(state, State::Idle)).await;
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
            breaker: match *shared.state.borrow() {
                State::Idle | State::Live { .. } => Breaker::Closed,
                State::Away { .. } if shared.is_trying.load(Ordering::Relaxed) => Breaker::HalfOpen,
                State::Away { .. } => Breaker::Open,
            },
        }
    }

    /// The server at the other end, if there is one.
    pub(super) fn served(self: &Arc<Self>) -> Option<Served> {
        match &*self.shared.state.borrow() {
            State::Live { number, host, .. } => Some(Served {
                link: self.clone(),
                number: *number,
                host: host.clone(),
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
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        if denied.contains(command) || denied.len() >= DENIED {
            return;
        }
        denied.insert(command.to_owned());
        // A log may be anything, a cached function too.
        drop(denied);
        tracing::warn!(
            redis = self.name,
            command,
            "Redis denies this user a command: what needs it is not done (deploy/redis/users.acl has \
             the rights that are needed)"
        );
    }

    /// Gives up the connection with this number, unless it is gone already.
    fn lost(&self, number: u64, reason: String, is_slow: bool) {
        let told = reason.clone();
        let lost = self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Live { number: live, .. } if *live == number);
            if is_it {
                *state = State::Away { reason, is_slow };
            }
            is_it
        });
        if lost {
            tracing::warn!(
                redis = self.name,
                reason = told,
                "Redis is away: functions go on without it"
            );
        }
    }

    async fn seek(self: Arc<Self>) {
        let pause_now = || self.pace.pause_after(self.in_vain.load(Ordering::Relaxed));
        let mut pause = pause_now();
        loop {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if matches!(*self.state.borrow(), State::Live { .. }) {
                // Somebody else asked for it meanwhile.
                return;
            }
            let began = Instant::now();
            // On a runtime without network, tokio panics.
            let open = AssertUnwindSafe(self.open()).catch_unwind();
            self.is_trying.store(true, Ordering::Relaxed);
            let opened = tokio::time::timeout(self.target.attempt(), open).await;
            self.is_trying.store(false, Ordering::Relaxed);
            match opened {
                Ok(Ok(Ok((connection, host)))) => {
                    let number = self.found(connection, host.clone());
                    match &self.target {
                        Target::Fixed(_) => return,
                        Target::Sentinels(sentinels) => {
                            self.watch(sentinels, &host, number).await;
                            pause = pause_now();
                            continue;
                        }
                    }
                }
                Ok(Ok(Err(reason))) => self.not_found(&reason),
                Ok(Err(_panic)) => self.not_found("this tokio runtime has no network"),
                Err(_elapsed) => self.not_found("no answer to the attempt to connect"),
            }
            pause = self.pace.pause().saturating_sub(began.elapsed());
        }
    }

    /// Returns when the connection with this number, to this host, is over, or the sentinels name
    /// another master.
    async fn watch(&self, sentinels: &Sentinels, host: &Host, number: u64) {
        let mut state = self.state.subscribe();
        loop {
            let is_over = |state: &State| !matches!(state, State::Live { .. });
            let is_lost = state.wait_for(is_over);
            if tokio::time::timeout(WATCH, is_lost).await.is_ok() {
                return;
            }
            match sentinels.find().await {
                Ok(master) if master != *host => {
                    let reason = format!("the sentinels name another master, {master}");
                    return self.lost(number, reason, false);
                }
                // No sentinel answers: what there is may go on.
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// A connection to a server that answers and takes writes, or what is in the way.
    async fn open(&self) -> Result<(MultiplexedConnection, Host), String> {
        let host = match &self.target {
            Target::Fixed(host) => host.clone(),
            Target::Sentinels(sentinels) => sentinels.find().await?,
        };
        let mut connection = server::connect(&self.access, &host, None).await?;
        let began = Instant::now();
        let ping = cmd("PING").query_async::<()>(&mut connection).await;
        ping.map_err(|error| server::describe(&error))?;
        let is_late = began.elapsed() >= self.pace.budget;
        if is_late && matches!(*self.state.borrow(), State::Away { is_slow: true, .. }) {
            return Err("it answers, but not within the time of a look-up".to_owned());
        }
        let introduction = Introduction::of(&mut connection).await;
        if let Some(role) = introduction.is_no_master() {
            return Err(format!("it is no master but a {role}"));
        }
        // It may have answered for the first time after they had given it up, and not know that yet.
        if let Target::Sentinels(sentinels) = &self.target
            && sentinels.find().await.is_ok_and(|master| master != host)
        {
            return Err("the sentinels name another master by now".to_owned());
        }
        if let Some(warning) = introduction.is_too_old()
            && self.connections.load(Ordering::Relaxed) == 0
        {
            tracing::warn!(redis = self.name, "{warning}");
        }
        self.note_run(introduction.run);
        Ok((connection, host))
    }

    /// Notes who answers now. One that was restarted may have lost as much as one that takes the place
    /// of another.
    fn note_run(&self, run: Option<String>) {
        let is_first = self.connections.load(Ordering::Relaxed) == 0;
        let mut last = lock(&self.last_run);
        let is_same = run.is_some() && *last == run;
        *last = run;
        drop(last);
        if !is_first && !is_same {
            (self.changed)();
        }
    }

    /// Returns the number of the connection.
    fn found(&self, connection: MultiplexedConnection, host: Host) -> u64 {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        self.outcomes.forget();
        self.in_vain.fetch_add(1, Ordering::Relaxed);
        let live = State::Live {
            connection,
            number,
            host,
        };
        let before = self.state.send_replace(live);
        let came_back = matches!(before, State::Away { .. });
        if came_back {
            tracing::warn!(redis = self.name, "Redis answers again");
        } else {
            tracing::info!(redis = self.name, "Redis answers");
        }
        number
    }

    /// Only the first failure is news.
    fn not_found(&self, reason: &str) {
        let first = self.state.send_if_modified(|state| {
            let first = matches!(state, State::Idle);
            if first {
                *state = State::Away {
                    reason: reason.to_owned(),
                    is_slow: false,
                };
            }
            first
        });
        if first {
            tracing::warn!(
                redis = self.name,
                reason,
                "Redis is not reachable: functions go on without it"
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
