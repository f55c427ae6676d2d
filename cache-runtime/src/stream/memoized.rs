//! What an annotated function returns that returns a stream.

use std::mem::replace;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tracing::Span;

use super::billed::Billed;
use super::body::{Body, Make, Origin, Sink};
use super::chunks::{Chunked, Chunks};
use super::following::{Cut, Following};
use super::live::{Live, MakeRule};
use super::replay::Replay;
use super::shape::{Fails, Streamed};
use crate::call::{
    Asked, Begun, Bill, Call, Control, Entered, Failing, Price, Pricer, Rule, current_tenant,
    follower, taken_control,
};
use crate::envelope::Erased;
use crate::memory::{Weigher, Weight};

/// So often a call begins anew with the others whose body panicked in the hands of another one. After
/// that it runs its own beside theirs.
const ANEW: u32 = 1;

/// The stream of an annotated function.
#[expect(missing_debug_implementations, reason = "would show the chunks")]
#[must_use = "a stream does nothing until it is polled"]
pub struct Memoized<K: Chunked, F: Fails> {
    stage: Stage<K, F>,
}

type ItemOf<K, F> = Result<<K as Chunked>::Chunk, <F as Failing>::Error>;

type PriceOfChunks<T> = fn(&Vec<T>) -> Price;

type Weigh<T> = Arc<dyn Fn(&Vec<T>) -> u64 + Send + Sync>;

enum Stage<K: Chunked, F: Fails> {
    /// Nothing has happened.
    New(Box<Beginning<K, F>>),
    /// Memory did not have it.
    Asking(Asking, Box<Beginning<K, F>>),
    Replays(Replay<K::Chunk>),
    /// As long as nothing was passed on that another call began, it may begin anew.
    Follows(Following<K, F>, Option<Box<Beginning<K, F>>>),
    /// Without a cache; with what is counted at its end.
    Alone(Body<ItemOf<K, F>>, Option<Box<Billed<K>>>),
    Over,
    /// It panicked, and says neither that there is more nor that this was all.
    Broken,
}

type Asking = Pin<Box<dyn Future<Output = Asked> + Send>>;

struct Beginning<K: Chunked, F: Fails> {
    call: Call<Streamed<K, F>>,
    shape: Streamed<K, F>,
    make: Make<ItemOf<K, F>>,
    rule: MakeRule<K::Chunk>,
    weigh: Option<Weigh<K::Chunk>>,
    price: Option<PriceOfChunks<K::Chunk>>,
    pause: Option<Duration>,
    origin: Origin,
    /// From the first poll on.
    control: Option<Box<Control>>,
    was_polled: bool,
    /// How often it began anew.
    anew: u32,
}

/// The stream of a call: written by an expansion.
pub fn memoized<K, F, M, B, R>(
    call: Call<Streamed<K, F>>,
    shape: Streamed<K, F>,
    make: M,
    rule: R,
) -> Memoized<K, F>
where
    K: Chunked,
    F: Fails,
    M: FnOnce(Sink<Result<K::Chunk, F::Error>>) -> B + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
    R: FnOnce(&Vec<K::Chunk>) -> Rule + Send + 'static,
{
    let beginning = Beginning {
        call: call.made(),
        shape,
        make: Box::new(move |sink| Box::pin(make(sink))),
        rule: Box::new(rule),
        weigh: None,
        price: None,
        pause: None,
        origin: Origin {
            tenant: current_tenant().ok().flatten(),
            span: Span::current(),
        },
        control: None,
        was_polled: false,
        anew: 0,
    };
    Memoized {
        stage: Stage::New(Box::new(beginning)),
    }
}

impl<K: Chunked, F: Fails> Memoized<K, F> {
    /// With this pause between two chunks that are replayed.
    pub fn paced(mut self, pause: Duration) -> Self {
        if let Stage::New(beginning) = &mut self.stage {
            beginning.pause = Some(pause);
        }
        self
    }

    /// With chunks that say what they weigh.
    pub fn weighed<W: Weight + 'static>(mut self, weigh: fn(&Vec<K::Chunk>) -> W) -> Self {
        if let Stage::New(beginning) = &mut self.stage {
            beginning.weigh = Some(Arc::new(move |chunks| weigh(chunks).bytes()));
        }
        self
    }

    /// With chunks that have a price together.
    pub fn priced(mut self, price: fn(&Vec<K::Chunk>) -> Price) -> Self {
        if let Stage::New(beginning) = &mut self.stage {
            beginning.price = Some(price);
        }
        self
    }
}

impl<K: Chunked, F: Fails> Beginning<K, F> {
    /// Takes what its caller wishes, and looks into memory.
    fn enter(mut self: Box<Self>) -> Stage<K, F> {
        if !self.was_polled {
            self.was_polled = true;
            self.control = taken_control();
            let tenant = self.control.as_deref().and_then(Control::tenant_of_stream);
            if let Some(tenant) = tenant {
                self.origin.tenant = Some(tenant.clone());
            }
        }
        let weigher = self.weigh.clone().map(weigher_of);
        let price = self.price.map(pricer_of);
        let control = self.control.clone();
        let call = &mut self.call;
        match self
            .origin
            .within(|| call.enter_stream(control, weigher, price))
        {
            Entered::Hit(kept) => self.replay(kept),
            Entered::Miss(miss) if self.anew > ANEW => {
                Stage::Asking(Box::pin(miss.alone().ask()), self)
            }
            Entered::Miss(miss) => Stage::Asking(Box::pin(miss.ask()), self),
        }
    }

