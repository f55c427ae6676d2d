//! In which settings presets differ.

use std::fmt;

use super::Preset;
use crate::config::value::time;
use crate::config::{AI_TTLS, CacheConfig, Setting};

/// What several presets say about each setting in which they differ, as [`Preset::compare`] finds it.
/// `Display` writes a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresetComparison {
    /// What is compared, in this order.
    pub presets: Vec<Preset>,
    /// The names of settings, with what each of the presets says; `-` where it says nothing.
    pub differences: Vec<(&'static str, Vec<String>)>,
}

impl Preset {
    /// In which settings these presets differ.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::Preset;
    ///
    /// let comparison = Preset::compare(&[Preset::Simple, Preset::Production]);
    /// let ttl = comparison.differences.iter().find(|(name, _)| *name == "default_ttl").unwrap();
    /// assert_eq!(ttl.1, ["1h", "2h"]);
    /// ```
    #[must_use]
    pub fn compare(presets: &[Self]) -> PresetComparison {
        let configs: Vec<CacheConfig> = presets.iter().map(|it| it.config()).collect();
        let differences = Setting::all().filter_map(|setting| {
            let values = configs.iter().map(|config| setting.value(config));
            let values: Vec<String> = values.map(|it| it.unwrap_or_else(|| "-".into())).collect();
            let differ = values.windows(2).any(|pair| pair[0] != pair[1]);
            differ.then(|| (setting.name(), values))
        });
        let mut differences: Vec<_> = differences.collect();
        for (operation, _) in AI_TTLS {
            let of = |config: &CacheConfig| config.built_in_ttls.get(operation).copied();
            if configs.iter().any(|config| of(config).is_some()) {
                let values = configs
                    .iter()
                    .map(|config| of(config).map_or("-".into(), time));
                differences.push((operation, values.collect()));
            }
        }
        PresetComparison {
            presets: presets.to_vec(),
            differences,
        }
    }
}

impl fmt::Display for PresetComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.presets.iter().map(|it| it.name().to_owned()).collect();
        let head = ("", names);
        let rows: Vec<_> = [&head].into_iter().chain(&self.differences).collect();
        let widest = |cells: &mut dyn Iterator<Item = &str>| {
            cells.map(|it| it.chars().count()).max().unwrap_or(0)
        };
        let first = widest(&mut rows.iter().map(|(name, _)| *name));
        let widths: Vec<usize> = (0..self.presets.len())
            .map(|place| widest(&mut rows.iter().map(|(_, values)| values[place].as_str())))
            .collect();
        for (line, (name, values)) in rows.into_iter().enumerate() {
            let end = if line == 0 { "" } else { "\n" };
            write!(f, "{end}{name:first$}")?;
            for (value, width) in values.iter().zip(&widths) {
                write!(f, "  {value:width$}")?;
            }
        }
        Ok(())
    }
}
