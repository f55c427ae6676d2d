//! What of a function's result is kept, decided by the type of the result.
//!
//! | result | kept | not kept |
//! |---|---|---|
//! | `Result<Option<T>, E>` | the `T` of `Ok(Some(_))` | `Ok(None)`, `Err` |
//! | `Result<T, E>` | the `T` of `Ok(_)` | `Err` |
//! | `Option<T>` | the `T` of `Some(_)` | `None` |
//! | any other `T` | the value | |
//! | any `T`, with `value = plain` | the value, whatever it is | |
//!
//! Of an `Arc<T>` in any of the first four places the `T` is written and read, and the `Arc` is
//! kept in memory: serde's feature `rc` is not needed, and a hit clones the `Arc` alone.
//!
//! The expansion of `#[cached]` cannot see through an alias, so it leaves the choice to method
//! resolution: `(&&&&&&&&Probe::<R>::new()).__larder_shape()` takes the first of the impls of
//! [`Probed`] that the type `R` has, from the most references to the fewest. The first three are
//! for errors that can be shared because they are `Clone`; method resolution does not see
//! lifetimes, so where the result may borrow something the expansion begins after those. Between
//! the two one level is empty, because method resolution also tries one more reference than there is.

use std::any::{Any, TypeId, type_name};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::failure::{
    Alone, Cloned, Failing, Limited, Shareable, ShareableError, TimedOut, TimesOut, Wrapped,
};
use super::value::{Local, Own, Shared, Tiered};
use crate::envelope::{Erased, ValueType, Wanted};
use crate::memory::{Absent, Entry, Failure};

/// How to take a result apart and put it together again.
pub trait Shape: Copy + Send + Sync {
    /// What the function returns.
    type Returned;
    /// What is kept of it in memory.
    type Kept: Clone + Send + Sync + 'static;

    /// How that is written into a store; `None`: it stays in memory.
    #[must_use]
    fn value_type() -> Option<ValueType>;

    /// The part that is kept, if this result is to be kept.
    fn kept(returned: &Self::Returned) -> Option<&Self::Kept>;

    /// The result that a kept value stands for.
    fn returned(kept: Self::Kept) -> Self::Returned;

    /// Whether the result is a `None`, which is not kept but may be shared.
    fn is_none(returned: &Self::Returned) -> bool {
        let _ = returned;
        false
    }

    /// The `None` of this type of result.
    #[must_use]
    fn none() -> Option<Self::Returned> {
        None
    }

    /// The type of what is shared of a failure, if anything is.
    #[must_use]
    fn shared_type() -> Option<TypeId> {
        None
    }

    /// The failure for the caller that ran the body, and what the others get.
    fn share(failure: Self::Returned) -> (Self::Returned, Option<Shareable>) {
        (failure, None)
    }

    /// The failure for another caller.
    fn failure(shared: &(dyn Any + Send + Sync)) -> Option<Self::Returned> {
        let _ = shared;
        None
    }

    /// The result of a caller that has waited for too long.
    fn timed_out(after: TimedOut) -> Option<Self::Returned> {
        let _ = after;
        None
    }
}

/// What the results of one shape are, for code that is compiled once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Results {
    pub(crate) value_type: Option<ValueType>,
    kept: TypeId,
    has_none: bool,
    failure: Option<TypeId>,
}

impl Results {
    pub(crate) fn of_shape<S: Shape>(_shape: S) -> Self {
        Self::of::<S>()
    }

    pub(crate) fn of<S: Shape>() -> Self {
        Self {
            value_type: S::value_type(),
            kept: TypeId::of::<S::Kept>(),
            has_none: S::none().is_some(),
            failure: S::shared_type(),
        }
    }

    /// What of them a store may have, if it may have anything, for one who takes it past its
    /// lifetime for so long.
    pub(crate) fn in_store(&self, kept_for: Duration) -> Option<Wanted> {
        Some(Wanted {
            value_type: self.value_type?,
            has_none: self.has_none,
            kept_for,
        })
    }

    /// Whether such a result can be made of the entry.
    pub(crate) fn has(&self, entry: &Entry) -> bool {
        let value = &entry.value;
        if let Some(Failure(failure)) = value.downcast_ref() {
            return self.failure == Some((**failure).type_id());
        }
        value.type_id() == self.kept || (self.has_none && value.is::<Absent>())
    }
}

