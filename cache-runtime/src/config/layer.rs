//! What one source says, by the names of settings, whatever it calls them.

use std::collections::BTreeMap;
use std::path::Path;

use ::config::{ConfigError, Map, Source, Value, ValueKind};

use super::{Setting, file};

/// What one source says, by the names of settings.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer(pub(super) Map<String, Value>);

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
    pub(super) fn file(&mut self, path: &Path) -> Option<Layer> {
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
        match layer.get("enable_ai_cache") {
            None => layer.put("enable_ai_cache", at(origin, ValueKind::Boolean(true))),
            Some(said) if said.kind == ValueKind::Boolean(false) => {
                let origin = said.origin().unwrap_or(origin);
                self.warnings.push(format!(
                    "there are settings for language models, and enable_ai_cache is false \
                     ({origin}), so that they mean nothing; leave either out"
                ));
            }
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
                    // Also where it is empty, it is there.
                    if layer.get(&name).is_none() {
                        layer.put(&name, empty_table());
                    }
                    self.sort(layer, place, &name, inner, origin);
                }
                (None, ValueKind::Nil) if is_section(&name) => {}
                (None, _) if is_section(&name) => self.problems.push(format!(
                    "{place}{name} is no table ({origin}); expected a table of settings"
                )),
                (None, _) => {
                    let top_level = ["preset", "kinds"].into_iter().filter(|_| place.is_empty());
                    let meant = did_you_mean(&name, names().chain(top_level));
                    let meant = if meant.is_empty() {
                        "; docs/configuration.md has all of them"
                    } else {
                        &meant
                    };
                    self.problems
                        .push(format!("{place}{name} is no setting ({origin}){meant}"));
                }
            }
        }
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
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
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
        Some((distance, meant)) if distance <= 3.min(name.len() / 3) => {
            format!("; did you mean {meant}?")
        }
        _ => String::new(),
    }
}
