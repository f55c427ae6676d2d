//! What one kind has done, gathered from its operations.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::Kind;
use crate::call::Operation;
use crate::observe::{
    Counters, Counts, OperationStatistics, Savings, Statistics, TenantStatistics,
};
use crate::policy::Ttl;

/// Since when is counted.
#[derive(Debug)]
pub(crate) struct Counting {
    began: SystemTime,
    /// What had been counted when the statistics were reset.
    before: Mutex<Option<Statistics>>,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            began: SystemTime::now(),
            before: Mutex::default(),
        }
    }
}

impl Kind {
    /// What it has done since the statistics were last reset.
    pub(crate) fn statistics(&self) -> Statistics {
        let before = self.counting.before.lock();
        let before = before.unwrap_or_else(PoisonError::into_inner);
        let statistics = self.statistics_since_start();
        match &*before {
            Some(before) => statistics.since(before),
            None => statistics,
        }
    }

    /// The same since it was made: numbers that only grow.
    pub(crate) fn statistics_since_start(&self) -> Statistics {
        let mut functions = self.operations();
        functions.push(self.chosen.clone());
        let mut by_name = BTreeMap::<&str, Vec<&Operation>>::new();
        for function in &functions {
            by_name.entry(&function.name).or_default().push(function);
        }
        let mut tenants = BTreeMap::<String, TenantStatistics>::new();
        let mut other_tenants = TenantStatistics::default();
        let mut operations = BTreeMap::new();
        for (name, functions) in by_name {
            let counters: Vec<&Counters> = functions.iter().map(|it| &it.counters).collect();
            let ttl = functions.first().map(|it| it.lifetime.ttl);
            let statistics = OperationStatistics {
                ttl: match ttl {
                    Some(Ttl::After(ttl)) => Some(ttl),
                    Some(Ttl::Never) | None => None,
                },
                ..Counters::together(&counters)
            };
            let body = statistics.mean_body();
            operations.insert(name.to_owned(), statistics);
            for (tenant, counts, savings) in counters.iter().flat_map(|it| it.by_tenant(body)) {
                let tenant = match tenant {
                    Some(tenant) => tenants.entry(tenant.to_string()).or_default(),
                    None => &mut other_tenants,
                };
                *tenant.operations.entry(name.to_owned()).or_default() += &counts;
                *tenant.savings.entry(name.to_owned()).or_default() += &savings;
            }
        }
        let mut statistics = Statistics {
            kind: self.name.clone(),
            since: self.counting.began,
            at: SystemTime::now(),
            counts: Counts::default(),
            savings: Savings::default(),
            operations,
            tenants,
            other_tenants,
            compression: self
                .store
                .as_ref()
                .map(|store| store.packed().statistics())
                .unwrap_or_default(),
        };
        for operation in statistics.operations.values() {
            statistics.counts += &operation.counts;
        }
        statistics.sum_up_savings();
        statistics
    }

    /// Has [`statistics`](Self::statistics) begin anew.
    pub(crate) fn reset_statistics(&self) {
        let before = self.counting.before.lock();
        let mut before = before.unwrap_or_else(PoisonError::into_inner);
        // With the lock held: of two resets the later one counts, whoever comes first to its end.
        *before = Some(self.statistics_since_start());
        drop(before);
        for operation in self.operations() {
            operation.counters.reset();
        }
        self.chosen.counters.reset();
        self.invalidations.reset();
        if let Some(store) = &self.store {
            store.packed().reset();
        }
    }
}
