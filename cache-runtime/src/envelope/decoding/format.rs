//! The side of the codec: any serde deserializer as a [`Source`].

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Elements, Entries, Event, Hint, Number, NumberHint, Seed, Source, Target, Variant};
use crate::envelope::depth::Undecodable;

/// A deserializer, until it is read.
pub(in crate::envelope) struct Format<D>(Option<D>);

impl<D> Format<D> {
    pub(in crate::envelope) fn new(deserializer: D) -> Self {
        Self(Some(deserializer))
    }
}

impl<'de, D: Deserializer<'de>> Source<'de> for Format<D> {
    fn read(&mut self, hint: Hint, target: &mut dyn Target<'de>) -> Result<(), Undecodable> {
        let from = self.0.take().ok_or(Undecodable)?;
        let to = TellingVisitor(target);
        let read = match hint {
            Hint::Any => from.deserialize_any(to),
            Hint::I128 => from.deserialize_i128(to),
            Hint::U128 => from.deserialize_u128(to),
            Hint::Char => from.deserialize_char(to),
            Hint::Str => from.deserialize_str(to),
            Hint::Bytes => from.deserialize_bytes(to),
            Hint::Option => from.deserialize_option(to),
            Hint::Unit => from.deserialize_unit(to),
            Hint::UnitStruct(name) => from.deserialize_unit_struct(name, to),
            Hint::NewtypeStruct(name) => from.deserialize_newtype_struct(name, to),
            Hint::Seq => from.deserialize_seq(to),
            Hint::Tuple(length) => from.deserialize_tuple(length, to),
            Hint::TupleStruct(name, length) => from.deserialize_tuple_struct(name, length, to),
            Hint::Map => from.deserialize_map(to),
            Hint::Struct(name, fields) => from.deserialize_struct(name, fields, to),
            Hint::Enum(name, variants) => from.deserialize_enum(name, variants, to),
            Hint::Identifier => from.deserialize_identifier(to),
            Hint::IgnoredAny => from.deserialize_ignored_any(to),
        };
        read.map_err(|_| Undecodable)
    }

    fn number(&mut self, hint: NumberHint) -> Result<Number, Undecodable> {
        let from = self.0.take().ok_or(Undecodable)?;
        let read = match hint {
            NumberHint::Bool => from.deserialize_bool(NumberVisitor),
            NumberHint::I8 => from.deserialize_i8(NumberVisitor),
            NumberHint::I16 => from.deserialize_i16(NumberVisitor),
            NumberHint::I32 => from.deserialize_i32(NumberVisitor),
            NumberHint::I64 => from.deserialize_i64(NumberVisitor),
            NumberHint::U8 => from.deserialize_u8(NumberVisitor),
            NumberHint::U16 => from.deserialize_u16(NumberVisitor),
            NumberHint::U32 => from.deserialize_u32(NumberVisitor),
            NumberHint::U64 => from.deserialize_u64(NumberVisitor),
            NumberHint::F32 => from.deserialize_f32(NumberVisitor),
            NumberHint::F64 => from.deserialize_f64(NumberVisitor),
        };
        read.map_err(|_| Undecodable)
    }

    fn is_human_readable(&self) -> bool {
        self.0.as_ref().is_some_and(D::is_human_readable)
    }
}

/// A visitor's methods for numbers, each as `$define` writes it.
macro_rules! each_number {
    ($define:ident) => {
        $define! {
            visit_bool(bool) => Bool;
            visit_i8(i8) => I8;
            visit_i16(i16) => I16;
            visit_i32(i32) => I32;
            visit_i64(i64) => I64;
            visit_u8(u8) => U8;
            visit_u16(u16) => U16;
            visit_u32(u32) => U32;
            visit_u64(u64) => U64;
            visit_f32(f32) => F32;
            visit_f64(f64) => F64;
        }
    };
}

/// A visitor that takes a number, and nothing else.
struct NumberVisitor;

macro_rules! read_numbers {
    ($($method:ident($type:ty) => $number:ident;)*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<Number, E> {
            Ok(Number::$number(value))
        })*
    };
}

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    each_number!(read_numbers);
}

/// A visitor that tells a target what it is visited with.
struct TellingVisitor<'t, 'de>(&'t mut dyn Target<'de>);

