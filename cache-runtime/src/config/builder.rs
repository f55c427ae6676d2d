//! From wishes to a checked configuration.

use std::time::Duration;

use secrecy::SecretString;

use super::{CacheConfig, KindSettings, Profile, SecurityConfig, ValidationReport};
use crate::envelope::Codec;
use crate::error::CacheError;
use crate::key::{HashAlgorithm, KeyPrivacy};
use crate::policy::{Promotion, TextTiers};

/// Where settings come from that are made here.
const BUILDER: &str = "the program";

/// Collects settings and checks all of them at once.
///
/// ```
/// # use cache_runtime as larder;
/// use std::time::Duration;
/// use larder::CacheConfig;
///
/// let config = CacheConfig::builder()
///     .default_ttl(Duration::from_secs(1800))
///     .l1_cache_size(500)
///     .operation_ttl("translate", Duration::from_secs(86_400))
///     .build()?;
/// assert_eq!(config.l1_cache_size, 500);
///
/// let refused = CacheConfig::builder().l1_cache_size(0).compression_level(12).build();
/// let message = refused.unwrap_err().to_string();
/// assert!(message.contains("l1_cache_size is 0") && message.contains("compression_level is 12"));
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct CacheConfigBuilder {
    config: CacheConfig,
    /// What it began with.
    before: Box<CacheConfig>,
}

/// Goes on from settings that are there: what is said now comes before them.
impl From<CacheConfig> for CacheConfigBuilder {
    fn from(config: CacheConfig) -> Self {
        let before = Box::new(config.clone());
        Self { config, before }
    }
}

impl CacheConfig {
    /// A builder that starts from the defaults.
    pub fn builder() -> CacheConfigBuilder {
        CacheConfigBuilder::from(Self::default())
    }
}

impl CacheConfigBuilder {
    /// Keeps values in this Redis.
    ///
    /// | URL | what is there |
    /// |---|---|
    /// | `redis://[user:password@]host[:port][/database]` | one server |
    /// | `rediss://…` | the same with TLS; `rediss-sentinel://` and `rediss-cluster://` likewise |
    /// | `unix:///path/to/socket` | one server on this machine |
    /// | `redis-sentinel://host[:port][/database]?master=name` | the master that sentinels name |
    /// | `redis-cluster://host[:port]` | a cluster |
    ///
    /// User and password are percent-encoded. Parameters after a `?`, separated by `&`:
    ///
    /// | parameter | meaning |
    /// |---|---|
    /// | `node=host:port` | another sentinel or node to ask first; may be there several times |
    /// | `sentinel_username`, `sentinel_password` | who the sentinels are asked as |
    /// | `db` | the database, in place of the path |
    /// | `protocol` | `resp2` (default) or `resp3` |
    /// | `max_connections` | operations under way at once, at most. There is one connection for all of them, and by default no limit |
    ///
    /// Parameters of pools in other clients (`retry_on_timeout`, `socket_keepalive`,
    /// `socket_timeout`, …) are accepted, and reported once as without meaning.
    pub fn redis_url(mut self, url: impl Into<SecretString>) -> Self {
        self.config.redis_url = Some(url.into());
        self
    }

