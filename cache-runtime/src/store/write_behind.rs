//! Writes to the store that no caller waits for: a bounded queue and the task that empties it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::bounded::BoundedStore;
use super::{Generations, runtime};
use crate::clock::{UnixMillis, millis};
use crate::envelope::{self, Format, Times, Unstorable, ValueType};
use crate::memory::SharedEntry;

/// Writes that may wait. They share their values with the memory tier.
const QUEUE: usize = 1024;

/// Writes under way at once, on one multiplexed connection.
const AT_ONCE: usize = 64;

/// What is on its way to the store: an entry, or the end of one.
pub(crate) struct Write {
    pub(super) key: String,
    /// `None`: the key is to be forgotten.
    content: Option<Content>,
}

struct Content {
    ttl: Duration,
    entry: SharedEntry,
    value_type: ValueType,
    created: UnixMillis,
    generations: Generations,
}

/// The bytes of an entry, and how long the store keeps them.
pub(super) struct Sealed {
    pub(super) bytes: Vec<u8>,
    pub(super) ttl: Duration,
}

impl Write {
    pub(super) fn entry(
        key: String,
        entry: SharedEntry,
        value_type: ValueType,
        created: UnixMillis,
        generations: Generations,
        ttl: Duration,
    ) -> Self {
        let content = Some(Content {
            ttl,
            entry,
            value_type,
            created,
            generations,
        });
        Self { key, content }
    }

    pub(super) fn removal(key: String) -> Self {
        Self { key, content: None }
    }

    /// What is to be stored; `None` where the key is to be forgotten.
    pub(super) fn seal(&self, format: &Format) -> Result<Option<Sealed>, Unstorable> {
        let Some(content) = &self.content else {
            return Ok(None);
        };
        let times = Times {
            created: content.created,
            fresh_until: content.created.saturating_add(millis(content.ttl)),
        };
        let value = &content.entry.value;
        let bytes = envelope::seal(
            &self.key,
            value,
            content.value_type,
            times,
            content.generations,
            format,
        )?;
        let ttl = content.ttl;
        Ok(Some(Sealed { bytes, ttl }))
    }
}

enum Message {
    Write(Write),
    /// Answered once everything before it is done.
    Flush(oneshot::Sender<()>),
}

pub(super) struct WriteBehind {
    /// Of the task that empties the queue, as long as that task lives: it ends with the runtime
    /// that it was started on, and the next write starts another one.
    queue: Mutex<Option<mpsc::Sender<Message>>>,
    store: Arc<BoundedStore>,
    /// Writes that were queued and are not done, as long as the task lives.
    waiting: Arc<AtomicU64>,
    dropped: AtomicU64,
}

impl WriteBehind {
    pub(super) fn new(store: Arc<BoundedStore>) -> Self {
        Self {
            queue: Mutex::default(),
            store,
            waiting: Arc::default(),
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn push(&self, write: Write) {
        let queued = self.queue().is_some_and(|queue| {
            // Before it is sent: it may be done before this goes on.
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let sent = queue.try_send(Message::Write(write)).is_ok();
            if !sent {
                self.waiting.fetch_sub(1, Ordering::SeqCst);
            }
            sent
        });
        if !queued {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    pub(super) async fn flush(&self, deadline: Duration) -> bool {
        if !runtime::has_timer() {
            return false;
        }
        let Some(queue) = self.queue() else {
            return false;
        };
        let (done, is_done) = oneshot::channel();
        let flushed = async {
            queue.send(Message::Flush(done)).await.ok()?;
            is_done.await.ok()
        };
        matches!(tokio::time::timeout(deadline, flushed).await, Ok(Some(())))
    }

    /// `None` outside a runtime.
    fn queue(&self) -> Option<mpsc::Sender<Message>> {
        let mut slot = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(queue) if !queue.is_closed() => Some(queue.clone()),
            _ => {
                let runtime = Handle::try_current().ok()?;
                let (queue, messages) = mpsc::channel(QUEUE);
                self.waiting.store(0, Ordering::SeqCst);
                runtime.spawn(empty(self.store.clone(), messages, self.waiting.clone()));
                *slot = Some(queue.clone());
                Some(queue)
            }
        }
    }
}

/// Empties the queue. Ends when the cache is gone and everything is written.
async fn empty(
    store: Arc<BoundedStore>,
    mut messages: mpsc::Receiver<Message>,
    waiting: Arc<AtomicU64>,
) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    while messages.recv_many(&mut batch, AT_ONCE).await > 0 {
        // What is written side by side has no order: of several writes of one key the last one counts.
        let mut writes = HashMap::with_capacity(batch.len());
        let mut flushed = Vec::new();
        let mut done = 0;
        for message in batch.drain(..) {
            match message {
                Message::Write(write) => {
                    writes.insert(write.key.clone(), write);
                    done += 1;
                }
                Message::Flush(done) => flushed.push(done),
            }
        }
        stream::iter(writes.values())
            .for_each_concurrent(AT_ONCE, |write| store.write(write))
            .await;
        // Not below zero: a task of a runtime that has ended may have left its count behind.
        let _ = waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |waiting| {
            Some(waiting.saturating_sub(done))
        });
        for done in flushed {
            // Nobody waits any more: nothing to tell.
            let _ = done.send(());
        }
    }
}
