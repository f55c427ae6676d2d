//! Several keys of one caller, and one round trip to the store for all of them.

use std::mem::take;
use std::time::Duration;

use super::outcome::Origin;
use super::pending::Pending;
use super::results::Results;
use super::verdict::Verdict;
use crate::envelope::ValueType;
use crate::generation::Invalidation;
use crate::memory::{Head, SharedEntry};
use crate::policy::Ttl;

/// Keys of one kind that the application chose, all of one tenant, and no more of them than a store
/// is asked about at once.
pub(crate) struct Lot {
    keys: Vec<Pending>,
}

impl Lot {
    pub(crate) fn of(keys: Vec<Pending>) -> Self {
        Self { keys }
    }

    /// Of each key the entry in memory or in the store, which is asked unless it has not answered
    /// before.
    ///
    /// May be dropped while it waits for the store: then nothing of what that has is in memory.
    pub(crate) async fn find(
        &self,
        results: &Results,
        store_answers: &mut bool,
    ) -> Vec<Option<(SharedEntry, Origin)>> {
        let keys = &self.keys;
        let mut found = vec![None; keys.len()];
        let mut sought: Vec<usize> = (0..keys.len()).collect();
        loop {
            sought.retain(|at| {
                found[*at] = keys[*at].in_memory(None, results).answer();
                found[*at].is_none()
            });
            let sought_keys = sought.iter().map(|at| &keys[*at]);
            let names: Vec<_> = sought_keys.clone().filter_map(Pending::store).collect();
            let Some((store, _)) = names.first().filter(|_| *store_answers) else {
                return found;
            };
            let led = sought_keys
                .clone()
                .map(|key| key.kind.flights.fly_alone(&key.key));
            let led: Vec<_> = led.collect();
            let carried = sought_keys.map(Pending::carry).collect();
            let names: Vec<_> = names.iter().map(|(_, name)| *name).collect();
            let Some(wanted) = results.in_store(Duration::ZERO) else {
                return found;
            };
            let Some(entries) = store.look_up_all(&names, wanted, carried).await else {
                *store_answers = false;
                return found;
            };
            let mut again = Vec::new();
            for ((at, leader), entry) in take(&mut sought).into_iter().zip(led).zip(entries) {
                let taken = entry.map(|entry| keys[at].take_in(&leader, entry, None, results));
                found[at] = taken.and_then(Verdict::answer);
                if found[at].is_none() && leader.is_invalidated() {
                    // There may be another one by now.
                    again.push(at);
                }
            }
            sought = again;
        }
    }

    /// Keeps values in the place of all that is there or under way. Returns when the store has
    /// them, or has failed to take them; it is not waited for where it has not answered before.
    ///
    /// May be dropped at each await: before the values are kept, or after.
    pub(crate) async fn set(
        &self,
        entries: Vec<impl FnOnce(Head) -> SharedEntry>,
        ttl: Ttl,
        value_type: ValueType,
        store_answers: &mut bool,
    ) {
        let led = self
            .keys
            .iter()
            .map(|key| key.kind.flights.fly_anew(&key.key));
        let led: Vec<_> = led.collect();
        let first = self.keys.first().and_then(Pending::store);
        let generations = match first {
            Some((store, name)) if *store_answers => store.read_generations(name).await,
            Some((store, name)) => store.generations(name),
            None => None,
        };
        for ((key, leader), entry) in self.keys.iter().zip(&led).zip(entries) {
            // Each its own, so that they do not end together.
            let ttl = key.operation.lifetime.jittered(ttl);
            key.put_anew(leader, entry, ttl, value_type, generations);
        }
        if let Some((store, _)) = first {
            *store_answers = *store_answers && generations.is_some() && store.settle().await;
        }
    }

    /// Forgets entries in both tiers, and counts those that either had. The store is told at once
    /// unless it has not answered before. `is_told`: to those who listen, key by key.
    pub(crate) async fn remove(&self, store_answers: &mut bool, is_told: bool) -> u64 {
        let Some(first) = self.keys.first() else {
            return 0;
        };
        let entries: Vec<_> = self.keys.iter().map(Pending::in_tiers).collect();
        let told = self.keys.iter().filter(|_| is_told);
        let tell = || told.for_each(|key| key.tell_invalidated(Invalidation::Remove));
        let removed = first.kind.remove(&entries, store_answers, tell).await;
        removed.into_iter().map(u64::from).sum()
    }
}
