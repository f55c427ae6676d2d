//! What an entry weighs, in bytes.
//!
//! The value's own weight is what `weight = …` says, else what serde shows of it, else the size of
//! its type; the key and the room that an entry takes by itself come on top. It is found once, when
//! the entry is made, and only where bytes are bounded.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::ser::{self, Serialize, Serializer};

use super::{Absent, Failure, Head, SharedEntry};
use crate::envelope::{Erased, ValueType};
use crate::key::{DEEPEST, Refused};

/// What an entry takes besides its key and its value: its head, the counts of its `Arc`, and its
/// place in the table, which has some room to grow.
pub(super) const OVERHEAD: u64 = (size_of::<Head>() + 2 * size_of::<usize>() + 64) as u64;

/// What `weight = …` may give: bytes, as an integer without a sign.
///
/// Implemented for `u8`, `u16`, `u32`, `u64` and `usize`; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no weight",
    label = "this would have to be a number of bytes",
    note = "`weight` gives a `usize` or a `u64`: `weight = |answer| answer.text.len()`"
)]
pub trait Weight {
    /// The weight in bytes.
    fn bytes(self) -> u64;
}

macro_rules! weights {
    ($($integer:ty),*) => {$(
        impl Weight for $integer {
            fn bytes(self) -> u64 {
                self.into()
            }
        }
    )*};
}

weights!(u8, u16, u32, u64);

impl Weight for usize {
    fn bytes(self) -> u64 {
        self as u64
    }
}

/// What an attribute says about the weight of its values.
pub(crate) type Weigher = Box<dyn Fn(&Erased) -> Option<u64> + Send + Sync>;

/// The weigher of values of this type.
pub(crate) fn weigher<K: 'static, W: Weight + 'static>(weigh: fn(&K) -> W) -> Weigher {
    Box::new(move |value| value.downcast_ref().map(|value| weigh(value).bytes()))
}

/// Notes in an entry that nobody else has yet what it weighs with a key of this length. Says whether
/// all went well: what panics or refuses is passed over.
pub(super) fn weigh(
    entry: &mut SharedEntry,
    key: usize,
    weigher: Option<&Weigher>,
    value_type: Option<ValueType>,
) -> bool {
    let Some(entry) = Arc::get_mut(entry) else {
        return true;
    };
    let value = &entry.value;
    // What stands in the place of a value is no bigger than it is.
    let is_value = !value.is::<Absent>() && !value.is::<Failure>();
    let (weigher, value_type) = (
        weigher.filter(|_| is_value),
        value_type.filter(|_| is_value),
    );
    let said = weigher.map(|weigher| contained(|| weigher(value)));
    let is_said = said.flatten().is_some();
    let measured = value_type
        .filter(|_| !is_said)
        .map(|it| contained(|| it.measure(value)));
    let weight = said.flatten().or(measured.flatten());
    let weight = weight.unwrap_or(size_of_val(value) as u64);
    let weight = weight.saturating_add(key as u64 + OVERHEAD);
    entry.head.weight = u32::try_from(weight).unwrap_or(u32::MAX);
    said != Some(None) && measured != Some(None)
}

fn contained(weigh: impl FnOnce() -> Option<u64>) -> Option<u64> {
    catch_unwind(AssertUnwindSafe(weigh)).ok().flatten()
}

/// About as many bytes as a value takes in memory, as far as serde shows it: numbers have their size,
/// and a text, a list or a map has that of a `Vec` and what is in it. Nothing is allocated for it.
pub(crate) fn measure(value: &dyn erased_serde::Serialize) -> Result<u64, Refused> {
    let mut bytes = 0;
    erased_serde::serialize(
        value,
        Measure {
            bytes: &mut bytes,
            depth: 0,
        },
    )?;
    Ok(bytes)
}

/// What a text, a list or a map takes beside what is in it.
const HANDLE: u64 = size_of::<Vec<u8>>() as u64;

struct Measure<'a> {
    bytes: &'a mut u64,
    depth: usize,
}

impl Measure<'_> {
    fn add(&mut self, bytes: u64) {
        *self.bytes = self.bytes.saturating_add(bytes);
    }

    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        // As deep as values are written into stores: the stack has to be enough for it.
        if self.depth == DEEPEST {
            return Err(Refused);
        }
        value.serialize(Measure {
            bytes: self.bytes,
            depth: self.depth + 1,
        })
    }
}

macro_rules! sized {
    ($($method:ident: $number:ty),*) => {$(
        fn $method(mut self, _: $number) -> Result<(), Refused> {
            self.add(size_of::<$number>() as u64);
            Ok(())
        }
    )*};
}

impl Serializer for Measure<'_> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    sized!(
        serialize_bool: bool, serialize_char: char,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_u128: u128, serialize_f32: f32, serialize_f64: f64
    );

    fn serialize_str(self, text: &str) -> Result<(), Refused> {
        self.serialize_bytes(text.as_bytes())
    }

    fn serialize_bytes(mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.add(HANDLE.saturating_add(bytes.len() as u64));
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), Refused> {
        self.part(value)
    }

    fn serialize_unit(mut self) -> Result<(), Refused> {
        self.add(1);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), Refused> {
        self.serialize_unit()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.part(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.add(1);
        self.part(value)
    }

    fn serialize_seq(mut self, _: Option<usize>) -> Result<Self, Refused> {
        self.add(HANDLE);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.add(1);
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, Refused> {
        self.serialize_seq(length)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.add(1);
        Ok(self)
    }

    fn collect_str<T: Display + ?Sized>(mut self, value: &T) -> Result<(), Refused> {
        struct Count(u64);

        impl std::fmt::Write for Count {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0 += text.len() as u64;
                Ok(())
            }
        }

        let mut text = Count(HANDLE);
        std::fmt::write(&mut text, format_args!("{value}")).map_err(|std::fmt::Error| Refused)?;
        self.add(text.0);
        Ok(())
    }
}

macro_rules! parts {
    ($($trait:ident: $($method:ident($($name:ty)?)),*;)*) => {$(
        impl ser::$trait for Measure<'_> {
            type Ok = ();
            type Error = Refused;

            $(fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $name,)?
                value: &T,
            ) -> Result<(), Refused> {
                self.part(value)
            })*

            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
}
