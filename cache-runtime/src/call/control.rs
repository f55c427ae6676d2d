//! Control of one call, by wrapping the call expression.
//!
//! A future does nothing until it is polled, so a wrapper can put its wishes where the first
//! cached call that is reached during the first poll finds them. Nothing is added to the
//! annotated function for it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::local;
use super::outcome::{Outcome, Told};
use super::tenant::in_tenant;
use crate::observe::Ending;
use crate::policy::Ttl;

/// What a caller wants of one call of a function that is not async, or that returns a stream: what the
/// functions of this module do for a future, [`sync`] and [`stream`](super::stream()) do with these.
///
/// ```
/// # use cache_runtime as larder;
/// use std::time::Duration;
/// use larder::call::Control;
///
/// let control = Control::new().refresh().ttl(Duration::from_secs(60)).tenant("acme");
/// # drop(control);
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Control {
    pub(super) way: Option<Way>,
    pub(super) ttl: Option<Ttl>,
    pub(super) max_age: Option<Duration>,
    /// Of all wrappers that want to know.
    pub(super) reports: Vec<Arc<OnceLock<Report>>>,
    /// Lives as long as the wrapper that wants the call to stop.
    stopper: Weak<()>,
    /// When the call took these wishes, if somebody asks: its arguments are written from then on.
    taken: Option<Instant>,
    /// How long that took.
    pub(super) key_time: Option<Duration>,
    /// For [`sync`] and [`stream`](super::stream) alone: futures have it around every poll.
    pub(super) tenant: Option<Arc<str>>,
}

/// Which way a call goes, if not the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Bypass,
    Refresh,
    Peek,
    Remove,
    Expire,
    Key,
}

impl Way {
    /// Whether the call ends before its body.
    fn stops(self) -> bool {
        !matches!(self, Self::Bypass | Self::Refresh)
    }

    /// What becomes of a call that goes this way while the cache is switched off.
    fn while_off(self) -> WhileOff {
        match self {
            Self::Bypass | Self::Peek => WhileOff::Runs,
            Self::Refresh => WhileOff::Replaces,
            Self::Remove | Self::Expire | Self::Key => WhileOff::GoesOn,
        }
    }
}

/// What becomes of a call while the cache is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhileOff {
    /// It runs as without a cache.
    Runs,
    /// The same, and what was there is over.
    Replaces,
    /// It is about what is there already, and goes on in full.
    GoesOn,
}

/// How a call ended, for the one who asked.
#[derive(Clone)]
pub(super) enum Report {
    Returned(Told),
    Stopped(Finding),
}

/// What a call found that did not run.
#[derive(Clone)]
pub(super) enum Finding {
    Nothing,
    /// Whether there was an entry.
    Forgot(bool),
    Key(Option<String>),
}

impl Finding {
    /// How the call has ended.
    pub(super) fn ending(&self) -> Ending {
        match self {
            Self::Nothing => Ending::Missed,
            Self::Forgot(_) | Self::Key(_) => Ending::Stopped,
        }
    }
}

impl Control {
    /// No wishes.
    pub fn new() -> Self {
        Self::default()
    }

    fn going(way: Way) -> Self {
        Self {
            way: Some(way),
            ..Self::default()
        }
    }

    /// As [`bypass`].
    pub fn bypass(self) -> Self {
        Self {
            way: Some(Way::Bypass),
            ..self
        }
    }

    /// As [`refresh`].
    pub fn refresh(self) -> Self {
        Self {
            way: Some(Way::Refresh),
            ..self
        }
    }

    /// As [`ttl`].
    pub fn ttl(self, ttl: impl Into<Ttl>) -> Self {
        Self {
            ttl: Some(ttl.into()),
            ..self
        }
    }

    /// As [`max_age`].
    pub fn max_age(self, age: Duration) -> Self {
        Self {
            max_age: Some(age),
            ..self
        }
    }

    /// As [`tenant`](super::tenant()).
    pub fn tenant(self, tenant: impl Into<Arc<str>>) -> Self {
        Self {
            tenant: Some(tenant.into()),
            ..self
        }
    }

    /// Of two wrappers, the inner one has the last word on a wish that both have, but where either
    /// wants no body to start, none does. Both are told how the call ended.
    fn within(&mut self, outer: &Self) {
        if self.way.is_none() || (outer.stops() && !self.stops()) {
            self.way = outer.way;
            self.stopper = outer.stopper.clone();
        }
        self.ttl = self.ttl.or(outer.ttl);
        self.tenant = self.tenant.take().or_else(|| outer.tenant.clone());
        self.max_age = self.max_age.or(outer.max_age);
        self.reports.extend(outer.reports.iter().cloned());
    }

    /// Whether the call ends before its body.
    pub(super) fn stops(&self) -> bool {
        self.way.is_some_and(Way::stops)
    }

    /// What becomes of a call with these wishes, or with none, while the cache is switched off.
    pub(super) fn while_off(control: Option<&Self>) -> WhileOff {
        let way = control.and_then(|control| control.way);
        way.map_or(WhileOff::Runs, Way::while_off)
    }

