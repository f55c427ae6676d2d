//! Names of keys in a store: their parts, their digests, and what can be read in them.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/keys.rs"]
mod support;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use larder::{
    Cache, CacheConfig, CacheConfigBuilder, HashAlgorithm, KeyBuilder, KeyPrivacy, TextTier,
};
use proptest::prelude::*;
use serde::Serialize;
use support::{SECRET, builder, built, plain, runner, settings};

/// Parts of a key, by their labels.
fn part<'a>(key: &'a str, label: &str) -> &'a str {
    let parts = key.split('|');
    let mut found = parts.filter_map(|part| part.split_once(':'));
    let (_, value) = found.find(|(name, _)| *name == label).expect("the part");
    value
}

#[test]
fn separators_and_control_characters_in_a_text_and_an_operation_stay_what_they_are() {
    let config = plain();
    let mut keys = HashSet::new();
    let mut texts: Vec<String> = (0..=0x9F_u8).map(|it| char::from(it).to_string()).collect();
    texts.extend(
        [
            "", "|", "||", "%", "%7c", "%7C", "|args:", "a|id:b", "é|", "%25",
        ]
        .map(str::to_owned),
    );
    texts.sort();
    texts.dedup();
    for text in &texts {
        assert!(keys.insert(built(builder(&config, "web").text(text))));
        if let Ok(operation) = KeyBuilder::new(&config, "web", text) {
            let key = built(operation);
            assert!(!key.chars().any(char::is_control), "{key:?}");
            assert_eq!(config.parse_key("web", &key).operation.as_ref(), Some(text));
            assert!(keys.insert(key));
        }
    }
}

#[test]
fn no_text_an_empty_text_and_the_text_of_a_digest_are_different() {
    let config = settings(CacheConfig::builder().text_hash_threshold(100));
    let key = |text: &str| built(builder(&config, "ai").text(text));
    assert_eq!(key("").split('|').nth(1), Some("txt:"));
    assert_ne!(key(""), built(builder(&config, "ai")));

    let hashed = key(&"x".repeat(101));
    let digest = hashed.split('|').find_map(|part| part.strip_prefix("txt:"));
    let readable = key(digest.expect("a digest"));
    assert_ne!(readable, hashed);
    assert_eq!(config.parse_key("ai", hashed).text_tier, None);
    assert_eq!(
        config.parse_key("ai", readable).text_tier,
        Some(TextTier::Small)
    );
}

#[test]
fn a_key_of_the_kind_ai_has_only_the_parts_that_the_call_has() {
    let config = settings(CacheConfig::builder().ai());
    let labels = |key: KeyBuilder| -> Vec<String> {
        let key = built(key);
        let parts = key
            .strip_prefix("ai_cache:")
            .expect("the prefix")
            .split('|');
        parts
            .filter_map(|part| Some(part.split_once(':')?.0.to_owned()))
            .collect()
    };
    let ai = || builder(&config, "ai");
    assert_eq!(labels(ai()), ["op", "id"]);
    assert_eq!(labels(ai().text("a")), ["op", "txt", "id"]);
    assert_eq!(labels(ai().arg("n", &1)), ["op", "opts", "id"]);
    assert_eq!(labels(ai().question("why?")), ["op", "q", "id"]);
    let all = ai().question("why?").arg("n", &1).text("a");
    assert_eq!(labels(all), ["op", "txt", "opts", "q", "id"]);

    let web = builder(&config, "web");
    assert!(built(web.question("why?")).contains("op:op|args:"));
    let twice = (ai().question("why?"), ai().arg("question", "why?"));
    assert_eq!(built(twice.0), built(twice.1));
}

#[test]
fn each_algorithm_makes_the_digests_that_it_is_known_for() {
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let keyed_sha256 = "f0133729c4163dede81e21cd47839256da58171238c8a0d874397c73b14e1e47";
    let sha384 = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                  8086072ba1e7cc2358baeca134c825a7";
    let keyed_sha384 = "0118b503c345483648a9ea6a1243ee9c65f3edea3092adbc4b86ea0d94ca8192\
                  a25f5e2714a5725b4a7112bd450473a5";
    let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                  2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    let keyed_sha512 = "69d4a21e226bf0d348cb9a847c01cf24e93e8ac30d7c951704b936f82f795a62\
                  4b470e23abd33ac8700e797f0f2a499b932bac7d283bbbb37d8fecf70d5e08a7";
    let blake3 = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
    for (algorithm, digest, keyed) in [
        (HashAlgorithm::Sha256, sha256, Some(keyed_sha256)),
        (HashAlgorithm::Sha384, sha384, Some(keyed_sha384)),
        (HashAlgorithm::Sha512, sha512, Some(keyed_sha512)),
        (HashAlgorithm::Blake3, blake3, None),
    ] {
        let config = CacheConfig::builder()
            .text_hash_threshold(1)
            .hash_algorithm(algorithm);
        let text = |config: CacheConfigBuilder| {
            let key = built(builder(&settings(config), "ai").text("abc").arg("n", &1));
            assert_eq!(part(&key, "opts").len(), 32);
            part(&key, "txt").to_owned()
        };
        assert_eq!(text(config.clone()), format!("hash:{digest}"));
        let with_secret = text(config.key_secret(SECRET));
        assert_eq!(with_secret.len(), "hash:".len() + digest.len());
        if let Some(keyed) = keyed {
            assert_eq!(with_secret, format!("hash:{keyed}"));
        }
    }
}

