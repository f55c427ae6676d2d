//! Computations that go on without a caller.

use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::runtime;

/// So many of one kind go on at once.
const AT_ONCE: usize = 256;

/// The computations of one kind that no caller waits for. They end with the runtime that they were
/// begun on, and with [`finish`](Self::finish).
#[derive(Debug, Default)]
pub(crate) struct Background {
    tasks: Mutex<JoinSet<()>>,
}

impl Background {
    /// Whether one more could go on here.
    pub(crate) fn has_room(&self) -> bool {
        Handle::try_current().is_ok() && self.count() < AT_ONCE
    }

    /// Has the work go on; it is dropped where there is no room for it.
    pub(crate) fn go_on(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut refused = Some(work);
        let mut tasks = self.lock();
        if count(&mut tasks) < AT_ONCE
            && let Some(work) = refused.take()
        {
            tasks.spawn_on(work, &runtime);
        }
        // What is refused may do anything when it is dropped: not with the lock held.
        drop(tasks);
        drop(refused);
    }

    /// Waits until all of it is done, for at most so long; what is not is dropped. Says whether
    /// everything was done.
    pub(crate) async fn finish(&self, deadline: Duration) -> bool {
        let mut tasks = take(&mut *self.lock());
        if count(&mut tasks) == 0 {
            return true;
        }
        if !runtime::has_timer() {
            return false;
        }
        let done = async { while tasks.join_next().await.is_some() {} };
        timeout(deadline, done).await.is_ok()
    }

    fn count(&self) -> usize {
        count(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of those that are not done. One that panicked is done, and has said so.
fn count(tasks: &mut JoinSet<()>) -> usize {
    while tasks.try_join_next().is_some() {}
    tasks.len()
}
