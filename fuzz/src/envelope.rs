//! Bytes in a store that anybody may have put there, and what caches make of them.
//!
//! Whatever the bytes are: nothing panics, what is refused is counted, and what is served is in an
//! entry that `docs/wire-format.md` allows, has the digest that the entry claims, and is served for
//! no other reason. The layout is written here once more, from that page.

use std::io::Write;
use std::sync::Arc;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use larder::testing::ManualClock;
use larder::{Cache, CacheConfig, CacheConfigBuilder, Tombstone};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use twox_hash::{XxHash3_64, XxHash3_128};

use super::input::Input;
use super::map_store::MapStore;
use super::values::{Sample, Seen, Visit, visit_each_type, visit_type};

const KEY: [u8; 32] = *b"key one, 32 bytes, for tests!=!!";
/// The same in base64.
const KEY_BASE64: &str = "a2V5IG9uZSwgMzIgYnl0ZXMsIGZvciB0ZXN0cyE9ISE=";

/// A name in the store, and the key that makes it.
const KIND: &str = "bytes";
const STORED: &str = "bytes:key:answer";
const CHOSEN: &str = "answer";

/// A manual clock begins on 1 January 2020.
const NOW: u64 = 1_577_836_800_000;

const HEADER: usize = 56;
const CHECKSUM: usize = 16;
const NONCE: usize = 24;
const TAG: usize = 16;
/// The length and the digest of the value, before its bytes.
const BEFORE_VALUE: usize = 24;
const LONGEST: u64 = 8 * 1024 * 1024;

/// The first byte says whether the rest is put into the store as it is, or made an entry whose seal
/// fits, so that what comes after the seal sees something too. The second one is the number of the
/// type that is asked for: all of them take too long for a fuzzer.
pub fn run(input: &[u8]) {
    let [_, number, ..] = input else { return };
    BENCH.with(|bench| visit_type(*number, &Look::new(bench, input)));
}

/// The same for every type.
pub fn run_for_each_type(input: &[u8]) {
    BENCH.with(|bench| visit_each_type(&Look::new(bench, input)));
}

/// The parts of an entry, not encrypted.
#[derive(Clone)]
struct Entry {
    header: [u8; HEADER],
    body: Vec<u8>,
}

impl Entry {
    /// An entry as the input describes it.
    fn forged(mut input: Input<'_>) -> Self {
        let [codec, packing, seal, lies] = input.bytes();
        let packing = packing % 3;
        let is_sealed = |seal| (seal % 2 == 1).then(key_id);
        let mut header = [0; HEADER];
        let kinds = [1, 1 + codec % 3, packing.min(1), seal % 2];
        header[..4].copy_from_slice(b"LRDR");
        header[4..8].copy_from_slice(&kinds);
        for (at, time) in [(8, NOW), (16, NOW + 60_000), (24, NOW + 60_000)] {
            header[at..at + 8].copy_from_slice(&time.to_le_bytes());
        }
        header[48..].copy_from_slice(&is_sealed(seal).unwrap_or_default());
        if lies & 1 != 0 {
            let [at, change] = input.bytes();
            header[usize::from(at) % HEADER] ^= change;
        }
        let length = (lies & 2 != 0).then(|| input.bytes());
        let digest: [u8; 16] = match lies & 4 {
            0 => [0; 16],
            _ => input.bytes(),
        };
        let value = input.rest();
        let length = length.unwrap_or_else(|| (value.len() as u64).to_le_bytes());
        let deflated;
        let value = if packing == 2 {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(value).expect("memory");
            deflated = encoder.finish().expect("memory");
            &deflated
        } else {
            value
        };
        let body = [&length, digest.as_slice(), value].concat();
        Self { header, body }
    }

    fn sealed(&self) -> Vec<u8> {
        let Self { header, body } = self;
        if header[7] == 1 {
            let mut body = body.clone();
            let nonce = XNonce::default();
            let tag = cipher()
                .encrypt_inout_detached(&nonce, &associated(header), body.as_mut_slice().into())
                .expect("few bytes");
            [header.as_slice(), &nonce, &tag, &body].concat()
        } else {
            [header.as_slice(), &checksum(header, body), body].concat()
        }
    }

