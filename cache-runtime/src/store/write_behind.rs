//! Writes to the store that no caller waits for: a bounded queue and the task that empties it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::FoldedGenerations;
use super::bounded::BoundedStore;
use crate::clock::{UnixMillis, millis};
use crate::envelope::{self, Format, Times, Unstorable, ValueType};
use crate::memory::SharedEntry;
use crate::runtime;

/// Writes that may wait. They share their values with the memory tier.
const QUEUE: usize = 1024;

/// Writes under way at once, on one multiplexed connection.
const AT_ONCE: usize = 64;

/// Keys that are remembered because the store does not have yet what is to hold for them.
const UNSETTLED: usize = 65_536;

/// What is on its way to the store: an entry, or the end of one.
pub(crate) struct Write {
    pub(super) key: String,
    /// Among all writes, given when it is queued.
    number: u64,
    content: Content,
}

enum Content {
    /// The key is to be forgotten.
    Nothing,
    Entry(Unsealed),
    Sealed(Sealed),
}

pub(super) struct Unsealed {
    /// How long it is fresh.
    ttl: Duration,
    /// How long it is kept when that is over.
    kept_for: Duration,
    entry: SharedEntry,
    value_type: ValueType,
    created: UnixMillis,
    generations: FoldedGenerations,
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
        generations: FoldedGenerations,
        ttl: Duration,
        kept_for: Duration,
    ) -> Self {
        let content = Content::Entry(Unsealed {
            ttl,
            kept_for,
            entry,
            value_type,
            created,
            generations,
        });
        Self {
            key,
            number: 0,
            content,
        }
    }

    pub(super) fn removal(key: String) -> Self {
        Self {
            key,
            number: 0,
            content: Content::Nothing,
        }
    }

    /// With its bytes made now, by `seal`. Without any, the key is forgotten: what it held before is
    /// not its value any more.
    pub(super) fn sealed(mut self, seal: impl FnOnce(&str, &Unsealed) -> Option<Sealed>) -> Self {
        if let Content::Entry(unsealed) = &self.content {
            self.content = seal(&self.key, unsealed).map_or(Content::Nothing, Content::Sealed);
        }
        self
    }

    /// What is to be stored, of a write whose bytes are made; `None` where the key is to be
    /// forgotten.
    pub(super) fn bytes(&self) -> Option<&Sealed> {
        match &self.content {
            Content::Sealed(sealed) => Some(sealed),
            Content::Nothing | Content::Entry(_) => None,
        }
    }
}