/// The result that a value in memory stands for.
#[inline]
pub(crate) fn served<S: Shape>(value: &Erased) -> Option<S::Returned> {
    match value.downcast_ref::<S::Kept>() {
        Some(kept) => Some(S::returned(kept.clone())),
        None => negative::<S>(value),
    }
}

#[cold]
fn negative<S: Shape>(value: &Erased) -> Option<S::Returned> {
    if let Some(Failure(failure)) = value.downcast_ref() {
        return S::failure(failure.as_ref());
    }
    S::none().filter(|_| value.is::<Absent>())
}

/// The type of a result, on its way to its shape.
#[derive(Debug)]
pub struct Probe<R>(PhantomData<fn() -> R>);

/// The same for a result that stays in memory.
#[derive(Debug)]
pub struct LocalProbe<R>(PhantomData<fn() -> R>);

impl<R> Probe<R> {
    /// A probe for the type `R`.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "written by an expansion only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> LocalProbe<R> {
    /// A probe for the type `R`.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "written by an expansion only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Leads from a probe to the shape of the probed type.
pub trait Probed {
    /// The shape.
    type Shape;

    /// The shape.
    fn __larder_shape(self) -> Self::Shape;
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident<K $(, $failing:ident)?>;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<K $(, $failing)?>(PhantomData<fn() -> (K, $($failing)?)>);

        impl<K $(, $failing)?> Clone for $name<K $(, $failing)?> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<K $(, $failing)?> Copy for $name<K $(, $failing)?> {}

        impl<K $(, $failing)?> Keeping for $name<K $(, $failing)?> {
            type Keep = K;
        }
    )*};
}

shapes! {
    /// `Result<Option<T>, E>`.
    FallibleOption<K, F>;
    /// `Result<T, E>`.
    Fallible<K, F>;
    /// `Option<T>`.
    Optional<K>;
    /// Any other type.
    Plain<K>;
    /// Any type, kept whatever it is.
    Whole<K>;
}

macro_rules! probed {
    ($(<$($parameter:ident $(: $bound:ident)?),+> $probe:ty => $name:ident<$($argument:ty),+>;)*) => {$(
        impl<$($parameter $(: $bound)?),+> Probed for $probe {
            type Shape = $name<$($argument),+>;

            fn __larder_shape(self) -> Self::Shape {
                $name(PhantomData)
            }
        }
    )*};
}

/// An error of which each caller can have its own.
pub trait Ours: Clone + Send + Sync + 'static {}

impl<E: Clone + Send + Sync + 'static> Ours for E {}

probed! {
    <T, E: Ours> &&&&&&&&Probe<Result<Option<Arc<T>>, E>> => FallibleOption<Shared<T>, Cloned<E>>;
    <T, E: Ours> &&&&&&&Probe<Result<Option<T>, E>> => FallibleOption<Own<T>, Cloned<E>>;
    <T, E: Ours> &&&&&&&Probe<Result<Arc<T>, E>> => Fallible<Shared<T>, Cloned<E>>;
    <T, E: Ours> &&&&&&Probe<Result<T, E>> => Fallible<Own<T>, Cloned<E>>;
    <T, E> &&&&Probe<Result<Option<Arc<T>>, E>> => FallibleOption<Shared<T>, Alone<E>>;
    <T, E> &&&Probe<Result<Option<T>, E>> => FallibleOption<Own<T>, Alone<E>>;
    <T, E> &&&Probe<Result<Arc<T>, E>> => Fallible<Shared<T>, Alone<E>>;
    <T, E> &&Probe<Result<T, E>> => Fallible<Own<T>, Alone<E>>;
    <T> &&&Probe<Option<Arc<T>>> => Optional<Shared<T>>;
    <T> &&Probe<Option<T>> => Optional<Own<T>>;
    <T> &&Probe<Arc<T>> => Plain<Shared<T>>;
    <T> &Probe<T> => Plain<Own<T>>;
    <T, E: Ours> &&&&&&&LocalProbe<Result<Option<T>, E>> => FallibleOption<Local<T>, Cloned<E>>;
    <T, E: Ours> &&&&&&LocalProbe<Result<T, E>> => Fallible<Local<T>, Cloned<E>>;
    <T, E> &&&LocalProbe<Result<Option<T>, E>> => FallibleOption<Local<T>, Alone<E>>;
    <T, E> &&LocalProbe<Result<T, E>> => Fallible<Local<T>, Alone<E>>;
    <T> &&LocalProbe<Option<T>> => Optional<Local<T>>;
    <T> &LocalProbe<T> => Plain<Local<T>>;
}

