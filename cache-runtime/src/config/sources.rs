//! Files, variables and values, one over the other: from what several sources say to one
//! configuration that knows where each of its settings comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ::config::builder::DefaultState;
use ::config::{Config, ConfigBuilder, ConfigError, Map, Source, Value, ValueKind};
use serde::{Deserialize, Serialize};

use super::environment::{self, Variables};
use super::kinds::{KindSettings, Own};
use super::setting::{Form, sort};
use super::{CacheConfig, Preset, Setting, file};
use crate::error::CacheError;

/// Where settings come from.
///
/// Each source comes before the ones above it here, whatever the order is in which they are named:
///
/// | source | |
/// |---|---|
/// | defaults | |
/// | a preset | named by [`preset`](Self::preset), else by `CACHE_PRESET`, else by a file. Where variables are read and none is named: `development` |
/// | [files](Self::file) | each before those that were named earlier; the one that `CACHE_CONFIG_FILE` names before all |
/// | [variables](Self::environment) | |
/// | `CACHE_CUSTOM_CONFIG` | a table as in a file, in JSON |
/// | [`CacheConfigBuilder`](crate::CacheConfigBuilder) | made from the configuration that was loaded |
///
/// What one kind has for itself comes before what any source says for all. Tables such as
/// `operation_ttls` are merged; `null` in a table says nothing. `docs/configuration.md` has all settings, with the
/// variables that say them.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{CacheConfigBuilder, ConfigSources};
///
/// let variables = [
///     ("CACHE_PRESET", "ai-production"),
///     ("CACHE_CUSTOM_CONFIG", r#"{"compression_level": 6, "operation_ttls": {"qa": "1h"}}"#),
/// ];
/// let loaded = ConfigSources::new().variables(variables).load()?;
/// let config = CacheConfigBuilder::from(loaded).l1_cache_size(2000).build()?;
///
/// let explanation = config.explain();
/// let source = |name| explanation.get(name).unwrap().source.as_str();
/// assert_eq!(source("default_ttl"), "preset ai-production");
/// assert_eq!(source("compression_level"), "variable CACHE_CUSTOM_CONFIG");
/// assert_eq!(source("l1_cache_size"), "the program");
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ConfigSources {
    preset: Option<Preset>,
    files: Vec<PathBuf>,
    variables: Option<Variables>,
}

impl ConfigSources {
    /// No source but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with this preset, whatever `CACHE_PRESET` or a file says.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = Some(preset);
        self
    }

    /// Reads a file: `.json`, `.toml`, or with the feature `yaml` `.yaml` and `.yml`; of at most 1 MiB.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self
    }

    /// Reads the variables of this process.
    pub fn environment(mut self) -> Self {
        self.variables = Some(Variables::OfProcess);
        self
    }

    /// Reads these variables, and none of the process.
    pub fn variables<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(k, v)| (k.into(), v.into()));
        self.variables = Some(Variables::Given(variables.collect()));
        self
    }

    /// The configuration that the sources make together. What is worth a warning is logged: old names
    /// of variables, for example.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] with a sentence for everything that cannot be used: which setting
    /// of which source, what was found, and what is expected.
    pub fn load(self) -> Result<CacheConfig, CacheError> {
        let mut reading = Reading::default();
        let mut layers = Vec::new();
        for path in &self.files {
            layers.extend(reading.file(path));
        }
        if let Some(variables) = &self.variables {
            let read = environment::read(variables, &mut reading);
            layers.extend(read.file.and_then(|path| reading.file(&path)));
            layers.extend(read.layers);
        }
        reading.configure(layers, self.preset, self.variables.is_some())
    }
}

impl CacheConfig {
    /// The settings of this process' environment, as [`init`](crate::init) takes them.
    ///
    /// # Errors
    /// As [`ConfigSources::load`].
    pub fn from_environment() -> Result<Self, CacheError> {
        ConfigSources::new().environment().load()
    }

    /// The settings of a file, as [`ConfigSources::file`] reads it, over the defaults.
    ///
    /// # Errors
    /// As [`ConfigSources::load`].
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, CacheError> {
        ConfigSources::new().file(path).load()
    }

