//! What one kind says for itself, and what holds for it.

use std::collections::BTreeMap;
use std::fmt;

use super::setting::Change;
use super::{AI_TTLS, AiConfig, CacheConfig, CredentialSource, Setting, ttl_table};
use crate::policy::Promotion;

/// The settings that a kind has for itself, beside those that hold for all: see
/// [`CacheConfig::kinds`].
#[derive(Clone, Default)]
pub struct KindSettings {
    own: Vec<Own>,
    /// What no source but the program can say.
    promotion: Option<Promotion>,
    credentials: Option<CredentialSource>,
}

/// One setting that a source has said.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) name: &'static str,
    pub(super) change: Change,
    /// Of the setting; of a table, those of its entries.
    pub(super) origins: BTreeMap<String, String>,
}

impl Own {
    pub(super) fn apply(&self, config: &mut CacheConfig) {
        (self.change)(config);
        config.origins.extend(self.origins.clone());
    }
}

impl KindSettings {
    pub(super) fn of(own: Vec<Own>) -> Self {
        Self {
            own,
            ..Self::default()
        }
    }

    /// What `of_kind` says that `of_all` does not.
    pub(super) fn beside(of_all: &CacheConfig, of_kind: &CacheConfig, source: &str) -> Self {
        let own = Setting::all().filter(|setting| setting.differs(of_all, of_kind));
        let own = own.filter_map(|setting| {
            let name = setting.name();
            Some(Own {
                name,
                change: setting.as_in(of_kind)?,
                origins: BTreeMap::from([(name.to_owned(), source.to_owned())]),
            })
        });
        let promotion = of_kind.promotion.clone();
        let credentials = of_kind.security.credentials.clone();
        Self {
            own: own.collect(),
            promotion: promotion.filter(|it| of_all.promotion.as_ref() != Some(it)),
            credentials: credentials.filter(|it| !it.is_same(of_all.security.credentials.as_ref())),
        }
    }

    /// The names of its settings.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.own.iter().map(|own| own.name)
    }

    pub(super) fn extend(&mut self, later: Self) {
        self.own.extend(later.own);
        self.promotion = later.promotion.or(self.promotion.take());
        self.credentials = later.credentials.or(self.credentials.take());
    }
}

impl fmt::Debug for KindSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl CacheConfig {
    /// The settings of this kind: those of its own, else those of all.
    #[must_use]
    pub fn for_kind(&self, kind: &str) -> Self {
        let mut config = Self {
            kinds: BTreeMap::new(),
            ..self.clone()
        };
        if let Some(settings) = self.kinds.get(kind) {
            settings.own.iter().for_each(|own| own.apply(&mut config));
            config.promotion = settings.promotion.clone().or(config.promotion);
            let credentials = &mut config.security.credentials;
            *credentials = settings.credentials.clone().or(credentials.take());
        }
        config
    }

    /// The same without settings for language models.
    pub(crate) fn without_ai(mut self) -> Self {
        self.enable_ai(false);
        self
    }

    /// Whether what is a warning elsewhere is an error.
    #[cfg(feature = "redis")]
    pub(super) fn is_production(&self) -> bool {
        let name = self.environment.trim().to_ascii_lowercase();
        ["production", "prod"].contains(&name.as_str())
    }

    /// With the lifetimes that the usual operations of language models have.
    pub(super) fn enable_ai(&mut self, enable: bool) {
        if enable {
            self.ai_settings();
        } else {
            self.ai = None;
            self.built_in_ttls.clear();
        }
    }

    pub(super) fn ai_settings(&mut self) -> &mut AiConfig {
        if self.ai.is_none() && self.built_in_ttls.is_empty() {
            self.built_in_ttls = ttl_table(&AI_TTLS);
        }
        self.ai.get_or_insert_default()
    }
}
