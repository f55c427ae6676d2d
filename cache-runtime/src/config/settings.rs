//! Every setting there is. Files, variables, validation, `explain` and the documentation all go by this
//! list.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::redis;
use super::setting::{Form, Setting};
use crate::envelope::Codec;
use crate::key::{HashAlgorithm, KeyPrivacy};
use crate::policy::LONGEST;

const LIFETIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=LONGEST;

/// From nothing to a year.
const PAUSES: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;

pub(crate) const L1_BYTES: RangeInclusive<u64> = 65_536..=1 << 40;

const SECRET: &str = "32 bytes in base64, as `openssl rand -base64 32` prints them";

const PATH: &str = "the path of a file in PEM";

/// Makes the names of a type's values from what it has anyway.
macro_rules! names {
    ($type:ty) => {
        || <$type>::ALL.iter().map(|it| it.name()).collect()
    };
}

macro_rules! number {
    ($range:expr, $unit:literal, |$get:ident| $got:expr, |$set:ident, $value:ident| $change:expr) => {
        Form::Number {
            range: $range,
            unit: $unit,
            get: |$get| $got,
            set: |$set, $value| $change,
        }
    };
}

macro_rules! switch {
    (|$get:ident| $got:expr, |$set:ident, $value:ident| $change:expr) => {
        Form::Switch {
            get: |$get| $got,
            set: |$set, $value| $change,
        }
    };
}

macro_rules! time {
    ($range:expr, |$get:ident| $got:expr, |$set:ident, $value:ident| $change:expr) => {
        Form::Time {
            range: $range,
            get: |$get| $got,
            set: |$set, $value| $change,
        }
    };
}

macro_rules! text {
    ($expected:expr, |$get:ident| $got:expr, |$set:ident, $value:ident| $change:expr) => {
        Form::Text {
            expected: $expected,
            get: |$get| $got,
            set: |$set, $value| $change,
        }
    };
}

macro_rules! secret {
    ($expected:expr, $($field:ident).+) => {
        Form::Secret {
            expected: $expected,
            get: |config| config.$($field).+.as_ref(),
            shown: |_| "(set)".to_owned(),
            written: |_| None,
            set: |config, secret| config.$($field).+ = Some(secret),
        }
    };
}

/// A number of a configuration, as one of the table.
#[expect(clippy::unnecessary_wraps, reason = "others may be missing")]
const fn is(number: usize) -> Option<u64> {
    Some(number as u64)
}

/// The other way round: what is too large is out of every range, on whatever machine.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn path(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

impl Setting {
    const fn new(name: &'static str, about: &'static str, form: Form) -> Self {
        Self {
            name,
            also: &[],
            variables: &[],
            old_variables: &[],
            about,
            form,
        }
    }

    const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    const fn said_by(mut self, names: &'static [&'static str]) -> Self {
        self.variables = names;
        self
    }

    const fn old(mut self, names: &'static [&'static str]) -> Self {
        self.old_variables = names;
        self
    }
}