    fn replay(self: Box<Self>, chunks: Arc<Chunks<K::Chunk>>) -> Stage<K, F> {
        Stage::Replays(Replay::of(chunks, self.pause))
    }

    fn alone(self: Box<Self>, bill: Option<Box<Bill>>) -> Stage<K, F> {
        let body = Body::begin(self.make, self.origin, Span::none());
        Stage::Alone(body, bill.map(Billed::by).map(Box::new))
    }

    fn go_on(self: Box<Self>, asked: Asked) -> Stage<K, F> {
        match asked.begun(self.shape) {
            Begun::Kept(kept) => self.replay(kept),
            Begun::Follows(it, joining) => match follower::<Following<K, F>>(it) {
                Some(following) => Stage::Follows(following.joining(joining), Some(self)),
                // Nobody else's was asked for.
                None => self.alone(None),
            },
            Begun::Turn(turn) if turn.may_keep() => {
                let Self {
                    shape,
                    make,
                    rule,
                    origin,
                    ..
                } = *self;
                let span = origin.span.in_scope(|| turn.computing());
                let body = Body::begin(make, origin.clone(), span);
                Stage::Follows(Live::begin(shape, turn, body, rule, origin), None)
            }
            Begun::Turn(turn) => self.alone(turn.into_bill()),
        }
    }

    /// Another call's body panicked, or went on without this one, before this one had anything of it.
    fn begin_anew(mut self: Box<Self>) -> Stage<K, F> {
        self.anew += 1;
        Stage::New(self)
    }
}

fn weigher_of<T: Send + Sync + 'static>(weigh: Weigh<T>) -> Weigher {
    Box::new(move |value: &Erased| {
        let chunks: &Arc<Chunks<T>> = value.downcast_ref()?;
        Some(weigh(chunks.list()))
    })
}

fn pricer_of<T: Send + Sync + 'static>(price: PriceOfChunks<T>) -> Pricer {
    Box::new(move |value| {
        let chunks: &Arc<Chunks<T>> = value.downcast_ref()?;
        Some(price(chunks.list()))
    })
}

impl<K: Chunked, F: Fails> Stream for Memoized<K, F> {
    type Item = ItemOf<K, F>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let (stage, polled) = match replace(&mut self.stage, Stage::Broken) {
                Stage::New(beginning) => (beginning.enter(), None),
                Stage::Asking(mut asking, beginning) => {
                    let poll = || asking.as_mut().poll(context);
                    match beginning.origin.within(poll) {
                        Poll::Ready(asked) => (beginning.go_on(asked), None),
                        Poll::Pending => (Stage::Asking(asking, beginning), Some(Poll::Pending)),
                    }
                }
                Stage::Replays(mut replay) => match replay.poll_next(context) {
                    Poll::Ready(None) => (Stage::Over, None),
                    polled => (Stage::Replays(replay), Some(polled.map(|it| it.map(Ok)))),
                },
                Stage::Follows(mut following, beginning) => match following.poll_next(context) {
                    Poll::Ready(Ok(None)) => (Stage::Over, None),
                    Poll::Ready(Ok(item)) => {
                        (Stage::Follows(following, None), Some(Poll::Ready(item)))
                    }
                    Poll::Ready(Err(cut)) => {
                        let joining = following.into_joining();
                        let Some(beginning) = beginning else {
                            if let Some(joining) = joining {
                                joining.panic();
                            }
                            // What was passed on is not all, and no other end would say so.
                            resume_unwind(Box::new(match cut {
                                Cut::Panicked => {
                                    "the body of this stream panicked when another call polled it"
                                }
                                Cut::LetGo => {
                                    "the other readers of this stream, which is too long to keep, did not wait \
                                     for this one any longer"
                                }
                            }));
                        };
                        if let Some(joining) = joining {
                            joining.begin_anew();
                        }
                        (beginning.begin_anew(), None)
                    }
                    Poll::Pending => (Stage::Follows(following, beginning), Some(Poll::Pending)),
                },
                Stage::Alone(mut body, billed) => match body.poll_next(context) {
                    Poll::Ready(None) => {
                        if let Some(billed) = billed {
                            body.within(|| billed.charge());
                        }
                        (Stage::Over, None)
                    }
                    Poll::Ready(Some(item)) => {
                        let chunk = item.as_ref().ok();
                        let billed = billed.zip(chunk).and_then(|(billed, it)| billed.with(it));
                        (Stage::Alone(body, billed), Some(Poll::Ready(Some(item))))
                    }
                    Poll::Pending => (Stage::Alone(body, billed), Some(Poll::Pending)),
                },
                Stage::Over => (Stage::Over, Some(Poll::Ready(None))),
                Stage::Broken => (Stage::Broken, Some(Poll::Pending)),
            };
            self.stage = stage;
            if let Some(polled) = polled {
                return polled;
            }
        }
    }
}
