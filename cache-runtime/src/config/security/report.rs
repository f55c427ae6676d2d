//! How well the way to Redis is protected, in one number and in words.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::facts::Facts;
use crate::config::CacheConfig;
use crate::error::CacheError;
use crate::store::redis::{Address, RedisStore, lets_in_anybody};
use crate::store::{self, Announcement, Store as _, StoreError};

/// How long a connection may take to be made, and an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many points or more are secure.
const SECURE: u8 = 70;

/// How well the way to Redis is protected, as [`CacheConfig::security_report`] finds it in the
/// settings, and [`CacheConfig::check_connection`] in a connection too.
///
/// The points are those of the Python system whose interface Larder takes over, so that reports of
/// both compare. There is no more to reach than 85:
///
/// | what | points |
/// |---|---|
/// | a password | 20 |
/// | of an ACL user, not of the default one | 10 |
/// | TLS | 25 |
/// | a certificate that is known to be valid: those in the configured files, or that of a server that was connected to | 10 |
/// | values are encrypted | 5 |
/// | the certificate in the files that ends first has more than 90 days left, 30 days, 7 days | 15, 10, 5 |
/// | each vulnerability | −5, at most −15 in all |
///
/// A Unix socket gets no points for TLS, and lacks nothing without it: nobody is on the way.
///
/// Nothing in it shows a password, and `Display` writes it as a text of a few lines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityReport {
    /// Whether there is TLS, a password, or both.
    pub level: SecurityLevel,
    /// 0 to 85, as the table says.
    pub score: u8,
    /// When the first certificate in the configured files (`tls_ca_path`, `tls_cert_path`) ends, if
    /// there is one.
    pub certificate_valid_until: Option<SystemTime>,
    /// What somebody could make use of: a sentence each, with what to do about it.
    pub vulnerabilities: Vec<String>,
    /// What could be better: a sentence each.
    pub recommendations: Vec<String>,
}

/// How the way to Redis is protected. Certificates are always checked, so that TLS is never less than
/// that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SecurityLevel {
    /// Neither TLS nor a password.
    Low,
    /// TLS or a password.
    Medium,
    /// TLS and a password.
    High,
}

impl SecurityReport {
    /// Whether the score is 70 or more.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.score >= SECURE
    }
}

impl fmt::Display for SecurityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

impl fmt::Display for SecurityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_secure() {
            "secure"
        } else {
            "not secure"
        };
        write!(
            f,
            "security level {}, score {}: {verdict}",
            self.level, self.score
        )?;
        for vulnerability in &self.vulnerabilities {
            write!(f, "\nvulnerability: {vulnerability}")?;
        }
        for recommendation in &self.recommendations {
            write!(f, "\nrecommendation: {recommendation}")?;
        }
        Ok(())
    }
}

impl CacheConfig {
    /// How well the way to Redis is protected, as far as the settings say. Reads the files of TLS,
    /// and asks the [source of credentials](crate::SecurityConfig::credentials) if there is one.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] where `redis_url` is missing or cannot be used.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// use larder::{CacheConfig, SecurityConfig, SecurityLevel};
    ///
    /// let security = SecurityConfig::default().acl_user("larder", "short").tls();
    /// let config = CacheConfig::builder()
    ///     .redis_url("redis://cache.internal:6380")
    ///     .security(security)
    ///     .build()?;
    /// let report = config.security_report()?;
    /// assert_eq!(report.level, SecurityLevel::High);
    /// // A password 20, of an ACL user 10, TLS 25, and the password is weak.
    /// assert_eq!(report.score, 50);
    /// assert!(!report.is_secure());
    /// assert!(report.to_string().contains("fewer than 12 characters"));
    /// # Ok::<(), larder::CacheError>(())
    /// ```
    pub fn security_report(&self) -> Result<SecurityReport, CacheError> {
        Ok(Facts::of(self, &self.address()?).report())
    }

    /// Connects as the settings say, and reports what is known then: that the certificate of the
    /// server is valid, whether it lets in who has no password, and whether the user may announce to
    /// other processes what is invalidated (without a `key_prefix`, in the kind that a factory makes of
    /// these settings). Takes three seconds at most. The connections are closed again, also where the
    /// future is dropped.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] as [`security_report`](Self::security_report);
    /// [`CacheError::Infrastructure`] where there is no connection, and why.
    ///
    /// ```no_run
    /// # use cache_runtime as larder;
    /// # async fn example(config: larder::CacheConfig) -> Result<(), larder::CacheError> {
    /// let report = config.check_connection().await?;
    /// if !report.is_secure() {
    ///     eprintln!("{report}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check_connection(&self) -> Result<SecurityReport, CacheError> {
        let address = self.address()?;
        let store = RedisStore::new(address.clone(), self.pace());
        let connected = store::connect(&store, PATIENCE).await;
        connected.map_err(|error| self.unreachable(&error))?;
        let mut facts = Facts::of(self, &address);
        // There would be no connection without one.
        facts.has_valid_certificate = true;
        facts.lets_in_anybody = facts.user.is_some() && lets_in_anybody(&address).await;
        // As the factories name it. Others do not hear what says nothing.
        let kind = if self.ai.is_some() { "ai" } else { "web" };
        let nothing = Announcement::new(&self.channel_of(kind), Vec::new());
        let said = tokio::time::timeout(PATIENCE, store.announce(&nothing)).await;
        if let Ok(Err(StoreError::Refused(_))) = said {
            facts.is_mute_on = Some(nothing.channel().to_owned());
        }
        Ok(facts.report())
    }

    fn address(&self) -> Result<Address, CacheError> {
        let url = self.redis_url.as_ref().ok_or_else(|| {
            CacheError::configuration(
                "redis_url is missing, so there is no connection to report on; set it",
            )
        })?;
        Address::parse(url, &self.security).map_err(CacheError::configuration)
    }
}
