//! What of a failure the other callers get.

use std::any::{Any, TypeId};
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A failure as it is shared and kept in memory; never in a store.
pub(crate) type Shareable = Arc<dyn Any + Send + Sync>;

/// How the errors of one type reach those who did not run the body.
pub trait Failing: Copy + Send + Sync {
    /// What the function fails with.
    type Error;

    /// The type of what is shared, if anything is.
    #[must_use]
    fn shared_type() -> Option<TypeId> {
        None
    }

    /// The error for the caller that ran the body, and what the others get.
    fn share(error: Self::Error) -> (Self::Error, Option<Shareable>) {
        (error, None)
    }

    /// The error for another caller.
    fn restored(shared: &(dyn Any + Send + Sync)) -> Option<Self::Error> {
        let _ = shared;
        None
    }

    /// The error of a caller that has waited for too long.
    #[must_use]
    fn timed_out(after: TimedOut) -> Option<Self::Error> {
        let _ = after;
        None
    }
}

macro_rules! ways {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<E>(PhantomData<fn() -> E>);

        impl<E> Clone for $name<E> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<E> Copy for $name<E> {}
    )*};
}

ways! {
    /// Each caller runs the body for itself.
    Alone;
    /// The others get a clone.
    Cloned;
    /// Everybody gets an error whose source is the original one.
    Wrapped;
    /// As the way in it, for a function that may time out.
    Limited;
}

impl<E> Failing for Alone<E> {
    type Error = E;
}

impl<E: Clone + Send + Sync + 'static> Failing for Cloned<E> {
    type Error = E;

    fn shared_type() -> Option<TypeId> {
        Some(TypeId::of::<E>())
    }

    fn share(error: E) -> (E, Option<Shareable>) {
        let shared = Arc::new(error.clone());
        (error, Some(shared))
    }

    fn restored(shared: &(dyn Any + Send + Sync)) -> Option<E> {
        shared.downcast_ref().cloned()
    }
}

/// An error that can be shared: `anyhow::Error`, `Box<dyn Error + Send + Sync>`, and their like.
///
/// Implemented for every type that has what it takes; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared with `share_errors`",
    label = "this error would have to be shared",
    note = "it takes an error that is `AsRef<dyn Error + Send + Sync>` and is made from a \
            `larder::SharedError`, such as `anyhow::Error` or `Box<dyn Error + Send + Sync>`; an \
            error that is `Clone` is shared without `share_errors`"
)]
pub trait ShareableError:
    AsRef<dyn Error + Send + Sync> + From<SharedError> + Send + Sync + 'static
{
}

#[diagnostic::do_not_recommend]
impl<E> ShareableError for E where
    E: AsRef<dyn Error + Send + Sync> + From<SharedError> + Send + Sync + 'static
{
}

impl<E: ShareableError> Failing for Wrapped<E> {
    type Error = E;

    fn shared_type() -> Option<TypeId> {
        Some(TypeId::of::<SharedError>())
    }

    fn share(error: E) -> (E, Option<Shareable>) {
        let shared = SharedError(Arc::new(Held(error)));
        (E::from(shared.clone()), Some(Arc::new(shared)))
    }

    fn restored(shared: &(dyn Any + Send + Sync)) -> Option<E> {
        let shared: &SharedError = shared.downcast_ref()?;
        Some(E::from(shared.clone()))
    }
}

/// An error that says that a caller has waited for too long.
///
/// Implemented for every type that has what it takes; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that a call timed out",
    label = "this would have to be made from a `larder::TimedOut`",
    note = "`timeout(hard = …)` needs `impl From<larder::TimedOut>` for the error, or `#[from]` with \
            `thiserror`; `anyhow::Error` and `Box<dyn Error + Send + Sync>` take it as it is"
)]
pub trait TimesOut: From<TimedOut> {}

#[diagnostic::do_not_recommend]
impl<E: From<TimedOut>> TimesOut for E {}

impl<F: Failing<Error: TimesOut>> Failing for Limited<F> {
    type Error = F::Error;

    fn shared_type() -> Option<TypeId> {
        F::shared_type()
    }

    fn share(error: F::Error) -> (F::Error, Option<Shareable>) {
        F::share(error)
    }

    fn restored(shared: &(dyn Any + Send + Sync)) -> Option<F::Error> {
        F::restored(shared)
    }

    fn timed_out(after: TimedOut) -> Option<F::Error> {
        Some(after.into())
    }
}

/// An error that several callers of a function with `share_errors` got from one run of its body.
///
/// It shows the original's message, and the original is its [`source`](Error::source): what prints
/// all sources shows the message twice. Code that asks an error for its type has to ask the source.
///
/// ```
/// # use cache_runtime as larder;
/// use std::error::Error;
/// use larder::SharedError;
///
/// fn is_not_found(error: &(dyn Error + 'static)) -> bool {
///     let original = match error.downcast_ref::<SharedError>() {
///         Some(shared) => shared.source().unwrap_or(error),
///         None => error,
///     };
///     matches!(original.downcast_ref(), Some(error) if std::io::Error::kind(error) == std::io::ErrorKind::NotFound)
/// }
/// # drop(is_not_found);
/// ```
#[derive(Clone)]
pub struct SharedError(Arc<dyn Original>);

/// What was failed with, as it was: turned into another type of error it might hide its own.
trait Original: Send + Sync {
    fn error(&self) -> &(dyn Error + Send + Sync + 'static);
}

struct Held<E>(E);

impl<E: ShareableError> Original for Held<E> {
    fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.as_ref()
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.error(), f)
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.error(), f)
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.error())
    }
}

/// A caller has waited for as long as `timeout(hard = …)` says.
///
/// An error type of a function with this option is made from it: `impl From<TimedOut>`, or
/// `#[from]` with `thiserror`. `anyhow::Error` and `Box<dyn Error + Send + Sync>` take it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {after:?}")]
#[non_exhaustive]
pub struct TimedOut {
    /// How long the caller has waited.
    pub after: Duration,
}

impl TimedOut {
    pub(super) fn after(after: Duration) -> Self {
        Self { after }
    }
}