    /// The settings of a value that looks like a file: a map, or a type of the application's own.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::CacheConfig;
    ///
    /// let map = std::collections::BTreeMap::from([("default_ttl", 7200), ("memory_cache_size", 200)]);
    /// let config = CacheConfig::from_value(&map)?;
    /// assert_eq!(config.l1_cache_size, 200);
    ///
    /// let misspelled = std::collections::BTreeMap::from([("defualt_ttl", 7200)]);
    /// let error = CacheConfig::from_value(&misspelled).unwrap_err().to_string();
    /// assert!(error.contains("did you mean default_ttl?"));
    /// # Ok::<(), larder::CacheError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ConfigSources::load`].
    pub fn from_value<T: Serialize>(value: &T) -> Result<Self, CacheError> {
        let unusable = |problem: String| {
            CacheError::configuration(format!("the value is no table of settings: {problem}"))
        };
        let value = serde_json::to_value(value).map_err(|error| unusable(error.to_string()))?;
        let value = Value::deserialize(value).map_err(|error| unusable(error.to_string()))?;
        match value.kind {
            ValueKind::Table(table) => Self::from_table(table),
            _ => Err(unusable(format!("it is {}", sort(&value)))),
        }
    }

    pub(super) fn from_table(table: Map<String, Value>) -> Result<Self, CacheError> {
        let mut reading = Reading::default();
        let layer = reading.layer(table, "the given value");
        reading.configure(vec![layer], None, false)
    }
}

