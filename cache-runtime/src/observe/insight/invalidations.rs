//! What was invalidated in the last hour.
//!
//! Bounded in time and number. What a pattern, a tag or a tenant says may name people: of all that, only the
//! names of operations that are known anyway are kept, and the shapes of patterns.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::figures::{float, sum, written_moment};
use crate::clock::{Clock, Tick};

/// So long an invalidation is remembered (MON-2).
const REMEMBERED: Duration = Duration::from_secs(3600);

/// So many are remembered of each target (MON-2).
const MOST_REMEMBERED: usize = 1000;

/// From so many in an hour on they are a warning, and critical (MON-2).
pub(super) const WARNING_PER_HOUR: u64 = 50;
pub(super) const CRITICAL_PER_HOUR: u64 = 100;

/// So many pieces of a pattern are kept of its shape.
const MOST_PIECES: usize = 16;

/// What was to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InvalidationTarget {
    /// Everything of the kind.
    Kind,
    /// Everything of an operation.
    Operation,
    /// The application's own keys that match a pattern.
    Matching,
    /// Everything of a tenant.
    Tenant,
    /// Everything with a tag.
    Tag,
}

impl InvalidationTarget {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Kind,
        Self::Operation,
        Self::Matching,
        Self::Tenant,
        Self::Tag,
    ];

    /// The name, as it is displayed and serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Operation => "operation",
            Self::Matching => "matching",
            Self::Tenant => "tenant",
            Self::Tag => "tag",
        }
    }

    /// Whether it takes much that may still be right. Forgetting a tenant or a tag is what an application
    /// does all day.
    pub(super) fn is_broad(self) -> bool {
        self <= Self::Matching
    }
}

impl fmt::Display for InvalidationTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How often something is invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InvalidationRate {
    /// Fewer than 50 times an hour.
    Usual,
    /// 50 times an hour or more.
    Warning,
    /// 100 times an hour or more.
    Critical,
}

/// What was invalidated in the last hour: the latest thousand of each
/// [target](InvalidationTarget). Single keys are not counted here.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InvalidationStatistics {
    /// When this was so.
    #[serde(serialize_with = "written_moment")]
    pub at: SystemTime,
    /// Invalidations of a whole kind, of an operation, and of keys by a pattern.
    pub last_hour: u64,
    /// What that is for an hour.
    pub rate: InvalidationRate,
    /// Those beside that were about a single tenant or tag.
    pub of_tenants_and_tags: u64,
    /// Of `last_hour`, those whose keys were counted:
    /// [`remove_matching`](crate::Cache::remove_matching) and
    /// [`remove_operation_counted`](crate::Cache::remove_operation_counted).
    pub counted: u64,
    /// The keys that these removed.
    pub removed_keys: u64,
    /// The same on average; `None` where none was counted.
    pub average_removed_keys: Option<f64>,
    /// The same by what was asked for, the most frequent first.
    pub patterns: Vec<InvalidatedPattern>,
}

/// Something that was invalidated in the last hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InvalidatedPattern {
    /// What was to be forgotten.
    pub target: InvalidationTarget,
    /// The name of an operation that the kind knows, or the shape of a pattern, as `…*` is that of
    /// `user:7:*`; empty for what has neither.
    pub pattern: String,
    /// So often.
    pub count: u64,
    /// The keys that were removed, where they were counted.
    pub removed_keys: Option<u64>,
}

/// What was invalidated, as a call says it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Invalidated<'a> {
    Kind,
    /// With its name, if the kind knows it.
    Operation(Option<&'a str>),
    /// By this pattern, of which the shape is kept.
    Matching(&'a str),
    Tenant,
    Tag,
}

impl Invalidated<'_> {
    fn target(self) -> InvalidationTarget {
        match self {
            Self::Kind => InvalidationTarget::Kind,
            Self::Operation(_) => InvalidationTarget::Operation,
            Self::Matching(_) => InvalidationTarget::Matching,
            Self::Tenant => InvalidationTarget::Tenant,
            Self::Tag => InvalidationTarget::Tag,
        }
    }

    fn pattern(self) -> Arc<str> {
        match self {
            Self::Operation(Some(name)) => name.into(),
            Self::Matching(pattern) => shape(pattern).into(),
            Self::Kind | Self::Operation(None) | Self::Tenant | Self::Tag => "".into(),
        }
    }
}

