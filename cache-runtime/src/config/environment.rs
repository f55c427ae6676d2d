//! The settings that operators make at deployment.

use secrecy::SecretString;

use super::{CacheConfig, CacheConfigBuilder, Preset};
use crate::error::CacheError;

/// What the environment asks for: one configuration for each of the two kinds that always exist.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) web: CacheConfig,
    pub(crate) ai: CacheConfig,
}

/// Reads `CACHE_PRESET`, `CACHE_REDIS_URL` and `ENABLE_AI_CACHE` through `variable`.
///
/// An empty value is the same as none.
pub(crate) fn read_environment(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Settings, CacheError> {
    let variable = |name| variable(name).filter(|value| !value.trim().is_empty());
    let mut problems = Vec::new();

    let preset = match variable("CACHE_PRESET").as_deref().map(str::parse) {
        None => Preset::default(),
        Some(Ok(preset)) => preset,
        Some(Err(error)) => {
            collect(&mut problems, "CACHE_PRESET", error);
            Preset::default()
        }
    };
    let enable_ai = variable("ENABLE_AI_CACHE").and_then(|value| {
        let parsed = parse_bool(&value);
        if parsed.is_none() {
            problems.push(format!(
                "ENABLE_AI_CACHE is {value:?}; expected true, 1, yes, on, false, 0, no or off"
            ));
        }
        parsed
    });

    let mut web = preset.config();
    let mut ai = preset.config();
    match enable_ai {
        Some(true) => ai = CacheConfigBuilder::from(ai).ai().config,
        Some(false) => without_ai(&mut ai),
        None => {}
    }
    without_ai(&mut web);
    if preset != Preset::Disabled
        && let Some(url) = variable("CACHE_REDIS_URL")
    {
        let url = SecretString::from(url);
        web.redis_url = Some(url.clone());
        ai.redis_url = Some(url);
    }
    // Both kinds have the same settings, but for those of language models.
    if let Err(error) = CacheConfigBuilder::from(ai.clone()).build() {
        collect(&mut problems, "CACHE_REDIS_URL", error);
    }
    if problems.is_empty() {
        Ok(Settings { web, ai })
    } else {
        Err(CacheError::Configuration { problems })
    }
}

fn without_ai(config: &mut CacheConfig) {
    config.ai = None;
    config.built_in_ttls.clear();
}

fn collect(problems: &mut Vec<String>, variable: &str, error: CacheError) {
    match error {
        CacheError::Configuration { problems: found } => {
            problems.extend(found.iter().map(|problem| format!("{variable}: {problem}")));
        }
        other => problems.push(format!("{variable}: {other}")),
    }
}

fn parse_bool(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}
