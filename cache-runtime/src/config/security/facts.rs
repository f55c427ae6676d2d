//! What a report on security is made of, and what it counts.

use std::time::{Duration, SystemTime};

use secrecy::ExposeSecret;

use super::Credentials;
use super::files::{Content, days};
use super::report::{SecurityLevel, SecurityReport};
use crate::config::CacheConfig;
use crate::store::redis::Address;

/// Passwords of fewer characters are guessed.
const WEAK_PASSWORD: usize = 12;

/// Passwords of so many characters or more are as long as they need to be.
const GOOD_PASSWORD: usize = 16;

/// What the report is made of.
pub(super) struct Facts {
    pub(super) user: Option<Credentials>,
    way: Way,
    encrypts_values: bool,
    pub(super) has_valid_certificate: bool,
    certificate_valid_until: Option<SystemTime>,
    /// Problems of the files.
    unusable: Vec<String>,
    pub(super) lets_in_anybody: bool,
    /// The channel on which the user may not announce anything.
    pub(super) is_mute_on: Option<String>,
}

/// How Redis is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Tls,
    Socket,
}

impl Facts {
    pub(super) fn of(config: &CacheConfig, address: &Address) -> Self {
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
            is_mute_on: None,
        }
    }

    pub(super) fn report(self) -> SecurityReport {
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
        if let Some(channel) = &self.is_mute_on {
            recommendations.push(format!(
                "the user may not publish to {channel}, so that what this application invalidates \
                 stays in the memory of others until its lifetime is over; give it +publish and \
                 &{channel}"
            ));
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
