//! The names that entries really have in a store, beside those that `KeyBuilder` makes.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use fixture::RedisServer;
use larder::call::{self, Origin};
use larder::{
    Cache, CacheConfig, CacheConfigBuilder, HashAlgorithm, KeyBuilder, KeyPrivacy, cached,
};
use support::{Runs, roomy};

const PATIENCE: Duration = Duration::from_secs(5);
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn over(server: &RedisServer) -> CacheConfigBuilder {
    roomy()
        .redis_url(server.url())
        .store_budget(Duration::from_secs(2))
}

/// A cache that is registered and connected, as a fresh process would have it.
async fn fresh(kind: &str, config: &CacheConfig) -> Cache {
    let cache = Cache::builder(kind, config).build().expect("a cache");
    larder::register(cache.clone());
    assert!(cache.connect().await);
    cache
}

/// Keys of entries.
fn keys(server: &RedisServer) -> HashSet<String> {
    let keys = server.command(&["KEYS", "*"]);
    let keys = keys.list().iter().map(|key| key.text().to_owned());
    keys.filter(|key| !key.contains(":gen:")).collect()
}

/// Functions of the kind `ai`, which is one for the whole process.
mod ai {
    use std::collections::HashSet;

    #[larder::cached(kind = "ai", op = "summarize")]
    pub(super) async fn summarize(max_words: u32, style: Option<&str>, article: &str) -> String {
        format!("{max_words} {style:?} {article}")
    }

    #[larder::cached(kind = "ai", op = "qa")]
    pub(super) async fn answer(question: &str, document: String) -> String {
        format!("{question} {document}")
    }

    #[larder::cached(kind = "ai", op = "list", version = "v2")]
    pub(super) async fn list(question: (u8, HashSet<u8>)) -> usize {
        question.1.len()
    }

    #[larder::cached(kind = "ai", op = "bare")]
    pub(super) async fn bare() -> u8 {
        1
    }
}

