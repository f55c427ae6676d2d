//! What streams take of the path of a call, and control of a single one.

use std::any::Any;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::runtime::Handle;

use super::control::{Control, Report};
use super::keeping::report;
use super::local;
use super::outcome::{Origin, Outcome, Told};
use super::pending::Pending;
use super::price::{Price, Pricer};
use super::results::{handed_over, served};
use super::shape::Shape;
use super::tenant::in_tenant;
use super::turn::{Asked, Got, Running, Turn};
use super::wishes::with_wishes;
use super::{Call, Entered, replay};
use crate::envelope::Erased;
use crate::kind::Kind;
use crate::memory::{Entry, SharedEntry, Weigher};
use crate::observe::{Charged, Ending, Record};
use crate::policy::Ttl;
use crate::stream::{Follower, Running as Shown};

/// The wishes for the call that is entered now.
pub(crate) fn taken_control() -> Option<Box<Control>> {
    local::take_control()
}

impl Control {
    pub(crate) fn tenant_of_stream(&self) -> Option<&Arc<str>> {
        self.tenant.as_ref()
    }
}

impl<S: Shape> Call<S> {
    /// Looks into memory; it may be done again.
    pub(crate) fn enter_stream(
        &mut self,
        control: Option<Box<Control>>,
        weigher: Option<Weigher>,
        price: Option<Pricer>,
    ) -> Entered<S> {
        let entered = match (self.enter_with(control), weigher) {
            (Entered::Miss(miss), Some(weigher)) => Entered::Miss(miss.weighed_by(weigher)),
            (entered, _) => entered,
        };
        let Some(price) = price else {
            return entered;
        };
        replay(self.function, &entered, |value| price(value));
        match entered {
            Entered::Miss(miss) => Entered::Miss(miss.priced_by(price)),
            hit @ Entered::Hit(_) => hit,
        }
    }
}

/// How a stream goes on when memory, the other callers and the store were asked.
pub(crate) enum Begun<S: Shape> {
    /// It is there.
    Kept(S::Returned),
    /// Another caller is about it.
    Follows(Follower, Box<Joining>),
    /// The body has to run.
    Turn(Turn),
}

impl Asked {
    pub(crate) fn begun<S: Shape>(self, shape: S) -> Begun<S> {
        let kept = match self.0 {
            Got::Entry(entry) => served::<S>(&entry.value),
            Got::Read(entry, whole) => handed_over::<S>(entry, whole),
            Got::Follows(follower, joining) => return Begun::Follows(follower, joining),
            got @ (Got::Turn(_) | Got::TimedOut(_)) => {
                return match Self(got).answer(shape) {
                    super::Answered::Turn(turn) => Begun::Turn(turn),
                    super::Answered::Answer(returned) => Begun::Kept(returned),
                };
            }
        };
        // Entries are looked at before: a body would run without a cache.
        kept.map_or_else(|| Begun::Turn(Turn::without_cache()), Begun::Kept)
    }
}

/// A call that reads along with another one. Dropped before it has ended, it was abandoned.
pub(crate) struct Joining {
    pending: Pending,
    record: Record,
    /// Until it is told.
    control: Option<Box<Control>>,
}

impl Joining {
    pub(super) fn of(pending: Pending, record: Record, control: Option<Box<Control>>) -> Self {
        Self {
            pending,
            record,
            control,
        }
    }

    /// It has something of the other call's: from now on nobody else's will do.
    pub(crate) fn is_aboard(&mut self) {
        if let Some(control) = self.control.take() {
            report(Some(&control), &self.pending, &Told::of(Origin::Joined));
        }
    }

    /// It has had all there is, which has this price if it is an answer.
    pub(crate) fn end(mut self, price: Option<Price>) {
        self.is_aboard();
        self.record.end(Ending::Joined);
        if let Some(price) = price {
            self.pending.account(Charged::Replayed, price);
        }
    }

    /// The other call's body has panicked, or went on without this call, which panics.
    pub(crate) fn panic(mut self) {
        self.record.end(Ending::Panicked);
    }

    /// The same before this call had anything of it: it begins anew.
    pub(crate) fn begin_anew(self) {
        self.record.pass_on();
    }
}

impl Turn {
    /// Counts what all chunks took, and gives it.
    pub(crate) fn charge(&mut self, chunks: &Erased) -> Option<Price> {
        let pending = &mut self.running.as_mut()?.kept_for.pending;
        // Taken: it is asked once.
        let price = pending.price.take()?(chunks)?;
        pending.account(Charged::Billed, price);
        Some(price)
    }

    /// Nothing is kept of a body that goes on for those who read it.
    pub(crate) fn cut(self, ending: Ending) {
        if let Some(running) = self.running {
            let Running { carried, kept_for } = *running;
            kept_for.land_cut(ending, carried);
        }
    }

