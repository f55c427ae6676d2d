//! What the documentation promises, as a program: no tiers that race, no generations, no tasks. An
//! invalidation walks over everything there is and marks it.

mod bodies;
mod entry;
mod handle;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem::take;

use entry::{Entry, Good};
use larder::call::{Origin, StaleCause};

use crate::observed::{Counts, Ended, Found, Observed};
use crate::steps::{Answer, Caller, Key, Time, Way};

/// `CacheConfig::retry_stale_after` where nobody says otherwise.
const PAUSE: Time = 30;

/// A body that runs.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is about something else"
)]
struct Body {
    key: Key,
    way: Way,
    sort: Sort,
    /// What is served if it fails.
    spare: Option<Entry>,
    /// The caller has its answer.
    is_background: bool,
    /// Nothing that it brings is kept, or given to others.
    is_over: bool,
    /// The same, but others still wait for it.
    is_touched: bool,
    /// It began while the store was told of an invalidation.
    is_hasty: bool,
}

#[derive(Clone, Debug)]
enum Sort {
    /// Calls with this key wait for it.
    Joint {
        waiting: Vec<Caller>,
        panics: u32,
    },
    /// One of those that waited for two that panicked.
    Alone,
    Refresh,
    Bypass,
}

pub struct Reference {
    has_store: bool,
    now: Time,
    memory: BTreeMap<Key, Entry>,
    /// Keeps everything until it is told to forget it.
    store: BTreeMap<Key, Entry>,
    /// By the call that began it. Those of them that began later have a larger number.
    bodies: BTreeMap<Caller, Body>,
    callers: BTreeMap<Caller, (Key, Way)>,
    /// Calls that begin, or begin anew.
    looking: VecDeque<Caller>,
    /// Calls that lead and have not asked the store.
    asking: VecDeque<Caller>,
    /// What the store may or may not have got.
    unsure: BTreeSet<Key>,
    /// In this step the store is told of an invalidation.
    is_told: bool,
    copies: u64,
    counts: Counts,
    observed: Observed,
}

impl Body {
    fn refreshes(&self) -> bool {
        matches!(self.sort, Sort::Refresh)
    }

    /// Ends it for all but its own caller; these begin anew.
    fn end_for_others(&mut self) -> Vec<Caller> {
        self.is_over = true;
        match &mut self.sort {
            Sort::Joint { waiting, .. } => take(waiting),
            Sort::Alone | Sort::Refresh | Sort::Bypass => Vec::new(),
        }
    }
}

impl Reference {
    pub fn new(has_store: bool) -> Self {
        Self {
            has_store,
            now: 0,
            memory: BTreeMap::new(),
            store: BTreeMap::new(),
            bodies: BTreeMap::new(),
            callers: BTreeMap::new(),
            looking: VecDeque::new(),
            asking: VecDeque::new(),
            unsure: BTreeSet::new(),
            is_told: false,
            copies: 0,
            counts: Counts::default(),
            observed: Observed::default(),
        }
    }

    /// The bodies that can be finished.
    pub fn running(&self) -> Vec<Caller> {
        self.bodies.keys().copied().collect()
    }

    /// The calls that can be dropped.
    pub fn waiting(&self) -> Vec<Caller> {
        self.callers.keys().copied().collect()
    }

    pub fn counts(&self) -> Counts {
        let served = self.memory.values().filter(|it| it.is_served(self.now));
        Counts {
            in_memory: served.count(),
            ..self.counts
        }
    }

    /// What has come to pass since it was last asked.
    pub fn observe(&mut self) -> Observed {
        loop {
            if let Some(caller) = self.looking.pop_front() {
                self.look(caller);
            } else if let Some(caller) = self.asking.pop_front() {
                self.ask_store(caller);
            } else {
                self.is_told = false;
                return take(&mut self.observed);
            }
        }
    }

    pub fn begin(&mut self, caller: Caller, key: Key, way: Way) {
        self.callers.insert(caller, (key, way));
        match way {
            Way::Refresh => self.start(caller, Sort::Refresh, None),
            Way::Bypass => {
                self.counts.bypassed += 1;
                self.start(caller, Sort::Bypass, None);
            }
            Way::Plain | Way::Told | Way::MaxAge(_) | Way::Ttl(_) => self.looking.push_back(caller),
        }
    }

    fn look(&mut self, caller: Caller) {
        let (key, way) = self.callers[&caller];
        let spare = match self.judge(key, way) {
            Good::Answer(entry, origin) => return self.serve(caller, entry, origin),
            Good::Due(entry, origin) => return self.renew(caller, entry, origin),
            Good::Spare(entry) => Some(entry),
            Good::TooOld | Good::Nothing => None,
        };
        // "Of calls that come at the same time, one runs the body and the others wait for it."
        match self.joint(key) {
            Some(Sort::Joint { waiting, .. }) => waiting.push(caller),
            _ => self.lead(caller, spare, Vec::new(), 0),
        }
    }

