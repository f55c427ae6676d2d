//! What answers have cost, and what those have saved that were there already.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::insight::figures::{float, written_seconds_if_any};
use crate::call::Price;

/// Of one unit of money.
pub(crate) const NANO: f64 = 1e9;

/// Why an answer has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charged {
    /// It was computed for this call, whether or not it is kept.
    Billed,
    /// It was there: in memory, in the store, with another caller, or past its lifetime.
    Replayed,
}

/// What answers took whose attribute says so.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    billed: Sums,
    replayed: Sums,
    bad_prices: AtomicU64,
}

#[derive(Debug, Default)]
struct Sums {
    calls: AtomicU64,
    tokens: AtomicU64,
    nano_cost: AtomicU64,
}

/// As much as there can be, where it is more.
fn add(count: &AtomicU64, more: u64) {
    let added = |before: u64| Some(before.saturating_add(more));
    // Never an error: there is always a sum.
    let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
}

impl Sums {
    fn charges(&self) -> Charges {
        Charges {
            calls: self.calls.load(Ordering::Relaxed),
            tokens: self.tokens.load(Ordering::Relaxed),
            nano_cost: self.nano_cost.load(Ordering::Relaxed),
        }
    }
}

impl Ledger {
    /// Counts an answer.
    pub(crate) fn charge(&self, charged: Charged, price: &Price) {
        let sums = match charged {
            Charged::Billed => &self.billed,
            Charged::Replayed => &self.replayed,
        };
        add(&sums.calls, 1);
        add(&sums.tokens, price.tokens);
        add(&sums.nano_cost, price.nano_cost);
        if price.is_bad {
            add(&self.bad_prices, 1);
        }
    }

    /// With what is in none: so many hits, each of which has saved so much time.
    pub(super) fn savings(ledger: Option<&Self>, hits: u64, each: Option<Duration>) -> Savings {
        let read = |bad_prices: &AtomicU64| bad_prices.load(Ordering::Relaxed);
        let charges = |sums: Option<&Sums>| sums.map(Sums::charges).unwrap_or_default();
        Savings {
            calls: hits,
            time: each.map(|each| part(each, hits, 1)),
            billed: charges(ledger.map(|it| &it.billed)),
            replayed: charges(ledger.map(|it| &it.replayed)),
            bad_prices: ledger.map_or(0, |it| read(&it.bad_prices)),
        }
    }
}

/// So many parts of a time that has so many; no more than 584 years.
fn part(time: Duration, part: u64, whole: u64) -> Duration {
    let nanos = time.as_nanos().saturating_mul(part.into()) / u128::from(whole.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// What answers have cost, and what was saved because they were there already.
///
/// Calls and time are known of every function; tokens and money of those whose attribute says what an
/// answer takes (`tokens = …`, `cost = …` in `cached`), and of answers of [`AiCache`](crate::AiCache) that
/// say it themselves ([`Cacheable::tokens`](crate::Cacheable::tokens)). An answer is the value that would
/// be kept: a call that failed, or returned `None`, is neither billed nor replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Savings {
    /// Calls and look-ups that needed no body of their own: [hits](crate::Counts::hits).
    pub calls: u64,
    /// About as long as the bodies would have taken that these calls did not need: each as long as bodies
    /// of its operation that did not fail have taken on average since the cache was made. `None` where none
    /// was timed: before the first one, without
    /// [`enable_monitoring`](crate::CacheConfigBuilder::enable_monitoring), and of look-ups alone.
    #[serde(rename = "time_seconds", serialize_with = "written_seconds_if_any")]
    pub time: Option<Duration>,
    /// Answers that a body has computed, kept or not: those of `call::refresh` and `call::bypass`
    /// too, of bodies that went on in the background, and of calls without a key; and those that
    /// [`AiCache::store`](crate::AiCache::store) was given.
    pub billed: Charges,
    /// Answers that nobody had to compute: from memory, from the store, from another caller that
    /// computed it at the same time, and past their lifetime. What they would have taken is saved.
    pub replayed: Charges,
    /// Of both, the answers whose price could not be used: a closure panicked, or gave an amount that
    /// is negative, infinite or not a number. What it was to give counts as zero.
    pub bad_prices: u64,
}

/// A sum of prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Charges {
    /// Answers that have a price.
    pub calls: u64,
    /// Their tokens.
    pub tokens: u64,
    /// What they cost, in billionths of the unit that the application counts in. No more than
    /// `u64::MAX`, which is 18 billion of those units.
    pub nano_cost: u64,
}

impl Charges {
    /// What they cost, in the unit that the application counts in: exact to a billionth up to nine million
    /// units, and to 15 digits after that.
    #[must_use]
    pub fn cost(&self) -> f64 {
        float(self.nano_cost) / NANO
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            tokens: self.tokens.saturating_sub(earlier.tokens),
            nano_cost: self.nano_cost.saturating_sub(earlier.nano_cost),
        }
    }
}

impl AddAssign for Charges {
    fn add_assign(&mut self, other: Self) {
        let Self {
            calls,
            tokens,
            nano_cost,
        } = other;
        self.calls = self.calls.saturating_add(calls);
        self.tokens = self.tokens.saturating_add(tokens);
        self.nano_cost = self.nano_cost.saturating_add(nano_cost);
    }
}

impl Savings {
    /// What was saved, as a part of what all answers would have cost, 0 to 1; `None` before anything
    /// cost something. By money where there is any, else by tokens.
    #[must_use]
    pub fn saved_ratio(&self) -> Option<f64> {
        let Self {
            billed, replayed, ..
        } = self;
        let of = |saved, billed| {
            let all = float(saved) + float(billed);
            (all > 0.0).then(|| float(saved) / all)
        };
        of(replayed.nano_cost, billed.nano_cost).or_else(|| of(replayed.tokens, billed.tokens))
    }

    /// What has come since an earlier moment. Of the time, the part of the calls that have come: what a
    /// body takes on average is known better by now.
    pub(super) fn since(self, earlier: &Self) -> Self {
        let calls = self.calls.saturating_sub(earlier.calls);
        Self {
            calls,
            time: self.time.map(|time| part(time, calls, self.calls)),
            billed: self.billed.since(earlier.billed),
            replayed: self.replayed.since(earlier.replayed),
            bad_prices: self.bad_prices.saturating_sub(earlier.bad_prices),
        }
    }
}

impl AddAssign<&Self> for Savings {
    fn add_assign(&mut self, other: &Self) {
        let Self {
            calls,
            time,
            billed,
            replayed,
            bad_prices,
        } = *other;
        self.calls = self.calls.saturating_add(calls);
        self.time = match (self.time, time) {
            (Some(time), Some(more)) => Some(time.saturating_add(more)),
            (time, more) => time.or(more),
        };
        self.billed += billed;
        self.replayed += replayed;
        self.bad_prices = self.bad_prices.saturating_add(bad_prices);
    }
}
