//! About what is in memory.

use super::super::figures::{float, percent};
use super::super::tuning::wide;
use super::super::{Advice, Insight, Priority, Recommendation};
use super::{MB, Words};

/// Above this part of what memory has room for, in percent, it is full (MON-15).
const FULL: f64 = 90.0;

/// Below this part, in percent, it has room that nobody needs (MON-15).
const EMPTY: f64 = 30.0;

/// More than this in memory is much (MON-21).
const MUCH_MEMORY: u64 = 100 * MB;

/// An entry of more than this is large, in bytes (MON-21).
const LARGE_ENTRY: f64 = 10_000.0;

/// How much of what memory has room for is used.
struct Used {
    percent: f64,
    /// The bound on bytes, where that is nearer than the one on entries.
    bytes: Option<u64>,
}

impl Insight {
    /// `None` without a memory tier.
    fn used(&self) -> Option<Used> {
        let stats = &self.stats;
        let entries = percent(wide(stats.total_entries), wide(stats.max_size));
        let bytes = stats
            .max_bytes
            .map(|most| (percent(stats.weight, most), most));
        let (percent, bytes) = match bytes {
            Some((percent, most)) if percent > entries => (percent, Some(most)),
            _ => (entries, None),
        };
        (stats.max_size > 0).then_some(Used { percent, bytes })
    }

    /// Whether memory has room that nobody needs.
    pub(super) fn has_room_to_spare(&self) -> bool {
        self.used().is_some_and(|used| used.percent < EMPTY)
    }

    /// MON-15.
    pub(super) fn used_memory(&self) -> Option<Recommendation> {
        let stats = &self.stats;
        let Used {
            percent: used,
            bytes,
        } = self.used()?;
        let metrics = [
            ("used_percent", used),
            ("entries", float(wide(stats.total_entries))),
            ("evictions", float(stats.evictions)),
        ];
        let description = format!("{used:.1} % of the memory tier is used");
        if used > FULL {
            // What has too much already is not to be given more.
            if self.memory_bytes() > MUCH_MEMORY {
                return None;
            }
            let words = Words {
                title: "Full memory",
                description,
                action: "give it more room, if the machine has it".to_owned(),
                impact: "less is pushed out that is asked for again",
            };
            let more = match bytes {
                Some(most) => self.tuning.bytes(most.saturating_mul(2)),
                None => self.tuning.more_entries(),
            };
            return Some(words.say(Advice::FullMemory, Priority::Medium, metrics, more));
        }
        if used < EMPTY {
            let words = Words {
                title: "Memory with room to spare",
                description,
                action: "take some of it away, if something else needs it".to_owned(),
                impact: "none on hits, and a smaller bound on memory",
            };
            let fewer = self.tuning.fewer_entries();
            return Some(words.say(Advice::EmptyMemory, Priority::Low, metrics, fewer));
        }
        None
    }

    /// MON-21.
    pub(super) fn large_memory(&self) -> Option<Recommendation> {
        let bytes = self.memory_bytes();
        if bytes <= MUCH_MEMORY {
            return None;
        }
        let megabytes = float(bytes) / float(MB);
        let words = Words {
            title: "Much memory",
            description: format!("the memory tier has {megabytes:.1} MB"),
            action: "bound its bytes, unless the machine has them to spare".to_owned(),
            impact: "memory for something else; a few more answers come from the store",
        };
        let metrics = [("memory_mb", megabytes)];
        let bound = self.tuning.bytes(MUCH_MEMORY);
        Some(words.say(Advice::LargeMemory, Priority::High, metrics, bound))
    }

    /// MON-21. Of values as they were written into a store, or of what entries in memory weigh where nothing
    /// was. What else memory has are tables, which are there for entries that come.
    pub(super) fn large_entries(&self) -> Option<Recommendation> {
        let compression = &self.statistics.compression;
        let (bytes, entries) = if compression.values > 0 {
            (compression.bytes, compression.values)
        } else {
            (self.stats.weight, wide(self.stats.total_entries))
        };
        if entries == 0 {
            return None;
        }
        let average = float(bytes) / float(entries);
        if average <= LARGE_ENTRY {
            return None;
        }
        let (action, suggestion) = if self.has_store {
            let action = "compress more, and keep only what is needed of an answer".to_owned();
            (action, self.tuning.more_compression())
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive number of entries"
            )]
            let fitting = (float(MUCH_MEMORY) / average) as u64;
            let is_fewer = fitting < self.tuning.l1_cache_size;
            let fewer = if is_fewer {
                "hold fewer of them, and "
            } else {
                ""
            };
            let action = format!("{fewer}keep only what is needed of an answer");
            let fitting = fitting.min(self.tuning.l1_cache_size);
            (action, self.tuning.entries(fitting))
        };
        let words = Words {
            title: "Large entries",
            description: format!("an entry has {average:.0} bytes on average"),
            action,
            impact: "less memory and less to send for the same hits",
        };
        let metrics = [("average_entry_bytes", average)];
        Some(words.say(Advice::LargeEntries, Priority::Medium, metrics, suggestion))
    }
}
