//! Bodies: who waits for them, and what becomes of what they bring.

use std::mem::take;

use larder::call::{Origin, StaleCause};

use super::{Body, Entry, Good, PAUSE, Reference, Sort};
use crate::observed::Ended;
use crate::steps::{Answer, Caller, Ending, Function, Key, Verb, Way};

const STALE: Origin = Origin::Stale(StaleCause::Failed);

impl Reference {
    pub(super) fn lead(
        &mut self,
        caller: Caller,
        spare: Option<Entry>,
        waiting: Vec<Caller>,
        panics: u32,
    ) {
        self.insert_body(caller, Sort::Joint { waiting, panics }, spare);
        self.asking.push_back(caller);
    }

    pub(super) fn start(&mut self, caller: Caller, sort: Sort, spare: Option<Entry>) {
        self.insert_body(caller, sort, spare);
        self.observed.started.insert(caller);
    }

    pub(super) fn insert_body(&mut self, caller: Caller, sort: Sort, spare: Option<Entry>) {
        let (key, way) = self.callers[&caller];
        let body = Body {
            key,
            way,
            sort,
            spare,
            is_background: false,
            is_over: false,
            is_touched: false,
            is_hasty: self.is_told,
        };
        self.bodies.insert(caller, body);
    }

    pub fn finish(&mut self, caller: Caller, ending: Ending) {
        let mut body = self.bodies.remove(&caller).expect("a body that runs");
        let answer = match ending {
            // Of the application's own keys every value is one to keep.
            Ending::None if body.key.function != Function::Chosen => Ok(None),
            Ending::Value | Ending::None => Ok(Some(caller)),
            Ending::Failure => Err(caller),
            // "A panic of the body is the caller's; nothing is kept."
            Ending::Panic => {
                if !body.is_background {
                    self.end(caller, Ended::Panicked);
                }
                return self.hand_over(body, 1);
            }
        };
        if matches!(body.sort, Sort::Bypass) {
            return self.tell(caller, answer, Origin::Bypassed, 0);
        }
        if answer.is_err() {
            if let Some((entry, origin)) = self.in_place_of_a_failure(&body) {
                let entry = self.pause_after_failure(&body, entry, origin);
                if body.is_background {
                    self.counts.refreshed += 1;
                } else {
                    self.serve(caller, entry, origin);
                }
                return self.land(body.end_for_others(), entry, STALE);
            }
            if let Some(spare) = body.spare.filter(|_| body.is_background) {
                // Who waits is served as the caller was.
                self.counts.refreshed += 1;
                return self.land(body.end_for_others(), spare, STALE);
            }
        }
        let entry = self.keep(caller, &mut body, answer);
        if !body.is_background {
            self.tell(caller, answer, Origin::Computed, 0);
        }
        let is_apart = answer.is_err() && body.key.function.options().keeps_failures_apart;
        // Those do not ask the store, and know no more of its generations than this one.
        self.is_told |= is_apart && body.is_hasty;
        for waiter in body.end_for_others() {
            if is_apart {
                self.go_alone(waiter);
            } else if body.is_touched {
                self.looking.push_back(waiter);
            } else {
                self.serve_joined(waiter, entry);
            }
        }
    }

    /// Who waited for a failure may have something better.
    fn serve_joined(&mut self, waiter: Caller, entry: Entry) {
        let (key, way) = self.callers[&waiter];
        match self.judge(key, way) {
            Good::Answer(better, origin) | Good::Due(better, origin)
                if entry.answer.is_err() && better.answer.is_ok() =>
            {
                self.serve(waiter, better, origin);
            }
            Good::Spare(better) if entry.answer.is_err() => self.serve(waiter, better, STALE),
            _ => self.serve(waiter, entry, Origin::Joined),
        }
    }

    /// "So long past its lifetime an answer is served in the place of an `Err` of the body, to the
    /// caller and to all who waited": what is there by now, or what was there when the body began,
    /// unless that was forgotten on the way.
    fn in_place_of_a_failure(&self, body: &Body) -> Option<(Entry, Origin)> {
        if body.key.function.options().if_error == 0 || body.refreshes() {
            return None;
        }
        let good = match self.judge(body.key, body.way) {
            Good::Nothing | Good::TooOld if !body.is_over => {
                body.spare?.judge(self.now, body.key, body.way)
            }
            good => good,
        };
        match good {
            Good::Answer(entry, origin) | Good::Due(entry, origin) => Some((entry, origin)),
            Good::Spare(entry) => Some((entry, STALE)),
            Good::TooOld | Good::Nothing => None,
        }
        .filter(|(entry, _)| entry.answer.is_ok())
    }

    /// "After one, the body is not asked again for that key until …, unless it is expired meanwhile."
    fn pause_after_failure(&mut self, body: &Body, entry: Entry, origin: Origin) -> Entry {
        let is_expired_meanwhile = entry.touched == Some(Verb::Expire) && body.is_touched;
        if !matches!(origin, Origin::Stale(_)) || body.is_over || is_expired_meanwhile {
            return entry;
        }
        self.pause(body.key, &entry);
        let paused_until = self.now + PAUSE;
        Entry {
            paused_until,
            ..entry
        }
    }