macro_rules! fallible {
    ($shape:ident<K, F>) => {
        impl<K, F: Failing> CanFail for $shape<K, F> {
            type Failing = F;
            type With<G> = $shape<K, G>;

            fn with<G>(self) -> $shape<K, G> {
                $shape(PhantomData)
            }
        }
    };
}

/// The shape of a result that may be an error.
#[diagnostic::on_unimplemented(
    message = "this function cannot fail",
    label = "not a `Result`",
    note = "`err_ttl`, `share_errors` and `timeout(hard = …)` are about the `Err` of a `Result`"
)]
pub trait CanFail: Sized {
    /// How its errors reach other callers.
    type Failing: Failing;
    /// The same shape with errors that do it in another way.
    type With<G>;

    /// The same shape with errors that do it in another way.
    fn with<G>(self) -> Self::With<G>;
}

fallible!(FallibleOption<K, F>);
fallible!(Fallible<K, F>);

/// The same shape with errors that are shared by `share_errors`.
pub fn sharing<S: CanFail>(shape: S) -> S::With<Wrapped<<S::Failing as Failing>::Error>>
where
    <S::Failing as Failing>::Error: ShareableError,
{
    shape.with()
}

/// The same shape, for a function that may time out.
pub fn limited<S: CanFail>(shape: S) -> S::With<Limited<S::Failing>>
where
    <S::Failing as Failing>::Error: TimesOut,
{
    shape.with()
}

/// The same shape. An expansion with `err_ttl` calls it: an error that is kept is one for others.
pub fn keeping_errors<S: CanFail>(shape: S) -> S
where
    S::Failing: Sharing,
{
    shape
}

/// The same shape. An expansion with `none_ttl` calls it.
pub fn keeping_none<S: HasNone>(shape: S) -> S {
    shape
}

/// Errors that reach other callers.
#[diagnostic::on_unimplemented(
    message = "`err_ttl` cannot keep this error",
    note = "an error that is kept is `Clone + Send + Sync + 'static`, or one that `share_errors` \
            takes, such as `anyhow::Error`"
)]
pub trait Sharing {}

impl<E> Sharing for Cloned<E> {}
impl<E> Sharing for Wrapped<E> {}
impl<F: Sharing> Sharing for Limited<F> {}

/// The shape of a result that may be a `None`.
#[diagnostic::on_unimplemented(
    message = "this function returns no `None`",
    label = "not an `Option`, and not a `Result` of one",
    note = "`none_ttl` is about the `None` of an `Option<T>` or a `Result<Option<T>, E>`"
)]
pub trait HasNone {}

impl<K, F> HasNone for FallibleOption<K, F> {}
impl<K> HasNone for Optional<K> {}

impl<K: Tiered, F: Failing> Shape for FallibleOption<K, F> {
    type Returned = Result<Option<K::Kept>, F::Error>;
    type Kept = K::Kept;

    fn value_type() -> Option<ValueType> {
        K::value_type()
    }

    fn kept(returned: &Self::Returned) -> Option<&K::Kept> {
        returned.as_ref().ok()?.as_ref()
    }

    fn returned(kept: K::Kept) -> Self::Returned {
        Ok(Some(kept))
    }

    fn is_none(returned: &Self::Returned) -> bool {
        matches!(returned, Ok(None))
    }

    fn none() -> Option<Self::Returned> {
        Some(Ok(None))
    }

    fn shared_type() -> Option<TypeId> {
        F::shared_type()
    }

    fn share(failure: Self::Returned) -> (Self::Returned, Option<Shareable>) {
        share::<F, _>(failure)
    }

    fn failure(shared: &(dyn Any + Send + Sync)) -> Option<Self::Returned> {
        F::restored(shared).map(Err)
    }

    fn timed_out(after: TimedOut) -> Option<Self::Returned> {
        F::timed_out(after).map(Err)
    }
}

