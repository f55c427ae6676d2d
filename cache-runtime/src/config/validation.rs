//! What is wrong with settings, and what is worth a warning.

use std::collections::BTreeSet;

use super::layer::find;
use super::parts::check_name;
use super::settings::L1_BYTES;
use super::{CacheConfig, Secret, Setting, ValidationReport, advice, redis};
use crate::error::CacheError;

/// Lifetimes of answers that are longer than this are warned of: a week, in seconds.
const LONG_FOR_ANSWERS: u64 = 604_800;

/// The kinds that are always there.
const ALWAYS_THERE: [&str; 2] = ["web", "ai"];

impl CacheConfig {
    /// Everything that is wrong with these settings, worth a warning, or could be better. Reads the
    /// files of TLS.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::CacheConfig;
    ///
    /// let mut config = CacheConfig::builder().build()?;
    /// config.compression_level = 12;
    /// config.compression_threshold = 0;
    /// let report = config.validate();
    /// assert!(!report.is_valid());
    /// assert_eq!(report.errors, ["compression_level is 12; expected 1 to 9"]);
    /// assert!(report.warnings[0].contains("compression_threshold is 0"));
    /// # Ok::<(), larder::CacheError>(())
    /// ```
    #[must_use]
    pub fn validate(&self) -> ValidationReport {
        // The cache may get a store of the application's own.
        let mut report = ValidationReport {
            errors: errors(self, true),
            warnings: warnings(self),
            recommendations: advice::recommendations(self),
        };
        report.warnings.extend(redis::warnings(self));
        for kind in self.kinds.keys() {
            let mut of_kind = self.for_kind(kind).validate();
            let misnamed = check_name(kind).err().map(str::to_owned);
            of_kind.errors.extend(misnamed);
            report.add_kind(kind, of_kind);
        }
        if !self.kinds.is_empty() {
            report.errors.extend(self.clashes());
        }
        if let Some(web) = self.kinds.get("web")
            && web.names().any(|name| name.starts_with("ai."))
        {
            report.warnings.push(
                "kinds.web has settings for language models, which that kind never has; give them to \
                 another one"
                    .to_owned(),
            );
        }
        report
    }

    /// The configuration, if caches can be built from it and the sources have no other problems. What is
    /// worth a warning is logged, once; what is to be said of connections is logged where one is
    /// opened.
    pub(super) fn checked(
        mut self,
        problems: Vec<String>,
        of_sources: Vec<String>,
    ) -> Result<Self, CacheError> {
        let mut report = self.validate();
        report.errors = [problems, report.errors].concat();
        report.warnings = [of_sources, report.warnings].concat();
        let of_connections = redis::warnings(&self);
        let to_log = report.warnings.iter();
        let to_log = to_log.filter(|it| !of_connections.contains(it) && !self.logged.contains(*it));
        let to_log: Vec<String> = to_log.cloned().collect();
        report.into_result()?;
        for warning in to_log {
            tracing::warn!("{warning}");
            self.logged.insert(warning);
        }
        Ok(self)
    }

    /// Kinds in one store whose keys begin alike, so that one would clear what is the other's.
    pub(crate) fn clashes(&self) -> Vec<String> {
        let named = self.kinds.keys().map(String::as_str);
        let missing = ALWAYS_THERE
            .into_iter()
            .filter(|kind| !self.kinds.contains_key(*kind));
        let prefixes: Vec<_> = named
            .chain(missing)
            .map(|kind| (kind, self.for_kind(kind)))
            .map(|(kind, config)| (kind, config.prefix_of(kind), config))
            .collect();
        let mut clashes = Vec::new();
        for (place, (kind, prefix, config)) in prefixes.iter().enumerate() {
            for (other, of_other, other_config) in &prefixes[place + 1..] {
                let begin_alike =
                    prefix.starts_with(of_other.as_str()) || of_other.starts_with(prefix.as_str());
                let url = find("redis_url");
                let is_same = url.is_some_and(|url| !url.differs(config, other_config));
                if begin_alike && is_same && config.redis_url.is_some() {
                    clashes.push(format!(
                        "the keys of the kinds {kind} and {other} begin alike ({prefix} and \
                         {of_other}); expected a key_prefix for one kind at most, and a namespace \
                         for all"
                    ));
                }
            }
        }
        clashes
    }