    /// Whether somebody wants to know how the call ended, or under which key.
    pub(super) fn asks(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Taken by a call just now.
    pub(super) fn note_taken(&mut self) {
        self.taken = self.asks().then(Instant::now);
    }

    /// The arguments of the call that took them are written.
    pub(super) fn note_key(&mut self) {
        self.key_time = self.taken.map(|taken| taken.elapsed());
    }

    pub(super) fn report(&self, report: &Report) {
        for place in &self.reports {
            // Set once: each call reports once.
            let _ = place.set(report.clone());
        }
    }

    /// Tells the wrapper what was found. It drops the call then; one that it does not own, because
    /// it has a reference to it, goes on when it is polled after the wrapper has gone.
    pub(super) async fn stop(&self, finding: Finding) {
        self.report(&Report::Stopped(finding));
        poll_fn(|context| {
            if self.stopper.strong_count() == 0 {
                return Poll::Ready(());
            }
            // Others may wait for the same future. The wrapper ends with this poll, so this does not
            // go on for long.
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl std::fmt::Debug for Control {
    /// Without the tenant, and without what was found.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("way", &self.way)
            .field("ttl", &self.ttl)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

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
    controlled(wishes, call)
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
/// reaches no cached call during its first poll it is dropped and a warning is logged.
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

/// Calls a function that is not async, with these wishes, and says where its result came from.
///
/// The wishes hold for the first cached function that is called inside. There is no `peek`,
/// `remove`, `expire` or `key` for it: a function that is not async cannot be stopped on its way to
/// its body.
///
/// ```
/// # use cache_runtime as larder;
/// # fn parsed(text: &str) -> usize { text.len() }
/// use larder::call::{self, Control};
///
/// let outcome = call::sync(Control::new().refresh(), || parsed("1 + 1"));
/// println!("{} from {}", outcome.value, outcome.origin);
/// ```
pub fn sync<R>(mut control: Control, call: impl FnOnce() -> R) -> Outcome<R> {
    let report = Arc::<OnceLock<Report>>::default();
    control.reports.push(report.clone());
    let tenant = control.tenant.take();
    let value = with_wishes_of_sync(control, || match tenant {
        Some(tenant) => in_tenant(Some(tenant), call),
        None => call(),
    });
    Outcome::of(value, &report)
}

/// Calls `run` with these wishes at hand, and says whether a cached call took them.
pub(super) fn with_wishes<R>(mut wishes: Control, run: impl FnOnce() -> R) -> (R, bool) {
    let Control {
        way, ttl, max_age, ..
    } = wishes;
    let outer = local::take_control();
    if let Some(outer) = outer.as_deref() {
        wishes.within(outer);
    }
    let mut take_back = TakeBack {
        outer,
        is_over: false,
    };
    local::leave_control(Box::new(wishes));
    let value = run();
    let was_taken = take_back.take_back();
    if !was_taken && (way.is_some() || ttl.is_some() || max_age.is_some()) {
        warn_of_no_call(way, ttl, max_age);
    }
    (value, was_taken)
}

#[cold]
fn warn_of_no_call(way: Option<Way>, ttl: Option<Ttl>, max_age: Option<Duration>) {
    tracing::warn!(
        ?way,
        ?ttl,
        ?max_age,
        "what was wrapped reached no cached call (a future: in its first poll), so nothing is \
         controlled"
    );
}

/// The same for a function that is not async. What would stop a call is not for it and stays as it
/// was.
fn with_wishes_of_sync<R>(wishes: Control, run: impl FnOnce() -> R) -> R {
    let aside = match local::take_control() {
        Some(outer) if outer.stops() => Some(outer),
        Some(outer) => {
            local::leave_control(outer);
            None
        }
        None => None,
    };
    let _put_back = PutBack(aside);
    with_wishes(wishes, run).0
}

/// Wishes that are left where they were, also when the call panics.
struct PutBack(Option<Box<Control>>);

impl Drop for PutBack {
    fn drop(&mut self) {
        if let Some(control) = self.0.take() {
            local::leave_control(control);
        }
    }
}

/// Takes back what no cached call took, also when the call panics, and leaves the wishes of the
/// wrapper around it where they were.
struct TakeBack {
    outer: Option<Box<Control>>,
    is_over: bool,
}

impl TakeBack {
    /// Whether a cached call took the wishes.
    fn take_back(&mut self) -> bool {
        self.is_over = true;
        let was_taken = local::take_control().is_none();
        if let Some(outer) = self.outer.take().filter(|_| !was_taken) {
            local::leave_control(outer);
        }
        was_taken
    }
}

impl Drop for TakeBack {
    fn drop(&mut self) {
        if !self.is_over {
            self.take_back();
        }
    }
}

/// Has its wishes at hand during the first poll of `call`.
fn controlled<F: Future>(wishes: Control, call: F) -> Controlled<F> {
    Controlled {
        call: Box::pin(call),
        wishes: Some(wishes),
        was_reached: false,
    }
}

struct Controlled<F> {
    call: Pin<Box<F>>,
    /// Until the first poll.
    wishes: Option<Control>,
    was_reached: bool,
}

impl<F: Future> Future for Controlled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let Some(wishes) = this.wishes.take() else {
            return this.call.as_mut().poll(context);
        };
        let (poll, was_reached) = with_wishes(wishes, || this.call.as_mut().poll(context));
        this.was_reached = was_reached;
        poll
    }
}

/// A call that ends before its body, unless the cache has its result.
struct Stoppable<F> {
    call: Controlled<F>,
    report: Arc<OnceLock<Report>>,
    _is_here: Arc<()>,
}

impl<F: Future> Stoppable<F> {
    fn new(way: Way, call: F) -> Self {
        let report = Arc::<OnceLock<Report>>::default();
        let is_here = Arc::new(());
        let wishes = Control {
            reports: vec![report.clone()],
            stopper: Arc::downgrade(&is_here),
            ..Control::going(way)
        };
        Self {
            call: controlled(wishes, call),
            report,
            _is_here: is_here,
        }
    }
}

impl<F: Future> Future for Stoppable<F> {
    type Output = Result<F::Output, Finding>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let poll = Pin::new(&mut self.call).poll(context);
        if !self.call.was_reached {
            return Poll::Ready(Err(Finding::Nothing));
        }
        match self.report.get() {
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
