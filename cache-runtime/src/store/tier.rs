//! The store of one kind, as calls use it: within a time budget, and never in the way.

mod checks;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::future::{join, join_all, try_join, try_join_all};
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::bounded::{BoundedStore, StoreSettings};
use super::generations::{FoldedGenerations, StoreGenerations};
use super::held::LEASE;
use super::recovery::{Attempt, Recovery};
use super::write::{Unsealed, Write};
use super::write_behind::WriteBehind;
use super::{
    AT_ONCE, Claim, Claimed, Connections, Held, Listener, Seen, Store, StoreError, StoreInfo,
    Tombstone, random,
};
use crate::bus::Bus;
use crate::clock::{Clock, Tick};
use crate::envelope::{self, Fault, Opened, Unstorable, VALUE_LIMIT, ValueType, Wanted};
use crate::generation::{Carried, Invalidation};
use crate::memory::SharedEntry;
use crate::observe::Packed;
use crate::policy::{LONGEST, Ttl};
use crate::runtime;

/// What is read of an entry at most, the tombstone before it included.
const STORED_LIMIT: usize = VALUE_LIMIT + Tombstone::LENGTH;

/// How long a walk over all keys may take.
const SCAN: Duration = Duration::from_secs(60);

/// The pause between two attempts of those who wait until the store was told of something.
const AGAIN: Duration = Duration::from_millis(20);

/// What a store calls an entry.
pub(crate) struct StoreName {
    pub(crate) key: String,
    /// Names of the generations of everything that it belongs to.
    pub(crate) generations: Arc<[Arc<str>]>,
    /// How long the entry stays, as far as that is known before there is one.
    pub(crate) ttl: Ttl,
    /// What the last look-up found before or in the place of the entry.
    pub(crate) seen: Seen,
    /// Microseconds for which its call has waited for the store.
    pub(crate) spent: AtomicU64,
    /// Since when it waits for other processes to compute.
    pub(crate) waits_since: OnceLock<Instant>,
}

/// The time of a call, as it is used up.
struct Spending<'a> {
    left: Duration,
    spent: &'a AtomicU64,
    began: Tick,
    clock: &'a Clock,
}

impl StoreName {
    /// The call has waited for another process. Its next look-up has all the time that there is.
    pub(crate) fn begin_anew(&self) {
        self.spent.store(0, Ordering::Relaxed);
    }
}

impl Drop for Spending<'_> {
    fn drop(&mut self) {
        let spent = self.clock.now().since(self.began).as_micros();
        let spent = u64::try_from(spent).unwrap_or(u64::MAX);
        self.spent.fetch_add(spent, Ordering::Relaxed);
    }
}

/// Why a look-up in the store brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    Absent,
    /// The store was not told yet that the entry is over.
    Unsettled,
    Refused(Fault),
    /// The store could not be asked, or it failed.
    Away,
    TimedOut,
}

/// Which process computes an entry.
pub(crate) enum Computing {
    Here {
        held: Held,
        /// Whether the store has an entry, which may have come since the last look-up.
        has_entry: bool,
    },
    /// Another one, which renews its claim within this time.
    Elsewhere(Duration),
}

pub(crate) struct StoreTier {
    pub(crate) bus: Arc<Bus>,
    bounded: Arc<BoundedStore>,
    generations: StoreGenerations,
    writes: WriteBehind,
    recovery: Recovery,
    clock: Clock,
}