impl Unsealed {
    pub(super) fn seal(&self, key: &str, format: &Format) -> Result<Sealed, Unstorable> {
        let fresh_until = self.created.saturating_add(millis(self.ttl));
        let times = Times {
            created: self.created,
            fresh_until,
            kept_until: fresh_until.saturating_add(millis(self.kept_for)),
        };
        let (value, value_type) = (&self.entry.value, self.value_type);
        let bytes = envelope::seal(key, value, value_type, times, self.generations, format)?;
        let ttl = self.ttl.saturating_add(self.kept_for);
        Ok(Sealed { bytes, ttl })
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
    queue: Mutex<Option<Queue>>,
    store: Arc<BoundedStore>,
    unsettled: Arc<Mutex<Unsettled>>,
    dropped: AtomicU64,
}

#[derive(Clone)]
struct Queue {
    messages: mpsc::Sender<Message>,
    /// Writes that were queued and are not done.
    waiting: Arc<AtomicU64>,
}

/// Keys whose entry in the store is not to be served: it was removed or replaced, and the store has
/// not confirmed that.
#[derive(Default)]
struct Unsettled {
    /// With the number of the write that has to be done, and whether it is queued.
    by_key: HashMap<String, (u64, bool)>,
    /// Number of the latest write.
    latest: u64,
}

impl WriteBehind {
    pub(super) fn new(store: Arc<BoundedStore>) -> Self {
        Self {
            queue: Mutex::default(),
            store,
            unsettled: Arc::default(),
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn push(&self, mut write: Write) {
        let mut unsettled = self.lock();
        write.number = unsettled.next();
        self.queue_or_drop(unsettled, write);
    }

    /// Queues a write of a key whose entry is not to be served any more, and says whether there are
    /// more such keys than are to be remembered: then everything is to be refused together, and
    /// they [are forgotten](Self::forget_unsettled).
    pub(super) fn push_in_place(&self, mut write: Write) -> bool {
        let mut unsettled = self.lock();
        write.number = unsettled.next();
        let has_many = unsettled.add(write.key.clone(), write.number, true);
        self.queue_or_drop(unsettled, write);
        has_many
    }

    /// The same, where what is to be done is not queued.
    pub(super) fn unsettle(&self, key: String) -> bool {
        let mut unsettled = self.lock();
        let number = unsettled.next();
        unsettled.add(key, number, false)
    }

    pub(super) fn forget_unsettled(&self) {
        self.lock().by_key.clear();
    }

    /// The store has done all there is to do about the key.
    pub(super) fn settle(&self, key: &str) {
        self.lock().by_key.remove(key);
    }

    /// Whether an entry of the key is not to be served. Where nothing is queued that would end this,
    /// a removal is.
    pub(super) fn is_unsettled(&self, key: &str) -> bool {
        let unsettled = self.lock();
        // As it is most of the time: the key need not be hashed.
        if unsettled.by_key.is_empty() {
            return false;
        }
        let Some((_, is_queued)) = unsettled.by_key.get(key).copied() else {
            return false;
        };
        drop(unsettled);
        if !is_queued {
            self.push_in_place(Write::removal(key.to_owned()));
        }
        true
    }

    /// With the numbers locked, so that writes are queued in their order.
    fn queue_or_drop(&self, mut unsettled: MutexGuard<'_, Unsettled>, write: Write) {
        let refused = match self.queue() {
            Some(queue) => {
                // Before it is sent: it may be done before this goes on.
                queue.waiting.fetch_add(1, Ordering::SeqCst);
                let refused = queue.messages.try_send(Message::Write(write)).err();
                if refused.is_some() {
                    queue.waiting.fetch_sub(1, Ordering::SeqCst);
                }
                refused.map(TrySendError::into_inner)
            }
            None => Some(Message::Write(write)),
        };
        if let Some(Message::Write(write)) = &refused {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            unsettled.give_up(&write.key, write.number);
        }
        // Before what it refused: a value may do anything when it is dropped.
        drop(unsettled);
    }

    pub(super) fn is_waiting(&self) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = queue.as_ref().map(|queue| &queue.waiting);
        waiting.is_some_and(|waiting| waiting.load(Ordering::SeqCst) > 0)
    }

    fn lock(&self) -> MutexGuard<'_, Unsettled> {
        lock(&self.unsettled)
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
            queue.messages.send(Message::Flush(done)).await.ok()?;
            is_done.await.ok()
        };
        matches!(tokio::time::timeout(deadline, flushed).await, Ok(Some(())))
    }

    /// `None` outside a runtime.
    fn queue(&self) -> Option<Queue> {
        let mut slot = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(queue) if !queue.messages.is_closed() => Some(queue.clone()),
            _ => {
                let runtime = Handle::try_current().ok()?;
                let (sender, messages) = mpsc::channel(QUEUE);
                let queue = Queue {
                    messages: sender,
                    waiting: Arc::default(),
                };
                runtime.spawn(empty(
                    self.store.clone(),
                    messages,
                    queue.waiting.clone(),
                    self.unsettled.clone(),
                ));
                *slot = Some(queue.clone());
                Some(queue)
            }
        }
    }
}

impl Unsettled {
    fn next(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    fn add(&mut self, key: String, number: u64, is_queued: bool) -> bool {
        self.by_key.insert(key, (number, is_queued));
        self.by_key.len() > UNSETTLED
    }

    /// What was written settles the key, unless something later is to hold for it.
    fn done(&mut self, key: &str, number: u64) {
        if self.by_key.get(key).is_some_and(|(it, _)| *it <= number) {
            self.by_key.remove(key);
        }
    }

    fn give_up(&mut self, key: &str, number: u64) {
        if let Some((latest, is_queued)) = self.by_key.get_mut(key)
            && *latest == number
        {
            *is_queued = false;
        }
    }
}

fn lock(unsettled: &Mutex<Unsettled>) -> MutexGuard<'_, Unsettled> {
    unsettled.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Empties the queue. Ends when the cache is gone and everything is written.
async fn empty(
    store: Arc<BoundedStore>,
    mut messages: mpsc::Receiver<Message>,
    waiting: Arc<AtomicU64>,
    unsettled: Arc<Mutex<Unsettled>>,
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
        stream::iter(writes.into_values())
            .for_each_concurrent(AT_ONCE, async |write| {
                let write = store.seal(write);
                let is_written = store.write(&write).await;
                let mut unsettled = lock(&unsettled);
                if is_written {
                    unsettled.done(&write.key, write.number);
                } else {
                    unsettled.give_up(&write.key, write.number);
                }
            })
            .await;
        waiting.fetch_sub(done, Ordering::SeqCst);
        for done in flushed {
            // Nobody waits any more: nothing to tell.
            let _ = done.send(());
        }
    }
}
