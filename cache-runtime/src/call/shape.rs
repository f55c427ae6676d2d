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

use std::any::{Any, TypeId, type_name};
use std::marker::PhantomData;

use super::demands::Keeping;
use super::failure::{Alone, Failing, Shareable, TimedOut};
use super::value::{Local, Own, Tiered};
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

    /// Whether the value itself has nothing against being kept.
    fn is_cacheable(kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

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
    #[must_use]
    fn timed_out(after: TimedOut) -> Option<Self::Returned> {
        let _ = after;
        None
    }

    /// What calls of one key do that come at the same time.
    #[must_use]
    fn company() -> Company {
        Company::Waits
    }
}

/// What calls of one key do that come at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// They wait for the one that runs the body.
    Waits,
    /// They follow it, where it is one that can be followed as this type.
    Follows(TypeId),
    /// Each runs the body for itself.
    Alone,
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident<K $(, $failing:ident)?>;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<K $(, $failing)?>(pub(super) PhantomData<fn() -> (K, $($failing)?)>);

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

impl<K: Tiered, F: Failing> Shape for FallibleOption<K, F> {
    type Returned = Result<Option<K::Kept>, F::Error>;
    type Kept = K::Kept;

    fn value_type() -> Option<ValueType> {
        K::value_type()
    }

    fn kept(returned: &Self::Returned) -> Option<&K::Kept> {
        returned.as_ref().ok()?.as_ref()
    }

    fn is_cacheable(kept: &K::Kept) -> bool {
        K::is_cacheable(kept)
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

    fn is_cacheable(kept: &K::Kept) -> bool {
        K::is_cacheable(kept)
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

    fn is_cacheable(kept: &K::Kept) -> bool {
        K::is_cacheable(kept)
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

    fn is_cacheable(kept: &K::Kept) -> bool {
        K::is_cacheable(kept)
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