    /// The entry in these bytes, if its seal is a known one and fits.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk()?;
        let mut entry = Self {
            header: *header,
            body: Vec::new(),
        };
        match header[7] {
            0 => {
                let (seal, body) = rest.split_first_chunk::<CHECKSUM>()?;
                entry.body.extend_from_slice(body);
                (*seal == checksum(header, body)).then_some(entry)
            }
            1 => {
                let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
                let (tag, body) = rest.split_first_chunk::<TAG>()?;
                entry.body.extend_from_slice(body);
                let body = entry.body.as_mut_slice().into();
                cipher()
                    .decrypt_inout_detached(
                        &(*nonce).into(),
                        &associated(header),
                        body,
                        &(*tag).into(),
                    )
                    .ok()?;
                Some(entry)
            }
            _ => None,
        }
    }

    fn number(&self, at: usize) -> u64 {
        let mut number = [0; 8];
        number.copy_from_slice(&self.header[at..at + 8]);
        u64::from_le_bytes(number)
    }

    /// Whether nothing in it is a reason to refuse it, but for the bytes of the value.
    fn is_in_order(&self) -> bool {
        let key_id = if self.is_encrypted() {
            key_id()
        } else {
            [0; 8]
        };
        let Some((length, _)) = self.body.split_first_chunk() else {
            return false;
        };
        let length = u64::from_le_bytes(*length);
        let value = self.body.len().checked_sub(BEFORE_VALUE);
        self.header.starts_with(b"LRDR\x01")
            && matches!(self.header[5], 1..=3)
            // A `None` in the place of a value is not wanted here.
            && matches!(self.header[6], 0..=1)
            && self.header[48..] == key_id
            // The removals and the expiries that it depends on.
            && self.number(32) == 0
            && self.number(40) == 0
            && self.number(16) > self.number(8).max(NOW)
            && length <= LONGEST
            && value.is_some_and(|value| self.header[6] == 1 || value as u64 == length)
    }

    fn is_encrypted(&self) -> bool {
        self.header[7] == 1
    }

    fn digest(&self) -> &[u8] {
        &self.body[8..BEFORE_VALUE]
    }

    /// The same value under another digest.
    fn with_digest(&self, digest: &[u8]) -> Self {
        let mut other = self.clone();
        other.body[8..BEFORE_VALUE].copy_from_slice(digest);
        other
    }
}

fn checksum(header: &[u8; HEADER], body: &[u8]) -> [u8; CHECKSUM] {
    let seed = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(header), KIND.as_bytes());
    let seed = XxHash3_64::oneshot_with_seed(seed, STORED.as_bytes());
    XxHash3_128::oneshot_with_seed(seed, body).to_le_bytes()
}

fn cipher() -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&KEY.into())
}

fn key_id() -> [u8; 8] {
    let digest = Sha256::new()
        .chain_update(b"larder: id of an encryption key")
        .chain_update(KEY)
        .finalize();
    let mut id = [0; 8];
    id.copy_from_slice(&digest[..8]);
    id
}

fn associated(header: &[u8; HEADER]) -> Vec<u8> {
    let length = (KIND.len() as u64).to_le_bytes();
    [
        header,
        length.as_slice(),
        KIND.as_bytes(),
        STORED.as_bytes(),
    ]
    .concat()
}

/// A cache that keeps nothing in memory, and its store.
struct Bench {
    runtime: Runtime,
    store: Arc<MapStore>,
    /// Without a key, with one, and with one that is not demanded.
    plain: Cache,
    strict: Cache,
    lenient: Cache,
}

thread_local! {
    static BENCH: Bench = Bench::new();
}

