//! How well the way to Redis is protected, in one number and in words.

use std::fmt;
use std::time::{Duration, SystemTime};

use secrecy::ExposeSecret;

use super::Credentials;
use super::files::{Content, days};
use crate::config::CacheConfig;
use crate::error::CacheError;
use crate::store::Store;
use crate::store::redis::{Address, RedisStore, lets_in_anybody};

/// Passwords of fewer characters are guessed.
const WEAK_PASSWORD: usize = 12;

/// Passwords of so many characters or more are as long as they need to be.
const GOOD_PASSWORD: usize = 16;

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

    /// Connects as the settings say, for at most about a second, and reports what is known then: that
    /// the certificate of the server is valid, and whether it lets in who has no password. The
    /// connections are closed again.
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
        let connected = store.connect().await;
        connected.map_err(|error| self.unreachable(&error))?;
        let mut facts = Facts::of(self, &address);
        // There would be no connection without one.
        facts.has_valid_certificate = true;
        facts.lets_in_anybody = facts.user.is_some() && lets_in_anybody(&address).await;
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

/// What the report is made of.
struct Facts {
    user: Option<Credentials>,
    way: Way,
    encrypts_values: bool,
    has_valid_certificate: bool,
    certificate_valid_until: Option<SystemTime>,
    /// Problems of the files.
    unusable: Vec<String>,
    lets_in_anybody: bool,
}

/// How Redis is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Tls,
    Socket,
}

impl Facts {
    fn of(config: &CacheConfig, address: &Address) -> Self {
        let security = &config.security;
        let files = security.files();
        let certificates = files.filter(|file| !matches!(file.content, Content::Key));
        let ends: Vec<_> = certificates.map(|file| file.valid_until()).collect();
        let unusable = security.warnings();
        Self {
            user: address.credentials(),
            way: match (address.is_tls(), address.is_socket()) {
                (true, _) => Way::Tls,
                (false, true) => Way::Socket,
                (false, false) => Way::Plain,
            },
            encrypts_values: config.encryption_key.is_some(),
            has_valid_certificate: !ends.is_empty() && unusable.is_empty(),
            certificate_valid_until: ends.into_iter().flatten().flatten().min(),
            unusable,
            lets_in_anybody: false,
        }
    }

    fn report(self) -> SecurityReport {
        let mut vulnerabilities = self.unusable.clone();
        let mut recommendations = Vec::new();
        self.look_at_the_user(&mut vulnerabilities, &mut recommendations);
        self.look_at_the_way(&mut vulnerabilities, &mut recommendations);
        if !self.encrypts_values {
            recommendations.push(
                "values can be read by who can read Redis, its files and its replicas; set \
                 encryption_key"
                    .to_owned(),
            );
        }
        let has_password = self.user.is_some();
        let is_tls = self.way == Way::Tls;
        let points = [
            (has_password, 20),
            (self.is_acl_user(), 10),
            (is_tls, 25),
            (is_tls && self.has_valid_certificate, 10),
            (self.encrypts_values, 5),
        ];
        let points: u8 = points.iter().filter(|(is, _)| *is).map(|(_, it)| it).sum();
        let lost = 5 * u8::try_from(vulnerabilities.len()).unwrap_or(3).min(3);
        SecurityReport {
            level: match (is_tls, has_password) {
                (true, true) => SecurityLevel::High,
                (false, false) => SecurityLevel::Low,
                _ => SecurityLevel::Medium,
            },
            score: (points + self.points_for_time_left()).saturating_sub(lost),
            certificate_valid_until: self.certificate_valid_until,
            vulnerabilities,
            recommendations,
        }
    }

    fn is_acl_user(&self) -> bool {
        let name = self.user.as_ref().and_then(|user| user.username.as_deref());
        name.is_some_and(|name| name != "default")
    }

    fn look_at_the_user(&self, vulnerabilities: &mut Vec<String>, better: &mut Vec<String>) {
        let Some(user) = &self.user else {
            let problem = "there is no password, so that who reaches Redis may do everything; set \
                           acl_username and acl_password";
            return vulnerabilities.push(problem.to_owned());
        };
        let characters = user.password.expose_secret().chars().count();
        if characters < WEAK_PASSWORD {
            vulnerabilities.push(format!(
                "the password has fewer than {WEAK_PASSWORD} characters; take one of \
                 {GOOD_PASSWORD} or more"
            ));
        } else if characters < GOOD_PASSWORD {
            better.push(format!(
                "the password has fewer than {GOOD_PASSWORD} characters; take a longer one"
            ));
        }
        if self.lets_in_anybody {
            let problem = "Redis lets in who has no password; switch its default user off";
            vulnerabilities.push(problem.to_owned());
        }
        if !self.is_acl_user() {
            better.push(
                "the default user may do everything; set acl_username and acl_password of a user \
                 who may do no more than is needed"
                    .to_owned(),
            );
        }
    }

    fn look_at_the_way(&self, vulnerabilities: &mut Vec<String>, better: &mut Vec<String>) {
        if self.way == Way::Plain {
            let problem = "there is no TLS, so that who is on the way can read and change \
                           everything; use rediss://";
            vulnerabilities.push(problem.to_owned());
            if self.user.is_some() {
                let problem = "the password travels without TLS; change it once there is TLS";
                vulnerabilities.push(problem.to_owned());
            }
        }
        // One that has ended is among the files that cannot be used.
        let Some(left) = self.time_left() else {
            return;
        };
        let ends = format!(
            "a certificate ends in {}; renew tls_cert_path or tls_ca_path",
            days(left)
        );
        match self.points_for_time_left() {
            0 => vulnerabilities.push(ends),
            5 => better.push(ends),
            _ => {}
        }
    }

    /// Of the certificate that ends first.
    fn time_left(&self) -> Option<Duration> {
        let end = self
            .certificate_valid_until
            .filter(|_| self.way == Way::Tls)?;
        end.duration_since(SystemTime::now()).ok()
    }

    fn points_for_time_left(&self) -> u8 {
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        match self.time_left() {
            Some(left) if left > days(90) => 15,
            Some(left) if left > days(30) => 10,
            Some(left) if left > days(7) => 5,
            _ => 0,
        }
    }
}
