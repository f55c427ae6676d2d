//! A value comes back as what it was, or not at all: from a program that was built with another
//! type, and with every codec.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::fmt::{self, Debug};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroI64, NonZeroU8, Wrapping};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use larder::{Cache, Codec};
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use support::map_store::MapStore;
use support::roomy;
use tokio::runtime::Runtime;
use url::Url;
use uuid::Uuid;

trait Kept: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Kept for T {}

/// Two caches over one store, as two processes have them: what the one writes, the other reads.
struct Processes {
    codec: Codec,
    runtime: Runtime,
    store: Arc<MapStore>,
    writer: Cache,
    reader: Cache,
    keys: Cell<usize>,
}

impl Processes {
    fn new(codec: Codec) -> Self {
        let store = Arc::<MapStore>::default();
        let open = || {
            let config = roomy().codec(codec).build().expect("valid settings");
            let cache = Cache::builder(codec.name(), &config).store(store.clone());
            cache.build().expect("a cache")
        };
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            codec,
            runtime: runtime.enable_time().build().expect("a runtime"),
            writer: open(),
            reader: open(),
            store,
            keys: Cell::new(0),
        }
    }

    fn each() -> Vec<Self> {
        Codec::ALL.iter().copied().map(Self::new).collect()
    }

    /// Writes the value under a new key.
    fn write<T: Kept>(&self, value: &T) -> String {
        self.keys.update(|keys| keys + 1);
        let key = self.keys.get().to_string();
        self.runtime.block_on(self.writer.set(&key, value.clone()));
        key
    }

    fn read<T: Kept>(&self, key: &str) -> Option<T> {
        self.runtime.block_on(self.reader.get(key))
    }

    /// What another process reads where this value was written.
    fn pass_on<T: Kept>(&self, value: &T) -> Option<T> {
        self.read(&self.write(value))
    }
}

/// What a value is, by a yardstick that is not ours. `1` and `1.0` differ, `1_u8` and `1_u64`
/// do not.
fn shown<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(value) => value.to_string(),
        // Numbers of 128 bits are text at best, and keys that are no texts not even that.
        Err(_) => serde_json::to_string(value).unwrap_or_else(|error| error.to_string()),
    }
}

/// The same, for sets: their order is no part of them.
fn shown_without_order<T: Serialize>(value: &T) -> String {
    let mut value = json!(value);
    if let Some(elements) = value.as_array_mut() {
        elements.sort_by_key(ToString::to_string);
    }
    value.to_string()
}

/// Types that one and the same entry had, in one build of a program after the other.
struct History {
    name: &'static str,
    shapes: Vec<Shape>,
}

/// Writes a value, and says under which key and what it is.
type Write = Box<dyn Fn(&Processes) -> (String, String)>;

/// One of these types: how its values are written, and what is read as it.
struct Shape {
    written: Vec<Write>,
    read: fn(&Processes, &str) -> Option<String>,
}

impl Shape {
    fn new<T: Kept>(values: Vec<T>) -> Self {
        Self::shown_by(values, shown, |processes, key| {
            processes.read(key).as_ref().map(shown::<T>)
        })
    }

    fn set<T: Kept>(values: Vec<T>) -> Self {
        Self::shown_by(values, shown_without_order, |processes, key| {
            processes.read(key).as_ref().map(shown_without_order::<T>)
        })
    }

