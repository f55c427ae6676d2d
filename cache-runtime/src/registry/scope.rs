//! Registries of tests: each runtime may have one of its own, beside that of the process.

use std::ops::Deref;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{Handle, Id};

use super::{CHANGES, PROCESS, Registry};
use crate::config::CacheConfig;
use crate::factory::caches;

/// Set in the epoch of the process while there are scopes: no call site is bound to such a number, so
/// each call asks which registry is in force.
pub(super) const SCOPED: u64 = 1 << 63;

/// The scopes that have not ended, of each runtime the inner one last.
static SCOPES: Mutex<Vec<(Id, Arc<Registry>)>> = Mutex::new(Vec::new());

fn scopes() -> MutexGuard<'static, Vec<(Id, Arc<Registry>)>> {
    SCOPES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The registry that the caller sees.
pub(crate) enum InForce {
    Process,
    Scope(Arc<Registry>),
}

impl Deref for InForce {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        match self {
            Self::Process => &PROCESS,
            Self::Scope(registry) => registry,
        }
    }
}

pub(crate) fn in_force() -> InForce {
    if PROCESS.epoch.load(Ordering::Acquire) & SCOPED == 0 {
        return InForce::Process;
    }
    let Ok(runtime) = Handle::try_current() else {
        return InForce::Process;
    };
    let id = runtime.id();
    let scopes = scopes();
    let scope = scopes.iter().rev().find(|(of, _)| *of == id);
    scope.map_or(InForce::Process, |(_, registry)| {
        InForce::Scope(registry.clone())
    })
}

/// Has all call sites look up again what they are bound to, whatever registry they see.
pub(crate) fn changed_everywhere() {
    PROCESS.changed();
    for (_, registry) in &*scopes() {
        registry.changed();
    }
}

/// A registry of its own for one runtime, until this is dropped:
/// [`registry_scope`](crate::testing::registry_scope).
#[must_use = "the scope ends when this is dropped"]
#[derive(Debug)]
pub struct RegistryScope {
    registry: Arc<Registry>,
}

impl RegistryScope {
    pub(crate) fn of(runtime: &Handle) -> Self {
        let registry = Registry::new(CHANGES.fetch_add(1, Ordering::AcqRel));
        {
            let mut state = registry.lock();
            state.initialized = true;
            for cache in for_tests() {
                let kind = cache.name().to_owned();
                let _nothing = state.insert(&kind, cache);
                state.stand_ins.insert(kind);
            }
        }
        let registry = Arc::new(registry);
        let mut scopes = scopes();
        scopes.push((runtime.id(), registry.clone()));
        PROCESS.epoch.fetch_or(SCOPED, Ordering::AcqRel);
        Self { registry }
    }
}

impl Drop for RegistryScope {
    fn drop(&mut self) {
        let mut scopes = scopes();
        // What it holds is dropped with `self`, when nothing is locked.
        scopes.retain(|(_, registry)| !Arc::ptr_eq(registry, &self.registry));
        if scopes.is_empty() {
            PROCESS.epoch.fetch_and(!SCOPED, Ordering::AcqRel);
        }
    }
}

fn for_tests() -> Vec<super::Cache> {
    let config = CacheConfig {
        default_ttl: Duration::from_secs(60),
        l1_cache_size: 50,
        ..CacheConfig::default()
    };
    caches(&config).unwrap_or_default()
}
