//! The side of the type: a serde deserializer over a [`Source`], within bounds.
//!
//! What is generic here is compiled for every type of value and each of its parts: it is short, and
//! leaves the rest to functions that are not generic. Hence `match` where `?` would do: without
//! optimization, each `?` is two more functions for each type.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Elements, Entries, Event, Hint, Number, NumberHint, Seed, Source, Target, Variant};
use crate::envelope::depth::{Bounds, Undecodable};

/// Where a value is to be: first what makes it, then the value.
pub(in crate::envelope) struct Place<'b, M, T> {
    maker: Option<M>,
    bounds: Bounds<'b>,
    value: Option<T>,
}

impl<'b, M, T> Place<'b, M, T> {
    pub(in crate::envelope) fn new(maker: M, bounds: Bounds<'b>) -> Self {
        Self {
            maker: Some(maker),
            bounds,
            value: None,
        }
    }

    /// What it was filled with.
    pub(in crate::envelope) fn value(self) -> Result<T, Undecodable> {
        match self.value {
            Some(value) => Ok(value),
            None => Err(Undecodable),
        }
    }
}

impl<'de, S: DeserializeSeed<'de>> Seed<'de> for Place<'_, S, S::Value> {
    fn fill(&mut self, source: &mut dyn Source<'de>) -> Result<(), Undecodable> {
        let bounds = self.bounds;
        bounds.part(size_of::<S::Value>())?;
        let Some(seed) = self.maker.take() else {
            return Err(Undecodable);
        };
        match seed.deserialize(Decoder { source, bounds }) {
            Ok(value) => self.value = Some(value),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// A visitor, and how it is told of what the hint allows.
struct Accepting<'b, 'de, V: Visitor<'de>> {
    visitor: V,
    accept: Accept<'b, 'de, V>,
}

type Accept<'b, 'de, V> =
    for<'e> fn(V, Event<'e, 'de>, Bounds<'b>) -> Result<<V as Visitor<'de>>::Value, Undecodable>;

impl<'b, 'de, V: Visitor<'de>> Target<'de> for Place<'b, Accepting<'b, 'de, V>, V::Value> {
    fn take(&mut self, event: Event<'_, 'de>) -> Result<(), Undecodable> {
        let Some(Accepting { visitor, accept }) = self.maker.take() else {
            return Err(Undecodable);
        };
        match accept(visitor, event, self.bounds) {
            Ok(value) => self.value = Some(value),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// A part of a value that is to be decoded.
struct Decoder<'e, 'b, 'de> {
    source: &'e mut dyn Source<'de>,
    bounds: Bounds<'b>,
}

impl<'b, 'de> Decoder<'_, 'b, 'de> {
    fn visit<V: Visitor<'de>>(
        self,
        hint: Hint,
        visitor: V,
        accept: Accept<'b, 'de, V>,
    ) -> Result<V::Value, Undecodable> {
        let bounds = self.bounds.counted(hint.is_counted());
        let mut place = Place::new(Accepting { visitor, accept }, bounds);
        self.source.read(hint, &mut place)?;
        place.value()
    }
}

macro_rules! deserialize {
    ($($method:ident($($argument:ident: $type:ty),*) => $hint:expr, $accept:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, Undecodable> {
            self.visit($hint, visitor, $accept)
        })*
    };
}

