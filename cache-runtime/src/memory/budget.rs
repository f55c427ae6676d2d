//! One bound on the bytes of several kinds.
//!
//! Each kind keeps its own table, so that its own bounds hold and its entries are found, counted and
//! cleared by themselves; what the kinds share is a sum. Who inserts and finds the sum above the
//! budget takes entries out of the kind that has the most, one by one, until it fits. So a kind that
//! fills late is not locked out by one that came first, a kind keeps its equal part whatever the
//! others do, and what one leaves the others may take. The work falls to the insertion that causes
//! it, and is as much as it takes to make room for its own entry.
//!
//! Which entry goes: `quick_cache` cannot be asked for the one that it would do without, so a hand
//! goes round the table and takes the next one. That is a worse choice than a kind makes within its
//! own bounds: give a kind an `l1_cache_bytes` of its own where its hit ratio counts most.

use std::sync::{Arc, Weak};

use super::SharedEntry;
use super::account::Account;
use crate::key::MemoryKey;
use crate::sync::{Mutex, lock};

/// One bound on the bytes that several kinds have in memory together.
///
/// Clones are the same budget. Given to the builders of caches
/// ([`CacheBuilder::memory_budget`](crate::CacheBuilder::memory_budget)), it holds for the sum of
/// their entries, beside the bounds that each of them has by itself: whenever an insertion has
/// returned, and none is under way, there are not more bytes than that. Where there is no room, the
/// kind that has the most gives some up.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{Cache, CacheConfig, MemoryBudget};
///
/// let budget = MemoryBudget::bytes(64 * 1024 * 1024);
/// let config = CacheConfig::builder().l1_cache_size(100_000).build()?;
/// for kind in ["web", "ai"] {
///     let builder = Cache::builder(kind, &config).memory_budget(&budget);
///     larder::register(builder.build()?);
/// }
/// assert_eq!(budget.used(), 0);
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    limit: u64,
    accounts: Arc<Mutex<Vec<Weak<Account>>>>,
}

impl MemoryBudget {
    /// A budget of so many bytes; 65 536 to 1 TiB. With another number of them no cache is built.
    #[must_use]
    pub fn bytes(bytes: u64) -> Self {
        Self {
            limit: bytes,
            accounts: Arc::default(),
        }
    }

    /// The bytes that the entries of all its kinds weigh just now.
    #[must_use]
    pub fn used(&self) -> u64 {
        used(&self.accounts())
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn join(&self, account: &Arc<Account>) {
        let mut accounts = lock(&self.accounts);
        accounts.retain(|account| account.strong_count() > 0);
        accounts.push(Arc::downgrade(account));
    }

    /// Takes out what is too much, but not the entry that was just put there. To be called with
    /// nothing locked: it may be the last to let go of a table.
    pub(super) fn settle(
        &self,
        latest: &SharedEntry,
        mut take: impl FnMut(&Arc<Account>, MemoryKey, SharedEntry),
    ) {
        let accounts = self.accounts();
        let mut may_give: Vec<&Arc<Account>> = accounts.iter().collect();
        while used(&accounts) > self.limit {
            let fullest = may_give.iter().enumerate();
            let Some((at, fullest)) = fullest.max_by_key(|(_, account)| account.used()) else {
                return;
            };
            match fullest.take_one(latest) {
                Some((key, entry)) => take(fullest, key, entry),
                // It has no other one: the next fullest gives.
                None => drop(may_give.swap_remove(at)),
            }
        }
    }

    fn accounts(&self) -> Vec<Arc<Account>> {
        lock(&self.accounts)
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

fn used(accounts: &[Arc<Account>]) -> u64 {
    accounts.iter().map(|account| account.used()).sum()
}
