//! The values that the documents of the Python system give to settings, presets, profiles,
//! environments and variables, one row a value.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use larder::{
    CacheConfig, CacheConfigBuilder, CacheError, CacheFactory, ConfigSources, Preset, Profile,
    Setting,
};
use support::Log;

/// What a setting is in a configuration; `-` where it is not set.
fn value(config: &CacheConfig, name: &str) -> String {
    let setting = Setting::all().find(|it| it.name() == name);
    let setting = setting.unwrap_or_else(|| panic!("no setting {name}"));
    setting.value(config).unwrap_or_else(|| "-".to_owned())
}

#[track_caller]
fn is(config: &CacheConfig, rows: &[(&str, &str)]) {
    for (name, expected) in rows {
        assert_eq!(value(config, name), *expected, "{name}");
    }
}

fn of(variables: &[(&str, &str)]) -> CacheConfig {
    let loaded = ConfigSources::new()
        .variables(variables.iter().copied())
        .load();
    loaded.unwrap_or_else(|error| panic!("{variables:?}: {error}"))
}

fn built(builder: CacheConfigBuilder) -> CacheConfig {
    builder.build().expect("valid settings")
}

#[test]
fn settings_are_as_documented_where_nothing_is_said() {
    is(
        &CacheConfig::default(),
        &[
            ("redis_url", "-"),
            ("default_ttl", "1h"),
            ("compression_threshold", "1000"),
            ("compression_level", "6"),
            ("l1_cache_size", "100"),
            ("enable_l1_cache", "true"),
            ("security.redis_auth", "-"),
            ("security.use_tls", "false"),
            ("security.tls_cert_path", "-"),
            ("security.tls_key_path", "-"),
            ("environment", "development"),
            ("enable_ai_cache", "false"),
            ("fail_on_connection_error", "false"),
        ],
    );
    is(
        &built(CacheConfig::builder().ai()),
        &[
            ("ai.text_hash_threshold", "1000"),
            ("hash_algorithm", "sha256"),
            ("ai.text_size_tiers.small", "500"),
            ("ai.text_size_tiers.medium", "5000"),
            ("ai.text_size_tiers.large", "50000"),
            ("ai.enable_smart_promotion", "true"),
            ("ai.max_text_length", "100000"),
        ],
    );
    let ttls = built(CacheConfig::builder().ai()).explain();
    for (operation, expected) in [
        ("summarize", "2h"),
        ("sentiment", "1d"),
        ("key_points", "1h 30m"),
        ("questions", "1h"),
        ("qa", "30m"),
    ] {
        let name = format!("built-in lifetime of {operation}");
        assert_eq!(ttls.get(&name).expect("a line").value, expected);
    }
}

#[test]
fn presets_have_the_values_of_the_table() {
    // strategy, lifetime, connections, connection timeout, entries, threshold, level, log level
    #[rustfmt::skip]
    let table = [
        ("disabled", "fast", "5m", "1", "1s", "10", "10000", "1", "WARNING"),
        ("minimal", "fast", "15m", "2", "3s", "25", "5000", "1", "ERROR"),
        ("simple", "balanced", "1h", "5", "5s", "100", "1000", "6", "INFO"),
        ("development", "fast", "10m", "3", "2s", "50", "2000", "3", "DEBUG"),
        ("production", "robust", "2h", "20", "10s", "500", "500", "9", "INFO"),
        ("ai-development", "ai_optimized", "30m", "5", "5s", "100", "1000", "6", "DEBUG"),
        ("ai-production", "ai_optimized", "4h", "25", "15s", "1000", "300", "9", "INFO"),
    ];
    assert_eq!(table.len(), Preset::list().count());
    for (described, row) in Preset::list().zip(table) {
        let (name, strategy, ttl, connections, timeout, entries, threshold, level, log) = row;
        let is_monitored = match name {
            "disabled" | "minimal" => "false",
            _ => "true",
        };
        assert_eq!(described.preset.name(), name);
        assert_eq!(
            (described.strategy.name(), described.log_level),
            (strategy, log)
        );
        let rows = [
            ("default_ttl", ttl),
            ("max_connections", connections),
            ("connection_timeout", timeout),
            ("l1_cache_size", entries),
            ("compression_threshold", threshold),
            ("compression_level", level),
            ("enable_monitoring", is_monitored),
        ];
        is(&of(&[("CACHE_PRESET", name)]), &rows);
        is(&described.preset.config(), &rows);
    }
    for (preset, contexts) in [
        (Preset::Disabled, "testing, minimal"),
        (
            Preset::Minimal,
            "minimal, embedded, iot, container, serverless",
        ),
        (Preset::Simple, "development, testing, staging, production"),
        (Preset::Development, "development, local"),
        (Preset::Production, "production, staging"),
        (Preset::AiDevelopment, "development, ai-development"),
        (Preset::AiProduction, "production, ai-production"),
    ] {
        assert_eq!(preset.describe().contexts.join(", "), contexts);
    }
}