    fn shown_by<T: Kept>(
        values: Vec<T>,
        shown: fn(&T) -> String,
        read: fn(&Processes, &str) -> Option<String>,
    ) -> Self {
        let written = values.into_iter().map(|value| -> Write {
            Box::new(move |processes| (processes.write(&value), shown(&value)))
        });
        Self {
            written: written.collect(),
            read,
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    pairs: usize,
    /// Values that another type read as what they were.
    equal: usize,
    missed: usize,
    /// Values that their own type did not read.
    unreadable: Vec<String>,
    wrong: Vec<String>,
}

impl History {
    /// Writes every value of every shape, and reads it as every shape.
    fn replay(&self, processes: &Processes, tally: &mut Tally) {
        let name = self.name;
        for (writer, shape) in self.shapes.iter().enumerate() {
            for (sample, write) in shape.written.iter().enumerate() {
                let (key, written) = write(processes);
                for (reader, shape) in self.shapes.iter().enumerate() {
                    match (shape.read)(processes, &key) {
                        Some(read) if read != written => tally.wrong.push(format!(
                            "{name}: {writer} wrote {written}, {reader} read {read}"
                        )),
                        None if reader == writer => {
                            tally
                                .unreadable
                                .push(format!("{name}: {writer}, sample {sample}"));
                        }
                        Some(_) if reader != writer => tally.equal += 1,
                        None => tally.missed += 1,
                        Some(_) => {}
                    }
                }
            }
        }
        tally.pairs += self.shapes.len() * (self.shapes.len() - 1) / 2;
    }
}

/// Replays the histories with every codec and demands that nothing wrong was read.
///
/// `unreadable`: how many values not even their own type reads, because serde cannot tell what
/// they were: `Some(None)`, or a variant of an untagged enum that an earlier one takes.
fn demand_a_miss_or_the_equal_value(
    histories: impl IntoIterator<Item = History>,
    pairs: usize,
    unreadable: usize,
) {
    let histories: Vec<_> = histories.into_iter().collect();
    let mut wrong = Vec::new();
    for processes in Processes::each() {
        let mut tally = Tally::default();
        for history in &histories {
            history.replay(&processes, &mut tally);
        }
        let codec = processes.codec;
        println!("{codec}: {tally:#?}");
        assert!(tally.pairs >= pairs, "{codec}: {} pairs", tally.pairs);
        if codec == Codec::MessagePack {
            assert_eq!(tally.unreadable.len(), unreadable, "{tally:#?}");
        }
        wrong.extend(tally.wrong.into_iter().map(|read| (codec, read)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `"what changed": [old types] => [old values], [new types] => [new values], …;`
///
/// The types of one entry have one name, because a digest tells names apart before anything else.
macro_rules! histories {
    ($($name:literal: $([$($item:item)*] => [$($value:expr),+ $(,)?]),+;)*) => {
        [$(History {
            name: $name,
            shapes: vec![$({
                $(#[derive(Clone, Serialize, Deserialize)] $item)*
                Shape::new(vec![$($value),+])
            }),+],
        }),*]
    };
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn list<T: From<&'static str>>() -> Vec<T> {
    vec!["b".into(), "a".into()]
}

/// The type of one field, over the years.
#[derive(Clone, Serialize, Deserialize)]
struct One<T> {
    n: T,
}

fn numbers(wrap: bool) -> History {
    macro_rules! shapes {
        ($($type:ty => [$($value:expr),+];)*) => {
            vec![$(if wrap {
                Shape::new::<One<$type>>(vec![$(One { n: $value }),+])
            } else {
                Shape::new::<$type>(vec![$($value),+])
            }),*]
        };
    }
    History {
        name: "a number",
        shapes: shapes! {
            u8 => [0, 1, 49, 127, 128, u8::MAX];
            i8 => [0, 1, -1, i8::MIN, i8::MAX];
            u16 => [0, 1, 256, u16::MAX];
            i32 => [0, 1, -1, i32::MIN, i32::MAX];
            u32 => [0, 1, 0x3f80_0000, u32::MAX];
            i64 => [0, 1, -1, i64::MIN, i64::MAX];
            u64 => [0, 1, 0x3ff0_0000_0000_0000, u64::MAX];
            i128 => [0, 1, -1, i128::MIN, i128::MAX];
            u128 => [0, 1, u128::MAX];
            f32 => [0.0, -0.0, 1.0, 0.1, f32::MIN_POSITIVE, f32::MAX];
            f64 => [0.0, -0.0, 1.0, 0.1, f64::MIN_POSITIVE, f64::MAX, 9_007_199_254_740_993.0];
            String => [String::new(), text("0"), text("1"), text("true"), text("1.0"), text("null")];
            bool => [false, true];
            char => ['\0', '0', '1', 'ß', char::MAX];
            Option<u64> => [None, Some(0), Some(1)];
            () => [()];
            Vec<u8> => [vec![], vec![0], vec![1, 1]];
            NonZeroU8 => [NonZeroU8::MIN, NonZeroU8::MAX];
            Duration => [Duration::ZERO, Duration::from_secs(1), Duration::MAX];
        },
    }
}

fn fields() -> impl IntoIterator<Item = History> {
    histories! {
        "a field is added or removed":
            [struct T { id: u32 }] => [T { id: 0 }, T { id: 7 }],
            [struct T { id: u32, name: String }] => [T { id: 0, name: text("") }, T { id: 7, name: text("a") }],
            [struct T { name: String, id: u32 }] => [T { name: text(""), id: 0 }],
            [struct T {}] => [T {}];
        "a field is renamed":
            [struct T { cents: u64 }] => [T { cents: 0 }, T { cents: 100 }],
            [struct T { euros: u64 }] => [T { euros: 0 }, T { euros: 100 }],
            [struct T { #[serde(alias = "cents")] euros: u64 }] => [T { euros: 0 }, T { euros: 100 }],
            [struct T { #[serde(rename = "cents")] euros: u64 }] => [T { euros: 0 }, T { euros: 100 }];
        "a field becomes optional or has a default":
            [struct T { a: u8, n: u64 }] => [T { a: 1, n: 0 }, T { a: 0, n: 1 }],
            [struct T { a: u8, n: Option<u64> }] => [T { a: 1, n: None }, T { a: 0, n: Some(0) }],
            [struct T { a: u8, #[serde(default)] n: u64 }] => [T { a: 1, n: 0 }, T { a: 0, n: 1 }],
            [struct T { a: u8, #[serde(default)] n: Option<u64> }] => [T { a: 1, n: None }, T { a: 0, n: Some(1) }],
            [#[serde(default)] #[derive(Default)] struct T { a: u8, n: u64, m: u64 }] => [T { a: 1, n: 0, m: 0 }, T { a: 0, n: 1, m: 0 }],
            [struct T { a: u8 }] => [T { a: 1 }, T { a: 0 }];
        "a field is not always written":
            [struct T { a: u8, b: Option<u8>, c: u8 }] => [T { a: 1, b: None, c: 0 }, T { a: 1, b: Some(1), c: 1 }],
            [struct T { a: u8, #[serde(default)] b: Option<u8>, #[serde(default)] c: u8 }] => [T { a: 1, b: None, c: 0 }],
            [struct T { a: u8, #[serde(skip)] _b: Option<u8>, c: u8 }] => [T { a: 1, _b: None, c: 0 }, T { a: 0, _b: None, c: 1 }],
            [struct T { a: u8, c: u8 }] => [T { a: 0, c: 1 }, T { a: 1, c: 1 }];
        "two fields of one type change places":
            [struct T { width: u32, height: u32 }] => [T { width: 1, height: 2 }, T { width: 0, height: 0 }],
            [struct T { height: u32, width: u32 }] => [T { width: 1, height: 2 }, T { width: 0, height: 0 }],
            [struct T { #[serde(rename = "height")] width: u32, #[serde(rename = "width")] height: u32 }] => [T { width: 1, height: 2 }],
            [struct T(u32, u32);] => [T(1, 2)];
        "the case of names changes":
            [struct T { first_name: String }] => [T { first_name: text("a") }],
            [#[serde(rename_all = "camelCase")] struct T { first_name: String }] => [T { first_name: text("a") }],
            [#[serde(rename_all = "UPPERCASE")] struct T { first_name: String }] => [T { first_name: text("a") }];
        "another struct has the same fields":
            [struct Inches { n: f64 }] => [Inches { n: 1.0 }],
            [struct Metres { n: f64 }] => [Metres { n: 1.0 }];
        "a field has another meaning":
            [struct T { seconds: u32 }] => [T { seconds: 1 }],
            [struct T { seconds: f32 }] => [T { seconds: 1.0 }],
            [struct T { seconds: Duration }] => [T { seconds: Duration::from_secs(1) }];
        "a nested struct changes":
            [struct In { a: u8 } struct T { inner: In, z: u8 }] => [T { inner: In { a: 0 }, z: 1 }],
            [struct In { a: u8, b: u8 } struct T { inner: In }] => [T { inner: In { a: 0, b: 1 } }],
            [struct In { b: u8 } struct T { inner: In, z: u8 }] => [T { inner: In { b: 0 }, z: 1 }],
            [struct In { a: u8 } struct T { #[serde(flatten)] inner: In, z: u8 }] => [T { inner: In { a: 0 }, z: 1 }],
            [struct T { a: u8, z: u8 }] => [T { a: 0, z: 1 }],
            [struct T { inner: BTreeMap<String, u8>, z: u8 }] => [T { inner: BTreeMap::from([(text("a"), 0)]), z: 1 }],
            [struct T { #[serde(flatten)] rest: BTreeMap<String, u8> }] => [T { rest: BTreeMap::from([(text("a"), 0), (text("z"), 1)]) }],
            [struct T { #[serde(flatten)] rest: serde_json::Value }] => [T { rest: json!({"a": 0, "z": 1}) }];
        "the same field is in two places":
            [struct In { a: u8 } struct T { #[serde(flatten)] inner: In, #[serde(flatten)] other: Option<In> }] => [T { inner: In { a: 0 }, other: Some(In { a: 1 }) }],
            [struct In { a: u8 } struct T { #[serde(flatten)] inner: In }] => [T { inner: In { a: 0 } }],
            [struct T { a: u8 }] => [T { a: 0 }, T { a: 1 }];
    }
}

fn enums() -> impl IntoIterator<Item = History> {
    histories! {
        "variants come, go, move and are renamed":
            [enum E { A, B, C }] => [E::A, E::B, E::C],
            [enum E { X, A, B, C }] => [E::X, E::A, E::B, E::C],
            [enum E { C, B, A }] => [E::A, E::B, E::C],
            [enum E { A, C }] => [E::A, E::C],
            [enum E { A, #[serde(rename = "C")] B, #[serde(rename = "B")] C }] => [E::A, E::B, E::C],
            [enum E { A, B, #[serde(other)] Unknown }] => [E::A, E::Unknown],
            [enum E { A, #[serde(alias = "C")] B }] => [E::A, E::B],
            [#[serde(rename_all = "lowercase")] enum E { A, B, C }] => [E::A, E::C];
        "a variant is given fields":
            [enum E { A, B }] => [E::A, E::B],
            [enum E { A(u8), B }] => [E::A(0), E::A(1), E::B],
            [enum E { A(Option<u8>), B }] => [E::A(None), E::A(Some(0))],
            [enum E { A(u8, u8), B }] => [E::A(0, 0)],
            [enum E { A { a: u8 }, B }] => [E::A { a: 0 }],
            [enum E { A { b: u8 }, B }] => [E::A { b: 0 }],
            [enum E { A { #[serde(default)] a: u8, #[serde(default)] b: u8 }, B }] => [E::A { a: 0, b: 0 }],
            [enum E { A((u8, u8)), B }] => [E::A((0, 0))],
            [enum E { A([u8; 2]), B }] => [E::A([0, 0])],
            [enum E { A(Vec<u8>), B }] => [E::A(vec![]), E::A(vec![0, 0])],
            [enum E { A(String), B }] => [E::A(text("")), E::A(text("A"))];
        "an enum is represented in another way":
            [enum E { A { n: u8 }, B }] => [E::A { n: 0 }, E::B],
            [#[serde(tag = "t")] enum E { A { n: u8 }, B }] => [E::A { n: 0 }, E::B],
            [#[serde(tag = "t", content = "n")] enum E { A { n: u8 }, B }] => [E::A { n: 0 }, E::B],
            [#[serde(tag = "t", content = "c")] enum E { A { n: u8 }, B }] => [E::A { n: 0 }, E::B],
            [#[serde(tag = "n")] enum E { A { t: u8 }, B }] => [E::A { t: 0 }, E::B],
            [#[serde(untagged)] enum E { A { n: u8 }, B }] => [E::A { n: 0 }, E::B],
            [struct E { t: String, n: u8 }] => [E { t: text("A"), n: 0 }],
            [struct E { t: String, #[serde(default)] n: Option<u8> }] => [E { t: text("B"), n: None }],
            [] => [text("B"), text("A")],
            [] => [BTreeMap::from([(text("t"), text("B"))])],
            [] => [json!({"t": "A", "n": 0}), json!({"t": "B"}), json!("B"), json!(null)];
        "an untagged enum has its variants in another order":
            [#[serde(untagged)] enum E { Small(u8), Large(u64), Text(String) }] => [E::Small(1), E::Large(1), E::Text(text("1"))],
            [#[serde(untagged)] enum E { Large(u64), Small(u8), Text(String) }] => [E::Small(1), E::Large(1), E::Text(text("1"))],
            [#[serde(untagged)] enum E { Float(f64), Large(u64), Text(char) }] => [E::Float(1.0), E::Large(1), E::Text('1')],
            [#[serde(untagged)] enum E { None(()), Many(Vec<E>), Value(serde_json::Value) }] => [E::None(()), E::Many(vec![]), E::Value(json!(1))];
        "an untagged enum chooses another struct":
            [#[serde(untagged)] enum E { A { a: u8 }, B { a: u8, b: u8 } }] => [E::A { a: 1 }, E::B { a: 1, b: 2 }],
            [#[serde(untagged)] enum E { B { a: u8, b: u8 }, A { a: u8 } }] => [E::A { a: 1 }, E::B { a: 1, b: 2 }],
            [#[serde(untagged)] enum E { A { a: u8, #[serde(default)] b: Option<u8> } }] => [E::A { a: 1, b: None }, E::A { a: 1, b: Some(2) }];
        "a result becomes an option":
            [] => [Ok::<u8, String>(0), Err(text(""))],
            [] => [Some(0_u8), None],
            [] => [Some(Ok::<u8, String>(0)), Some(Err(text(""))), None],
            [enum Result { #[serde(rename = "Err")] Ok(u8), #[serde(rename = "Ok")] Err(String) }] => [Result::Ok(0), Result::Err(text(""))];
    }
}

fn wrappers() -> impl IntoIterator<Item = History> {
    histories! {
        "a newtype comes and goes":
            [struct Id(u64);] => [Id(0), Id(7)],
            [#[serde(transparent)] struct Id(u64);] => [Id(0), Id(7)],
            [#[serde(transparent)] struct Id { id: u64 }] => [Id { id: 0 }, Id { id: 7 }],
            [struct Id { id: u64 }] => [Id { id: 0 }, Id { id: 7 }],
            [struct Id(Option<u64>);] => [Id(None), Id(Some(0))],
            [struct Id(u64, ());] => [Id(0, ())],
            [] => [0_u64, 7],
            [] => [(0_u64,), (7,)],
            [] => [[0_u64], [7]],
            [] => [vec![0_u64], vec![7], vec![]],
            [] => [Box::new(0_u64)],
            [] => [Wrapping(7_u64)],
            [] => [Reverse(7_u64)];
        "an option comes and goes":
            [] => [None, Some(None), Some(Some(0_u8))],
            [] => [None, Some(0_u8)],
            [] => [0_u8, 1],
            [] => [()],
            [] => [vec![], vec![0_u8]],
            [] => [Some(()), None],
            [struct T;] => [T],
            [] => [false, true];
        "nothing becomes something":
            [] => [()],
            [struct T;] => [T],
            [struct T { #[serde(default)] a: Option<u8> }] => [T { a: None }, T { a: Some(0) }],
            [] => [Vec::<()>::new(), vec![(), ()]],
            [] => [text("")],
            [] => [BTreeMap::<String, u8>::new()],
            [] => [json!(null), json!([]), json!({}), json!("")];
    }
}

fn collections() -> impl IntoIterator<Item = History> {
    histories! {
        "a tuple, an array, a list and a struct":
            [] => [(1_u8, 2_u8), (0, 0)],
            [] => [[1_u8, 2], [0, 0]],
            [] => [vec![1_u8, 2], vec![]],
            [struct T(u8, u8);] => [T(1, 2)],
            [struct T { a: u8, b: u8 }] => [T { a: 1, b: 2 }],
            [struct T { b: u8, a: u8 }] => [T { a: 1, b: 2 }],
            [] => [(1_u8, 2_u8, 0_u8)],
            [] => [((1_u8, 2_u8),)],
            [] => [(1_u8,), (0,)],
            [] => [VecDeque::from([1_u8, 2])],
            [] => [LinkedList::from([2_u8, 1])],
            [] => [[0_u8; 0]],
            [] => [RangeInclusive::new(1_u8, 2)];
        "a list of pairs, a map and a struct":
            [] => [vec![(text("a"), 1_u8), (text("a"), 2)], vec![(text("a"), 1)], vec![]],
            [] => [HashMap::from([(text("a"), 1_u8)]), HashMap::new()],
            [] => [BTreeMap::from([(text("a"), 1_u8), (text("b"), 2)]), BTreeMap::new()],
            [] => [BTreeMap::from([(text("a"), Some(1_u8)), (text("b"), None)])],
            [] => [BTreeMap::from([('a', 1_u8)])],
            [] => [vec![[text("a"), text("1")]]],
            [struct T { a: u8 }] => [T { a: 1 }],
            [struct T { a: u8, b: Option<u8> }] => [T { a: 1, b: None }],
            [enum T { #[serde(rename = "a")] A(u8) }] => [T::A(1)],
            [] => [json!({"a": 1}), json!([["a", 1]]), json!({})];
        "the keys of a map":
            [] => [HashMap::from([(1_u8, 1_u8)])],
            [] => [HashMap::from([(1_u64, 1_u8)])],
            [] => [HashMap::from([(text("1"), 1_u8)])],
            [] => [HashMap::from([('1', 1_u8)])],
            [] => [HashMap::from([(true, 1_u8)])],
            [] => [vec![(1_u8, 1_u8)]];
        "a list of structs":
            [struct T { a: u8 }] => [vec![T { a: 1 }, T { a: 0 }], vec![]],
            [struct T { a: u8, b: Option<u8> }] => [vec![T { a: 1, b: None }, T { a: 0, b: None }]],
            [struct T(u8);] => [vec![T(1), T(0)]],
            [struct T { a: u8 }] => [vec![Some(T { a: 1 }), None]],
            [struct T { a: u8 }] => [T { a: 1 }],
            [struct T { a: u8 }] => [BTreeMap::from([(0_u8, T { a: 1 }), (1, T { a: 0 })])];
    }
}

fn contents() -> impl IntoIterator<Item = History> {
    histories! {
        "bytes, texts and lists of numbers":
            [] => [Bytes(vec![]), Bytes(vec![0x61, 0x62]), Bytes(vec![0xff])],
            [] => [vec![], vec![0x61_u8, 0x62], vec![0xff]],
            [] => [text(""), text("ab"), text("[97,98]"), text("YWI=")],
            [] => [Box::<str>::from(""), Box::from("ab")],
            [] => [Cow::<'static, str>::Borrowed(""), Cow::Owned(text("ab"))],
            [] => [PathBuf::from("ab")],
            [] => [vec![], vec!['a', 'b']],
            [] => [['a', 'b']],
            [] => [[0x61_u8, 0x62]],
            [] => [0x6162_u16, 0x6162_u16.to_be()],
            [] => ['a', 'b'],
            [] => [IpAddr::from([0x61, 0x62, 0, 0])],
            [] => [json!("ab"), json!([97, 98]), json!([])];
        "an identifier":
            [] => [Uuid::nil(), Uuid::max()],
            [] => [Uuid::nil().to_string(), Uuid::max().to_string()],
            [] => [[0_u8; 16], [0xff; 16]],
            [] => [vec![0_u8; 16], vec![0xff; 16]],
            [] => [0_u128, u128::MAX];
        "times":
            [] => [Duration::from_millis(1500), Duration::ZERO],
            [] => [1500_u64, 0],
            [] => [1.5_f64, 0.0],
            [] => [(1_u64, 500_000_000_u32)],
            [struct Duration { secs: u64, nanos: u32 }] => [Duration { secs: 1, nanos: 500_000_000 }, Duration { secs: 1, nanos: u32::MAX }],
            [struct Duration { secs: i64, nanos: u32 }] => [Duration { secs: -1, nanos: 500_000_000 }],
            [] => [SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_millis(1500)],
            [] => [moment()],
            [] => [moment().to_rfc3339(), text("1970-01-01T00:00:00Z")],
            [] => [moment().naive_utc()],
            [] => [moment().timestamp()];
        "a recursive type":
            [struct T { n: u8, next: Option<Box<T>> }] => [T { n: 1, next: None }, T { n: 1, next: Some(Box::new(T { n: 2, next: None })) }],
            [struct T { n: u8, next: Vec<T> }] => [T { n: 1, next: vec![] }, T { n: 1, next: vec![T { n: 2, next: vec![] }] }],
            [struct T { n: u8 }] => [T { n: 1 }],
            [struct T { n: u8, next: Option<u8> }] => [T { n: 1, next: None }, T { n: 1, next: Some(2) }];
        "everything empty":
            [struct T { a: Vec<u8>, b: String, c: Option<u8>, d: u8 }] => [T { a: vec![], b: text(""), c: None, d: 0 }],
            [struct T { a: String, b: Vec<u8>, c: u8, d: Option<u8> }] => [T { a: text(""), b: vec![], c: 0, d: None }],
            [struct T { a: BTreeMap<u8, u8>, b: (), c: bool, d: BTreeSet<u8> }] => [T { a: BTreeMap::new(), b: (), c: false, d: BTreeSet::new() }],
            [] => [(0_u8, 0_u8, 0_u8, 0_u8)],
            [] => [0_u32];
    }
}

fn sets() -> History {
    History {
        name: "a list and sets",
        shapes: vec![
            Shape::set(vec![vec![], vec![3_u8, 1, 2], vec![1, 1]]),
            Shape::set(vec![HashSet::from([3_u8, 1, 2]), HashSet::new()]),
            Shape::set(vec![BTreeSet::from([3_u8, 1, 2])]),
            Shape::set(vec![BTreeSet::from([
                Reverse(3_u8),
                Reverse(1),
                Reverse(2),
            ])]),
            Shape::set(vec![HashSet::from([3_u16, 1, 2])]),
            Shape::set(vec![BTreeMap::from([(3_u8, false), (1, false)])]),
            Shape::set(vec![vec![Some(1_u8), None]]),
            Shape::set(vec![list::<String>()]),
            Shape::set(vec![HashSet::from([text("a"), text("b")])]),
            Shape::set(vec![vec!['b', 'a']]),
        ],
    }
}

#[test]
fn a_number_of_another_type_is_a_miss_or_equal() {
    demand_a_miss_or_the_equal_value([numbers(false), numbers(true)], 300, 0);
}

#[test]
fn a_struct_with_other_fields_is_a_miss_or_equal() {
    demand_a_miss_or_the_equal_value(fields(), 60, 1);
}

#[test]
fn an_enum_with_other_variants_is_a_miss_or_equal() {
    demand_a_miss_or_the_equal_value(enums(), 100, 4);
}

#[test]
fn a_value_that_is_wrapped_in_another_way_is_a_miss_or_equal() {
    demand_a_miss_or_the_equal_value(wrappers(), 100, 2);
}

#[test]
fn another_collection_is_a_miss_or_equal() {
    demand_a_miss_or_the_equal_value(collections(), 100, 0);
}

#[test]
fn a_text_a_time_or_a_tree_of_another_type_is_a_miss_or_equal() {
    demand_a_miss_or_the_equal_value(contents(), 100, 0);
}

#[test]
fn a_list_that_is_read_as_a_set_is_a_miss_or_equal() {
    demand_a_miss_or_the_equal_value([sets()], 45, 0);
}

/// Nothing but the kind of the part differs: no name, no number, no text.
#[test]
fn parts_of_another_kind_with_the_same_content_are_a_miss_or_equal() {
    demand_a_miss_or_the_equal_value(
        histories! {
            "a struct without fields":
                [struct T {}] => [T {}],
                [struct T();] => [T()],
                [struct T;] => [T];
            "a variant without fields":
                [enum E { A }] => [E::A],
                [enum E { A() }] => [E::A()],
                [enum E { A {} }] => [E::A {}],
                [enum E { A(()) }] => [E::A(())];
            "what was a name is a text":
                [struct In { b: u8, c: u8 } struct T(String, In);] => [T(text("b"), In { b: 1, c: 2 })],
                [struct In(String, u8); struct T { b: In, c: u8 }] => [T { b: In(text("b"), 1), c: 2 }];
        },
        10,
        0,
    );
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsBytes;
        impl<'de> Visitor<'de> for AsBytes {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            // JSON has no bytes.
            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = elements.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(AsBytes)
    }
}

fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 123_456_789).expect("a time")
}

const ALL: &[&str] = &["messagepack", "json", "bincode"];
/// The codecs that write what each part is.
const SELF_DESCRIBING: &[&str] = &["messagepack", "json"];
/// JSON has no numbers for infinity, and no keys but texts.
const BINARY: &[&str] = &["messagepack", "bincode"];
const BINCODE: &[&str] = &["bincode"];
const MESSAGEPACK: &[&str] = &["messagepack"];
const NONE: &[&str] = &[];

/// The codecs in `holders` bring these values back, the others do not.
fn comes_back<T: Kept + PartialEq + Debug>(holders: &[&str], values: &[T]) {
    for processes in Processes::each() {
        let codec = processes.codec.name();
        for value in values {
            let read = processes.pass_on(value);
            let expected = holders.contains(&codec).then_some(value);
            let what = std::any::type_name::<T>();
            let show: String = shown(value).chars().take(200).collect();
            assert!(
                read.as_ref() == expected,
                "{codec} read {} {what}, expected {}: {show}",
                if read.is_some() { "a" } else { "no" },
                if expected.is_some() {
                    "this one"
                } else {
                    "none"
                },
            );
        }
    }
}

#[test]
fn derived_structs_come_back() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Unit;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Newtype(u64);
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Pair(u8, String);
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Summary {
        #[serde(rename = "type")]
        kind: Option<String>,
        key_points: Vec<Pair>,
        #[serde(default)]
        score: f64,
        #[serde(skip)]
        seen: u32,
        pair: (Newtype, Unit),
    }
    comes_back(ALL, &[Unit]);
    comes_back(ALL, &[Newtype(u64::MAX)]);
    comes_back(ALL, &[Pair(0, text("")), Pair(1, text("ß"))]);
    let summary = Summary {
        kind: Some(text("a")),
        key_points: vec![Pair(1, text("b")), Pair(0, text(""))],
        score: 0.1,
        seen: 0,
        pair: (Newtype(1), Unit),
    };
    let bare = Summary {
        kind: None,
        key_points: vec![],
        ..summary.clone()
    };
    comes_back(ALL, &[summary, bare]);
}

#[test]
fn fields_that_are_flattened_or_left_out_come_back_where_names_are_written() {
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Page {
        limit: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
        last: bool,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Answer {
        id: u64,
        #[serde(flatten)]
        page: Page,
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    }
    let page = Page {
        limit: 10,
        next: Some(text("a")),
        last: true,
    };
    comes_back(ALL, std::slice::from_ref(&page));
    comes_back(SELF_DESCRIBING, &[Page::default()]);
    let answer = Answer {
        id: 1,
        page,
        rest: BTreeMap::from([(text("usage"), json!({"tokens": [1, 2.5, null]}))]),
    };
    comes_back(SELF_DESCRIBING, &[answer]);
}

#[test]
fn maps_that_are_flattened_come_back_whatever_their_keys_are() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(bound(deserialize = "K: Ord + Deserialize<'de>"))]
    struct Flat<K: Ord> {
        id: u8,
        #[serde(flatten)]
        rest: BTreeMap<K, String>,
    }
    fn flat<K: Ord>(key: K) -> Flat<K> {
        Flat {
            id: 1,
            rest: BTreeMap::from([(key, text("a"))]),
        }
    }
    comes_back(SELF_DESCRIBING, &[flat(text("a")), flat(text(""))]);
    comes_back(SELF_DESCRIBING, &[flat('ß')]);
    // The keys of JSON are texts.
    comes_back(MESSAGEPACK, &[flat(u64::MAX), flat(1)]);
    comes_back(MESSAGEPACK, &[flat(i64::MIN), flat(-1), flat(1)]);
    comes_back(MESSAGEPACK, &[flat(i8::MIN)]);
    comes_back(MESSAGEPACK, &[flat(true)]);
    comes_back(MESSAGEPACK, &[flat(())]);
}

#[test]
fn a_type_that_borrows_names_while_it_reads_comes_back() {
    #[derive(Deserialize)]
    #[serde(field_identifier)]
    enum Name<'a> {
        Known,
        #[serde(borrow)]
        Other(&'a str),
    }
    #[derive(Clone, Debug, PartialEq, Serialize)]
    struct Fields(BTreeMap<String, u8>);
    impl<'de> Deserialize<'de> for Fields {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Entries;
            impl<'de> Visitor<'de> for Entries {
                type Value = Fields;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("fields")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                    let mut fields = BTreeMap::new();
                    while let Some(name) = map.next_key()? {
                        let name = match name {
                            Name::Known => "Known",
                            Name::Other(name) => name,
                        };
                        fields.insert(text(name), map.next_value()?);
                    }
                    Ok(Fields(fields))
                }
            }
            deserializer.deserialize_map(Entries)
        }
    }
    let fields = Fields(BTreeMap::from([(text("a"), 1), (text("Known"), 2)]));
    comes_back(SELF_DESCRIBING, &[fields]);
}

#[test]
fn a_type_that_borrows_a_text_while_it_reads_comes_back() {
    #[derive(Clone, Debug, PartialEq, Serialize)]
    struct Lent(String);
    impl<'de> Deserialize<'de> for Lent {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            <&str>::deserialize(deserializer).map(|lent| Self(text(lent)))
        }
    }
    comes_back(ALL, &[Lent(text("a")), Lent(text(""))]);
}

#[test]
fn enums_of_every_representation_come_back() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Circle(f32),
        Box(u8, u8, u8),
    }
    macro_rules! check {
        ($holders:expr, $(#[$attribute:meta])?) => {{
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            $(#[$attribute])?
            enum Event {
                Opened { by: String, at: u64 },
                Closed(Reason),
                Nothing,
            }
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            struct Reason {
                code: i32,
            }
            comes_back($holders, &[
                Event::Opened { by: text("a"), at: 0 },
                Event::Closed(Reason { code: -1 }),
            ]);
            comes_back($holders, &[Event::Nothing]);
            comes_back($holders, &[vec![Event::Nothing, Event::Closed(Reason { code: 0 })]]);
        }};
    }
    check!(ALL,);
    check!(SELF_DESCRIBING, #[serde(tag = "type")]);
    check!(SELF_DESCRIBING, #[serde(tag = "type", content = "data")]);
    check!(SELF_DESCRIBING, #[serde(untagged)]);

    comes_back(ALL, &[Shape::Circle(0.5), Shape::Box(1, 2, 3)]);
    comes_back(ALL, &[Ok::<u8, String>(1), Err(text("no"))]);
}

#[test]
fn options_come_back_as_far_as_the_codec_tells_them_apart() {
    comes_back(ALL, &[None, Some(0_u8), Some(1)]);
    comes_back(ALL, &[None, Some(text("")), Some(text("None"))]);
    comes_back(ALL, &[None, Some(Some(0_u8))]);
    comes_back(ALL, &[vec![None, Some(1_u8), None]]);
    // Everywhere else both are the same nothing.
    comes_back(BINCODE, &[Some(None::<u8>)]);
    comes_back(BINCODE, &[Some(())]);
    comes_back(ALL, &[None::<()>]);
}

#[test]
fn collections_come_back() {
    comes_back(ALL, &[vec![3, 1, 2], vec![], vec![1_u32]]);
    comes_back(ALL, &[(1_u8, -1_i8, text("a"), 'b', true, (), [1_u16, 2])]);
    comes_back(ALL, &[[0_u8; 32], [255; 32]]);
    comes_back(ALL, &[VecDeque::from([2_u8, 1])]);
    comes_back(ALL, &[LinkedList::from([2_u8, 1])]);
    comes_back(ALL, &[Box::<[u8]>::from([2, 1])]);
    comes_back(ALL, &[vec![(); 100]]);
    comes_back(ALL, &[vec![vec![vec![text("a")], vec![]], vec![]]]);
    comes_back(
        ALL,
        &[
            HashMap::from([(text("b"), 1_u8), (text(""), 2)]),
            HashMap::new(),
        ],
    );
    comes_back(
        ALL,
        &[HashMap::from([(1_u64, vec![1_u8]), (u64::MAX, vec![])])],
    );
    comes_back(ALL, &[BTreeMap::from([('b', Some(1_u8)), ('a', None)])]);
    comes_back(ALL, &[HashSet::from([3_i64, -1, 2]), HashSet::new()]);
    comes_back(ALL, &[BTreeSet::from([text("b"), text("a")])]);
    comes_back(ALL, &[HashMap::from([(1_u8, HashSet::from([1_u8, 2, 3]))])]);
    comes_back(BINARY, &[BTreeMap::from([((1_u8, true), 'a')])]);
    comes_back(BINARY, &[HashMap::from([(None, 1_u8), (Some(1_u8), 2)])]);
}

#[test]
fn a_set_and_a_map_of_twenty_thousand_come_back() {
    let numbers = (0..20_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    comes_back(ALL, &[numbers.clone().collect::<HashSet<_>>()]);
    comes_back(
        ALL,
        &[numbers
            .clone()
            .map(|n| (n.to_string(), n))
            .collect::<HashMap<_, _>>()],
    );
    comes_back(
        ALL,
        &[numbers
            .clone()
            .map(|n| n.to_string())
            .collect::<HashSet<_>>()],
    );
    comes_back(ALL, &[numbers.collect::<Vec<_>>()]);
}

#[test]
fn a_list_that_takes_far_less_room_in_a_store_than_in_memory_comes_back() {
    let numbers = vec![1_u64; 1_100_000];
    for processes in Processes::each() {
        let is_read = processes.pass_on(&numbers).as_ref() == Some(&numbers);
        assert!(is_read, "{}", processes.codec);
    }
}

#[test]
fn free_json_comes_back_where_parts_are_described() {
    comes_back(
        SELF_DESCRIBING,
        &[
            json!({"a": {"b": [1, -1, 2.5, u64::MAX, "", null, true, {}, []]}, "": {"": ""}}),
            json!([[[[[[1]]]]]]),
            json!(0.1),
            json!(-0.0),
            json!("text"),
            json!(null),
        ],
    );
    comes_back(
        SELF_DESCRIBING,
        &[HashMap::from([(text("a"), json!([1, {"b": 2}]))])],
    );
}

#[test]
fn texts_come_back() {
    comes_back(
        ALL,
        &[text(""), text("a\0\u{10ffff}\"\\\n"), "ß".repeat(50_000)],
    );
    comes_back(ALL, &[Box::<str>::from(""), Box::from("boxed")]);
    comes_back(
        ALL,
        &[
            Cow::Borrowed("borrowed"),
            Cow::<'static, str>::Owned(text("owned")),
        ],
    );
    comes_back(ALL, &['\0', 'ß', char::MAX]);
    comes_back(ALL, &[PathBuf::from("/a/b")]);
}

#[test]
fn bytes_come_back() {
    let bytes = Bytes((0..=255).collect());
    comes_back(ALL, &[Bytes(vec![]), bytes.clone()]);
    comes_back(ALL, &[vec![bytes; 100]]);
}

#[test]
fn numbers_come_back() {
    comes_back(ALL, &[u128::MIN, u128::MAX, 1 << 64]);
    comes_back(ALL, &[i128::MIN, i128::MAX, -1, 0]);
    comes_back(ALL, &[u64::MAX, 0]);
    comes_back(ALL, &[i64::MIN, i64::MAX]);
    comes_back(ALL, &[i8::MIN, i8::MAX]);
    comes_back(ALL, &[true, false]);
    comes_back(ALL, &[()]);
    comes_back(ALL, &[NonZeroU8::MAX]);
    comes_back(ALL, &[NonZeroI64::MIN]);
    comes_back(ALL, &[Wrapping(u32::MAX)]);
    comes_back(ALL, &[Reverse(1_u8)]);
    comes_back(ALL, &[RangeInclusive::new(-1_i32, 1)]);
}

#[test]
fn floats_come_back_bit_by_bit() {
    #[derive(Clone, Copy, Debug, Serialize, Deserialize)]
    struct Bits(f64, f32);
    impl PartialEq for Bits {
        fn eq(&self, other: &Self) -> bool {
            self.0.to_bits() == other.0.to_bits() && self.1.to_bits() == other.1.to_bits()
        }
    }
    comes_back(
        ALL,
        &[
            Bits(0.0, 0.0),
            Bits(-0.0, -0.0),
            Bits(0.1, 0.1),
            Bits(1.0, -1.0),
            Bits(f64::MAX, f32::MAX),
            Bits(f64::MIN, f32::MIN),
            Bits(f64::MIN_POSITIVE, f32::MIN_POSITIVE),
            Bits(f64::from_bits(1), f32::from_bits(1)),
            Bits(
                -f64::from_bits(0xf_ffff_ffff_ffff),
                f32::from_bits(0x7f_ffff),
            ),
            Bits(f64::EPSILON, f32::EPSILON),
        ],
    );
    comes_back(
        BINARY,
        &[
            Bits(f64::INFINITY, f32::INFINITY),
            Bits(f64::NEG_INFINITY, f32::NEG_INFINITY),
            Bits(f64::NAN, f32::NAN),
        ],
    );
}

#[test]
fn an_embedding_comes_back_bit_by_bit() {
    let mut state = 1_u32;
    let numbers = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from_bits(0x3f80_0000 | state >> 9) - 1.5
    });
    let embedding: Vec<f32> = numbers.take(1536).collect();
    comes_back(ALL, &[embedding]);
}

#[test]
fn times_addresses_and_identifiers_come_back() {
    comes_back(
        ALL,
        &[Duration::ZERO, Duration::MAX, Duration::from_nanos(1)],
    );
    comes_back(
        ALL,
        &[
            SystemTime::UNIX_EPOCH,
            SystemTime::UNIX_EPOCH + Duration::from_nanos(1),
        ],
    );
    comes_back(
        ALL,
        &[moment(), DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC],
    );
    comes_back(ALL, &[moment().naive_utc()]);
    comes_back(
        ALL,
        &[
            IpAddr::from([127, 0, 0, 1]),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ],
    );
    comes_back(ALL, &[SocketAddr::from((Ipv6Addr::LOCALHOST, 80))]);
    comes_back(ALL, &[Uuid::nil(), Uuid::max()]);
    comes_back(
        ALL,
        &[Url::parse("https://user@example.org/a?b=c#d").expect("a URL")],
    );
    comes_back(ALL, &[HashMap::from([(Uuid::max(), moment())])]);
}

#[test]
fn a_tree_of_sixty_levels_comes_back() {
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Node {
        level: u32,
        left: Option<Box<Node>>,
        right: Option<Box<Node>>,
    }
    let tree = (0..60).fold(Node::default(), |below, level| Node {
        level,
        left: Some(Box::new(below)),
        right: (level % 2 == 0).then(Box::default),
    });
    comes_back(ALL, &[tree]);
}

/// The levels of a writer are not those of a codec.
#[test]
fn a_value_that_has_more_levels_to_a_reader_than_to_a_writer_comes_back() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Chain {
        Link { next: Box<Chain> },
        Address(IpAddr),
        End,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Chain(Chain),
    }
    let chain = |links, end| {
        (0..links).fold(end, |next, _| Chain::Link {
            next: Box::new(next),
        })
    };
    let address = Chain::Address(IpAddr::from([127, 0, 0, 1]));
    comes_back(ALL, &[chain(126, address)]);
    let untagged = Untagged::Chain(chain(70, Chain::End));
    comes_back(SELF_DESCRIBING, &[untagged]);
}

/// What a value reads as is never something else than what was written: not for types either
/// whose `Serialize` and `Deserialize` do not fit together.
mod unfaithful {
    use super::*;

    /// What a type reads for each of these values, with every codec.
    fn is_never_read<T: Kept + PartialEq + Debug>(values: &[T]) {
        comes_back(NONE, values);
    }

    #[test]
    fn a_type_that_drops_a_field_while_reading_is_a_miss() {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        struct Forgetful {
            id: u32,
            #[serde(skip_deserializing)]
            name: String,
        }
        is_never_read(&[Forgetful {
            id: 1,
            name: text("Ada"),
        }]);
    }

    #[test]
    fn a_type_that_changes_what_it_reads_is_a_miss() {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        struct Lower(String);
        impl From<String> for Lower {
            fn from(text: String) -> Self {
                Self(text.to_lowercase())
            }
        }
        impl From<Lower> for String {
            fn from(lower: Lower) -> Self {
                lower.0
            }
        }
        is_never_read(&[Lower(text("Ada"))]);
        comes_back(ALL, &[Lower(text("ada"))]);
    }

    #[test]
    fn a_type_that_drops_or_repeats_elements_is_a_miss() {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(from = "Vec<u32>")]
        struct Positive(Vec<u32>);
        impl From<Vec<u32>> for Positive {
            fn from(mut numbers: Vec<u32>) -> Self {
                numbers.retain(|n| *n > 0);
                numbers.extend(numbers.first().copied());
                Self(numbers)
            }
        }
        is_never_read(&[Positive(vec![1]), Positive(vec![0, 1]), Positive(vec![0])]);
    }

    #[test]
    fn a_type_that_does_not_read_its_bytes_is_a_miss() {
        #[derive(Clone, Debug, PartialEq, Serialize)]
        struct Constant(u32);
        impl<'de> Deserialize<'de> for Constant {
            fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                Ok(Self(7))
            }
        }
        is_never_read(&[Constant(0), Constant(8)]);
    }

    #[test]
    fn a_type_that_panics_while_reading_is_a_miss() {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(from = "u32")]
        struct Fragile(u32);
        impl From<u32> for Fragile {
            fn from(number: u32) -> Self {
                assert_ne!(number, 13, "this one panics");
                Self(number)
            }
        }
        is_never_read(&[Fragile(13)]);
    }

    #[test]
    fn a_type_that_writes_something_else_each_time_is_a_miss() {
        static TIMES: AtomicU32 = AtomicU32::new(0);
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        struct Restless {
            times: u32,
        }
        impl Serialize for Restless {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct("Restless", 1)?;
                fields.serialize_field("times", &TIMES.fetch_add(1, Ordering::Relaxed))?;
                fields.end()
            }
        }
        is_never_read(&[Restless { times: 0 }, Restless { times: 1 }]);
    }

    #[test]
    fn a_type_that_fails_halfway_is_a_miss() {
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        struct Halfway(u32, u32);
        impl Serialize for Halfway {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct("Halfway", 2)?;
                fields.serialize_field("a", &self.0)?;
                Err(serde::ser::Error::custom("no"))
            }
        }
        is_never_read(&[Halfway(1, 2)]);
    }

    #[test]
    fn a_type_that_writes_its_fields_in_another_order_than_it_reads_them_is_a_miss() {
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        struct Size(u32, u32);
        impl Serialize for Size {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                (self.1, self.0).serialize(serializer)
            }
        }
        is_never_read(&[Size(1, 2)]);
    }
}

#[test]
fn an_entry_is_written_as_the_codec_says() {
    for processes in Processes::each() {
        processes.write(&One {
            n: text("readable"),
        });
        let entries = processes.store.entries.lock().expect("no panic");
        let entry = entries.values().next().expect("an entry");
        let value: &[u8] = match processes.codec.name() {
            "json" => br#"{"n":"readable"}"#,
            "messagepack" => b"\x81\xa1n\xa8readable",
            _ => b"\x08readable",
        };
        assert!(entry.ends_with(value), "{}: {entry:?}", processes.codec);
    }
}
