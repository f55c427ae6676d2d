//! What holds for one kind.

use super::{AI_TTLS, AiConfig, CacheConfig, ttl_table};

impl CacheConfig {
    /// The settings of this kind: those of its own, else those of all.
    #[must_use]
    pub fn for_kind(&self, kind: &str) -> Self {
        match self.kinds.get(kind) {
            Some(own) => own.clone(),
            None => Self {
                kinds: std::collections::BTreeMap::new(),
                ..self.clone()
            },
        }
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
