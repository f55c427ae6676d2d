//! What an application says about its caches, and how that is checked.

mod builder;
mod environment;
mod preset;
mod secret;
mod security;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

pub use builder::CacheConfigBuilder;
pub(crate) use builder::{check, check_budget};
pub(crate) use environment::{Settings, read_environment};
pub use preset::Preset;
pub(crate) use secret::Secret;
pub use security::{CredentialSource, Credentials, SecurityConfig};
#[cfg(feature = "redis")]
pub use security::{SecurityLevel, SecurityReport};

use crate::bus::BusSettings;
use crate::envelope::{Codec, Compression, Format, Keyring};
use crate::error::CacheError;
use crate::key::{Digests, HashAlgorithm, KeyPrivacy, ParsedKey, StoreKeys};
use crate::memory::Bounds;
use crate::policy::{Lifetimes, Promotion, Ttl};
use crate::store::{Store, StoreError, StoreSettings};

/// Texts of more characters than this are hashed, where nothing else is said.
const TEXT_HASH_THRESHOLD: usize = 1000;

/// How long memory goes on alone while the store is away, where nothing else is said.
const WHILE_AWAY: Duration = Duration::from_secs(1800);
const AI_WHILE_AWAY: Duration = Duration::from_secs(300);

/// Everything that one kind of cache is built from. Made by [`CacheConfig::builder`] or from a
/// [`Preset`].
///
/// `Debug` shows no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheConfig {
    /// Where Redis is, as [`CacheConfigBuilder::redis_url`] takes it. `None`: in memory only.
    pub redis_url: Option<SecretString>,
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
    /// Which results enter memory where there is a store too. Default: all.
    pub promotion: Promotion,
    /// Values of more bytes than this are compressed for the store. Default: 1000.
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
    /// What every key in the store begins with. Default: `ai_cache:` for the kind `ai`, `{kind}:`
    /// for the others.
    pub key_prefix: Option<String>,
    /// What the store may cost one look-up, in time; zero: the store is not used. Default: 50 ms.
    pub store_budget: Duration,
    /// While Redis does not answer it is left alone, and tried again after half of this time up to all
    /// of it; 10 ms to 1 h. Default: 500 ms.
    pub open_for: Duration,
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
    /// Settings for responses of language models.
    pub ai: Option<AiConfig>,
    /// Lifetimes that come along with a preset or a factory, below those of attributes.
    pub(crate) built_in_ttls: HashMap<String, Duration>,
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
}

