//! Which preset suits an environment.

use std::fmt;

use super::Preset;

/// What [`Preset::recommend`] says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PresetRecommendation {
    /// The preset to take.
    pub preset: Preset,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// Why.
    pub reason: String,
}

impl Preset {
    /// The preset for an environment of this name, such as `staging`. Nothing asks this but the
    /// application: no preset is ever taken because of it.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::Preset;
    ///
    /// let staging = Preset::recommend("staging");
    /// assert_eq!((staging.preset, staging.confidence), (Preset::Production, 0.90));
    /// ```
    #[must_use]
    pub fn recommend(environment: &str) -> PresetRecommendation {
        let name = environment.trim().to_ascii_lowercase().replace('_', "-");
        let exact = match name.as_str() {
            "development" | "dev" => Some((Self::Development, 0.95)),
            "production" | "prod" => Some((Self::Production, 0.95)),
            "staging" | "stage" => Some((Self::Production, 0.90)),
            "testing" | "test" => Some((Self::Development, 0.85)),
            "ai-development" | "ai-dev" => Some((Self::AiDevelopment, 0.95)),
            "ai-production" | "ai-prod" => Some((Self::AiProduction, 0.95)),
            "ai-staging" => Some((Self::AiProduction, 0.90)),
            "ai-testing" | "ai-test" => Some((Self::AiDevelopment, 0.90)),
            "disabled" | "minimal" | "simple" => name.parse().ok().map(|it| (it, 0.95)),
            _ => None,
        };
        if let Some((preset, confidence)) = exact {
            return PresetRecommendation {
                preset,
                confidence,
                reason: format!("{environment:?} is what {preset} is made for"),
            };
        }
        let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
        let is_denied = words.iter().any(|word| ["no", "non", "not"].contains(word));
        let has = |wanted: &[&str]| {
            let begins = |word: &&str| wanted.iter().any(|it| word.starts_with(it));
            words.iter().any(begins)
        };
        let is_ai = words.contains(&"ai") || has(&["llm", "ml"]);
        let (preset, confidence, why) = if has(&["prod", "live"]) && !is_denied {
            (
                if is_ai {
                    Self::AiProduction
                } else {
                    Self::Production
                },
                0.80,
                "production",
            )
        } else if has(&["stag", "uat", "preprod", "pre"]) {
            (
                if is_ai {
                    Self::AiProduction
                } else {
                    Self::Production
                },
                0.75,
                "a stage before it",
            )
        } else if has(&["dev", "local"]) {
            (
                if is_ai {
                    Self::AiDevelopment
                } else {
                    Self::Development
                },
                0.75,
                "development",
            )
        } else if has(&["test", "ci", "qa"]) {
            (
                if is_ai {
                    Self::AiDevelopment
                } else {
                    Self::Development
                },
                0.70,
                "tests",
            )
        } else {
            return PresetRecommendation {
                preset: Self::Simple,
                confidence: 0.40,
                reason: format!("{environment:?} says nothing; `simple` fits most"),
            };
        };
        PresetRecommendation {
            preset,
            confidence,
            reason: format!("{environment:?} looks like {why}"),
        }
    }
}

impl fmt::Display for PresetRecommendation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.confidence * 100.0;
        write!(f, "{} ({percent:.0} %): {}", self.preset, self.reason)
    }
}