#[test]
fn another_algorithm_or_secret_changes_every_digest_of_arguments() {
    let other = "/////////////////////////////////////////w8=";
    let config = || CacheConfig::builder().key_privacy(KeyPrivacy::Hashed).ai();
    let mut configs: Vec<_> = HashAlgorithm::ALL
        .into_iter()
        .map(|algorithm| config().hash_algorithm(algorithm))
        .collect();
    configs.extend(configs.clone().into_iter().map(|it| it.key_secret(SECRET)));
    configs.push(config().key_secret(other));
    for label in ["txt", "opts", "q"] {
        let digests: HashSet<String> = configs
            .iter()
            .map(|config| {
                let key = builder(&settings(config.clone()), "ai").text("a");
                let key = built(key.arg("n", &1).question("why?"));
                part(&key, label).to_owned()
            })
            .collect();
        assert_eq!(digests.len(), configs.len(), "{label}");
    }
}

#[test]
fn hashed_keys_show_no_text() {
    let config = settings(CacheConfig::builder().key_privacy(KeyPrivacy::Hashed).ai());
    let key = builder(&config, "ai").text("canary").question("canary");
    let key = key.arg("n", "canary");
    assert!(!format!("{key:?}").contains("canary"));
    assert!(!built(key).contains("canary"));
}

#[test]
fn nothing_shows_the_secret() {
    let config = settings(CacheConfig::builder().key_secret(SECRET));
    let cache = Cache::builder("web", &config).build().expect("a cache");
    let shown = format!("{config:?} {cache:?} {:?}", builder(&config, "web"));
    assert!(
        !shown.contains(&SECRET[..16]) && !shown.contains("1, 2, 3"),
        "{shown}"
    );
}

#[test]
fn a_secret_of_wrong_form_is_answered_without_showing_it() {
    for secret in ["Y2FuYXJ5Y2FuYXJ5Y2FuYQ==", "canary canary", ""] {
        let error = CacheConfig::builder().key_secret(secret).build();
        let error = error.expect_err("no secret").to_string();
        assert!(
            error.contains("key_secret") && error.contains("32"),
            "{error}"
        );
        assert!(
            !error.contains("canary") && !error.contains("Y2Fu"),
            "{error}"
        );

        let mut by_hand = plain();
        by_hand.key_secret = Some(secret.into());
        assert!(KeyBuilder::new(&by_hand, "web", "op").is_err());
        assert!(Cache::builder("web", &by_hand).build().is_err());
    }
}

#[test]
fn an_unknown_algorithm_is_answered_with_the_known_ones() {
    let error = "md5".parse::<HashAlgorithm>().expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "invalid cache configuration: the hash algorithm is \"md5\"; expected one of sha256, \
         sha384, sha512, blake3"
    );
}

#[test]
fn a_key_gives_back_its_operation_and_the_tier_of_its_text_whatever_they_are() {
    let prefix = "[a-z:|%]{1,8}(op:|\\|id:)?";
    let text = prop_oneof![any::<String>(), "[a|:%é\0]{0,600}", "hash:[a-f0-9]{0,64}"];
    let strategy = (prefix, any::<String>(), text, any::<bool>());
    runner()
        .run(&strategy, |(prefix, operation, text, is_ai)| {
            let config = settings(CacheConfig::builder().key_prefix(&prefix));
            let kind = if is_ai { "ai" } else { "web" };
            let Ok(key) = KeyBuilder::new(&config, kind, &operation) else {
                prop_assert!(operation.trim().is_empty());
                return Ok(());
            };
            let parsed = config.parse_key(kind, built(key.text(&text).arg("n", &1)));
            prop_assert_eq!(parsed.operation, Some(operation));
            prop_assert_eq!(parsed.text_tier, Some(TextTier::of(text.chars().count())));
            Ok(())
        })
        .expect("all come back");
}