    /// The leader finds in the store what another process, or this one before it was restarted, has
    /// put there.
    fn ask_store(&mut self, caller: Caller) {
        let (key, way) = self.callers[&caller];
        let entry = self.store.get(&key).copied();
        let good = entry.map_or(Good::Nothing, |entry| {
            let number = self.next_copy();
            Entry { number, ..entry }.judge(self.now, key, way)
        });
        let of_store = |origin| match origin {
            Origin::Memory => Origin::Store,
            stale => stale,
        };
        match good {
            Good::Nothing | Good::TooOld => {}
            Good::Spare(entry) => {
                self.fill_gap(key, entry);
                self.body(caller).spare.get_or_insert(entry);
            }
            Good::Answer(entry, origin) => {
                self.fill(key, entry);
                let waiting = self
                    .bodies
                    .remove(&caller)
                    .expect("its own")
                    .end_for_others();
                self.serve(caller, entry, of_store(origin));
                return self.land(waiting, entry, origin);
            }
            Good::Due(entry, origin) => {
                self.fill_gap(key, entry);
                let waiting = self
                    .bodies
                    .remove(&caller)
                    .expect("its own")
                    .end_for_others();
                self.renew(caller, entry, of_store(origin));
                return self.land(waiting, entry, origin);
            }
        }
        self.observed.started.insert(caller);
    }

    fn next_copy(&mut self) -> u64 {
        self.copies += 1;
        self.copies
    }

    /// What the store has is in memory, too.
    fn fill(&mut self, key: Key, entry: Entry) {
        self.memory.insert(key, entry);
    }

    /// The same for one that is to be computed anew: it takes the place of no value.
    fn fill_gap(&mut self, key: Key, entry: Entry) {
        if !self.has_value(key) {
            self.fill(key, entry);
        }
    }

    fn has_value(&self, key: Key) -> bool {
        let entry = self.memory.get(&key);
        entry.is_some_and(|entry| entry.is_value(self.now, key))
    }

    /// Those who waited get what the leader brought, if it is good for them, or begin anew.
    fn land(&mut self, waiting: Vec<Caller>, entry: Entry, origin: Origin) {
        for waiter in waiting {
            let (key, way) = self.callers[&waiter];
            match (origin, entry.judge(self.now, key, way)) {
                (Origin::Memory, Good::Answer(..) | Good::Due(..)) => {
                    self.serve(waiter, entry, Origin::Joined);
                }
                (_, Good::Answer(_, origin) | Good::Due(_, origin)) => {
                    self.serve(waiter, entry, origin);
                }
                (Origin::Stale(_), Good::Spare(_)) => {
                    self.serve(waiter, entry, Origin::Stale(StaleCause::Failed));
                }
                _ => self.looking.push_back(waiter),
            }
        }
    }

    /// The caller is served at once, and its body runs in the background, unless one does for this
    /// key. Nobody else begins one for a while.
    fn renew(&mut self, caller: Caller, entry: Entry, origin: Origin) {
        let (key, _) = self.callers[&caller];
        if self.joint(key).is_none() {
            self.pause(key, &entry);
            let waiting = Vec::new();
            self.start(caller, Sort::Joint { waiting, panics: 0 }, Some(entry));
            self.body(caller).is_background = true;
        }
        self.serve(caller, entry, origin);
    }

    /// "After one (failure), the body is not asked again for that key until …"
    fn pause(&mut self, key: Key, entry: &Entry) {
        let until = self.now + PAUSE;
        if let Some(known) = self
            .memory
            .get_mut(&key)
            .filter(|it| it.number == entry.number)
        {
            known.paused_until = until;
        }
    }

    /// Puts it into both tiers.
    fn insert(&mut self, key: Key, entry: Entry) {
        self.memory.insert(key, entry);
        if self.has_store {
            self.store.insert(key, entry);
        }
    }

    fn judge(&self, key: Key, way: Way) -> Good {
        match self.memory.get(&key) {
            Some(entry) => entry.judge(self.now, key, way),
            None => Good::Nothing,
        }
    }

    fn serve(&mut self, caller: Caller, entry: Entry, origin: Origin) {
        self.count(origin);
        self.tell(caller, entry.answer, origin, self.now - entry.created);
    }

    fn count(&mut self, origin: Origin) {
        let counts = &mut self.counts;
        *match origin {
            Origin::Memory => &mut counts.memory_hits,
            Origin::Store => &mut counts.store_hits,
            Origin::Joined => &mut counts.joined,
            _ => &mut counts.stale,
        } += 1;
    }

    fn tell(&mut self, caller: Caller, answer: Answer, origin: Origin, age: Time) {
        let (_, way) = self.callers[&caller];
        let told = (way != Way::Plain).then_some((origin, age));
        self.end(caller, Ended::With(Found { answer, told }));
    }

    fn end(&mut self, caller: Caller, ended: Ended) {
        self.callers.remove(&caller);
        self.observed.ended.insert(caller, ended);
    }
}
