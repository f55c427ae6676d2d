//! Decoding with the format erased: what a type of value has to say about its decoding is compiled
//! once, for all codecs, and what a codec has to say once, for all types.
//!
//! The two sides talk through the traits of this module. A type asks a [`Source`] to read, with a
//! [`Hint`] at what it expects; the source tells its [`Target`] what it found as an [`Event`]. On
//! the side of the type, [`typed`] keeps to the events that the hint allows, so that little is
//! compiled for each type; it also holds every type to the bounds. On the other side, [`format`]
//! is any deserializer of serde, and [`message_pack`] reads that format by itself.
//!
//! A type gets what its hint names: one that hints at a list gets elements, one that hints at a
//! struct gets fields or elements, and one that hints at a number gets a number, whatever else its
//! visitor would take. Only where little is known (any value, texts, bytes) it gets what is there.

mod format;
mod message_pack;
mod typed;

use super::depth::Undecodable;

#[cfg(feature = "bincode")]
pub(super) use format::FillingSeed;
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
    /// Also for a text that is to be owned: to own it, `bincode` would allocate whatever length the
    /// bytes claim, before it looks whether they are as long.
    Str,
    /// Likewise.
    Bytes,
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

impl Hint {
    /// Whether the bytes say how many parts there are, and not the type.
    fn is_counted(self) -> bool {
        !matches!(
            self,
            Self::Tuple(_) | Self::TupleStruct(..) | Self::Struct(..) | Self::Enum(..)
        )
    }
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
    Enum(&'e mut dyn Variant<'de>),
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
    /// The same number in the widest type of its kind: one of four.
    #[inline]
    fn widest(self) -> Self {
        match self {
            Self::I8(number) => Self::I64(number.into()),
            Self::I16(number) => Self::I64(number.into()),
            Self::I32(number) => Self::I64(number.into()),
            Self::U8(number) => Self::U64(number.into()),
            Self::U16(number) => Self::U64(number.into()),
            Self::U32(number) => Self::U64(number.into()),
            Self::F32(number) => Self::F64(number.into()),
            Self::Bool(_) | Self::I64(_) | Self::U64(_) | Self::F64(_) => self,
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
pub(super) trait Variant<'de> {
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