#[cached(kind = "store-keys", op = "mixed", version = 3)]
async fn mixed(
    text: String,
    question: Option<i64>,
    tags: &HashSet<&str>,
    (x, y): (u8, bool),
    r#type: char,
) -> usize {
    let _ = (question, x, y, r#type);
    text.len() + tags.len()
}

fn all_settings(server: &RedisServer) -> Vec<CacheConfig> {
    let config = || over(server).text_hash_threshold(10);
    let mut all = vec![
        config(),
        config().key_prefix("shop:op:"),
        config().key_secret(SECRET),
    ];
    all.extend(HashAlgorithm::ALL.map(|algorithm| config().hash_algorithm(algorithm)));
    all.push(config().key_privacy(KeyPrivacy::Hashed));
    all.into_iter()
        .map(|config| config.build().expect("valid settings"))
        .collect()
}

#[tokio::test]
async fn a_key_that_was_built_is_the_key_of_the_call() {
    let server = RedisServer::start();
    for config in all_settings(&server) {
        let caches = [
            fresh("ai", &config).await,
            fresh("store-keys", &config).await,
        ];
        let tags = HashSet::from(["a", "b", "c"]);
        ai::summarize(100, Some("dry"), "The sea was calm.").await;
        ai::answer("How?", "calm".to_owned()).await;
        ai::list((1, tags.iter().map(|tag| tag.as_bytes()[0]).collect())).await;
        ai::bare().await;
        mixed("a|b".to_owned(), Some(-1), &tags, (7, true), 'x').await;
        for cache in caches {
            assert!(cache.flush(PATIENCE).await);
        }

        let of = |kind, operation| KeyBuilder::new(&config, kind, operation).expect("a builder");
        let built = [
            of("ai", "summarize")
                .arg("style", &Some("dry"))
                .text("The sea was calm.")
                .arg("max_words", &100_u32),
            of("ai", "qa").text("calm").question("How?"),
            of("ai", "bare"),
            of("store-keys", "mixed")
                .version(3)
                .question(&Some(-1_i64))
                .arg("y", &true)
                .arg("type", &'x')
                .arg("x", &7_u8)
                .arg("tags", &tags)
                .text("a|b"),
        ];
        let mut stored = keys(&server);
        for key in built {
            let key = key.build().expect("a key");
            assert!(stored.remove(&key), "{key} is not among {stored:?}");
        }
        // The set inside of a question may have been shown in another order.
        assert_eq!(stored.len(), 1, "{stored:?}");
        for key in stored {
            let parsed = config.parse_key("ai", &key);
            assert_eq!(parsed.operation.as_deref(), Some("list"));
        }
        server.command(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn hashed_keys_of_the_application_are_found_and_removed_and_not_listed() {
    let server = RedisServer::start();
    let config = over(&server).key_privacy(KeyPrivacy::Hashed).build();
    let config = config.expect("valid settings");
    let writer = fresh("hashed", &config).await;
    writer.set("user:canary", 1).await;
    writer.set("user:2", 2).await;
    for key in keys(&server) {
        let digest = key.strip_prefix("hashed:keyhash:").expect("a hashed name");
        assert_eq!(digest.len(), 64);
    }

    let reader = fresh("hashed", &config).await;
    assert_eq!(reader.keys("*").await, [""; 0]);
    assert_eq!(reader.remove_matching("*").await, 0);
    assert_eq!(reader.get::<i32>("user:canary").await, Some(1));
    assert_eq!(reader.keys("*").await, ["user:canary"]);
    assert_eq!(reader.remove_matching("user:*").await, 1);
    assert_eq!(reader.get::<i32>("user:canary").await, None);
    assert_eq!(reader.get::<i32>("user:2").await, Some(2));
    reader.clear().await;
    assert_eq!(keys(&server).len(), 0);
}

#[tokio::test]
async fn a_readable_key_never_meets_a_hashed_one() {
    let server = RedisServer::start();
    let config = |privacy| over(&server).key_privacy(privacy).build().expect("valid");
    let hashed = fresh("meeting", &config(KeyPrivacy::Hashed)).await;
    hashed.set("user:1", 1).await;
    let names = keys(&server);
    let name = names.iter().next().expect("a name");

    let readable = fresh("meeting", &config(KeyPrivacy::Readable)).await;
    for end in name.char_indices().map(|(at, _)| &name[at..]) {
        for chosen in [end.to_owned(), end.replace("keyhash:", "hash:")] {
            assert_eq!(readable.get::<i32>(&chosen).await, None, "{chosen}");
        }
    }
    assert_eq!(readable.keys("*").await, [""; 0]);
}

static SHARED: Runs = Runs::new();

#[cached(kind = "sharing", op = "length", shared)]
async fn length(text: &str) -> usize {
    SHARED.count();
    text.len()
}

#[cached(kind = "sharing", op = "length", shared)]
async fn length_of(text: String) -> Result<usize, String> {
    SHARED.count();
    Ok(text.len())
}

/// Keeps values of another type.
#[cached(kind = "sharing", op = "length", shared)]
async fn written_length(text: &str) -> String {
    text.len().to_string()
}

#[tokio::test]
async fn functions_that_are_one_operation_on_purpose_share_in_redis() {
    let server = RedisServer::start();
    let config = over(&server).build().expect("valid settings");
    let writer = fresh("sharing", &config).await;
    assert_eq!(length("abc").await, 3);
    assert!(writer.flush(PATIENCE).await);

    let other = fresh("sharing", &config).await;
    let found = call::outcome(length_of("abc".to_owned())).await;
    assert_eq!((found.value, found.origin), (Ok(3), Origin::Store));
    assert_eq!(SHARED.total(), 1);
    assert_eq!(written_length("abc").await, "3");
    assert!(other.flush(PATIENCE).await);

    // A process that has only the function with the other type takes the entry as a miss.
    fresh("sharing", &config).await;
    let written = call::outcome(written_length("abc")).await;
    assert_eq!(
        (written.value.as_str(), written.origin),
        ("3", Origin::Computed)
    );
    assert_eq!(call::outcome(length("abc")).await.value, 3);
}

#[tokio::test]
async fn another_order_of_parameters_keeps_the_entries() {
    mod before {
        #[larder::cached(kind = "reordered", op = "area", shared)]
        pub(super) async fn area(width: u32, height: u64, units: &str) -> String {
            format!("{} {units}", u64::from(width) * height)
        }
    }
    mod after {
        #[larder::cached(kind = "reordered", op = "area", shared)]
        pub(super) async fn area(units: &str, height: u64, width: u32) -> String {
            format!("{} {units}", u64::from(width) * height)
        }
    }
    let server = RedisServer::start();
    let config = over(&server).build().expect("valid settings");
    let cache = fresh("reordered", &config).await;
    before::area(2, 3, "m").await;
    assert!(cache.flush(PATIENCE).await);
    fresh("reordered", &config).await;
    let found = call::outcome(after::area("m", 3, 2)).await;
    assert_eq!((found.value.as_str(), found.origin), ("6 m", Origin::Store));
    let other = call::outcome(after::area("m", 2, 3)).await;
    assert_eq!(other.origin, Origin::Computed);
}

#[tokio::test]
async fn maps_and_sets_in_another_order_are_found_in_redis() {
    #[cached(kind = "unordered")]
    async fn sizes(
        map: HashMap<u32, String>,
        set: &HashSet<u32>,
        mutable: &mut HashSet<u32>,
    ) -> usize {
        map.len() + set.len() + mutable.len()
    }
    let server = RedisServer::start();
    let config = over(&server).build().expect("valid settings");
    for origin in [Origin::Computed, Origin::Store, Origin::Store] {
        let cache = fresh("unordered", &config).await;
        let map = (0..100).map(|n| (n, n.to_string())).collect();
        let set = || (0..100).collect::<HashSet<u32>>();
        let found = call::outcome(sizes(map, &set(), &mut set())).await;
        assert_eq!((found.value, found.origin), (300, origin));
        assert!(cache.flush(PATIENCE).await);
    }
}