/// What one source says, by the names of settings.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) problems: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Reading {
    fn file(&mut self, path: &std::path::Path) -> Option<Layer> {
        let origin = format!("file {}", path.display());
        match file::read(path, &origin) {
            Ok(table) => Some(self.layer(table, &origin)),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// What a source says, by the names of settings, as far as there are such settings.
    pub(super) fn layer(&mut self, mut table: Map<String, Value>, origin: &str) -> Layer {
        let mut layer = Layer::default();
        if let Some(preset) = table.remove("preset") {
            layer.put("preset", at(origin, preset.kind));
        }
        match table.remove("kinds").map(|it| it.kind) {
            None => {}
            Some(ValueKind::Table(kinds)) => {
                let mut of_kinds = Map::new();
                let kinds: BTreeMap<_, _> = kinds.into_iter().collect();
                for (kind, section) in kinds {
                    let ValueKind::Table(section) = section.kind else {
                        self.problems.push(format!(
                            "kinds.{kind} is no table ({origin}); expected the settings of that kind"
                        ));
                        continue;
                    };
                    let mut of_kind = Layer::default();
                    let place = format!("kinds.{kind}.");
                    self.sort(&mut of_kind, &place, "", section, origin);
                    self.complete(&mut of_kind, origin);
                    of_kinds.insert(kind, at(origin, ValueKind::Table(of_kind.0)));
                }
                layer.put("kinds", at(origin, ValueKind::Table(of_kinds)));
            }
            Some(_) => self.problems.push(format!(
                "kinds is no table ({origin}); expected one with a table of settings for each kind"
            )),
        }
        self.sort(&mut layer, "", "", table, origin);
        self.complete(&mut layer, origin);
        layer
    }

    /// Whoever has settings for language models wants them, unless he says otherwise.
    pub(super) fn complete(&mut self, layer: &mut Layer, origin: &str) {
        if layer.get("ai").is_none() {
            return;
        }
        match layer.get("enable_ai_cache").map(|it| &it.kind) {
            None => layer.put("enable_ai_cache", at(origin, ValueKind::Boolean(true))),
            Some(ValueKind::Boolean(false)) => self.warnings.push(format!(
                "there are settings for language models, and enable_ai_cache is false ({origin}), so \
                 that they mean nothing; leave either out"
            )),
            Some(_) => {}
        }
    }

    /// Puts each setting where it belongs, whatever it was called. All in `place`, in a section.
    fn sort(
        &mut self,
        layer: &mut Layer,
        place: &str,
        section: &str,
        table: Map<String, Value>,
        origin: &str,
    ) {
        let mut table: Vec<_> = table.into_iter().collect();
        table.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (key, value) in table {
            let name = match (section, key.as_str()) {
                ("", "ai_config") => "ai".to_owned(),
                ("", key) => key.to_owned(),
                (section, key) => format!("{section}.{key}"),
            };
            match (find(&name), value.kind) {
                // As good as not there.
                (Some(_), ValueKind::Nil) => {}
                (Some(setting), kind) => {
                    let value = with_origin(origin, kind);
                    let is_other = |there: &Value| there.kind != value.kind;
                    if layer.get(setting.name()).is_some_and(is_other) {
                        self.problems.push(format!(
                            "{place}{name} says something else than {place}{}, which is the same \
                             setting ({origin}); expected one of them",
                            other_name(setting, &name)
                        ));
                    }
                    layer.put(setting.name(), value);
                }
                (None, ValueKind::Table(inner)) if is_section(&name) => {
                    if inner.is_empty() {
                        layer.put(&name, Value::new(None, ValueKind::Table(inner)));
                    } else {
                        self.sort(layer, place, &name, inner, origin);
                    }
                }
                (None, ValueKind::Nil) if is_section(&name) => {}
                (None, _) if is_section(&name) => self.problems.push(format!(
                    "{place}{name} is no table ({origin}); expected a table of settings"
                )),
                (None, _) => {
                    let top_level = ["preset", "kinds"].into_iter().filter(|_| place.is_empty());
                    let meant = did_you_mean(&name, names().chain(top_level));
                    self.problems
                        .push(format!("{place}{name} is no setting ({origin}){meant}"));
                }
            }
        }
    }

    /// The configuration of these layers, from the weakest to the strongest.
    fn configure(
        mut self,
        layers: Vec<Layer>,
        preset: Option<Preset>,
        has_variables: bool,
    ) -> Result<CacheConfig, CacheError> {
        let merged = layers
            .into_iter()
            .fold(Config::builder(), ConfigBuilder::<DefaultState>::add_source)
            .build()
            .and_then(|it| it.collect());
        let merged = Layer(merged.map_err(|error| CacheError::configuration(error.to_string()))?);
        let (preset, source) = match (preset, merged.get("preset")) {
            (Some(preset), _) => (Some(preset), "the program"),
            (None, Some(named)) => (self.preset(named), named.origin().unwrap_or("")),
            (None, None) if has_variables => (Some(Preset::default()), "default"),
            (None, None) => (None, ""),
        };
        let mut config = preset.map_or_else(CacheConfig::default, Preset::config);
        if preset.is_some() {
            config
                .origins
                .insert("preset".to_owned(), source.to_owned());
        }
        for own in self.own(&merged, "") {
            own.apply(&mut config);
        }
        if let Some(ValueKind::Table(kinds)) = merged.get("kinds").map(|it| &it.kind) {
            let kinds: BTreeMap<_, _> = kinds.iter().collect();
            for (kind, section) in kinds {
                if let ValueKind::Table(section) = &section.kind {
                    let own = self.own(&Layer(section.clone()), &format!("kinds.{kind}."));
                    config.kinds.insert(kind.clone(), KindSettings::of(own));
                }
            }
        }
        config.checked(self.problems, self.warnings)
    }

    fn preset(&mut self, named: &Value) -> Option<Preset> {
        let origin = named.origin().unwrap_or_default();
        let problem = match &named.kind {
            ValueKind::String(name) => match name.trim().parse::<Preset>() {
                Ok(preset) => return Some(preset),
                Err(error) => error.problems().join("; "),
            },
            _ => format!("the preset is {}; expected its name", sort(named)),
        };
        self.problems.push(format!("{problem} ({origin})"));
        None
    }

    /// What the sources say, in the order in which it is to be set.
    fn own(&mut self, said: &Layer, place: &str) -> Vec<Own> {
        let mut all = Vec::new();
        for setting in Setting::all() {
            let Some(value) = said.get(setting.name()) else {
                continue;
            };
            match setting.form.read(value) {
                Ok(change) => {
                    let mut origins = BTreeMap::new();
                    note_origins(&mut origins, setting.name(), value);
                    all.push(Own {
                        name: setting.name(),
                        change,
                        origins,
                    });
                }
                Err(found) => {
                    let mut origins = BTreeMap::new();
                    note_origins(&mut origins, setting.name(), value);
                    let mut origins: Vec<_> = origins.into_values().collect();
                    origins.sort_unstable();
                    origins.dedup();
                    let origin = origins.join(", ");
                    let (name, expected) = (setting.name(), setting.expected());
                    let meant = match (&setting.form, &value.kind) {
                        (Form::Choice { of, .. }, ValueKind::String(name)) => {
                            did_you_mean(name, of())
                        }
                        _ => String::new(),
                    };
                    self.problems.extend(found.into_iter().map(|found| {
                        format!("{place}{name} is {found} ({origin}); expected {expected}{meant}")
                    }));
                }
            }
        }
        // Whatever else they say: what is off is off.
        let is_off = |own: &&Own| {
            let value = said.get(own.name);
            own.name == "enable_ai_cache"
                && value.is_some_and(|it| it.kind == ValueKind::Boolean(false))
        };
        let off = all.iter().find(is_off).cloned();
        all.extend(off);
        all
    }
}

fn note_origins(origins: &mut BTreeMap<String, String>, name: &str, value: &Value) {
    match (&value.kind, value.origin()) {
        (ValueKind::Table(inner), _) => {
            for (key, value) in inner {
                note_origins(origins, &format!("{name}.{key}"), value);
            }
        }
        (_, Some(origin)) => {
            origins.insert(name.to_owned(), origin.to_owned());
        }
        (_, None) => {}
    }
}

impl Layer {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let mut parts = name.split('.');
        let first = self.0.get(parts.next()?)?;
        parts.try_fold(first, |value, part| match &value.kind {
            ValueKind::Table(inner) => inner.get(part),
            _ => None,
        })
    }

    pub(super) fn put(&mut self, name: &str, value: Value) {
        let mut parts: Vec<&str> = name.split('.').collect();
        let Some(last) = parts.pop() else {
            return;
        };
        let mut table = &mut self.0;
        for part in parts {
            let inner = table.entry(part.to_owned()).or_insert_with(empty_table);
            if !matches!(inner.kind, ValueKind::Table(_)) {
                *inner = empty_table();
            }
            let ValueKind::Table(inner) = &mut inner.kind else {
                return;
            };
            table = inner;
        }
        table.insert(last.to_owned(), value);
    }
}

