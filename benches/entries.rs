//! Entries on their way into a store and out of it: encoding, compressing, encrypting. Measured as
//! [`Cache::set`] and [`Cache::get`] over a store in this process, without memory tier.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;

use criterion::Criterion;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use larder::{Cache, CacheConfig, CacheConfigBuilder, Codec, Preset};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::in_process::{InProcess, over};
use crate::turns::Turns;
use crate::workload::text;
use crate::{hits, is_wanted, report, rounds};

const KEY: &str = "user:000000000000000000000000001";

/// English prose, of which a text that compresses is made.
const PROSE: &str = concat!(
    include_str!("../examples/texts/deep-sea.txt"),
    include_str!("../examples/texts/lighthouse.txt"),
    include_str!("../examples/texts/incident-report.txt"),
);

const SIZES: [(&str, usize); 2] = [("2KB", 2 * 1024), ("20KB", 20 * 1024)];
const ENCRYPTED_SIZES: [(&str, usize); 2] = [("1KB", 1024), ("16KB", 16 * 1024)];

/// One preset for each level of compression.
const PRESETS: [Preset; 4] = [
    Preset::Minimal,
    Preset::Development,
    Preset::Simple,
    Preset::Production,
];

/// 32 bytes in base64.
const ENCRYPTION_KEY: &str = "bm90IGEgc2VjcmV0LCBhIGtleSBmb3IgYmVuY2hlcy4=";

/// What a language model answers with.
#[derive(Clone, Serialize, Deserialize)]
struct Answer {
    summary: String,
    scores: BTreeMap<String, f64>,
    key_points: Vec<String>,
}

impl Answer {
    fn typical() -> Self {
        let mut words = PROSE.split_whitespace();
        let emotions = ["anger", "disgust", "fear", "joy", "sadness", "surprise"];
        Self {
            summary: prose(500).to_owned(),
            scores: emotions
                .into_iter()
                .zip(1_u32..)
                .map(|(emotion, n)| (emotion.to_owned(), 1.0 / f64::from(n + 1)))
                .collect(),
            key_points: std::iter::repeat_with(|| {
                let point: Vec<_> = words.by_ref().take(4).collect();
                point.join(" ")
            })
            .take(20)
            .collect(),
        }
    }
}

/// A text of this length that compresses as English does.
fn prose(bytes: usize) -> &'static str {
    &PROSE[..PROSE.floor_char_boundary(bytes)]
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let codecs = Codec::ALL.iter().map(|codec| {
        let name = match codec {
            Codec::MessagePack => "larder".to_owned(),
            other => format!("larder-{other}"),
        };
        Kept::new(&name, whole().codec(*codec))
    });
    values(
        criterion,
        "answer",
        &Answer::typical(),
        &codecs.collect::<Vec<_>>(),
    );
    let message_pack = [Kept::new("larder", whole())];
    let embedding: Vec<f32> = (1_u16..=1536).map(|n| f32::from(n).sin()).collect();
    values(criterion, "embedding", &embedding, &message_pack);
    values(criterion, "text", &text(10 * 1024), &message_pack);
    for (size, bytes) in SIZES {
        compression(criterion, size, bytes);
    }
    for (size, bytes) in ENCRYPTED_SIZES {
        let kept = [
            Kept::new("larder", whole()),
            Kept::new("larder-encrypted", whole().encryption_key(ENCRYPTION_KEY)),
        ];
        let row = format!("encryption-{size}");
        both_ways(criterion, &row, &text(bytes), &kept, |_, _, _| {});
    }
}

/// The highest `compression_threshold` that there is: no value here is as long.
const NOT_COMPRESSED: usize = 1 << 20;

/// Settings under which nothing is compressed.
fn whole() -> CacheConfigBuilder {
    CacheConfig::builder().compression_threshold(NOT_COMPRESSED)
}

/// A contender: larder with these settings.
struct Kept {
    name: String,
    cache: Cache,
    store: Arc<InProcess>,
}

impl Kept {
    fn new(name: &str, config: CacheConfigBuilder) -> Self {
        let store = Arc::default();
        let config = config.build().expect("a configuration within all bounds");
        Self {
            name: name.to_owned(),
            cache: over(&store, "bench-entries", config),
            store,
        }
    }

    async fn get<T: DeserializeOwned + Serialize + Clone + Send + Sync + 'static>(&self) -> T {
        self.cache.get(KEY).await.expect("an entry")
    }
}

