//! Files that settings are read from and written to.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read as _;
use std::path::Path;

use ::config::{FileFormat, Format as _, Map, Value, ValueKind};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::{CacheConfig, Preset, Setting};
use crate::error::CacheError;

/// Nobody writes so many settings.
const LARGEST: u64 = 1 << 20;

#[derive(Clone, Copy)]
enum Kind {
    Json,
    Toml,
    Yaml,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        match extension.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// The table in a file, or one sentence on why there is none.
pub(super) fn read(path: &Path, origin: &str) -> Result<Map<String, Value>, String> {
    let Some(kind) = Kind::of(path) else {
        return Err(format!(
            "the {origin} has no known ending; expected .json, .toml or .yaml"
        ));
    };
    let unreadable = |error: std::io::Error| {
        format!("the {origin} cannot be read ({error}); expected a file with settings")
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!(
            "the {origin} is larger than 1 MiB; expected a file with settings"
        ));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("the {origin} is no text in UTF-8; expected a file with settings"))?;
    match kind {
        Kind::Json => json(&text, origin),
        Kind::Toml => parse(FileFormat::Toml, &text, origin),
        Kind::Yaml => yaml(&text, origin),
    }
}

/// The table that a text in JSON is.
pub(super) fn json(text: &str, origin: &str) -> Result<Map<String, Value>, String> {
    // That says what is wrong and where, but nothing of what is there: that may be a secret.
    if let Err(error) = serde_json::from_str::<Unique>(text) {
        return Err(format!(
            "the {origin} is no JSON ({error}); expected a table, as in {{\"name\": \"value\"}}"
        ));
    }
    parse(FileFormat::Json, text, origin)
}

#[cfg(feature = "yaml")]
fn yaml(text: &str, origin: &str) -> Result<Map<String, Value>, String> {
    parse(FileFormat::Yaml, text, origin)
}

#[cfg(not(feature = "yaml"))]
fn yaml(_text: &str, origin: &str) -> Result<Map<String, Value>, String> {
    Err(format!(
        "the {origin} is YAML, and this program was built without the feature `yaml`; enable the \
         feature, or write JSON or TOML"
    ))
}

fn parse(format: FileFormat, text: &str, origin: &str) -> Result<Map<String, Value>, String> {
    let table = format.parse(Some(&origin.to_owned()), text);
    table.map_err(|error| {
        let error = without_text(&error.to_string());
        format!("the {origin} cannot be understood ({error}); expected a table of settings")
    })
}

/// Where something is wrong, and what, as far as that is no text of the file: it may be a secret.
fn without_text(error: &str) -> String {
    let words: Vec<&str> = error.split_whitespace().collect();
    let number_after = |name: &str| {
        let pairs = words.windows(2).filter(|pair| pair[0] == name);
        let mut numbers = pairs.map(|pair| pair[1].trim_end_matches(','));
        numbers.find_map(|it| it.parse::<u32>().ok())
    };
    let place = match (number_after("line"), number_after("column")) {
        (Some(line), Some(column)) => format!("line {line}, column {column}"),
        _ => "it is no table".to_owned(),
    };
    let is_twice = error.contains("duplicate key") || error.contains("duplicated key");
    place
        + if is_twice {
            ": a key is there twice"
        } else {
            ""
        }
}

/// Any JSON that has no key twice in one table. Of what it is about nothing is kept.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything).map(|()| Self)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut known = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<Unique>()?;
            if known.contains(&key) {
                return Err(de::Error::custom(format!("the key {key:?} is there twice")));
            }
            known.insert(key);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<Unique>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl CacheConfig {
    /// Writes these settings into a file, `.json` or `.toml`, so that
    /// [`from_file`](Self::from_file) makes the same configuration of it: the preset, and what differs
    /// from it, or from the defaults. Makes the directories that the file is in.
    ///
    /// Secrets are left out: passwords, keys, and user and password of `redis_url`. Who loads the file
    /// has to say those again that other settings ask for, in variables for example: the password of an
    /// `acl_username`, the key where `require_encryption` is true. Left out, too, is what no file can
    /// say: a [source of credentials](crate::SecurityConfig::credentials), a
    /// [promotion](crate::CacheConfigBuilder::promotion) of the program's own, lifetimes that
    /// [`for_ai_environment`](Self::for_ai_environment) brings along, and that a setting is not set
    /// which the preset sets.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for another ending and where the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CacheError> {
        let path = path.as_ref();
        let shown = path.display();
        let text = match Kind::of(path) {
            Some(Kind::Json) => {
                serde_json::to_string_pretty(&self.table()).map_err(|error| error.to_string())
            }
            Some(Kind::Toml) => {
                toml::to_string_pretty(&self.table()).map_err(|error| error.to_string())
            }
            Some(Kind::Yaml) | None => Err("expected an ending of .json or .toml".to_owned()),
        };
        let written = text.and_then(|text| {
            let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
            directory
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(path, text + "\n"))
                .map_err(|error| error.to_string())
        });
        written.map_err(|error| {
            CacheError::configuration(format!("the file {shown} cannot be written: {error}"))
        })
    }

    /// What a file says of these settings.
    fn table(&self) -> serde_json::Value {
        let mut table = json!({});
        if let Some(preset) = self.preset {
            table["preset"] = json!(preset.name());
        }
        let begins = self.preset.map_or_else(Self::default, Preset::config);
        for setting in Setting::all().filter(|it| it.differs(&begins, self)) {
            put(&mut table, setting, &begins, self);
        }
        for kind in self.kinds.keys() {
            let config = self.for_kind(kind);
            let mut section = json!({});
            for setting in Setting::all().filter(|it| it.differs(self, &config)) {
                put(&mut section, setting, self, &config);
            }
            table["kinds"][kind.as_str()] = section;
        }
        table
    }
}

/// What a setting says in `config`; of a table, the entries that it does not say `before`.
fn put(
    table: &mut serde_json::Value,
    setting: &Setting,
    before: &CacheConfig,
    config: &CacheConfig,
) {
    let Some(mut value) = setting.written(config) else {
        return;
    };
    if let (Some(entries), Some(before)) = (value.as_object_mut(), setting.written(before)) {
        entries.retain(|name, entry| before.get(name) != Some(entry));
    }
    let parts = setting.name().split('.');
    let place = parts.fold(table, |table, part| &mut table[part]);
    *place = value;
}

impl Serialize for CacheConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CacheConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.kind {
            ValueKind::Table(table) => Self::from_table(table).map_err(de::Error::custom),
            _ => Err(de::Error::custom("expected a table of settings")),
        }
    }
}
