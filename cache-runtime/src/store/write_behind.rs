//! Writes to the store that no caller waits for: a bounded queue and the task that empties it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::Store;
use super::tier::{StoreSettings, within};
use crate::clock::{UnixMillis, millis};
use crate::envelope::{self, Codec, Compression, Times};
use crate::memory::SharedEntry;

/// Writes that may wait. They share their values with the memory tier.
const QUEUE: usize = 1024;

/// Writes under way at once, on one multiplexed connection.
const AT_ONCE: usize = 64;

/// One entry on its way to the store.
#[derive(Debug)]
pub(crate) struct Write {
    pub(super) key: String,
    pub(super) ttl: Duration,
    entry: SharedEntry,
    codec: Codec,
    created: UnixMillis,
}

impl Write {
    pub(super) fn new(
        key: String,
        entry: SharedEntry,
        codec: Codec,
        created: UnixMillis,
        ttl: Duration,
    ) -> Self {
        Self {
            key,
            ttl,
            entry,
            codec,
            created,
        }
    }

    /// The bytes to store. `None` where the value refuses to be serialized: it stays in memory
    /// alone.
    pub(super) fn seal(&self, compression: Compression) -> Option<Vec<u8>> {
        let times = Times {
            created: self.created,
            fresh_until: self.created.saturating_add(millis(self.ttl)),
        };
        let sealed = envelope::seal(&self.key, &self.entry.value, self.codec, times, compression);
        if sealed.is_none() {
            tracing::debug!("a value refused to be serialized and is kept in memory only");
        }
        sealed
    }
}

#[derive(Debug)]
enum Message {
    Write(Write),
    /// Answered once everything before it is done.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug)]
pub(super) struct WriteBehind {
    /// Of the task that empties the queue, as long as that task lives: it ends with the runtime
    /// that it was started on, and the next write starts another one.
    queue: Mutex<Option<mpsc::Sender<Message>>>,
    writer: Writer,
    dropped: AtomicU64,
}

#[derive(Clone, Debug)]
struct Writer {
    store: Arc<dyn Store>,
    settings: StoreSettings,
    failures: Arc<AtomicU64>,
}

impl WriteBehind {
    pub(super) fn new(
        store: Arc<dyn Store>,
        settings: StoreSettings,
        failures: Arc<AtomicU64>,
    ) -> Self {
        Self {
            queue: Mutex::default(),
            writer: Writer {
                store,
                settings,
                failures,
            },
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn push(&self, write: Write) {
        let queued = self
            .queue()
            .is_some_and(|queue| queue.try_send(Message::Write(write)).is_ok());
        if !queued {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) async fn flush(&self, deadline: Duration) -> bool {
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
                runtime.spawn(self.writer.clone().run(messages));
                *slot = Some(queue.clone());
                Some(queue)
            }
        }
    }
}

impl Writer {
    /// Ends when the cache is dropped and the queue is empty.
    async fn run(self, mut messages: mpsc::Receiver<Message>) {
        let mut batch = Vec::with_capacity(AT_ONCE);
        while messages.recv_many(&mut batch, AT_ONCE).await > 0 {
            let mut flushed = Vec::new();
            let writes = batch.drain(..).filter_map(|message| match message {
                Message::Write(write) => Some(write),
                Message::Flush(done) => {
                    flushed.push(done);
                    None
                }
            });
            let writes: Vec<Write> = writes.collect();
            stream::iter(&writes)
                .for_each_concurrent(AT_ONCE, |write| self.write(write))
                .await;
            for done in flushed {
                // Nobody waits any more: nothing to tell.
                let _ = done.send(());
            }
        }
    }

    async fn write(&self, write: &Write) {
        let Some(sealed) = write.seal(self.settings.compression) else {
            return;
        };
        if sealed.len() > self.settings.value_limit {
            tracing::debug!(bytes = sealed.len(), "a value is too large for the store");
            return;
        }
        let set = self.store.set(&write.key, &sealed, write.ttl);
        if within(&*self.store, self.settings.budget * 2, set)
            .await
            .is_err()
        {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }
}