impl Default for AiConfig {
    fn default() -> Self {
        Self {
            text_hash_threshold: TEXT_HASH_THRESHOLD,
            max_text_length: 100_000,
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            redis_url: None,
            security: SecurityConfig::default(),
            default_ttl: Duration::from_secs(3600),
            enable_l1_cache: true,
            l1_cache_size: 100,
            l1_cache_bytes: None,
            promotion: Promotion::always(),
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
            invalidation_ceiling: Duration::from_secs(30),
            memory_ttl_while_away: None,
            fail_on_connection_error: false,
            require_tenant: false,
            ai: None,
            built_in_ttls: HashMap::new(),
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

impl CacheConfig {
    /// A builder that starts from the defaults.
    pub fn builder() -> CacheConfigBuilder {
        CacheConfigBuilder::from(Self::default())
    }

    pub(crate) fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            operator: self.operation_ttls.clone(),
            built_in: self.built_in_ttls.clone(),
            default: Ttl::After(self.default_ttl),
            jitter: self.jitter,
        }
    }

    pub(crate) fn memory_bounds(&self) -> Option<Bounds> {
        self.enable_l1_cache.then_some(Bounds {
            entries: self.l1_cache_size,
            bytes: self.l1_cache_bytes,
        })
    }

    /// What the name of a key in the store of this kind says. Takes any bytes.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::{CacheConfig, KeyBuilder, TextTier};
    ///
    /// let config = CacheConfig::builder().ai().build()?;
    /// let key = KeyBuilder::new(&config, "ai", "a|b")?.text("Short.").build()?;
    /// let parsed = config.parse_key("ai", &key);
    /// assert_eq!(parsed.operation.as_deref(), Some("a|b"));
    /// assert_eq!(parsed.text_tier, Some(TextTier::Small));
    ///
    /// assert_eq!(config.parse_key("ai", "session:7").operation, None);
    /// # Ok::<(), larder::CacheError>(())
    /// ```
    #[must_use]
    pub fn parse_key(&self, kind: &str, key: impl AsRef<[u8]>) -> ParsedKey {
        ParsedKey::of(&self.prefix_of(kind), key.as_ref())
    }

    fn prefix_of(&self, kind: &str) -> String {
        match &self.key_prefix {
            Some(prefix) => prefix.clone(),
            None if kind == "ai" => "ai_cache:".to_owned(),
            // So that no kind's keys begin like those of another.
            None => format!("{}:", kind.replace('%', "%25").replace(':', "%3a")),
        }
    }

    /// Where the processes of this kind tell each other what they invalidate.
    fn channel_of(&self, kind: &str) -> String {
        format!("{}bus", self.prefix_of(kind))
    }

    /// What makes the store's keys of this kind.
    pub(crate) fn store_keys(&self, kind: &str) -> Result<StoreKeys, CacheError> {
        if kind.trim().is_empty() {
            return Err(CacheError::configuration(
                "the kind has no name; name it as the attributes do, `web` for example",
            ));
        }
        if kind == "ai_cache" {
            return Err(CacheError::configuration(
                "the kind is called `ai_cache`, and keys of the kind `ai` begin so; take another \
                 name",
            ));
        }
        Ok(StoreKeys {
            prefix: self.prefix_of(kind),
            text_hash_threshold: self
                .ai
                .as_ref()
                .map_or(TEXT_HASH_THRESHOLD, |ai| ai.text_hash_threshold),
            privacy: self.key_privacy,
            digests: Digests {
                algorithm: self.hash_algorithm,
                secret: self.secret_of_keys()?,
            },
            is_ai: kind == "ai",
        })
    }

    pub(crate) fn store_settings(&self, kind: &str) -> Result<StoreSettings, CacheError> {
        let while_away = match &self.ai {
            Some(_) => AI_WHILE_AWAY,
            None => WHILE_AWAY,
        };
        Ok(StoreSettings {
            bus: BusSettings {
                channel: self.channel_of(kind),
                secret: self.secret_of_keys()?,
                ceiling: self.invalidation_ceiling,
                while_away: self.memory_ttl_while_away.unwrap_or(while_away),
            },
            budget: self.store_budget,
            format: Format {
                kind: kind.to_owned(),
                codec: self.codec,
                compression: Compression {
                    threshold: self.compression_threshold,
                    level: self.compression_level,
                },
                keyring: Keyring::of(self).map(Arc::new),
            },
        })
    }

    fn secret_of_keys(&self) -> Result<Option<Secret>, CacheError> {
        let secret = self.key_secret.as_ref();
        let secret = secret.map(|secret| Secret::parse("key_secret", secret));
        secret.transpose().map_err(CacheError::configuration)
    }

    /// What is to be said of a store that could not be connected to.
    pub(crate) fn unreachable(&self, error: &StoreError) -> CacheError {
        let url = self.redis_url.as_ref();
        let address = url.map_or_else(String::new, |url| redis::shown(self, url));
        CacheError::Infrastructure {
            store: format!("redis_url {address}"),
            reason: error.to_string(),
        }
    }

    /// The store of the configured Redis, not connected yet.
    pub(crate) fn open_store(&self) -> Result<Option<Arc<dyn Store>>, CacheError> {
        match &self.redis_url {
            Some(url) if !self.store_budget.is_zero() => redis::open(self, url)
                .map(Some)
                .map_err(CacheError::configuration),
            _ => Ok(None),
        }
    }
}

#[cfg(feature = "redis")]
mod redis {
    use std::sync::Arc;

    use secrecy::SecretString;

    use super::CacheConfig;
    use crate::store::Store;
    use crate::store::redis::{Address, Pace, RedisStore};

    /// What is wrong with the URL.
    pub(super) fn check(config: &CacheConfig, url: &SecretString) -> Result<(), String> {
        Address::parse(url, &config.security).map(drop)
    }

    /// The URL without user and password.
    pub(super) fn shown(config: &CacheConfig, url: &SecretString) -> String {
        Address::parse(url, &config.security).map_or_else(|error| error, |it| it.to_string())
    }

    pub(super) fn open(config: &CacheConfig, url: &SecretString) -> Result<Arc<dyn Store>, String> {
        let address = Address::parse(url, &config.security)?;
        let redis = address.to_string();
        if !address.without_meaning.is_empty() {
            let parameters = address.without_meaning.join(", ");
            tracing::info!(
                redis,
                parameters,
                "these parameters of redis_url mean nothing here: connections are not pooled"
            );
        }
        if address.shows_password {
            tracing::warn!(
                redis,
                "a password travels without TLS: whoever is on the way can read it; use rediss://"
            );
        }
        for warning in config.security.warnings() {
            tracing::warn!(redis, "{warning}");
        }
        Ok(Arc::new(RedisStore::new(address, config.pace())))
    }

    impl CacheConfig {
        pub(super) fn pace(&self) -> Pace {
            Pace {
                budget: self.store_budget,
                open_for: self.open_for,
            }
        }
    }
}

#[cfg(not(feature = "redis"))]
mod redis {
    use std::sync::Arc;

    use secrecy::SecretString;

    use super::CacheConfig;
    use crate::store::Store;

    pub(super) fn check(config: &CacheConfig, url: &SecretString) -> Result<(), String> {
        open(config, url).map(drop)
    }

    pub(super) fn shown(_config: &CacheConfig, _url: &SecretString) -> String {
        "(not shown)".to_owned()
    }

    pub(super) fn open(
        _config: &CacheConfig,
        _url: &SecretString,
    ) -> Result<Arc<dyn Store>, String> {
        Err(
            "redis_url is set, and this program was built without the feature `redis`; \
             enable the feature or remove the URL"
                .to_owned(),
        )
    }
}
