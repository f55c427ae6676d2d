//! Control of one call, by wrapping the call expression.
//!
//! A future does nothing until it is polled, so a wrapper can put its wishes where the first
//! cached call that is reached during the first poll finds them. Nothing is added to the
//! annotated function for it.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use super::local;
use crate::policy::Ttl;

/// What a caller wants of one call, and wants to know about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control {
    pub(super) ttl: Option<Ttl>,
    /// Of all wrappers that want to know.
    pub(super) reports: Vec<Arc<OnceLock<Report>>>,
}

/// How a call ended, for the one who asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) origin: Origin,
    pub(super) age: Duration,
}

/// Where the result of a call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// From memory.
    Memory,
    /// From the store.
    Store,
    /// From another call with the same key that was running.
    Joined,
    /// The body ran, and its result is kept where the operation and its lifetime allow it.
    Computed,
    /// The body ran without a cache: nobody knows the kind, an argument has no key, or the text is
    /// longer than the kind takes.
    Uncached,
    /// No cached call was reached during the first poll, so nothing is known.
    Unreached,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Memory => "memory",
            Self::Store => "store",
            Self::Joined => "joined",
            Self::Computed => "computed",
            Self::Uncached => "uncached",
            Self::Unreached => "unreached",
        })
    }
}

/// The result of a call, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// What the call returned.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
    /// How long ago the value was computed, as far as the clocks of the two processes agree; zero
    /// for one that was just computed.
    pub age: Duration,
}

/// Runs a call and says where its result came from.
///
/// Wrap the cached call itself. What counts is the first cached call that is reached during the
/// first poll of `call`: a function that waits for something else before it calls a cached one is
/// [`Unreached`](Origin::Unreached), and so is a spawned task.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn slow_square(n: u64) -> u64 { n * n }
/// # async fn example() {
/// let outcome = larder::call::outcome(slow_square(4)).await;
/// println!("{} from {}", outcome.value, outcome.origin);
/// # }
/// ```
pub async fn outcome<F: Future>(call: F) -> Outcome<F::Output> {
    let report = Arc::<OnceLock<Report>>::default();
    let wishes = Control {
        reports: vec![report.clone()],
        ttl: None,
    };
    let value = Controlled::new(call, wishes).await;
    let report = report.get().copied().unwrap_or(Report {
        origin: Origin::Unreached,
        age: Duration::ZERO,
    });
    Outcome {
        value,
        origin: report.origin,
        age: report.age,
    }
}

/// Runs a call, and keeps its result for this long if it has to be computed. Comes before every
/// other word on the lifetime; what may be read is not changed.
///
/// Zero means that the result is not kept. Wrap the cached call itself: the lifetime holds for the
/// first cached call that is reached during the first poll of `call`, and for none if there is
/// none.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn rate(currency: &str) -> f64 { 1.0 }
/// # async fn example() {
/// use std::time::Duration;
///
/// let euro = larder::call::ttl(Duration::from_secs(60), rate("EUR")).await;
/// # }
/// ```
pub fn ttl<F: Future>(ttl: impl Into<Ttl>, call: F) -> impl Future<Output = F::Output> {
    let wishes = Control {
        ttl: Some(ttl.into()),
        reports: Vec::new(),
    };
    Controlled::new(call, wishes)
}

/// Leaves its wishes for the first poll of the call inside.
struct Controlled<F> {
    call: Pin<Box<F>>,
    wishes: Option<Control>,
}

impl<F: Future> Controlled<F> {
    fn new(call: F, wishes: Control) -> Self {
        Self {
            call: Box::pin(call),
            wishes: Some(wishes),
        }
    }
}

impl<F: Future> Future for Controlled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(mut wishes) = self.wishes.take() else {
            return self.call.as_mut().poll(context);
        };
        let outer = local::take_control();
        if let Some(outer) = outer.as_deref() {
            // Of two wrappers, the inner one has the last word on a wish that both have.
            wishes.ttl = wishes.ttl.or(outer.ttl);
            wishes.reports.extend(outer.reports.iter().cloned());
        }
        let _take_back = TakeBack { outer };
        local::leave_control(Box::new(wishes));
        self.call.as_mut().poll(context)
    }
}

/// Takes back what no cached call took, also when the poll panics, and leaves the wishes of the
/// wrapper around it where they were.
struct TakeBack {
    outer: Option<Box<Control>>,
}

impl Drop for TakeBack {
    fn drop(&mut self) {
        let was_taken = local::take_control().is_none();
        if let Some(outer) = self.outer.take().filter(|_| !was_taken) {
            local::leave_control(outer);
        }
    }
}
