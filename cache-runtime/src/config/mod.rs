//! What an application says about its caches, and how that is checked.

mod advice;
mod builder;
mod environment;
mod explain;
mod file;
mod kinds;
mod layer;
mod parts;
mod preset;
mod profile;
#[cfg_attr(not(feature = "redis"), path = "no_redis.rs")]
mod redis;
mod report;
mod secret;
mod security;
mod setting;
mod settings;
mod smoke_test;
mod sources;
mod validation;
mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use secrecy::SecretString;

pub use builder::CacheConfigBuilder;
pub use explain::{Explained, Explanation};
pub use kinds::KindSettings;
pub(crate) use layer::did_you_mean;
pub use preset::{Preset, PresetComparison, PresetDescription, PresetRecommendation, Strategy};
pub use profile::Profile;
pub use report::ValidationReport;
pub(crate) use secret::Secret;
pub use security::{CredentialSource, Credentials, SecurityConfig};
#[cfg(feature = "redis")]
pub use security::{SecurityLevel, SecurityReport};
pub use setting::Setting;
pub(crate) use settings::L1_BYTES;
pub use smoke_test::SmokeTest;
pub use sources::ConfigSources;
pub(crate) use validation::{check, check_budget};
pub(crate) use value::time as shown_time;

use crate::envelope::Codec;
use crate::key::{HashAlgorithm, KeyPrivacy};
use crate::policy::{Promotion, TextTiers};

/// Texts of more characters than this are hashed, where nothing else is said.
const TEXT_HASH_THRESHOLD: usize = 1000;

/// Everything that caches are built from: the settings that hold for each kind, and those of single
/// [`kinds`](Self::kinds).
///
/// Made by [`CacheConfig::builder`], from a [`Preset`], or by [`ConfigSources`] from files and the
/// environment. It knows where each of its settings comes from: see [`explain`](Self::explain).
///
/// With serde it is what a file holds: a table of settings by name (`docs/configuration.md` has all of
/// them), without secrets. `Debug` shows no secret either.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub struct CacheConfig {
    /// Where Redis is, as [`CacheConfigBuilder::redis_url`] takes it. `None`: in memory only.
    pub redis_url: Option<SecretString>,
    /// What the names of all keys begin with, so that applications on one Redis do not meet. Default:
    /// nothing.
    pub namespace: Option<String>,
    /// Where the application runs. In `production` (or `prod`), files of TLS that are missing, hold
    /// something else or have expired are errors; elsewhere they are warnings. Default: `development`.
    pub environment: String,
    /// The preset that this began with.
    pub preset: Option<Preset>,
    /// Who this application is to Redis, and how the connections are protected. Default: as the URL
    /// says.
    pub security: SecurityConfig,
    /// Lifetime of operations that have none of their own; 1 s to 1 year. Default: 1 hour.
    pub default_ttl: Duration,
    /// Whether there is a memory tier. Default: yes.
    pub enable_l1_cache: bool,
    /// Entries in the memory tier, at most; 1 to 10 000 000. Default: 100. Each part of a larger tier
    /// has room for its share, so that entries may leave a little before the tier is full.
    pub l1_cache_size: usize,
    /// Bytes in the memory tier, beside the bound on its entries; 65 536 to 1 TiB. `None`: bytes are
    /// not bounded. Default: `None`.
    pub l1_cache_bytes: Option<u64>,
    /// Which results enter memory where there is a store too. `None`: as
    /// [`enable_smart_promotion`](AiConfig::enable_smart_promotion) says, else all.
    pub promotion: Option<Promotion>,
    /// Values of more bytes than this are compressed for the store; 0 to 1 048 576. Default: 1000.
    pub compression_threshold: usize,
    /// 1 (fast) to 9 (small). Default: 6.
    pub compression_level: u32,
    /// How values are written into the store. What is there already is read whatever it is
    /// written with. Default: `MessagePack`.
    pub codec: Codec,
    /// Encrypts values in the store with this key: 32 bytes in base64. Needs the feature
    /// `encryption`.
    pub encryption_key: Option<SecretString>,
    /// Other keys that values in the store may be encrypted with, in the same form. Values are read
    /// with them, and written with `encryption_key`.
    pub retired_encryption_keys: Vec<SecretString>,
    /// Whether values in the store that are not encrypted count as absent. `None`: they do if there
    /// is an `encryption_key`.
    pub require_encryption: Option<bool>,
    /// What digests in the names of keys are made with. Default: SHA-256.
    pub hash_algorithm: HashAlgorithm,
    /// Makes the digests in the names of keys with this secret (32 bytes in base64), so that
    /// nobody without it can find out whether a text that he guesses has a key.
    pub key_secret: Option<SecretString>,
    /// Whether short texts and the application's own keys are readable in the names of keys.
    /// Default: they are.
    pub key_privacy: KeyPrivacy,
    /// Lifetimes of operations, by name, as the operator wants them. They come before those of
    /// attributes.
    pub operation_ttls: HashMap<String, Duration>,
    /// The part of a lifetime, 0 to 1, up to which each one is made shorter at random, so that what
    /// was computed together does not end together. Default: 0.
    pub jitter: f64,
    /// Where an old value was served because the body failed or was too slow (`stale_if_error`), so
    /// long passes before the body is asked again for that key; 0 s to 1 year. Default: 30 s.
    pub retry_stale_after: Duration,
    /// What every key in the store begins with, after the [`namespace`](Self::namespace). Default:
    /// `ai_cache:` for the kind `ai`, `{kind}:` for the others. No two kinds can have the same.
    pub key_prefix: Option<String>,
    /// What the store may cost one look-up, in time; zero: the store is not used. Default: 50 ms.
    pub store_budget: Duration,
    /// While Redis does not answer it is left alone, and tried again after half of this time up to all
    /// of it; 10 ms to 1 h. Default: 500 ms.
    pub open_for: Duration,
    /// How long one attempt to connect may take, in the background: attempts get half a second, then
    /// twice as long each, up to this, and then half a second again; 500 ms to 60 s. Default: 500 ms.
    pub connection_timeout: Duration,
    /// Operations under way at once, at most; 1 to 100 000. They share one connection. The parameter of
    /// the same name in `redis_url` holds as well. `None`: as many as there are.
    pub max_connections: Option<u32>,
    /// What other processes invalidate is noticed at once, and after this time at the latest if a
    /// message was lost; 1 s to 1 h. Default: 30 s.
    pub invalidation_ceiling: Duration,
    /// While the store is away, what is in memory is served for so long at most; 1 s to 1 year.
    /// `None`: 5 min with settings for language models, else 30 min.
    pub memory_ttl_while_away: Option<Duration>,
    /// Whether the factory fails where the store cannot be reached. Default: no.
    pub fail_on_connection_error: bool,
    /// Whether a call without a [tenant](crate::call::tenant()), or with an empty one, is never kept.
    /// Default: it may be.
    pub require_tenant: bool,
    /// Whether calls are timed: [`Cache::statistics`](crate::Cache::statistics) has no latencies without.
    /// Calls are counted whatever this says.
    pub enable_monitoring: bool,
    /// Which of several processes this is, in reports on health. Default: nothing.
    pub worker_id: Option<String>,
    /// Settings for responses of language models.
    pub ai: Option<AiConfig>,
    /// What single kinds say for themselves; see [`for_kind`](Self::for_kind) for what holds for one.
    pub kinds: BTreeMap<String, KindSettings>,
    /// So many processes share the memory of this machine: each has its part of `l1_cache_size`, as
    /// [`l1_size_for_workers`](Self::l1_size_for_workers) says, but never more. Default: 1.
    pub total_workers: usize,
    /// Lifetimes that come along with a preset or a factory, below those of attributes.
    pub(crate) built_in_ttls: HashMap<String, Duration>,
    /// Where settings come from that are not as they are by default.
    pub(crate) origins: BTreeMap<String, String>,
    /// The warnings that were logged: each is logged once.
    pub(crate) logged: BTreeSet<String>,
}