#[test]
fn presets_for_language_models_have_the_values_of_the_table() {
    for (preset, texts, ttls) in [
        (
            "ai-development",
            ["500", "500", "2000", "10000", "50000"],
            ["30m", "15m", "20m", "25m", "15m"],
        ),
        (
            "ai-production",
            ["1000", "1000", "5000", "25000", "200000"],
            ["4h", "2h", "3h", "2h 40m", "2h"],
        ),
    ] {
        let config = of(&[("CACHE_PRESET", preset)]);
        let [hash, small, medium, large, longest] = texts;
        is(
            &config,
            &[
                ("ai.text_hash_threshold", hash),
                ("hash_algorithm", "sha256"),
                ("ai.text_size_tiers.small", small),
                ("ai.text_size_tiers.medium", medium),
                ("ai.text_size_tiers.large", large),
                ("ai.max_text_length", longest),
                ("ai.enable_smart_promotion", "true"),
            ],
        );
        let explanation = config.explain();
        let operations = ["summarize", "sentiment", "key_points", "questions", "qa"];
        for (operation, expected) in operations.iter().zip(ttls) {
            let name = format!("built-in lifetime of {operation}");
            assert_eq!(explanation.get(&name).expect("a line").value, expected);
        }
    }
}

#[test]
fn without_a_preset_the_variables_begin_with_development() {
    assert_eq!(of(&[]).preset, Some(Preset::Development));
    assert_eq!(
        of(&[("CACHE_PRESET", "  ")]).preset,
        Some(Preset::Development)
    );
}

#[test]
fn a_preset_is_recommended_by_the_name_of_an_environment() {
    for (name, preset, confidence) in [
        ("development", Preset::Development, 0.95),
        ("dev", Preset::Development, 0.95),
        ("production", Preset::Production, 0.95),
        ("PROD", Preset::Production, 0.95),
        ("staging", Preset::Production, 0.90),
        ("test", Preset::Development, 0.85),
        ("ai-development", Preset::AiDevelopment, 0.95),
        ("ai_production", Preset::AiProduction, 0.95),
        ("ai-staging", Preset::AiProduction, 0.90),
        ("prod-eu-1", Preset::Production, 0.80),
        ("my-dev-box", Preset::Development, 0.75),
        ("ai-prod-eu", Preset::AiProduction, 0.80),
        ("ci-7", Preset::Development, 0.70),
        ("non-production", Preset::Simple, 0.40),
        ("atlantis", Preset::Simple, 0.40),
    ] {
        let recommended = Preset::recommend(name);
        assert_eq!(recommended.preset, preset, "{name}");
        assert!((recommended.confidence - confidence).abs() < 1e-9, "{name}");
    }
}

#[test]
fn profiles_and_environments_have_the_documented_values() {
    let four = [
        "l1_cache_size",
        "compression_threshold",
        "compression_level",
        "default_ttl",
    ];
    let values = |config: &CacheConfig| four.map(|name| value(config, name)).join(" / ");
    for (profile, expected) in [
        (Profile::MemoryConstrained, "25 / 500 / 8 / 15m"),
        (Profile::LatencyCritical, "500 / 5000 / 3 / 1h"),
        (Profile::StorageOptimized, "100 / 1000 / 9 / 2h"),
        (Profile::Balanced, "200 / 2000 / 6 / 30m"),
    ] {
        assert_eq!(
            values(&built(CacheConfig::builder().profile(profile))),
            expected
        );
    }
    for (name, expected) in [
        ("development", "50 / 2000 / 4 / 30m"),
        ("testing", "25 / 1000 / 1 / 1m"),
        ("staging", "100 / 1000 / 6 / 30m"),
        ("production", "200 / 1000 / 6 / 2h"),
    ] {
        let builder = CacheConfig::for_environment(name).expect(name);
        let config = built(builder);
        assert_eq!(values(&config), expected, "{name}");
        assert_eq!(config.environment, name);
    }
    for (name, expected, hashed) in [
        ("development", "50 / 2000 / 3 / 30m", "2000"),
        ("testing", "10 / 5000 / 1 / 5m", "5000"),
        ("production", "200 / 500 / 7 / 2h", "500"),
    ] {
        let config = built(CacheConfig::for_ai_environment(name).expect(name));
        assert_eq!(values(&config), expected, "{name}");
        is(&config, &[("ai.text_hash_threshold", hashed)]);
    }
    let testing = built(CacheConfig::for_ai_environment("testing").expect("known"));
    let explanation = testing.explain();
    let of_all = explanation
        .settings()
        .iter()
        .filter(|it| it.name.starts_with("built-in"));
    assert!(of_all.clone().all(|it| it.value == "5m") && of_all.count() == 5);
    let error = CacheConfig::for_environment("moon")
        .expect_err("unknown")
        .to_string();
    assert!(
        error.contains("expected development, testing, staging or production"),
        "{error}"
    );
}

