//! What there is to say about a configuration, all at once.

use std::fmt;

use crate::error::CacheError;

/// Everything that there is to say about a configuration, as [`CacheConfig::validate`] finds it.
///
/// Each is a sentence: the setting, what was found and where it comes from, what is expected or what
/// to change. None shows a secret.
///
/// [`CacheConfig::validate`]: crate::CacheConfig::validate
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValidationReport {
    /// Why no cache can be built.
    pub errors: Vec<String>,
    /// What works, and most likely not as it was meant.
    pub warnings: Vec<String>,
    /// What could be better.
    pub recommendations: Vec<String>,
}

impl ValidationReport {
    /// Whether caches can be built.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }

    pub(super) fn add(&mut self, more: Self) {
        self.errors.extend(more.errors);
        self.warnings.extend(more.warnings);
        self.recommendations.extend(more.recommendations);
    }

    /// Adds what is to be said of one kind, and is not said of all.
    pub(super) fn add_kind(&mut self, kind: &str, of_kind: Self) {
        let new = |said: &[String], more: Vec<String>| {
            let new = more.into_iter().filter(|it| !said.contains(it));
            new.map(|it| format!("kinds.{kind}: {it}")).collect()
        };
        self.add(Self {
            errors: new(&self.errors, of_kind.errors),
            warnings: new(&self.warnings, of_kind.warnings),
            recommendations: new(&self.recommendations, of_kind.recommendations),
        });
    }

    /// The errors as one, with the warnings, if there are errors.
    ///
    /// # Errors
    /// [`CacheError::Configuration`].
    pub fn into_result(self) -> Result<(), CacheError> {
        if self.is_valid() {
            Ok(())
        } else {
            Err(CacheError::Configuration {
                problems: self.errors,
                warnings: self.warnings,
            })
        }
    }
}

impl fmt::Display for ValidationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_valid() {
            "valid"
        } else {
            "not valid"
        };
        write!(f, "the configuration is {verdict}")?;
        let parts = [
            ("error", &self.errors),
            ("warning", &self.warnings),
            ("recommendation", &self.recommendations),
        ];
        for (name, sentences) in parts {
            for sentence in sentences {
                write!(f, "\n{name}: {sentence}")?;
            }
        }
        Ok(())
    }
}