/// Settings for responses of language models.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AiConfig {
    /// Texts of more characters than this are in keys as a digest; 1 to 100 000. Default: 1000.
    pub text_hash_threshold: usize,
    /// A call whose text has more characters than this is not cached; 1 to 100 000 000. Default:
    /// 100 000.
    pub max_text_length: usize,
    /// From how many characters on a text is called medium, large and xlarge. Default: 500, 5000 and
    /// 50 000.
    pub text_size_tiers: TextTiers,
    /// Whether results enter memory [by the length of their text](Promotion::by_text), where there is
    /// a store too. Default: yes.
    pub enable_smart_promotion: bool,
}

impl Default for AiConfig {
    fn default() -> Self {
        Self {
            text_hash_threshold: TEXT_HASH_THRESHOLD,
            max_text_length: 100_000,
            text_size_tiers: TextTiers::default(),
            enable_smart_promotion: true,
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            redis_url: None,
            namespace: None,
            environment: "development".to_owned(),
            preset: None,
            security: SecurityConfig::default(),
            default_ttl: Duration::from_secs(3600),
            enable_l1_cache: true,
            l1_cache_size: 100,
            l1_cache_bytes: None,
            promotion: None,
            compression_threshold: 1000,
            compression_level: 6,
            codec: Codec::default(),
            encryption_key: None,
            retired_encryption_keys: Vec::new(),
            require_encryption: None,
            hash_algorithm: HashAlgorithm::default(),
            key_secret: None,
            key_privacy: KeyPrivacy::default(),
            operation_ttls: HashMap::new(),
            jitter: 0.0,
            retry_stale_after: Duration::from_secs(30),
            key_prefix: None,
            store_budget: Duration::from_millis(50),
            open_for: Duration::from_millis(500),
            connection_timeout: Duration::from_millis(500),
            max_connections: None,
            invalidation_ceiling: Duration::from_secs(30),
            memory_ttl_while_away: None,
            fail_on_connection_error: false,
            require_tenant: false,
            enable_monitoring: true,
            worker_id: None,
            ai: None,
            kinds: BTreeMap::new(),
            total_workers: 1,
            built_in_ttls: HashMap::new(),
            origins: BTreeMap::new(),
            logged: BTreeSet::new(),
        }
    }
}

/// Lifetimes of the operations that a language model is usually asked for, in seconds. They hold
/// for every AI cache whose preset says nothing else.
pub(crate) const AI_TTLS: [(&str, u64); 5] = [
    ("summarize", 7200),
    ("sentiment", 86400),
    ("key_points", 5400),
    ("questions", 3600),
    ("qa", 1800),
];

pub(crate) fn ttl_table(seconds: &[(&str, u64)]) -> HashMap<String, Duration> {
    seconds
        .iter()
        .map(|(operation, seconds)| ((*operation).to_owned(), Duration::from_secs(*seconds)))
        .collect()
}
