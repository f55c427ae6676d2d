//! Computations that go on without a caller.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::runtime;

/// So many of one kind go on at once.
const AT_ONCE: usize = 256;

/// The computations of one kind that no caller waits for. They end with the runtime that they were
/// begun on, and with [`finish`](Self::finish).
#[derive(Debug)]
pub(crate) struct Background {
    room: Arc<Semaphore>,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    under_way: Vec<JoinHandle<()>>,
    /// Nothing goes on any more.
    is_finishing: bool,
}

impl Default for Background {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: Mutex::default(),
        }
    }
}

impl Background {
    /// How long those that are dropped in the end may take for it.
    pub(crate) const DROP: Duration = Duration::from_millis(200);

    /// Whether one more could go on here.
    pub(crate) fn has_room(&self) -> bool {
        Handle::try_current().is_ok() && self.room.available_permits() > 0
    }

    /// The same for one that nobody waits for in the end: half of the room is for others.
    pub(crate) fn has_room_to_spare(&self) -> bool {
        self.has_room() && self.room.available_permits() > AT_ONCE / 2
    }

    /// So many go on.
    #[cfg(feature = "metrics")]
    pub(crate) fn under_way(&self) -> usize {
        AT_ONCE - self.room.available_permits()
    }

    /// Has the work go on; it is dropped where there is no room for it.
    pub(crate) fn go_on(&self, runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(place) = self.room.clone().try_acquire_owned() else {
            return;
        };
        if self.lock().is_finishing {
            return;
        }
        // With nothing locked: on a runtime that ends, the work is dropped here, and it may do anything.
        let task = runtime.spawn(async move {
            work.await;
            drop(place);
        });
        let mut tasks = self.lock();
        let is_done = |task: &mut JoinHandle<()>| task.is_finished();
        let done: Vec<_> = tasks.under_way.extract_if(.., is_done).collect();
        tasks.under_way.push(task);
        drop(tasks);
        // With what a panic left.
        drop(done);
    }

    /// Waits until all of it is done, for at most so long; what is not is dropped, which may take
    /// [`DROP`](Self::DROP) more. Says whether everything was done. Dropped before, it leaves the rest to go on,
    /// and to the next one who waits.
    pub(crate) async fn finish(&self, deadline: Duration) -> bool {
        let mut finishing = Finishing::of(self);
        let tasks = &mut finishing.tasks;
        if tasks.is_empty() || !runtime::has_timer() {
            return tasks.is_empty();
        }
        let deadline = Instant::now() + deadline;
        let is_done = timeout_at(deadline, join_all(&mut *tasks)).await.is_ok();
        if !is_done {
            tasks.retain(|task| !task.is_finished());
            tasks.iter().for_each(JoinHandle::abort);
            // Until they are dropped: what that begins does not go on.
            let _ = timeout_at(deadline + Self::DROP, join_all(&mut *tasks)).await;
        }
        tasks.clear();
        is_done
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this is there, nothing goes on that was not going on before.
struct Finishing<'a> {
    background: &'a Background,
    /// What was.
    tasks: Vec<JoinHandle<()>>,
}

impl<'a> Finishing<'a> {
    fn of(background: &'a Background) -> Self {
        let mut tasks = background.lock();
        tasks.is_finishing = true;
        let tasks = take(&mut tasks.under_way);
        Self { background, tasks }
    }
}

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        let (done, left): (Vec<_>, Vec<_>) = take(&mut self.tasks)
            .into_iter()
            .partition(JoinHandle::is_finished);
        let mut tasks = self.background.lock();
        tasks.is_finishing = false;
        tasks.under_way.extend(left);
        drop(tasks);
        // With what a panic left, and with nothing locked.
        drop(done);
    }
}
