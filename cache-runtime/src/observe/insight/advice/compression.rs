//! About compression.

use super::super::figures::{Timings, float};
use super::super::{Advice, Insight, Priority, Recommendation};
use super::{MB, Words};

/// Where more than this part is left, compression is poor (CMP-7, MON-15).
const POOR_RATIO: f64 = 0.8;

/// Of so many values or fewer nothing is said about that (MON-15).
const FEW_COMPRESSED: u64 = 10;

/// Compressing takes long that takes more than this, in milliseconds (CMP-7).
const SLOW_MS: f64 = 10.0;

/// Compression that has saved more than this is worth it, in bytes (CMP-7).
const MUCH_SAVED: u64 = 100 * MB;

impl Insight {
    /// CMP-7, MON-15.
    pub(super) fn compression(&self) -> Vec<Recommendation> {
        let mut found = Vec::new();
        let compression = &self.statistics.compression;
        let Some(ratio) = compression.ratio() else {
            return found;
        };
        let took = Timings::from(&compression.times).avg_ms;
        let saved = compression.bytes_saved();
        let metrics = [
            ("compression_ratio", ratio),
            ("avg_compression_time_ms", took),
            ("total_bytes_saved", float(saved)),
            ("compressed_values", float(compression.compressed)),
        ];
        let is_slow = took > SLOW_MS;
        if ratio > POOR_RATIO && compression.compressed > FEW_COMPRESSED {
            let words = Words {
                title: "Compression saves little",
                description: format!("{:.1} % is left of what was compressed", ratio * 100.0),
                action: "compress harder, or only larger values".to_owned(),
                impact: "less room in the store, or less work for nothing",
            };
            // Harder takes longer: not where it takes long as it is.
            let suggestion = if is_slow {
                self.tuning.rarer_compression()
            } else {
                self.tuning.harder_compression()
            };
            found.push(words.say(
                Advice::PoorCompression,
                Priority::Medium,
                metrics,
                suggestion,
            ));
        }
        if is_slow {
            let words = Words {
                title: "Slow compression",
                description: format!("compressing a value takes {took:.1} ms on average"),
                action: "take a lower level: the first ones do most of the work".to_owned(),
                impact: "processor time for requests, at a few percent of room in the store",
            };
            let quicker = self.tuning.quicker_compression();
            found.push(words.say(Advice::SlowCompression, Priority::Medium, metrics, quicker));
        }
        if saved > MUCH_SAVED {
            let megabytes = float(saved) / float(MB);
            let words = Words {
                title: "Excellent compression",
                description: format!("compression has saved {megabytes:.1} MB"),
                action: "leave it as it is".to_owned(),
                impact: "none: it does its work",
            };
            let same = self.tuning.same_compression();
            found.push(words.say(Advice::ExcellentCompression, Priority::Low, metrics, same));
        }
        found
    }
}
