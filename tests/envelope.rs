//! The bytes of entries in a store: what is damaged, forged or too large is a miss, and what earlier
//! versions wrote is read. The layout is written here once more, from `docs/wire-format.md`.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use flate2::{Compress, Compression, FlushCompress};
use larder::testing::ManualClock;
use larder::{Cache, CacheConfig, CacheConfigBuilder, CacheStats, Codec, Tombstone};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use support::map_store::MapStore;
use twox_hash::{XxHash3_64, XxHash3_128};

const MIB: usize = 1024 * 1024;

/// 32 bytes.
const KEY: &str = "a2V5IG9uZSwgMzIgYnl0ZXMsIGZvciB0ZXN0cyE9ISE=";

/// A value as language models answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    summary: String,
    scores: BTreeMap<String, f64>,
    points: Vec<String>,
    next: Option<Box<Answer>>,
}

fn answer() -> Answer {
    let leaf = Answer {
        summary: "To be or not to be, that is the question. ".repeat(3),
        scores: BTreeMap::from([("joy".to_owned(), 0.25), ("grief".to_owned(), -1.5)]),
        points: (0..5).map(|n| format!("point {n}")).collect(),
        next: None,
    };
    Answer {
        next: Some(Box::new(leaf.clone())),
        ..leaf
    }
}

/// The parts of an entry as the page on the format describes them.
#[derive(Clone)]
struct Envelope {
    header: [u8; 56],
    body: Vec<u8>,
}

impl Envelope {
    fn parse(bytes: &[u8]) -> Self {
        let (header, rest) = bytes.split_first_chunk().expect("a header");
        let seal = if header[7] == 0 { 16 } else { 40 };
        let body = &rest[seal..];
        Self {
            header: *header,
            body: body.to_vec(),
        }
    }

    /// A fresh entry under a checksum, in `MessagePack`.
    fn forged(compression: u8, length: u64, bytes: &[u8]) -> Self {
        let mut header = [0; 56];
        header[..8].copy_from_slice(&[b'L', b'R', b'D', b'R', 1, 1, compression, 0]);
        header[8..16].copy_from_slice(&NOW.to_le_bytes());
        header[16..24].copy_from_slice(&(NOW + 60_000).to_le_bytes());
        header[24..32].copy_from_slice(&(NOW + 60_000).to_le_bytes());
        let body = [&length.to_le_bytes(), [0; 16].as_slice(), bytes].concat();
        Self { header, body }
    }

    /// The bytes, with the checksum that belongs to them under this key.
    fn checked(&self, key: &str) -> Vec<u8> {
        let seed = XxHash3_64::oneshot(&self.header);
        let seed = XxHash3_64::oneshot_with_seed(seed, KIND.as_bytes());
        let seed = XxHash3_64::oneshot_with_seed(seed, key.as_bytes());
        let checksum = XxHash3_128::oneshot_with_seed(seed, &self.body);
        [&self.header, checksum.to_le_bytes().as_slice(), &self.body].concat()
    }
}

/// 1 January 2020, where a manual clock begins.
const NOW: u64 = 1_577_836_800_000;

/// A store, and caches over it that keep nothing in memory: each reads like a fresh process.
#[derive(Default)]
struct Bench {
    store: Arc<MapStore>,
    clock: ManualClock,
}

const KIND: &str = "bytes";
const STORED: &str = "bytes:key:answer";

impl Bench {
    fn cache(&self, config: CacheConfigBuilder) -> Cache {
        Cache::builder(KIND, &config.build().expect("valid settings"))
            .store(self.store.clone())
            .clock(self.clock.clone())
            .build()
            .expect("a cache")
    }

    fn put(&self, bytes: Vec<u8>) {
        let mut entries = self.store.entries.lock().expect("no panic");
        entries.insert(STORED.to_owned(), bytes);
    }

    /// The entry, without the tombstone before each that the application sets.
    fn stored(&self) -> Vec<u8> {
        let mut stored = self.store.entries.lock().expect("no panic")[STORED].clone();
        if Tombstone::of(&stored).is_some() {
            stored.drain(..Tombstone::LENGTH);
        }
        stored
    }
}

/// The store in front of which nothing is kept.
fn bare() -> CacheConfigBuilder {
    CacheConfig::builder().enable_l1_cache(false)
}