#[test]
fn any_bytes_can_be_parsed_and_foreign_ones_say_nothing() {
    let config = settings(CacheConfig::builder().ai());
    let key = built(builder(&config, "ai").text("a|b").arg("n", &1));
    let unknown = larder::ParsedKey::default();
    for length in 0..key.len() {
        assert_eq!(config.parse_key("ai", &key[..length]), unknown);
    }
    for foreign in [
        "",
        "op:",
        "ai_cache:op:",
        "ai_cache:key:op:a|id:",
        "web:op:op|id:",
        "session:7",
        "ai_cache:op:%|id:00000000000000000000000000000000",
        "ai_cache:op:%+1|id:00000000000000000000000000000000",
        "ai_cache:op:%c3|id:00000000000000000000000000000000",
    ] {
        assert_eq!(config.parse_key("ai", foreign), unknown, "{foreign}");
    }
    assert_eq!(config.parse_key("ai", [0xFF, 0xFE]), unknown);
    assert_eq!(config.parse_key("web", &key), unknown);

    let bytes = prop::collection::vec(any::<u8>(), 0..64);
    let damaged = (0..key.len(), any::<u8>());
    runner()
        .run(&(bytes, damaged), |(bytes, (at, byte))| {
            let _ = config.parse_key("ai", [b"ai_cache:op:".as_slice(), &bytes].concat());
            let mut damaged = key.clone().into_bytes();
            damaged[at] = byte;
            let _ = config.parse_key("ai", damaged);
            Ok(())
        })
        .expect("no panic");
}

#[test]
fn tiers_end_where_they_are_documented_to() {
    let config = settings(CacheConfig::builder().text_hash_threshold(100_000));
    for (characters, tier) in [
        (0, "small"),
        (499, "small"),
        (500, "medium"),
        (4999, "medium"),
        (5000, "large"),
        (49_999, "large"),
        (50_000, "xlarge"),
    ] {
        let key = built(builder(&config, "ai").text(&"é".repeat(characters)));
        let parsed = config
            .parse_key("ai", key)
            .text_tier
            .expect("a readable text");
        assert_eq!(parsed.to_string(), tier, "{characters}");
    }
}

/// Every key of the golden file, made anew.
fn golden_keys() -> String {
    #[derive(Serialize)]
    struct Point {
        x: i64,
        label: Option<&'static str>,
    }
    #[derive(Serialize)]
    enum Mode {
        Fast,
        Careful { tries: u8 },
    }
    let config = plain();
    let ai = settings(CacheConfig::builder().ai());
    let long = "long ".repeat(400);
    let web = || builder(&config, "web");
    let mut cases = vec![
        ("nothing".to_owned(), built(web())),
        ("numbers".to_owned(), {
            let numbers = web().arg("a", &1_u8).arg("b", &-1_i128).arg("c", &0.5_f64);
            built(numbers)
        }),
        ("options".to_owned(), {
            let options = web().arg("none", &None::<u8>).arg("some", &Some(Some("")));
            built(options)
        }),
        ("structs".to_owned(), {
            let point = Point { x: -7, label: None };
            built(
                web()
                    .arg("fast", &Mode::Fast)
                    .arg("point", &(point, Mode::Careful { tries: 3 })),
            )
        }),
        ("maps and sets".to_owned(), {
            let map = HashMap::from([("b", vec![1, 2]), ("a", vec![])]);
            built(
                web()
                    .arg("map", &map)
                    .arg("set", &HashSet::from(['x', 'y', 'z'])),
            )
        }),
        ("text".to_owned(), built(web().text("a|b%\nc"))),
        ("version".to_owned(), built(web().text("a").version(2))),
        ("ai".to_owned(), {
            let ai = builder(&ai, "ai").text("The sea was calm.");
            built(ai.arg("max_words", &100_u32).question("How was the sea?"))
        }),
        (
            "ai, long text".to_owned(),
            built(builder(&ai, "ai").text(&long)),
        ),
    ];
    for algorithm in HashAlgorithm::ALL {
        let config = CacheConfig::builder().hash_algorithm(algorithm);
        for (name, config) in [
            ("", config.clone()),
            (" with a secret", config.key_secret(SECRET)),
        ] {
            let hashed = settings(config.key_privacy(KeyPrivacy::Hashed).key_prefix("p:"));
            let key = built(builder(&hashed, "ai").text("a").question("b").arg("c", "d"));
            cases.push((format!("{algorithm}{name}"), key));
        }
    }
    cases.iter().fold(String::new(), |mut lines, (case, key)| {
        let _ = writeln!(lines, "{case}: {key}");
        lines
    })
}

/// A key that changes here changes for everybody: all that is stored is computed again. Run with
/// `LARDER_WRITE_GOLDEN=1` to write the file.
#[test]
fn keys_are_the_same_in_every_build_and_process() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/keys.txt");
    if std::env::var_os("LARDER_WRITE_GOLDEN").is_some() {
        std::fs::write(file, golden_keys()).expect("a file");
    }
    assert_eq!(golden_keys(), std::fs::read_to_string(file).expect(file));
    if std::env::var_os("LARDER_SECOND_PROCESS").is_none() {
        let program = std::env::current_exe().expect("a program");
        let second = std::process::Command::new(program)
            .args(["--exact", "keys_are_the_same_in_every_build_and_process"])
            .env("LARDER_SECOND_PROCESS", "1")
            .output()
            .expect("a second process");
        assert!(second.status.success(), "{second:?}");
    }
}
