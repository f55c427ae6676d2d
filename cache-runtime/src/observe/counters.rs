//! The counters of one operation.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::latency::Latency;
use super::memory_hits::MemoryHits;
use super::rare::Rare;
use super::tally::Tally;
use super::{Counts, Ending, Ledger, OperationStatistics, Savings, Shadow};
use crate::call::MissReason;
use crate::policy::{TextMark, TextTier};

/// Of one operation.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    by_text: [Rare<Tally>; TextMark::COUNT],
    pub(crate) memory_hits: MemoryHits,
    /// Of those tenants of the kind that are counted by name, and of all others.
    by_tenant: Mutex<HashMap<TenantName, Arc<TenantCounters>>>,
    refreshed: AtomicU64,
    rule_panics: AtomicU64,
    texts: Texts,
    shadow: Rare<Shadow>,
    /// Where the attribute says what an answer takes.
    ledger: Rare<Ledger>,
    /// Without, nothing is timed.
    is_timed: bool,
    latencies: [Rare<Latency>; Timed::COUNT],
}

/// What a tenant is counted by. `None`, which is the name of no tenant: all that are not counted by name.
pub(crate) type TenantName = Option<Arc<str>>;

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

    /// What takes longer is slow (MON-2).
    fn slow(self) -> Duration {
        match self {
            Self::Key => Duration::from_millis(100),
            _ => Duration::from_millis(50),
        }
    }
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
    ledger: Rare<Ledger>,
}

impl TenantCounters {
    fn counts(&self) -> Counts {
        let memory_hits = TextMark::all().map(|text| self.memory_hits.of(text));
        self.tally.counts().with_memory_hits(memory_hits.sum())
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.ledger.made()
    }
}

impl Counters {
    pub(crate) fn new(is_timed: bool) -> Self {
        Self {
            is_timed,
            ..Self::default()
        }
    }

    /// This has taken so long.
    pub(crate) fn time(&self, what: Timed, time: Duration) {
        if self.is_timed {
            self.latencies[what as usize]
                .made()
                .record(time, what.slow());
        }
    }

    pub(crate) fn shadow(&self) -> &Shadow {
        self.shadow.made()
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.ledger.made()
    }

    /// A call has ended, for a text of this length and this tenant.
    pub(crate) fn count(
        &self,
        text: TextMark,
        tenant: Option<&TenantCounters>,
        ending: Ending,
        why: Option<MissReason>,
    ) {
        self.by_text[text.place()].made().count(ending, why);
        if let Some(tenant) = tenant {
            tenant.tally.count(ending, why);
        }
    }

    /// Those of a tenant.
    pub(super) fn of_tenant(&self, name: TenantName) -> Arc<TenantCounters> {
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
        let counts = self.by_text[text.place()].get().map(Tally::counts);
        let counts = counts.unwrap_or_default();
        counts.with_memory_hits(self.memory_hits.of(text))
    }

    fn counts_by_tier(&self) -> BTreeMap<TextTier, Counts> {
        let tiers = TextTier::ALL.into_iter();
        let counts = tiers.map(|tier| (tier, self.of_text(Some(tier).into())));
        counts.filter(|(_, counts)| counts.calls() > 0).collect()
    }

    /// What each tenant has done, and what that has saved, where a body takes so long.
    pub(crate) fn by_tenant(&self, body: Option<Duration>) -> Vec<(TenantName, Counts, Savings)> {
        let by_tenant = self
            .by_tenant
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let tenants = by_tenant.iter();
        let tenants = tenants.map(|(tenant, counters)| {
            let counts = counters.counts();
            let savings = Ledger::savings(counters.ledger.get(), counts.hits(), body);
            (tenant.clone(), counts, savings)
        });
        tenants.collect()
    }

    /// What functions have done together that are one operation by name.
    pub(crate) fn together(all: &[&Self]) -> OperationStatistics {
        let latencies = |what: Timed| {
            let all = all.iter().map(|it| &it.latencies[what as usize]);
            Latency::together(all.filter_map(Rare::get))
        };
        let mut sum = OperationStatistics {
            bodies: latencies(Timed::Body),
            ..OperationStatistics::default()
        };
        let body = sum.mean_body();
        for counters in all {
            let counts = counters.counts();
            sum.savings += &Ledger::savings(counters.ledger.get(), counts.hits(), body);
            sum.counts += &counts;
            for (tier, counts) in counters.counts_by_tier() {
                *sum.text_tiers.entry(tier).or_default() += &counts;
            }
            let texts = &counters.texts;
            if let Some(shadow) = counters.shadow.get() {
                sum.shadow += shadow.statistics();
            }
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
        let latencies = self.latencies.iter().filter_map(Rare::get);
        latencies.for_each(Latency::reset);
    }
}
