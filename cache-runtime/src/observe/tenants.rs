//! Which tenants are counted by name: there may be any number of them, and numbers for each cost room.

use std::collections::{HashMap, HashSet};
use std::str::from_utf8;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use quick_cache::DefaultHashBuilder;

use super::counters::{Counters, TenantCounters};
use super::memory_hits::ThreadCount;
use crate::policy::TextMark;

/// So many tenants are counted by name in each kind: the first ones.
pub const TENANTS_COUNTED: usize = 100;

/// The tenants of one kind that are counted by name.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    first: Mutex<HashSet<Arc<str>>>,
    /// When there are as many as may be: looked at without a lock.
    all: OnceLock<HashSet<Arc<str>>>,
}

impl Tenants {
    /// The name that a tenant is counted by; `None`: it is one of the others.
    fn name(&self, tenant: &str) -> Option<Arc<str>> {
        if let Some(all) = self.all.get() {
            return all.get(tenant).cloned();
        }
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = first.get(tenant) {
            return Some(name.clone());
        }
        if first.len() == TENANTS_COUNTED {
            return None;
        }
        let name: Arc<str> = tenant.into();
        first.insert(name.clone());
        if first.len() == TENANTS_COUNTED {
            self.all.get_or_init(|| first.clone());
        }
        Some(name)
    }

    /// How the calls of a tenant have ended, where it is counted by name, else those of all others.
    pub(crate) fn counters(&self, counters: &Counters, tenant: &str) -> Arc<TenantCounters> {
        counters.of_tenant(self.name(tenant))
    }
}

/// Hits in memory of one operation by tenant, as one thread counts them.
#[derive(Debug, Default)]
pub(crate) struct TenantHits {
    /// By the bytes of the name.
    named: HashMap<Box<[u8]>, Arc<ThreadCount>, DefaultHashBuilder>,
    others: Option<Arc<ThreadCount>>,
}

impl TenantHits {
    pub(crate) fn count(
        &mut self,
        tenants: &Tenants,
        counters: &Counters,
        tenant: &[u8],
        text: TextMark,
    ) {
        if let Some(hits) = self.named.get(tenant) {
            return hits.increment(text);
        }
        // It was written as a text.
        let Some(name) = from_utf8(tenant).ok().map(|name| tenants.name(name)) else {
            return;
        };
        let is_named = name.is_some();
        let hits = || {
            let counters = counters.of_tenant(name);
            counters.memory_hits.for_this_thread()
        };
        if is_named {
            self.named.entry(tenant.into()).or_insert_with(hits)
        } else {
            self.others.get_or_insert_with(hits)
        }
        .increment(text);
    }

    /// The last one of a tenant was none.
    pub(crate) fn take_back(&self, tenant: &[u8], text: TextMark) {
        if let Some(hits) = self.named.get(tenant).or(self.others.as_ref()) {
            hits.decrement(text);
        }
    }
}
