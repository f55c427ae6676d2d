//! What is done without a body: looked up, set, forgotten.

use std::collections::BTreeSet;
use std::mem::take;
use std::time::Duration;

use larder::call::Origin;

use super::{Entry, Good, Reference};
use crate::observed::Counts;
use crate::steps::{Answer, Caller, Function, Key, Scope, Tenant, Time, Verb, Way};

impl Reference {
    /// The keys that the store may not have got: a body that begins while the store is told of an
    /// invalidation may not know which generations its value belongs to, and keeps it in memory alone.
    pub fn unsure(&mut self) -> BTreeSet<Key> {
        take(&mut self.unsure)
    }

    /// The store loses it, so that there is no doubt.
    pub fn lose(&mut self, key: Key) {
        self.store.remove(&key);
    }

    /// Everything in this scope, of all that is there or under way.
    pub fn invalidate(&mut self, scope: Scope, verb: Verb) {
        self.is_told = true;
        let entries = self.memory.iter_mut().chain(&mut self.store);
        for (key, entry) in entries {
            if scope.has(*key) {
                entry.touch(verb);
            }
        }
        for body in self.bodies.values_mut().filter(|body| scope.has(body.key)) {
            body.is_touched = true;
            if let Some(spare) = &mut body.spare {
                spare.touch(verb);
            }
        }
        match scope {
            Scope::Operation(_) | Scope::Kind => self.end_bodies(|_, body| scope.has(body.key)),
            // Who waits for one of these waits until it ends, and begins anew then.
            Scope::Tag(..) | Scope::Tenant(_) => {}
        }
        if (scope, verb) == (Scope::Kind, Verb::Remove) {
            self.memory.clear();
            self.store.clear();
        }
    }

    /// Forgets one key, or keeps it for those who get nothing better. Says whether there was
    /// something.
    pub fn forget(&mut self, key: Key, verb: Verb) -> bool {
        self.is_told = true;
        let in_store = self.store.remove(&key).is_some();
        let in_memory = self
            .memory
            .get(&key)
            .is_some_and(|it| it.is_served(self.now));
        match verb {
            Verb::Remove => drop(self.memory.remove(&key)),
            Verb::Expire => self.memory.iter_mut().for_each(|(it, entry)| {
                if *it == key {
                    entry.touch(verb);
                }
            }),
        }
        for body in self.bodies.values_mut().filter(|body| body.key == key) {
            if let Some(spare) = &mut body.spare {
                spare.touch(verb);
            }
        }
        self.end_bodies(|_, body| body.key == key);
        in_store || in_memory
    }

    pub fn peek(&mut self, key: Key) -> Option<Answer> {
        let peeked = self.peek_at(key);
        self.counts.missed += u64::from(peeked.is_none());
        peeked
    }

    fn peek_at(&mut self, key: Key) -> Option<Answer> {
        let (good, in_store) = match self.judge(key, Way::Told) {
            good @ (Good::Answer(..) | Good::Due(..)) => (good, false),
            Good::Spare(_) | Good::TooOld | Good::Nothing => {
                let number = self.next_copy();
                let entry = *self.store.get(&key)?;
                let good = Entry { number, ..entry }.judge(self.now, key, Way::Told);
                match good {
                    Good::Answer(entry, _) => self.fill(key, entry),
                    Good::Due(entry, _) | Good::Spare(entry) => self.fill_gap(key, entry),
                    Good::TooOld | Good::Nothing => {}
                }
                (good, true)
            }
        };
        match good {
            Good::Answer(entry, origin) | Good::Due(entry, origin) => {
                self.count(if in_store && origin == Origin::Memory {
                    Origin::Store
                } else {
                    origin
                });
                Some(entry.answer)
            }
            Good::Spare(_) | Good::TooOld | Good::Nothing => None,
        }
    }

    pub fn get(&mut self, key: Key) -> Option<Caller> {
        self.peek(key).and_then(Result::ok).flatten()
    }

    pub fn set_for(&mut self, key: Key, value: Caller, ttl: Time) {
        self.forget(key, Verb::Remove);
        if ttl > 0 {
            let fresh_until = self.now + ttl;
            let entry = Entry {
                number: self.next_copy(),
                answer: Ok(Some(value)),
                created: self.now,
                fresh_until,
                touched: None,
                paused_until: 0,
            };
            self.insert(key, entry);
        }
    }

    /// Whether there is an entry, and what is left of its lifetime. "Of an entry in the store only its
    /// key is looked at", and this store keeps it for ever.
    pub fn lifetime(&self, key: Key) -> (bool, Option<Duration>) {
        let seconds = Duration::from_secs;
        let in_memory = self.memory.get(&key).filter(|it| it.is_served(self.now));
        let in_memory = in_memory.map(|it| seconds(it.fresh_until - self.now));
        let in_store = self.store.get(&key);
        let lifetime = in_memory.or(in_store.map(|_| Duration::MAX));
        (lifetime.is_some(), lifetime)
    }

    pub fn remove_matching(&mut self, tenant: Tenant) -> u64 {
        self.is_told = true;
        let matches = |key: &Key| key.function == Function::Chosen && key.tenant == tenant;
        self.end_bodies(|_, body| matches(&body.key));
        if self.has_store {
            // Who waited begins anew while the store is asked, and may take what is still there:
            // nothing is acknowledged yet.
            for caller in take(&mut self.looking) {
                let (key, way) = self.callers[&caller];
                match self.judge(key, way) {
                    Good::Answer(entry, origin) => self.serve(caller, entry, origin),
                    _ => self.looking.push_back(caller),
                }
            }
        }
        let mut in_memory = 0;
        self.memory.retain(|key, entry| {
            in_memory += u64::from(matches(key) && entry.is_served(self.now));
            !matches(key)
        });
        let mut in_store = 0;
        self.store.retain(|key, _| {
            in_store += u64::from(matches(key));
            !matches(key)
        });
        in_memory.max(in_store)
    }

    pub fn advance(&mut self, by: Time) {
        self.now += by;
    }

    pub fn restart(&mut self) {
        self.memory.clear();
        self.bodies.clear();
        self.callers.clear();
        self.counts = Counts::default();
    }
}