fn empty_table() -> Value {
    Value::new(None, ValueKind::Table(Map::new()))
}

pub(super) fn at(origin: &str, kind: ValueKind) -> Value {
    Value::new(Some(&origin.to_owned()), kind)
}

/// The same with all that is in it.
fn with_origin(origin: &str, kind: ValueKind) -> Value {
    match kind {
        ValueKind::Table(inner) => {
            let inner = inner.into_iter();
            let inner = inner.map(|(key, value)| (key, with_origin(origin, value.kind)));
            // It is merged with those of others, and has no origin of its own.
            Value::new(None, ValueKind::Table(inner.collect()))
        }
        kind => at(origin, kind),
    }
}

pub(super) fn find(name: &str) -> Option<&'static Setting> {
    Setting::all().find(|it| it.name() == name || it.also.contains(&name))
}

fn other_name(setting: &'static Setting, name: &str) -> &'static str {
    let names = [setting.name()]
        .into_iter()
        .chain(setting.also.iter().copied());
    names.into_iter().find(|it| *it != name).unwrap_or_default()
}

fn names() -> impl Iterator<Item = &'static str> {
    let names =
        Setting::all().flat_map(|it| [it.name()].into_iter().chain(it.also.iter().copied()));
    names.chain(["ai", "security"])
}

fn is_section(name: &str) -> bool {
    names().any(|it| {
        it.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// What may have been meant by a name that is none of these, as the end of a sentence.
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let lower = name.to_ascii_lowercase();
    let nearest = known
        .into_iter()
        .map(|it| {
            let known = it.to_ascii_lowercase();
            let begins_alike = known.starts_with(&lower) && lower.len() > 2;
            let distance = strsim::damerau_levenshtein(&lower, &known);
            (if begins_alike { 1 } else { distance }, it)
        })
        .min();
    match nearest {
        Some((distance, meant)) if distance <= 2.max(name.len() / 4) => {
            format!("; did you mean {meant}?")
        }
        _ => String::new(),
    }
}
