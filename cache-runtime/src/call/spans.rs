//! What `tracing` sees of a call: spans around everything that it may wait for, at the level `DEBUG` and
//! under the target `larder`. In none of them is anything of an argument, a key, a value or a tenant.
//!
//! | span | around | fields beside `kind` and `operation` |
//! |---|---|---|
//! | `larder.lookup` | the way of a call that was no hit on the short way, until it has an answer or its body is to run | `outcome`, `reason` |
//! | `larder.flight` | in it: the wait for another caller's computation, if there is one; with `single_flight = "cluster"`, for that of another process | `outcome` |
//! | `larder.store` | in it: what is asked of the store | `outcome`, of a look-up |
//! | `larder.compute` | the body, where its result may be kept | `outcome` |
//!
//! A hit on the short way has no span: it takes less time than one.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::thread;

use futures_util::FutureExt;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug_span};

use super::claiming::Claiming;
use super::control::{Control, Finding};
use super::outcome::MissReason;
use super::pending::Pending;
use super::results::Results;
use super::stand::{Deadlines, Stand};
use super::turn::Turn;
use super::verdict::Verdict;
use crate::envelope::Opened;
use crate::flight::{Landing, Role};
use crate::observe::Ending;
use crate::store::Lost;

impl Pending {
    fn lookup_span(&self) -> Span {
        debug_span!(
            target: "larder",
            "larder.lookup",
            kind = self.kind.name,
            operation = self.operation.name,
            outcome = Empty,
            reason = Empty,
        )
    }

    /// How the call stands, looked up inside of its span.
    pub(super) async fn stand_in_span(
        &self,
        control: Option<&Control>,
        results: &Results,
        deadlines: Deadlines,
    ) -> Result<Stand, Finding> {
        let span = self.lookup_span();
        // Where it stays: it is long, and would be copied.
        let stand = pin!(self.stand(control, results, deadlines));
        let stood = stand.instrument(span.clone()).await;
        match &stood {
            Ok(stand) => note_stand(&span, stand),
            Err(finding) => {
                span.record("outcome", finding.ending().name());
            }
        }
        stood
    }

    /// The same for a function that is not async.
    pub(super) fn stand_of_sync_in_span(
        &self,
        control: Option<&Control>,
        results: &Results,
    ) -> Stand {
        let span = self.lookup_span();
        let stand = span.in_scope(|| self.stand_of_sync(control, results));
        note_stand(&span, &stand);
        stand
    }

    fn flight_span(&self) -> Span {
        debug_span!(
            target: "larder",
            "larder.flight",
            kind = self.kind.name,
            operation = self.operation.name,
            outcome = Empty,
        )
    }

    pub(super) fn store_span(&self) -> Span {
        debug_span!(
            target: "larder",
            "larder.store",
            kind = self.kind.name,
            operation = self.operation.name,
            outcome = Empty,
        )
    }

    /// A look-up in the store, inside of its span. It stays where it is: it is long, and would be copied.
    pub(super) async fn looking_up(
        &self,
        look_up: Pin<&mut impl Future<Output = Result<Opened, Lost>>>,
    ) -> Result<Opened, Lost> {
        let span = self.store_span();
        let found = look_up.instrument(span.clone()).await;
        span.record(
            "outcome",
            match &found {
                Ok(_) => "found",
                Err(lost) => MissReason::of_lost(*lost).name(),
            },
        );
        found
    }

    /// The wait for other processes, inside of its span.
    pub(super) async fn claiming(
        &self,
        claim: impl Future<Output = Claiming>,
        is_answer: fn(&Verdict) -> bool,
    ) -> Claiming {
        let span = self.flight_span();
        let claiming = claim.instrument(span.clone()).await;
        let has_answer = is_answer(&claiming.verdict);
        span.record("outcome", if has_answer { "joined" } else { "computes" });
        claiming
    }

    /// Boards a flight. There is a span from the moment when this has to wait.
    pub(super) async fn boarding(&self, mut flight: impl Future<Output = Role> + Unpin) -> Role {
        let mut span = None;
        let role = poll_fn(|context| {
            let polled = match &span {
                None => flight.poll_unpin(context),
                Some(span) => Span::in_scope(span, || flight.poll_unpin(context)),
            };
            if polled.is_pending() && span.is_none() {
                span = Some(self.flight_span());
            }
            polled
        });
        let role = role.await;
        if let Some(span) = span {
            span.record(
                "outcome",
                match &role {
                    Role::Leader(_) | Role::Alone(_) => "computes",
                    Role::Follower(_) => "follows",
                    Role::Waiter(Landing::Entry(_)) => "joined",
                    Role::Waiter(Landing::Stale(_)) => "stale",
                    Role::Waiter(Landing::Failed) => "failed",
                    Role::Waiter(Landing::Invalidated) => "invalidated",
                },
            );
        }
        role
    }
}

/// Notes in the span of a look-up what it came to.
fn note_stand(span: &Span, stand: &Stand) {
    let (outcome, reason) = match stand {
        Stand::Found(_, origin) | Stand::Read(_, origin, _) => (origin.hit().name(), None),
        Stand::Leads(lead) => match lead.answers_from {
            Some(origin) => (origin.hit().name(), None),
            None => ("computes", Some(lead.why)),
        },
        Stand::Follows(_) => (Ending::Joined.name(), None),
        Stand::Bypasses => (Ending::Bypassed.name(), None),
        Stand::TimedOut(_) => (Ending::TimedOut.name(), None),
    };
    span.record("outcome", outcome);
    if let Some(reason) = reason {
        span.record("reason", reason.name());
    }
}

/// The span of a body. It begins with the body: some wait for their turn in the background.
#[derive(Debug, Default)]
pub(super) struct Computing {
    span: OnceLock<Span>,
    has_ended: bool,
}

impl Computing {
    fn span(&self, pending: &Pending) -> &Span {
        self.span.get_or_init(|| {
            debug_span!(
                target: "larder",
                "larder.compute",
                kind = pending.kind.name,
                operation = pending.operation.name,
                outcome = Empty,
            )
        })
    }

    /// Notes what became of the result.
    pub(super) fn end(&mut self, ending: Ending) {
        self.has_ended = true;
        if let Some(span) = self.span.get() {
            span.record("outcome", ending.name());
        }
    }
}

impl Drop for Computing {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(if thread::panicking() {
                Ending::Panicked
            } else {
                Ending::Abandoned
            });
        }
    }
}

impl Turn {
    /// Runs a body inside of its span, which is a child of its caller's.
    pub fn compute<'a, B: Future>(
        &'a self,
        mut body: Pin<&'a mut B>,
    ) -> impl Future<Output = B::Output> + use<'a, B> {
        poll_fn(move |context| self.poll(body.as_mut(), context))
    }

    /// The same for a function that is not async.
    pub fn compute_sync<R>(&self, body: impl FnOnce() -> R) -> R {
        let _entered = self.span().map(Span::enter);
        body()
    }

    pub(super) fn poll<B: Future>(
        &self,
        body: Pin<&mut B>,
        context: &mut Context<'_>,
    ) -> Poll<B::Output> {
        // For this poll, and never over an await.
        let _entered = self.span().map(Span::enter);
        body.poll(context)
    }

    /// The span of a body that comes bit by bit.
    pub(crate) fn computing(&self) -> Span {
        self.span().cloned().unwrap_or_else(Span::none)
    }

    /// `None` for a body that runs without a cache.
    fn span(&self) -> Option<&Span> {
        let kept_for = &self.running.as_deref()?.kept_for;
        Some(kept_for.computing.span(&kept_for.pending))
    }
}