impl StoreTier {
    /// `kind` is the generation of the kind.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        kind: Arc<str>,
        settings: StoreSettings,
        clock: Clock,
    ) -> Arc<Self> {
        let bus = Bus::new(settings.bus.clone(), random(), clock.clone());
        let bus = Arc::new(bus);
        let bounded = Arc::new(BoundedStore::new(store, settings, bus.clone()));
        Arc::new_cyclic(|tier| Self {
            writes: WriteBehind::new(bounded.clone()),
            generations: StoreGenerations::new(kind, bus.clone(), clock.clone()),
            bus,
            recovery: Recovery::of(tier.clone()),
            bounded,
            clock,
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.bounded.store.name()
    }

    /// Has the listener told of what others invalidate, and others of what this process does, if the
    /// store can do that.
    pub(crate) fn listen(&self, listener: Weak<dyn Listener>) {
        if self.bounded.store.listen(self.bus.channel(), listener) {
            self.bus.open();
        }
    }

    /// The store has been lost at this moment, or is there again.
    pub(crate) fn note_lost(&self, is_lost: bool) {
        self.writes.note_lost(is_lost);
    }

    /// Another server is asked from now on, which may have missed what the last one has confirmed: it is
    /// told again, and nothing is served of what that was about until it knows.
    pub(crate) fn tell_again(&self) {
        self.generations.tell_again();
        let has_many = self.writes.tell_again();
        self.refuse_all_if(has_many);
        self.recovery.begin();
    }

    /// Another process has changed the generation of this name.
    pub(crate) fn forget_generation(&self, name: &str) {
        self.generations.forget_one(name);
    }

    /// Any of them may have been changed.
    pub(crate) fn forget_generations(&self) {
        self.generations.forget();
    }

    /// The entry of `key`, fresh or still to be kept; any trouble with the store or with its bytes is
    /// as good as none. It carries the generations that were noted before.
    pub(crate) async fn look_up(
        &self,
        name: &StoreName,
        wanted: Wanted,
        carried: Carried,
    ) -> Result<Opened, Lost> {
        let spending = self.spend(name)?;
        let Some(time) = self.settled(&name.key, spending.left).await else {
            // It is from before what the store is going to have.
            name.seen.forget();
            return Err(Lost::Unsettled);
        };
        self.generations.outlive(name.ttl);
        let stored = self.stored(name);
        let asked = if let Some(generations) = self.generations.at_hand(&name.generations) {
            let stored = self.bounded.within(time, stored).await;
            stored.map(|stored| (generations, stored))
        } else {
            // Both at once: no round trip more. In a box: it is long, and every look-up would be.
            let generations = self.read(&name.generations);
            let both = Box::pin(try_join(generations, stored));
            self.bounded.within(time, both).await
        };
        let (generations, stored) = asked?;
        if self.writes.is_unsettled(&name.key) {
            // Meanwhile: it may be from before that.
            name.seen.forget();
            return Err(Lost::Unsettled);
        }
        self.open(name, stored, wanted, generations, carried)
    }

    /// The same for several names of the same generations, in one round trip where nothing has to
    /// be waited for; `None` where the store did not answer.
    ///
    /// Not with a command for all of them: a cluster has them in different places.
    pub(crate) async fn look_up_all(
        &self,
        names: &[&StoreName],
        wanted: Wanted,
        carried: Vec<Carried>,
    ) -> Option<Vec<Option<SharedEntry>>> {
        let mut time = self.bounded.settings.budget;
        let unsettled = names
            .iter()
            .map(|name| self.writes.tell_if_unsettled(&name.key));
        if unsettled.filter(|is_unsettled| *is_unsettled).count() > 0 {
            let (is_quiet, left) = self.quiet(time).await;
            if !is_quiet {
                return None;
            }
            time = left;
        }
        let asked = names.iter().map(async |name| {
            if self.writes.is_unsettled(&name.key) {
                name.seen.forget();
                return Ok(None);
            }
            self.stored(name).await
        });
        let first = names.first()?;
        self.generations.outlive(first.ttl);
        let generations = async {
            match self.generations.at_hand(&first.generations) {
                Some(generations) => Ok(generations),
                None => self.read(&first.generations).await,
            }
        };
        let all = try_join(generations, try_join_all(asked));
        let (generations, stored) = self.bounded.within(time, all).await.ok()?;
        let entries = names.iter().zip(stored).zip(carried);
        let entries = entries.map(|((name, stored), carried)| {
            if self.writes.is_unsettled(&name.key) {
                // Meanwhile: it may be from before that.
                name.seen.forget();
                return None;
            }
            let opened = self.open(name, stored, wanted, generations, carried);
            opened.ok().map(|opened| opened.entry)
        });
        Some(entries.collect())
    }

    /// The bytes under this name.
    async fn stored(&self, name: &StoreName) -> Result<Option<Vec<u8>>, StoreError> {
        match self.bounded.store.get(&name.key, STORED_LIMIT).await {
            // That says something about this key alone: something of another kind is there.
            Err(StoreError::Refused(_)) => {
                self.bounded.fail();
                Ok(None)
            }
            stored => stored,
        }
    }

    /// The entry in what the store has under its name.
    fn open(
        &self,
        name: &StoreName,
        stored: Option<Vec<u8>>,
        wanted: Wanted,
        generations: FoldedGenerations,
        carried: Carried,
    ) -> Result<Opened, Lost> {
        let mut sealed = stored.unwrap_or_default();
        let tombstone = Tombstone::of(&sealed);
        name.seen.note(tombstone);
        if tombstone.is_some() {
            sealed.drain(..Tombstone::LENGTH);
        }
        if sealed.is_empty() {
            return Err(Lost::Absent);
        }
        let (key, format) = (&name.key, &self.bounded.settings.format);
        envelope::open(
            key,
            sealed,
            wanted,
            generations,
            carried,
            &self.clock,
            format,
        )
        .map_err(|fault| {
            self.bounded.refuse(fault);
            Lost::Refused(fault)
        })
    }

    async fn read(&self, generations: &[Arc<str>]) -> Result<FoldedGenerations, StoreError> {
        let store = &*self.bounded.store;
        self.generations.read(store, generations).await
    }

    /// The generations that an entry is going to carry whose computation begins now, as far as they
    /// are known. What another process has done to them since they were read makes it a miss there.
    pub(crate) fn generations(&self, name: &StoreName) -> Option<FoldedGenerations> {
        self.generations.last_known(&name.generations)
    }

    /// The same; they are read where they are not at hand.
    pub(crate) async fn read_generations(&self, name: &StoreName) -> Option<FoldedGenerations> {
        self.generations_within(self.bounded.settings.budget, name)
            .await
    }

    async fn generations_within(
        &self,
        time: Duration,
        name: &StoreName,
    ) -> Option<FoldedGenerations> {
        self.generations.outlive(name.ttl);
        let at_hand = self.generations.at_hand(&name.generations);
        if at_hand.is_some() {
            return at_hand;
        }
        let read = self.read(&name.generations);
        self.bounded.within(time, read).await.ok()
    }

    /// What a computation has to know that begins now without a look-up: the generations that its
    /// entry is going to carry, and what was left by the last removal of the key.
    pub(crate) async fn prepare(&self, name: &StoreName) {
        let Ok(spending) = self.spend(name) else {
            return;
        };
        let Some(time) = self.settled(&name.key, spending.left).await else {
            name.seen.forget();
            return;
        };
        let generations = self.generations_within(time, name);
        let beginning = self.bounded.store.get(&name.key, Tombstone::LENGTH);
        let (_, beginning) = join(generations, self.bounded.within(time, beginning)).await;
        if let Ok(beginning) = beginning {
            name.seen.note(beginning.and_then(|it| Tombstone::of(&it)));
        }
    }

    /// Claims the computation of an entry, which was looked up before, for this process. The entry is
    /// going to carry these generations.
    ///
    /// May be dropped while it waits: then the claim is given up.
    pub(crate) async fn claim(
        &self,
        name: &StoreName,
        generations: FoldedGenerations,
    ) -> Result<Computing, Lost> {
        let spending = self.spend(name)?;
        let claim = Claim::new(self.bus.sender(), generations);
        let held = Held::of(&self.bounded, &name.key, claim).ok_or(Lost::Away)?;
        let claimed = self.bounded.store.claim(&name.key, &claim, LEASE);
        match self.bounded.within(spending.left, claimed).await? {
            Claimed::Ours {
                tombstone,
                has_entry,
            } => {
                // What is removed from now on is news for the computation.
                name.seen.note(tombstone);
                Ok(Computing::Here { held, has_entry })
            }
            Claimed::Theirs(left) => {
                held.forget();
                // A store may say anything.
                Ok(Computing::Elsewhere(left.min(LEASE)))
            }
            Claimed::Unsupported => {
                held.forget();
                Err(Lost::Away)
            }
        }
    }

    /// Invalidates everything that belongs to one generation: in this process when this returns its
    /// future, everywhere when that returns true.
    pub(crate) fn invalidate<'a>(
        &'a self,
        generation: &'a Arc<str>,
        how: Invalidation,
    ) -> impl Future<Output = bool> + 'a {
        let store = &*self.bounded.store;
        let invalidated = self.generations.invalidate(store, generation, how);
        self.recovery.begin();
        let time = self.bounded.settings.budget.saturating_mul(2);
        async move { self.bounded.within(time, invalidated).await.is_ok() }
    }

    /// The write that puts this entry into the store, with the generations from before it was
    /// computed. It is fresh for `ttl`, and stays for `kept_for` after that. It is refused if the key was
    /// removed after it had been looked up last.
    pub(crate) fn write(
        &self,
        name: &StoreName,
        entry: SharedEntry,
        value_type: ValueType,
        generations: FoldedGenerations,
        ttl: Ttl,
        kept_for: Duration,
    ) -> Write {
        self.generations.outlive(ttl.longer(kept_for));
        let created = self.clock.unix_millis();
        Write::entry(
            name.key.clone(),
            Unsealed {
                ttl: ttl.bounded(),
                kept_for: kept_for.min(LONGEST),
                entry,
                value_type,
                created,
                generations,
                tombstone: name.seen.tombstone(),
                is_anew: false,
            },
        )
    }

    /// The write with its bytes made now, and not when it is its turn.
    pub(crate) fn seal(&self, write: Write) -> Write {
        self.bounded.seal(write)
    }

    /// Has the write done soon; nobody waits for it. Given up and counted where the queue is full.
    pub(crate) fn write_behind(&self, write: Write) {
        self.writes.push(write);
    }

    /// The same for a write that takes the place of an entry, which is not served any more, whether
    /// or not the write succeeds.
    pub(crate) fn replace_behind(&self, write: Write) {
        let has_many = self.writes.push_in_place(write);
        self.recovery.begin();
        self.refuse_all_if(has_many);
    }

    /// Has the store remove this key soon. Its entry is not served any more.
    pub(crate) fn remove_behind(&self, key: String) {
        self.replace_behind(Write::removal(key));
    }

    /// The same for an entry that is not what is to be served any more, where nobody has removed the
    /// key: whoever computes another one goes on.
    pub(crate) fn end_behind(&self, name: &StoreName) {
        let seen = name.seen.tombstone();
        self.replace_behind(Write::end(name.key.clone(), seen));
    }

    /// The removal of this key, which the store is to be [told of](Self::tell_removals). Its entry is
    /// not served any more when this returns, whether or not the store can be told. To be called
    /// while nothing is kept of what was computed for the key before.
    pub(crate) fn removal(&self, key: String) -> Write {
        let mut removal = Write::removal(key);
        let has_many = self.writes.unsettle(&mut removal);
        self.recovery.begin();
        self.refuse_all_if(has_many);
        removal
    }

    /// Tells the store of removals, and says of each whether there was an entry; `None` where the
    /// store did not answer.
    pub(crate) async fn tell_removals(&self, removals: Vec<Write>) -> Option<Vec<bool>> {
        let is_quiet = self.settle().await;
        if !is_quiet {
            // After what is still queued.
            for removal in &removals {
                self.remove_behind(removal.key.clone());
            }
        }
        let told = removals.iter().map(async |removal| {
            let had_entry = self.bounded.tell(removal).await;
            if had_entry.is_err() {
                self.bounded.fail();
            } else if is_quiet {
                self.writes.settle(removal);
            }
            had_entry.unwrap_or(false)
        });
        let told = async { Ok(join_all(told).await) };
        self.ask(told).await.ok()
    }

    fn refuse_all_if(&self, has_many: bool) {
        if has_many {
            // In this order: at any time one of the two refuses what is over.
            self.refuse_all();
            self.writes.forget_unsettled();
        }
    }

    pub(crate) async fn ttl(&self, key: &str) -> Option<Duration> {
        let time = self.settled(key, self.bounded.settings.budget).await?;
        let ttl = self.bounded.store.ttl(key);
        self.bounded.within(time, ttl).await.ok().flatten()
    }

    pub(crate) async fn keys(&self, prefix: &str, pattern: &str, limit: usize) -> Vec<String> {
        let keys = self.bounded.store.keys(prefix, pattern, limit);
        let mut keys = self.bounded.within(SCAN, keys).await.unwrap_or_default();
        keys.retain(|key| !self.writes.is_unsettled(&format!("{prefix}{key}")));
        keys
    }

    /// Removes the entries under these keys, after what is queued, and counts them; `None` where that
    /// was not done in time.
    pub(crate) async fn remove_matching(&self, prefix: &str, pattern: &str) -> Option<u64> {
        let store = &self.bounded.store;
        let (is_quiet, left) = self.quiet(SCAN).await;
        let remove = async {
            let removed = store.remove_matching(prefix, pattern, Tombstone::new());
            let removed = removed.await;
            // Also where some could not be removed.
            if let Some(announcement) = self.bus.announce_everything() {
                store.announce(&announcement).await?;
            }
            removed
        };
        let removed = self.bounded.within(left, remove).await.ok();
        removed.filter(|_| is_quiet)
    }

    /// Has nothing served any more of what the store has of the kind; it is told as soon as it answers.
    pub(crate) fn refuse_all(&self) {
        self.generations.refuse_all();
        self.recovery.begin();
    }

    /// Tells the store what it could not be told, if it answers now: of keys, what was noted up to the
    /// write with this number.
    pub(super) async fn tell_untold(&self, latest: u64) -> Attempt {
        if !self.has_untold() {
            return Attempt::Helped;
        }
        let time = self.bounded.settings.budget.saturating_mul(2);
        let store = &*self.bounded.store;
        // Not counted: nobody has asked for anything.
        if !matches!(tokio::time::timeout(time, store.ping()).await, Ok(Ok(()))) {
            return Attempt::Away;
        }
        let generations = self.generations.untold();
        let mut has_tried = !generations.is_empty();
        let has_helped = AtomicBool::new(false);
        stream::iter(generations)
            .for_each_concurrent(AT_ONCE, async |generation| {
                let told = self.generations.tell(store, &generation);
                // What fails is counted, and told again.
                if self.bounded.within(time, told).await.is_ok() {
                    has_helped.store(true, Ordering::Relaxed);
                }
            })
            .await;
        // As long as it helps; a full queue has room after that.
        while self.writes.flush(SCAN).await {
            let told = self.writes.tell_untold(latest);
            if told.is_empty() {
                break;
            }
            has_tried = true;
            let is_quiet = self.writes.flush(SCAN).await;
            if !is_quiet || told.iter().all(|key| self.writes.is_unsettled(key)) {
                break;
            }
            has_helped.store(true, Ordering::Relaxed);
        }
        if has_tried && !has_helped.into_inner() {
            Attempt::InVain
        } else {
            Attempt::Helped
        }
    }

    pub(super) fn latest_write(&self) -> u64 {
        self.writes.latest()
    }

    /// Whether there is something that the store has not confirmed.
    pub(crate) fn has_untold(&self) -> bool {
        self.writes.has_unsettled() || self.generations.has_untold()
    }

    /// Whether writes are queued that are not done.
    pub(crate) fn has_queued(&self) -> bool {
        self.writes.is_waiting()
    }

    /// Writes of values that were tried and not done, or whose runtime ended before.
    pub(crate) fn lost_writes(&self) -> u64 {
        self.writes.lost()
    }

    /// Whether another kind has the same store.
    pub(crate) fn shares_store(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bounded.store, &other.bounded.store)
    }

    /// Forgets everything whose key begins with `prefix`, generations too: they are read anew.
    pub(crate) async fn clear(&self, prefix: &str) {
        let cleared = self.bounded.store.clear(prefix);
        // A failure is counted, and what is left is not served.
        let _ = self.bounded.within(SCAN, cleared).await;
        self.generations.forget();
    }

    pub(crate) async fn ping(&self) -> bool {
        self.ask(self.bounded.store.ping()).await.is_ok()
    }

    pub(crate) async fn connect(&self, patience: Duration) -> Result<(), StoreError> {
        super::connect(&*self.bounded.store, patience).await
    }

    /// What is left of the time of the call with this name, which is used up from now on. A call that
    /// begins anew, because others have invalidated something, has no more time than any other.
    fn spend<'a>(&'a self, name: &'a StoreName) -> Result<Spending<'a>, Lost> {
        let spent = Duration::from_micros(name.spent.load(Ordering::Relaxed));
        let left = self.bounded.settings.budget.saturating_sub(spent);
        if left.is_zero() {
            return Err(Lost::TimedOut);
        }
        Ok(Spending {
            left,
            spent: &name.spent,
            began: self.clock.now(),
            clock: &self.clock,
        })
    }

    /// Waits until the store has what is to hold for this key, for at most so long, and says what is
    /// left of that; `None` where it still has not. Only then can it be seen what removals by others
    /// have left.
    async fn settled(&self, key: &str, time: Duration) -> Option<Duration> {
        if !self.writes.tell_if_unsettled(key) {
            return Some(time);
        }
        self.recovery.begin();
        // In a box: it is long, and every look-up would be.
        let (_, left) = Box::pin(self.quiet(time)).await;
        (!self.writes.is_unsettled(key)).then_some(left)
    }

    /// Has the store told of a key that it could not be told of before.
    pub(crate) fn tell_if_unsettled(&self, key: &str) {
        self.writes.tell_if_unsettled(key);
    }

    /// Waits for the queued writes for at most so long, and says whether they are done, and what is
    /// left of the time.
    async fn quiet(&self, time: Duration) -> (bool, Duration) {
        if !self.writes.is_waiting() {
            return (true, time);
        }
        let began = Instant::now();
        let is_quiet = self.writes.flush(time).await;
        (is_quiet, time.saturating_sub(began.elapsed()))
    }

    /// Waits for the queued writes, for at most twice the budget of a look-up, and says whether they
    /// are done.
    pub(crate) async fn settle(&self) -> bool {
        let time = self.bounded.settings.budget.saturating_mul(2);
        self.quiet(time).await.0
    }

    /// Waits until the queued writes are done and the store is told what it could not be told, for at
    /// most `deadline`.
    pub(crate) async fn flush(&self, deadline: Duration) -> bool {
        if !runtime::has_timer() {
            return false;
        }
        let told = async {
            loop {
                self.tell_untold(self.latest_write()).await;
                let is_quiet = self.writes.flush(deadline).await;
                if !self.has_untold() {
                    return is_quiet;
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        tokio::time::timeout(deadline, told).await == Ok(true)
    }

    /// Waits until the store was told of the claims that have ended without a value, or could not be:
    /// then their leases end them.
    pub(crate) async fn claims_ended(&self) {
        if runtime::has_timer() {
            self.bounded.endings.are_over().await;
        }
    }

    /// Tells other processes that this one has nothing more to say.
    pub(crate) async fn leave(&self) {
        if let Some(bye) = self.bus.bye() {
            // Who does not hear it notices the silence.
            let _ = self.ask(self.bounded.store.announce(&bye)).await;
        }
    }

    pub(crate) fn disconnect(&self) {
        self.recovery.end();
        self.bounded.store.disconnect();
    }

    pub(crate) fn connections(&self) -> Connections {
        self.bounded.store.connections()
    }

    pub(crate) async fn info(&self) -> Option<StoreInfo> {
        self.ask(self.bounded.store.info()).await.ok()
    }

    pub(crate) fn failures(&self) -> u64 {
        self.bounded.failures()
    }

    pub(crate) fn timeouts(&self) -> u64 {
        self.bounded.timeouts()
    }

    /// Entries that were there and were not served, for this reason.
    pub(crate) fn refused(&self, fault: Fault) -> u64 {
        self.bounded.refused(fault)
    }

    /// Values that were not written, for this reason.
    /// What values have become that were made ready to be written.
    pub(crate) fn packed(&self) -> &Packed {
        &self.bounded.settings.format.packed
    }

    pub(crate) fn unstorable(&self, reason: Unstorable) -> u64 {
        self.bounded.unstorable(reason)
    }

    pub(crate) fn refused_writes(&self) -> u64 {
        self.bounded.refused_writes()
    }

    pub(crate) fn dropped_writes(&self) -> u64 {
        self.writes.dropped()
    }

    /// The answer of an operation that a call waits for.
    async fn ask<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Lost> {
        self.bounded
            .within(self.bounded.settings.budget, operation)
            .await
    }
}