macro_rules! deserialize_numbers {
    ($($method:ident => $hint:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Undecodable> {
            match self.source.number(NumberHint::$hint) {
                Ok(value) => a_number(visitor, value),
                Err(error) => Err(error),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Decoder<'_, '_, 'de> {
    type Error = Undecodable;

    deserialize_numbers! {
        deserialize_bool => Bool;
        deserialize_i8 => I8;
        deserialize_i16 => I16;
        deserialize_i32 => I32;
        deserialize_i64 => I64;
        deserialize_u8 => U8;
        deserialize_u16 => U16;
        deserialize_u32 => U32;
        deserialize_u64 => U64;
        deserialize_f32 => F32;
        deserialize_f64 => F64;
    }

    deserialize! {
        deserialize_any() => Hint::Any, anything;
        deserialize_i128() => Hint::I128, anything;
        deserialize_u128() => Hint::U128, anything;
        deserialize_char() => Hint::Char, anything;
        deserialize_str() => Hint::Str, anything;
        deserialize_string() => Hint::Str, anything;
        deserialize_bytes() => Hint::Bytes, anything;
        deserialize_byte_buf() => Hint::Bytes, anything;
        deserialize_option() => Hint::Option, an_option;
        deserialize_unit() => Hint::Unit, anything;
        deserialize_unit_struct(name: &'static str) => Hint::UnitStruct(name), anything;
        deserialize_newtype_struct(name: &'static str) => Hint::NewtypeStruct(name), a_newtype;
        deserialize_seq() => Hint::Seq, parts;
        deserialize_tuple(length: usize) => Hint::Tuple(length), parts;
        deserialize_tuple_struct(name: &'static str, length: usize)
            => Hint::TupleStruct(name, length), parts;
        deserialize_map() => Hint::Map, parts;
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
            => Hint::Struct(name, fields), parts;
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
            => Hint::Enum(name, variants), a_variant;
        deserialize_identifier() => Hint::Identifier, a_name;
        deserialize_ignored_any() => Hint::IgnoredAny, anything;
    }

    fn is_human_readable(&self) -> bool {
        self.source.is_human_readable()
    }
}

/// For the hints of few types, most of them not the user's.
fn anything<'de, V: Visitor<'de>>(
    visitor: V,
    event: Event<'_, 'de>,
    bounds: Bounds<'_>,
) -> Result<V::Value, Undecodable> {
    match event {
        Event::Number(value) => a_number(visitor, value),
        Event::I128(value) => visitor.visit_i128(value),
        Event::U128(value) => visitor.visit_u128(value),
        Event::Char(value) => visitor.visit_char(value),
        Event::Str(value) => visitor.visit_str(value),
        Event::BorrowedStr(value) => visitor.visit_borrowed_str(value),
        Event::String(value) => visitor.visit_string(value),
        Event::Bytes(value) => visitor.visit_bytes(value),
        Event::BorrowedBytes(value) => visitor.visit_borrowed_bytes(value),
        Event::ByteBuf(value) => visitor.visit_byte_buf(value),
        Event::Unit => visitor.visit_unit(),
        Event::None | Event::Some(_) => an_option(visitor, event, bounds),
        Event::Newtype(_) | Event::Seq(_) | Event::Map(_) => a_newtype(visitor, event, bounds),
        Event::Enum(_) => a_variant(visitor, event, bounds),
    }
}

fn a_number<'de, V: Visitor<'de>>(visitor: V, value: Number) -> Result<V::Value, Undecodable> {
    match value {
        Number::Bool(value) => visitor.visit_bool(value),
        Number::I8(value) => visitor.visit_i8(value),
        Number::I16(value) => visitor.visit_i16(value),
        Number::I32(value) => visitor.visit_i32(value),
        Number::I64(value) => visitor.visit_i64(value),
        Number::U8(value) => visitor.visit_u8(value),
        Number::U16(value) => visitor.visit_u16(value),
        Number::U32(value) => visitor.visit_u32(value),
        Number::U64(value) => visitor.visit_u64(value),
        Number::F32(value) => visitor.visit_f32(value),
        Number::F64(value) => visitor.visit_f64(value),
    }
}

fn an_option<'de, V: Visitor<'de>>(
    visitor: V,
    event: Event<'_, 'de>,
    bounds: Bounds<'_>,
) -> Result<V::Value, Undecodable> {
    match event {
        Event::None => visitor.visit_none(),
        Event::Unit => visitor.visit_unit(),
        Event::Some(source) => visitor.visit_some(Decoder {
            source,
            bounds: bounds.below(None)?,
        }),
        _ => Err(Undecodable),
    }
}

fn a_newtype<'de, V: Visitor<'de>>(
    visitor: V,
    event: Event<'_, 'de>,
    bounds: Bounds<'_>,
) -> Result<V::Value, Undecodable> {
    match event {
        Event::Newtype(source) => visitor.visit_newtype_struct(Decoder {
            source,
            bounds: bounds.below(None)?,
        }),
        event => parts(visitor, event, bounds),
    }
}

fn parts<'de, V: Visitor<'de>>(
    visitor: V,
    event: Event<'_, 'de>,
    bounds: Bounds<'_>,
) -> Result<V::Value, Undecodable> {
    match event {
        Event::Seq(parts) => {
            let bounds = bounds.below(parts.size_hint())?;
            visitor.visit_seq(Parts { parts, bounds })
        }
        Event::Map(parts) => {
            let bounds = bounds.below(parts.size_hint())?;
            visitor.visit_map(Parts { parts, bounds })
        }
        _ => Err(Undecodable),
    }
}

fn a_variant<'de, V: Visitor<'de>>(
    visitor: V,
    event: Event<'_, 'de>,
    bounds: Bounds<'_>,
) -> Result<V::Value, Undecodable> {
    match event {
        // The level is that of what is inside the variant.
        Event::Enum(variant) => visitor.visit_enum(TypedVariant { variant, bounds }),
        _ => Err(Undecodable),
    }
}

/// The name of a field or a variant, or its number. Where a map is flattened into a struct, its keys
/// are asked for in the same way.
fn a_name<'de, V: Visitor<'de>>(
    visitor: V,
    event: Event<'_, 'de>,
    _bounds: Bounds<'_>,
) -> Result<V::Value, Undecodable> {
    match event {
        Event::Str(name) => visitor.visit_str(name),
        Event::BorrowedStr(name) => visitor.visit_borrowed_str(name),
        Event::String(name) => visitor.visit_str(&name),
        Event::Bytes(name) | Event::BorrowedBytes(name) => visitor.visit_bytes(name),
        Event::ByteBuf(name) => visitor.visit_bytes(&name),
        Event::Number(number) => match number.widest() {
            Number::Bool(key) => visitor.visit_bool(key),
            Number::I64(key) => visitor.visit_i64(key),
            Number::U64(index) => visitor.visit_u64(index),
            Number::F64(key) => visitor.visit_f64(key),
            _ => Err(Undecodable),
        },
        Event::Unit => visitor.visit_unit(),
        _ => Err(Undecodable),
    }
}

/// The parts of a list, a map, a tuple or a struct.
struct Parts<'e, 'b, P: ?Sized> {
    parts: &'e mut P,
    bounds: Bounds<'b>,
}

impl<'de> SeqAccess<'de> for Parts<'_, '_, dyn Elements<'de> + '_> {
    type Error = Undecodable;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Undecodable> {
        let mut place = Place::new(seed, self.bounds);
        self.parts.next(&mut place)?;
        self.bounds.after_first();
        Ok(place.value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.parts.size_hint()
    }
}

impl<'de> MapAccess<'de> for Parts<'_, '_, dyn Entries<'de> + '_> {
    type Error = Undecodable;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Undecodable> {
        let mut place = Place::new(seed, self.bounds);
        self.parts.next_key(&mut place)?;
        Ok(place.value)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Undecodable> {
        let mut place = Place::new(seed, self.bounds);
        self.parts.next_value(&mut place)?;
        self.bounds.after_first();
        place.value()
    }

    fn size_hint(&self) -> Option<usize> {
        self.parts.size_hint()
    }
}

/// A variant of an enum.
struct TypedVariant<'e, 'b, 'de> {
    variant: &'e mut dyn Variant<'de>,
    bounds: Bounds<'b>,
}

impl<'de> EnumAccess<'de> for TypedVariant<'_, '_, 'de> {
    type Error = Undecodable;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), Undecodable> {
        let mut place = Place::new(seed, self.bounds);
        self.variant.name(&mut place)?;
        match place.value() {
            Ok(name) => Ok((name, self)),
            Err(error) => Err(error),
        }
    }
}

impl<'de> VariantAccess<'de> for TypedVariant<'_, '_, 'de> {
    type Error = Undecodable;

    fn unit_variant(self) -> Result<(), Undecodable> {
        self.variant.unit()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, Undecodable> {
        let mut place = Place::new(seed, self.bounds.below(None)?);
        self.variant.newtype(&mut place)?;
        place.value()
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Undecodable> {
        let mut place = Place::new(
            Accepting {
                visitor,
                accept: parts,
            },
            self.bounds,
        );
        self.variant.tuple(length, &mut place)?;
        place.value()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Undecodable> {
        let mut place = Place::new(
            Accepting {
                visitor,
                accept: parts,
            },
            self.bounds,
        );
        self.variant.fields(fields, &mut place)?;
        place.value()
    }
}
