//! Every shape that serde knows, as a value that can be compared with others.
#![allow(unreachable_pub, reason = "a module of a test")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

/// What follows the name of a struct or a variant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    Unit,
    Newtype(Box<Model>),
    Tuple(Vec<Model>),
    Fields(Vec<(&'static str, Model)>),
}

/// A value, floats by their bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Model {
    Unit,
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    I128(i128),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    U128(u128),
    F32(u32),
    F64(u64),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    None,
    Some(Box<Model>),
    Sequence(Vec<Model>),
    Tuple(Vec<Model>),
    /// Sorted by key, each key once.
    Map(Vec<(Model, Model)>),
    Struct(&'static str, Shape),
    Variant(&'static str, &'static str, Shape),
}

/// The same value, whose maps show their entries the other way round.
pub struct Reversed<'a>(pub &'a Model);

impl Serialize for Model {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self, serializer, false)
    }
}

impl Serialize for Reversed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer, true)
    }
}

/// A part of a value, in the order of the whole.
struct Part<'a>(&'a Model, bool);

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer, self.1)
    }
}

fn serialize<S: Serializer>(model: &Model, to: S, reversed: bool) -> Result<S::Ok, S::Error> {
    let part = |model| Part(model, reversed);
    match model {
        Model::Unit => to.serialize_unit(),
        Model::Bool(it) => to.serialize_bool(*it),
        Model::I8(it) => to.serialize_i8(*it),
        Model::I16(it) => to.serialize_i16(*it),
        Model::I32(it) => to.serialize_i32(*it),
        Model::I64(it) => to.serialize_i64(*it),
        Model::I128(it) => to.serialize_i128(*it),
        Model::U8(it) => to.serialize_u8(*it),
        Model::U16(it) => to.serialize_u16(*it),
        Model::U32(it) => to.serialize_u32(*it),
        Model::U64(it) => to.serialize_u64(*it),
        Model::U128(it) => to.serialize_u128(*it),
        Model::F32(it) => to.serialize_f32(f32::from_bits(*it)),
        Model::F64(it) => to.serialize_f64(f64::from_bits(*it)),
        Model::Char(it) => to.serialize_char(*it),
        Model::Text(it) => to.serialize_str(it),
        Model::Bytes(it) => to.serialize_bytes(it),
        Model::None => to.serialize_none(),
        Model::Some(it) => to.serialize_some(&part(it)),
        Model::Sequence(all) => {
            let mut sequence = to.serialize_seq(None)?;
            for it in all {
                sequence.serialize_element(&part(it))?;
            }
            sequence.end()
        }
        Model::Tuple(all) => {
            let mut tuple = to.serialize_tuple(all.len())?;
            for it in all {
                tuple.serialize_element(&part(it))?;
            }
            tuple.end()
        }
        Model::Map(entries) => {
            let mut map = to.serialize_map(Some(entries.len()))?;
            let mut entries: Vec<_> = entries.iter().collect();
            if reversed {
                entries.reverse();
            }
            for (key, value) in entries {
                map.serialize_entry(&part(key), &part(value))?;
            }
            map.end()
        }
        Model::Struct(name, shape) => match shape {
            Shape::Unit => to.serialize_unit_struct(name),
            Shape::Newtype(it) => to.serialize_newtype_struct(name, &part(it)),
            Shape::Tuple(all) => {
                let mut tuple = to.serialize_tuple_struct(name, all.len())?;
                for it in all {
                    tuple.serialize_field(&part(it))?;
                }
                tuple.end()
            }
            Shape::Fields(fields) => {
                let mut fields_of = to.serialize_struct(name, fields.len())?;
                for (field, it) in fields {
                    fields_of.serialize_field(field, &part(it))?;
                }
                fields_of.end()
            }
        },
        Model::Variant(name, variant, shape) => match shape {
            Shape::Unit => to.serialize_unit_variant(name, 0, variant),
            Shape::Newtype(it) => to.serialize_newtype_variant(name, 0, variant, &part(it)),
            Shape::Tuple(all) => {
                let mut tuple = to.serialize_tuple_variant(name, 0, variant, all.len())?;
                for it in all {
                    tuple.serialize_field(&part(it))?;
                }
                tuple.end()
            }
            Shape::Fields(fields) => {
                let mut variant = to.serialize_struct_variant(name, 0, variant, fields.len())?;
                for (field, it) in fields {
                    variant.serialize_field(field, &part(it))?;
                }
                variant.end()
            }
        },
    }
}

/// Values from few different parts, so that many look alike.
pub fn models() -> impl Strategy<Value = Model> {
    let name = || prop::sample::select(vec!["A", "B", "a"]);
    let text = || prop::string::string_regex("[ab|:%=,\0é]{0,3}").expect("a pattern");
    let leaf = prop_oneof![
        Just(Model::Unit),
        any::<bool>().prop_map(Model::Bool),
        (-2..3_i8).prop_map(Model::I8),
        (-2..3_i16).prop_map(Model::I16),
        (-2..3_i32).prop_map(Model::I32),
        (-2..3_i64).prop_map(Model::I64),
        prop_oneof![-2..3_i128, any::<i128>()].prop_map(Model::I128),
        (0..3_u8).prop_map(Model::U8),
        (0..3_u16).prop_map(Model::U16),
        (0..3_u32).prop_map(Model::U32),
        prop_oneof![0..3_u64, any::<u64>()].prop_map(Model::U64),
        prop_oneof![0..3_u128, any::<u128>()].prop_map(Model::U128),
        prop_oneof![
            Just(0.0_f32),
            Just(-0.0),
            Just(1.0),
            Just(f32::NAN),
            Just(f32::INFINITY)
        ]
        .prop_map(|it| Model::F32(it.to_bits())),
        prop_oneof![
            Just(0.0_f64),
            Just(-0.0),
            Just(1.0),
            Just(f64::NAN),
            Just(f64::INFINITY)
        ]
        .prop_map(|it| Model::F64(it.to_bits())),
        prop::sample::select(vec!['a', 'b', '|', '\0', 'é']).prop_map(Model::Char),
        text().prop_map(Model::Text),
        prop::collection::vec(0..3_u8, 0..3).prop_map(Model::Bytes),
        Just(Model::None),
        (name(), Just(Shape::Unit)).prop_map(|(name, shape)| Model::Struct(name, shape)),
        (name(), name()).prop_map(|(name, variant)| Model::Variant(name, variant, Shape::Unit)),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let all = || prop::collection::vec(inner.clone(), 0..3);
        let shape = || {
            prop_oneof![
                inner.clone().prop_map(|it| Shape::Newtype(Box::new(it))),
                all().prop_map(Shape::Tuple),
                prop::collection::vec((name(), inner.clone()), 0..3).prop_map(Shape::Fields),
            ]
        };
        prop_oneof![
            inner.clone().prop_map(|it| Model::Some(Box::new(it))),
            all().prop_map(Model::Sequence),
            all().prop_map(Model::Tuple),
            prop::collection::btree_map(inner.clone(), inner.clone(), 0..3)
                .prop_map(|map| Model::Map(map.into_iter().collect())),
            (name(), shape()).prop_map(|(name, shape)| Model::Struct(name, shape)),
            (name(), name(), shape())
                .prop_map(|(name, variant, shape)| Model::Variant(name, variant, shape)),
        ]
    })
}