#[test]
fn factories_have_the_documented_defaults() {
    is(
        &built(CacheFactory::web_app()),
        &[
            ("default_ttl", "30m"),
            ("l1_cache_size", "200"),
            ("compression_threshold", "2000"),
            ("compression_level", "6"),
            ("enable_l1_cache", "true"),
            ("enable_ai_cache", "false"),
        ],
    );
    is(
        &built(CacheFactory::ai_app()),
        &[
            ("default_ttl", "1h"),
            ("l1_cache_size", "100"),
            ("compression_threshold", "1000"),
            ("compression_level", "6"),
            ("ai.text_hash_threshold", "500"),
        ],
    );
    // What the application says comes before.
    let own = CacheFactory::web_app()
        .default_ttl(Duration::from_secs(3600))
        .l1_cache_size(500);
    is(
        &built(own),
        &[("default_ttl", "1h"), ("l1_cache_size", "500")],
    );
}

/// The variable, what it says, the setting that it is, and what that is then.
const VARIABLES: [(&str, &str, &str, &str); 40] = [
    (
        "CACHE_REDIS_URL",
        "redis://a:1",
        "redis_url",
        "redis://a:1/0",
    ),
    ("REDIS_URL", "redis://b:2/3", "redis_url", "redis://b:2/3"),
    (
        "AI_CACHE_REDIS_URL",
        "redis://c:3",
        "redis_url",
        "redis://c:3/0",
    ),
    ("ENABLE_AI_CACHE", "yes", "enable_ai_cache", "true"),
    ("CACHE_ENABLE_AI_FEATURES", "1", "enable_ai_cache", "true"),
    ("CACHE_NAMESPACE", "shop", "namespace", "shop"),
    ("CACHE_DEFAULT_TTL", "3600", "default_ttl", "1h"),
    ("AI_CACHE_DEFAULT_TTL", "2h", "default_ttl", "2h"),
    ("CACHE_MEMORY_SIZE", "7", "l1_cache_size", "7"),
    ("CACHE_L1_SIZE", "8", "l1_cache_size", "8"),
    ("AI_CACHE_MEMORY_CACHE_SIZE", "9", "l1_cache_size", "9"),
    (
        "AI_CACHE_ENABLE_L1_CACHE",
        "off",
        "enable_l1_cache",
        "false",
    ),
    (
        "CACHE_COMPRESSION_THRESHOLD",
        "77",
        "compression_threshold",
        "77",
    ),
    (
        "AI_CACHE_COMPRESSION_THRESHOLD",
        "78",
        "compression_threshold",
        "78",
    ),
    ("CACHE_COMPRESSION_LEVEL", "2", "compression_level", "2"),
    ("AI_CACHE_COMPRESSION_LEVEL", "4", "compression_level", "4"),
    ("CACHE_ENVIRONMENT", "staging", "environment", "staging"),
    ("REDIS_AUTH", "secret", "security.redis_auth", "(set)"),
    ("REDIS_PASSWORD", "secret", "security.redis_auth", "(set)"),
    (
        "CACHE_REDIS_PASSWORD",
        "secret",
        "security.redis_auth",
        "(set)",
    ),
    ("REDIS_USE_TLS", "true", "security.use_tls", "true"),
    ("REDIS_TLS_ENABLED", "1", "security.use_tls", "true"),
    ("CACHE_USE_TLS", "on", "security.use_tls", "true"),
    (
        "CACHE_TEXT_HASH_THRESHOLD",
        "300",
        "ai.text_hash_threshold",
        "300",
    ),
    (
        "AI_CACHE_TEXT_HASH_THRESHOLD",
        "301",
        "ai.text_hash_threshold",
        "301",
    ),
    (
        "CACHE_OPERATION_TTLS",
        r#"{"qa": 60}"#,
        "operation_ttls",
        "qa 1m",
    ),
    (
        "CACHE_AI_OPERATION_TTLS",
        r#"{"qa": "2m"}"#,
        "operation_ttls",
        "qa 2m",
    ),
    (
        "AI_CACHE_OPERATION_TTLS",
        r#"{"a.b": 1}"#,
        "operation_ttls",
        "a.b 1s",
    ),
    ("CACHE_HASH_ALGORITHM", "blake3", "hash_algorithm", "blake3"),
    (
        "AI_CACHE_HASH_ALGORITHM",
        "sha512",
        "hash_algorithm",
        "sha512",
    ),
    (
        "CACHE_ENABLE_SMART_PROMOTION",
        "no",
        "ai.enable_smart_promotion",
        "false",
    ),
    (
        "CACHE_MAX_TEXT_LENGTH",
        "900000",
        "ai.max_text_length",
        "900000",
    ),
    (
        "AI_CACHE_TEXT_SIZE_TIERS",
        r#"{"small": 1, "medium": 2, "large": 3}"#,
        "ai.text_size_tiers.large",
        "3",
    ),
    ("TOTAL_WORKERS", "4", "total_workers", "4"),
    ("WORKER_ID", "larder-7f6c-x2", "worker_id", "larder-7f6c-x2"),
    (
        "REDIS_CONNECTION_TIMEOUT",
        "30",
        "connection_timeout",
        "30s",
    ),
    ("REDIS_RETRY_DELAY", "1.0", "open_for", "1s"),
    (
        "CACHE_KEY_SECRET",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "key_secret",
        "(set)",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"memory_cache_size": 11}"#,
        "l1_cache_size",
        "11",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"default_ttl": "90m", "preset": "minimal"}"#,
        "default_ttl",
        "1h 30m",
    ),
];

