//! What the cache of one kind takes out of a configuration.

use std::sync::Arc;
use std::time::Duration;

use super::{CacheConfig, Preset, Secret, Setting, TEXT_HASH_THRESHOLD, redis};
use crate::bus::BusSettings;
use crate::envelope::{Compression, Format, Keyring};
use crate::error::CacheError;
use crate::key::{Digests, ParsedKey, StoreKeys};
use crate::memory::Bounds;
use crate::policy::{Lifetimes, Promotion, Promotions, TextTiers, Ttl};
use crate::store::{Store, StoreError, StoreSettings};

/// How long memory goes on alone while the store is away, where nothing else is said.
const WHILE_AWAY: Duration = Duration::from_secs(1800);
const AI_WHILE_AWAY: Duration = Duration::from_secs(300);

/// The settings that a connection is opened with, beside those of security.
const OF_STORE: [&str; 5] = [
    "redis_url",
    "store_budget",
    "open_for",
    "connection_timeout",
    "max_connections",
];

impl CacheConfig {
    pub(crate) fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            operator: self.operation_ttls.clone(),
            built_in: self.built_in_ttls.clone(),
            default: Ttl::After(self.default_ttl),
            jitter: self.jitter,
        }
    }

    pub(crate) fn memory_bounds(&self) -> Option<Bounds> {
        let size = self.l1_cache_size;
        self.enable_l1_cache.then_some(Bounds {
            entries: size.min(Self::l1_size_for_workers(size, self.total_workers)),
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
        ParsedKey::of(&self.prefix_of(kind), key.as_ref(), self.text_tiers())
    }

    pub(super) fn prefix_of(&self, kind: &str) -> String {
        // So that no kind's keys begin like those of another.
        let name = |name: &str| format!("{}:", name.replace('%', "%25").replace(':', "%3a"));
        let namespace = self.namespace.as_deref().map(name).unwrap_or_default();
        let prefix = match &self.key_prefix {
            Some(prefix) => prefix.clone(),
            None if kind == "ai" => "ai_cache:".to_owned(),
            None => name(kind),
        };
        namespace + &prefix
    }

    fn text_tiers(&self) -> TextTiers {
        self.ai
            .as_ref()
            .map_or_else(TextTiers::default, |ai| ai.text_size_tiers)
    }

    /// So long the first connection is waited for: where nothing begins without it, for all attempts
    /// up to the longest one.
    pub(crate) fn patience(&self) -> Duration {
        let second = Duration::from_secs(1);
        if self.fail_on_connection_error {
            second.max(2 * self.connection_timeout)
        } else {
            second
        }
    }

    /// What decides which results enter memory.
    pub(crate) fn promotions(&self) -> Promotions {
        let is_smart = self.ai.as_ref().is_some_and(|ai| ai.enable_smart_promotion);
        let policy = match &self.promotion {
            Some(policy) => policy.clone(),
            None if is_smart => Promotion::by_text(),
            None => Promotion::always(),
        };
        Promotions::new(policy)
    }

    /// Where the processes of this kind tell each other what they invalidate.
    pub(super) fn channel_of(&self, kind: &str) -> String {
        format!("{}bus", self.prefix_of(kind))
    }

    /// What makes the store's keys of this kind.
    pub(crate) fn store_keys(&self, kind: &str) -> Result<StoreKeys, CacheError> {
        check_name(kind).map_err(CacheError::configuration)?;
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
                packed: Arc::default(),
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
        CacheError::Infrastructure {
            store: format!("redis_url {}", redis::shown_url(self)),
            reason: error.to_string(),
        }
    }

    /// Whether kinds with these settings and those can share a store.
    pub(crate) fn has_store_of(&self, other: &Self) -> bool {
        let of_store = |setting: &&Setting| {
            let name = setting.name();
            name.starts_with("security.") || OF_STORE.contains(&name)
        };
        let [credentials, of_other] = [self, other].map(|it| it.security.credentials.as_ref());
        let have_same_source = match credentials {
            Some(source) => source.is_same(of_other),
            None => of_other.is_none(),
        };
        have_same_source
            && Setting::all()
                .filter(of_store)
                .all(|setting| !setting.differs(self, other))
    }

    /// Whether the preset is one that never uses Redis.
    pub(super) fn is_disabled(&self) -> bool {
        self.preset == Some(Preset::Disabled)
    }

    /// The store of the configured Redis, not connected yet.
    pub(crate) fn open_store(&self) -> Result<Option<Arc<dyn Store>>, CacheError> {
        match &self.redis_url {
            Some(url) if !self.store_budget.is_zero() && !self.is_disabled() => {
                redis::open(self, url)
                    .map(Some)
                    .map_err(CacheError::configuration)
            }
            _ => Ok(None),
        }
    }
}

/// Whether a kind can be called so.
pub(super) fn check_name(kind: &str) -> Result<(), &'static str> {
    if kind.trim().is_empty() {
        return Err("the kind has no name; name it as the attributes do, `web` for example");
    }
    if kind == "ai_cache" {
        return Err(
            "the kind is called `ai_cache`, and keys of the kind `ai` begin so; take another name",
        );
    }
    Ok(())
}
