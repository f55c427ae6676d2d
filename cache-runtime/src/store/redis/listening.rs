//! The second connection: what others announce.
//!
//! It goes to the server to which the first one goes, and ends with it: a new master may know of
//! announcements that the old one has never heard of. Messages are handled where they are read, so
//! nothing is queued here; a process that falls behind is thrown out by Redis, and knows that it has
//! missed something.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ::redis::aio::{AsyncPushSender, MultiplexedConnection, SendError};
use ::redis::{PushInfo, PushKind, Value, cmd};
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::access::{Access, Protocol};
use super::link::{NoAnswer, Served};
use super::reasons;
use super::server;
use super::servers::Servers;
use crate::store::{Announcement, Listener};

/// What the answer to a PING may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked whether there is a server to listen to.
const PACE: Duration = Duration::from_millis(100);

/// Those who listen, by their channels.
pub(super) type Listeners = Arc<Mutex<Vec<(String, Weak<dyn Listener>)>>>;

pub(super) struct Ears {
    access: Access,
    servers: Arc<Servers>,
    listeners: Listeners,
    /// Ends with the runtime that it was started on; the next operation starts another one.
    task: Mutex<Option<JoinHandle<()>>>,
    is_running: Arc<AtomicBool>,
    hearing: watch::Sender<Hearing>,
    was_mute: Arc<AtomicBool>,
}

/// Whether others are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    NotYet,
    Yes,
    Refused,
}

impl Ears {
    pub(super) fn new(access: &Access, servers: Arc<Servers>, listeners: Listeners) -> Self {
        Self {
            access: Access {
                protocol: Protocol::Resp3,
                in_flight: None,
                ..access.clone()
            },
            servers,
            listeners,
            task: Mutex::default(),
            is_running: Arc::default(),
            hearing: watch::Sender::new(Hearing::NotYet),
            was_mute: Arc::default(),
        }
    }

    pub(super) fn add(&self, channel: &str, listener: Weak<dyn Listener>) {
        let mut listeners = lock(&self.listeners);
        listeners.retain(|(_, listener)| listener.strong_count() > 0);
        listeners.push((channel.to_owned(), listener));
        drop(listeners);
        // What there is does not know the channel.
        self.end();
    }

    /// Has somebody listen.
    pub(super) fn begin(&self) {
        if self.is_running.load(Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut task = lock(&self.task);
        let is_over = task.as_ref().is_none_or(JoinHandle::is_finished);
        if is_over && !lock(&self.listeners).is_empty() {
            self.is_running.store(true, Ordering::Relaxed);
            let listening = Listening {
                access: self.access.clone(),
                servers: self.servers.clone(),
                listeners: self.listeners.clone(),
                is_running: self.is_running.clone(),
                hearing: self.hearing.clone(),
                was_mute: self.was_mute.clone(),
            };
            *task = Some(runtime.spawn(listening.run()));
        }
    }

    pub(super) fn end(&self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }

    /// Returns when others are heard, or that was refused.
    pub(super) async fn are_open(&self) {
        self.begin();
        let mut hearing = self.hearing.subscribe();
        if !lock(&self.listeners).is_empty() {
            // The sender lives as long as `self`.
            let _ = hearing
                .wait_for(|hearing| *hearing != Hearing::NotYet)
                .await;
        }
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Ears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ears").finish_non_exhaustive()
    }
}

struct Listening {
    access: Access,
    servers: Arc<Servers>,
    listeners: Listeners,
    is_running: Arc<AtomicBool>,
    hearing: watch::Sender<Hearing>,
    /// Said once.
    was_mute: Arc<AtomicBool>,
}

impl Drop for Listening {
    /// When it ends, and when its runtime does.
    fn drop(&mut self) {
        self.hearing.send_replace(Hearing::NotYet);
        self.tell_connected(false);
        for (_, listener) in present(&self.listeners) {
            listener.abandoned();
        }
        // At last: the next one may be told other things.
        self.is_running.store(false, Ordering::Relaxed);
    }
}

impl Listening {
    async fn run(self) {
        while !present(&self.listeners).is_empty() {
            let served = self.servers.any_served();
            if let Some(served) = &served {
                self.listen_to(served).await;
            }
            let served = served.filter(Served::is_still);
            self.tend(served.as_ref()).await;
            let was_refused = *self.hearing.borrow() == Hearing::Refused;
            tokio::time::sleep(if was_refused { PATIENCE } else { PACE }).await;
        }
    }

