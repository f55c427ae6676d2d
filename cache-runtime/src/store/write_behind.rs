//! Writes to the store that no caller waits for: a bounded queue and the task that empties it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::bounded::BoundedStore;
use super::{AT_ONCE, Write};
use crate::runtime;

/// Writes that may wait. They share their values with the memory tier.
pub(super) const QUEUE: usize = 1024;

/// Keys that are remembered because the store does not have yet what is to hold for them.
const UNSETTLED: usize = 65_536;

/// What the store has confirmed in this time is told again to a server that takes its place: copies
/// lag behind by less, and what was written down on disk is seldom older where the last seconds count.
pub(super) const CONFIRMED_FOR: Duration = Duration::from_secs(60);

/// Keys that are remembered for that.
const CONFIRMED: usize = 65_536;

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
    /// Whether `unsettled` has any keys, to be read without its lock.
    has_unsettled: Arc<AtomicBool>,
    dropped: AtomicU64,
    /// Writes of values that were tried and not done, or were queued when the task ended.
    lost: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Queue {
    messages: mpsc::Sender<Message>,
    waiting: Arc<Waiting>,
}

/// Writes that were queued and are not done.
#[derive(Default)]
struct Waiting {
    writes: AtomicU64,
    /// Of these, the ones that bring a value; several of one key are one as soon as they are looked at.
    values: AtomicU64,
}

/// Keys whose entry in the store is not to be served: it was removed or replaced, and the store has
/// not confirmed that.
struct Unsettled {
    by_key: HashMap<String, Unconfirmed>,
    /// Whether `by_key` has any. Changes with it, under the same lock.
    has_any: Arc<AtomicBool>,
    /// Number of the latest write.
    latest: u64,
    /// Of this process, at random.
    process: u32,
    confirmed: Confirmed,
}

/// Keys whose removal or replacement the store has confirmed just now, in the order of that.
#[derive(Default)]
struct Confirmed {
    keys: VecDeque<(Instant, String)>,
    /// When there were more than are remembered.
    overflowed: Option<Instant>,
    /// When the store was lost: what it had confirmed just before that counts.
    lost: Option<Instant>,
}

impl Confirmed {
    fn forget_old(&mut self, now: Instant) {
        let is_old = |at: Instant| now.duration_since(at) >= CONFIRMED_FOR;
        while self.keys.front().is_some_and(|(at, _)| is_old(*at)) {
            self.keys.pop_front();
        }
        self.overflowed.take_if(|at| is_old(*at));
    }

    fn add(&mut self, key: String) {
        let now = Instant::now();
        self.lost = None;
        self.forget_old(now);
        if self.keys.len() >= CONFIRMED {
            self.keys.clear();
            self.overflowed = Some(now);
        }
        self.keys.push_back((now, key));
    }
}

impl Default for Unsettled {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            has_any: Arc::default(),
            latest: 0,
            process: fastrand::u32(..),
            confirmed: Confirmed::default(),
        }
    }
}

/// What has to be done about an unsettled key.
#[derive(Clone, Copy)]
struct Unconfirmed {
    /// Of the write that has to be done.
    number: u64,
    is_queued: bool,
    /// Whether it leaves a tombstone that nobody has seen so far.
    leaves_new_tombstone: bool,
}

