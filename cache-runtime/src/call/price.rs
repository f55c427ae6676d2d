//! What answers cost, where an attribute says it or they say it themselves: counted when one is computed,
//! and when one is given once more.

use std::sync::Arc;

use super::operation::Operation;
use super::rule::contained;
use super::shape::Shape;
use crate::envelope::Erased;
use crate::kind::Kind;
use crate::observe::{Charged, NANO};
use crate::policy::Cacheable;

/// What one answer took. Written by an expansion.
#[derive(Clone, Copy, Debug, Default)]
pub struct Price {
    pub(crate) tokens: u64,
    pub(crate) nano_cost: u64,
    /// One of the closures panicked, or gave what is no price.
    pub(crate) is_bad: bool,
}

/// The price of answers of one shape.
pub type PriceOf<S> = fn(&<S as Shape>::Kept) -> Price;

/// The same for code that is compiled once.
pub(crate) type Pricer = Box<dyn Fn(&Erased) -> Option<Price> + Send + Sync>;

/// What `tokens = …` may give: an integer.
///
/// Implemented for all of them; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number of tokens",
    label = "this would have to be an integer",
    note = "`tokens` gives an integer: `tokens = |answer| answer.usage.total_tokens`"
)]
pub trait Tokens {
    /// The number; `None` below zero, and above what a `u64` has.
    fn count(self) -> Option<u64>;
}

macro_rules! tokens {
    ($($integer:ty),*) => {$(
        impl Tokens for $integer {
            fn count(self) -> Option<u64> {
                self.try_into().ok()
            }
        }
    )*};
}

tokens!(
    u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize
);

/// What `cost = …` may give: an `f64`.
///
/// Implemented for `f64` and `f32`; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no amount of money",
    label = "this would have to be an `f64`",
    note = "`cost` gives an `f64`, in the unit that the application counts in: \
            `cost = |answer| f64::from(answer.tokens) * 0.000_002`"
)]
pub trait Cost {
    /// The amount.
    fn amount(self) -> f64;
}

impl Cost for f64 {
    fn amount(self) -> f64 {
        self
    }
}

impl Cost for f32 {
    fn amount(self) -> f64 {
        self.into()
    }
}

impl Price {
    /// With so many tokens.
    #[must_use]
    pub fn tokens<V, T: Tokens>(self, value: &V, tokens: impl FnOnce(&V) -> T) -> Self {
        match contained(|| tokens(value).count()).flatten() {
            Some(tokens) => Self { tokens, ..self },
            None => self.bad(),
        }
    }

    /// With so much money.
    #[must_use]
    pub fn cost<V, C: Cost>(self, value: &V, cost: impl FnOnce(&V) -> C) -> Self {
        let cost = contained(|| cost(value).amount());
        match cost.filter(|cost| cost.is_finite() && *cost >= 0.0) {
            Some(cost) => Self {
                nano_cost: nano(cost),
                ..self
            },
            None => self.bad(),
        }
    }

    /// What an answer says of itself, if it does.
    pub(crate) fn of<T: Cacheable>(answer: &T) -> Option<Self> {
        let price = Self::default();
        let Some((tokens, cost)) = contained(|| (answer.tokens(), answer.cost())) else {
            return Some(price.bad());
        };
        if tokens.is_none() && cost.is_none() {
            return None;
        }
        let price = tokens.map_or(price, |tokens| price.tokens(&(), |()| tokens));
        Some(cost.map_or(price, |cost| price.cost(&(), |()| cost)))
    }

    fn bad(self) -> Self {
        Self {
            is_bad: true,
            ..self
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not below zero, and what is too much is as much as there can be"
)]
fn nano(cost: f64) -> u64 {
    (cost * NANO).round() as u64
}

/// The price of the answers of this function: tells the closure their type.
#[must_use]
pub fn priced<S: Shape>(_shape: S, price: PriceOf<S>) -> PriceOf<S> {
    price
}

pub(super) fn pricer<S: Shape>(price: PriceOf<S>) -> Pricer {
    Box::new(move |value| value.downcast_ref().map(price))
}

/// Counts an answer of this operation, for this tenant. Every price goes through here.
pub(super) fn account(
    kind: &Kind,
    operation: &Operation,
    tenant: Option<&str>,
    charged: Charged,
    price: Price,
) {
    if price.is_bad {
        operation.warn_of_bad_price(&kind.name);
    }
    let counters = &operation.counters;
    counters.ledger().charge(charged, &price);
    if let Some(tenant) = tenant {
        let of_tenant = kind.tenants.counters(counters, tenant);
        of_tenant.ledger().charge(charged, &price);
    }
}

/// Where the answer of a call is counted that is not kept.
pub(crate) struct Bill {
    pub(super) kind: Arc<Kind>,
    pub(super) operation: Arc<Operation>,
    /// That of the call, whoever computes the answer.
    pub(super) tenant: Option<Arc<str>>,
    pub(super) price: Pricer,
}

impl std::fmt::Debug for Bill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bill").finish_non_exhaustive()
    }
}

impl Bill {
    pub(crate) fn charge(&self, charged: Charged, value: &Erased) {
        if let Some(price) = (self.price)(value) {
            let tenant = self.tenant.as_deref();
            account(&self.kind, &self.operation, tenant, charged, price);
        }
    }
}
