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
//! resolution: `(&&&&Probe::<R>::new()).__larder_shape()` takes the first of the impls of
//! [`Probed`] that the type `R` has, from the most references to the fewest.

use std::any::type_name;
use std::marker::PhantomData;
use std::sync::Arc;

use super::value::{Local, Own, Shared, Tiered};
use crate::envelope::ValueType;

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
    ($($(#[$doc:meta])* $name:ident<K $(, $error:ident)?>;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<K $(, $error)?>(PhantomData<fn() -> (K, $($error)?)>);

        impl<K $(, $error)?> Clone for $name<K $(, $error)?> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<K $(, $error)?> Copy for $name<K $(, $error)?> {}

        impl<K $(, $error)?> Keeping for $name<K $(, $error)?> {
            type Keep = K;
        }
    )*};
}

shapes! {
    /// `Result<Option<T>, E>`.
    FallibleOption<K, E>;
    /// `Result<T, E>`.
    Fallible<K, E>;
    /// `Option<T>`.
    Optional<K>;
    /// Any other type.
    Plain<K>;
    /// Any type, kept whatever it is.
    Whole<K>;
}

macro_rules! probed {
    ($(<$($parameter:ident),+> $probe:ty => $name:ident<$($argument:ty),+>;)*) => {$(
        impl<$($parameter),+> Probed for $probe {
            type Shape = $name<$($argument),+>;

            fn __larder_shape(self) -> Self::Shape {
                $name(PhantomData)
            }
        }
    )*};
}

probed! {
    <T, E> &&&&Probe<Result<Option<Arc<T>>, E>> => FallibleOption<Shared<T>, E>;
    <T, E> &&&Probe<Result<Option<T>, E>> => FallibleOption<Own<T>, E>;
    <T, E> &&&Probe<Result<Arc<T>, E>> => Fallible<Shared<T>, E>;
    <T, E> &&Probe<Result<T, E>> => Fallible<Own<T>, E>;
    <T> &&&Probe<Option<Arc<T>>> => Optional<Shared<T>>;
    <T> &&Probe<Option<T>> => Optional<Own<T>>;
    <T> &&Probe<Arc<T>> => Plain<Shared<T>>;
    <T> &Probe<T> => Plain<Own<T>>;
    <T, E> &&&LocalProbe<Result<Option<T>, E>> => FallibleOption<Local<T>, E>;
    <T, E> &&LocalProbe<Result<T, E>> => Fallible<Local<T>, E>;
    <T> &&LocalProbe<Option<T>> => Optional<Local<T>>;
    <T> &LocalProbe<T> => Plain<Local<T>>;
}

impl<K: Tiered, E> Shape for FallibleOption<K, E> {
    type Returned = Result<Option<K::Kept>, E>;
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
}

impl<K: Tiered, E> Shape for Fallible<K, E> {
    type Returned = Result<K::Kept, E>;
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
pub(crate) fn fallible<T, E>() -> Fallible<Own<T>, E> {
    Fallible(PhantomData)
}