    /// Keeps what a body brought where it is to be kept.
    pub(super) fn keep(&mut self, caller: Caller, body: &mut Body, answer: Answer) -> Entry {
        let (key, options) = (body.key, body.key.function.options());
        let of_value = match body.way {
            Way::Ttl(ttl) => ttl,
            _ => Function::TTL,
        };
        let ttl = match answer {
            Ok(Some(_)) => of_value,
            Ok(None) => of_value.min(options.none_ttl),
            Err(_) => of_value.min(options.err_ttl),
        };
        let fresh_until = self.now + ttl;
        let entry = Entry {
            number: self.next_copy(),
            answer,
            created: self.now,
            fresh_until,
            touched: None,
            paused_until: 0,
        };
        // Promise 5: nothing is kept whose computation began before an invalidation.
        let is_kept = ttl > 0 && !body.is_touched && !body.is_over && answer.is_ok();
        *match (body.is_background, is_kept) {
            (true, _) => &mut self.counts.refreshed,
            (false, true) => &mut self.counts.computed,
            (false, false) if answer.is_err() => &mut self.counts.failed,
            (false, false) => &mut self.counts.not_kept,
        } += 1;
        if body.is_over || body.is_touched {
            return entry;
        }
        if answer.is_err() {
            // "A failure stays in the memory of this process, takes the place of no value." A
            // refresh that fails leaves what was there.
            if ttl > 0 && !body.refreshes() && !self.has_value(key) {
                self.memory.insert(key, entry);
            }
            return entry;
        }
        if body.refreshes() {
            // "What such a call brings is not kept any more; of two refreshes the one that began
            // later has the last word."
            self.end_bodies(|number, it| it.key == key && (!it.refreshes() || number < caller));
        }
        if is_kept {
            self.insert(key, entry);
            if body.is_hasty && self.has_store {
                self.unsure.insert(key);
            }
        } else if body.refreshes() || body.spare.is_some() {
            // "Where it returns what is not to be kept, what was there is forgotten."
            self.memory.remove(&key);
            self.store.remove(&key);
        }
        entry
    }

    pub fn drop(&mut self, caller: Caller) {
        self.callers.remove(&caller);
        // "Dropping the call drops the body where it is. A call that waits for it takes over."
        if let Some(body) = self.bodies.remove(&caller) {
            return self.hand_over(body, 0);
        }
        for body in self.bodies.values_mut() {
            if let Sort::Joint { waiting, .. } = &mut body.sort {
                waiting.retain(|waiter| *waiter != caller);
            }
        }
    }

    /// "A panic unwinds to its caller, one waiter tries again, then the rest side by side."
    pub(super) fn hand_over(&mut self, mut body: Body, more_panics: u32) {
        let is_hasty = body.is_hasty;
        let Sort::Joint { waiting, panics } = &mut body.sort else {
            return;
        };
        let panics = *panics + more_panics;
        let mut waiting = take(waiting);
        if waiting.is_empty() {
            return;
        }
        if panics > 1 {
            self.is_told |= is_hasty;
            return waiting.into_iter().for_each(|it| self.go_alone(it));
        }
        let next = waiting.remove(0);
        let (key, way) = self.callers[&next];
        match self.judge(key, way) {
            Good::Answer(entry, origin) => {
                self.serve(next, entry, origin);
                self.land(waiting, entry, origin);
            }
            Good::Spare(entry) => self.lead(next, Some(entry), waiting, panics),
            _ => self.lead(next, None, waiting, panics),
        }
    }

    /// A caller that has waited for what is not for it runs its body, unless there is an answer by
    /// now.
    pub(super) fn go_alone(&mut self, caller: Caller) {
        let (key, way) = self.callers[&caller];
        match self.judge(key, way) {
            Good::Answer(entry, origin) => self.serve(caller, entry, origin),
            Good::Spare(entry) => self.start(caller, Sort::Alone, Some(entry)),
            _ => self.start(caller, Sort::Alone, None),
        }
    }

    /// Nothing of these is kept, or given to others; who waits for them begins anew.
    pub(super) fn end_bodies(&mut self, which: impl Fn(Caller, &Body) -> bool) {
        for (caller, body) in &mut self.bodies {
            if which(*caller, body) && !matches!(body.sort, Sort::Bypass) {
                self.looking.extend(body.end_for_others());
            }
        }
    }

    /// The computation that others wait for.
    pub(super) fn joint(&mut self, key: Key) -> Option<&mut Sort> {
        let mut bodies = self.bodies.values_mut();
        let joint = bodies.find(|body| {
            body.key == key && !body.is_over && matches!(body.sort, Sort::Joint { .. })
        });
        joint.map(|body| &mut body.sort)
    }

    pub(super) fn body(&mut self, caller: Caller) -> &mut Body {
        self.bodies.get_mut(&caller).expect("a body that was begun")
    }
}
