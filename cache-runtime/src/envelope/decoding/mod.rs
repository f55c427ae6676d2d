//! Decoding with the format erased: what a type of value has to say about its decoding is compiled
//! once, for all codecs, and what a codec has to say once, for all types.
//!
//! The two sides talk through the traits of this module. A type asks a [`Source`] to read, with a
//! [`Hint`] at what it expects; the source tells its [`Target`] what it found as an [`Event`]. On
//! the side of the type, [`typed`] keeps to the events that the hint allows, so that little is
//! compiled for each type; it also holds every type to the bounds. On the other side, [`format`]
//! is any deserializer of serde, and [`message_pack`] reads that format by itself.
//!
//! As strict as JSON: a type that hints at a struct gets fields or elements, and nothing else,
//! whatever else its visitor would take.

mod format;
mod message_pack;
mod typed;

use super::depth::Undecodable;

pub(super) use format::Format;
pub(super) use message_pack::MessagePack;
pub(super) use typed::Place;

/// Where the next part of a value comes from. To be read once.
pub(super) trait Source<'de> {
    fn read(&mut self, hint: Hint, target: &mut dyn Target<'de>) -> Result<(), Undecodable>;

    /// Reads a number, without a target: lists of numbers are long.
    fn number(&mut self, hint: NumberHint) -> Result<Number, Undecodable>;

    fn is_human_readable(&self) -> bool;
}

/// What a type expects, as the methods of a serde deserializer have it.
#[derive(Clone, Copy)]
pub(super) enum Hint {
    Any,
    I128,
    U128,
    Char,
    Str,
    String,
    Bytes,
    ByteBuf,
    Option,
    Unit,
    UnitStruct(&'static str),
    NewtypeStruct(&'static str),
    Seq,
    Tuple(usize),
    TupleStruct(&'static str, usize),
    Map,
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    Identifier,
    IgnoredAny,
}

/// The number that a type expects.
#[derive(Clone, Copy)]
pub(super) enum NumberHint {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
}

/// Takes what a source found.
pub(super) trait Target<'de> {
    fn take(&mut self, event: Event<'_, 'de>) -> Result<(), Undecodable>;
}

/// What a source found, as the methods of a serde visitor have it.
pub(super) enum Event<'e, 'de> {
    Number(Number),
    I128(i128),
    U128(u128),
    Char(char),
    Str(&'e str),
    BorrowedStr(&'de str),
    String(String),
    Bytes(&'e [u8]),
    BorrowedBytes(&'de [u8]),
    ByteBuf(Vec<u8>),
    None,
    Unit,
    Some(&'e mut dyn Source<'de>),
    Newtype(&'e mut dyn Source<'de>),
    Seq(&'e mut dyn Elements<'de>),
    Map(&'e mut dyn Entries<'de>),
    Enum(&'e mut dyn Variants<'de>),
}

/// A number of up to 64 bits, or a truth value.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    F32(f32),
    F64(f64),
}

impl Number {
    /// Where it may stand for a name.
    #[inline]
    fn index(self) -> Option<u64> {
        match self {
            Self::U8(index) => Some(index.into()),
            Self::U16(index) => Some(index.into()),
            Self::U32(index) => Some(index.into()),
            Self::U64(index) => Some(index),
            _ => None,
        }
    }
}

/// A place for a part of a value that is inside of another.
pub(super) trait Seed<'de> {
    fn fill(&mut self, source: &mut dyn Source<'de>) -> Result<(), Undecodable>;
}

/// The elements of a sequence or a tuple.
pub(super) trait Elements<'de> {
    /// Whether there was one more.
    fn next(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Undecodable>;

    fn size_hint(&self) -> Option<usize>;
}

/// The entries of a map, or the fields of a struct.
pub(super) trait Entries<'de> {
    /// Whether there was one more.
    fn next_key(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Undecodable>;

    fn next_value(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Undecodable>;

    fn size_hint(&self) -> Option<usize>;
}

/// A variant of an enum: its name, then one of the others.
pub(super) trait Variants<'de> {
    fn name(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Undecodable>;

    fn unit(&mut self) -> Result<(), Undecodable>;

    fn newtype(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Undecodable>;

    fn tuple(&mut self, length: usize, target: &mut dyn Target<'de>) -> Result<(), Undecodable>;

    fn fields(
        &mut self,
        fields: &'static [&'static str],
        target: &mut dyn Target<'de>,
    ) -> Result<(), Undecodable>;
}
