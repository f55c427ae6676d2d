//! What answers cost, where an attribute says it: counted when one is computed, and when one is given
//! once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::operation::Operation;
use super::rule::contained;
use super::shape::Shape;
use crate::envelope::Erased;

/// What one answer took. Written by an expansion.
#[derive(Clone, Copy, Debug, Default)]
pub struct Price {
    tokens: u64,
    nano_cost: u64,
    /// One of the closures panicked, or gave what is no price.
    is_bad: bool,
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

const NANO: f64 = 1e9;

/// The price of the answers of this function: tells the closure their type.
#[must_use]
pub fn priced<S: Shape>(_shape: S, price: PriceOf<S>) -> PriceOf<S> {
    price
}

pub(super) fn pricer<S: Shape>(price: PriceOf<S>) -> Pricer {
    Box::new(move |value| value.downcast_ref().map(price))
}

/// Why an answer has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charged {
    /// It was computed for this call, whether or not it is kept.
    Billed,
    /// It was there: in memory, in the store, with another caller, or past its lifetime.
    Replayed,
}

/// Counts an answer. Every price goes through here.
pub(super) fn account(operation: &Operation, charged: Charged, price: Price) {
    let ledger = &operation.ledger;
    let counts = match charged {
        Charged::Billed => &ledger.billed,
        Charged::Replayed => &ledger.replayed,
    };
    add(&counts.calls, 1);
    add(&counts.tokens, price.tokens);
    add(&counts.nano_cost, price.nano_cost);
    if price.is_bad {
        add(&ledger.bad_prices, 1);
    }
}

/// As much as there can be, where it is more.
fn add(count: &AtomicU64, more: u64) {
    let added = |before: u64| Some(before.saturating_add(more));
    // Never an error: there is always a sum.
    let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
}

/// Where the answer of a call is counted that is not kept.
pub(super) struct Bill {
    pub(super) operation: Arc<Operation>,
    pub(super) price: Pricer,
}

impl std::fmt::Debug for Bill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bill").finish_non_exhaustive()
    }
}

impl Bill {
    pub(super) fn charge(&self, charged: Charged, value: &Erased) {
        if let Some(price) = (self.price)(value) {
            account(&self.operation, charged, price);
        }
    }
}

/// What the answers of one operation took.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    billed: Counts,
    replayed: Counts,
    bad_prices: AtomicU64,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    tokens: AtomicU64,
    nano_cost: AtomicU64,
}

impl Counts {
    fn tally(&self) -> Charges {
        Charges {
            calls: self.calls.load(Ordering::Relaxed),
            tokens: self.tokens.load(Ordering::Relaxed),
            nano_cost: self.nano_cost.load(Ordering::Relaxed),
        }
    }
}

impl Ledger {
    pub(crate) fn tally(&self) -> Savings {
        Savings {
            billed: self.billed.tally(),
            replayed: self.replayed.tally(),
            bad_prices: self.bad_prices.load(Ordering::Relaxed),
        }
    }
}

/// What answers cost, and what was saved because others were there already: of functions that say what
/// an answer takes (`tokens = …`, `cost = …` in `cached`).
///
/// Counters begin with the cache and only grow. An answer is the value that would be kept: a call that
/// failed, or returned `None`, is in neither of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Savings {
    /// Answers that a body has computed, kept or not: those of `call::refresh` and `call::bypass`
    /// too, of bodies that went on in the background, and of calls without a key.
    pub billed: Charges,
    /// Answers that nobody had to compute: from memory, from the store, from another caller that
    /// computed it at the same time, and past their lifetime. What they would have taken is saved.
    pub replayed: Charges,
    /// Of both, the answers whose price could not be used: a closure panicked, or gave an amount that
    /// is negative, infinite or not a number. What it was to give counts as zero.
    pub bad_prices: u64,
}

/// A sum of prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Charges {
    /// Answers.
    pub calls: u64,
    /// Their tokens.
    pub tokens: u64,
    /// What they cost, in billionths of the unit that the application counts in. No more than
    /// `u64::MAX`, which is 18 billion of those units.
    pub nano_cost: u64,
}

impl Charges {
    /// What they cost, in the unit that the application counts in.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact to a billionth up to nine million units, and to 15 digits after that"
    )]
    pub fn cost(&self) -> f64 {
        self.nano_cost as f64 / NANO
    }

    fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.nano_cost = self.nano_cost.saturating_add(other.nano_cost);
    }
}

impl Savings {
    /// What was saved, as a part of what all answers would have cost, 0 to 1; `None` before anything
    /// cost something. By money where there is any, else by tokens.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn saved_ratio(&self) -> Option<f64> {
        let by_money = (self.replayed.nano_cost, self.billed.nano_cost);
        let (saved, billed) = match by_money {
            (0, 0) => (self.replayed.tokens, self.billed.tokens),
            by_money => by_money,
        };
        let all = saved as f64 + billed as f64;
        (all > 0.0).then(|| saved as f64 / all)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.billed.add(other.billed);
        self.replayed.add(other.replayed);
        self.bad_prices = self.bad_prices.saturating_add(other.bad_prices);
    }
}