    /// The setting by which somebody says how large the memory tier is to be; a preset does not count.
    pub(super) fn sizes_memory(&self) -> Option<&'static str> {
        let said = |name: &&str| {
            let origin = self.origins.get(*name);
            origin.is_some_and(|origin| !origin.starts_with("preset"))
        };
        ["l1_cache_size", "l1_cache_bytes"].into_iter().find(said)
    }

    /// A sentence about several settings, with the sources that have set those that it names.
    fn of_sources(&self, sentence: &str) -> String {
        let named = Setting::all().filter(|setting| {
            let name = setting.name().rsplit('.').next().unwrap_or_default();
            sentence
                .split(|it: char| !it.is_alphanumeric() && it != '_')
                .any(|it| it == name)
        });
        let sources: BTreeSet<_> = named
            .filter_map(|setting| self.origins.get(setting.name()))
            .map(String::as_str)
            .collect();
        let sources: Vec<_> = sources.into_iter().collect();
        match sources.as_slice() {
            [] => sentence.to_owned(),
            sources => format!("{sentence} ({})", sources.join(", ")),
        }
    }

    /// A sentence about a setting, with the source that has set it.
    pub(super) fn of_source(&self, name: &str, sentence: &str) -> String {
        // What is in a table may have been set with all of it.
        let table = name.split_once('.').map_or(name, |(table, _)| table);
        let origin = self.origins.get(name);
        match origin.or_else(|| self.origins.get(table)) {
            Some(origin) => format!("{sentence} ({origin})"),
            None => sentence.to_owned(),
        }
    }
}

/// Whether a cache can be built from these settings, beside the store that it may have otherwise.
pub(crate) fn check(config: &CacheConfig, has_store: bool) -> Result<(), CacheError> {
    let report = ValidationReport {
        errors: errors(config, has_store),
        ..ValidationReport::default()
    };
    report.into_result()
}

/// Whether several kinds can share so many bytes.
pub(crate) fn check_budget(bytes: u64) -> Result<(), CacheError> {
    if L1_BYTES.contains(&bytes) {
        return Ok(());
    }
    Err(CacheError::configuration(format!(
        "memory_budget is {bytes}; expected {} to {} bytes",
        L1_BYTES.start(),
        L1_BYTES.end()
    )))
}

fn errors(config: &CacheConfig, has_store: bool) -> Vec<String> {
    let mut errors = Vec::new();
    for setting in Setting::all() {
        for (name, found) in setting.out_of_range(config) {
            let found = config.of_source(&name, &format!("{name} is {found}"));
            errors.push(format!("{found}; expected {}", setting.expected()));
        }
    }
    if config
        .operation_ttls
        .keys()
        .any(|name| name.trim().is_empty())
    {
        errors.push("operation_ttls has an operation without a name; name it".to_owned());
    }
    secrets(&mut errors, config);
    let of_security = config.security.problems().into_iter();
    errors.extend(of_security.map(|problem| config.of_sources(&problem)));
    #[cfg(feature = "redis")]
    if config.is_production() {
        errors.extend(config.security.warnings());
    }
    if config
        .namespace
        .as_deref()
        .is_some_and(|name| name.trim().is_empty())
    {
        let found = config.of_source("namespace", "namespace is empty");
        errors.push(format!(
            "{found}; expected a text, such as \"shop\", or nothing"
        ));
    }
    if config.environment.trim().is_empty() {
        let found = config.of_source("environment", "environment is empty");
        errors.push(format!("{found}; expected a name, such as production"));
    }
    if config.key_prefix.as_deref().is_some_and(str::is_empty) {
        let found = config.of_source("key_prefix", "key_prefix is empty");
        errors.push(format!(
            "{found}, so that clearing the cache would clear the whole database; expected a text, \
             such as \"shop:\""
        ));
    }
    if !has_store && !config.enable_l1_cache {
        errors.push(
            "enable_l1_cache is false and redis_url is missing, so nothing could be kept; \
             set either"
                .to_owned(),
        );
    }
    if let Some(url) = &config.redis_url {
        let problem = redis::check(config, url).err();
        errors.extend(problem.map(|problem| config.of_source("redis_url", &problem)));
    }
    errors
}