#[test]
fn every_variable_says_its_setting() {
    for (variable, says, setting, expected) in VARIABLES {
        let config = of(&[(variable, says)]);
        is(&config, &[(setting, expected)]);
        let explained = config.explain();
        let source = &explained.get(setting).expect("a line").source;
        assert_eq!(*source, format!("variable {variable}"));
    }
    // Two that belong together.
    let user = [
        ("REDIS_ACL_USERNAME", "app"),
        ("REDIS_ACL_PASSWORD", "secret"),
    ];
    let config = of(&user);
    is(
        &config,
        &[
            ("security.acl_username", "app"),
            ("security.acl_password", "(set)"),
        ],
    );
    let files = [
        ("REDIS_USE_TLS", "true"),
        ("REDIS_TLS_CA_PATH", "/nowhere/ca"),
        ("REDIS_TLS_CERT_PATH", "/nowhere/cert"),
        ("REDIS_TLS_KEY_PATH", "/nowhere/key"),
    ];
    is(
        &of(&files),
        &[
            ("security.tls_ca_path", "/nowhere/ca"),
            ("security.tls_cert_path", "/nowhere/cert"),
            ("security.tls_key_path", "/nowhere/key"),
        ],
    );
}

#[test]
fn every_variable_of_every_setting_is_in_the_table() {
    let there = VARIABLES.map(|(variable, ..)| variable);
    let elsewhere = [
        "REDIS_ACL_USERNAME",
        "REDIS_ACL_PASSWORD",
        "REDIS_TLS_CA_PATH",
        "REDIS_TLS_CERT_PATH",
        "REDIS_TLS_KEY_PATH",
        // Needs a feature.
        "REDIS_ENCRYPTION_KEY",
    ];
    for setting in Setting::all() {
        for variable in setting.variables().iter().chain(setting.old_variables()) {
            let is_tested = there.contains(variable) || elsewhere.contains(variable);
            assert!(is_tested, "{variable}");
        }
    }
}

#[test]
fn words_for_yes_and_no_are_understood() {
    for yes in ["true", "1", "yes", "on", "TRUE", " Yes "] {
        is(
            &of(&[("ENABLE_AI_CACHE", yes)]),
            &[("enable_ai_cache", "true")],
        );
    }
    for no in ["false", "0", "no", "off", "Off"] {
        let config = of(&[("CACHE_PRESET", "ai-production"), ("ENABLE_AI_CACHE", no)]);
        is(
            &config,
            &[("enable_ai_cache", "false"), ("ai.max_text_length", "-")],
        );
    }
}