fn refused(stats: &CacheStats) -> u64 {
    let refused = stats.refused;
    refused.foreign
        + refused.too_large
        + refused.damaged
        + refused.unknown_key
        + refused.not_encrypted
        + refused.invalidated
        + refused.expired
        + refused.undecodable
        + refused.unverified
}

/// Every way of writing that this build has, by name.
fn formats() -> Vec<(String, CacheConfigBuilder)> {
    let mut formats = Vec::new();
    for &codec in Codec::ALL {
        let plain = bare().codec(codec).compression_threshold(1 << 20);
        formats.push((format!("{codec}"), plain.clone()));
        let packed = bare().codec(codec).compression_threshold(0);
        formats.push((format!("{codec}-zlib"), packed.clone()));
        if cfg!(feature = "encryption") {
            formats.push((format!("{codec}-encrypted"), plain.encryption_key(KEY)));
            let both = packed.encryption_key(KEY);
            formats.push((format!("{codec}-zlib-encrypted"), both));
        }
    }
    formats
}

#[tokio::test]
async fn every_flipped_byte_and_every_cut_is_a_miss_with_a_reason() {
    for (name, config) in formats() {
        let bench = Bench::default();
        bench.cache(config.clone()).set("answer", answer()).await;
        let good = bench.stored();
        let cache = bench.cache(config);
        assert_eq!(cache.get("answer").await, Some(answer()), "{name}");

        let flips = (0..good.len()).flat_map(|at| [0x01, 0x80, 0x55].map(|flip| (at, flip)));
        let flipped = flips.map(|(at, flip)| {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            bytes
        });
        let cut = (1..good.len()).map(|length| good[..length].to_vec());
        let longer = [[good.as_slice(), b"\0"].concat(), b"other".to_vec()];
        let mut damaged = 0;
        for bytes in flipped.chain(cut).chain(longer) {
            bench.put(bytes);
            let found = cache.get::<Answer>("answer").await;
            assert_eq!(found, None, "{name}: the damage number {damaged} is served");
            damaged += 1;
        }
        let stats = cache.stats();
        assert_eq!(refused(&stats), damaged, "{name}: {stats:?}");
        assert!(stats.refused.foreign > 0, "{name}: {stats:?}");
        assert!(stats.refused.damaged > 0, "{name}: {stats:?}");
    }
}

#[tokio::test]
async fn an_entry_is_served_under_its_own_key_only() {
    for (name, config) in formats() {
        let bench = Bench::default();
        bench.cache(config.clone()).set("alice", 1_000_u64).await;
        let entry = {
            let mut entries = bench.store.entries.lock().expect("no panic");
            let entry = entries["bytes:key:alice"].clone();
            for other in ["bytes:key:mallory", "acme:key:alice"] {
                entries.insert(other.to_owned(), entry.clone());
            }
            entry
        };
        let cache = bench.cache(config.clone());
        assert_eq!(cache.get::<u64>("mallory").await, None, "{name}");
        assert_eq!(cache.get::<u64>("alice").await, Some(1_000), "{name}");
        let other_prefix = bench.cache(config.key_prefix("acme:"));
        assert_eq!(other_prefix.get::<u64>("alice").await, None, "{name}");
        assert_eq!(other_prefix.stats().refused.damaged, 1, "{name}");
        assert!(entry.len() > 96);
    }
}

