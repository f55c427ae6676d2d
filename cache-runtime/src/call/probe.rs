//! From the type of a result to its shape.
//!
//! The expansion of `#[cached]` cannot see through an alias, so it leaves the choice to method
//! resolution: `(&&&&&&&&Probe::<R>::new()).__larder_shape()` takes the first of the impls of
//! [`Probed`] that the type `R` has, from the most references to the fewest. The first three are
//! for errors that can be shared because they are `Clone`; method resolution does not see
//! lifetimes, so where the result may borrow something the expansion begins after those. Between
//! the two one level is empty, because method resolution also tries one more reference than there is.
//!
//! In the same way `(&&shape).__larder_wary()` finds out whether the values of a shape say
//! themselves if they are to be kept.

use std::marker::PhantomData;
use std::sync::Arc;

use super::failure::{Alone, Cloned};
use super::shape::{Fallible, FallibleOption, Optional, Plain};
use super::value::{Local, Own, Shared, Tiered, Wary};

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

/// Leads from a shape to one that asks its values whether they are to be kept, where their type can say
/// so.
pub trait Wariness {
    /// The shape.
    type Shape;

    /// The shape.
    fn __larder_wary(self) -> Self::Shape;
}

macro_rules! wary {
    ($($name:ident<K $(, $failing:ident)?>),*) => {$(
        impl<K $(, $failing)?> Wariness for &&$name<K $(, $failing)?>
        where
            Wary<K>: Tiered,
        {
            type Shape = $name<Wary<K> $(, $failing)?>;

            fn __larder_wary(self) -> Self::Shape {
                $name(PhantomData)
            }
        }

        impl<K $(, $failing)?> Wariness for &$name<K $(, $failing)?> {
            type Shape = $name<K $(, $failing)?>;

            fn __larder_wary(self) -> Self::Shape {
                *self
            }
        }
    )*};
}

wary!(FallibleOption<K, F>, Fallible<K, F>, Optional<K>, Plain<K>);
