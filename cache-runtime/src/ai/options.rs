//! The options of a request: any map or struct, taken apart into names and canonical bytes.

use std::fmt;

use serde::ser::{self, Impossible, Serialize};

use crate::key::{Refused, canonical};

/// Names and canonical bytes, as a function has its parameters.
pub(super) type Options = Vec<(String, Vec<u8>)>;

/// Why options cannot be a part of a key. Says nothing of what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfit(pub(super) &'static str);

const REFUSED: Unfit = Unfit("a value that refuses to be serialized");
const NAMELESS: Unfit = Unfit("a map whose keys are not texts");

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unfit {}

impl ser::Error for Unfit {
    /// Without the message, which may quote the value.
    fn custom<T: fmt::Display>(_message: T) -> Self {
        REFUSED
    }
}

impl From<Refused> for Unfit {
    fn from(_: Refused) -> Self {
        REFUSED
    }
}

/// The entries of a map, the fields of a struct, or nothing of a unit or `None`.
pub(super) fn taken_apart<T: Serialize + ?Sized>(options: &T) -> Result<Options, Unfit> {
    options.serialize(Outermost)
}

/// Takes the value that is the options.
struct Outermost;

/// Takes the entries of it.
#[derive(Default)]
struct Entries {
    name: Option<String>,
    options: Options,
    /// A map may go on after an entry was refused.
    unfit: Option<Unfit>,
}

impl Entries {
    fn push<T: Serialize + ?Sized>(&mut self, name: String, value: &T) -> Result<(), Unfit> {
        let bytes = canonical(value).map_err(|refused| self.give_up(refused.into()))?;
        self.options.push((name, bytes));
        Ok(())
    }

    fn give_up(&mut self, unfit: Unfit) -> Unfit {
        *self.unfit.get_or_insert(unfit)
    }

    fn end(self) -> Result<Options, Unfit> {
        self.unfit.map_or(Ok(self.options), Err)
    }
}

impl ser::SerializeStruct for Entries {
    type Ok = Options;
    type Error = Unfit;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        self.push(name.to_owned(), value)
    }

    fn end(self) -> Result<Options, Unfit> {
        self.end()
    }
}

impl ser::SerializeMap for Entries {
    type Ok = Options;
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unfit> {
        let name = key.serialize(Name).map_err(|unfit| self.give_up(unfit))?;
        self.name = Some(name);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        match self.name.take() {
            Some(name) => self.push(name, value),
            None => Err(self.give_up(REFUSED)),
        }
    }

    fn end(self) -> Result<Options, Unfit> {
        self.end()
    }
}

/// Takes the key of an entry.
struct Name;

macro_rules! refused {
    ($ok:ty, $how:expr; $($method:ident($($type:ty),*);)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<$ok, Unfit> {
            Err($how)
        }
    )*};
}

macro_rules! numbers_refused {
    ($ok:ty, $how:expr) => {
        refused! {
            $ok, $how;
            serialize_i8(i8);
            serialize_i16(i16);
            serialize_i32(i32);
            serialize_i64(i64);
            serialize_i128(i128);
            serialize_u8(u8);
            serialize_u16(u16);
            serialize_u32(u32);
            serialize_u64(u64);
            serialize_u128(u128);
            serialize_f32(f32);
            serialize_f64(f64);
        }
    };
}

impl ser::Serializer for Outermost {
    type Ok = Options;
    type Error = Unfit;
    type SerializeSeq = Impossible<Options, Unfit>;
    type SerializeTuple = Impossible<Options, Unfit>;
    type SerializeTupleStruct = Impossible<Options, Unfit>;
    type SerializeTupleVariant = Impossible<Options, Unfit>;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Impossible<Options, Unfit>;

    numbers_refused!(Options, Unfit("a number"));

    refused! {
        Options, Unfit("a text");
        serialize_str(&str);
        serialize_char(char);
    }

    refused! {
        Options, Unfit("bytes");
        serialize_bytes(&[u8]);
    }

    refused! {
        Options, Unfit("a truth value");
        serialize_bool(bool);
    }

    refused! {
        Options, Unfit("a variant of an enum");
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_none(self) -> Result<Options, Unfit> {
        Ok(Options::new())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Options, Unfit> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Options, Unfit> {
        Ok(Options::new())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Options, Unfit> {
        Ok(Options::new())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Options, Unfit> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<Options, Unfit> {
        Err(Unfit("a variant of an enum"))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Unfit> {
        Err(Unfit("a sequence"))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Unfit> {
        Err(Unfit("a tuple"))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, Unfit> {
        Err(Unfit("a tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Unfit> {
        Err(Unfit("a variant of an enum"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Entries, Unfit> {
        Ok(Entries::default())
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Entries, Unfit> {
        Ok(Entries::default())
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Unfit> {
        Err(Unfit("a variant of an enum"))
    }
}

impl ser::Serializer for Name {
    type Ok = String;
    type Error = Unfit;
    type SerializeSeq = Impossible<String, Unfit>;
    type SerializeTuple = Impossible<String, Unfit>;
    type SerializeTupleStruct = Impossible<String, Unfit>;
    type SerializeTupleVariant = Impossible<String, Unfit>;
    type SerializeMap = Impossible<String, Unfit>;
    type SerializeStruct = Impossible<String, Unfit>;
    type SerializeStructVariant = Impossible<String, Unfit>;

    numbers_refused!(String, NAMELESS);

    refused! {
        String, NAMELESS;
        serialize_char(char);
        serialize_bytes(&[u8]);
        serialize_bool(bool);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
    }

    fn serialize_str(self, name: &str) -> Result<String, Unfit> {
        Ok(name.to_owned())
    }

    /// As serde writes one that is a key in JSON.
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<String, Unfit> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<String, Unfit> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<String, Unfit> {
        Err(NAMELESS)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<String, Unfit> {
        Err(NAMELESS)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Unfit> {
        Err(NAMELESS)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Unfit> {
        Err(NAMELESS)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, Unfit> {
        Err(NAMELESS)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Unfit> {
        Err(NAMELESS)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, Unfit> {
        Err(NAMELESS)
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStruct, Unfit> {
        Err(NAMELESS)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Unfit> {
        Err(NAMELESS)
    }
}