    /// What the names of all keys begin with, so that applications on one Redis do not meet:
    /// `shop:web:…`. Default: nothing.
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.config.namespace = Some(namespace.to_owned());
        self
    }

    /// Where the application runs. In `production` (or `prod`), files of TLS that are missing, hold
    /// something else or have expired are errors; elsewhere they are warnings. Default: `development`.
    pub fn environment(mut self, name: &str) -> Self {
        name.clone_into(&mut self.config.environment);
        self
    }

    /// Takes the four settings of a [`Profile`].
    pub fn profile(mut self, profile: Profile) -> Self {
        profile.apply(&mut self.config);
        self
    }

    /// Who this application is to Redis, and how the connections are protected: comes before what the
    /// URL says.
    pub fn security(mut self, security: SecurityConfig) -> Self {
        self.config.security = security;
        self
    }

    /// Lifetime of operations that have none of their own; 1 s to 1 year. Default: 1 hour.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.config.default_ttl = ttl;
        self
    }

    /// Lifetime of one operation; 1 s to 1 year. Comes before that of the attribute.
    pub fn operation_ttl(mut self, operation: &str, ttl: Duration) -> Self {
        self.config.operation_ttls.insert(operation.to_owned(), ttl);
        self
    }

    /// The part of a lifetime, 0 to 1, up to which each one is made shorter at random, so that what
    /// was computed together does not end together: with 0.1, an hour becomes 54 to 60 minutes.
    /// Default: 0.
    pub fn jitter(mut self, part: f64) -> Self {
        self.config.jitter = part;
        self
    }

    /// Where an old value was served because the body failed (`stale_if_error`), so long passes
    /// before the body is asked again for that key; 0 s to 1 year. Default: 30 s.
    pub fn retry_stale_after(mut self, pause: Duration) -> Self {
        self.config.retry_stale_after = pause;
        self
    }

    /// Entries in the memory tier; 1 to 10 000 000. Default: 100.
    pub fn l1_cache_size(mut self, entries: usize) -> Self {
        self.config.l1_cache_size = entries;
        self
    }

    /// Bytes in the memory tier, beside the bound on its entries: both hold. 65 536 to 1 TiB.
    /// Default: bytes are not bounded.
    ///
    /// An entry weighs what its value says (`weight = …`), else what serde shows of it, else the size
    /// of its type, and its key and the room of an entry (about 170 bytes) on top. All entries
    /// together weigh no more than this. The tier is made of parts with a room of their own (up to
    /// four for each processor, of 1 MiB at least, if there is so much), and no entry may take more
    /// than 97 % of one: a heavier one is not kept, and
    /// [counted](crate::CacheStats::too_large_for_memory). See
    /// [`largest_value_bytes`](crate::CacheStats::largest_value_bytes).
    ///
    /// An entry counts for at least `l1_cache_bytes` ÷ `l1_cache_size`. Where most are far smaller
    /// and a few far larger, entries leave although neither bound is reached: choose a larger
    /// `l1_cache_size` then.
    pub fn l1_cache_bytes(mut self, bytes: u64) -> Self {
        self.config.l1_cache_bytes = Some(bytes);
        self
    }

    /// Which results enter memory where there is a store too. Default: as
    /// [`enable_smart_promotion`](Self::enable_smart_promotion) says, else all.
    pub fn promotion(mut self, promotion: Promotion) -> Self {
        self.config.promotion = Some(promotion);
        self
    }

    /// Whether there is a memory tier. Default: yes.
    pub fn enable_l1_cache(mut self, enable: bool) -> Self {
        self.config.enable_l1_cache = enable;
        self
    }

    /// Values of more bytes than this are compressed for the store. Default: 1000.
    pub fn compression_threshold(mut self, bytes: usize) -> Self {
        self.config.compression_threshold = bytes;
        self
    }

    /// 1 (fast) to 9 (small). Default: 6.
    pub fn compression_level(mut self, level: u32) -> Self {
        self.config.compression_level = level;
        self
    }

    /// How values are written into the store. What is there already is read whatever it is
    /// written with. Default: `MessagePack`.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.config.codec = codec;
        self
    }

    /// Encrypts values in the store with this key: 32 bytes in base64, as
    /// `openssl rand -base64 32` prints them. Needs the feature `encryption`.
    ///
    /// The names of keys are not encrypted: see [`key_privacy`](Self::key_privacy) and
    /// [`key_secret`](Self::key_secret).
    pub fn encryption_key(mut self, key: impl Into<SecretString>) -> Self {
        self.config.encryption_key = Some(key.into());
        self
    }

    /// Also reads what was encrypted with this key. To change the key without losing what is
    /// stored, in three steps, each in all processes before the next one:
    ///
    /// 1. `encryption_key(old)` and `retired_encryption_key(new)`: everybody can read both
    /// 2. `encryption_key(new)` and `retired_encryption_key(old)`: everybody writes with the new one
    /// 3. when the longest lifetime has passed: `encryption_key(new)` alone
    pub fn retired_encryption_key(mut self, key: impl Into<SecretString>) -> Self {
        self.config.retired_encryption_keys.push(key.into());
        self
    }

    /// Whether values in the store that are not encrypted count as absent: by default they do, if
    /// there is an encryption key. `false` goes on reading those that were written before; `true`
    /// without a key is an error, so that a lost setting is noticed.
    pub fn require_encryption(mut self, require: bool) -> Self {
        self.config.require_encryption = Some(require);
        self
    }

    /// What digests in the names of keys are made with. Default: SHA-256. After a change, what was
    /// stored before is not found again.
    pub fn hash_algorithm(mut self, algorithm: HashAlgorithm) -> Self {
        self.config.hash_algorithm = algorithm;
        self
    }

    /// Makes the digests in the names of keys with this secret (32 bytes in base64), so that
    /// nobody without it can find out whether a text that he guesses has a key. All processes
    /// that share a store need the same one. After a change, what was stored before is not found
    /// again, and stays until its lifetime is over.
    pub fn key_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.config.key_secret = Some(secret.into());
        self
    }

    /// Whether short texts and the application's own keys are readable in the names of keys.
    /// Default: they are.
    pub fn key_privacy(mut self, privacy: KeyPrivacy) -> Self {
        self.config.key_privacy = privacy;
        self
    }

    /// What every key in the store begins with, after the [`namespace`](Self::namespace). Default:
    /// `ai_cache:` for the kind `ai`, `{kind}:` for the others. No two kinds can have the same.
    pub fn key_prefix(mut self, prefix: &str) -> Self {
        self.config.key_prefix = Some(prefix.to_owned());
        self
    }

    /// What the store may cost one look-up, in time, up to a minute; zero: the store is not used.
    /// Default: 50 ms.
    pub fn store_budget(mut self, budget: Duration) -> Self {
        self.config.store_budget = budget;
        self
    }

    /// While Redis does not answer (five time-outs in a row, more than half of the last twenty
    /// operations, or a broken connection) it is left alone, so that it costs a call nothing, and
    /// tried in the background: after half of this time, up to all of it. One that takes connections and
    /// answers nothing over them is tried at once, then after an eighth of that, a quarter, and so on.
    /// 10 ms to 1 h. Default: 500 ms.
    pub fn open_for(mut self, pause: Duration) -> Self {
        self.config.open_for = pause;
        self
    }

    /// How long one attempt to connect may take, in the background: attempts get half a second, then
    /// twice as long each, up to this, and then half a second again. No call waits for it. 500 ms to
    /// 60 s. Default: 500 ms.
    pub fn connection_timeout(mut self, time: Duration) -> Self {
        self.config.connection_timeout = time;
        self
    }

    /// Operations under way at once, at most; 1 to 100 000. They share one connection; a call that
    /// has to wait for its turn does so within its time budget. The parameter of the same name in
    /// `redis_url` holds as well. Default: as many as there are.
    pub fn max_connections(mut self, operations: u32) -> Self {
        self.config.max_connections = Some(operations);
        self
    }

    /// What other processes invalidate is noticed at once, because they announce it; and after this
    /// time at the latest if a message was lost; after 5 s at the earliest where the runtime stands
    /// still on which it would be noticed. 1 s to 1 h. Default: 30 s.
    ///
    /// Where nothing can be heard (Redis before 6.0, or a user who may not subscribe to the channel
    /// `{key_prefix}bus`) every entry in memory is looked up in Redis after 2 s.
    pub fn invalidation_ceiling(mut self, ceiling: Duration) -> Self {
        self.config.invalidation_ceiling = ceiling;
        self
    }

    /// While the store is away, nobody hears what other processes invalidate: so what is in memory
    /// is served for so long at most. 1 s to 1 year. Default: 5 min with settings for language models,
    /// else 30 min.
    pub fn memory_ttl_while_away(mut self, ttl: Duration) -> Self {
        self.config.memory_ttl_while_away = Some(ttl);
        self
    }

    /// Whether the factory fails where the store cannot be reached. Default: no.
    pub fn fail_on_connection_error(mut self, fail: bool) -> Self {
        self.config.fail_on_connection_error = fail;
        self
    }

    /// Whether a call without a [tenant](crate::call::tenant()), or with an empty one, is never kept.
    /// Default: it may be.
    pub fn require_tenant(mut self, require: bool) -> Self {
        self.config.require_tenant = require;
        self
    }

    /// Whether calls are timed; yes if nothing else is said.
    ///
    /// Without, [`Cache::statistics`](crate::Cache::statistics) has no latencies, and no operation keeps
    /// histograms (about 1 KB for each thing that is timed). Calls are counted whatever this says.
    pub fn enable_monitoring(mut self, enable: bool) -> Self {
        self.config.enable_monitoring = enable;
        self
    }

    /// Makes this a cache for responses of language models, with the lifetimes that their usual
    /// operations have: summarize 2 h, sentiment 24 h, `key_points` 90 min, questions 1 h, qa
    /// 30 min.
    pub fn ai(mut self) -> Self {
        self.config.enable_ai(true);
        self
    }

    /// Texts of more characters than this are in keys as a digest; 1 to 100 000. Makes this a
    /// cache for responses of language models.
    pub fn text_hash_threshold(mut self, characters: usize) -> Self {
        self.config.ai_settings().text_hash_threshold = characters;
        self
    }

    /// A call whose text (the parameter that the attribute takes for the text of the operation, and
    /// no other) has more characters than this is not cached; 1 to 100 000 000. Makes this
    /// a cache for responses of language models. Default: 100 000.
    pub fn max_text_length(mut self, characters: usize) -> Self {
        self.config.ai_settings().max_text_length = characters;
        self
    }

    /// From how many characters on a text is called medium, large and xlarge. Makes this a cache for
    /// responses of language models. Default: 500, 5000 and 50 000.
    pub fn text_size_tiers(mut self, tiers: TextTiers) -> Self {
        self.config.ai_settings().text_size_tiers = tiers;
        self
    }

    /// Whether results enter memory [by the length of their text](Promotion::by_text), where there is
    /// a store too. Makes this a cache for responses of language models. Default: yes.
    pub fn enable_smart_promotion(mut self, enable: bool) -> Self {
        self.config.ai_settings().enable_smart_promotion = enable;
        self
    }

    /// So many processes share the memory of this machine: each has its part of `l1_cache_size`, as
    /// [`l1_size_for_workers`](CacheConfig::l1_size_for_workers) says, but never more. 1 to 100 000.
    /// Default: 1.
    pub fn total_workers(mut self, processes: usize) -> Self {
        self.config.total_workers = processes;
        self
    }

    /// Which of several processes this is, in reports on health.
    pub fn worker_id(mut self, name: &str) -> Self {
        self.config.worker_id = Some(name.to_owned());
        self
    }

    /// Settings of one kind, beside those of all: what `change` does not say otherwise is as for all,
    /// also where that is said later.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::CacheConfig;
    ///
    /// let config = CacheConfig::builder()
    ///     .namespace("shop")
    ///     .kind("geo", |geo| geo.l1_cache_size(50_000))
    ///     .build()?;
    /// assert_eq!(config.for_kind("geo").l1_cache_size, 50_000);
    /// assert_eq!(config.for_kind("web").l1_cache_size, 100);
    /// # Ok::<(), larder::CacheError>(())
    /// ```
    pub fn kind(mut self, name: &str, change: impl FnOnce(Self) -> Self) -> Self {
        let before = self.config.for_kind(name);
        let after = change(Self::from(before.clone())).config;
        let settings = KindSettings::beside(&before, &after, BUILDER);
        let kind = self.config.kinds.entry(name.to_owned()).or_default();
        kind.extend(settings);
        self
    }

    /// Everything that is wrong with these settings, worth a warning, or could be better.
    #[must_use]
    pub fn validate(&self) -> ValidationReport {
        let mut config = self.config.clone();
        config.note_changes(&self.before, BUILDER);
        config.validate()
    }

    /// The configuration, if every setting can be used. What is worth a warning is logged.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] with one sentence for each setting that cannot.
    pub fn build(mut self) -> Result<CacheConfig, CacheError> {
        self.config.note_changes(&self.before, BUILDER);
        self.config.checked(Vec::new(), Vec::new())
    }
}