    /// Whether something may be kept of what the body brings.
    pub(crate) fn may_keep(&self) -> bool {
        self.running.is_some()
    }

    /// Lets the others follow what the body brings while it brings it.
    pub(crate) fn show(&self, shown: Shown) {
        if let Some(running) = &self.running {
            let kept_for = &running.kept_for;
            let carried = kept_for.pending.carry();
            let head = kept_for.head(Ttl::Never, carried);
            let shown: SharedEntry = Arc::new(Entry { head, value: shown });
            kept_for.show(shown);
        }
    }

    /// Where the body goes on when nobody waits for it any more, if it does.
    pub(crate) fn goes_on(&self) -> Option<(Arc<Kind>, Handle)> {
        let pending = &self.running.as_ref()?.kept_for.pending;
        if !pending.operation.is_detached {
            return None;
        }
        Some((pending.kind.clone(), Handle::try_current().ok()?))
    }
}

/// A follower of the type that its call knows.
pub(crate) fn follower<T: Any + Send>(follower: Follower) -> Option<Box<T>> {
    follower.downcast().ok()
}

/// Gives a stream these wishes, and says where its chunks come from.
///
/// They are at hand while the stream is polled for the first time, and hold for the first cached call
/// that is reached in that poll: the stream of an annotated function, also where adapters are around
/// it. With [`Control::tenant`] a stream belongs to that tenant, wherever it was made. The wrappers for
/// futures ([`peek`](super::peek), [`remove`](super::remove), [`refresh`](super::refresh) and the others)
/// take a future that polls a stream, such as `stream.next()` or `stream.try_collect()`, as any other.
///
/// ```
/// # use cache_runtime as larder;
/// # use std::convert::Infallible;
/// use futures_util::{Stream, StreamExt};
/// use larder::call::{self, Control, Origin};
///
/// # fn words(text: &str) -> impl Stream<Item = Result<String, Infallible>> + use<> {
/// #     futures_util::stream::iter([Ok(text.to_owned())])
/// # }
/// # async fn example() {
/// let mut words = call::stream(Control::new().refresh(), words("a b c"));
/// while let Some(word) = words.next().await {
///     println!("{word:?}");
/// }
/// println!("from {:?}", words.origin());
/// # }
/// ```
///
/// Dropping it drops the stream.
pub fn stream<S: Stream>(mut control: Control, stream: S) -> ControlledStream<S> {
    let report = Arc::<OnceLock<Report>>::default();
    control.reports.push(report.clone());
    ControlledStream {
        tenant: control.tenant.clone(),
        stream: Some(Box::pin(stream)),
        wishes: Some(control),
        was_reached: true,
        report,
    }
}

/// A stream with wishes: see [`stream`](stream()).
#[expect(missing_debug_implementations, reason = "would show the tenant")]
#[must_use = "a stream does nothing until it is polled"]
pub struct ControlledStream<S> {
    /// Until it is dropped.
    stream: Option<Pin<Box<S>>>,
    tenant: Option<Arc<str>>,
    /// Until the first poll.
    wishes: Option<Control>,
    was_reached: bool,
    report: Arc<OnceLock<Report>>,
}

impl<S> ControlledStream<S> {
    /// Where the chunks come from: known when the first one is there, or the end.
    ///
    /// [`Computed`](Origin::Computed) for a body that runs, whether or not its chunks are kept in the
    /// end; [`Joined`](Origin::Joined) where another caller began it, whether or not that came to its
    /// end;
    /// [`Unreached`](Origin::Unreached) where the first poll reached no cached call.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.outcome().map(|outcome| outcome.origin)
    }

    /// The same with the age, the reason and the key: see [`Outcome`].
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome<()>> {
        let is_known = self.report.get().is_some() || !self.was_reached;
        is_known.then(|| Outcome::of((), &self.report))
    }

    fn within<R>(tenant: &mut Option<Arc<str>>, run: impl FnOnce() -> R) -> R {
        if tenant.is_some() {
            in_tenant(tenant, run)
        } else {
            run()
        }
    }
}

impl<S: Stream> Stream for ControlledStream<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(stream) = &mut this.stream else {
            return Poll::Ready(None);
        };
        let mut poll = || stream.as_mut().poll_next(context);
        Self::within(&mut this.tenant, || match this.wishes.take() {
            None => poll(),
            Some(wishes) => {
                let (polled, was_reached) = with_wishes(wishes, poll);
                this.was_reached = was_reached;
                polled
            }
        })
    }
}

impl<S> Drop for ControlledStream<S> {
    /// What is dropped with the stream may call cached functions too.
    fn drop(&mut self) {
        let stream = self.stream.take();
        Self::within(&mut self.tenant, || drop(stream));
    }
}
