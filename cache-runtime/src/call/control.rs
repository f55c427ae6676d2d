//! What a caller wants of a single call, and what it is told of it.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::outcome::Told;
use crate::observe::Ending;
use crate::policy::Ttl;

/// What a caller wants of one call of a function that is not async, or that returns a stream: what the
/// functions of this module do for a future, [`sync`](super::sync()) and
/// [`stream`](super::stream()) do with these.
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
    pub(super) stopper: Weak<()>,
    /// When the call took these wishes, if somebody asks: its arguments are written from then on.
    pub(super) taken: Option<Instant>,
    /// How long that took.
    pub(super) key_time: Option<Duration>,
    /// For [`sync`](super::sync()) and [`stream`](super::stream()) alone: futures have it around every poll.
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

    pub(super) fn going(way: Way) -> Self {
        Self {
            way: Some(way),
            ..Self::default()
        }
    }

    /// As [`bypass`](super::bypass).
    pub fn bypass(self) -> Self {
        Self {
            way: Some(Way::Bypass),
            ..self
        }
    }

    /// As [`refresh`](super::refresh).
    pub fn refresh(self) -> Self {
        Self {
            way: Some(Way::Refresh),
            ..self
        }
    }

    /// As [`ttl`](super::ttl()).
    pub fn ttl(self, ttl: impl Into<Ttl>) -> Self {
        Self {
            ttl: Some(ttl.into()),
            ..self
        }
    }

    /// As [`max_age`](super::max_age).
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
    pub(super) fn within(&mut self, outer: &Self) {
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
