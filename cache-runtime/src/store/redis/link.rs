//! The connection to one Redis, and the task that brings it back.
//!
//! Operations take the connection as it is: while there is none they fail at once, so a call
//! loses no time to a Redis that is known to be away. An error of the connection, or too many
//! [time-outs](super::breaker), end it; a task in the background then tries to get another
//! one. Each change of state is logged once.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, cmd, pipe};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::access::Access;
use super::address::Host;
use super::breaker::Outcomes;
use super::pace::{Attempts, Failure, Pace};
use super::reasons;
use super::sentinel::{self, Sentinels};
use super::server::{self, Introduction};
use crate::store::{Breaker, Connections, StoreChange, StoreError};

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

    async fn seek(self: Arc<Self>) {
        let pause_now = || self.pace.pause_after(self.in_vain.load(Ordering::Relaxed));
        let mut pause = pause_now();
        let mut attempts = Attempts::up_to(self.pace.attempt);
        loop {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if matches!(*self.state.borrow(), State::Live { .. }) {
                // Somebody else asked for it meanwhile.
                return;
            }
            let began = Instant::now();
            let attempt = attempts.take();
            self.is_trying.store(true, Ordering::Relaxed);
            self.tell_breaker();
            let opened = self.open_within(attempt).await;
            self.is_trying.store(false, Ordering::Relaxed);
            match opened {
                Ok((connection, host)) => {
                    let number = self.found(connection, host.clone(), attempt);
                    match &self.target {
                        Target::Fixed(_) => return,
                        Target::Sentinels(sentinels) => {
                            self.watch(sentinels, &host, number, attempt).await;
                            pause = pause_now();
                            attempts = Attempts::up_to(self.pace.attempt);
                            continue;
                        }
                    }
                }
                Err(Failure { reason, is_late }) => {
                    if !is_late {
                        attempts.again(attempt);
                    }
                    self.not_found(&reason, !is_late || attempts.is_longest(attempt));
                    self.tell_breaker();
                }
            }
            pause = self.pace.pause().saturating_sub(began.elapsed());
        }
    }

    async fn open_within(
        &self,
        attempt: Duration,
    ) -> Result<(MultiplexedConnection, Host), Failure> {
        // On a runtime without network, tokio panics.
        let open = AssertUnwindSafe(self.open(attempt)).catch_unwind();
        match tokio::time::timeout(self.target.time_for(attempt), open).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(_panic)) => Err("this tokio runtime has no network".to_owned().into()),
            Err(_elapsed) => Err(Failure {
                reason: format!(
                    "no answer within {attempt:?} to the attempt to connect{}",
                    reasons::of_silence(&self.access)
                ),
                is_late: true,
            }),
        }
    }

    /// Returns when the connection with this number, to this host, is over, or the sentinels name
    /// another master. `attempt`: how long the one that found it might have taken.
    async fn watch(&self, sentinels: &Sentinels, host: &Host, number: u64, attempt: Duration) {
        let mut state = self.state.subscribe();
        loop {
            let is_over = |state: &State| !matches!(state, State::Live { .. });
            let is_lost = state.wait_for(is_over);
            if tokio::time::timeout(WATCH, is_lost).await.is_ok() {
                return;
            }
            let is_lost = pin!(state.wait_for(is_over));
            let found = pin!(sentinels.find(sentinel::patience(attempt)));
            let Either::Right((found, _)) = select(is_lost, found).await else {
                return;
            };
            match found {
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
    async fn open(&self, attempt: Duration) -> Result<(MultiplexedConnection, Host), Failure> {
        let patience = sentinel::patience(attempt);
        let host = match &self.target {
            Target::Fixed(host) => host.clone(),
            Target::Sentinels(sentinels) => sentinels.find(patience).await?,
        };
        let mut connection = server::connect(&self.access, &host, None).await?;
        let began = Instant::now();
        let ping = cmd("PING").query_async::<()>(&mut connection).await;
        ping.map_err(|error| reasons::of_connecting(&error, &self.access, &host))?;
        let is_late = began.elapsed() >= self.pace.budget;
        if is_late && matches!(*self.state.borrow(), State::Away { is_slow: true, .. }) {
            return Err("it answers, but not within the time of a look-up"
                .to_owned()
                .into());
        }
        let introduction = Introduction::of(&mut connection).await;
        if let Some(role) = introduction.is_no_master() {
            return Err(format!("it is no master but a {role}").into());
        }
        // It may have answered for the first time after they had given it up, and not know that yet.
        if let Target::Sentinels(sentinels) = &self.target
            && sentinels
                .find(patience)
                .await
                .is_ok_and(|master| master != host)
        {
            return Err("the sentinels name another master by now".to_owned().into());
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
            (self.tell)(Notice::ServerChanged);
        }
    }

    /// Returns the number of the connection.
    fn found(&self, connection: MultiplexedConnection, host: Host, attempt: Duration) -> u64 {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        self.outcomes.forget();
        self.in_vain.fetch_add(1, Ordering::Relaxed);
        let live = State::Live {
            connection,
            number,
            host,
            attempt,
        };
        self.state.send_replace(live);
        let came_back = self.is_told_away.swap(false, Ordering::Relaxed);
        if came_back {
            tracing::warn!(redis = self.name, "Redis answers again");
        } else {
            tracing::info!(redis = self.name, "Redis answers");
        }
        let server = self.name.as_str().into();
        (self.tell)(Notice::Store(StoreChange::Back { server }));
        self.tell_breaker();
        number
    }

    /// Only the first failure is news. `is_tried`: it is none of too little time.
    fn not_found(&self, reason: &str, is_tried: bool) {
        let mut is_first = false;
        self.state.send_if_modified(|state| match state {
            State::Idle => {
                is_first = true;
                *state = State::Away {
                    reason: reason.to_owned(),
                    is_tried,
                    is_slow: false,
                };
                true
            }
            State::Away {
                reason: last,
                is_tried: was_tried,
                ..
            } if is_tried && (!*was_tried || last != reason) => {
                // The log has spoken; who asks is told what is the matter now.
                reason.clone_into(last);
                *was_tried = true;
                true
            }
            State::Away { .. } | State::Live { .. } => false,
        });
        if is_first && !self.is_told_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                redis = self.name,
                reason,
                "Redis is not reachable: functions go on without it"
            );
            self.tell_gone(reason);
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
