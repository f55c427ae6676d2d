//! The table of a memory tier: its bounds, and a walk over it in small steps.
//!
//! `quick_cache` knows one bound, on the sum of its entries' weights, and holds it in each of its
//! shards. Where only the entries are bounded, each weighs one. Where bytes are bounded as well, an
//! entry weighs its bytes, but at least the part of the bound that falls to one entry (bytes ÷
//! entries). So there are never more bytes than allowed, nor more entries: both hold exactly. What
//! that costs: where many are far smaller than that part and others far larger, room goes unused, of
//! each bound up to a half.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use quick_cache::sync::Cache as QuickCache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use super::SharedEntry;
use crate::key::MemoryKey;
use crate::sync::{Mutex, lock};

pub(super) type Table =
    QuickCache<MemoryKey, SharedEntry, Weigh, DefaultHashBuilder, CollectLeaving>;

/// The part of a shard for entries that have proved themselves. One that is heavier is not taken.
const HOT: f64 = 0.97;

/// No shard has less room, where there is so much: whatever the number of processors, entries of up
/// to nearly so many bytes are taken.
const SMALLEST_SHARD: u64 = 1024 * 1024;

/// `quick_cache` has as many entries in a shard at the least.
const FEWEST_IN_A_SHARD: u64 = 32;

/// What a table may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) bytes: Option<u64>,
}

impl Bounds {
    pub(super) fn table(self) -> Table {
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(self.entries);
        let weigh = match self.bytes {
            None => {
                options.weight_capacity(self.entries as u64);
                Weigh { least: None }
            }
            Some(bytes) => {
                let shards = self.shards(bytes);
                options.shards(usize::try_from(shards).unwrap_or(1));
                options.hot_allocation(HOT);
                // Without a rest, so that all shards together have no more.
                options.weight_capacity(bytes - bytes % shards);
                let share = bytes.div_ceil(self.entries as u64);
                Weigh {
                    least: Some(share.min(self.heaviest(bytes)).max(1)),
                }
            }
        };
        #[expect(clippy::expect_used, reason = "it asks for the two capacities alone")]
        let options = options.build().expect("both capacities");
        Table::with_options(
            options,
            weigh,
            DefaultHashBuilder::default(),
            CollectLeaving,
        )
    }

    /// The weight of the heaviest entry that the table takes.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "as `quick_cache` computes it"
    )]
    pub(super) fn heaviest(self, bytes: u64) -> u64 {
        let of_shard = bytes / self.shards(bytes);
        ((of_shard as f64 * HOT) as u64).min(u32::MAX.into())
    }

    /// A power of two: `quick_cache` would take the next one.
    fn shards(self, bytes: u64) -> u64 {
        let processors =
            std::thread::available_parallelism().map_or(1, |number| number.get() as u64);
        let shards = (4 * processors)
            .min(bytes / SMALLEST_SHARD)
            .min(self.entries as u64 / FEWEST_IN_A_SHARD);
        1 << shards.max(1).ilog2()
    }
}

/// How `quick_cache` asks for weights: often, so an entry knows its own.
#[derive(Clone, Debug)]
pub(super) struct Weigh {
    /// `None`: bytes are not bounded, and each entry weighs one.
    least: Option<u64>,
}

impl Weighter<MemoryKey, SharedEntry> for Weigh {
    #[inline]
    fn weight(&self, _key: &MemoryKey, entry: &SharedEntry) -> u64 {
        let weight = |least: u64| least.max(entry.head.weight.into());
        self.least.map_or(1, weight)
    }
}

/// Collects the entries that have to leave for one insertion; they are dropped after it.
#[derive(Clone, Debug)]
pub(super) struct CollectLeaving;

impl Lifecycle<MemoryKey, SharedEntry> for CollectLeaving {
    type RequestState = Vec<(MemoryKey, SharedEntry)>;

    fn on_evict(&self, leaving: &mut Self::RequestState, key: MemoryKey, entry: SharedEntry) {
        leaving.push((key, entry));
    }
}

/// A walk over all entries that can be interrupted anywhere, at no cost for an entry.
///
/// The table's own iterator borrows it, so it could not be kept from one caller to the next. A future
/// may keep both: it waits after each entry, and is polled for the next. Places of the table that are
/// empty are passed at about a nanosecond each.
pub(super) struct Walk {
    steps: Pin<Box<dyn Future<Output = ()> + Send>>,
    met: Arc<Mutex<Option<(MemoryKey, SharedEntry)>>>,
}

impl Walk {
    pub(super) fn over(table: Arc<Table>) -> Self {
        let met = Arc::new(Mutex::new(None));
        let meets = met.clone();
        let steps = Box::pin(async move {
            for pair in table.iter() {
                *lock(&meets) = Some(pair);
                wait_once().await;
            }
        });
        Self { steps, met }
    }
}

impl Iterator for Walk {
    type Item = (MemoryKey, SharedEntry);

    /// Not to be called again after the end.
    fn next(&mut self) -> Option<Self::Item> {
        let mut context = Context::from_waker(Waker::noop());
        match self.steps.as_mut().poll(&mut context) {
            Poll::Pending => lock(&self.met).take(),
            Poll::Ready(()) => None,
        }
    }
}

fn wait_once() -> impl Future<Output = ()> {
    let mut has_waited = false;
    std::future::poll_fn(move |_| {
        if std::mem::replace(&mut has_waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
}
