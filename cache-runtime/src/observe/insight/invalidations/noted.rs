//! The invalidations of one kind that are remembered. Bounded in time and number.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use super::super::Level;
use super::super::figures::{float, sum};
use super::shape::shape;
use super::{InvalidatedPattern, InvalidationStatistics, InvalidationTarget, PER_HOUR};
use crate::clock::{Clock, Tick};

/// So long an invalidation is remembered (MON-2).
const REMEMBERED: Duration = Duration::from_secs(3600);

/// So many are remembered of each target (MON-2).
const MOST_REMEMBERED: usize = 1000;

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

    pub(in super::super) fn statistics(&self, clock: &Clock) -> InvalidationStatistics {
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
            rate: Level::of(last_hour, PER_HOUR),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Invalidated, InvalidationTarget, Invalidations};
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn mon_2_invalidations_are_remembered_for_an_hour() {
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
    fn mon_2_a_thousand_of_each_target_are_remembered() {
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
