//! Types of values, one for every way that serde has of reading one.
#![allow(
    clippy::zero_sized_map_values,
    reason = "the map of which bincode writes the length alone"
)]

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::net::IpAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub trait Sample:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Whether `MessagePack` gives back every value as it was. It has one way of writing `None` and
    /// `Some(None)`.
    const COMES_BACK: bool = true;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    summary: String,
    scores: BTreeMap<String, f64>,
    points: Vec<String>,
    next: Option<Box<Answer>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum List {
    Nil,
    Cons(Box<List>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chain(Option<Box<Chain>>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nothing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    Unit,
    Number(i128),
    Pair(f32, char),
    Fields { flag: bool, inner: Vec<Shape> },
    Nothing(Nothing),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Untagged {
    Number(i64),
    Texts(Vec<String>),
    More { more: Box<Untagged> },
    Rest(Value),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is")]
pub enum Tagged {
    Leaf {
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    },
    Branch {
        left: Box<Tagged>,
        #[serde(default)]
        right: Option<Box<Tagged>>,
    },
}

/// Something to do for each type.
pub trait Visit {
    fn visit<T: Sample>(&self);
}

macro_rules! samples {
    ($($type:ty),* $(,)?) => {
        $(impl Sample for $type {})*

        pub fn visit_each_type(visit: &impl Visit) {
            visit.visit::<Chain>();
            $(visit.visit::<$type>();)*
        }

        /// The type of this number; there are not as many types as numbers.
        pub fn visit_type(number: u8, visit: &impl Visit) {
            fn as_type<V: Visit, T: Sample>(visit: &V) {
                visit.visit::<T>();
            }
            let all = [as_type::<_, Chain>, $(as_type::<_, $type>),*];
            all[usize::from(number) % all.len()](visit);
        }
    };
}

samples! {
    Answer,
    List,
    Shape,
    Untagged,
    Tagged,
    Value,
    u64,
    IpAddr,
    Vec<()>,
    Vec<Nothing>,
    Vec<Option<String>>,
    HashMap<(), ()>,
    HashMap<String, Value>,
    BTreeMap<u8, HashSet<i64>>,
    BTreeSet<(bool, Vec<()>)>,
}

impl Sample for Chain {
    const COMES_BACK: bool = false;
}

/// A value that is remembered when it is decoded, whatever becomes of it then.
#[derive(Clone)]
pub struct Seen<T>(pub T);

thread_local! {
    static LAST: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

impl<T: Sample> Seen<T> {
    /// What was decoded last, once.
    pub fn take() -> Option<T> {
        let last = LAST.take()?.downcast().ok()?;
        Some(*last)
    }
}

impl<T: Sample> Serialize for Seen<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de, T: Sample> Deserialize<'de> for Seen<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = T::deserialize(from)?;
        LAST.set(Some(Box::new(value.clone())));
        Ok(Self(value))
    }
}