impl<K: Tiered, F: Failing> Shape for Fallible<K, F> {
    type Returned = Result<K::Kept, F::Error>;
    type Kept = K::Kept;

    fn value_type() -> Option<ValueType> {
        K::value_type()
    }

    fn kept(returned: &Self::Returned) -> Option<&K::Kept> {
        returned.as_ref().ok().filter(|_| !is_hidden::<K::Kept>())
    }

    fn returned(kept: K::Kept) -> Self::Returned {
        Ok(kept)
    }

    fn shared_type() -> Option<TypeId> {
        F::shared_type()
    }

    fn share(failure: Self::Returned) -> (Self::Returned, Option<Shareable>) {
        share::<F, _>(failure)
    }

    fn failure(shared: &(dyn Any + Send + Sync)) -> Option<Self::Returned> {
        F::restored(shared).map(Err)
    }

    fn timed_out(after: TimedOut) -> Option<Self::Returned> {
        F::timed_out(after).map(Err)
    }
}

fn share<F: Failing, T>(failure: Result<T, F::Error>) -> (Result<T, F::Error>, Option<Shareable>) {
    match failure {
        Err(error) => {
            let (error, shared) = F::share(error);
            (Err(error), shared)
        }
        kept @ Ok(_) => (kept, None),
    }
}

impl<K: Tiered> Shape for Optional<K> {
    type Returned = Option<K::Kept>;
    type Kept = K::Kept;

    fn value_type() -> Option<ValueType> {
        K::value_type()
    }

    fn kept(returned: &Option<K::Kept>) -> Option<&K::Kept> {
        returned.as_ref()
    }

    fn returned(kept: K::Kept) -> Option<K::Kept> {
        Some(kept)
    }

    fn is_none(returned: &Option<K::Kept>) -> bool {
        returned.is_none()
    }

    fn none() -> Option<Option<K::Kept>> {
        Some(None)
    }
}

impl<K: Tiered> Shape for Plain<K> {
    type Returned = K::Kept;
    type Kept = K::Kept;

    fn value_type() -> Option<ValueType> {
        K::value_type()
    }

    fn kept(returned: &K::Kept) -> Option<&K::Kept> {
        (!is_hidden::<K::Kept>()).then_some(returned)
    }

    fn returned(kept: K::Kept) -> K::Kept {
        kept
    }
}

impl<K: Tiered> Shape for Whole<K> {
    type Returned = K::Kept;
    type Kept = K::Kept;

    fn value_type() -> Option<ValueType> {
        K::value_type()
    }

    fn kept(returned: &K::Kept) -> Option<&K::Kept> {
        Some(returned)
    }

    fn returned(kept: K::Kept) -> K::Kept {
        kept
    }
}

/// A shape, whether or not its values can be kept.
pub trait Keeping {
    /// How its values would be kept.
    type Keep;
}

/// The same shape. An expansion calls it before anything else: what a value lacks is then one
/// error, about the value's own type.
#[must_use]
pub fn checked<S: Keeping>(shape: S) -> S
where
    S::Keep: Tiered,
{
    shape
}

/// Whether a generic argument stands for a `Result` or an `Option`: method resolution could not see
/// it, so nothing is kept.
fn is_hidden<T>() -> bool {
    let name = type_name::<T>();
    let hidden = ["core::result::Result<", "core::option::Option<"];
    hidden.iter().any(|beginning| name.starts_with(beginning))
}

/// Tells an async block its type, in a place that is never reached.
#[must_use]
pub fn returned<R>() -> R {
    unreachable!("written by an expansion behind `if false`")
}

/// The shape of a result that is kept whatever it is.
#[must_use]
pub fn plain<R>() -> Whole<Own<R>> {
    Whole(PhantomData)
}

/// The same, in memory alone.
#[must_use]
pub fn local_plain<R>() -> Whole<Local<R>> {
    Whole(PhantomData)
}

/// The shape of a result whose type nobody looks through.
pub(crate) fn opaque<T>() -> Plain<Own<T>> {
    Plain(PhantomData)
}

/// The shape of a result whose `Err` is not kept.
pub(crate) fn fallible<T, E>() -> Fallible<Own<T>, Alone<E>> {
    Fallible(PhantomData)
}
