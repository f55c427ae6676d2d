//! What an attribute says about the value that was just computed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::policy::Ttl;

/// Whether a value is kept, and for how long. Written by an expansion.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule {
    /// `None`: as the operation and its kind say.
    pub(super) ttl: Option<Ttl>,
    pub(super) is_refused: bool,
    /// One of the closures panicked: the value is not kept.
    pub(super) panicked: bool,
}

impl Rule {
    /// Keeps the value for this long.
    #[must_use]
    pub fn ttl(self, ttl: impl Into<Ttl>) -> Self {
        Self {
            ttl: Some(ttl.into()),
            ..self
        }
    }

    /// Keeps the value for as long as it says itself, if it is kept.
    #[must_use]
    pub fn ttl_of<V, T: Into<Ttl>>(self, value: &V, ttl: impl FnOnce(&V) -> T) -> Self {
        if self.is_refused {
            return self;
        }
        match contained(|| ttl(value).into()) {
            Some(ttl) => self.ttl(ttl),
            None => self.given_up(),
        }
    }

    /// Keeps the value only under this condition.
    #[must_use]
    pub fn cache_if<V>(self, value: &V, condition: impl FnOnce(&V) -> bool) -> Self {
        if self.is_refused {
            return self;
        }
        match contained(|| condition(value)) {
            Some(is_kept) => Self {
                is_refused: !is_kept,
                ..self
            },
            None => self.given_up(),
        }
    }

    /// Does not keep the value under this condition.
    #[must_use]
    pub fn unless<V>(self, value: &V, condition: impl FnOnce(&V) -> bool) -> Self {
        self.cache_if(value, |value| !condition(value))
    }

    fn given_up(self) -> Self {
        Self {
            is_refused: true,
            panicked: true,
            ..self
        }
    }
}

/// The caller has its value all the same: a panic of what decides whether to keep it goes no
/// further.
pub(super) fn contained<T>(decide: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(decide)).ok()
}

/// The rule of an attribute that says nothing about values.
#[must_use]
pub fn always<V>(_value: &V) -> Rule {
    Rule::default()
}
