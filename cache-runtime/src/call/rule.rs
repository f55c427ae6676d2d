//! What an attribute says about the value that was just computed.

use crate::policy::Ttl;

/// Whether a value is kept, and for how long. Written by an expansion.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule {
    /// `None`: as the operation and its kind say.
    pub(super) ttl: Option<Ttl>,
    pub(super) is_refused: bool,
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
        self.ttl(ttl(value))
    }

    /// Keeps the value only under this condition.
    #[must_use]
    pub fn cache_if<V>(self, value: &V, condition: impl FnOnce(&V) -> bool) -> Self {
        let is_refused = self.is_refused || !condition(value);
        Self { is_refused, ..self }
    }

    /// Does not keep the value under this condition.
    #[must_use]
    pub fn unless<V>(self, value: &V, condition: impl FnOnce(&V) -> bool) -> Self {
        let is_refused = self.is_refused || condition(value);
        Self { is_refused, ..self }
    }
}

/// The rule of an attribute that says nothing about values.
#[must_use]
pub fn always<V>(_value: &V) -> Rule {
    Rule::default()
}
