//! Control of one call, by wrapping the call expression.
//!
//! A future does nothing until it is polled, so a wrapper can put its wishes where the first
//! cached call that is reached during the first poll finds them. Nothing is added to the
//! annotated function for it.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::control::{Control, Finding, Report, Way};
use super::outcome::Outcome;
use super::wishes::with_wishes;
use crate::policy::Ttl;

/// Runs a call and says where its result came from.
///
/// A function that waits for something else before it calls a cached one is
/// [`Unreached`](super::Origin::Unreached), and so is a spawned task.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn slow_square(n: u64) -> u64 { n * n }
/// # async fn example() {
/// let outcome = larder::call::outcome(slow_square(4)).await;
/// println!("{} from {}", outcome.value, outcome.origin);
/// if let Some(reason) = outcome.miss {
///     println!("the cache had nothing: {reason:?}");
/// }
/// # }
/// ```
pub async fn outcome<F: Future>(call: F) -> Outcome<F::Output> {
    let report = Arc::<OnceLock<Report>>::default();
    let value = reporting(report.clone(), call).await;
    Outcome::of(value, &report)
}

/// Runs a call and reports how it ended.
pub(super) fn reporting<F: Future>(
    report: Arc<OnceLock<Report>>,
    call: F,
) -> impl Future<Output = F::Output> {
    let reports = vec![report];
    let wishes = Control {
        reports,
        ..Control::default()
    };
    // In a box: an async fn, who calls this, has room for its argument and for what becomes of it.
    controlled(wishes, Box::pin(call))
}

/// Runs the body of a call, whatever the cache has, and keeps nothing.
///
/// Nobody joins the call, and it joins nobody.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn rate(currency: &str) -> f64 { 1.0 }
/// # async fn example() {
/// let euro = larder::call::bypass(rate("EUR")).await;
/// # }
/// ```
pub fn bypass<F: Future>(call: F) -> impl Future<Output = F::Output> {
    controlled(Control::going(Way::Bypass), call)
}

/// Runs the body of a call, whatever the cache has, and keeps the result in place of what was
/// there. Over Redis other processes are told, as soon as it is written.
///
/// It joins no call that is running, because that one may have begun before whatever it is that
/// made a new answer necessary, and what such a call brings is not kept any more; of two refreshes
/// the one that began later has the last word. Where the body fails, the caller gets its error, also
/// with `stale_if_error`, and what was there stays; where it returns what is not to be kept (a `None`,
/// or what the attribute refuses), what was there is forgotten.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn rate(currency: &str) -> f64 { 1.0 }
/// # async fn example() {
/// let euro = larder::call::refresh(rate("EUR")).await;
/// # }
/// ```
pub fn refresh<F: Future>(call: F) -> impl Future<Output = F::Output> {
    controlled(Control::going(Way::Refresh), call)
}

/// Runs a call, and keeps its result for this long if it has to be computed. Comes before every
/// other word on the lifetime; what may be read is not changed.
///
/// Zero means that the result is not kept.
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
    controlled(Control::new().ttl(ttl), call)
}

/// Runs a call, and takes no answer that is older than this: the body runs where the cache has
/// only older ones, and its result is kept in their place.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn rate(currency: &str) -> f64 { 1.0 }
/// # async fn example() {
/// use std::time::Duration;
///
/// let euro = larder::call::max_age(Duration::from_secs(5), rate("EUR")).await;
/// # }
/// ```
pub fn max_age<F: Future>(age: Duration, call: F) -> impl Future<Output = F::Output> {
    controlled(Control::new().max_age(age), call)
}

/// The result that the cache has for a call. That may be one past its lifetime: within
/// `stale_while_revalidate`, or while the body is not asked again after it failed. The body never
/// starts.
///
/// `None` where there is none; one that is being computed is not waited for. Where the future
/// reaches no cached call during its first poll it is dropped and a warning is logged. What it finds is
/// counted as a hit, in [`Savings`](crate::Savings) too.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn rate(currency: &str) -> f64 { 1.0 }
/// # async fn example() {
/// match larder::call::peek(rate("EUR")).await {
///     Some(euro) => println!("{euro}"),
///     None => println!("nobody has asked for it yet"),
/// }
/// # }
/// ```
pub async fn peek<F: Future>(call: F) -> Option<F::Output> {
    Stoppable::new(Way::Peek, call).await.ok()
}