/// What is left of a pattern without its texts.
fn shape(pattern: &str) -> String {
    let mut shape = String::new();
    let mut pieces = 0;
    let mut characters = pattern.chars();
    let mut in_text = false;
    while let Some(character) = characters.next() {
        let piece = match character {
            '*' => "*",
            '?' => "?",
            '[' => {
                // Of a class that is never closed, the rest is a text.
                let class = characters.clone().skip(1).position(|it| it == ']');
                class.map_or("…", |length| {
                    characters.nth(length + 1);
                    "[…]"
                })
            }
            '\\' => {
                characters.next();
                "…"
            }
            _ => "…",
        };
        let is_literal = piece == "…";
        if is_literal && in_text {
            continue;
        }
        in_text = is_literal;
        pieces += 1;
        if pieces > MOST_PIECES {
            break;
        }
        shape.push_str(piece);
    }
    shape
}

/// The invalidations of one kind that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Invalidations {
    held: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    last_number: u64,
    by_target: BTreeMap<InvalidationTarget, VecDeque<Note>>,
}

#[derive(Debug)]
struct Note {
    number: u64,
    at: Tick,
    pattern: Arc<str>,
    removed_keys: Option<u64>,
}

/// One that was noted, for those who learn later how many keys it removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoteOf {
    target: InvalidationTarget,
    number: u64,
}

impl Invalidations {
    /// Notes one that begins: whether its caller waits for its end or not, what it is about is
    /// invalidated.
    pub(crate) fn note(&self, clock: &Clock, invalidated: Invalidated<'_>) -> NoteOf {
        let (target, pattern) = (invalidated.target(), invalidated.pattern());
        let now = clock.now();
        let mut held = self.lock();
        held.last_number += 1;
        let number = held.last_number;
        let notes = held.by_target.entry(target).or_default();
        forget(notes, now);
        if notes.len() >= MOST_REMEMBERED {
            notes.pop_front();
        }
        notes.push_back(Note {
            number,
            at: now,
            pattern,
            removed_keys: None,
        });
        NoteOf { target, number }
    }

    /// Notes how many keys it removed.
    pub(crate) fn removed(&self, note: NoteOf, keys: u64) {
        let mut held = self.lock();
        let notes = held.by_target.get_mut(&note.target);
        let mut notes = notes.into_iter().flatten();
        if let Some(found) = notes.find(|it| it.number == note.number) {
            found.removed_keys = Some(keys);
        }
    }

    /// Forgets all of them.
    pub(crate) fn reset(&self) {
        self.lock().by_target.clear();
    }

