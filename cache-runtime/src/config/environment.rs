//! What operators say in variables.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use ::config::{Map, Value, ValueKind};

use super::layer::{Layer, Reading, at, did_you_mean};
use super::setting::Form;
use super::{CacheConfig, Setting, file};

const PRESET: &str = "CACHE_PRESET";
const FILE: &str = "CACHE_CONFIG_FILE";
const CUSTOM: &str = "CACHE_CUSTOM_CONFIG";
const VERIFY: &str = "REDIS_VERIFY_CERTIFICATES";

/// What a variable says to switch something on or off.
pub(super) const SWITCH: &str = "true, 1, yes, on, false, 0, no or off";

/// A whole table in one variable of an older system, and the section that it is.
const OLD_TIERS: (&str, &str) = ("AI_CACHE_TEXT_SIZE_TIERS", "ai.text_size_tiers");

/// Variables of an older system that nothing has to be said by any more, and why.
const WITHOUT_MEANING: [(&str, &str); 2] = [
    (
        "REDIS_MAX_RETRIES",
        "connecting is tried again until it succeeds, in the background",
    ),
    (
        "REDIS_INSECURE_ALLOW_PLAINTEXT",
        "TLS is used where redis_url or REDIS_USE_TLS asks for it",
    ),
];

/// Fewer entries than this are not worth sharing out.
const LEAST_FOR_WORKER: usize = 50;

#[derive(Clone)]
pub(super) enum Variables {
    OfProcess,
    Given(BTreeMap<String, String>),
}

/// Without what they say: secrets are among them.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfProcess => f.write_str("OfProcess"),
            Self::Given(variables) => f.debug_set().entries(variables.keys()).finish(),
        }
    }
}

/// What variables say.
pub(super) struct Read {
    pub(super) file: Option<PathBuf>,
    /// From the weakest to the strongest.
    pub(super) layers: Vec<Layer>,
}

impl CacheConfig {
    /// How many entries each of several processes on one machine has in memory, where so many are
    /// there for all of them: an equal share, but 50 at least.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// assert_eq!(larder::CacheConfig::l1_size_for_workers(400, 4), 100);
    /// assert_eq!(larder::CacheConfig::l1_size_for_workers(100, 8), 50);
    /// ```
    #[must_use]
    pub fn l1_size_for_workers(total: usize, workers: usize) -> usize {
        (total / workers.max(1)).max(LEAST_FOR_WORKER)
    }
}

pub(super) fn read(variables: &Variables, reading: &mut Reading) -> Read {
    let mut layer = Layer::default();
    if let Some(preset) = variables.get(PRESET, reading) {
        layer.put("preset", at(&origin(PRESET), ValueKind::String(preset)));
    }
    for setting in Setting::all() {
        if let Some((name, text)) = chosen(setting, variables, reading) {
            match of_text(&setting.form, &text, &origin(name)) {
                Ok(value) => layer.put(setting.name(), value),
                Err(problem) => reading.problems.push(problem),
            }
        }
    }
    let said_by = variable_that_says_ai(&layer);
    reading.complete(&mut layer, &said_by);
    let tiers = old_tiers(variables, reading);
    let custom = table_in(CUSTOM, variables, reading);
    let custom = custom.map(|table| reading.layer(table, &origin(CUSTOM)));
    others(variables, reading);
    Read {
        file: variables.get(FILE, reading).map(PathBuf::from),
        layers: tiers.into_iter().chain([layer]).chain(custom).collect(),
    }
}

/// The first of the variables that have settings for language models.
fn variable_that_says_ai(layer: &Layer) -> String {
    let ai = Setting::all().filter(|setting| setting.name().starts_with("ai."));
    let said = ai.filter_map(|setting| layer.get(setting.name())?.origin());
    said.map(str::to_owned).next().unwrap_or_default()
}

fn table_in(
    variable: &str,
    variables: &Variables,
    reading: &mut Reading,
) -> Option<Map<String, Value>> {
    let text = variables.get(variable, reading)?;
    let table = file::json(&text, &origin(variable));
    table.map_err(|problem| reading.problems.push(problem)).ok()
}

/// Whether that is a variable that says one setting, and no table of them.
pub(super) fn is_variable(source: &str) -> bool {
    source.starts_with("variable ") && source != origin(CUSTOM)
}

fn origin(variable: &str) -> String {
    format!("variable {variable}")
}

/// The variable that says this setting, and what it says.
fn chosen(
    setting: &'static Setting,
    variables: &Variables,
    reading: &mut Reading,
) -> Option<(&'static str, String)> {
    let names = setting.variables.iter().chain(setting.old_variables);
    let mut there = Vec::new();
    for name in names {
        there.extend(variables.get(name, reading).map(|text| (*name, text)));
    }
    let mut there = there.into_iter();
    let (name, text) = there.next()?;
    for (other, says) in there {
        if says != text {
            reading.warnings.push(format!(
                "{other} says something else than {name}, which comes before it; leave one of them \
                 out"
            ));
        }
    }
    if setting.old_variables.contains(&name) {
        let instead = match setting.variables.first() {
            Some(new) => format!("its name is {new} now"),
            None => format!("say {} in CACHE_CUSTOM_CONFIG or in a file", setting.name()),
        };
        reading.warnings.push(format!(
            "the variable {name} is from an older system; {instead}"
        ));
    }
    Some((name, text))
}

