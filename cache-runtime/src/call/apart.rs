//! Bodies that are run apart from their caller: it does not wait for them for ever, or it has its
//! answer before they begin. They may go on when it has gone.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tracing::{Instrument, Span};

use super::failure::TimedOut;
use super::local;
use super::outcome::StaleCause;
use super::results::served;
use super::rule::Rule;
use super::shape::Shape;
use super::stand::Deadlines;
use super::tenant::for_tenant;
use super::turn::{Running, Turn};
use crate::envelope::Erased;
use crate::flight::Landing;
use crate::runtime;

/// What a caller may lend to a body that may outlive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be copied for a body that may outlive its caller",
    label = "this does not implement `Clone`",
    note = "with `detach`, in the background and in a stream, the body has copies of what it borrows: add \
            `#[derive(Clone)]` to a type of yours, or take an `Arc<{Self}>` or the value itself"
)]
pub trait Lent<O> {
    /// What the body has, and borrows from.
    fn copied(&self) -> O;
}

// A parameter, and no type of its own: the compiler would ask for the `ToOwned` that such a one comes from.
#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned = O> + ?Sized, O> Lent<O> for T {
    fn copied(&self) -> O {
        self.to_owned()
    }
}

/// The copy of an argument for a body that may outlive its caller.
pub fn copy_of<T: Lent<O> + ?Sized, O>(lent: &T) -> O {
    lent.copied()
}

impl Turn {
    /// Runs a body that borrows from its caller, for as long as that waits.
    ///
    /// Dropping the future drops the body.
    pub async fn run<S, B, R>(self, shape: S, body: B, rule: R) -> S::Returned
    where
        S: Shape,
        B: Future<Output = S::Returned>,
        R: FnOnce(&S::Kept) -> Rule,
    {
        let mut body = pin!(body);
        let Some((deadline, hard)) = self.deadlines.hard else {
            let returned = self.compute(body).await;
            return self.keep(shape, returned, rule);
        };
        let computed = self.compute(body.as_mut());
        if let Some(returned) = runtime::until(deadline, computed).await {
            return self.keep(shape, returned, rule);
        }
        match self.give_up::<S>(hard) {
            Ok(answer) => answer,
            Err(turn) => {
                let returned = turn.compute(body).await;
                turn.keep(shape, returned, rule)
            }
        }
    }

    /// Runs a body that has what it needs, whether or not its caller waits for it.
    ///
    /// Where the attribute says so, dropping the future has the body go on in the background.
    pub async fn run_apart<S, B, R>(mut self, shape: S, body: B, rule: R) -> S::Returned
    where
        S: Shape + 'static,
        B: Future<Output = S::Returned> + Send + 'static,
        R: FnOnce(&S::Kept) -> Rule + Send + 'static,
    {
        let Some(running) = self.running.as_deref_mut() else {
            return self.run(shape, body, rule).await;
        };
        let Running { carried, kept_for } = running;
        let first = kept_for.first_answer(carried);
        let goes_on = kept_for.pending.operation.is_detached;
        if let Some(answer) = first.and_then(|entry| served::<S>(&entry.value)) {
            let kind = kept_for.pending.kind.clone();
            let is_shadow = kept_for.is_shadow;
            let renewed = for_tenant(local::tenant().ok().flatten(), async move {
                if is_shadow {
                    self.compare(shape, body).await;
                } else {
                    self.renew(shape, body, rule).await;
                }
            });
            if let Ok(runtime) = Handle::try_current() {
                let renewed = renewed.instrument(Span::current());
                kind.background.go_on(&runtime, renewed);
            }
            return answer;
        }
        if !goes_on {
            return self.run(shape, body, rule).await;
        }
        let Deadlines { soft, hard } = self.deadlines;
        let mut apart = Apart {
            work: Some((Box::pin(body), self, rule)),
            shape,
            tenant: local::tenant().ok().flatten(),
            span: Span::current(),
            runtime: Handle::try_current().ok(),
        };
        if let Some(soft) = soft {
            if let Some(returned) = runtime::until(soft, &mut apart).await {
                return returned;
            }
            if let Some(answer) = apart.answer_with_spare() {
                return answer;
            }
        }
        let Some((deadline, hard)) = hard else {
            return apart.await;
        };
        if let Some(returned) = runtime::until(deadline, &mut apart).await {
            return returned;
        }
        match apart.time_out(TimedOut::after(hard)) {
            Some(answer) => answer,
            None => apart.await,
        }
    }

    /// Computes a result in the background and compares it with the one that was served.
    async fn compare<S, B>(self, _shape: S, body: B)
    where
        S: Shape,
        B: Future<Output = S::Returned>,
    {
        if let Some(running) = &self.running {
            // A panic is as good as a failure: nobody waits for either.
            let returned = AssertUnwindSafe(body).catch_unwind().await;
            let value = returned.as_ref().ok().and_then(S::kept);
            running
                .kept_for
                .compare(value.map(|value| value as &Erased));
        }
    }

