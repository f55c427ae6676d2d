//! What is found of one cache, and whether that is new.

use std::collections::BTreeMap;
use std::mem;
use std::time::SystemTime;

use super::alert::{Alert, AlertLevel, AlertSubject};
use super::seen::{ENOUGH, Seen};
use super::thresholds::{AlertThresholds, Worse};
use crate::health::{HealthStatus, KindHealth};
use crate::observe::Statistics;
use crate::observe::insight::figures::float;

/// So many failures of a check one after the other are critical (ALR-4).
const PERSISTENT: u32 = 3;

/// So many looks one after the other find a number better before that is told: at its threshold it would be
/// told at every other look.
const LASTING: usize = 3;

const MB: u64 = 1024 * 1024;

/// How much there is of something, and what is found of it.
type Find = fn(&Seen) -> (u64, f64);

/// What is judged by what was counted.
const BY_CALLS: [(AlertSubject, Find); 3] = [
    (AlertSubject::HitRatio, Seen::hit_ratio),
    (AlertSubject::OperationTime, Seen::time_of_hits),
    (AlertSubject::ErrorRate, Seen::unanswered),
];

/// What is known of one cache.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    kind: String,
    /// Since when it counts: another cache may take the name.
    since: Option<SystemTime>,
    /// What had been counted when each subject was last judged.
    before: BTreeMap<AlertSubject, Seen>,
    /// What has been told, and is so still.
    told: BTreeMap<AlertSubject, Told>,
    /// Checks of its health that failed, one after the other.
    failures: u32,
}

/// What has been told of a subject last.
#[derive(Debug)]
struct Told {
    alert: Alert,
    /// What was found since, as far as it is better.
    better: Vec<Found>,
}

/// What is new.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    Alert(Alert),
    /// What was told in this one is as it should be again.
    Over(Alert),
    /// The cache is gone that this one was about.
    Gone(Alert),
}

/// What was found, beyond a threshold or not.
#[derive(Debug)]
struct Found {
    subject: AlertSubject,
    level: Option<AlertLevel>,
    message: String,
    value: Option<f64>,
    threshold: Option<f64>,
}

