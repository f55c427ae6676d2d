//! What of a stream is kept and shared, decided by the type of its items.

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use super::chunks::{Chunked, Chunks};
use super::following::Following;
use crate::call::{Alone, CanFail, Cloned, Company, Failing, Keeping, Local, Own, Shape, Tiered};
use crate::envelope::ValueType;

/// How errors reach other callers that may go from one thread to another.
#[diagnostic::on_unimplemented(
    message = "the errors of this stream cannot go from one thread to another",
    label = "the error of a memoized stream has to be `Send`",
    note = "its body is polled by whoever waits for the next chunk, on whatever thread: take an error \
            that is `Send`, such as one with an `Arc` in the place of an `Rc`"
)]
pub trait Fails: Failing<Error: Send + 'static> + 'static {}

#[diagnostic::do_not_recommend]
impl<F: Failing<Error: Send + 'static> + 'static> Fails for F {}

/// The shape of a stream of `Result<T, E>`, whose chunks are kept as `K` says, and whose errors reach
/// other callers as `F` says.
#[derive(Debug)]
pub struct Streamed<K, F>(PhantomData<fn() -> (K, F)>);

impl<K, F> Clone for Streamed<K, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, F> Copy for Streamed<K, F> {}

impl<K, F> Keeping for Streamed<K, F> {
    type Keep = K;
}

#[diagnostic::do_not_recommend]
impl<K, F: Failing> CanFail for Streamed<K, F> {
    type Failing = F;
    type With<G> = Streamed<K, G>;

    fn with<G>(self) -> Streamed<K, G> {
        Streamed(PhantomData)
    }
}

impl<K: Chunked, F: Fails> Shape for Streamed<K, F> {
    type Returned = Arc<Chunks<K::Chunk>>;
    type Kept = Arc<Chunks<K::Chunk>>;

    fn value_type() -> Option<ValueType> {
        K::Together::value_type()
    }

    fn kept(returned: &Self::Returned) -> Option<&Self::Kept> {
        Some(returned)
    }

    fn returned(kept: Self::Kept) -> Self::Returned {
        kept
    }

    /// Whether there is a chunk. One of blanks is a part of an answer like any other, so the chunks are
    /// not asked one by one.
    fn is_cacheable(kept: &Self::Kept) -> bool {
        !kept.list().is_empty()
    }

    fn company() -> Company {
        match F::shared_type() {
            Some(_) => Company::Follows(TypeId::of::<Following<K, F>>()),
            None => Company::Alone,
        }
    }
}

/// The type of the items of a stream, on its way to the shape of that.
#[derive(Debug)]
pub struct StreamProbe<I>(PhantomData<fn() -> I>);

/// The same for chunks that stay in memory.
#[derive(Debug)]
pub struct LocalStreamProbe<I>(PhantomData<fn() -> I>);

impl<I> StreamProbe<I> {
    /// A probe for the type `I`.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "written by an expansion only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<I> LocalStreamProbe<I> {
    /// A probe for the type `I`.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "written by an expansion only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Leads from a probe to the shape of the stream, as `Probed` does for other results.
pub trait StreamProbed {
    /// The shape.
    type Shape;

    /// The shape.
    fn __larder_shape(self) -> Self::Shape;
}

/// An error of which each caller can have its own.
pub trait Ours: Clone + Send + Sync + 'static {}

impl<E: Clone + Send + Sync + 'static> Ours for E {}

macro_rules! probed {
    ($(<$($parameter:ident $(: $bound:ident)?),+> $probe:ty => $shape:ty;)*) => {$(
        impl<$($parameter $(: $bound)?),+> StreamProbed for $probe {
            type Shape = $shape;

            fn __larder_shape(self) -> $shape {
                Streamed(PhantomData)
            }
        }
    )*};
}

probed! {
    <T, E: Ours> &&&&StreamProbe<Result<T, E>> => Streamed<Own<T>, Cloned<E>>;
    <T, E> &&StreamProbe<Result<T, E>> => Streamed<Own<T>, Alone<E>>;
    <T, E: Ours> &&&&LocalStreamProbe<Result<T, E>> => Streamed<Local<T>, Cloned<E>>;
    <T, E> &&LocalStreamProbe<Result<T, E>> => Streamed<Local<T>, Alone<E>>;
}

/// An item that is no `Result`.
#[derive(Debug)]
pub struct NoResult<I>(PhantomData<fn() -> I>);

impl<I> StreamProbed for &StreamProbe<I> {
    type Shape = NoResult<I>;

    fn __larder_shape(self) -> NoResult<I> {
        NoResult(PhantomData)
    }
}

impl<I> StreamProbed for &LocalStreamProbe<I> {
    type Shape = NoResult<I>;

    fn __larder_shape(self) -> NoResult<I> {
        NoResult(PhantomData)
    }
}

/// The shape of a stream whose items are `Result`s.
#[diagnostic::on_unimplemented(
    message = "the items of this stream are no `Result`s",
    label = "not a stream of `Result<T, E>`",
    note = "a stream that ends early has to say so, or half an answer would be kept: write \
            `impl Stream<Item = Result<T, E>>`; where nothing can fail, `E` may be \
            `std::convert::Infallible`"
)]
pub trait OfResults {
    /// It is its own: without it nothing more is said of a stream that has none.
    type Shape;

    /// The same shape.
    fn shape(self) -> Self::Shape;
}

impl<K, F> OfResults for Streamed<K, F> {
    type Shape = Self;

    fn shape(self) -> Self {
        self
    }
}

/// The same shape. An expansion calls it before anything else.
#[must_use]
pub fn streamed<S: OfResults>(shape: S) -> S::Shape {
    shape.shape()
}