fn secrets(errors: &mut Vec<String>, config: &CacheConfig) {
    let secrets = [
        ("encryption_key", &config.encryption_key),
        ("key_secret", &config.key_secret),
    ];
    let secrets = secrets
        .into_iter()
        .filter_map(|(setting, secret)| Some((setting, secret.as_ref()?)));
    let retired = config.retired_encryption_keys.iter();
    let retired = retired.map(|key| ("retired_encryption_keys", key));
    for (setting, secret) in secrets.chain(retired) {
        let problem = Secret::parse(setting, secret).err();
        errors.extend(problem.map(|problem| config.of_source(setting, &problem)));
    }
    if config.encryption_key.is_none() && config.require_encryption == Some(true) {
        errors.push(
            "require_encryption is true and encryption_key is missing; set the key, or leave \
             require_encryption out"
                .to_owned(),
        );
    }
    if config.encryption_key.is_none() && !config.retired_encryption_keys.is_empty() {
        errors.push(
            "retired_encryption_keys are there and encryption_key is missing; set the key to \
             write with"
                .to_owned(),
        );
    }
    if config.encryption_key.is_some() && !cfg!(feature = "encryption") {
        errors.push(
            "encryption_key is set, and this program was built without the feature \
             `encryption`; enable the feature or remove the key"
                .to_owned(),
        );
    }
}

/// What works, and most likely not as it was meant.
fn warnings(config: &CacheConfig) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |name: &str, found: &str, advice: &str| {
        let found = config.of_source(name, found);
        warnings.push(format!("{found}; {advice}"));
    };
    if let (false, Some(name)) = (config.enable_l1_cache, config.sizes_memory()) {
        let found = format!("{name} is set and enable_l1_cache is false");
        warn(
            name,
            &found,
            "leave the size out, or enable the memory tier",
        );
    }
    if config.compression_threshold == 0 && config.compression_level > 1 {
        warn(
            "compression_threshold",
            &format!(
                "compression_threshold is 0 with compression_level {}, so that every value is \
                 compressed with much work",
                config.compression_level
            ),
            "raise the threshold (1000), or take level 1",
        );
    }
    if config.redis_url.is_some() && config.is_disabled() {
        let found = "redis_url is set, and the preset `disabled` never uses Redis";
        warn("redis_url", found, "take `minimal`, for example");
    }
    if config.redis_url.is_some() && config.store_budget.is_zero() {
        let found = "store_budget is 0 s and redis_url is set, so that Redis is never used";
        warn(
            "store_budget",
            found,
            "give it time (50 ms), or leave the URL out",
        );
    }
    if config.redis_url.is_none() && config.fail_on_connection_error {
        warn(
            "fail_on_connection_error",
            "fail_on_connection_error is true and redis_url is missing, so that it means nothing",
            "set the URL",
        );
    }
    let Some(ai) = &config.ai else {
        return warnings;
    };
    let tiers = ai.text_size_tiers;
    if tiers.small >= tiers.medium || tiers.medium >= tiers.large {
        warn(
            "ai.text_size_tiers.small",
            &format!(
                "ai.text_size_tiers are {}, {} and {}, and do not rise",
                tiers.small, tiers.medium, tiers.large
            ),
            "no text is of a tier whose limit is not above the one before",
        );
    }
    let mut long: Vec<_> = config
        .operation_ttls
        .iter()
        .filter(|(_, ttl)| ttl.as_secs() > LONG_FOR_ANSWERS)
        .map(|(operation, _)| operation.as_str())
        .collect();
    long.sort_unstable();
    if !long.is_empty() {
        let found = format!(
            "operation_ttls of {} are longer than a week",
            long.join(", ")
        );
        let advice = "answers of language models grow old when models and prompts change";
        warn("operation_ttls", &found, advice);
    }
    warnings
}
