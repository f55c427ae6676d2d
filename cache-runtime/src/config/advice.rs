//! What could be better about settings that can be used, and what to look at before they go into
//! production.

use std::time::Duration;

use super::value::time as shown;
use super::{CacheConfig, ValidationReport};

/// So many entries of unknown size may be gigabytes.
const MANY_ENTRIES: usize = 100_000;

/// What could be better: a sentence each, with what to change.
pub(super) fn recommendations(config: &CacheConfig) -> Vec<String> {
    let has_store = config.redis_url.is_some();
    let mut found = Vec::new();
    let mut say = |is_so: bool, sentence: String| {
        if is_so {
            found.push(sentence);
        }
    };
    let (threshold, level) = (config.compression_threshold, config.compression_level);
    say(
        threshold > 10_000,
        format!(
            "compression_threshold is {threshold}, so that values of several kilobytes are stored \
             as they are; try 1000 to 5000"
        ),
    );
    let is_own = |name| {
        let origin = config.origins.get(name);
        origin.is_none_or(|origin| !origin.starts_with("preset"))
    };
    say(
        level > 7 && is_own("compression_level"),
        format!("compression_level is {level}: much work for a few percent; try 6"),
    );
    say(
        !config.enable_l1_cache && config.sizes_memory().is_some(),
        "enable_l1_cache is false, so that l1_cache_size means nothing; enable it, or leave the \
         size out"
            .to_owned(),
    );
    say(
        config.enable_l1_cache
            && config.l1_cache_bytes.is_none()
            && config.l1_cache_size > MANY_ENTRIES,
        format!(
            "l1_cache_size is {} and the bytes in memory are not bounded; set l1_cache_bytes",
            config.l1_cache_size
        ),
    );
    say(
        has_store && config.namespace.is_none() && config.key_prefix.is_none(),
        "namespace is not set: another application on the same Redis would have the same keys; \
         set it (CACHE_NAMESPACE)"
            .to_owned(),
    );
    say(
        has_store && config.key_prefix.is_some() && config.kinds.is_empty(),
        "key_prefix is set, which is for one kind: `init` makes several, which cannot share it; for \
         those take a namespace"
            .to_owned(),
    );
    say(
        config.encryption_key.is_some() && config.key_secret.is_none(),
        "values are encrypted and key_secret is not set, so that who reads Redis can try whether a \
         text has a key; set it"
            .to_owned(),
    );
    say(
        config.encryption_key.is_some() && config.require_encryption == Some(false),
        "require_encryption is false, so that values without encryption are served too; leave it \
         out when the old ones are over"
            .to_owned(),
    );
    let longest = longest_lifetime(config);
    let shorter = [
        ("memory_ttl_while_away", config.memory_ttl_while_away),
        ("retry_stale_after", Some(config.retry_stale_after)),
        (
            "invalidation_ceiling",
            Some(config.invalidation_ceiling).filter(|_| has_store),
        ),
    ];
    for (name, is) in shorter {
        let is = is.filter(|time| *time > longest);
        say(
            is.is_some(),
            format!(
                "{name} is {}, longer than every lifetime that is set here ({}); where attributes \
                 have no longer ones it means nothing",
                shown(is.unwrap_or_default()),
                shown(longest)
            ),
        );
    }
    say(
        has_store && config.open_for > config.invalidation_ceiling,
        format!(
            "open_for is {}, longer than invalidation_ceiling ({}): a Redis that is back is noticed \
             late; take a shorter open_for",
            shown(config.open_for),
            shown(config.invalidation_ceiling)
        ),
    );
    found.extend(of_texts(config));
    found
}

/// The same about texts.
fn of_texts(config: &CacheConfig) -> Vec<String> {
    let mut found = Vec::new();
    let Some(ai) = &config.ai else {
        return found;
    };
    let (hashed, compressed) = (ai.text_hash_threshold, config.compression_threshold);
    if config.redis_url.is_some() && hashed != compressed {
        found.push(format!(
            "ai.text_hash_threshold is {hashed} and compression_threshold {compressed}: texts that \
             are hashed and values that are compressed are most often the same; try one number for \
             both"
        ));
    }
    if hashed > ai.max_text_length {
        found.push(format!(
            "ai.text_hash_threshold is {hashed} and ai.max_text_length {}, so that no text is hashed; \
             lower the threshold",
            ai.max_text_length
        ));
    }
    found
}

fn longest_lifetime(config: &CacheConfig) -> Duration {
    let operations = config.operation_ttls.values();
    let built_in = config.built_in_ttls.values();
    operations
        .chain(built_in)
        .copied()
        .fold(config.default_ttl, Duration::max)
}

impl CacheConfig {
    /// What [`validate`](Self::validate) says, and what to look at before these settings go into
    /// production: a Redis is an error where it is missing; very short and very long lifetimes, a large
    /// memory tier and much compression are warnings.
    #[must_use]
    pub fn validate_for_deployment(&self) -> ValidationReport {
        let mut report = self.validate();
        report.add(self.deployment());
        for kind in self.kinds.keys() {
            report.add_kind(kind, self.for_kind(kind).deployment());
        }
        report
    }

    /// What is to be said only of settings that go into production.
    fn deployment(&self) -> ValidationReport {
        let (ttl, size) = (shown(self.default_ttl), self.l1_cache_size);
        let no_redis = "redis_url is missing: each process would have a cache of its own; set it \
                        (CACHE_REDIS_URL)";
        let errors = [(self.redis_url.is_none(), no_redis.to_owned())];
        let warnings = [
            (
                self.default_ttl < Duration::from_secs(60),
                format!("default_ttl is {ttl}: entries are hardly there before they are over"),
            ),
            (
                self.default_ttl > Duration::from_secs(86_400),
                format!("default_ttl is {ttl}: answers may be old for more than a day"),
            ),
            (
                size > 1000,
                format!("l1_cache_size is {size}: each process needs memory for so many entries"),
            ),
            (
                self.compression_level > 7,
                format!(
                    "compression_level is {}: compressing takes processor time from requests",
                    self.compression_level
                ),
            ),
        ];
        let recommendations = [
            (
                size < 50,
                format!("l1_cache_size is {size}: little of what is used often stays in memory"),
            ),
            (
                self.compression_threshold > 5000,
                format!(
                    "compression_threshold is {}: a lower one (1000) saves room in Redis",
                    self.compression_threshold
                ),
            ),
        ];
        let so = |(is_so, sentence): (bool, String)| is_so.then_some(sentence);
        ValidationReport {
            errors: errors.into_iter().filter_map(so).collect(),
            warnings: warnings.into_iter().filter_map(so).collect(),
            recommendations: recommendations.into_iter().filter_map(so).collect(),
        }
    }
}
