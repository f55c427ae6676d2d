//! Which tenants are counted by name: there may be any number of them, and numbers for each cost room.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use super::counters::{Counters, TenantCounters};
use super::memory_hits::ThreadCount;
use crate::policy::TextMark;

/// So many tenants are counted by name in each kind: the first ones.
pub const TENANTS_COUNTED: usize = 100;

/// Under this name all tenants are counted that are not counted by their own.
static OTHERS: LazyLock<Arc<str>> = LazyLock::new(|| "other tenants".into());

/// The tenants of one kind that are counted by name.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    first: Mutex<HashSet<Arc<str>>>,
    /// When there are as many as may be: looked at without a lock.
    all: OnceLock<HashSet<Arc<str>>>,
}

impl Tenants {
    /// The name that a tenant is counted under.
    fn name(&self, tenant: &str) -> Arc<str> {
        if let Some(all) = self.all.get() {
            return all.get(tenant).unwrap_or(&OTHERS).clone();
        }
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = first.get(tenant) {
            return name.clone();
        }
        if first.len() == TENANTS_COUNTED {
            return OTHERS.clone();
        }
        let name: Arc<str> = tenant.into();
        first.insert(name.clone());
        if first.len() == TENANTS_COUNTED {
            self.all.get_or_init(|| first.clone());
        }
        name
    }

    /// How the calls of a tenant have ended, where it is counted by name, else those of all others.
    pub(crate) fn counters(&self, counters: &Counters, tenant: &str) -> Arc<TenantCounters> {
        counters.of_tenant(self.name(tenant))
    }
}

/// Hits in memory of one operation by tenant, as one thread counts them.
#[derive(Debug, Default)]
pub(crate) struct TenantHits {
    named: HashMap<Box<str>, Arc<ThreadCount>>,
    others: Option<Arc<ThreadCount>>,
}

impl TenantHits {
    pub(crate) fn count(
        &mut self,
        tenants: &Tenants,
        counters: &Counters,
        tenant: &str,
        text: TextMark,
    ) {
        if let Some(hits) = self.named.get(tenant) {
            return hits.increment(text);
        }
        let name = tenants.name(tenant);
        let hits = || {
            let counters = counters.of_tenant(name.clone());
            counters.memory_hits.for_this_thread()
        };
        if *name == *tenant {
            self.named.entry(tenant.into()).or_insert_with(hits)
        } else {
            self.others.get_or_insert_with(hits)
        }
        .increment(text);
    }
}
