//! What holds whatever the reference says: checked from the history alone.

use std::collections::BTreeMap;

use larder::call::{Origin, StaleCause};

use crate::observed::{Ended, Observed};
use crate::steps::{Answer, Caller, Function, Key, Time, Verb, Way};

#[derive(Debug, Default)]
pub struct Promises {
    step: u64,
    now: Time,
    /// With the lifetime of what they make.
    calls: BTreeMap<Caller, (Key, Time)>,
    /// Bodies that ran, and values that were set.
    runs: BTreeMap<Caller, Run>,
}

#[derive(Debug)]
struct Run {
    key: Key,
    lifetime: Time,
    began: u64,
    ended: Time,
    /// By what was acknowledged since it began.
    is_removed: bool,
    is_expired: bool,
}

impl Promises {
    pub fn next_step(&mut self) {
        self.step += 1;
    }

    pub fn advance(&mut self, by: Time) {
        self.now += by;
    }

    pub fn called(&mut self, caller: Caller, key: Key, way: Way) {
        let lifetime = match way {
            Way::Ttl(ttl) => ttl,
            _ => Function::TTL,
        };
        self.calls.insert(caller, (key, lifetime));
    }

    pub fn set(&mut self, caller: Caller, key: Key, lifetime: Time) {
        self.calls.insert(caller, (key, lifetime));
        self.began(caller);
    }

    fn began(&mut self, caller: Caller) {
        let (key, lifetime) = self.calls[&caller];
        let run = Run {
            key,
            lifetime,
            began: self.step,
            ended: self.now,
            is_removed: false,
            is_expired: false,
        };
        self.runs.insert(caller, run);
    }

    pub fn finished(&mut self, caller: Caller) {
        if let Some(run) = self.runs.get_mut(&caller) {
            run.ended = self.now;
        }
    }

    /// To be called when the invalidation has returned.
    pub fn invalidated(&mut self, has: impl Fn(Key) -> bool, verb: Verb) {
        let step = self.step;
        let runs = self.runs.values_mut();
        for run in runs.filter(|run| run.began < step && has(run.key)) {
            match verb {
                Verb::Remove => run.is_removed = true,
                Verb::Expire => run.is_expired = true,
            }
        }
    }

    pub fn observed(&mut self, observed: &Observed) -> Result<(), String> {
        for caller in &observed.started {
            self.began(*caller);
        }
        for (caller, ended) in &observed.ended {
            let Ended::With(found) = ended else {
                continue;
            };
            let is_own = [Ok(Some(*caller)), Err(*caller)].contains(&found.answer);
            if !is_own {
                let (key, _) = self.calls[caller];
                let origin = found.told.map(|(origin, _)| origin);
                self.served(key, found.answer, origin)?;
            }
        }
        Ok(())
    }

    /// A caller of this key got what another one has made.
    pub fn served(&self, key: Key, answer: Answer, origin: Option<Origin>) -> Result<(), String> {
        let (Ok(Some(number)) | Err(number)) = answer else {
            return Ok(());
        };
        let Some(run) = self.runs.get(&number) else {
            return Err(format!("{number} comes from nowhere"));
        };
        // Promises 1 and 7: never another key's, never another tenant's.
        if run.key != key {
            return Err(format!("{number} is of {:?}", run.key));
        }
        // Promise 5.
        if run.is_removed {
            return Err(format!("{number} was removed"));
        }
        let failed = Origin::Stale(StaleCause::Failed);
        if run.is_expired && origin.is_some_and(|origin| origin != failed) {
            return Err(format!("{number} was expired"));
        }
        let age = self.now - run.ended;
        let is_over = age > 0 && age >= run.lifetime;
        let options = key.function.options();
        let kept_for = options.while_revalidate.max(options.if_error);
        let is_stale = origin.is_none_or(|origin| matches!(origin, Origin::Stale(_)));
        if is_over && !(is_stale && age < run.lifetime + kept_for) {
            return Err(format!("{number} is too old"));
        }
        Ok(())
    }
}