    pub(super) fn statistics(&self, clock: &Clock) -> InvalidationStatistics {
        let now = clock.now();
        let mut held = self.lock();
        let mut by_pattern: BTreeMap<(InvalidationTarget, Arc<str>), (u64, Option<u64>)> =
            BTreeMap::new();
        let (mut counted, mut removed_keys) = (0, 0_u64);
        for (target, notes) in &mut held.by_target {
            forget(notes, now);
            for note in notes {
                let (count, keys) = by_pattern
                    .entry((*target, note.pattern.clone()))
                    .or_default();
                *count += 1;
                if let Some(removed) = note.removed_keys {
                    *keys = Some(keys.unwrap_or_default().saturating_add(removed));
                    counted += 1;
                    removed_keys = removed_keys.saturating_add(removed);
                }
            }
        }
        drop(held);
        let patterns = by_pattern.into_iter();
        let patterns =
            patterns.map(
                |((target, pattern), (count, removed_keys))| InvalidatedPattern {
                    target,
                    pattern: pattern.to_string(),
                    count,
                    removed_keys,
                },
            );
        let mut patterns: Vec<_> = patterns.collect();
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.count));
        let of = |broad: bool| {
            let patterns = patterns.iter().filter(|it| it.target.is_broad() == broad);
            sum(patterns.map(|pattern| pattern.count))
        };
        let last_hour = of(true);
        InvalidationStatistics {
            at: UNIX_EPOCH + Duration::from_millis(clock.unix_millis()),
            last_hour,
            rate: InvalidationRate::of(last_hour),
            of_tenants_and_tags: of(false),
            counted,
            removed_keys,
            average_removed_keys: (counted > 0).then(|| float(removed_keys) / float(counted)),
            patterns,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those that are older than an hour.
fn forget(notes: &mut VecDeque<Note>, now: Tick) {
    while notes
        .front()
        .is_some_and(|note| now.since(note.at) >= REMEMBERED)
    {
        notes.pop_front();
    }
}

impl InvalidationRate {
    pub(super) fn of(per_hour: u64) -> Self {
        match per_hour {
            CRITICAL_PER_HOUR.. => Self::Critical,
            WARNING_PER_HOUR.. => Self::Warning,
            _ => Self::Usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Invalidated, InvalidationRate, InvalidationTarget, Invalidations, shape};
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn the_shape_of_a_pattern_says_nothing_of_its_texts() {
        for (pattern, expected) in [
            ("", ""),
            ("*", "*"),
            ("user:ada@example.com:*", "…*"),
            ("user:*:photo", "…*…"),
            ("user:?[0-9]*", "…?[…]*"),
            ("user:[]]*", "…[…]*"),
            ("user:[7", "…"),
            ("a\\*b", "…"),
            ("\\", "…"),
        ] {
            assert_eq!(shape(pattern), expected, "{pattern}");
        }
        let long = shape(&"a*".repeat(1000));
        assert_eq!(long.chars().count(), 16);
    }

    #[test]
    fn fifty_in_an_hour_are_a_warning_and_a_hundred_critical() {
        for (number, expected) in [
            (0, InvalidationRate::Usual),
            (49, InvalidationRate::Usual),
            (50, InvalidationRate::Warning),
            (99, InvalidationRate::Warning),
            (100, InvalidationRate::Critical),
            (u64::MAX, InvalidationRate::Critical),
        ] {
            assert_eq!(InvalidationRate::of(number), expected, "{number}");
        }
    }

    #[test]
    fn invalidations_are_remembered_for_an_hour() {
        let manual = ManualClock::new();
        let clock = Clock::Manual(manual.clone());
        let invalidations = Invalidations::default();
        let first = invalidations.note(&clock, Invalidated::Matching("a*"));
        invalidations.removed(first, 4);
        manual.advance(Duration::from_secs(1800));
        invalidations.note(&clock, Invalidated::Operation(Some("summarize")));
        manual.advance(Duration::from_millis(1_799_999));
        let statistics = invalidations.statistics(&clock);
        assert_eq!((statistics.last_hour, statistics.counted), (2, 1));
        assert_eq!(statistics.average_removed_keys, Some(4.0));
        manual.advance(Duration::from_millis(1));
        let statistics = invalidations.statistics(&clock);
        assert_eq!((statistics.last_hour, statistics.counted), (1, 0));
        assert_eq!(statistics.average_removed_keys, None);
        // Whoever learns of its keys later has nothing to add to.
        invalidations.removed(first, 4);
        assert_eq!(invalidations.statistics(&clock).removed_keys, 0);
        invalidations.reset();
        assert_eq!(invalidations.statistics(&clock).last_hour, 0);
    }

    #[test]
    fn a_thousand_of_each_target_are_remembered() {
        let clock = Clock::Manual(ManualClock::new());
        let invalidations = Invalidations::default();
        invalidations.note(&clock, Invalidated::Kind);
        for _ in 0..1500 {
            invalidations.note(&clock, Invalidated::Tag);
        }
        let statistics = invalidations.statistics(&clock);
        assert_eq!(statistics.of_tenants_and_tags, 1000);
        assert_eq!(statistics.last_hour, 1);
        assert_eq!(statistics.patterns[0].target, InvalidationTarget::Tag);
    }
}
