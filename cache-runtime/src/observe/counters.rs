//! The counters of one operation.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::latency::Latency;
use super::memory_hits::MemoryHits;
use super::savings::Ledger;
use super::tally::Tally;
use super::{Counts, Ending, OperationStatistics, Savings};
use crate::call::MissReason;
use crate::policy::{TextMark, TextTier};

/// Of one operation.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    by_text: [Tally; TextMark::COUNT],
    pub(crate) memory_hits: MemoryHits,
    /// Of those tenants of the kind that are counted by name, and of all others.
    by_tenant: Mutex<HashMap<Arc<str>, Arc<TenantCounters>>>,
    refreshed: AtomicU64,
    rule_panics: AtomicU64,
    texts: Texts,
    pub(crate) shadow: Shadow,
    /// Where the attribute says what an answer takes.
    pub(crate) ledger: Ledger,
    /// Without, nothing is timed.
    latencies: Option<[Latency; Timed::COUNT]>,
}

/// Answers that were compared with what the body returned.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    same: AtomicU64,
    different: AtomicU64,
    failed: AtomicU64,
}

impl Shadow {
    pub(crate) fn count_same(&self) {
        self.same.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_different(&self) {
        self.different.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is timed of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timed {
    MemoryHit,
    OtherHit,
    Joined,
    Miss,
    Body,
    Key,
}

impl Timed {
    const COUNT: usize = Self::Key as usize + 1;
}

/// The lengths of texts, in characters.
#[derive(Debug, Default)]
struct Texts {
    count: AtomicU64,
    characters: AtomicU64,
    longest: AtomicU64,
}

/// Of one operation and one tenant.
#[derive(Debug, Default)]
pub(crate) struct TenantCounters {
    pub(super) tally: Tally,
    pub(super) memory_hits: MemoryHits,
    pub(crate) ledger: Ledger,
}

impl TenantCounters {
    fn counts(&self) -> Counts {
        let memory_hits = TextMark::all().map(|text| self.memory_hits.of(text));
        self.tally.counts(memory_hits.sum())
    }
}

impl Counters {
    pub(crate) fn new(is_timed: bool) -> Self {
        Self {
            latencies: is_timed.then(Default::default),
            ..Self::default()
        }
    }

    /// This has taken so long.
    pub(crate) fn time(&self, what: Timed, time: Duration) {
        if let Some(latencies) = &self.latencies {
            latencies[what as usize].record(time);
        }
    }

    /// A call has ended, for a text of this length and this tenant.
    pub(crate) fn count(
        &self,
        text: TextMark,
        tenant: Option<&TenantCounters>,
        ending: Ending,
        why: Option<MissReason>,
    ) {
        self.by_text[text.place()].count(ending, why);
        if let Some(tenant) = tenant {
            tenant.tally.count(ending, why);
        }
    }

    /// Those of a tenant, by the name that it is counted under.
    pub(super) fn of_tenant(&self, name: Arc<str>) -> Arc<TenantCounters> {
        let mut by_tenant = self
            .by_tenant
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        by_tenant.entry(name).or_default().clone()
    }

    pub(super) fn count_refreshed(&self) {
        self.refreshed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_rule_panic(&self) {
        self.rule_panics.fetch_add(1, Ordering::Relaxed);
    }

    /// A text that was no hit in memory on the short way.
    pub(crate) fn count_text(&self, characters: usize) {
        let Texts {
            count,
            characters: sum,
            longest,
        } = &self.texts;
        let characters = characters as u64;
        count.fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(characters, Ordering::Relaxed);
        longest.fetch_max(characters, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts {
            refreshed: self.refreshed.load(Ordering::Relaxed),
            rule_panics: self.rule_panics.load(Ordering::Relaxed),
            ..Counts::default()
        };
        for text in TextMark::all() {
            counts += &self.of_text(text);
        }
        counts
    }

    fn of_text(&self, text: TextMark) -> Counts {
        self.by_text[text.place()].counts(self.memory_hits.of(text))
    }

    fn counts_by_tier(&self) -> BTreeMap<TextTier, Counts> {
        let tiers = TextTier::ALL.into_iter();
        let counts = tiers.map(|tier| (tier, self.of_text(Some(tier).into())));
        counts.filter(|(_, counts)| counts.calls() > 0).collect()
    }

    /// What each tenant has done, and what that has saved, where a body takes so long.
    pub(crate) fn by_tenant(&self, body: Option<Duration>) -> Vec<(Arc<str>, Counts, Savings)> {
        let by_tenant = self
            .by_tenant
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let tenants = by_tenant.iter();
        let tenants = tenants.map(|(tenant, counters)| {
            let counts = counters.counts();
            let savings = counters.ledger.savings(counts.hits(), body);
            (tenant.clone(), counts, savings)
        });
        tenants.collect()
    }

    /// What functions have done together that are one operation by name.
    pub(crate) fn together(all: &[&Self]) -> OperationStatistics {
        let latencies = |what: Timed| {
            let timed = all.iter().filter_map(|it| it.latencies.as_ref());
            Latency::together(timed.map(|latencies| &latencies[what as usize]))
        };
        let mut sum = OperationStatistics {
            bodies: latencies(Timed::Body),
            ..OperationStatistics::default()
        };
        let body = sum.mean_body();
        for counters in all {
            let counts = counters.counts();
            sum.savings += &counters.ledger.savings(counts.hits(), body);
            sum.counts += &counts;
            for (tier, counts) in counters.counts_by_tier() {
                *sum.text_tiers.entry(tier).or_default() += &counts;
            }
            let texts = &counters.texts;
            sum.shadow.same += counters.shadow.same.load(Ordering::Relaxed);
            sum.shadow.different += counters.shadow.different.load(Ordering::Relaxed);
            sum.shadow.failed += counters.shadow.failed.load(Ordering::Relaxed);
            sum.texts.count += texts.count.load(Ordering::Relaxed);
            sum.texts.characters += texts.characters.load(Ordering::Relaxed);
            let longest = texts.longest.load(Ordering::Relaxed);
            sum.texts.longest = sum.texts.longest.max(longest);
        }
        OperationStatistics {
            memory_hits: latencies(Timed::MemoryHit),
            other_hits: latencies(Timed::OtherHit),
            joined: latencies(Timed::Joined),
            misses: latencies(Timed::Miss),
            keys: latencies(Timed::Key),
            ..sum
        }
    }

    /// Begins percentiles anew, and the longest text; what only grows goes on to.
    pub(crate) fn reset(&self) {
        self.texts.longest.store(0, Ordering::Relaxed);
        self.latencies.iter().flatten().for_each(Latency::reset);
    }
}