/// What a text means for a setting of this form.
fn of_text(form: &Form, text: &str, origin: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    let kind = match form {
        Form::Switch { .. } => parse_bool(trimmed).map(ValueKind::Boolean),
        Form::Number { .. } => trimmed.parse().ok().map(ValueKind::I64),
        Form::Part { .. } => trimmed.parse().ok().map(ValueKind::Float),
        Form::Time { .. } => match trimmed.parse() {
            Ok(seconds) => Some(ValueKind::Float(seconds)),
            Err(_) => None,
        },
        Form::Times { .. } => {
            let table = file::json(text, origin)?;
            return Ok(Value::new(None, ValueKind::Table(table)));
        }
        Form::Choice { .. } | Form::Text { .. } => Some(ValueKind::String(trimmed.to_owned())),
        Form::Secret { .. } | Form::Secrets { .. } => None,
    };
    // What it is not is said where it is read.
    Ok(at(
        origin,
        kind.unwrap_or_else(|| ValueKind::String(text.to_owned())),
    ))
}

fn parse_bool(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn old_tiers(variables: &Variables, reading: &mut Reading) -> Option<Layer> {
    let (name, section) = OLD_TIERS;
    let tiers = table_in(name, variables, reading)?;
    reading.warnings.push(format!(
        "the variable {name} is from an older system; say {section} in CACHE_CUSTOM_CONFIG or in a \
         file"
    ));
    let tiers = at(&origin(name), ValueKind::Table(tiers));
    let table = Map::from_iter([("text_size_tiers".to_owned(), tiers)]);
    let ai = at(&origin(name), ValueKind::Table(table));
    Some(reading.layer(Map::from_iter([("ai".to_owned(), ai)]), &origin(name)))
}

/// What is read and says no setting.
fn others(variables: &Variables, reading: &mut Reading) {
    for (name, why) in WITHOUT_MEANING {
        if variables.get(name, reading).is_some() {
            reading
                .warnings
                .push(format!("the variable {name} means nothing here: {why}"));
        }
    }
    let verify = variables.get(VERIFY, reading);
    match verify.as_deref().map(|text| (text, parse_bool(text.trim()))) {
        None | Some((_, Some(true))) => {}
        Some((text, found)) => reading.problems.push(format!(
            "{VERIFY} is {text:?}; expected true{}: certificates are always checked, against those of \
             the system or of REDIS_TLS_CA_PATH",
            if found.is_some() { "" } else { ", or nothing" }
        )),
    }
    let names = variables.names();
    let ours = names
        .iter()
        .filter(|name| ["CACHE_", "REDIS_"].iter().any(|it| name.starts_with(it)));
    for name in ours.filter(|name| !known().any(|it| it == *name)) {
        if let Some(meant) = meant_by(name) {
            reading
                .warnings
                .push(format!("the variable {name} says nothing; {meant}"));
        }
    }
}

/// What somebody may have meant by a variable that says nothing, if it looks like one of ours.
fn meant_by(name: &str) -> Option<String> {
    let rest = name.strip_prefix("CACHE_").unwrap_or(name);
    if let Some(variable) = current().find(|it| *it == rest) {
        return Some(format!("did you mean {variable}?"));
    }
    let setting = Setting::all().find(|setting| {
        let full = setting.name().replace('.', "_");
        let last = setting.name().rsplit('.').next();
        [Some(full.as_str()), last].contains(&Some(&*rest.to_ascii_lowercase()))
    });
    if let Some(setting) = setting {
        return Some(match setting.variables.first() {
            Some(variable) => format!("did you mean {variable}?"),
            None => format!("say {} in CACHE_CUSTOM_CONFIG or in a file", setting.name()),
        });
    }
    let meant = did_you_mean(name, current());
    meant.strip_prefix("; ").map(str::to_owned)
}

/// The variables that are not from an older system.
fn current() -> impl Iterator<Item = &'static str> {
    let of_settings = Setting::all().flat_map(|it| it.variables.iter().copied());
    [PRESET, FILE, CUSTOM].into_iter().chain(of_settings)
}

fn known() -> impl Iterator<Item = &'static str> {
    let of_settings =
        Setting::all().flat_map(|it| it.variables.iter().chain(it.old_variables).copied());
    let without_meaning = WITHOUT_MEANING.iter().map(|(name, _)| *name);
    [PRESET, FILE, CUSTOM, VERIFY, OLD_TIERS.0]
        .into_iter()
        .chain(of_settings)
        .chain(without_meaning)
}

impl Variables {
    /// An empty value is the same as none.
    fn get(&self, name: &str, reading: &mut Reading) -> Option<String> {
        let value = match self {
            Self::Given(variables) => variables.get(name).cloned(),
            Self::OfProcess => match std::env::var(name) {
                Ok(value) => Some(value),
                Err(std::env::VarError::NotPresent) => None,
                Err(std::env::VarError::NotUnicode(_)) => {
                    let problem = format!("the variable {name} is no UTF-8; expected a text");
                    reading.problems.push(problem);
                    None
                }
            },
        };
        value.filter(|value| !value.trim().is_empty())
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Given(variables) => variables.keys().cloned().collect(),
            Self::OfProcess => std::env::vars_os()
                .filter_map(|(name, _)| name.into_string().ok())
                .collect(),
        }
    }
}