/// Forgets the result of exactly this call, in both tiers, and says whether there was one. The
/// body never starts.
///
/// Returns when the store has forgotten it too, or has failed to: as
/// [`Cache::remove`](crate::Cache::remove) does. A call with the same arguments that is running
/// meanwhile has its result for itself: it is not kept, and nobody else gets it.
///
/// Where the future reaches no cached call during its first poll it is dropped, a warning is
/// logged, and the answer is `false`.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn profile(user: u64) -> String { String::new() }
/// # async fn example() {
/// let was_there = larder::call::remove(profile(7)).await;
/// # }
/// ```
pub async fn remove<F: Future>(call: F) -> bool {
    matches!(found(Way::Remove, call).await, Finding::Forgot(true))
}

/// Ends the lifetime of the result of exactly this call, and says whether there was one: the next
/// call runs its body. The body of this one never starts.
///
/// An expired result is served again where nothing better is to be had: where the body fails, as
/// long as `stale_if_error` says. For that it stays in memory; the store forgets it. Without that
/// option this does what [`remove`] does.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn profile(user: u64) -> String { String::new() }
/// # async fn example() {
/// let was_there = larder::call::expire(profile(7)).await;
/// # }
/// ```
pub async fn expire<F: Future>(call: F) -> bool {
    matches!(found(Way::Expire, call).await, Finding::Forgot(true))
}

/// The name that a call's entry has in a store. The body never starts.
///
/// `None` where no store would keep it: the kind is unknown, an argument has no key, the function
/// is `local`, or nothing tells it apart that another process would understand. Where the future
/// reaches no cached call during its first poll it is dropped and a warning is logged.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn profile(user: u64) -> String { String::new() }
/// # async fn example() {
/// let name = larder::call::key(profile(7)).await;
/// # }
/// ```
pub async fn key<F: Future>(call: F) -> Option<String> {
    match found(Way::Key, call).await {
        Finding::Key(key) => key,
        Finding::Nothing | Finding::Forgot(_) => None,
    }
}

/// Has its wishes at hand during the first poll of `call`.
fn controlled<F: Future>(wishes: Control, call: F) -> Controlled<F> {
    Controlled {
        call,
        wishes: Some(wishes),
        was_reached: false,
    }
}

pin_project! {
    struct Controlled<F> {
        #[pin]
        call: F,
        // Until the first poll.
        wishes: Option<Control>,
        was_reached: bool,
    }
}

impl<F: Future> Future for Controlled<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(wishes) = this.wishes.take() else {
            return this.call.poll(context);
        };
        let (poll, was_reached) = with_wishes(wishes, || this.call.poll(context));
        *this.was_reached = was_reached;
        poll
    }
}

pin_project! {
    /// A call that ends before its body, unless the cache has its result.
    struct Stoppable<F> {
        #[pin]
        call: Controlled<F>,
        report: Arc<OnceLock<Report>>,
        _is_here: Arc<()>,
    }
}

impl<F: Future> Stoppable<Pin<Box<F>>> {
    /// In a box, as above.
    fn new(way: Way, call: F) -> Self {
        let report = Arc::<OnceLock<Report>>::default();
        let is_here = Arc::new(());
        let wishes = Control {
            reports: vec![report.clone()],
            stopper: Arc::downgrade(&is_here),
            ..Control::going(way)
        };
        Self {
            call: controlled(wishes, Box::pin(call)),
            report,
            _is_here: is_here,
        }
    }
}

impl<F: Future> Future for Stoppable<F> {
    type Output = Result<F::Output, Finding>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let poll = this.call.as_mut().poll(context);
        if !this.call.was_reached {
            return Poll::Ready(Err(Finding::Nothing));
        }
        match this.report.get() {
            Some(Report::Stopped(finding)) => Poll::Ready(Err(finding.clone())),
            _ => poll.map(Ok),
        }
    }
}

/// What a call found that is stopped in any case.
async fn found<F: Future>(way: Way, call: F) -> Finding {
    Stoppable::new(way, call)
        .await
        .err()
        .unwrap_or(Finding::Nothing)
}