impl WriteBehind {
    pub(super) fn new(store: Arc<BoundedStore>) -> Self {
        let unsettled = Unsettled::default();
        Self {
            queue: Mutex::default(),
            store,
            has_unsettled: unsettled.has_any.clone(),
            unsettled: Arc::new(Mutex::new(unsettled)),
            dropped: AtomicU64::new(0),
            lost: Arc::default(),
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Queues the write of what was computed. Not for a key that is unsettled: nobody can say then
    /// what it would take the place of.
    pub(super) fn push(&self, mut write: Write) {
        if let Some(mut unsettled) = self.lock_if_settled(&write.key) {
            let queue = self.queue(&mut unsettled);
            write.number = unsettled.next();
            self.queue_or_drop(queue, unsettled, write);
        }
    }

    /// Queues a write of a key whose entry is not to be served any more, and says whether there are
    /// more such keys than are to be remembered: then everything is to be refused together, and
    /// they [are forgotten](Self::forget_unsettled).
    ///
    /// Where the store may not have a tombstone yet that nobody has seen, a write that leaves none of
    /// its own becomes a removal.
    pub(super) fn push_in_place(&self, mut write: Write) -> bool {
        let mut unsettled = self.lock();
        let queue = self.queue(&mut unsettled);
        let mut replaced = None;
        let untold = unsettled.by_key.get(&write.key);
        if untold.is_some_and(|untold| untold.leaves_new_tombstone) && !write.leaves_new_tombstone()
        {
            let removal = Write::removal(write.key.clone());
            replaced = Some(std::mem::replace(&mut write, removal));
        }
        unsettled.add(&mut write, true);
        let has_many = unsettled.by_key.len() > UNSETTLED;
        self.queue_or_drop(queue, unsettled, write);
        // With nothing locked, as all values.
        drop(replaced);
        has_many
    }

    /// The same for a write that is not queued: it is the caller's to do, and has its number now.
    pub(super) fn unsettle(&self, write: &mut Write) -> bool {
        let mut unsettled = self.lock();
        unsettled.add(write, false);
        unsettled.by_key.len() > UNSETTLED
    }

    pub(super) fn forget_unsettled(&self) {
        self.lock().clear();
    }

    /// The store has done what was the caller's to do.
    pub(super) fn settle(&self, write: &Write) {
        self.lock().done(&write.key, write.number);
    }

    /// Unsettles all keys that were settled just now, and says whether there were more than are
    /// remembered: then everything is to be refused.
    pub(super) fn tell_again(&self) -> bool {
        let mut unsettled = self.lock();
        let mut confirmed = std::mem::take(&mut unsettled.confirmed);
        confirmed.forget_old(confirmed.lost.unwrap_or_else(Instant::now));
        // What is under way may be confirmed by the last one: that settles nothing any more.
        let under_way: Vec<String> = unsettled.by_key.keys().cloned().collect();
        for key in confirmed
            .keys
            .into_iter()
            .map(|(_, key)| key)
            .chain(under_way)
        {
            unsettled.add(&mut Write::removal(key), false);
        }
        confirmed.overflowed.is_some() || unsettled.by_key.len() > UNSETTLED
    }

    pub(super) fn note_lost(&self, is_lost: bool) {
        let lost = &mut self.lock().confirmed.lost;
        *lost = is_lost.then(|| lost.unwrap_or_else(Instant::now));
    }

    /// Whether the entry of this key is not to be served.
    pub(super) fn is_unsettled(&self, key: &str) -> bool {
        self.has_unsettled() && self.lock().by_key.contains_key(key)
    }

    /// The same; and where nothing is queued that would end this, a removal is.
    pub(super) fn tell_if_unsettled(&self, key: &str) -> bool {
        self.has_unsettled() && self.lock_if_settled(key).is_none()
    }

    /// Whether there are unsettled keys, without the lock that all look-ups would share.
    ///
    /// A look-up that begins when a key has been unsettled finds that out: whatever tells the one of
    /// the other puts this read after that change. A look-up under way may read just before the
    /// change, as it might have had the lock just before; a removal has landed its flight by then, so
    /// that nothing it found is served. And who reads that all are settled asks the store after the
    /// store has confirmed it: hence `Acquire` and `Release`.
    pub(super) fn has_unsettled(&self) -> bool {
        self.has_unsettled.load(Ordering::Acquire)
    }

    /// The number of the latest write.
    pub(super) fn latest(&self) -> u64 {
        self.lock().latest
    }

    /// Queues removals of unsettled keys for which nothing is queued, as far as there is room, and
    /// says which: of those with numbers up to `latest`, which others have had time to tell, first
    /// the ones that were tried longest ago.
    pub(super) fn tell_untold(&self, latest: u64) -> Vec<String> {
        let mut untold: Vec<(u64, String)> = {
            let unsettled = self.lock();
            let untold = unsettled
                .by_key
                .iter()
                .filter(|(_, it)| !it.is_queued && it.number <= latest);
            untold.map(|(key, it)| (it.number, key.clone())).collect()
        };
        untold.sort_unstable();
        untold.truncate(QUEUE / 2);
        let told = untold.into_iter().map(|(_, key)| key);
        told.inspect(|key| {
            self.tell_if_unsettled(key);
        })
        .collect()
    }

    /// Gives nothing where the key is unsettled, and has the store told of it again where nobody is
    /// about to.
    fn lock_if_settled(&self, key: &str) -> Option<MutexGuard<'_, Unsettled>> {
        let mut unsettled = self.lock();
        // As it is most of the time: the key need not be hashed.
        if unsettled.by_key.is_empty() {
            return Some(unsettled);
        }
        let Some(unconfirmed) = unsettled.by_key.get(key) else {
            return Some(unsettled);
        };
        if !unconfirmed.is_queued {
            let queue = self.queue(&mut unsettled);
            // With a tombstone of its own: the last attempt may still leave the one that it had.
            let mut removal = Write::removal(key.to_owned());
            unsettled.add(&mut removal, true);
            self.queue_or_drop(queue, unsettled, removal);
        }
        None
    }

    /// With the numbers locked, so that writes are queued in their order.
    fn queue_or_drop(
        &self,
        queue: Option<Queue>,
        mut unsettled: MutexGuard<'_, Unsettled>,
        write: Write,
    ) {
        let refused = match queue {
            Some(queue) => {
                let values = u64::from(write.has_value());
                // Before it is sent: it may be done before this goes on.
                queue.waiting.writes.fetch_add(1, Ordering::SeqCst);
                queue.waiting.values.fetch_add(values, Ordering::SeqCst);
                let refused = queue.messages.try_send(Message::Write(write)).err();
                if refused.is_some() {
                    queue.waiting.writes.fetch_sub(1, Ordering::SeqCst);
                    queue.waiting.values.fetch_sub(values, Ordering::SeqCst);
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
        self.waiting() > 0
    }

    /// Writes that were queued and are not done.
    pub(super) fn waiting(&self) -> u64 {
        let slot = self.slot();
        let waiting = slot.as_ref().map(|queue| &queue.waiting);
        waiting.map_or(0, |waiting| waiting.writes.load(Ordering::SeqCst))
    }

    /// Keys whose entry in the store is not to be served.
    pub(super) fn unsettled(&self) -> usize {
        self.lock().by_key.len()
    }

    fn lock(&self) -> MutexGuard<'_, Unsettled> {
        let mut unsettled = lock(&self.unsettled);
        if !unsettled.by_key.is_empty() {
            self.lose_if_closed(&mut unsettled, &mut self.slot());
        }
        unsettled
    }

    /// Where the task has ended that emptied the queue, nothing that was in it is done any more.
    fn lose_if_closed(&self, unsettled: &mut Unsettled, slot: &mut Option<Queue>) {
        if let Some(queue) = slot.take_if(|queue| queue.messages.is_closed()) {
            let values = queue.waiting.values.load(Ordering::SeqCst);
            self.lost.fetch_add(values, Ordering::Relaxed);
            unsettled.give_up_all();
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Queue>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn flush(&self, deadline: Duration) -> bool {
        if !runtime::has_timer() {
            return false;
        }
        let queue = self.queue(&mut self.lock());
        let Some(queue) = queue else {
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
    fn queue(&self, unsettled: &mut Unsettled) -> Option<Queue> {
        let mut slot = self.slot();
        self.lose_if_closed(unsettled, &mut slot);
        if let Some(queue) = &*slot {
            return Some(queue.clone());
        }
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
            self.lost.clone(),
        ));
        *slot = Some(queue.clone());
        Some(queue)
    }
}

impl Unsettled {
    fn next(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    /// Numbers a write that is to hold for its key.
    fn add(&mut self, write: &mut Write, is_queued: bool) {
        let number = self.next();
        write.number(self.process, number);
        let unconfirmed = Unconfirmed {
            number,
            is_queued,
            leaves_new_tombstone: write.leaves_new_tombstone(),
        };
        self.by_key.insert(write.key.clone(), unconfirmed);
        self.has_any.store(true, Ordering::Release);
    }

    fn clear(&mut self) {
        self.by_key.clear();
        self.has_any.store(false, Ordering::Release);
    }

    /// Whether something later is to hold for its key.
    fn is_overtaken(&self, write: &Write) -> bool {
        let unconfirmed = self.by_key.get(&write.key);
        unconfirmed.is_some_and(|it| it.number > write.number)
    }

    /// What was written settles the key, unless something later is to hold for it.
    fn done(&mut self, key: &str, number: u64) {
        if self.by_key.get(key).is_some_and(|it| it.number == number)
            && let Some((key, _)) = self.by_key.remove_entry(key)
        {
            let has_any = !self.by_key.is_empty();
            self.has_any.store(has_any, Ordering::Release);
            self.confirmed.add(key);
        }
    }

    /// Nothing that was queued will be done.
    fn give_up_all(&mut self) {
        for unconfirmed in self.by_key.values_mut() {
            unconfirmed.is_queued = false;
        }
    }

    /// This write will not be done.
    fn give_up(&mut self, key: &str, number: u64) {
        if let Some(unconfirmed) = self.by_key.get_mut(key)
            && unconfirmed.number == number
        {
            unconfirmed.is_queued = false;
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
    waiting: Arc<Waiting>,
    unsettled: Arc<Mutex<Unsettled>>,
    lost: Arc<AtomicU64>,
) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    while messages.recv_many(&mut batch, AT_ONCE).await > 0 {
        // What is written side by side has no order: several writes of one key become one.
        let mut writes: HashMap<String, Write> = HashMap::with_capacity(batch.len());
        let mut flushed = Vec::new();
        let mut done = 0;
        let mut values = 0;
        for message in batch.drain(..) {
            match message {
                Message::Write(write) => {
                    let key = write.key.clone();
                    values += u64::from(write.has_value());
                    let write = match writes.remove(&key) {
                        Some(earlier) => earlier.then(write),
                        None => write,
                    };
                    writes.insert(key, write);
                    done += 1;
                }
                Message::Flush(done) => flushed.push(done),
            }
        }
        let left = writes.values().filter(|write| write.has_value()).count() as u64;
        waiting.values.fetch_sub(values - left, Ordering::SeqCst);
        stream::iter(writes.into_values())
            .for_each_concurrent(AT_ONCE, async |write| {
                let values = u64::from(write.has_value());
                if !lock(&unsettled).is_overtaken(&write) {
                    let mut write = store.seal(write);
                    let is_settled = store.write(&mut write).await;
                    if !is_settled && write.has_value() {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                    let mut unsettled = lock(&unsettled);
                    if is_settled {
                        unsettled.done(&write.key, write.number);
                    } else {
                        unsettled.give_up(&write.key, write.number);
                    }
                }
                waiting.values.fetch_sub(values, Ordering::SeqCst);
            })
            .await;
        waiting.writes.fetch_sub(done, Ordering::SeqCst);
        for done in flushed {
            // Nobody waits any more: nothing to tell.
            let _ = done.send(());
        }
    }
}