#[test]
fn sources_come_before_each_other_as_documented() {
    let directory = tempfile();
    let file = directory.join("larder.json");
    std::fs::write(
        &file,
        r#"{"preset": "minimal", "default_ttl": 11, "jitter": 0.5}"#,
    )
    .expect("written");
    let all = [
        ("REDIS_URL", "redis://second"),
        ("CACHE_REDIS_URL", "redis://first"),
        ("CACHE_DEFAULT_TTL", "22"),
        ("CACHE_COMPRESSION_LEVEL", "2"),
        (
            "CACHE_CUSTOM_CONFIG",
            r#"{"compression_level": 3, "operation_ttls": {"b": 2}}"#,
        ),
        ("CACHE_OPERATION_TTLS", r#"{"a": 1, "b": 1}"#),
    ];
    let loaded = ConfigSources::new()
        .file(&file)
        .variables(all)
        .load()
        .expect("valid");
    let config = built(CacheConfigBuilder::from(loaded).l1_cache_size(33));
    let explained = config.explain();
    let file_origin = format!("file {}", file.display());
    for (name, value, source) in [
        ("preset", "minimal", file_origin.as_str()),
        ("l1_cache_size", "33", "the program"),
        ("compression_level", "3", "variable CACHE_CUSTOM_CONFIG"),
        (
            "redis_url",
            "redis://first:6379/0",
            "variable CACHE_REDIS_URL",
        ),
        ("default_ttl", "22s", "variable CACHE_DEFAULT_TTL"),
        ("jitter", "0.5", file_origin.as_str()),
        ("compression_threshold", "5000", "preset minimal"),
        ("codec", "messagepack", "default"),
        (
            "operation_ttls",
            "a 1s, b 2s",
            "variable CACHE_CUSTOM_CONFIG, variable CACHE_OPERATION_TTLS",
        ),
    ] {
        let line = explained.get(name).expect(name);
        assert_eq!(
            (line.value.as_str(), line.source.as_str()),
            (value, source),
            "{name}"
        );
    }
    // A variable names the preset before a file does, and the program before both.
    let named = ConfigSources::new()
        .file(&file)
        .variables([("CACHE_PRESET", "simple")]);
    assert_eq!(
        named.clone().load().expect("valid").preset,
        Some(Preset::Simple)
    );
    let named = named.preset(Preset::Production).load().expect("valid");
    assert_eq!(named.preset, Some(Preset::Production));
    // A file that a variable names comes before the others.
    let other = directory.join("other.toml");
    std::fs::write(&other, "jitter = 0.25\n[kinds.geo]\nl1_cache_size = 5").expect("written");
    let path = other.display().to_string();
    let both = ConfigSources::new()
        .file(&file)
        .variables([("CACHE_CONFIG_FILE", path)]);
    let both = both.load().expect("valid");
    is(&both, &[("jitter", "0.25"), ("default_ttl", "11s")]);
    is(
        &both.for_kind("geo"),
        &[("l1_cache_size", "5"), ("default_ttl", "11s")],
    );
    assert_eq!(
        both.explain()
            .get("kinds.geo.l1_cache_size")
            .expect("a line")
            .value,
        "5"
    );
    std::fs::remove_dir_all(directory).expect("removed");
}

#[test]
fn old_variables_are_warned_of_once_with_what_to_say_instead() {
    let (log, _guard) = Log::collect_warnings_here();
    of(&[
        ("CACHE_DEFAULT_TTL", "60"),
        ("CACHE_ENABLE_AI_FEATURES", "1"),
        ("CACHE_PRESTE", "x"),
    ]);
    let lines = log.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let says = |text: &str| lines.iter().filter(|line| line.contains(text)).count() == 1;
    assert!(says(
        "CACHE_DEFAULT_TTL is from an older system; say default_ttl in CACHE_CUSTOM_CONFIG"
    ));
    assert!(says(
        "CACHE_ENABLE_AI_FEATURES is from an older system; its name is ENABLE_AI_CACHE now"
    ));
    assert!(says(
        "CACHE_PRESTE says nothing; did you mean CACHE_PRESET?"
    ));
}

#[test]
fn variables_that_look_like_ours_and_say_nothing_are_warned_of() {
    for (variable, expected) in [
        ("CACHE_PRESTE", "did you mean CACHE_PRESET?"),
        ("CACHE_ENABLE_AI_CACHE", "did you mean ENABLE_AI_CACHE?"),
        (
            "CACHE_KEY_PRIVACY",
            "say key_privacy in CACHE_CUSTOM_CONFIG or in a file",
        ),
        ("CACHE_REQUIRE_TENANT", "say require_tenant in"),
        ("CACHE_L1_CACHE_SIZE", "say l1_cache_size in"),
        ("CACHE_ENCRYPTION_KEY", "did you mean REDIS_ENCRYPTION_KEY?"),
    ] {
        let (log, _guard) = Log::collect_warnings_here();
        of(&[(variable, "whatever")]);
        let lines = log.lines();
        assert_eq!(lines.len(), 1, "{variable}: {lines:?}");
        assert!(
            lines[0].contains(&format!("{variable} says nothing; {expected}")),
            "{lines:?}"
        );
    }
    // Another program's.
    let (log, _guard) = Log::collect_warnings_here();
    of(&[
        ("CACHE_DIRECTORY_OF_ANOTHER_PROGRAM", "x"),
        ("REDISTRIBUTE", "y"),
    ]);
    assert!(log.lines().is_empty(), "{:?}", log.lines());
}

#[test]
fn variables_that_say_something_else_or_nothing_are_warned_of() {
    let (log, _guard) = Log::collect_warnings_here();
    let config = of(&[
        ("CACHE_REDIS_URL", "redis://first"),
        ("REDIS_URL", "redis://second"),
        ("REDIS_MAX_RETRIES", "3"),
        ("REDIS_VERIFY_CERTIFICATES", "true"),
        ("REDIS_INSECURE_ALLOW_PLAINTEXT", "true"),
    ]);
    is(&config, &[("redis_url", "redis://first:6379/0")]);
    let lines = log.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let disabled = of(&[
        ("CACHE_PRESET", "disabled"),
        ("CACHE_REDIS_URL", "redis://host"),
    ]);
    let cache = larder::Cache::builder("disabled", &disabled).build();
    assert_eq!(cache.expect("a cache").stats().backend_type, "memory");
    assert!(
        log.lines()[3].contains("never uses Redis"),
        "{:?}",
        log.lines()
    );
}

#[test]
fn memory_is_shared_out_among_workers_and_never_grows() {
    for (entries, workers, expected) in [
        ("400", "4", 100),
        ("400", "1", 400),
        ("100", "8", 50),
        ("25", "4", 25),
    ] {
        let custom = format!(r#"{{"l1_cache_size": {entries}}}"#);
        let config = of(&[("CACHE_CUSTOM_CONFIG", &custom), ("TOTAL_WORKERS", workers)]);
        let cache = larder::Cache::builder("shared-out", &config).build();
        assert_eq!(cache.expect("a cache").stats().max_size, expected);
        is(&config, &[("l1_cache_size", entries)]);
    }
    assert_eq!(CacheConfig::l1_size_for_workers(400, 4), 100);
    assert_eq!(CacheConfig::l1_size_for_workers(500, 25), 50);
}

/// The sample file of the documents.
#[test]
fn the_documented_sample_file_is_understood() {
    let sample = r#"{
        "redis_url": "redis://production:6379",
        "default_ttl": 7200,
        "memory_cache_size": 200,
        "compression_threshold": 1000,
        "compression_level": 6,
        "environment": "production",
        "ai_config": {
            "text_hash_threshold": 1000,
            "hash_algorithm": "sha256",
            "operation_ttls": {"summarize": 14400, "sentiment": 86400, "translate": 43200},
            "enable_smart_promotion": true,
            "max_text_length": 200000
        }
    }"#;
    let directory = tempfile();
    let file = directory.join("base_config.json");
    std::fs::write(&file, sample).expect("written");
    let config = CacheConfig::from_file(&file).expect("valid");
    is(
        &config,
        &[
            ("redis_url", "redis://production:6379/0"),
            ("default_ttl", "2h"),
            ("l1_cache_size", "200"),
            ("environment", "production"),
            ("ai.text_hash_threshold", "1000"),
            (
                "operation_ttls",
                "sentiment 1d, summarize 4h, translate 12h",
            ),
            ("ai.max_text_length", "200000"),
        ],
    );
    let config = built(
        CacheConfigBuilder::from(config)
            .compression_threshold(500)
            .compression_level(8),
    );
    is(
        &config,
        &[("compression_threshold", "500"), ("compression_level", "8")],
    );
    std::fs::remove_dir_all(directory).expect("removed");
}

#[test]
fn what_is_saved_is_loaded_again_and_holds_no_secret() {
    let directory = tempfile();
    let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let config = CacheConfigBuilder::from(Preset::AiProduction.config())
        .namespace("shop")
        .redis_url("rediss://app:canary@cache:6380/2?max_connections=7")
        .key_secret(secret)
        .operation_ttl("a.b", Duration::from_millis(1500))
        .jitter(0.1)
        .l1_cache_bytes(1 << 20)
        .kind("geo", |geo| {
            geo.l1_cache_size(50_000)
                .operation_ttl("near", Duration::from_secs(5))
        });
    let config = built(config);
    let saved = ["deep/er/larder.json", "larder.toml"].map(|name| directory.join(name));
    for path in &saved {
        config.save(path).expect("saved");
        let text = std::fs::read_to_string(path).expect("a file");
        assert!(!text.contains("canary") && !text.contains(secret), "{text}");
        let loaded = CacheConfig::from_file(path).expect("valid");
        for setting in Setting::all().filter(|it| it.name() != "key_secret") {
            assert_eq!(
                setting.value(&loaded),
                setting.value(&config),
                "{}",
                setting.name()
            );
            let [loaded, before] = [&loaded, &config].map(|it| it.for_kind("geo"));
            assert_eq!(
                setting.value(&loaded),
                setting.value(&before),
                "{}",
                setting.name()
            );
        }
        assert_eq!(loaded.preset, Some(Preset::AiProduction));
        // What the preset says, and what holds for all kinds, is not said again.
        assert!(
            !text.contains("compression_level") && text.matches("a.b").count() == 1,
            "{text}"
        );
    }
    let json = serde_json::to_string(&config).expect("serde");
    let again: CacheConfig = serde_json::from_str(&json).expect("serde");
    assert_eq!(again.l1_cache_bytes, Some(1 << 20));
    let error = config
        .save(directory.join("larder.yaml"))
        .expect_err("no YAML is written");
    assert!(
        error
            .to_string()
            .contains("expected an ending of .json or .toml")
    );
    std::fs::remove_dir_all(directory).expect("removed");
}

#[test]
fn warnings_and_recommendations_say_what_to_change() {
    let warned = |builder: CacheConfigBuilder| builder.validate();
    let has = |found: &[String], text: &str| {
        assert!(
            found.iter().any(|it| it.contains(text)),
            "{text}: {found:?}"
        );
    };
    let builder = || CacheConfig::builder();
    let week = Duration::from_secs(604_801);
    let level = warned(builder().compression_threshold(0).compression_level(8));
    has(
        &level.warnings,
        "compression_threshold is 0 with compression_level 8",
    );
    has(&level.recommendations, "compression_level is 8");
    let long = warned(builder().ai().operation_ttl("qa", week));
    has(
        &long.warnings,
        "operation_ttls of qa are longer than a week",
    );
    let tiers = larder::TextTiers::new(500, 400, 50_000);
    let falling = warned(builder().text_size_tiers(tiers));
    has(&falling.warnings, "500, 400 and 50000, and do not rise");
    let large = warned(
        builder()
            .compression_threshold(20_000)
            .l1_cache_size(200_000),
    );
    has(&large.recommendations, "compression_threshold is 20000");
    has(&large.recommendations, "set l1_cache_bytes");
    let off = built(builder().enable_l1_cache(false).l1_cache_size(500)).validate();
    has(
        &off.warnings,
        "l1_cache_size is set and enable_l1_cache is false",
    );
    has(&off.recommendations, "enable_l1_cache is false");
    let texts = warned(
        builder()
            .text_hash_threshold(50_000)
            .max_text_length(20_000),
    );
    has(&texts.recommendations, "so that no text is hashed");
    let short = builder().default_ttl(Duration::from_secs(10));
    has(
        &warned(short).recommendations,
        "retry_stale_after is 30s, longer than every lifetime",
    );
    assert!(warned(builder()).warnings.is_empty());
}

#[test]
fn settings_are_looked_at_before_they_go_into_production() {
    let builder = || CacheConfig::builder().redis_url("redis://host");
    let report = |builder: CacheConfigBuilder| built(builder).validate_for_deployment();
    let has = |found: &[String], text: &str| {
        assert!(
            found.iter().any(|it| it.contains(text)),
            "{text}: {found:?}"
        );
    };
    has(
        &report(builder().default_ttl(Duration::from_secs(59))).warnings,
        "default_ttl is 59s",
    );
    has(
        &report(builder().default_ttl(Duration::from_secs(86_401))).warnings,
        "for more than a day",
    );
    has(
        &report(builder().l1_cache_size(1001)).warnings,
        "l1_cache_size is 1001",
    );
    has(
        &report(builder().compression_level(8)).warnings,
        "compression_level is 8",
    );
    has(
        &report(builder().l1_cache_size(49)).recommendations,
        "l1_cache_size is 49",
    );
    has(
        &report(builder().compression_threshold(5001)).recommendations,
        "compression_threshold is 5001",
    );
    has(&report(builder()).recommendations, "namespace is not set");
    assert!(report(builder().namespace("shop")).is_valid());
    let away = report(CacheConfig::builder());
    has(&away.errors, "redis_url is missing");
    assert!(matches!(
        away.into_result(),
        Err(CacheError::Configuration { .. })
    ));
}

#[test]
fn keys_of_several_kinds_never_begin_alike() {
    let clash = CacheConfig::builder()
        .redis_url("redis://host")
        .key_prefix("shop:")
        .kind("geo", |geo| geo);
    let error = clash
        .build()
        .expect_err("two kinds with one prefix")
        .to_string();
    assert!(error.contains("begin alike"), "{error}");
    let apart = CacheConfig::builder()
        .namespace("shop")
        .kind("geo", |geo| geo);
    let config = built(apart);
    let key = larder::KeyBuilder::new(&config, "geo", "near")
        .expect("valid")
        .build();
    assert!(key.expect("a key").starts_with("shop:geo:"));
}

/// A directory of this test's own.
fn tempfile() -> std::path::PathBuf {
    let name = format!("larder-{:016x}", fastrand::u64(..));
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir(&directory).expect("a directory");
    directory
}

#[test]
#[cfg(feature = "encryption")]
fn the_encryption_key_has_a_variable() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    is(
        &of(&[("REDIS_ENCRYPTION_KEY", key)]),
        &[("encryption_key", "(set)")],
    );
}

