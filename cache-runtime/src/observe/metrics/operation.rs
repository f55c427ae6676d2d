//! Metrics of single operations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::family as named;
use super::sheet::{Labels, Sheet};
use crate::call::MissReason;
use crate::observe::{Counts, Ending, OperationStatistics, Savings, ShadowStatistics};
use crate::policy::TextTier;

/// So many operations of a kind have series of their own: annotated functions are few, but names of
/// operations may also come from the program's input.
const NAMED: usize = 200;

/// All other operations together.
const OTHER: &str = "other";

/// The operations of one kind that have series of their own. One that has stays there: a counter that is
/// taken out of the others would have them go backwards.
#[derive(Debug, Default)]
pub(crate) struct Named(Mutex<BTreeSet<String>>);

impl Named {
    /// Whether this one has, or has from now on.
    fn has(&self, operation: &str) -> bool {
        if operation == OTHER {
            return false;
        }
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if named.contains(operation) {
            return true;
        }
        let has_room = named.len() < NAMED;
        has_room && named.insert(operation.to_owned())
    }
}

/// Of what was counted of several operations, what has a sum.
#[derive(Default)]
struct Sum {
    counts: Counts,
    text_tiers: BTreeMap<TextTier, Counts>,
    texts: u64,
    characters: u64,
    savings: Savings,
    shadow: ShadowStatistics,
}

impl Sum {
    fn add(&mut self, statistics: &OperationStatistics) {
        self.counts += &statistics.counts;
        for (tier, counts) in &statistics.text_tiers {
            *self.text_tiers.entry(*tier).or_default() += counts;
        }
        self.texts += statistics.texts.count;
        self.characters += statistics.texts.characters;
        self.savings += &statistics.savings;
        self.shadow += statistics.shadow;
    }

    fn publish(&self, sheet: &mut Sheet<'_>, operation: &Labels<'_>) {
        endings(sheet, operation, &self.counts);
        for reason in MissReason::ALL {
            let labels = [operation, &[("reason", reason.name())]].concat();
            let missed = self.counts.missed_because(reason);
            sheet.counter_once_there(&named::MISSES, &labels, missed);
        }
        sheet.counter_once_there(&named::REFRESHES, operation, self.counts.refreshed);
        for (tier, counts) in &self.text_tiers {
            let tier = tier.to_string();
            for ending in Ending::ALL {
                let labels = [("tier", tier.as_str()), ("outcome", ending.name())];
                let labels = [operation, &labels].concat();
                sheet.counter_once_there(&named::TEXT_CALLS, &labels, counts.of(ending));
            }
        }
        sheet.counter_once_there(&named::TEXTS, operation, self.texts);
        sheet.counter_once_there(&named::TEXT_CHARACTERS, operation, self.characters);
        self.publish_savings(sheet, operation);
        for (result, hits) in [
            ("same", self.shadow.same),
            ("different", self.shadow.different),
            ("failed", self.shadow.failed),
        ] {
            let labels = [operation, &[("result", result)]].concat();
            sheet.counter_once_there(&named::SHADOW, &labels, hits);
        }
    }
}

impl Sum {
    fn publish_savings(&self, sheet: &mut Sheet<'_>, operation: &Labels<'_>) {
        if let Some(time) = self.savings.time {
            sheet.seconds(&named::SAVED, operation, time);
        }
        for (source, charges) in [
            ("billed", self.savings.billed),
            ("replayed", self.savings.replayed),
        ] {
            let labels = [operation, &[("source", source)]].concat();
            for (family, sum) in [
                (&named::PRICED_ANSWERS, charges.calls),
                (&named::TOKENS, charges.tokens),
                (&named::NANO_COST, charges.nano_cost),
            ] {
                sheet.counter_once_there(family, &labels, sum);
            }
        }
    }
}

/// Each operation for itself, as far as [`Named`] has room, and the others together.
pub(super) fn publish(
    sheet: &mut Sheet<'_>,
    kind: &str,
    named: &Named,
    operations: &BTreeMap<String, OperationStatistics>,
) {
    let mut others = Sum::default();
    for (operation, statistics) in operations {
        if !named.has(operation) {
            others.add(statistics);
            continue;
        }
        let labels = [("kind", kind), ("operation", operation.as_str())];
        let mut sum = Sum::default();
        sum.add(statistics);
        sum.publish(sheet, &labels);
        durations(sheet, &labels, statistics);
    }
    others.publish(sheet, &[("kind", kind), ("operation", OTHER)]);
}

fn endings(sheet: &mut Sheet<'_>, operation: &Labels<'_>, counts: &Counts) {
    for ending in Ending::ALL {
        let labels = [operation, &[("outcome", ending.name())]].concat();
        sheet.counter_once_there(&named::CALLS, &labels, counts.of(ending));
    }
}

fn durations(sheet: &mut Sheet<'_>, operation: &Labels<'_>, statistics: &OperationStatistics) {
    for (outcome, latencies) in [
        ("memory_hit", &statistics.memory_hits),
        ("other_hit", &statistics.other_hits),
        ("joined", &statistics.joined),
        ("miss", &statistics.misses),
    ] {
        let labels = [operation, &[("outcome", outcome)]].concat();
        sheet.durations(&named::CALL_DURATION, &labels, latencies);
    }
    sheet.durations(&named::BODY_DURATION, operation, &statistics.bodies);
    sheet.durations(&named::KEY_DURATION, operation, &statistics.keys);
}
