//! What is found of one cache, and whether that is new.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::alert::{Alert, AlertLevel, AlertSubject};
use super::thresholds::{AlertThresholds, Threshold, Worse};
use crate::call::MissReason;
use crate::health::{HealthStatus, KindHealth};
use crate::observe::insight::figures::{float, ratio, sum};
use crate::observe::{Ending, OperationStatistics, Statistics};

/// Of fewer requests nothing is said: a cache that has just begun has no hits (ALR-5).
const ENOUGH_REQUESTS: u64 = 10;

/// So many failures of a check one after the other are critical (ALR-4).
const PERSISTENT: u32 = 3;

const MB: u64 = 1024 * 1024;

/// Why a store that had to be asked gave no answer.
const UNANSWERED: [MissReason; 2] = [MissReason::StoreAway, MissReason::StoreTimedOut];

/// Why no store was asked.
const UNASKED: [MissReason; 6] = [
    MissReason::Refreshed,
    MissReason::UnknownKind,
    MissReason::SwitchedOff,
    MissReason::NoKey,
    MissReason::TextTooLong,
    MissReason::NoTenant,
];

/// What is known of one cache.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    kind: String,
    /// What had been counted when it was last judged.
    before: Option<Statistics>,
    /// What has been told, and not got better.
    told: BTreeMap<AlertSubject, AlertLevel>,
    /// Checks of its health that failed, one after the other.
    failures: u32,
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

    /// By what has been counted since the last judgement: numbers that only grow. Where that is too little
    /// to judge by, it waits for more.
    pub(super) fn performance(
        &mut self,
        now: &Statistics,
        thresholds: &AlertThresholds,
        at: SystemTime,
    ) -> Vec<Alert> {
        // Another cache may have taken the name.
        let before = self.before.as_ref().filter(|it| it.since == now.since);
        let period = before.map_or_else(|| now.clone(), |before| now.since(before));
        let (hits, misses) = (period.counts.hits(), period.counts.misses());
        let requests = hits.saturating_add(misses);
        if requests < ENOUGH_REQUESTS {
            self.before = before.cloned();
            return Vec::new();
        }
        self.before = Some(now.clone());
        let hit_ratio = ratio(hits, requests).map(|ratio| {
            let sentence = format!("{:.1} % of the requests are hits", ratio * 100.0);
            let threshold = thresholds.hit_ratio;
            found(
                AlertSubject::HitRatio,
                threshold,
                Worse::Below,
                ratio,
                sentence,
            )
        });
        let operation_time = time_of_hits(&period).map(|took| {
            let sentence = format!("a hit takes {took:.1} ms on average");
            let threshold = thresholds.operation_time_ms;
            found(
                AlertSubject::OperationTime,
                threshold,
                Worse::Above,
                took,
                sentence,
            )
        });
        let error_rate = unanswered(&period).map(|part| {
            let sentence = format!(
                "{:.1} % of the calls that asked the store had no answer",
                part * 100.0
            );
            let threshold = thresholds.error_rate;
            found(
                AlertSubject::ErrorRate,
                threshold,
                Worse::Above,
                part,
                sentence,
            )
        });
        let all = [hit_ratio, operation_time, error_rate]
            .into_iter()
            .flatten();
        all.filter_map(|found| self.tell(found, at)).collect()
    }

    /// By what is in memory.
    pub(super) fn resources(
        &mut self,
        bytes: u64,
        thresholds: &AlertThresholds,
        at: SystemTime,
    ) -> Option<Alert> {
        let megabytes = float(bytes) / float(MB);
        let sentence = format!("{megabytes:.1} MB are in memory");
        let threshold = thresholds.memory_mb;
        let found = found(
            AlertSubject::Memory,
            threshold,
            Worse::Above,
            megabytes,
            sentence,
        );
        self.tell(found, at)
    }

    /// By how well its parts work. What is unhealthy for the third time is critical.
    pub(super) fn health(&mut self, health: &KindHealth, at: SystemTime) -> Option<Alert> {
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

    /// An alert where the level is another one than was told last.
    fn tell(&mut self, found: Found, at: SystemTime) -> Option<Alert> {
        let told = self.told.get(&found.subject).copied();
        let Some(level) = found.level else {
            if self.told.remove(&found.subject).is_some() {
                tracing::info!(
                    kind = self.kind,
                    subject = found.subject.name(),
                    "is as it should be again"
                );
            }
            return None;
        };
        if told == Some(level) {
            return None;
        }
        self.told.insert(found.subject, level);
        Some(Alert {
            timestamp: at,
            level,
            service: Alert::SERVICE,
            kind: self.kind.clone(),
            subject: found.subject,
            message: found.message,
            value: found.value,
            threshold: found.threshold,
        })
    }
}

fn found(
    subject: AlertSubject,
    threshold: Threshold,
    worse: Worse,
    value: f64,
    sentence: String,
) -> Found {
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

/// What a hit took on average, in milliseconds, where any was timed.
fn time_of_hits(period: &Statistics) -> Option<f64> {
    let (mut calls, mut took) = (0.0, 0.0);
    let mut add = |number: u64, mean: std::time::Duration| {
        calls += float(number);
        took += float(number) * mean.as_secs_f64() * 1000.0;
    };
    for operation in period.operations.values() {
        let OperationStatistics {
            counts,
            memory_hits,
            other_hits,
            ..
        } = operation;
        if memory_hits.count > 0 {
            add(counts.of(Ending::MemoryHit), memory_hits.mean());
        }
        add(other_hits.count, other_hits.mean());
    }
    (calls > 0.0).then(|| took / calls)
}

/// The part of calls that it did not answer among those that asked the store, where there was any.
fn unanswered(period: &Statistics) -> Option<f64> {
    let counts = &period.counts;
    let of = |reasons: &[MissReason]| sum(reasons.iter().map(|it| counts.missed_because(*it)));
    let asked = of(&MissReason::ALL).saturating_sub(of(&UNASKED));
    let asked = asked.saturating_add(counts.of(Ending::StoreHit));
    ratio(of(&UNANSWERED), asked)
}
