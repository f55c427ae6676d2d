//! Streams whose chunks a test gives out by hand.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_util::{FutureExt, Stream, StreamExt};

use super::eventually;

/// What a stream gives next.
#[derive(Clone, Debug)]
pub enum Next {
    Chunk(String),
    Failure(String),
    Panic,
    End,
}

/// Chunks 0, 1, 2 and so on.
pub fn chunks(number: usize) -> Vec<String> {
    (0..number).map(|chunk| format!("chunk {chunk}")).collect()
}

/// So many chunks, and what comes after them.
pub fn given(number: usize, last: impl IntoIterator<Item = Next>) -> Arc<Feed> {
    Feed::of(chunks(number).into_iter().map(Next::Chunk).chain(last))
}

/// How a stream does not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Its reader goes, and has not seen whether there is more.
    Left,
    /// Its reader goes although there is more.
    LeftEarly,
    /// Its reader goes while it waits.
    LeftWaiting,
    Failure,
    Panic,
}

impl Cut {
    pub const ALL: [Self; 5] = [
        Self::Left,
        Self::LeftEarly,
        Self::LeftWaiting,
        Self::Failure,
        Self::Panic,
    ];

    /// What is cut after so many chunks.
    pub fn feed(self, number: usize) -> Arc<Feed> {
        let end = || Some(Next::End);
        match self {
            Self::Left => given(number, end()),
            Self::LeftEarly => given(number + 2, end()),
            Self::LeftWaiting => given(number, None),
            Self::Failure => given(number, [Next::Failure("cut".to_owned()), Next::End]),
            Self::Panic => given(number, [Next::Panic]),
        }
    }

    /// Whether the body begins of a stream that is cut after so many chunks.
    pub fn begins(self, number: usize) -> bool {
        number > 0 || !matches!(self, Self::Left | Self::LeftEarly)
    }

    /// Reads so many chunks of a stream of this feed, and to where it is cut after them.
    pub async fn read<S>(self, stream: &mut S, feed: &Feed, number: usize)
    where
        S: Stream<Item = Result<String, String>> + Unpin,
    {
        for chunk in chunks(number) {
            assert_eq!(stream.next().await, Some(Ok(chunk)));
        }
        match self {
            Self::Left | Self::LeftEarly => {}
            Self::LeftWaiting => {
                eventually("it has begun", async || {
                    assert!(stream.next().now_or_never().is_none());
                    feed.runs() == 1
                })
                .await;
            }
            Self::Failure => assert_eq!(stream.next().await, Some(Err("cut".to_owned()))),
            Self::Panic => {
                let next = AssertUnwindSafe(stream.next()).catch_unwind().await;
                assert!(next.is_err());
            }
        }
    }
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
