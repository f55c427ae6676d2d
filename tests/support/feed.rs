//! Streams whose chunks a test gives out by hand.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

/// What a stream gives next.
#[derive(Clone, Debug)]
pub enum Next {
    Chunk(String),
    Failure(String),
    Panic,
    End,
}

/// All that a body of this feed gives: every run of it begins at the first one.
#[derive(Default)]
pub struct Feed {
    runs: AtomicUsize,
    /// Runs that are over, one way or another.
    dropped: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    given: Vec<Next>,
    waiting: Vec<Waker>,
}

impl Feed {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn of(given: impl IntoIterator<Item = Next>) -> Arc<Self> {
        let feed = Self::new();
        given.into_iter().for_each(|next| feed.give(next));
        feed
    }

    pub fn give(&self, next: Next) {
        let mut state = self.state.lock().expect("no panic");
        state.given.push(next);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub fn chunk(&self, chunk: &str) {
        self.give(Next::Chunk(chunk.to_owned()));
    }

    /// What was given so far is taken back, for runs that begin from now on.
    pub fn begin_anew(&self) {
        self.state.lock().expect("no panic").given.clear();
    }

    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }

    pub fn open(self: &Arc<Self>) -> Opened {
        self.runs.fetch_add(1, Ordering::SeqCst);
        Opened {
            feed: self.clone(),
            at: 0,
        }
    }
}

pub struct Opened {
    feed: Arc<Feed>,
    at: usize,
}

impl Stream for Opened {
    type Item = Result<String, String>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = {
            let mut state = self.feed.state.lock().expect("no panic");
            let Some(next) = state.given.get(self.at).cloned() else {
                state.waiting.push(context.waker().clone());
                return Poll::Pending;
            };
            next
        };
        self.at += 1;
        Poll::Ready(match next {
            Next::Chunk(chunk) => Some(Ok(chunk)),
            Next::Failure(failure) => Some(Err(failure)),
            Next::Panic => panic!("as the test wants it"),
            Next::End => None,
        })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.feed.dropped.fetch_add(1, Ordering::SeqCst);
    }
}
