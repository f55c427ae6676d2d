//! The chunks of a stream that was kept, once more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::chunks::Chunks;
use crate::runtime;

pub(super) struct Replay<T> {
    chunks: Arc<Chunks<T>>,
    /// How many of them were given out.
    given: usize,
    pace: Option<Pace>,
}

/// So much time is between two chunks, where there are timers.
struct Pace {
    pause: Duration,
    /// Until the next one.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<T: Clone> Replay<T> {
    pub(super) fn of(chunks: Arc<Chunks<T>>, pause: Option<Duration>) -> Self {
        let pace = pause.map(|pause| Pace { pause, sleep: None });
        Self {
            chunks,
            given: 0,
            pace,
        }
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(chunk) = self.chunks.list().get(self.given) else {
            return Poll::Ready(None);
        };
        if let Some(pace) = &mut self.pace {
            if let Some(sleep) = &mut pace.sleep
                && sleep.as_mut().poll(context).is_pending()
            {
                return Poll::Pending;
            }
            let next = || Box::pin(sleep_until(Instant::now() + pace.pause));
            pace.sleep = runtime::has_timer().then(next);
        }
        self.given += 1;
        Poll::Ready(Some(chunk.clone()))
    }
}
