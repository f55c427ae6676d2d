//! Files, variables and values, one over the other: from what several sources say to one
//! configuration that knows where each of its settings comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ::config::builder::DefaultState;
use ::config::{Config, ConfigBuilder, Map, Source, Value, ValueKind};
use serde::{Deserialize, Serialize};

use super::environment::{self, Variables};
use super::kinds::{KindSettings, Own};
use super::layer::{Layer, Reading, did_you_mean};
use super::setting::Form;
use super::value::sort;
use super::{CacheConfig, Preset, Setting};
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

impl Reading {
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
                    let name = setting.name();
                    let expected = match (&setting.form, environment::is_variable(&origin)) {
                        (Form::Switch { .. }, true) => environment::SWITCH.to_owned(),
                        _ => setting.expected(),
                    };
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
