//! One setting: its names, what it takes, and its place in a configuration.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::CacheConfig;
use super::settings::SETTINGS;
use super::value::{time, written_time};

/// One setting of a [`CacheConfig`], as files, variables and the documentation know it.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{Preset, Setting};
///
/// let ttl = Setting::all().find(|setting| setting.name() == "default_ttl").unwrap();
/// assert_eq!(ttl.value(&Preset::Production.config()).as_deref(), Some("2h"));
/// assert_eq!(ttl.expected(), "1s to 365d, as seconds or as \"2h 30m\"");
/// ```
pub struct Setting {
    pub(super) name: &'static str,
    /// Other names that files may have for it.
    pub(super) also: &'static [&'static str],
    pub(super) variables: &'static [&'static str],
    /// Those that are read with a warning.
    pub(super) old_variables: &'static [&'static str],
    pub(super) about: &'static str,
    pub(super) form: Form,
}

/// What a setting takes, and where that is kept.
pub(super) enum Form {
    Switch {
        get: fn(&CacheConfig) -> Option<bool>,
        set: fn(&mut CacheConfig, bool),
    },
    Number {
        range: RangeInclusive<u64>,
        unit: &'static str,
        get: fn(&CacheConfig) -> Option<u64>,
        set: fn(&mut CacheConfig, u64),
    },
    /// From 0 to 1.
    Part {
        get: fn(&CacheConfig) -> f64,
        set: fn(&mut CacheConfig, f64),
    },
    Time {
        range: RangeInclusive<Duration>,
        get: fn(&CacheConfig) -> Option<Duration>,
        set: fn(&mut CacheConfig, Duration),
    },
    /// Of each operation.
    Times {
        range: RangeInclusive<Duration>,
        get: fn(&CacheConfig) -> Vec<(&str, Duration)>,
        set: fn(&mut CacheConfig, String, Duration),
    },
    Choice {
        of: fn() -> Vec<&'static str>,
        get: fn(&CacheConfig) -> &'static str,
        /// Of a name that is among them.
        set: fn(&mut CacheConfig, &str),
    },
    Text {
        expected: &'static str,
        get: fn(&CacheConfig) -> Option<String>,
        set: fn(&mut CacheConfig, String),
    },
    Secret {
        expected: &'static str,
        get: fn(&CacheConfig) -> Option<&SecretString>,
        /// What may be seen of one that is there.
        shown: fn(&CacheConfig) -> String,
        /// What may be written into a file.
        written: fn(&CacheConfig) -> Option<String>,
        set: fn(&mut CacheConfig, SecretString),
    },
    Secrets {
        expected: &'static str,
        get: fn(&CacheConfig) -> &[SecretString],
        set: fn(&mut CacheConfig, Vec<SecretString>),
    },
}

/// What a source says about a setting, understood.
pub(super) type Change = Arc<dyn Fn(&mut CacheConfig) + Send + Sync>;

