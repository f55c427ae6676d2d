//! A running stream and those who follow it, with as little of the rest as they know: of calls, of the
//! kind, and of how chunks are kept and failures shared.
#![allow(
    clippy::unused_self,
    clippy::extra_unused_type_parameters,
    reason = "what the rooms call, of which nothing is asked here"
)]

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread::{self, JoinHandle};
use tokio::runtime::Handle;

use crate::Entry;
use crate::call::Failing;
use crate::flight::{Landing, Leader};
use crate::generation::Generations;
use crate::memory::SharedEntry;
use crate::observe::Ending;
use crate::sync::{Mutex, lock};

#[allow(unfulfilled_lint_expectations, reason = "nothing is public here")]
#[path = "../../../cache-runtime/src/stream/body.rs"]
mod body;
#[path = "../../../cache-runtime/src/stream/chain.rs"]
mod chain;
#[path = "../../../cache-runtime/src/stream/following.rs"]
mod following;
#[path = "../../../cache-runtime/src/stream/live.rs"]
mod live;
#[path = "../../../cache-runtime/src/stream/seats.rs"]
mod seats;

#[cfg(test)]
mod tests;

/// So few that a model can go beyond.
const MOST_BYTES: u64 = 1000;
const MOST_CHUNKS: u64 = 2;
const PATIENCE: Duration = Duration::from_secs(30);

mod chunks {
    pub(crate) enum Chunks<T> {
        Stream(Vec<T>),
    }

    impl<T> Chunks<T> {
        pub(super) fn list(&self) -> &Vec<T> {
            let Self::Stream(list) = self;
            list
        }
    }

    pub(crate) trait Chunked: 'static {
        type Chunk: Clone + Into<u64> + Send + Sync + 'static;

        fn measure(chunk: &Self::Chunk) -> u64;
    }
}

mod shape {
    use super::{Failing, PhantomData};

    pub(crate) trait Fails: Failing<Error: Send + 'static> + 'static {}

    impl<F: Failing<Error: Send + 'static> + 'static> Fails for F {}

    pub(crate) struct Streamed<K, F>(pub(super) PhantomData<fn() -> (K, F)>);

    impl<K, F> Clone for Streamed<K, F> {
        fn clone(&self) -> Self {
            *self
        }
    }

    impl<K, F> Copy for Streamed<K, F> {}
}

mod running {
    use super::{Any, Arc, Weak};

    pub(crate) type Follower = Box<dyn Any + Send>;

    pub(crate) trait Joined: Send + Sync {
        fn join(self: Arc<Self>) -> Option<Follower>;
    }

    pub(crate) struct Running(Weak<dyn Joined>);

    impl Running {
        pub(super) fn of<F: Any>(live: Weak<dyn Joined>) -> Self {
            Self(live)
        }

        pub(super) fn join(&self) -> Option<Follower> {
            self.0.upgrade().and_then(Joined::join)
        }
    }
}

pub(crate) use running::Running;

#[derive(Clone, Copy)]
pub(crate) struct Price;

pub(crate) struct Rule;

/// Nothing is counted here.
pub(crate) struct Joining;

impl Joining {
    pub(crate) fn is_aboard(&mut self) {}

    pub(crate) fn end(self, _price: Option<Price>) {}
}

/// A kind that has one key.
pub(crate) struct Kind {
    background: Background,
    memory: Mutex<Option<SharedEntry>>,
    generations: Generations,
}

/// What goes on without a caller, on threads of the model.
#[derive(Default)]
struct Background(Mutex<Vec<JoinHandle<()>>>);

impl Background {
    fn go_on(&self, _runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
        // A panic ends it and nothing else, as in a task.
        let run = move || drop(catch_unwind(AssertUnwindSafe(|| block_on(work))));
        let task = thread::spawn(run);
        lock(&self.0).push(task);
    }
}

/// The right to run the body, as `call/turn.rs` has it.
pub(crate) struct Turn {
    kind: Arc<Kind>,
    leader: Leader,
    background: Option<Handle>,
}

impl Turn {
    fn entry(&self, value: u64, running: Option<Running>) -> SharedEntry {
        let carried = self.kind.generations.carry(&[]);
        Arc::new(Entry {
            value,
            carried,
            running,
        })
    }

    pub(crate) fn goes_on(&self) -> Option<(Arc<Kind>, Handle)> {
        Some((self.kind.clone(), self.background.clone()?))
    }

    pub(crate) fn show(&self, shown: Running) {
        self.leader.show(self.entry(0, Some(shown)));
    }

    pub(crate) fn charge(&mut self, _chunks: &(dyn Any + Send + Sync)) -> Option<Price> {
        None
    }

    /// Of all chunks their sum is kept, which says how many there were, and of which run.
    pub(crate) fn keep<K, F, R>(
        self,
        _shape: shape::Streamed<K, F>,
        chunks: Arc<chunks::Chunks<K::Chunk>>,
        _rule: R,
    ) -> Arc<chunks::Chunks<K::Chunk>>
    where
        K: chunks::Chunked,
        R: FnOnce(&Arc<chunks::Chunks<K::Chunk>>) -> Rule,
    {
        let sum = chunks.list().iter().cloned().map(Into::into).sum();
        let entry = self.entry(sum, None);
        let keep = || *lock(&self.kind.memory) = Some(entry.clone());
        self.leader.keep(keep);
        self.leader.land(Landing::Entry(entry));
        chunks
    }

    pub(crate) fn cut(self, _ending: Ending) {
        self.leader.land(Landing::Failed);
    }
}