pub(super) static SETTINGS: [Setting; 45] = [
    Setting::new(
        "redis_url",
        "Where Redis is; without it everything stays in memory",
        Form::Secret {
            expected: "redis://[user:password@]host[:port][/database], or another of its forms",
            get: |config| config.redis_url.as_ref(),
            shown: redis::shown_url,
            written: redis::url_without_user,
            set: |config, url| config.redis_url = Some(url),
        },
    )
    .said_by(&["CACHE_REDIS_URL", "REDIS_URL"])
    .old(&["AI_CACHE_REDIS_URL"]),
    Setting::new(
        "namespace",
        "What the names of all keys begin with, so that applications on one Redis do not meet",
        text!("a text that is not empty", |it| it.namespace.clone(), |it, text| {
            it.namespace = Some(text);
        }),
    )
    .said_by(&["CACHE_NAMESPACE"]),
    Setting::new(
        "environment",
        "Where the application runs; in `production`, files of TLS that cannot be used are errors",
        text!(
            "a name, such as development or production",
            |it| Some(it.environment.clone()),
            |it, name| it.environment = name
        ),
    )
    .said_by(&["CACHE_ENVIRONMENT"]),
    Setting::new(
        "default_ttl",
        "Lifetime of operations that have none of their own",
        time!(LIFETIMES, |it| Some(it.default_ttl), |it, ttl| it.default_ttl = ttl),
    )
    .old(&["CACHE_DEFAULT_TTL", "AI_CACHE_DEFAULT_TTL"]),
    Setting::new(
        "operation_ttls",
        "Lifetimes of single operations; they come before those of attributes",
        Form::Times {
            range: LIFETIMES,
            get: |config| {
                let times = config.operation_ttls.iter();
                let mut times: Vec<_> = times.map(|(op, ttl)| (op.as_str(), *ttl)).collect();
                times.sort_unstable();
                times
            },
            set: |config, operation, ttl| {
                config.operation_ttls.insert(operation, ttl);
            },
        },
    )
    .also(&["ai.operation_ttls"])
    .old(&[
        "CACHE_OPERATION_TTLS",
        "CACHE_AI_OPERATION_TTLS",
        "AI_CACHE_OPERATION_TTLS",
    ]),
    Setting::new(
        "jitter",
        "The part of a lifetime up to which each one is made shorter at random",
        Form::Part {
            get: |config| config.jitter,
            set: |config, part| config.jitter = part,
        },
    ),
    Setting::new(
        "retry_stale_after",
        "After an old value was served because the body failed, so long passes before the body is asked again",
        time!(PAUSES, |it| Some(it.retry_stale_after), |it, pause| it.retry_stale_after = pause),
    ),
    Setting::new(
        "enable_l1_cache",
        "Whether there is a memory tier",
        switch!(|it| Some(it.enable_l1_cache), |it, on| it.enable_l1_cache = on),
    )
    .old(&["AI_CACHE_ENABLE_L1_CACHE"]),
    Setting::new(
        "l1_cache_size",
        "Entries in the memory tier, at most",
        number!(1..=10_000_000, " entries", |it| is(it.l1_cache_size), |it, entries| {
            it.l1_cache_size = size(entries);
        }),
    )
    .also(&["memory_cache_size"])
    .old(&[
        "CACHE_MEMORY_SIZE",
        "CACHE_L1_SIZE",
        "AI_CACHE_MEMORY_CACHE_SIZE",
    ]),
    Setting::new(
        "l1_cache_bytes",
        "Bytes in the memory tier, at most; without it they are not bounded",
        number!(L1_BYTES, " bytes", |it| it.l1_cache_bytes, |it, bytes| {
            it.l1_cache_bytes = Some(bytes);
        }),
    ),
    Setting::new(
        "compression_threshold",
        "Values of more bytes than this are compressed for the store",
        number!(0..=1_048_576, " bytes", |it| is(it.compression_threshold), |it, bytes| {
            it.compression_threshold = size(bytes);
        }),
    )
    .old(&[
        "CACHE_COMPRESSION_THRESHOLD",
        "AI_CACHE_COMPRESSION_THRESHOLD",
    ]),
    Setting::new(
        "compression_level",
        "1 is fast, 9 is small",
        number!(1..=9, "", |it| Some(u64::from(it.compression_level)), |it, level| {
            it.compression_level = u32::try_from(level).unwrap_or(u32::MAX);
        }),
    )
    .old(&["CACHE_COMPRESSION_LEVEL", "AI_CACHE_COMPRESSION_LEVEL"]),
    Setting::new(
        "codec",
        "How values are written into the store",
        Form::Choice {
            of: names!(Codec),
            get: |config| config.codec.name(),
            set: |config, name| config.codec = name.parse().unwrap_or_default(),
        },
    ),
    Setting::new(
        "encryption_key",
        "Encrypts values in the store; needs the feature `encryption`",
        secret!(SECRET, encryption_key),
    )
    .said_by(&["REDIS_ENCRYPTION_KEY"]),
    Setting::new(
        "retired_encryption_keys",
        "Other keys that values in the store may be encrypted with",
        Form::Secrets {
            expected: "a list of secrets like encryption_key",
            get: |config| &config.retired_encryption_keys,
            set: |config, keys| config.retired_encryption_keys = keys,
        },
    ),
    Setting::new(
        "require_encryption",
        "Whether values that are not encrypted count as absent; without it they do if there is a key",
        switch!(|it| it.require_encryption, |it, on| it.require_encryption = Some(on)),
    ),
    Setting::new(
        "hash_algorithm",
        "What digests in the names of keys are made with",
        Form::Choice {
            of: names!(HashAlgorithm),
            get: |config| config.hash_algorithm.name(),
            set: |config, name| config.hash_algorithm = name.parse().unwrap_or_default(),
        },
    )
    .also(&["ai.hash_algorithm"])
    .old(&["CACHE_HASH_ALGORITHM", "AI_CACHE_HASH_ALGORITHM"]),
    Setting::new(
        "key_secret",
        "Makes digests in the names of keys, so that nobody without it can try guesses",
        secret!(SECRET, key_secret),
    )
    .said_by(&["CACHE_KEY_SECRET"]),
    Setting::new(
        "key_privacy",
        "Whether short texts and the application's own keys are readable in the names of keys",
        Form::Choice {
            of: names!(KeyPrivacy),
            get: |config| config.key_privacy.name(),
            set: |config, name| config.key_privacy = name.parse().unwrap_or_default(),
        },
    ),
    Setting::new(
        "key_prefix",
        "What the keys of a kind begin with, after the namespace; for one kind, not for several",
        text!("a text that is not empty, such as \"shop:\"", |it| it.key_prefix.clone(), |it, text| {
            it.key_prefix = Some(text);
        }),
    ),
    Setting::new(
        "store_budget",
        "What the store may cost one look-up, in time; 0 s: the store is not used",
        time!(Duration::ZERO..=Duration::from_secs(60), |it| Some(it.store_budget), |it, budget| {
            it.store_budget = budget;
        }),
    ),
    Setting::new(
        "open_for",
        "While Redis does not answer it is tried again after half of this time up to all of it",
        time!(
            Duration::from_millis(10)..=Duration::from_secs(3600),
            |it| Some(it.open_for),
            |it, pause| it.open_for = pause
        ),
    )
    .said_by(&["REDIS_RETRY_DELAY"]),
    Setting::new(
        "connection_timeout",
        "How long one attempt to connect may take, in the background",
        time!(
            Duration::from_millis(500)..=Duration::from_secs(60),
            |it| Some(it.connection_timeout),
            |it, time| it.connection_timeout = time
        ),
    )
    .said_by(&["REDIS_CONNECTION_TIMEOUT"]),
    Setting::new(
        "max_connections",
        "Operations under way at once, over connections that all share; without it as many as there are",
        number!(1..=100_000, " operations", |it| it.max_connections.map(u64::from), |it, number| {
            it.max_connections = Some(u32::try_from(number).unwrap_or(u32::MAX));
        }),
    ),
    Setting::new(
        "invalidation_ceiling",
        "What others invalidate is noticed at once, and after this time at the latest",
        time!(
            Duration::from_secs(1)..=Duration::from_secs(3600),
            |it| Some(it.invalidation_ceiling),
            |it, ceiling| it.invalidation_ceiling = ceiling
        ),
    ),
    Setting::new(
        "memory_ttl_while_away",
        "While the store is away, what is in memory is served for so long at most; without it 30 min, 5 min with settings for language models",
        time!(LIFETIMES, |it| it.memory_ttl_while_away, |it, ttl| it.memory_ttl_while_away = Some(ttl)),
    ),
    Setting::new(
        "fail_on_connection_error",
        "Whether the factory fails where the store cannot be reached",
        switch!(|it| Some(it.fail_on_connection_error), |it, on| it.fail_on_connection_error = on),
    ),
    Setting::new(
        "require_tenant",
        "Whether a call without a tenant is never kept",
        switch!(|it| Some(it.require_tenant), |it, on| it.require_tenant = on),
    ),
    Setting::new(
        "enable_monitoring",
        "Whether calls are timed, for percentiles in statistics; they are always counted",
        switch!(|it| Some(it.enable_monitoring), |it, on| it.enable_monitoring = on),
    ),
    Setting::new(
        "total_workers",
        "So many processes share the memory of this machine: each has its part of l1_cache_size, but 50 entries at least, and never more",
        number!(1..=100_000, " processes", |it| is(it.total_workers), |it, number| {
            it.total_workers = size(number);
        }),
    )
    .said_by(&["TOTAL_WORKERS"]),
    Setting::new(
        "worker_id",
        "Which of several processes this is, in reports on health",
        text!("a name", |it| it.worker_id.clone(), |it, name| it.worker_id = Some(name)),
    )
    .said_by(&["WORKER_ID"]),
    Setting::new(
        "enable_ai_cache",
        "Whether there are settings and lifetimes for language models",
        switch!(|it| Some(it.ai.is_some()), |it, on| it.enable_ai(on)),
    )
    .said_by(&["ENABLE_AI_CACHE"])
    .old(&["CACHE_ENABLE_AI_FEATURES"]),
    Setting::new(
        "ai.text_hash_threshold",
        "Texts of more characters than this are in keys as a digest",
        number!(
            1..=100_000,
            " characters",
            |it| it.ai.as_ref().and_then(|ai| is(ai.text_hash_threshold)),
            |it, characters| it.ai_settings().text_hash_threshold = size(characters)
        ),
    )
    .also(&["text_hash_threshold"])
    .old(&["CACHE_TEXT_HASH_THRESHOLD", "AI_CACHE_TEXT_HASH_THRESHOLD"]),
    Setting::new(
        "ai.max_text_length",
        "A call whose text has more characters than this is not cached",
        number!(
            1..=100_000_000,
            " characters",
            |it| it.ai.as_ref().and_then(|ai| is(ai.max_text_length)),
            |it, characters| it.ai_settings().max_text_length = size(characters)
        ),
    )
    .also(&["max_text_length"])
    .old(&["CACHE_MAX_TEXT_LENGTH"]),
    Setting::new(
        "ai.enable_smart_promotion",
        "Whether results enter memory by the length of their text, where there is a store too",
        switch!(
            |it| it.ai.as_ref().map(|ai| ai.enable_smart_promotion),
            |it, on| it.ai_settings().enable_smart_promotion = on
        ),
    )
    .also(&["enable_smart_promotion"])
    .old(&["CACHE_ENABLE_SMART_PROMOTION"]),
    Setting::new(
        "ai.text_size_tiers.small",
        "Texts of fewer characters than this are small",
        number!(
            TEXT_TIERS,
            " characters",
            |it| it.ai.as_ref().and_then(|ai| is(ai.text_size_tiers.small)),
            |it, characters| it.ai_settings().text_size_tiers.small = size(characters)
        ),
    )
    .also(&["text_size_tiers.small"]),
    Setting::new(
        "ai.text_size_tiers.medium",
        "Longer ones of fewer characters than this are medium",
        number!(
            TEXT_TIERS,
            " characters",
            |it| it.ai.as_ref().and_then(|ai| is(ai.text_size_tiers.medium)),
            |it, characters| it.ai_settings().text_size_tiers.medium = size(characters)
        ),
    )
    .also(&["text_size_tiers.medium"]),
    Setting::new(
        "ai.text_size_tiers.large",
        "Longer ones of fewer characters than this are large, all others xlarge",
        number!(
            TEXT_TIERS,
            " characters",
            |it| it.ai.as_ref().and_then(|ai| is(ai.text_size_tiers.large)),
            |it, characters| it.ai_settings().text_size_tiers.large = size(characters)
        ),
    )
    .also(&["text_size_tiers.large"]),
    Setting::new(
        "security.redis_auth",
        "Password of Redis' default user",
        secret!("a password", security.redis_auth),
    )
    .also(&["redis_auth", "redis_password", "security.redis_password"])
    .said_by(&["REDIS_AUTH", "REDIS_PASSWORD", "CACHE_REDIS_PASSWORD"]),
    Setting::new(
        "security.acl_username",
        "An ACL user of Redis",
        text!("the name of a user", |it| it.security.acl_username.clone(), |it, name| {
            it.security.acl_username = Some(name);
        }),
    )
    .said_by(&["REDIS_ACL_USERNAME"]),
    Setting::new(
        "security.acl_password",
        "Password of the ACL user",
        secret!("a password", security.acl_password),
    )
    .said_by(&["REDIS_ACL_PASSWORD"]),
    Setting::new(
        "security.use_tls",
        "Whether connections use TLS, also where the URL begins with redis://",
        switch!(|it| Some(it.security.use_tls), |it, on| it.security.use_tls = on),
    )
    .also(&["use_tls"])
    .said_by(&["REDIS_USE_TLS", "REDIS_TLS_ENABLED", "CACHE_USE_TLS"]),
    Setting::new(
        "security.tls_ca_path",
        "The authority that the server's certificate is checked against; without it those that the system trusts",
        text!(PATH, |it| path(it.security.tls_ca_path.as_ref()), |it, file| {
            it.security.tls_ca_path = Some(file.into());
        }),
    )
    .also(&["tls_ca_path"])
    .said_by(&["REDIS_TLS_CA_PATH"]),
    Setting::new(
        "security.tls_cert_path",
        "The certificate that this application shows",
        text!(PATH, |it| path(it.security.tls_cert_path.as_ref()), |it, file| {
            it.security.tls_cert_path = Some(file.into());
        }),
    )
    .also(&["tls_cert_path"])
    .said_by(&["REDIS_TLS_CERT_PATH"]),
    Setting::new(
        "security.tls_key_path",
        "The key of that certificate",
        text!(PATH, |it| path(it.security.tls_key_path.as_ref()), |it, file| {
            it.security.tls_key_path = Some(file.into());
        }),
    )
    .also(&["tls_key_path"])
    .said_by(&["REDIS_TLS_KEY_PATH"]),
];

const TEXT_TIERS: RangeInclusive<u64> = 1..=100_000_000;