impl Setting {
    /// Every setting, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        SETTINGS.iter()
    }

    /// As files and `CACHE_CUSTOM_CONFIG` have it; with a dot after the section that it is in.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Other names that files may have for it.
    #[must_use]
    pub fn other_names(&self) -> &'static [&'static str] {
        self.also
    }

    /// The variables that say it; the first one that is there counts.
    #[must_use]
    pub fn variables(&self) -> &'static [&'static str] {
        self.variables
    }

    /// Variables of older systems that say it too, and are warned of.
    #[must_use]
    pub fn old_variables(&self) -> &'static [&'static str] {
        self.old_variables
    }

    /// What it means, in a sentence.
    #[must_use]
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// What it takes: a range with its unit, names, or a form.
    #[must_use]
    pub fn expected(&self) -> String {
        self.form.expected()
    }

    /// What it is in this configuration, for people; `None` where it is not set. Shows no secret.
    #[must_use]
    pub fn value(&self, config: &CacheConfig) -> Option<String> {
        match &self.form {
            Form::Switch { get, .. } => get(config).map(|it| it.to_string()),
            Form::Number { get, .. } => get(config).map(|it| it.to_string()),
            Form::Part { get, .. } => Some(get(config).to_string()),
            Form::Time { get, .. } => get(config).map(time),
            Form::Times { get, .. } => {
                let times = get(config).into_iter();
                let times: Vec<_> = times
                    .map(|(op, ttl)| format!("{op} {}", time(ttl)))
                    .collect();
                (!times.is_empty()).then(|| times.join(", "))
            }
            Form::Choice { get, .. } => Some(get(config).to_owned()),
            Form::Text { get, .. } => get(config),
            Form::Secret { get, shown, .. } => get(config).map(|_| shown(config)),
            Form::Secrets { get, .. } => match get(config).len() {
                0 => None,
                count => Some(format!("({count} secrets)")),
            },
        }
    }

    /// The same for files, which hold no secret.
    pub(super) fn written(&self, config: &CacheConfig) -> Option<serde_json::Value> {
        Some(match &self.form {
            Form::Switch { get, .. } => json!(get(config)?),
            Form::Number { get, .. } => json!(get(config)?),
            Form::Part { get, .. } => json!(get(config)),
            Form::Time { get, .. } => written_time(get(config)?),
            Form::Times { get, .. } => {
                let times = get(config).into_iter();
                let times = times.map(|(op, ttl)| (op.to_owned(), written_time(ttl)));
                serde_json::Value::Object(times.collect())
            }
            Form::Choice { get, .. } => json!(get(config)),
            Form::Text { get, .. } => json!(get(config)?),
            Form::Secret { written, .. } => json!(written(config)?),
            Form::Secrets { .. } => return None,
        })
    }

    /// Whether two configurations say different things about it.
    pub(super) fn differs(&self, one: &CacheConfig, other: &CacheConfig) -> bool {
        match &self.form {
            Form::Secret { get, .. } => {
                let [one, other] = [one, other].map(|it| get(it).map(ExposeSecret::expose_secret));
                one != other
            }
            Form::Secrets { get, .. } => {
                let [one, other] =
                    [one, other].map(|it| get(it).iter().map(ExposeSecret::expose_secret));
                !one.eq(other)
            }
            _ => self.value(one) != self.value(other),
        }
    }

    /// What makes the same of another configuration; `None` where it is not set.
    pub(super) fn as_in(&self, config: &CacheConfig) -> Option<Change> {
        Some(match &self.form {
            Form::Switch { get, set } => {
                let (set, on) = (*set, get(config)?);
                Arc::new(move |config| set(config, on))
            }
            Form::Number { get, set, .. } => {
                let (set, number) = (*set, get(config)?);
                Arc::new(move |config| set(config, number))
            }
            Form::Part { get, set } => {
                let (set, part) = (*set, get(config));
                Arc::new(move |config| set(config, part))
            }
            Form::Time { get, set, .. } => {
                let (set, time) = (*set, get(config)?);
                Arc::new(move |config| set(config, time))
            }
            Form::Times { get, set, .. } => {
                let times = get(config).into_iter();
                let times: Vec<_> = times.map(|(op, ttl)| (op.to_owned(), ttl)).collect();
                let set = *set;
                Arc::new(move |config| {
                    let set = |(op, ttl): &(String, Duration)| set(config, op.clone(), *ttl);
                    times.iter().for_each(set);
                })
            }
            Form::Choice { get, set, .. } => {
                let (set, name) = (*set, get(config));
                Arc::new(move |config| set(config, name))
            }
            Form::Text { get, set, .. } => {
                let (set, text) = (*set, get(config)?);
                Arc::new(move |config| set(config, text.clone()))
            }
            Form::Secret { get, set, .. } => {
                let (set, secret) = (*set, get(config)?.clone());
                Arc::new(move |config| set(config, secret.clone()))
            }
            Form::Secrets { get, set, .. } => {
                let (set, secrets) = (*set, get(config).to_vec());
                Arc::new(move |config| set(config, secrets.clone()))
            }
        })
    }

    /// What is out of range in this configuration, with its name.
    pub(super) fn out_of_range(&self, config: &CacheConfig) -> Vec<(String, String)> {
        let named = |value: String| (self.name.to_owned(), value);
        let mut found = Vec::new();
        match &self.form {
            Form::Number { range, get, .. } => {
                let number = get(config).filter(|it| !range.contains(it));
                found.extend(number.map(|it| named(it.to_string())));
            }
            Form::Part { get, .. } => {
                // Not a number is outside, too.
                let part = Some(get(config)).filter(|it| !(0.0..=1.0).contains(it));
                found.extend(part.map(|it| named(it.to_string())));
            }
            Form::Time { range, get, .. } => {
                let out = get(config).filter(|it| !range.contains(it));
                found.extend(out.map(|it| named(time(it))));
            }
            Form::Times { range, get, .. } => {
                let out = get(config)
                    .into_iter()
                    .filter(|(_, it)| !range.contains(it));
                let name = self.name;
                found.extend(out.map(|(op, it)| (format!("{name}.{op}"), time(it))));
            }
            Form::Switch { .. }
            | Form::Choice { .. }
            | Form::Text { .. }
            | Form::Secret { .. }
            | Form::Secrets { .. } => {}
        }
        found
    }
}

impl Form {
    fn expected(&self) -> String {
        match self {
            Self::Switch { .. } => "true or false".to_owned(),
            Self::Number { range, unit, .. } => {
                let (start, end) = (range.start(), range.end());
                format!("{start} to {end}{unit}")
            }
            Self::Part { .. } => "0 to 1".to_owned(),
            Self::Time { range, .. } => {
                let [start, end] = [range.start(), range.end()].map(|it| time(*it));
                format!("{start} to {end}, as seconds or as \"2h 30m\"")
            }
            Self::Times { range, .. } => {
                let [start, end] = [range.start(), range.end()].map(|it| time(*it));
                format!(
                    "an operation with its lifetime, {start} to {end}, as in {{\"summarize\": \"2h\"}}"
                )
            }
            Self::Choice { of, .. } => format!("one of {}", of().join(", ")),
            Self::Text { expected, .. }
            | Self::Secret { expected, .. }
            | Self::Secrets { expected, .. } => (*expected).to_owned(),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
