//! What is said of settings that cannot be used: one message each, with the setting, what was found,
//! in which source, and what is expected; never a secret.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use larder::{CacheConfig, CacheError, CacheFactory, ConfigSources, Setting};

fn problems(sources: ConfigSources) -> Vec<String> {
    let error = sources.load().expect_err("nothing that can be used");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("canary"), "{shown}");
    match error {
        CacheError::Configuration { problems, .. } => problems,
        error => panic!("another error: {error}"),
    }
}

fn of_variables(variables: &[(&str, &str)]) -> Vec<String> {
    problems(ConfigSources::new().variables(variables.iter().copied()))
}

#[track_caller]
fn one(problems: &[String], expected: &[&str]) {
    let [problem] = problems else {
        panic!("not one: {problems:#?}");
    };
    for expected in expected {
        assert!(
            problem.contains(expected),
            "{expected:?} is not in {problem:?}"
        );
    }
}

/// What a setting of this form takes in no case, in JSON.
fn of_wrong_type(setting: &Setting) -> &'static str {
    let expected = setting.expected();
    if expected == "true or false" || expected.contains(" to ") && !expected.contains("second") {
        r#""canary""#
    } else if expected.contains("seconds") {
        r#""three parsecs""#
    } else {
        "7"
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_source_and_what_is_expected() {
    for setting in Setting::all() {
        let (name, wrong) = (setting.name(), of_wrong_type(setting));
        let wrong = wrong.replace("canary", "neither");
        let nested = name
            .rsplit('.')
            .fold(wrong, |inner, part| format!(r#"{{"{part}": {inner}}}"#));
        let found = of_variables(&[("CACHE_CUSTOM_CONFIG", &nested)]);
        let expected = setting.expected();
        one(
            &found,
            &[name, "variable CACHE_CUSTOM_CONFIG", "expected", &expected],
        );
    }
}

#[test]
fn a_variable_that_cannot_be_used_is_named_with_what_is_expected() {
    for setting in Setting::all() {
        let expected = setting.expected();
        let takes_any_text = !expected.contains(" to ")
            && !expected.contains("true or false")
            && !expected.contains("one of");
        if takes_any_text {
            continue;
        }
        for variable in setting.variables().iter().chain(setting.old_variables()) {
            let found = of_variables(&[(variable, "neither this nor that")]);
            // Of what is no JSON nothing is known but where it is.
            let name = if expected.contains("operation") {
                ""
            } else {
                setting.name()
            };
            one(&found, &[name, variable, "expected"]);
        }
    }
}

/// The variable, what it says, and a part of the one message about it.
const OUT_OF_RANGE: &[(&str, &str, &str)] = &[
    (
        "CACHE_DEFAULT_TTL",
        "0",
        "default_ttl is 0s (variable CACHE_DEFAULT_TTL); expected 1s to 365d",
    ),
    ("CACHE_DEFAULT_TTL", "2years", "default_ttl is 730d 12h"),
    (
        "CACHE_DEFAULT_TTL",
        "-5",
        "default_ttl is -5 (variable CACHE_DEFAULT_TTL)",
    ),
    ("CACHE_MEMORY_SIZE", "0", "l1_cache_size is 0"),
    (
        "CACHE_MEMORY_SIZE",
        "10000001",
        "expected 1 to 10000000 entries",
    ),
    ("CACHE_MEMORY_SIZE", "1.5", "l1_cache_size is \"1.5\""),
    ("CACHE_COMPRESSION_LEVEL", "10", "compression_level is 10"),
    (
        "CACHE_COMPRESSION_THRESHOLD",
        "1048577",
        "expected 0 to 1048576 bytes",
    ),
    (
        "CACHE_TEXT_HASH_THRESHOLD",
        "100001",
        "expected 1 to 100000 characters",
    ),
    ("CACHE_HASH_ALGORITHM", "sha265", "did you mean sha256?"),
    (
        "CACHE_PRESET",
        "prodution",
        "did you mean production? (variable CACHE_PRESET)",
    ),
    (
        "CACHE_OPERATION_TTLS",
        r#"{"qa": 0}"#,
        "operation_ttls.qa is 0s",
    ),
    (
        "CACHE_OPERATION_TTLS",
        r#"{"qa": "soon"}"#,
        "operation_ttls is \"soon\" for \"qa\" (variable CACHE_OPERATION_TTLS); expected",
    ),
    (
        "CACHE_OPERATION_TTLS",
        r#"{"": 5}"#,
        "operation without a name",
    ),
    (
        "CACHE_OPERATION_TTLS",
        "[1]",
        "cannot be understood (it is no table); expected a table",
    ),
    (
        "CACHE_OPERATION_TTLS",
        "{canary",
        "CACHE_OPERATION_TTLS is no JSON (key must be a string",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        "{",
        "CACHE_CUSTOM_CONFIG is no JSON (EOF",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        "\"canary\"",
        "CACHE_CUSTOM_CONFIG cannot be understood (it is no table)",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"jitter": 1.5}"#,
        "jitter is 1.5 (variable CACHE_CUSTOM_CONFIG); expected 0 to 1",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"store_budget": "61s"}"#,
        "store_budget is 1m 1s",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"max_connections": 0}"#,
        "max_connections is 0",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"namespace": ""}"#,
        "namespace is empty",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"key_prefix": ""}"#,
        "key_prefix is empty",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"environment": " "}"#,
        "environment is empty",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"key_secret": "canary"}"#,
        "key_secret",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"redis_url": 6379}"#,
        "redis_url is a number",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"kinds": {"geo": 1}}"#,
        "kinds.geo is no table",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"kinds": 1}"#,
        "kinds is no table",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"kinds": {"geo": {"preset": "minimal"}}}"#,
        "kinds.geo.preset is no setting",
    ),
    (
        "CACHE_CUSTOM_CONFIG",
        r#"{"kinds": {"geo": {"codec": "xml"}}}"#,
        "kinds.geo.codec is \"xml\"",
    ),
    ("CACHE_CUSTOM_CONFIG", r#"{"ai": 1}"#, "ai is no table"),
    ("CACHE_KEY_SECRET", "canary", "key_secret"),
    (
        "TOTAL_WORKERS",
        "0",
        "total_workers is 0 (variable TOTAL_WORKERS); expected 1 to 100000 processes",
    ),
    (
        "TOTAL_WORKERS",
        "many",
        "total_workers is \"many\" (variable TOTAL_WORKERS)",
    ),
    (
        "REDIS_VERIFY_CERTIFICATES",
        "false",
        "certificates are always checked",
    ),
    (
        "CACHE_CONFIG_FILE",
        "/nowhere/larder.json",
        "the file /nowhere/larder.json cannot be read",
    ),
];