#[tokio::test]
async fn kinds_of_one_prefix_never_read_each_others_entries() {
    for (name, config) in formats() {
        let bench = Bench::default();
        let config = config.key_prefix("shop:").build().expect("valid");
        let kind = |kind| {
            let cache = Cache::builder(kind, &config).store(bench.store.clone());
            cache.clock(bench.clock.clone()).build().expect("a cache")
        };
        kind("web").set("user:1", 1_u64).await;
        assert_eq!(kind("ai").get::<u64>("user:1").await, None, "{name}");
        assert_eq!(kind("web").get("user:1").await, Some(1_u64), "{name}");
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Big([u64; 32]);

#[test]
fn a_list_that_would_take_far_more_memory_than_bytes_is_a_miss() {
    let bench = Bench::default();
    let cache = bench.cache(bare());
    let runtime = runtime();
    let nothing = vec![None::<u8>; 1_000_000];
    runtime.block_on(cache.set("answer", nothing));
    let used = measure(|| {
        let found = runtime.block_on(cache.get::<Vec<Option<Big>>>("answer"));
        assert_eq!(found, None);
    });
    // A list that grows has its old and its new room at once.
    assert!(used.bytes_max <= 256 * MIB as u64, "{}", used.bytes_max);
    assert_eq!(cache.stats().refused.undecodable, 1);
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Wide {
    numbers: [[u64; 32]; 8],
    next: Option<Box<Wide>>,
}

#[test]
fn levels_that_take_much_of_the_stack_are_bounded_by_it() {
    on_a_usual_stack(|runtime| {
        for &codec in Codec::ALL {
            let wide = (0..60).fold(Wide::default(), |wide, _| Wide {
                next: Some(Box::new(wide)),
                ..Wide::default()
            });
            let bench = Bench::default();
            let cache = bench.cache(bare().codec(codec));
            runtime.block_on(async {
                cache.set("answer", wide.clone()).await;
                let found = cache.get::<Wide>("answer").await;
                assert!(found.is_none_or(|found| found == wide), "{codec}");
            });
        }
    });
}

#[tokio::test]
async fn what_one_codec_leaves_out_is_a_miss() {
    // To formats that people do not read, serde shows this address without its scope.
    let address = "[fe80::1%7]:80".parse::<std::net::SocketAddr>();
    let address = address.expect("an address");
    for &codec in Codec::ALL {
        let bench = Bench::default();
        let cache = bench.cache(bare().codec(codec));
        cache.set("answer", address).await;
        let found = cache.get::<std::net::SocketAddr>("answer").await;
        assert_eq!(found, (codec == Codec::Json).then_some(address), "{codec}");
    }
}

#[tokio::test]
async fn the_layout_is_the_one_that_is_written_down() {
    let bench = Bench::default();
    let cache = bench.cache(bare());
    cache.set_for("answer", 7_u8, Duration::from_secs(90)).await;
    let bytes = bench.stored();
    let envelope = Envelope::parse(&bytes);
    assert_eq!(envelope.checked(STORED), bytes);

    let now = NOW.to_le_bytes();
    let then = (NOW + 90_000).to_le_bytes();
    let expected = [
        b"LRDR\x01\x01\x00\x00".as_slice(),
        &now,
        &then,
        &then,
        &[0; 24],
    ];
    assert_eq!(envelope.header.as_slice(), expected.concat());
    assert_eq!(envelope.body[..8], 1_u64.to_le_bytes());
    // The tag of a `u8` and the number.
    let digest = XxHash3_128::oneshot(&[8, 7]);
    assert_eq!(envelope.body[8..24], digest.to_le_bytes());
    assert_eq!(envelope.body[24..], [7]);
}

#[tokio::test]
async fn what_another_version_wrote_is_a_miss_even_if_its_checksum_fits() {
    let bench = Bench::default();
    let cache = bench.cache(bare());
    cache.set("answer", answer()).await;
    let good = Envelope::parse(&bench.stored());
    // Version, codec, compression, seal, stale until, generations, key id.
    for (at, served, foreign, invalidated) in [
        (4, false, 1, 0),
        (5, false, 1, 0),
        (6, false, 1, 0),
        (7, false, 1, 0),
        (24, true, 0, 0),
        (32, false, 0, 1),
        (40, false, 0, 1),
        (48, false, 1, 0),
    ] {
        let mut other = good.clone();
        other.header[at] = 200;
        bench.put(other.checked(STORED));
        let cache = bench.cache(bare());
        let found = cache.get::<Answer>("answer").await;
        assert_eq!(found.is_some(), served, "byte {at}");
        let refused = cache.stats().refused;
        assert_eq!(refused.foreign, foreign, "byte {at}");
        assert_eq!(refused.invalidated, invalidated, "byte {at}");
    }
}

/// A stream of zlib, without its end, that inflates to zeros without end: 1 KiB to 1 MiB.
fn bomb(length: usize) -> Vec<u8> {
    let zeros = vec![0; MIB];
    let mut compress = Compress::new(Compression::best(), true);
    let mut chunk = || {
        let mut chunk = Vec::with_capacity(2 * 1024);
        compress
            .compress_vec(&zeros, &mut chunk, FlushCompress::Full)
            .expect("room");
        chunk
    };
    let mut bomb = chunk();
    // A full flush forgets what came before, so one chunk can follow another.
    let next = chunk();
    while bomb.len() < length {
        bomb.extend_from_slice(&next);
    }
    bomb.truncate(length);
    bomb
}

#[test]
fn a_bomb_is_a_miss_and_takes_no_more_memory_than_two_values() {
    let runtime = runtime();
    let limit = 8 * MIB;
    // (compressed, claimed): 1 MiB of zlib is 1 GiB of zeros.
    let bombs = [
        (1024, 1024 * 1024 * 1024),
        (1024, u64::MAX),
        (1024, limit as u64),
        (MIB, 1024 * 1024 * 1024),
        (MIB, limit as u64),
        (MIB, limit as u64 + 1),
        (MIB, 100),
        (MIB, 0),
    ];
    for (compressed, claimed) in bombs {
        let bench = Bench::default();
        let cache = bench.cache(bare());
        let bomb = bomb(compressed);
        let forged = Envelope::forged(1, claimed, &bomb).checked(STORED);
        bench.put(forged);
        let mut found = None;
        let used = measure(|| {
            runtime.block_on(async { found = cache.get::<Vec<u8>>("answer").await });
        });
        assert_eq!(found, None);
        assert!(
            used.bytes_max <= 2 * limit as u64,
            "{claimed}: {} bytes",
            used.bytes_max
        );
        let refused = cache.stats().refused;
        let too_large = u64::from(claimed > limit as u64);
        assert_eq!(
            (refused.too_large, refused.damaged),
            (too_large, 1 - too_large)
        );
    }
}

#[tokio::test]
async fn lengths_that_lie_are_a_miss() {
    let bench = Bench::default();
    let cache = bench.cache(bare());
    cache.set("answer", answer()).await;
    let good = Envelope::parse(&bench.stored());
    let lengths = [0, 1, 1 << 20, 1 << 23, 1 << 24, u64::MAX];
    for length in lengths {
        for compression in [0, 1] {
            let mut forged = good.clone();
            forged.header[6] = compression;
            forged.body[..8].copy_from_slice(&length.to_le_bytes());
            bench.put(forged.checked(STORED));
            assert_eq!(cache.get::<Answer>("answer").await, None, "{length}");
        }
    }
    assert_eq!(refused(&cache.stats()), 2 * lengths.len() as u64);
    let mut empty = good;
    empty.body.clear();
    bench.put(empty.checked(STORED));
    assert_eq!(cache.get::<Answer>("answer").await, None);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum List {
    Nil,
    Cons(Box<List>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

/// The bytes of a list that goes on for as long as there are bytes.
fn endless(codec: Codec) -> Vec<u8> {
    let link: &[u8] = match codec {
        Codec::MessagePack => b"\x81\xa4Cons",
        Codec::Json => br#"{"Cons":"#,
        // Bincode has the number of the variant alone.
        _ => b"\x01",
    };
    link.repeat(MIB / link.len())
}

/// Runs a test on a thread with as much stack as those of tokio.
fn on_a_usual_stack(test: fn(&tokio::runtime::Runtime)) {
    let thread = std::thread::Builder::new().stack_size(2 * MIB);
    let thread = thread.spawn(move || test(&runtime()));
    thread.expect("a thread").join().expect("no panic");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Reads these bytes of a value as a `T`, and says how many bytes of memory that took.
fn takes_as_undecodable<T>(codec: Codec, bytes: &[u8]) -> u64
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let bench = Bench::default();
    let cache = bench.cache(bare());
    let mut forged = Envelope::forged(0, bytes.len() as u64, bytes);
    let number = Codec::ALL.iter().position(|known| *known == codec);
    forged.header[5] = 1 + u8::try_from(number.expect("a codec")).expect("few codecs");
    bench.put(forged.checked(STORED));
    let used = measure(|| assert!(runtime().block_on(cache.get::<T>("answer")).is_none()));
    let refused = cache.stats().refused;
    assert_eq!(refused.undecodable, 1, "{codec}: {refused:?}");
    used.bytes_max
}

#[test]
fn bytes_after_the_end_of_a_value_are_no_value() {
    takes_as_undecodable::<u8>(Codec::MessagePack, &[1, 2]);
    takes_as_undecodable::<u8>(Codec::Json, b"1 2");
    #[cfg(feature = "bincode")]
    takes_as_undecodable::<u8>(Codec::Bincode, &[1, 2]);
}

#[test]
fn a_list_of_a_name_and_a_number_is_no_variant() {
    takes_as_undecodable::<Result<u8, u8>>(Codec::MessagePack, b"\x92\xA2Ok\x05");
    takes_as_undecodable::<Result<u8, u8>>(Codec::MessagePack, b"\x91\xA2Ok\x05");
}

#[test]
fn a_type_is_told_of_no_more_elements_than_there_are_bytes() {
    #[derive(Clone, Serialize)]
    struct Trusting(Vec<u8>);
    impl<'de> Deserialize<'de> for Trusting {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct AsElements;
            impl<'de> Visitor<'de> for AsElements {
                type Value = Trusting;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("elements")
                }

                fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Trusting, A::Error> {
                    let length = elements.size_hint().unwrap_or(0);
                    Ok(Trusting(Vec::with_capacity(length)))
                }
            }
            deserializer.deserialize_any(AsElements)
        }
    }
    let used = takes_as_undecodable::<Trusting>(Codec::MessagePack, b"\xDD\xFF\xFF\xFF\xFF");
    assert!(used < MIB as u64, "{used}");
}

#[test]
fn bytes_that_are_nested_without_end_do_not_fill_the_stack() {
    on_a_usual_stack(|runtime| {
        for (number, &codec) in (1..).zip(Codec::ALL) {
            let bench = Bench::default();
            let cache = bench.cache(bare());
            let bytes = endless(codec);
            let mut forged = Envelope::forged(0, bytes.len() as u64, &bytes);
            forged.header[5] = number;
            bench.put(forged.checked(STORED));
            runtime.block_on(async {
                assert_eq!(cache.get::<List>("answer").await, None);
                assert_eq!(cache.get::<Chain>("answer").await, None);
            });
            assert_eq!(cache.stats().refused.undecodable, 2, "{codec}");
        }
    });
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Newtype(Box<Tree>),
    Pair(Box<Tree>, u8),
    Fields { child: Box<Tree> },
}

#[test]
fn a_value_of_up_to_128_levels_is_read_with_the_codec_that_wrote_it() {
    on_a_usual_stack(|runtime| {
        let nests: [fn(Tree) -> Tree; 3] = [
            |tree| Tree::Newtype(Box::new(tree)),
            |tree| Tree::Pair(Box::new(tree), 7),
            |tree| Tree::Fields {
                child: Box::new(tree),
            },
        ];
        for &codec in Codec::ALL {
            for nest in nests {
                for (depth, is_stored) in [(128, true), (129, false), (2_000, false)] {
                    let tree = (0..depth).fold(Tree::Leaf, |tree, _| nest(tree));
                    let bench = Bench::default();
                    let cache = bench.cache(bare().codec(codec).enable_l1_cache(true));
                    runtime.block_on(async {
                        cache.set("answer", tree.clone()).await;
                        assert!(cache.get("answer").await == Some(tree.clone()));
                        let found = bench.cache(bare()).get("answer").await;
                        assert!(found == is_stored.then_some(tree), "{codec}, {depth}");
                    });
                    let left_out = cache.stats().unserializable_values;
                    assert_eq!(left_out, u64::from(!is_stored), "{codec}, {depth}");
                }
            }
        }
    });
}

#[tokio::test]
async fn an_entry_is_read_whatever_codec_the_reader_would_write_with() {
    for &writer in Codec::ALL {
        let bench = Bench::default();
        let cache = bench.cache(bare().codec(writer));
        cache.set("answer", answer()).await;
        for &reader in Codec::ALL {
            let cache = bench.cache(bare().codec(reader));
            let found = cache.get::<Answer>("answer").await;
            assert_eq!(found, Some(answer()), "{writer} read with {reader}");
        }
    }
}

#[tokio::test]
async fn values_in_json_can_be_read_in_the_store() {
    let bench = Bench::default();
    let cache = bench.cache(bare().codec(Codec::Json));
    cache.set("answer", "to be".to_owned()).await;
    let envelope = Envelope::parse(&bench.stored());
    assert_eq!(envelope.body[24..], *br#""to be""#);
}

#[tokio::test]
async fn a_value_is_compressed_above_the_threshold_if_that_makes_it_smaller() {
    let text = "x".repeat(5000);
    for level in 1..=9 {
        let bench = Bench::default();
        let cache = bench.cache(bare().compression_threshold(5002).compression_level(level));
        cache.set("answer", text.clone()).await;
        let packing = |bench: &Bench| bench.stored()[6];
        // With the three bytes of its length it is one byte longer than the threshold.
        assert_eq!(packing(&bench), 1);
        assert!(bench.stored().len() < 200);
        assert_eq!(cache.get("answer").await, Some(text.clone()));

        cache.set("answer", text[1..].to_owned()).await;
        assert_eq!(packing(&bench), 0);
        assert_eq!(cache.get("answer").await, Some(text[1..].to_owned()));

        let cache = bench.cache(bare().compression_threshold(0).compression_level(level));
        cache.set("answer", "to be".to_owned()).await;
        assert_eq!(packing(&bench), 0);
        assert_eq!(cache.get("answer").await, Some("to be".to_owned()));
    }
}

/// Everything that is kept, so that a change of it is noticed: the key, the settings and the value.
#[tokio::test]
async fn golden_entries_are_read_by_every_later_version() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/envelopes");
    for (name, config) in formats() {
        let file = format!("{folder}/{name}");
        let bench = Bench::default();
        if std::env::var_os("LARDER_WRITE_GOLDEN").is_some() {
            let cache = bench.cache(config.clone());
            let lifetime = Duration::from_secs(3600);
            cache.set_for("answer", answer(), lifetime).await;
            std::fs::write(&file, bench.stored()).expect("a file");
        }
        bench.put(std::fs::read(&file).expect(&file));
        let cache = bench.cache(config.clone());
        assert_eq!(cache.get("answer").await, Some(answer()), "{name}");

        // What can be predicted is the same to this day.
        if !name.contains("encrypted") && !name.contains("zlib") {
            let golden = bench.stored();
            let lifetime = Duration::from_secs(3600);
            cache.set_for("answer", answer(), lifetime).await;
            assert_eq!(bench.stored(), golden, "{name} is written in another way");
        }
        bench.clock.advance(Duration::from_secs(3600));
        bench.put(std::fs::read(&file).expect(&file));
        assert_eq!(cache.get::<Answer>("answer").await, None);
        assert_eq!(cache.stats().refused.expired, 1, "{name}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_look_up_fail(bytes in proptest::collection::vec(any::<u8>(), 0..300), codec in 1_u8..4) {
        let runtime = runtime();
        let bench = Bench::default();
        let cache = bench.cache(bare());
        let mut forged = Envelope::forged(0, bytes.len() as u64, &bytes);
        forged.header[5] = codec;
        for bytes in [bytes, forged.checked(STORED)] {
            bench.put(bytes);
            runtime.block_on(async {
                assert_eq!(cache.get::<Answer>("answer").await, None);
                assert_eq!(cache.get::<List>("answer").await, None);
                assert_eq!(cache.get::<Vec<Option<String>>>("answer").await, None);
            });
        }
    }
}

#[cfg(feature = "encryption")]
mod encrypted {
    use chacha20poly1305::aead::{Aead, Payload};
    use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
    use sha2::{Digest, Sha256};

    use super::*;

    const OTHER_KEY: &str = "a2V5IHR3bywgMzIgYnl0ZXMsIGZvciB0ZXN0cyE9ISE=";

    fn encrypted() -> CacheConfigBuilder {
        bare().encryption_key(KEY)
    }

    #[tokio::test]
    async fn nothing_of_the_value_can_be_seen_and_no_two_entries_are_alike() {
        let bench = Bench::default();
        let cache = bench.cache(encrypted().compression_threshold(1 << 20));
        let secret = "the patient is called Ada".repeat(10);
        cache.set("answer", secret.clone()).await;
        let first = bench.stored();
        cache.set("answer", secret.clone()).await;
        let second = bench.stored();
        assert!(!first.windows(7).any(|part| part == b"patient"));
        assert_ne!(Envelope::parse(&first).body, Envelope::parse(&second).body);
        assert_eq!(cache.get("answer").await, Some(secret));
    }

    #[tokio::test]
    async fn the_cipher_is_the_one_that_is_written_down() {
        let bench = Bench::default();
        let cache = bench.cache(encrypted().codec(Codec::Json));
        cache.set("answer", "to be".to_owned()).await;
        let bytes = bench.stored();

        let key = b"key one, 32 bytes, for tests!=!!";
        let id = Sha256::digest([b"larder: id of an encryption key".as_slice(), key].concat());
        assert_eq!(bytes[48..56], id[..8]);
        let cipher = XChaCha20Poly1305::new(key.into());
        let nonce: [u8; 24] = bytes[56..80].try_into().expect("24 bytes");
        let body = [&bytes[96..], &bytes[80..96]].concat();
        let payload = Payload {
            msg: &body,
            aad: &[
                &bytes[..56],
                &[5, 0, 0, 0, 0, 0, 0, 0],
                KIND.as_bytes(),
                STORED.as_bytes(),
            ]
            .concat(),
        };
        let body = cipher.decrypt(&nonce.into(), payload).expect("our key");
        assert_eq!(body[24..], *br#""to be""#);
    }

    #[tokio::test]
    async fn a_forged_entry_without_encryption_is_a_miss_unless_that_is_allowed() {
        let bench = Bench::default();
        bench.cache(bare()).set("answer", 1_u64).await;

        let strict = bench.cache(encrypted());
        assert_eq!(strict.get::<u64>("answer").await, None);
        assert_eq!(strict.stats().refused.not_encrypted, 1);
        let lenient = bench.cache(encrypted().require_encryption(false));
        assert_eq!(lenient.get("answer").await, Some(1_u64));
    }

    #[tokio::test]
    async fn keys_can_be_changed_without_losing_what_is_stored() {
        let bench = Bench::default();
        bench.cache(encrypted()).set("answer", 1_u64).await;

        // First everybody has to be able to read what the new key will write.
        let ready = bare().encryption_key(KEY).retired_encryption_key(OTHER_KEY);
        let ready = bench.cache(ready);
        assert_eq!(ready.get("answer").await, Some(1_u64));

        let changed = bare().encryption_key(OTHER_KEY).retired_encryption_key(KEY);
        let changed = bench.cache(changed);
        assert_eq!(changed.get("answer").await, Some(1_u64));
        changed.set("answer", 2_u64).await;
        assert_eq!(ready.get("answer").await, Some(2_u64));

        let old = bench.cache(encrypted());
        assert_eq!(old.get::<u64>("answer").await, None);
        assert_eq!(old.stats().refused.unknown_key, 1);
        let new = bench.cache(bare().encryption_key(OTHER_KEY));
        assert_eq!(new.get("answer").await, Some(2_u64));
        let none = bench.cache(bare());
        assert_eq!(none.get::<u64>("answer").await, None);
        assert_eq!(none.stats().refused.unknown_key, 1);
    }
}

#[test]
fn a_secret_of_another_length_is_an_error_that_does_not_show_it() {
    for secret in [
        "",
        "Y2FuYXJ5",
        "canary, but not in base64!",
        "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5",
    ] {
        for config in [
            bare().encryption_key(secret),
            bare().key_secret(secret),
            bare().encryption_key(KEY).retired_encryption_key(secret),
        ] {
            let error = config.clone().build().expect_err("not 32 bytes");
            let shown = format!("{error} {error:?} {config:?}");
            assert!(shown.contains("32 bytes in base64"), "{shown}");
            assert!(
                !shown.contains("canary") && !shown.contains("Y2Fu"),
                "{shown}"
            );
        }
    }
    let lost = bare().require_encryption(true).build();
    let lost = lost.expect_err("no key").to_string();
    assert!(lost.contains("encryption_key is missing"), "{lost}");
    for form in [KEY, KEY.trim_end_matches('='), &format!(" {KEY}\n")] {
        assert!(bare().key_secret(form).build().is_ok(), "{form}");
    }
    let valid = bare().key_secret(KEY).build().expect("valid");
    assert!(!format!("{valid:?}").contains(KEY));
}
