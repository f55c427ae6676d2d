//! What a source says about a setting, and what that means.

use std::sync::Arc;
use std::time::Duration;

use ::config::{Value, ValueKind};
use secrecy::SecretString;
use serde_json::json;

use super::setting::{Change, Form};

impl Form {
    /// Understands what a source says, or says what was found in place of what is expected.
    pub(super) fn read(&self, value: &Value) -> Result<Change, Vec<String>> {
        let wrong = || vec![self.found(value)];
        Ok(match self {
            Self::Switch { set, .. } => {
                let (set, on) = (*set, switch(value).ok_or_else(wrong)?);
                Arc::new(move |config| set(config, on))
            }
            Self::Number { set, .. } => {
                let (set, number) = (*set, number(value).ok_or_else(wrong)?);
                Arc::new(move |config| set(config, number))
            }
            Self::Part { set, .. } => {
                let (set, part) = (*set, part(value).ok_or_else(wrong)?);
                Arc::new(move |config| set(config, part))
            }
            Self::Time { set, .. } => {
                let (set, time) = (*set, duration(value).ok_or_else(wrong)?);
                Arc::new(move |config| set(config, time))
            }
            Self::Times { set, .. } => {
                let set = *set;
                let ValueKind::Table(table) = &value.kind else {
                    return Err(wrong());
                };
                let (mut times, mut found) = (Vec::new(), Vec::new());
                // What is nothing is as good as not there.
                let said = table
                    .iter()
                    .filter(|(_, value)| value.kind != ValueKind::Nil);
                for (operation, value) in said {
                    match duration(value) {
                        Some(time) => times.push((operation.clone(), time)),
                        None => found.push(format!("{} for {operation:?}", shown(value))),
                    }
                }
                if !found.is_empty() {
                    found.sort_unstable();
                    return Err(found);
                }
                Arc::new(move |config| {
                    for (operation, time) in &times {
                        set(config, operation.clone(), *time);
                    }
                })
            }
            Self::Choice { of, set, .. } => {
                let (set, name) = (*set, text(value).ok_or_else(wrong)?);
                if !of().contains(&name.as_str()) {
                    return Err(wrong());
                }
                Arc::new(move |config| set(config, &name))
            }
            Self::Text { set, .. } => {
                let (set, text) = (*set, text(value).ok_or_else(wrong)?);
                Arc::new(move |config| set(config, text.clone()))
            }
            Self::Secret { set, .. } => {
                let (set, secret) = (*set, text(value).ok_or_else(wrong)?);
                let secret = SecretString::from(secret);
                Arc::new(move |config| set(config, secret.clone()))
            }
            Self::Secrets { set, .. } => {
                let set = *set;
                let ValueKind::Array(values) = &value.kind else {
                    return Err(wrong());
                };
                let secrets = values.iter().map(text).collect::<Option<Vec<_>>>();
                let secrets = secrets.ok_or_else(wrong)?;
                let secrets: Vec<_> = secrets.into_iter().map(SecretString::from).collect();
                Arc::new(move |config| set(config, secrets.clone()))
            }
        })
    }

    /// Shows what a source says, but for a secret.
    fn found(&self, value: &Value) -> String {
        match self {
            Self::Secret { .. } => sort(value).to_owned(),
            Self::Secrets { .. } => match value.kind {
                ValueKind::Array(_) => "a list with something that is no text".to_owned(),
                _ => sort(value).to_owned(),
            },
            Self::Number { .. } => match &value.kind {
                ValueKind::String(text) if text.parse::<u64>().is_ok() => {
                    format!("a text, {text:?}, and no number: leave the quotes out")
                }
                _ => shown(value),
            },
            _ => shown(value),
        }
    }
}

/// Longer texts are cut in messages.
const SHOWN: usize = 60;

fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) if text.chars().count() > SHOWN => {
            let begin: String = text.chars().take(SHOWN).collect();
            format!("{begin:?}…")
        }
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => sort(value).to_owned(),
        _ => value.to_string(),
    }
}

/// What it is, without what it says.
pub(super) fn sort(value: &Value) -> &'static str {
    match value.kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "no text but true or false",
        ValueKind::String(_) => "a text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
        _ => "a number",
    }
}

fn switch(value: &Value) -> Option<bool> {
    match value.kind {
        ValueKind::Boolean(on) => Some(on),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    match value.kind {
        ValueKind::I64(number) => number.try_into().ok(),
        ValueKind::U64(number) => Some(number),
        ValueKind::I128(number) => number.try_into().ok(),
        ValueKind::U128(number) => number.try_into().ok(),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no setting is so precise")]
fn part(value: &Value) -> Option<f64> {
    match value.kind {
        ValueKind::Float(part) => Some(part),
        _ => number(value).map(|number| number as f64),
    }
}

fn duration(value: &Value) -> Option<Duration> {
    match &value.kind {
        ValueKind::String(text) => match text.trim().parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => humantime::parse_duration(text.trim()).ok(),
        },
        ValueKind::Float(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        _ => number(value).map(Duration::from_secs),
    }
}

fn text(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// For people, and to be read again. Without months and years, which are no whole days.
pub(crate) fn time(time: Duration) -> String {
    let units = [
        (24 * 60 * 60 * 1_000_000_000, "d"),
        (60 * 60 * 1_000_000_000, "h"),
        (60 * 1_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1, "ns"),
    ];
    let mut left = time.as_nanos();
    let mut parts = Vec::new();
    for (unit, name) in units {
        if left >= unit {
            parts.push(format!("{}{name}", left / unit));
        }
        left %= unit;
    }
    if parts.is_empty() {
        return "0s".to_owned();
    }
    parts.join(" ")
}

pub(super) fn written_time(it: Duration) -> serde_json::Value {
    if it.subsec_nanos() == 0 {
        json!(it.as_secs())
    } else {
        json!(time(it))
    }
}
