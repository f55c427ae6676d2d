//! What is found of one cache, and whether that is new.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::alert::{Alert, AlertLevel, AlertSubject};
use super::seen::{ENOUGH, Seen};
use super::thresholds::{AlertThresholds, Worse};
use crate::health::{HealthStatus, KindHealth};
use crate::observe::Statistics;
use crate::observe::insight::figures::float;

/// So many failures of a check one after the other are critical (ALR-4).
const PERSISTENT: u32 = 3;

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
    told: BTreeMap<AlertSubject, Alert>,
    /// Checks of its health that failed, one after the other.
    failures: u32,
}

/// What is new.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    Alert(Alert),
    /// What was told in this one is as it should be again.
    Over(Alert),
}

/// What was found, beyond a threshold or not.
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
        if self.since.replace(now.since) != Some(now.since) {
            self.before.clear();
        }
        let now = Seen::of(now);
        let news = BY_CALLS.into_iter().filter_map(|(subject, find)| {
            let value = self.period(subject, now, find)?;
            self.tell(found(subject, value, thresholds), at)
        });
        news.collect()
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
        let Some(level) = found.level else {
            return self.told.remove(&found.subject).map(News::Over);
        };
        let told = self.told.get(&found.subject);
        if told.is_some_and(|told| told.level == level) {
            return None;
        }
        let alert = Alert {
            timestamp: at,
            level,
            service: Alert::SERVICE,
            kind: self.kind.clone(),
            subject: found.subject,
            message: found.message,
            value: found.value,
            threshold: found.threshold,
        };
        self.told.insert(found.subject, alert.clone());
        Some(News::Alert(alert))
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
