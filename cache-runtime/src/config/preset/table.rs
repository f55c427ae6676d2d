//! The table of presets, from the smallest to the largest.

use super::Strategy;
use crate::config::AiConfig;
use crate::policy::TextTiers;

/// One line of the table.
pub(super) struct Row {
    pub(super) strategy: Strategy,
    /// In seconds.
    pub(super) default_ttl: u64,
    pub(super) max_connections: u32,
    /// In seconds.
    pub(super) connection_timeout: u64,
    pub(super) l1_cache_size: usize,
    pub(super) compression_threshold: usize,
    pub(super) compression_level: u32,
    pub(super) monitoring: bool,
    pub(super) ai: Option<(AiConfig, Lifetimes)>,
    pub(super) environment: &'static str,
    pub(super) log_level: &'static str,
    pub(super) contexts: &'static [&'static str],
    pub(super) summary: &'static str,
}

/// Of operations, in seconds.
type Lifetimes = &'static [(&'static str, u64)];

pub(super) static DISABLED: Row = Row {
    strategy: Strategy::Fast,
    default_ttl: 300,
    max_connections: 1,
    connection_timeout: 1,
    l1_cache_size: 10,
    compression_threshold: 10_000,
    compression_level: 1,
    monitoring: false,
    ai: None,
    environment: "development",
    log_level: "WARNING",
    contexts: &["testing", "minimal"],
    summary: "A handful of entries in memory; never Redis. Not off, only small",
};

pub(super) static MINIMAL: Row = Row {
    strategy: Strategy::Fast,
    default_ttl: 900,
    max_connections: 2,
    connection_timeout: 3,
    l1_cache_size: 25,
    compression_threshold: 5000,
    compression_level: 1,
    monitoring: false,
    ai: None,
    environment: "development",
    log_level: "ERROR",
    contexts: &["minimal", "embedded", "iot", "container", "serverless"],
    summary: "For containers and devices with little memory",
};

pub(super) static SIMPLE: Row = Row {
    strategy: Strategy::Balanced,
    default_ttl: 3600,
    max_connections: 5,
    connection_timeout: 5,
    l1_cache_size: 100,
    compression_threshold: 1000,
    compression_level: 6,
    monitoring: true,
    ai: None,
    environment: "development",
    log_level: "INFO",
    contexts: &["development", "testing", "staging", "production"],
    summary: "For one server without special wishes",
};

pub(super) static DEVELOPMENT: Row = Row {
    strategy: Strategy::Fast,
    default_ttl: 600,
    max_connections: 3,
    connection_timeout: 2,
    l1_cache_size: 50,
    compression_threshold: 2000,
    compression_level: 3,
    monitoring: true,
    ai: None,
    environment: "development",
    log_level: "DEBUG",
    contexts: &["development", "local"],
    summary: "Short lifetimes, little compression",
};

pub(super) static PRODUCTION: Row = Row {
    strategy: Strategy::Robust,
    default_ttl: 7200,
    max_connections: 20,
    connection_timeout: 10,
    l1_cache_size: 500,
    compression_threshold: 500,
    compression_level: 9,
    monitoring: true,
    ai: None,
    environment: "production",
    log_level: "INFO",
    contexts: &["production", "staging"],
    summary: "Long lifetimes, much compression",
};

pub(super) static AI_DEVELOPMENT: Row = Row {
    strategy: Strategy::AiOptimized,
    default_ttl: 1800,
    max_connections: 5,
    connection_timeout: 5,
    l1_cache_size: 100,
    compression_threshold: 1000,
    compression_level: 6,
    monitoring: true,
    ai: Some((
        AiConfig {
            text_hash_threshold: 500,
            max_text_length: 50_000,
            text_size_tiers: TextTiers::new(500, 2000, 10_000),
            enable_smart_promotion: true,
        },
        &[
            ("summarize", 1800),
            ("sentiment", 900),
            ("key_points", 1200),
            ("questions", 1500),
            ("qa", 900),
        ],
    )),
    environment: "development",
    log_level: "DEBUG",
    contexts: &["development", "ai-development"],
    summary: "`development` for language models",
};

pub(super) static AI_PRODUCTION: Row = Row {
    strategy: Strategy::AiOptimized,
    default_ttl: 14_400,
    max_connections: 25,
    connection_timeout: 15,
    l1_cache_size: 1000,
    compression_threshold: 300,
    compression_level: 9,
    monitoring: true,
    ai: Some((
        AiConfig {
            text_hash_threshold: 1000,
            max_text_length: 200_000,
            text_size_tiers: TextTiers::new(1000, 5000, 25_000),
            enable_smart_promotion: true,
        },
        &[
            ("summarize", 14_400),
            ("sentiment", 7200),
            ("key_points", 10_800),
            ("questions", 9600),
            ("qa", 7200),
        ],
    )),
    environment: "production",
    log_level: "INFO",
    contexts: &["production", "ai-production"],
    summary: "`production` for language models",
};
