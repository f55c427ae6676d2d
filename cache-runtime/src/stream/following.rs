//! Those who follow a running stream: callers, and what goes on without them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::chain::Item;
use super::chunks::Chunked;
use super::live::{Found, Live, NextItem};
use super::seats::End;
use super::shape::Fails;
use crate::call::Joining;
use crate::runtime::Alarm;

/// One who follows a stream.
pub(super) struct Following<K: Chunked, F: Fails> {
    live: Arc<Live<K, F>>,
    seat: u64,
    /// Where another call's body gives the chunks, until this one has had all of them.
    joining: Option<Box<Joining>>,
    /// While it waits for one that is behind.
    alarm: Alarm,
}

/// Why nothing more comes, where that is not the end.
#[derive(Debug)]
pub(super) enum Cut {
    /// The body panicked while another caller polled it.
    Panicked,
    /// The others did not wait any longer.
    LetGo,
}

impl<K: Chunked, F: Fails> Following<K, F> {
    pub(super) fn new(live: Arc<Live<K, F>>, seat: u64) -> Self {
        Self {
            live,
            seat,
            joining: None,
            alarm: Alarm::default(),
        }
    }

    pub(super) fn joining(mut self, joining: Box<Joining>) -> Self {
        self.joining = Some(joining);
        self
    }

    /// It follows no more. The call is still to be counted, where it reads along with another one.
    pub(super) fn into_joining(mut self) -> Option<Box<Joining>> {
        self.joining.take()
    }

    /// Notes what its call gets now. The first failure is an end: most readers go then.
    fn note(&mut self, item: &NextItem<K, F>) {
        if let Some(Ok(_)) = item {
            if let Some(joining) = &mut self.joining {
                joining.is_aboard();
            }
        } else if let Some(joining) = self.joining.take() {
            let price = self.live.price().filter(|_| item.is_none());
            joining.end(price);
        }
    }

    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<NextItem<K, F>, Cut>> {
        let polled = self.poll_link(context);
        if let Poll::Ready(Ok(item)) = &polled {
            self.note(item);
        }
        polled
    }

    fn poll_link(&mut self, context: &mut Context<'_>) -> Poll<Result<NextItem<K, F>, Cut>> {
        loop {
            match self.live.look(self.seat, context.waker()) {
                Found::Link(link) => match &link.item {
                    Item::Chunk(chunk) => return Poll::Ready(Ok(Some(Ok(chunk.clone())))),
                    // Else it could not have joined.
                    Item::Failure(shared) => match F::restored(shared.as_ref()) {
                        Some(error) => return Poll::Ready(Ok(Some(Err(error)))),
                        None => return Poll::Ready(Err(Cut::Panicked)),
                    },
                    Item::Root => {}
                },
                Found::End(End::Complete) => return Poll::Ready(Ok(None)),
                Found::End(End::Panicked) => return Poll::Ready(Err(Cut::Panicked)),
                Found::LetGo => return Poll::Ready(Err(Cut::LetGo)),
                Found::Work(work) => return self.live.drive(work, self.seat).map(Ok),
                Found::Nothing => return Poll::Pending,
                Found::HeldUp(until) => {
                    if self.alarm.poll(until, context).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl<K: Chunked, F: Fails> Drop for Following<K, F> {
    fn drop(&mut self) {
        self.live.leave(self.seat);
    }
}

/// Drives a stream that all callers have left, for as long as it may be kept.
pub(super) struct Detached<K: Chunked, F: Fails> {
    live: Arc<Live<K, F>>,
    seat: u64,
}

/// So many chunks are taken before other tasks have their turn.
const AT_A_TIME: usize = 64;

impl<K: Chunked, F: Fails> Detached<K, F> {
    pub(super) fn new(live: Arc<Live<K, F>>, seat: u64) -> Self {
        Self { live, seat }
    }
}

impl<K: Chunked, F: Fails> Future for Detached<K, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..AT_A_TIME {
            // Those who have joined since poll it themselves.
            if !self.live.is_recorded() {
                return Poll::Ready(());
            }
            match self.live.look(self.seat, context.waker()) {
                Found::Work(work) => {
                    if self.live.drive(work, self.seat).is_pending() {
                        return Poll::Pending;
                    }
                }
                Found::Nothing => return Poll::Pending,
                // It has no place in the chain, and waits for nobody while one may join.
                Found::End(_) | Found::Link(_) | Found::HeldUp(_) | Found::LetGo => {}
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<K: Chunked, F: Fails> Drop for Detached<K, F> {
    fn drop(&mut self) {
        self.live.leave(self.seat);
    }
}