impl Bench {
    fn new() -> Self {
        let store = Arc::new(MapStore::default());
        let cache = |config: CacheConfigBuilder| {
            let config = config.compression_threshold(64).build();
            let mut config = config.expect("valid settings");
            // The builder would have it that there is a Redis then.
            config.enable_l1_cache = false;
            Cache::builder("bytes", &config)
                .store(store.clone())
                .clock(ManualClock::new())
                .build()
                .expect("a cache")
        };
        let encrypted = CacheConfig::builder().encryption_key(KEY_BASE64);
        Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime"),
            plain: cache(CacheConfig::builder()),
            strict: cache(encrypted.clone()),
            lenient: cache(encrypted.require_encryption(false)),
            store,
        }
    }

    fn put(&self, bytes: Vec<u8>) {
        let mut entries = self.store.entries.lock().expect("no panic");
        entries.insert(STORED.to_owned(), bytes);
    }

    fn stored(&self) -> Option<Vec<u8>> {
        let entries = self.store.entries.lock().expect("no panic");
        entries.get(STORED).cloned()
    }

    /// What is served. Everything else is counted as refused, once, unless there is nothing behind a
    /// tombstone or at all.
    fn get<T: Sample>(&self, cache: &Cache) -> Option<T> {
        let stored = self.stored().expect("put before");
        let is_nothing = without_tombstone(&stored).is_empty();
        // Of the look-up before.
        drop(Seen::<T>::take());
        let before = refused(cache);
        let found = self.runtime.block_on(cache.get::<Seen<T>>(CHOSEN));
        let refused = refused(cache) - before;
        let is_refused = found.is_none() && !is_nothing;
        assert_eq!(refused, u64::from(is_refused), "refusals");
        found.map(|Seen(value)| value)
    }

    /// The digest that an honest writer gives a value, if it can be stored at all. What is stored
    /// is read again.
    fn digest<T: Sample>(&self, value: &T) -> Option<Vec<u8>> {
        self.runtime.block_on(self.plain.set(CHOSEN, value.clone()));
        let stored = self.stored()?;
        // What is set has a tombstone before it, and where it could not be, that stands alone.
        assert!(Tombstone::of(&stored).is_some());
        let sealed = without_tombstone(&stored);
        if sealed.is_empty() {
            return None;
        }
        let entry = Entry::read(sealed).expect("a seal that fits");
        assert!(entry.is_in_order());
        match self.get::<T>(&self.plain) {
            None => assert!(!T::COMES_BACK, "{value:?} does not come back"),
            // What has a NaN inside differs from itself.
            Some(read) => assert!(read == *value || *value != value.clone(), "{value:?}"),
        }
        Some(entry.digest().to_vec())
    }
}

fn without_tombstone(stored: &[u8]) -> &[u8] {
    match Tombstone::of(stored) {
        Some(_) => &stored[Tombstone::LENGTH..],
        None => stored,
    }
}

fn refused(cache: &Cache) -> u64 {
    let refused = cache.stats().refused;
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

/// One look at the same bytes for each type.
struct Look<'a> {
    bench: &'a Bench,
    bytes: Vec<u8>,
}

impl<'a> Look<'a> {
    fn new(bench: &'a Bench, input: &[u8]) -> Self {
        let mut input = Input(input);
        let [how, _type] = input.bytes();
        let bytes = match how % 2 {
            0 => input.rest().to_vec(),
            _ => Entry::forged(input).sealed(),
        };
        Self { bench, bytes }
    }
}

impl Visit for Look<'_> {
    fn visit<T: Sample>(&self) {
        let Self { bench, bytes } = self;
        let entry = Entry::read(without_tombstone(bytes)).filter(Entry::is_in_order);
        let is_encrypted = entry.as_ref().is_some_and(Entry::is_encrypted);
        for (cache, takes) in [
            (&bench.plain, !is_encrypted),
            (&bench.strict, is_encrypted),
            (&bench.lenient, true),
        ] {
            bench.put(bytes.clone());
            let served = bench.get::<T>(cache);
            let decoded = Seen::<T>::take();
            let Some(entry) = entry.as_ref().filter(|_| takes) else {
                assert!(decoded.is_none(), "decoded, and served: {served:?}");
                continue;
            };
            // No bytes of a value of this type.
            let Some(value) = decoded else { continue };
            let Some(digest) = bench.digest(&value) else {
                assert_eq!(served, None, "cannot be stored");
                continue;
            };
            // An honest writer of these bytes would have had another digest: with that they are
            // served, unless there are bytes after the end of the value.
            bench.put(entry.with_digest(&digest).sealed());
            let undecodable = cache.stats().refused.undecodable;
            let whole = bench.get::<T>(cache);
            let is_served = whole.is_some() && entry.digest() == digest;
            assert_eq!(served.is_some(), is_served, "{value:?}");
            let Some(served) = whole else {
                let refused = cache.stats().refused;
                assert_eq!(refused.undecodable, undecodable + 1, "{value:?}");
                continue;
            };
            assert_eq!(bench.digest(&served).as_ref(), Some(&digest), "{value:?}");
        }
    }
}