impl Judgement {
    pub(super) fn of(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    /// By what has been counted since the last judgement: numbers that only grow. What is too little to
    /// judge a subject by is judged together with what comes next.
    pub(super) fn performance(
        &mut self,
        now: &Statistics,
        thresholds: &AlertThresholds,
        at: SystemTime,
    ) -> Vec<News> {
        let mut news = Vec::new();
        if self
            .since
            .replace(now.since)
            .is_some_and(|since| since != now.since)
        {
            let new = Self {
                since: Some(now.since),
                ..Self::of(&self.kind)
            };
            news.extend(mem::replace(self, new).gone());
        }
        let now = Seen::of(now);
        news.extend(BY_CALLS.into_iter().filter_map(|(subject, find)| {
            let value = self.period(subject, now, find)?;
            self.tell(found(subject, value, thresholds), at)
        }));
        news
    }

    /// The ends of all that was told, of a cache that is gone.
    pub(super) fn gone(self) -> impl Iterator<Item = News> {
        self.told.into_values().map(|told| News::Gone(told.alert))
    }

    /// What is found since the subject was last judged, where there is enough to judge it by.
    fn period(&mut self, subject: AlertSubject, now: Seen, find: Find) -> Option<f64> {
        let before = self.before.entry(subject).or_default();
        let (number, found) = find(&now.since(before));
        (number >= ENOUGH).then(|| {
            *before = now;
            found
        })
    }

    /// By what is in memory.
    pub(super) fn resources(
        &mut self,
        bytes: u64,
        thresholds: &AlertThresholds,
        at: SystemTime,
    ) -> Option<News> {
        let megabytes = float(bytes) / float(MB);
        self.tell(found(AlertSubject::Memory, megabytes, thresholds), at)
    }

    /// By how well its parts work. What is unhealthy for the third time is critical.
    pub(super) fn health(&mut self, health: &KindHealth, at: SystemTime) -> Option<News> {
        self.failures = match health.status {
            HealthStatus::Unhealthy => self.failures.saturating_add(1),
            HealthStatus::Degraded | HealthStatus::Healthy => 0,
        };
        let level = match health.status {
            HealthStatus::Healthy => None,
            HealthStatus::Degraded => Some(AlertLevel::Warning),
            HealthStatus::Unhealthy if self.failures < PERSISTENT => Some(AlertLevel::Error),
            HealthStatus::Unhealthy => Some(AlertLevel::Critical),
        };
        let worst = health.parts.iter().rev().max_by_key(|part| part.status);
        let mut message = worst.map_or_else(|| health.to_string(), ToString::to_string);
        if level == Some(AlertLevel::Critical) {
            message = format!(
                "{message}; found {} times one after the other",
                self.failures
            );
        }
        let found = Found {
            subject: AlertSubject::Health,
            level,
            message,
            value: None,
            threshold: None,
        };
        self.tell(found, at)
    }

    /// An alert where the level is another one than was told last, and its end.
    fn tell(&mut self, found: Found, at: SystemTime) -> Option<News> {
        let subject = found.subject;
        let found = match self.told.get_mut(&subject) {
            Some(told) => told.news(found)?,
            None => found,
        };
        let Some(level) = found.level else {
            return self
                .told
                .remove(&subject)
                .map(|told| News::Over(told.alert));
        };
        let alert = Alert {
            timestamp: at,
            level,
            service: Alert::SERVICE,
            kind: self.kind.clone(),
            subject,
            message: found.message,
            value: found.value,
            threshold: found.threshold,
        };
        let told = Told {
            alert: alert.clone(),
            better: Vec::new(),
        };
        self.told.insert(subject, told);
        Some(News::Alert(alert))
    }
}

impl Told {
    /// What is to be told now: what is worse at once, and of what is better the worst, when it lasts. What
    /// health says is no number, and stands at no threshold.
    fn news(&mut self, found: Found) -> Option<Found> {
        let told = Some(self.alert.level);
        if found.level >= told {
            self.better.clear();
            return (found.level > told).then_some(found);
        }
        let lasting = match found.subject {
            AlertSubject::Health => 1,
            _ => LASTING,
        };
        self.better.push(found);
        if self.better.len() < lasting {
            return None;
        }
        mem::take(&mut self.better)
            .into_iter()
            .max_by_key(|better| better.level)
    }
}

/// What a number says, and whether that is beyond its threshold.
fn found(subject: AlertSubject, value: f64, thresholds: &AlertThresholds) -> Found {
    let percent = value * 100.0;
    let (sentence, worse, threshold) = match subject {
        AlertSubject::HitRatio => (
            format!("{percent:.1} % of the requests are hits"),
            Worse::Below,
            thresholds.hit_ratio,
        ),
        AlertSubject::OperationTime => (
            format!("a hit takes {value:.1} ms on average"),
            Worse::Above,
            thresholds.operation_time_ms,
        ),
        AlertSubject::ErrorRate => (
            format!("{percent:.1} % of the calls that asked the store had no answer"),
            Worse::Above,
            thresholds.error_rate,
        ),
        AlertSubject::Memory | AlertSubject::Health => (
            format!("{value:.1} MB are in memory"),
            Worse::Above,
            thresholds.memory_mb,
        ),
    };
    let due = threshold.level(worse, value);
    let side = match worse {
        Worse::Below => "less",
        Worse::Above => "more",
    };
    Found {
        subject,
        level: due.map(|(level, _)| level),
        message: match due {
            Some((_, threshold)) => {
                format!("{sentence}, {side} than {}", shown(subject, threshold))
            }
            None => sentence,
        },
        value: Some(value),
        threshold: due.map(|(_, threshold)| threshold),
    }
}

/// In the unit of the sentence before it.
fn shown(subject: AlertSubject, threshold: f64) -> String {
    match subject {
        AlertSubject::HitRatio | AlertSubject::ErrorRate => format!("{:.1} %", threshold * 100.0),
        AlertSubject::OperationTime => format!("{threshold} ms"),
        AlertSubject::Memory | AlertSubject::Health => format!("{threshold} MB"),
    }
}