#[test]
fn what_is_said_later_of_all_kinds_holds_for_those_that_say_nothing_else() {
    let file =
        r#"{"kinds": {"geo": {"l1_cache_size": 5, "operation_ttls": {"user.profile": 60}}}}"#;
    let loaded = of(&[("CACHE_CUSTOM_CONFIG", file)]);
    let config = CacheConfigBuilder::from(loaded)
        .namespace("shop")
        .l1_cache_size(7);
    let config = built(config.kind("geo", |geo| geo.jitter(0.5)).jitter(0.25));
    let geo = config.for_kind("geo");
    is(
        &geo,
        &[
            ("namespace", "shop"),
            ("l1_cache_size", "5"),
            ("jitter", "0.5"),
            ("operation_ttls", "user.profile 1m"),
        ],
    );
    is(
        &config,
        &[
            ("l1_cache_size", "7"),
            ("jitter", "0.25"),
            ("operation_ttls", "-"),
        ],
    );
    is(&config.for_kind("other"), &[("l1_cache_size", "7")]);
}

#[test]
fn settings_for_language_models_make_such_a_cache() {
    for says in [
        r#"{"ai": {}}"#,
        r#"{"ai_config": {"max_text_length": 7}}"#,
        r#"{"max_text_length": 7}"#,
    ] {
        let config = of(&[("CACHE_CUSTOM_CONFIG", says)]);
        is(&config, &[("enable_ai_cache", "true")]);
        let explained = config.explain();
        let line = explained.get("enable_ai_cache").expect("a line");
        assert_eq!(line.source, "variable CACHE_CUSTOM_CONFIG", "{says}");
    }
    // One table with two names, one of them empty: nothing is lost.
    let both = r#"{"ai": {"max_text_length": 7}, "ai_config": {}}"#;
    is(
        &of(&[("CACHE_CUSTOM_CONFIG", both)]),
        &[("ai.max_text_length", "7")],
    );
    // What comes before says otherwise.
    let off = [
        ("ENABLE_AI_CACHE", "false"),
        ("CACHE_PRESET", "ai-production"),
    ];
    is(
        &of(&off),
        &[("enable_ai_cache", "false"), ("ai.max_text_length", "-")],
    );
}

