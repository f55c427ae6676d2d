//! What a memory tier shares with those who clean up after it: its table, what that weighs, what has
//! left, and who is to be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::budget::MemoryBudget;
use super::table::{Table, Walk};
use super::{Head, SharedEntry};
use crate::clock::Clock;
use crate::key::{MemoryKey, operation_of};
use crate::observe::{Details, EventKind, Events, Happened, Of, Removal, RemovalCause, Wanted};
use crate::sync::{Mutex, lock};

pub(crate) struct Account {
    pub(super) table: Arc<Table>,
    pub(super) budget: Option<MemoryBudget>,
    events: Arc<Events>,
    pub(super) clock: Clock,
    /// Of the entries in the table, where they are weighed.
    bytes: AtomicU64,
    /// Goes round the table for the budget.
    hand: Mutex<Option<Walk>>,
    left: [AtomicU64; RemovalCause::ALL.len()],
}

impl std::fmt::Debug for Account {
    /// Without the table: it holds arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}

impl Account {
    pub(super) fn new(
        table: Arc<Table>,
        budget: Option<MemoryBudget>,
        events: Arc<Events>,
        clock: Clock,
    ) -> Arc<Self> {
        let account = Arc::new(Self {
            table,
            budget,
            events,
            clock,
            bytes: AtomicU64::new(0),
            hand: Mutex::new(None),
            left: Default::default(),
        });
        if let Some(budget) = &account.budget {
            budget.join(&account);
        }
        account
    }

    pub(super) fn used(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, cause: RemovalCause) -> u64 {
        self.left[cause as usize].load(Ordering::Relaxed)
    }

    pub(super) fn enters(&self, head: &Head) {
        self.bytes.fetch_add(head.weight.into(), Ordering::Relaxed);
    }

    /// Of an entry that was in the table.
    pub(super) fn leaves(&self, head: &Head) {
        self.bytes.fetch_sub(head.weight.into(), Ordering::Relaxed);
    }

    /// Takes out the entry that the hand comes to, unless it is this one; `None` where it comes to no
    /// other.
    pub(super) fn take_one(&self, except: &SharedEntry) -> Option<(MemoryKey, SharedEntry)> {
        // Beyond one round there is nothing new.
        let mut rounds = 0;
        loop {
            let met = {
                let mut hand = lock(&self.hand);
                let walk = hand.get_or_insert_with(|| Walk::over(self.table.clone()));
                let met = walk.next();
                if met.is_none() {
                    *hand = None;
                    rounds += 1;
                }
                met
            };
            match met {
                Some((_, entry)) if Arc::ptr_eq(&entry, except) => {}
                Some((key, entry)) => {
                    let is_there = |other: &SharedEntry| Arc::ptr_eq(other, &entry);
                    if let Some(taken) = self.table.remove_if(&key, is_there) {
                        self.leaves(&taken.1.head);
                        return Some(taken);
                    }
                }
                None if rounds == 2 => return None,
                None => {}
            }
        }
    }

    /// To be called with nothing locked.
    fn tell(&self, key: &[u8], entry: &SharedEntry, cause: RemovalCause) {
        self.left[cause as usize].fetch_add(1, Ordering::Relaxed);
        if self.events.wants(EventKind::from(cause)) {
            let age = self.clock.now().since(entry.head.created);
            let weight = (entry.head.weight > 0).then_some(entry.head.weight.into());
            let removal = Removal { cause, age, weight };
            let operation = operation_of(key);
            let details = |wanted: Wanted| Details {
                entry: wanted.values.then(|| entry.clone()),
                ..self.events.of_key(key, wanted)
            };
            self.events
                .tell(Of::Operation(operation), Happened::Left(removal), details);
        }
    }
}

/// What has left a table. A value may do anything when it is dropped, such as call a cached function,
/// and so may the listener: this is to be dropped when nothing is locked.
#[must_use]
#[derive(Default)]
pub(crate) struct Left {
    gone: Vec<(MemoryKey, SharedEntry, RemovalCause)>,
    from: Option<Arc<Account>>,
    /// What came in.
    entered: Option<SharedEntry>,
    /// What was there before, unless somebody took it out meanwhile.
    before: Option<SharedEntry>,
}

impl Left {
    pub(super) fn of(account: &Arc<Account>) -> Self {
        let mut left = Self::default();
        left.from = Some(account.clone());
        left
    }

    pub(super) fn push(&mut self, key: MemoryKey, entry: SharedEntry, cause: RemovalCause) {
        self.gone.push((key, entry, cause));
    }

    /// Of an insertion: what comes in, and what is there before.
    pub(super) fn enters(&mut self, entry: SharedEntry, before: Option<SharedEntry>) {
        (self.entered, self.before) = (Some(entry), before);
    }

    /// Adds what had to leave for the insertion.
    pub(super) fn push_evicted(&mut self, key: MemoryKey, entry: SharedEntry) {
        let is_it = |before| Arc::ptr_eq(before, &entry);
        let cause = if self.before.as_ref().is_some_and(is_it) {
            RemovalCause::Replaced
        } else {
            RemovalCause::Evicted
        };
        self.push(key, entry, cause);
    }

    /// Whether something came in.
    pub(crate) fn took_in(&self) -> bool {
        self.entered.is_some()
    }

    /// What is known of the entry that left, if one did.
    pub(crate) fn head(&self) -> Option<&Head> {
        self.gone.first().map(|(_, entry, _)| &entry.head)
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let Some(account) = &self.from else {
            return;
        };
        if let Some((entered, budget)) = self.entered.as_ref().zip(account.budget.as_ref()) {
            budget.settle(entered, |account, key, entry| {
                account.tell(&key, &entry, RemovalCause::Evicted);
            });
        }
        for (key, entry, cause) in self.gone.drain(..) {
            account.tell(&key, &entry, cause);
        }
    }
}
