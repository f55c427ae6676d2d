//! What a shape has to be for an option of the attribute, and what the option makes of it.

use std::marker::PhantomData;

use super::failure::{Cloned, Failing, Limited, ShareableError, TimesOut, Wrapped};
use super::shape::{Fallible, FallibleOption, Optional};
use super::value::Tiered;

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
    note = "`err_ttl`, `share_errors`, `timeout(hard = …)`, and `stale_if_error` without \
            `timeout(soft = …)` are about the `Err` of a `Result`"
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

/// The same shape. An expansion calls it that serves an older value in place of an error, and in no
/// other case.
pub fn surviving<S: CanFail>(shape: S) -> S {
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
            takes, such as `anyhow::Error`: write `share_errors` beside `err_ttl` then"
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
