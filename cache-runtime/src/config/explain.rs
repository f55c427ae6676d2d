//! Which settings are in force, and where they come from.

use std::collections::BTreeSet;
use std::fmt;

use super::value::time;
use super::{CacheConfig, Setting};

/// Every setting in force with its source, as [`CacheConfig::explain`] finds it. `Display` writes a
/// line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    settings: Vec<Explained>,
}

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explained {
    /// As files have it, after `kinds.{kind}.` where one kind has it differently.
    pub name: String,
    /// What it is; `-` where it is not set, and `(set)` for a secret.
    pub value: String,
    /// Such as `default`, `preset production`, `file larder.toml`, `variable CACHE_REDIS_URL` or
    /// `the program`.
    pub source: String,
}

impl Explanation {
    /// In the order of the documentation.
    #[must_use]
    pub fn settings(&self) -> &[Explained] {
        &self.settings
    }

    /// The one with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Explained> {
        self.settings.iter().find(|setting| setting.name == name)
    }
}

impl CacheConfig {
    /// Every setting in force, and where it comes from.
    ///
    /// A field that was changed by hand after the configuration was built keeps the source that it had.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::ConfigSources;
    ///
    /// let variables = [("CACHE_PRESET", "production"), ("CACHE_REDIS_URL", "redis://:secret@cache")];
    /// let config = ConfigSources::new().variables(variables).load()?;
    /// let explanation = config.explain();
    ///
    /// let url = explanation.get("redis_url").unwrap();
    /// assert_eq!((&*url.value, &*url.source), ("redis://cache:6379/0", "variable CACHE_REDIS_URL"));
    /// let ttl = explanation.get("default_ttl").unwrap();
    /// assert_eq!((&*ttl.value, &*ttl.source), ("2h", "preset production"));
    /// assert_eq!(explanation.get("jitter").unwrap().source, "default");
    /// # Ok::<(), larder::CacheError>(())
    /// ```
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let mut settings = Vec::new();
        if let Some(preset) = self.preset {
            settings.push(self.explained("preset", preset.name().to_owned()));
        }
        for setting in Setting::all() {
            settings.push(self.of(setting));
            if setting.name() == "operation_ttls" {
                let mut built_in: Vec<_> = self.built_in_ttls.iter().collect();
                built_in.sort_unstable();
                for (operation, ttl) in built_in {
                    settings.push(Explained {
                        name: format!("built-in lifetime of {operation}"),
                        value: time(*ttl),
                        source: self.source_of_built_in(),
                    });
                }
            }
        }
        for (kind, own) in &self.kinds {
            let config = self.for_kind(kind);
            let own: BTreeSet<_> = own.names().collect();
            let own = Setting::all().filter(|setting| own.contains(setting.name()));
            settings.extend(own.map(|setting| {
                let explained = config.of(setting);
                Explained {
                    name: format!("kinds.{kind}.{}", explained.name),
                    ..explained
                }
            }));
        }
        Explanation { settings }
    }

    /// What is not as it was before comes from this source.
    pub(super) fn note_changes(&mut self, before: &Self, source: &str) {
        let changed = Setting::all().filter(|setting| setting.differs(before, self));
        let changed: Vec<_> = changed.map(|it| it.name().to_owned()).collect();
        let changed = changed.into_iter().map(|name| (name, source.to_owned()));
        self.origins.extend(changed);
    }

    fn of(&self, setting: &Setting) -> Explained {
        let value = setting.value(self).unwrap_or_else(|| "-".to_owned());
        self.explained(setting.name(), value)
    }

    fn explained(&self, name: &str, value: String) -> Explained {
        // A table of several sources names all of them.
        let within = format!("{name}.");
        let mut sources: Vec<&str> = self
            .origins
            .iter()
            .filter(|(it, _)| **it == name || it.starts_with(&within))
            .map(|(_, source)| source.as_str())
            .collect();
        sources.sort_unstable();
        sources.dedup();
        Explained {
            name: name.to_owned(),
            value,
            source: match sources.as_slice() {
                [] => "default".to_owned(),
                sources => sources.join(", "),
            },
        }
    }

    fn source_of_built_in(&self) -> String {
        let preset = self.preset.filter(|it| it.config().ai.is_some());
        match preset {
            Some(preset) => format!("preset {preset}; after attributes"),
            None => "default; after attributes".to_owned(),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = |of: fn(&Explained) -> &str| {
            let lengths = self.settings.iter().map(|it| of(it).chars().count());
            lengths.filter(|length| *length <= 40).max().unwrap_or(0)
        };
        let (names, values) = (longest(|it| &it.name), longest(|it| &it.value));
        for (
            line,
            Explained {
                name,
                value,
                source,
            },
        ) in self.settings.iter().enumerate()
        {
            let end = if line == 0 { "" } else { "\n" };
            write!(f, "{end}{name:names$}  {value:values$}  {source}")?;
        }
        Ok(())
    }
}
