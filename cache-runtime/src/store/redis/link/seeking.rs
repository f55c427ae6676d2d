//! The task that looks for a connection, until there is one, and for the next when that is lost.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::cmd;
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use super::{Notice, Shared, State, Target, lock};
use crate::store::StoreChange;
use crate::store::redis::address::Host;
use crate::store::redis::pace::{Attempts, Failure};
use crate::store::redis::reasons;
use crate::store::redis::sentinel::{self, Sentinels};
use crate::store::redis::server::{self, Introduction};

/// How often the sentinels are asked whether there is another master.
const WATCH: Duration = Duration::from_secs(1);

impl Shared {
    pub(super) async fn seek(self: Arc<Self>) {
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
}