    /// Returns when the connection is over, or the one that it goes along with.
    async fn listen_to(&self, served: &Served) {
        // Twice as long as the attempt that has just been enough for the first connection.
        let subscribe = pin!(timeout(2 * served.attempt, self.subscribe(served)));
        let Either::Left((subscribed, _)) = select(subscribe, pin!(served.is_over())).await else {
            // It is away, and that is said already.
            return;
        };
        let mut connection = match subscribed {
            Ok(Ok(connection)) => connection,
            Ok(Err(reason)) if served.is_still() => return self.refused(&reason),
            Err(_elapsed) if served.is_still() => return self.refused("no answer"),
            _ => return,
        };
        let was_refused = *self.hearing.borrow() == Hearing::Refused;
        if was_refused {
            tracing::warn!("Redis tells again what other processes invalidate");
        }
        self.tell_connected(true);
        let listeners = present(&self.listeners).into_iter();
        let pace = listeners.map(|(_, listener)| listener.pace()).min();
        let pace = pace.unwrap_or(PATIENCE);
        while served.is_still() {
            self.tend(Some(served)).await;
            self.hearing.send_replace(Hearing::Yes);
            if timeout(pace, served.is_over()).await.is_ok() {
                break;
            }
            let ping = cmd("PING");
            let ping = ping.query_async::<()>(&mut connection);
            if !matches!(timeout(PATIENCE, ping).await, Ok(Ok(()))) {
                break;
            }
        }
        self.hearing.send_replace(Hearing::NotYet);
        self.tell_connected(false);
    }

    async fn subscribe(&self, served: &Served) -> Result<MultiplexedConnection, String> {
        let pushes = Pushes(self.listeners.clone());
        let pushes: Arc<dyn AsyncPushSender> = Arc::new(pushes);
        let mut connection = server::connect(&self.access, &served.host, Some(pushes)).await?;
        let channels = present(&self.listeners).into_iter();
        let channels: Vec<String> = channels.map(|(channel, _)| channel).collect();
        let mut subscribe = cmd("SUBSCRIBE");
        subscribe.arg(channels);
        let subscribed = subscribe.query_async::<()>(&mut connection).await;
        subscribed.map_err(|error| reasons::describe(&error))?;
        Ok(connection)
    }

    /// Does what is due.
    async fn tend(&self, served: Option<&Served>) {
        for (_, listener) in present(&self.listeners) {
            let announcement = listener.due(served.is_some());
            drop(listener);
            if let Some((announcement, served)) = announcement.zip(served) {
                let publish = publish(&announcement);
                // Where it is not said, the next one says the same.
                let said = timeout(PATIENCE, served.link.ask::<()>(&publish)).await;
                if let Ok(Err(NoAnswer::Error(error))) = said
                    && server::denied(&error).is_some()
                {
                    self.warn_of_silence();
                }
            }
        }
    }

    fn warn_of_silence(&self) {
        if !self.was_mute.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "Redis lets this process announce nothing: what others have in memory stays there \
                 when it is invalidated here"
            );
        }
    }

    fn refused(&self, reason: &str) {
        if self.hearing.send_replace(Hearing::Refused) != Hearing::Refused {
            tracing::warn!(
                reason,
                "Redis does not tell what other processes invalidate: memory is looked up again \
                 every 2 s"
            );
        }
    }

    fn tell_connected(&self, is_connected: bool) {
        for (_, listener) in present(&self.listeners) {
            listener.connected(is_connected);
        }
    }
}

struct Pushes(Listeners);

impl AsyncPushSender for Pushes {
    fn send(&self, push: PushInfo) -> Result<(), SendError> {
        if push.kind != PushKind::Message {
            return Ok(());
        }
        if let [Value::BulkString(channel), Value::BulkString(message)] = push.data.as_slice() {
            for (of, listener) in present(&self.0) {
                if of.as_bytes() == channel {
                    listener.heard(message);
                }
            }
        }
        Ok(())
    }
}

pub(super) fn publish(announcement: &Announcement) -> ::redis::Cmd {
    let mut publish = cmd("PUBLISH");
    publish
        .arg(announcement.channel())
        .arg(announcement.message());
    publish
}

/// Those that are still there, to be called with nothing locked.
pub(super) fn present(listeners: &Listeners) -> Vec<(String, Arc<dyn Listener>)> {
    let listeners = lock(listeners);
    let present = listeners
        .iter()
        .filter_map(|(channel, listener)| Some((channel.clone(), listener.upgrade()?)));
    present.collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
