//! What of a function's result is kept, decided by the type of the result.
//!
//! | result | kept | not kept |
//! |---|---|---|
//! | `Result<Option<T>, E>` | the `T` of `Ok(Some(_))` | `Ok(None)`, `Err` |
//! | `Result<T, E>` | the `T` of `Ok(_)` | `Err` |
//! | `Option<T>` | the `T` of `Some(_)` | `None` |
//! | any other `T` | the value | |
//!
//! The expansion of `#[cached]` cannot see through an alias, so it leaves the choice to method
//! resolution: `(&&&Probe::<R>::new()).__larder_shape()` takes the first of the traits below, from the most
//! references to the fewest, that the type `R` has.

use std::any::type_name;
use std::marker::PhantomData;

use super::value::Value;

/// How to take a result apart and put it together again.
pub trait Shape: Copy + Send + Sync {
    /// What the function returns.
    type Returned;
    /// What is kept of it.
    type Kept: Value;

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

impl<R> Probe<R> {
    /// A probe for the type `R`.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "written by an expansion only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident<$($parameter:ident),+> through $via:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<$($parameter),+>(PhantomData<fn() -> ($($parameter,)+)>);

        impl<$($parameter),+> Clone for $name<$($parameter),+> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($parameter),+> Copy for $name<$($parameter),+> {}

        #[doc = concat!("Leads to `", stringify!($name), "`.")]
        pub trait $via {
            /// The shape of the probed type.
            type Shape;

            /// The shape of the probed type.
            fn __larder_shape(self) -> Self::Shape;
        }
    };
}

shape! {
    /// `Result<Option<T>, E>`.
    FallibleOption<T, E> through ViaFallibleOption
}
shape! {
    /// `Result<T, E>`.
    Fallible<T, E> through ViaFallible
}
shape! {
    /// `Option<T>`.
    Optional<T> through ViaOptional
}
shape! {
    /// Any other type.
    Plain<T> through ViaPlain
}

impl<T, E> ViaFallibleOption for &&&Probe<Result<Option<T>, E>> {
    type Shape = FallibleOption<T, E>;

    fn __larder_shape(self) -> Self::Shape {
        FallibleOption(PhantomData)
    }
}

impl<T, E> ViaFallible for &&Probe<Result<T, E>> {
    type Shape = Fallible<T, E>;

    fn __larder_shape(self) -> Self::Shape {
        Fallible(PhantomData)
    }
}

impl<T> ViaOptional for &&Probe<Option<T>> {
    type Shape = Optional<T>;

    fn __larder_shape(self) -> Self::Shape {
        Optional(PhantomData)
    }
}

impl<T> ViaPlain for &Probe<T> {
    type Shape = Plain<T>;

    fn __larder_shape(self) -> Self::Shape {
        Plain(PhantomData)
    }
}

impl<T: Value, E> Shape for FallibleOption<T, E> {
    type Returned = Result<Option<T>, E>;
    type Kept = T;

    fn kept(returned: &Self::Returned) -> Option<&T> {
        returned.as_ref().ok()?.as_ref()
    }

    fn returned(kept: T) -> Self::Returned {
        Ok(Some(kept))
    }

    fn is_none(returned: &Self::Returned) -> bool {
        matches!(returned, Ok(None))
    }

    fn none() -> Option<Self::Returned> {
        Some(Ok(None))
    }
}

impl<T: Value, E> Shape for Fallible<T, E> {
    type Returned = Result<T, E>;
    type Kept = T;

    fn kept(returned: &Self::Returned) -> Option<&T> {
        returned.as_ref().ok()
    }

    fn returned(kept: T) -> Self::Returned {
        Ok(kept)
    }
}

impl<T: Value> Shape for Optional<T> {
    type Returned = Option<T>;
    type Kept = T;

    fn kept(returned: &Option<T>) -> Option<&T> {
        returned.as_ref()
    }

    fn returned(kept: T) -> Option<T> {
        Some(kept)
    }

    fn is_none(returned: &Option<T>) -> bool {
        returned.is_none()
    }

    fn none() -> Option<Option<T>> {
        Some(None)
    }
}

impl<T: Value> Shape for Plain<T> {
    type Returned = T;
    type Kept = T;

    /// Where a generic argument stands for a `Result` or an `Option`, method resolution could not
    /// see it, and nothing is kept.
    fn kept(returned: &T) -> Option<&T> {
        let name = type_name::<T>();
        let hidden = ["core::result::Result<", "core::option::Option<"];
        let is_hidden = hidden.iter().any(|beginning| name.starts_with(beginning));
        (!is_hidden).then_some(returned)
    }

    fn returned(kept: T) -> T {
        kept
    }
}

/// Tells an async block its type, in a place that is never reached.
#[must_use]
pub fn returned<R>() -> R {
    unreachable!("written by an expansion behind `if false`")
}

/// The same shape: where its value cannot be kept, the error shows at the place of this call.
#[must_use]
pub fn checked_shape<S: Shape>(shape: S) -> S {
    shape
}

/// The shape of a result that is kept whatever it is.
pub(crate) fn plain<T>() -> Plain<T> {
    Plain(PhantomData)
}

/// The shape of a result whose `Err` is not kept.
pub(crate) fn fallible<T, E>() -> Fallible<T, E> {
    Fallible(PhantomData)
}