impl<'de> TellingVisitor<'_, 'de> {
    fn tell<E: Error>(self, event: Event<'_, 'de>) -> Result<(), E> {
        self.0.take(event).map_err(E::custom)
    }
}

macro_rules! visit {
    ($($method:ident($type:ty) => $event:ident;)*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<(), E> {
            self.tell(Event::$event(value))
        })*
    };
}

macro_rules! visit_numbers {
    ($($method:ident($type:ty) => $number:ident;)*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<(), E> {
            self.tell(Event::Number(Number::$number(value)))
        })*
    };
}

impl<'de> Visitor<'de> for TellingVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    each_number!(visit_numbers);

    visit! {
        visit_i128(i128) => I128;
        visit_u128(u128) => U128;
        visit_char(char) => Char;
        visit_str(&str) => Str;
        visit_borrowed_str(&'de str) => BorrowedStr;
        visit_string(String) => String;
        visit_bytes(&[u8]) => Bytes;
        visit_borrowed_bytes(&'de [u8]) => BorrowedBytes;
        visit_byte_buf(Vec<u8>) => ByteBuf;
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.tell(Event::None)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.tell(Event::Unit)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.tell(Event::Some(&mut Format::new(deserializer)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.tell(Event::Newtype(&mut Format::new(deserializer)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        self.tell(Event::Seq(&mut Parts(elements)))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        self.tell(Event::Map(&mut Parts(entries)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<(), A::Error> {
        self.tell(Event::Enum(&mut FormatVariant::Unnamed(variant)))
    }
}

/// A seed that has its place filled.
pub(in crate::envelope) struct FillingSeed<'s, 'de>(pub(in crate::envelope) &'s mut dyn Seed<'de>);

impl<'de> DeserializeSeed<'de> for FillingSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let filled = self.0.fill(&mut Format::new(deserializer));
        filled.map_err(D::Error::custom)
    }
}

/// The parts of a sequence or a map.
pub(super) struct Parts<A>(pub(super) A);

impl<'de, A: SeqAccess<'de>> Elements<'de> for Parts<A> {
    fn next(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Undecodable> {
        let next = self.0.next_element_seed(FillingSeed(seed));
        next.map(|next| next.is_some()).map_err(|_| Undecodable)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> Entries<'de> for Parts<A> {
    fn next_key(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Undecodable> {
        let next = self.0.next_key_seed(FillingSeed(seed));
        next.map(|next| next.is_some()).map_err(|_| Undecodable)
    }

    fn next_value(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Undecodable> {
        let next = self.0.next_value_seed(FillingSeed(seed));
        next.map_err(|_| Undecodable)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// A variant, before and after its name was read.
enum FormatVariant<'de, A: EnumAccess<'de>> {
    Unnamed(A),
    Named(A::Variant),
    Read,
}

impl<'de, A: EnumAccess<'de>> FormatVariant<'de, A> {
    fn named(&mut self) -> Result<A::Variant, Undecodable> {
        match std::mem::replace(self, Self::Read) {
            Self::Named(content) => Ok(content),
            Self::Unnamed(_) | Self::Read => Err(Undecodable),
        }
    }
}

impl<'de, A: EnumAccess<'de>> Variant<'de> for FormatVariant<'de, A> {
    fn name(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Undecodable> {
        let Self::Unnamed(variant) = std::mem::replace(self, Self::Read) else {
            return Err(Undecodable);
        };
        let named = variant.variant_seed(FillingSeed(seed));
        let ((), content) = named.map_err(|_| Undecodable)?;
        *self = Self::Named(content);
        Ok(())
    }

    fn unit(&mut self) -> Result<(), Undecodable> {
        self.named()?.unit_variant().map_err(|_| Undecodable)
    }

    fn newtype(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Undecodable> {
        let read = self.named()?.newtype_variant_seed(FillingSeed(seed));
        read.map_err(|_| Undecodable)
    }

    fn tuple(&mut self, length: usize, target: &mut dyn Target<'de>) -> Result<(), Undecodable> {
        let read = self.named()?.tuple_variant(length, TellingVisitor(target));
        read.map_err(|_| Undecodable)
    }

    fn fields(
        &mut self,
        fields: &'static [&'static str],
        target: &mut dyn Target<'de>,
    ) -> Result<(), Undecodable> {
        let read = self.named()?.struct_variant(fields, TellingVisitor(target));
        read.map_err(|_| Undecodable)
    }
}