#[test]
fn a_value_out_of_range_is_named_with_its_source() {
    for (variable, says, expected) in OUT_OF_RANGE {
        one(&of_variables(&[(variable, says)]), &[expected]);
    }
}

#[test]
#[cfg(feature = "redis")]
fn a_url_that_cannot_be_used_is_named_with_its_source_and_without_its_password() {
    for variable in ["CACHE_REDIS_URL", "REDIS_URL", "AI_CACHE_REDIS_URL"] {
        let found = of_variables(&[(variable, "http://app:canary@host")]);
        one(&found, &["redis_url", "\"http\"", variable]);
    }
}

#[test]
fn what_is_no_setting_is_named_with_what_may_have_been_meant() {
    for (says, expected) in [
        (
            r#"{"defualt_ttl": 5}"#,
            "defualt_ttl is no setting (variable CACHE_CUSTOM_CONFIG); did you mean default_ttl?",
        ),
        (
            r#"{"ai": {"text_hash_treshold": 5}}"#,
            "ai.text_hash_treshold is no setting (variable CACHE_CUSTOM_CONFIG); did you mean ai.text_hash_threshold?",
        ),
        (r#"{"Default_TTL": 5}"#, "did you mean default_ttl?"),
        (
            r#"{"kinds": {"geo": {"codek": "json"}}}"#,
            "kinds.geo.codek is no setting (variable CACHE_CUSTOM_CONFIG); did you mean codec?",
        ),
        (r#"{"": 5}"#, " is no setting"),
        (
            r#"{"entirely different": 5}"#,
            "entirely different is no setting (variable CACHE_CUSTOM_CONFIG)",
        ),
    ] {
        one(&of_variables(&[("CACHE_CUSTOM_CONFIG", says)]), &[expected]);
    }
}

#[test]
fn two_names_of_one_setting_that_disagree_are_an_error() {
    let both = r#"{"l1_cache_size": 5, "memory_cache_size": 6}"#;
    let found = of_variables(&[("CACHE_CUSTOM_CONFIG", both)]);
    one(
        &found,
        &["memory_cache_size says something else than l1_cache_size"],
    );
    let same = r#"{"l1_cache_size": 5, "memory_cache_size": 5}"#;
    let sources = ConfigSources::new().variables([("CACHE_CUSTOM_CONFIG", same)]);
    assert_eq!(sources.load().expect("no contradiction").l1_cache_size, 5);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let found = of_variables(&[
        ("CACHE_PRESET", "moon"),
        ("CACHE_DEFAULT_TTL", "soon"),
        ("CACHE_COMPRESSION_LEVEL", "12"),
        ("CACHE_CUSTOM_CONFIG", r#"{"codec": "xml", "unheard": 1}"#),
        ("CACHE_OPERATION_TTLS", "{"),
    ]);
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let directory = std::env::temp_dir().join(format!("larder-{:016x}", fastrand::u64(..)));
    std::fs::create_dir(&directory).expect("a directory");
    let file = |name: &str, content: &[u8]| -> PathBuf {
        let path = directory.join(name);
        std::fs::write(&path, content).expect("written");
        path
    };
    let large = directory.join("large.json");
    let sparse = std::fs::File::create(&large).expect("a file");
    sparse.set_len(100_000_000).expect("a large file");
    std::fs::create_dir(directory.join("directory.toml")).expect("a directory");
    let yaml = if cfg!(feature = "yaml") {
        "there is more than one"
    } else {
        "without the feature `yaml`"
    };
    for (path, expected) in [
        (
            directory.join("missing.toml"),
            "cannot be read (No such file",
        ),
        (
            directory.join("directory.toml"),
            "cannot be read (Is a directory",
        ),
        (large, "is larger than 1 MiB"),
        (
            file("settings.ini", b"a = 1"),
            "has no known ending; expected .json, .toml or .yaml",
        ),
        (file("binary.json", &[0xff, 0xfe]), "is no text in UTF-8"),
        (file("empty.json", b""), "is no JSON (EOF"),
        (
            file("list.json", b"[]"),
            "cannot be understood (it is no table)",
        ),
        (
            file("broken.json", b"{\"redis_url\": \"canary\""),
            "is no JSON (EOF",
        ),
        (
            file("twice.json", br#"{"jitter": 0, "jitter": 1}"#),
            "the key \"jitter\" is there twice",
        ),
        (
            file(
                "deep.json",
                br#"{"kinds": {"a": {"jitter": 0, "jitter": 1}}}"#,
            ),
            "the key \"jitter\" is there twice",
        ),
        (
            file("broken.toml", b"redis_url = canary"),
            "cannot be understood (line 1, column",
        ),
        (
            file("twice.toml", b"jitter = 0\njitter = 1"),
            "a key is there twice",
        ),
        (
            file("type.toml", b"default_ttl = true"),
            "default_ttl is true",
        ),
        (
            file("secret.toml", b"redis_auth = [\"canary\"]"),
            "security.redis_auth is a list",
        ),
        (
            file("unknown.toml", b"[ai]\nmodel = 1"),
            "ai.model is no setting",
        ),
    ] {
        let name = path.display().to_string();
        one(
            &problems(ConfigSources::new().file(&path)),
            &[&name, expected],
        );
    }
    let twice = file("twice.yaml", b"jitter: 0\njitter: 1\n");
    let found = problems(ConfigSources::new().file(twice));
    assert!(
        found[0].contains(yaml) || found[0].contains("cannot be understood"),
        "{found:?}"
    );
    std::fs::remove_dir_all(directory).expect("removed");
}

#[tokio::test]
async fn a_map_with_a_setting_that_nobody_knows_makes_no_cache() {
    let map = BTreeMap::from([("compression_levle", 3)]);
    let error = CacheFactory::from_value(&map)
        .await
        .expect_err("misspelled")
        .to_string();
    assert!(error.contains("did you mean compression_level?"), "{error}");
    let error = CacheConfig::from_value(&[1, 2])
        .expect_err("no table")
        .to_string();
    assert!(error.contains("is no table of settings"), "{error}");
}

#[test]
fn sources_show_none_of_what_they_say() {
    let sources = ConfigSources::new().variables([("REDIS_AUTH", "canary")]);
    let shown = format!("{sources:?}");
    assert!(
        shown.contains("REDIS_AUTH") && !shown.contains("canary"),
        "{shown}"
    );
    let error = serde_json::from_str::<CacheConfig>("\"redis://:canary@host\"");
    let error = error.expect_err("no table").to_string();
    assert!(error.contains("expected a table of settings") && !error.contains("canary"));
}

#[test]
fn what_nearly_is_a_setting_is_answered_with_what_to_write() {
    for (says, expected) in [
        (
            r#"{"l1_cache_size": "100"}"#,
            "a text, \"100\", and no number: leave the quotes out",
        ),
        (
            r#"{"retired_encryption_keys": ["a", 7]}"#,
            "a list with something that is no text",
        ),
        (
            r#"{"redis_auth": true}"#,
            "security.redis_auth is no text but true or false",
        ),
        (
            r#"{"lifetime": 5}"#,
            "docs/configuration.md has all of them",
        ),
        (
            r#"{"kinds": {"": {"jitter": 0}}}"#,
            "kinds.: the kind has no name",
        ),
        // Once, whichever has it.
        (r#"{"key_secret": "x", "kinds": {"geo": {}}}"#, "key_secret"),
        (
            r#"{"kinds": {"geo": {"key_secret": "x"}}}"#,
            "kinds.geo: key_secret",
        ),
        (
            r#"{"security": {"acl_username": "app"}}"#,
            "(variable CACHE_CUSTOM_CONFIG)",
        ),
    ] {
        one(&of_variables(&[("CACHE_CUSTOM_CONFIG", says)]), &[expected]);
    }
    one(
        &of_variables(&[("AI_CACHE_ENABLE_L1_CACHE", "maybe")]),
        &["expected true, 1, yes, on, false, 0, no or off"],
    );
    let nothing = r#"{"operation_ttls": {"qa": null}, "jitter": null}"#;
    let sources = ConfigSources::new().variables([("CACHE_CUSTOM_CONFIG", nothing)]);
    assert!(
        sources
            .load()
            .expect("nothing is said")
            .operation_ttls
            .is_empty()
    );
}

#[test]
fn several_problems_are_a_line_each_and_warnings_apart() {
    let says = r#"{"jitter": 2, "codec": "xml", "compression_threshold": 0}"#;
    let sources = ConfigSources::new().variables([("CACHE_CUSTOM_CONFIG", says)]);
    let error = sources.load().expect_err("two problems").to_string();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 4, "{error}");
    assert!(lines[1].starts_with("- codec is \"xml\"") && lines[2].starts_with("- jitter is 2"));
    assert!(lines[3].starts_with("- warning: compression_threshold is 0"));
}

#[test]
fn several_wrong_lifetimes_are_all_named() {
    let found = of_variables(&[("CACHE_OPERATION_TTLS", r#"{"b": "soon", "a": [], "c": 5}"#)]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("\"soon\" for \"b\"") && found[1].contains("a list for \"a\""));
}

#[test]
fn settings_for_language_models_beside_their_end_are_warned_of() {
    let says = r#"{"enable_ai_cache": false, "ai": {"max_text_length": 7}, "codec": "xml"}"#;
    let error = ConfigSources::new()
        .variables([("CACHE_CUSTOM_CONFIG", says)])
        .load();
    let CacheError::Configuration { warnings, .. } = error.expect_err("xml") else {
        panic!("another error");
    };
    assert!(
        warnings[0].contains("enable_ai_cache is false"),
        "{warnings:?}"
    );
    let variables = [
        ("ENABLE_AI_CACHE", "false"),
        ("CACHE_MAX_TEXT_LENGTH", "7"),
        ("CACHE_PRESET", "moon"),
    ];
    let error = ConfigSources::new().variables(variables).load();
    let error = error.expect_err("no such preset").to_string();
    let expected = "enable_ai_cache is false (variable ENABLE_AI_CACHE)";
    assert!(error.contains(expected), "{error}");
}