    /// Computes a new result in the background, unless another process has brought one.
    async fn renew<S, B, R>(mut self, shape: S, body: B, rule: R)
    where
        S: Shape,
        B: Future<Output = S::Returned>,
        R: FnOnce(&S::Kept) -> Rule,
    {
        let Some(running) = self.running.as_deref_mut() else {
            return;
        };
        if let Some(entry) = running.kept_for.newer().await {
            return self.land(Landing::Entry(entry));
        }
        // It may have waited for another process. Nothing would be kept that was invalidated
        // meanwhile, but what begins now is from after that.
        if running.kept_for.is_invalidated() {
            return;
        }
        running.carried = running.kept_for.pending.carry();
        let returned = self.compute(pin!(body)).await;
        drop(self.keep(shape, returned, rule));
    }

    /// The caller has waited for so long: it gets an older value or an error, and the body goes.
    fn give_up<S: Shape>(mut self, hard: Duration) -> Result<S::Returned, Self> {
        let after = TimedOut::after(hard);
        match self.spare::<S>().or_else(|| self.time_out::<S>(after)) {
            Some(answer) => Ok(answer),
            None => Err(self),
        }
    }

    /// The older value for a caller that has waited for too long.
    fn spare<S: Shape>(&mut self) -> Option<S::Returned> {
        let Running { carried, kept_for } = self.running.as_deref_mut()?;
        let entry = kept_for.answer_with_spare(StaleCause::Slow, carried)?;
        served::<S>(&entry.value)
    }

    /// The error for a caller that has waited for too long.
    fn time_out<S: Shape>(&mut self, after: TimedOut) -> Option<S::Returned> {
        let error = S::timed_out(after)?;
        if let Some(running) = self.running.as_deref_mut() {
            running.kept_for.time_out();
        }
        Some(error)
    }
}

/// A body that goes on when its caller does not wait for it any more.
struct Apart<S: Shape + 'static, B, R>
where
    B: Future<Output = S::Returned> + Send + 'static,
    R: FnOnce(&S::Kept) -> Rule + Send + 'static,
{
    /// Until it is done.
    work: Option<(Pin<Box<B>>, Turn, R)>,
    shape: S,
    /// Where it was begun.
    tenant: Option<Arc<str>>,
    span: Span,
    runtime: Option<Handle>,
}

impl<S: Shape + 'static, B, R> Apart<S, B, R>
where
    B: Future<Output = S::Returned> + Send + 'static,
    R: FnOnce(&S::Kept) -> Rule + Send + 'static,
{
    fn answer_with_spare(&mut self) -> Option<S::Returned> {
        let (_, turn, _) = self.work.as_mut()?;
        turn.spare::<S>()
    }

    fn time_out(&mut self, after: TimedOut) -> Option<S::Returned> {
        let (_, turn, _) = self.work.as_mut()?;
        turn.spare::<S>().or_else(|| turn.time_out::<S>(after))
    }
}

// The body is in a box; nothing else is pinned.
impl<S: Shape + 'static, B, R> Unpin for Apart<S, B, R>
where
    B: Future<Output = S::Returned> + Send + 'static,
    R: FnOnce(&S::Kept) -> Rule + Send + 'static,
{
}

impl<S: Shape + 'static, B, R> Future for Apart<S, B, R>
where
    B: Future<Output = S::Returned> + Send + 'static,
    R: FnOnce(&S::Kept) -> Rule + Send + 'static,
{
    type Output = S::Returned;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<S::Returned> {
        // Taken out: a body that panics does not go on.
        let Some((mut body, turn, rule)) = self.work.take() else {
            return Poll::Pending;
        };
        match turn.poll(body.as_mut(), context) {
            Poll::Ready(returned) => Poll::Ready(turn.keep(self.shape, returned, rule)),
            Poll::Pending => {
                self.work = Some((body, turn, rule));
                Poll::Pending
            }
        }
    }
}

impl<S: Shape + 'static, B, R> Drop for Apart<S, B, R>
where
    B: Future<Output = S::Returned> + Send + 'static,
    R: FnOnce(&S::Kept) -> Rule + Send + 'static,
{
    fn drop(&mut self) {
        let Some((mut body, turn, rule)) = self.work.take() else {
            return;
        };
        let Some((running, runtime)) = turn.running.as_ref().zip(self.runtime.as_ref()) else {
            return;
        };
        let kind = running.kept_for.pending.kind.clone();
        let shape = self.shape;
        let rest = async move {
            let returned = turn.compute(body.as_mut()).await;
            drop(turn.keep(shape, returned, rule));
        };
        let rest = for_tenant(self.tenant.take(), rest);
        kind.background
            .go_on(runtime, rest.instrument(self.span.clone()));
    }
}