/// The direction of a measurement.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Set,
    Get,
}

/// Measures [`Cache::set`] and [`Cache::get`] of this value, each beside what `others` measures in
/// the same round, and tells how many bytes are stored.
fn both_ways<T>(
    criterion: &mut Criterion,
    row: &str,
    value: &T,
    kept: &[Kept],
    others: impl Fn(&mut Turns<'_>, Way, usize),
) where
    T: DeserializeOwned + Serialize + Clone + Send + Sync + 'static,
{
    hits::current_thread().block_on(async {
        for Kept { cache, .. } in kept {
            cache.set(KEY, value.clone()).await;
        }
    });
    for way in [Way::Set, Way::Get] {
        let name = if way == Way::Set { "set" } else { "get" };
        let mut turns = Turns::new(criterion, &format!("{row}-{name}"));
        for round in 0..rounds() {
            for one in kept {
                match way {
                    Way::Set => turns.take(&one.name, round, || one.cache.set(KEY, value.clone())),
                    Way::Get => turns.take(&one.name, round, || one.get::<T>()),
                }
            }
            others(&mut turns, way, round);
        }
    }
    for Kept { name, cache, store } in kept {
        let stats = cache.stats();
        assert_eq!((stats.misses, stats.store_failures), (0, 0), "{stats:?}");
        if is_wanted(row) {
            report(row, name, 0, "bytes", store.bytes());
        }
    }
}

/// A value beside an empty one, and beside its codec alone.
fn values<T>(criterion: &mut Criterion, name: &str, value: &T, kept: &[Kept])
where
    T: DeserializeOwned + Serialize + Clone + Send + Sync + 'static,
{
    let empty = Kept::new("larder-empty", whole());
    hits::current_thread().block_on(empty.cache.set(KEY, ()));
    let row = format!("entry-{name}");
    let encode = || rmp_serde::to_vec_named(value).expect("a value in MessagePack");
    let encoded = encode();
    both_ways(criterion, &row, value, kept, |turns, way, round| {
        match way {
            Way::Set => {
                turns.take(&empty.name, round, || empty.cache.set(KEY, ()));
                turns.take("by-hand", round, || async { encode() });
            }
            Way::Get => {
                turns.take(&empty.name, round, || empty.get::<()>());
                turns.take("by-hand", round, || async {
                    rmp_serde::from_slice::<T>(&encoded).expect("a value in MessagePack")
                });
            }
        }
        turns.take("clone-only", round, || async { value.clone() });
    });
    if is_wanted(&row) {
        report(&row, "by-hand", 0, "bytes", encoded.len());
    }
}

/// A text as the presets compress it, beside zlib by hand.
fn compression(criterion: &mut Criterion, size: &str, bytes: usize) {
    let text = prose(bytes).to_owned();
    let mut kept = vec![Kept::new("larder-whole", whole())];
    let mut levels = Vec::new();
    for preset in PRESETS {
        let config = preset.config();
        let level = config.compression_level;
        levels.push((format!("by-hand-{level}"), level, pack(&text, level)));
        kept.push(Kept::new(&format!("larder-{level}"), config.into()));
    }
    let row = format!("compression-{size}");
    both_ways(criterion, &row, &text, &kept, |turns, way, round| {
        for (name, level, packed) in &levels {
            match way {
                Way::Set => turns.take(name, round, || async { pack(&text, *level) }),
                Way::Get => turns.take(name, round, || async { unpack(packed) }),
            }
        }
    });
    if is_wanted(&row) {
        for (name, _, packed) in &levels {
            report(&row, name, 0, "bytes", packed.len());
        }
    }
}

/// Encodes and compresses by hand, with a compressor for this text alone.
fn pack(text: &str, level: u32) -> Vec<u8> {
    let encoded = rmp_serde::to_vec_named(text).expect("a text in MessagePack");
    let mut zlib = ZlibEncoder::new(Vec::new(), flate2::Compression::new(level));
    zlib.write_all(&encoded).expect("room for the bytes");
    zlib.finish().expect("room for the bytes")
}

fn unpack(packed: &[u8]) -> String {
    let mut encoded = Vec::new();
    ZlibDecoder::new(packed)
        .read_to_end(&mut encoded)
        .expect("what was compressed");
    rmp_serde::from_slice(&encoded).expect("a text in MessagePack")
}
