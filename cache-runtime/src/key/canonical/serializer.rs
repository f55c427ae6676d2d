//! What serde shows of a value, to the [`Encoder`]: one method for every kind of part.

use std::fmt::{self, Display, Write};

use serde::ser::{self, Serialize};

use super::{Compound, Elements, Encoder, Refused, Sequences, Tag};

macro_rules! numbers {
    ($($method:ident($type:ty) => $tag:ident;)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), Refused> {
            self.tagged(Tag::$tag, value.to_le_bytes());
            Ok(())
        }
    )*};
}

impl<'e, 'a> ser::Serializer for &'e mut Encoder<'a> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Compound<'e, 'a>;
    type SerializeTuple = Compound<'e, 'a>;
    type SerializeTupleStruct = Compound<'e, 'a>;
    type SerializeTupleVariant = Compound<'e, 'a>;
    type SerializeMap = Compound<'e, 'a>;
    type SerializeStruct = Compound<'e, 'a>;
    type SerializeStructVariant = Compound<'e, 'a>;

    numbers! {
        serialize_i8(i8) => I8;
        serialize_i16(i16) => I16;
        serialize_i32(i32) => I32;
        serialize_i64(i64) => I64;
        serialize_i128(i128) => I128;
        serialize_u8(u8) => U8;
        serialize_u16(u16) => U16;
        serialize_u32(u32) => U32;
        serialize_u64(u64) => U64;
        serialize_u128(u128) => U128;
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Refused> {
        self.out
            .push(if value { Tag::True } else { Tag::False } as u8);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Refused> {
        let value = if value.is_nan() { f32::NAN } else { value };
        self.tagged(Tag::F32, value.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Refused> {
        let value = if value.is_nan() { f64::NAN } else { value };
        self.tagged(Tag::F64, value.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Refused> {
        self.tagged(Tag::Char, u32::from(value).to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Refused> {
        self.prefixed(Tag::Text, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Refused> {
        self.prefixed(Tag::Bytes, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.out.push(Tag::None as u8);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        self.out.push(Tag::Some as u8);
        self.inner(value)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.out.push(Tag::Unit as u8);
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Refused> {
        self.prefixed(Tag::UnitStruct, name.as_bytes());
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Refused> {
        self.variant(Tag::UnitVariant, name, variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.prefixed(Tag::Newtype, name.as_bytes());
        self.inner(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.variant(Tag::NewtypeVariant, name, variant);
        self.inner(value)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Compound<'e, 'a>, Refused> {
        match self.sequences {
            Sequences::OutermostSorted if self.depth == 0 => {
                self.open(Tag::Set, Elements::Sorted(Vec::new()))
            }
            Sequences::Summed => self.open(Tag::Sequence, Elements::Summed(0)),
            _ => self.open(Tag::Sequence, Elements::Ordered),
        }
    }

    fn serialize_tuple(self, _len: usize) -> Result<Compound<'e, 'a>, Refused> {
        self.open(Tag::Tuple, Elements::Ordered)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _len: usize,
    ) -> Result<Compound<'e, 'a>, Refused> {
        self.prefixed(Tag::TupleStruct, name.as_bytes());
        self.open(Tag::Tuple, Elements::Ordered)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'e, 'a>, Refused> {
        self.variant(Tag::TupleVariant, name, variant);
        self.open(Tag::Tuple, Elements::Ordered)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Compound<'e, 'a>, Refused> {
        let elements = match self.sequences {
            Sequences::Summed => Elements::Summed(0),
            _ => Elements::Sorted(Vec::new()),
        };
        self.open(Tag::Map, elements)
    }

    fn serialize_struct(
        self,
        name: &'static str,
        _len: usize,
    ) -> Result<Compound<'e, 'a>, Refused> {
        self.prefixed(Tag::Struct, name.as_bytes());
        self.open(Tag::Tuple, Elements::Ordered)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'e, 'a>, Refused> {
        self.variant(Tag::StructVariant, name, variant);
        self.open(Tag::Tuple, Elements::Ordered)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Refused> {
        self.tagged(Tag::Text, 0_u64.to_le_bytes());
        let begin = self.out.len();
        write!(Appender(self.out), "{value}").map_err(|fmt::Error| Refused)?;
        let length = (self.out.len() - begin) as u64;
        self.out[begin - size_of::<u64>()..begin].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }
}

struct Appender<'a>(&'a mut Vec<u8>);

impl Write for Appender<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

macro_rules! unnamed_elements {
    ($($trait:ident::$method:ident),*) => {$(
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Refused;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                self.element(value)
            }

            fn end(self) -> Result<(), Refused> {
                self.close();
                Ok(())
            }
        }
    )*};
}

unnamed_elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! named_fields {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Refused;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Refused> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Refused> {
                self.close();
                Ok(())
            }
        }
    )*};
}

named_fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.encoder.part(value)
    }

    fn end(self) -> Result<(), Refused> {
        self.close();
        Ok(())
    }
}