#[test]
fn a_warning_is_logged_once() {
    let (log, _guard) = Log::collect_warnings_here();
    let custom = r#"{"compression_threshold": 0, "kinds": {"geo": {"enable_l1_cache": false, "l1_cache_size": 7}}}"#;
    let config = of(&[("CACHE_CUSTOM_CONFIG", custom)]);
    let config = built(CacheConfigBuilder::from(config).jitter(0.5));
    drop(CacheConfigBuilder::from(config).build());
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[0].contains("compression_threshold is 0")
            && lines[1].contains("kinds.geo: l1_cache_size")
    );
}

#[test]
#[cfg(feature = "yaml")]
fn files_in_yaml_are_read() {
    let directory = tempfile();
    let file = directory.join("larder.yaml");
    std::fs::write(&file, "default_ttl: 2h\nkinds:\n  geo:\n    jitter: 0.5\n").expect("written");
    let config = CacheConfig::from_file(&file).expect("valid");
    is(&config, &[("default_ttl", "2h")]);
    is(&config.for_kind("geo"), &[("jitter", "0.5")]);
    std::fs::write(&file, "redis_password:canary").expect("written");
    let error = CacheConfig::from_file(&file)
        .expect_err("no table")
        .to_string();
    assert!(!error.contains("canary"), "{error}");
    std::fs::remove_dir_all(directory).expect("removed");
}

/// What the sample applications of the documents say.
#[test]
fn the_documented_samples_are_understood() {
    let production = CacheFactory::web_app()
        .redis_url("redis://host")
        .default_ttl(Duration::from_secs(3600))
        .l1_cache_size(500)
        .compression_threshold(1000)
        .compression_level(7)
        .fail_on_connection_error(true);
    assert!(built(production).validate().warnings.is_empty());
    let fast = CacheFactory::ai_app()
        .default_ttl(Duration::from_secs(7200))
        .compression_threshold(500)
        .compression_level(9)
        .text_hash_threshold(200)
        .l1_cache_size(150)
        .operation_ttl("translate", Duration::from_secs(86_400));
    is(
        &built(fast),
        &[
            ("ai.text_hash_threshold", "200"),
            ("operation_ttls", "translate 1d"),
        ],
    );
    let custom = r#"{"compression_threshold": 500, "memory_cache_size": 200, "default_ttl": 7200, "use_tls": true}"#;
    is(
        &of(&[("CACHE_CUSTOM_CONFIG", custom)]),
        &[("security.use_tls", "true")],
    );
}
