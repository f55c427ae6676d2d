//! What an entry is good for when its lifetime is over, and what is done before it is.

use std::time::Duration;

/// What an attribute allows beside the lifetime. Nothing of it happens unless it is written there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staleness {
    /// So long after the end of its lifetime an entry is served while a new one is computed in the
    /// background.
    pub(crate) while_revalidate: Duration,
    /// So long after the end of its lifetime an entry is served where the body fails.
    pub(crate) if_error: Duration,
    /// The part of its lifetime after which an entry is computed anew in the background.
    pub(crate) refresh_ahead: Option<f64>,
    /// The part of all hits whose body runs again, to compare what it returns.
    pub(crate) shadow: Option<f64>,
}

impl Staleness {
    pub(crate) const NONE: Self = Self {
        while_revalidate: Duration::ZERO,
        if_error: Duration::ZERO,
        refresh_ahead: None,
        shadow: None,
    };

    /// Whether a fresh entry may have its body run.
    #[inline]
    pub(crate) fn has_runs_ahead(&self) -> bool {
        self.refresh_ahead.is_some() || self.shadow.is_some()
    }

    /// Whether this hit is one that is compared.
    pub(crate) fn draws_shadow(&self) -> bool {
        self.shadow.is_some_and(|part| fastrand::f64() < part)
    }

    /// How long an entry is kept when its lifetime is over.
    pub(crate) fn kept_for(&self) -> Duration {
        self.while_revalidate.max(self.if_error)
    }
}

/// How long a caller waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// After this it takes an old entry, where there is one.
    pub(crate) soft: Option<Duration>,
    /// After this it gives up.
    pub(crate) hard: Option<Duration>,
}

impl Patience {
    pub(crate) const ENDLESS: Self = Self {
        soft: None,
        hard: None,
    };
}
