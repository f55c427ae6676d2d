//! The body of a function that returns a stream.
//!
//! An expansion makes a future of it, which has the copies of borrowed arguments and lends them to the
//! stream in it: that could not be moved out of the place where they are. The future hands over each
//! item in a [`Sink`].

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tracing::Span;

use crate::call::in_tenant;
use crate::sync::{Mutex, lock};

/// Where the body puts the items of its stream, one at a time.
#[expect(missing_debug_implementations, reason = "would show the item")]
pub struct Sink<I>(Arc<Mutex<Option<I>>>);

impl<I> Sink<I> {
    /// Hands over all items of a stream.
    pub async fn feed<S: Stream<Item = I>>(self, stream: S) {
        let mut stream = pin!(stream);
        poll_fn(|context| match stream.as_mut().poll_next(context) {
            Poll::Ready(Some(item)) => {
                // Taken out, also by a drop, when nothing is locked.
                let before = lock(&self.0).replace(item);
                drop(before);
                // Who polls looks for it, and polls again when the next one is wanted.
                Poll::Pending
            }
            Poll::Ready(None) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        })
        .await;
    }
}

type Feeding = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What makes the future of a body.
pub(super) type Make<I> = Box<dyn FnOnce(Sink<I>) -> Feeding + Send>;

/// Where a stream was made: its body runs there, whoever polls it.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) tenant: Option<Arc<str>>,
    pub(super) span: Span,
}

impl Origin {
    pub(super) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        in_tenant(&mut self.tenant.clone(), run)
    }

    /// In its span too, and in one that is in that.
    fn within_span<R>(&self, inner: &Span, run: impl FnOnce() -> R) -> R {
        self.within(|| self.span.in_scope(|| inner.in_scope(run)))
    }
}

/// A body that is running.
pub(super) struct Body<I> {
    /// Until its stream has ended.
    feeding: Option<Feeding>,
    item: Arc<Mutex<Option<I>>>,
    origin: Origin,
    /// Its own, in the one of its origin.
    span: Span,
}

impl<I> Body<I> {
    pub(super) fn begin(make: Make<I>, origin: Origin, span: Span) -> Self {
        let item = Arc::<Mutex<Option<I>>>::default();
        let sink = Sink(item.clone());
        let feeding = origin.within_span(&span, || make(sink));
        Self {
            feeding: Some(feeding),
            item,
            origin,
            span,
        }
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<I>> {
        let Self {
            feeding,
            item,
            origin,
            span,
        } = self;
        let Some(running) = feeding else {
            return Poll::Ready(None);
        };
        let polled = origin.within_span(span, || running.as_mut().poll(context));
        if let Some(item) = lock(item).take() {
            return Poll::Ready(Some(item));
        }
        polled.map(|()| {
            self.end();
            None
        })
    }

    /// Runs something where the stream was made.
    pub(super) fn within(&self, run: impl FnOnce()) {
        self.origin.within(run);
    }

    /// What is dropped with it may call cached functions too.
    fn end(&mut self) {
        let feeding = self.feeding.take();
        self.origin.within_span(&self.span, || drop(feeding));
    }
}

impl<I> Drop for Body<I> {
    fn drop(&mut self) {
        self.end();
    }
}
