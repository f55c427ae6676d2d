//! Models of the rooms of `cache-runtime` whose interleavings matter.
//!
//! The files of those rooms are compiled a second time here, over locks and atomics whose every
//! step is a point where another thread may go on. The tests try very many orders of those steps;
//! one that hangs or breaks a promise is shown with the seed that repeats it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "parts of a room are used by rooms that are not here"
)]

#[path = "../../../cache-runtime/src/flight/mod.rs"]
mod flight;
#[path = "../../../cache-runtime/src/generation/mod.rs"]
mod generation;
mod stream;

/// What the rooms know of keys.
mod key {
    pub(crate) type SharedKey = std::sync::Arc<[u8]>;
}

/// What the rooms know of entries: in the models, a value is the state of the world that it was
/// computed from.
mod memory {
    pub(crate) type SharedEntry = std::sync::Arc<crate::Entry>;
}

mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use shuttle::sync::{Mutex, RwLock};

    use shuttle::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
    use std::sync::PoisonError;

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
        lock.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
        lock.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value with what it carries.
struct Entry {
    value: u64,
    carried: generation::Carried,
    /// In its place, where it is yet to come.
    running: Option<stream::Running>,
}

/// What the rooms know of calls, kinds and what is counted.
mod call {
    use std::any::Any;
    use std::sync::Arc;

    pub(crate) use crate::stream::{Joining, Price, Rule, Turn};

    pub(crate) type Shareable = Arc<dyn Any + Send + Sync>;

    pub(crate) trait Failing: Copy + Send + Sync {
        type Error;

        fn share(error: Self::Error) -> (Self::Error, Option<Shareable>);

        fn restored(shared: &(dyn Any + Send + Sync)) -> Option<Self::Error>;
    }

    pub(crate) fn in_tenant<R>(_tenant: &mut Option<Arc<str>>, run: impl FnOnce() -> R) -> R {
        run()
    }
}

/// Time passes when a model says so, for all who wait.
mod runtime {
    use std::ops::Add;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use crate::sync::{AtomicU64, Mutex, Ordering, lock};

    shuttle::lazy_static! {
        static ref SECONDS: AtomicU64 = AtomicU64::new(0);
        static ref WAITING: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
    }

    pub(crate) fn pass(time: Duration) {
        SECONDS.fetch_add(time.as_secs(), Ordering::SeqCst);
        let waiting = std::mem::take(&mut *lock(&WAITING));
        waiting.into_iter().for_each(Waker::wake);
    }

    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) struct Instant(u64);

    impl Instant {
        pub(crate) fn now() -> Self {
            Self(SECONDS.load(Ordering::SeqCst))
        }
    }

    impl Add<Duration> for Instant {
        type Output = Self;

        fn add(self, time: Duration) -> Self {
            Self(self.0 + time.as_secs())
        }
    }

    #[derive(Default)]
    pub(crate) struct Alarm(Option<Instant>);

    impl Alarm {
        pub(crate) fn poll(&mut self, moment: Instant, context: &mut Context<'_>) -> Poll<()> {
            lock(&WAITING).push(context.waker().clone());
            if Instant::now() < *self.0.insert(moment) {
                return Poll::Pending;
            }
            Poll::Ready(())
        }
    }
}

mod kind {
    pub(crate) use crate::stream::Kind;
}

mod observe {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Ending {
        NotKept,
        Failed,
    }
}

#[cfg(test)]
mod tests;
