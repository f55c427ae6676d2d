//! Canonical bytes of any serializable value: the same value always gives the same bytes, and
//! values that serde tells apart never do.
//!
//! Every part begins with a tag for its type; texts, bytes and collections carry their length, so
//! no part can run into the next one. Maps are sorted by the bytes of their entries. Floats are
//! written by their bits, with one NaN. Structs and enums carry their names and those of their
//! fields and variants.

use std::fmt::{self, Display, Write};
use std::ops::Range;

use serde::ser::{self, Serialize};
use twox_hash::XxHash3_128;

/// A value of more levels than this is refused, so that no argument and no value can use up the
/// stack.
pub(crate) const DEEPEST: usize = 128;

/// What happens to the elements of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sequences {
    /// They stay in order: two lists that differ in order are different arguments.
    Ordered,
    /// The value itself is a set and is sorted. The sequences inside it stay in order, or
    /// `{[1, 2]}` and `{[2, 1]}` would be one set.
    OutermostSorted,
    /// Their order does not count, because serde shows a `HashSet` as a sequence in no particular
    /// order: a sequence or a map is the sum of its elements' hashes.
    Summed,
}

/// The value's own `Serialize` gave up. Its message is dropped, because it may quote the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value refused to be serialized")
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: Display>(_message: T) -> Self {
        Self
    }
}

/// Appends the canonical bytes of `value` to `out`. After an error, `out` holds a part of them.
#[inline]
pub(crate) fn encode<T: Serialize + ?Sized>(
    value: &T,
    sequences: Sequences,
    out: &mut Vec<u8>,
) -> Result<(), Refused> {
    let mut encoder = Encoder {
        out,
        sequences,
        depth: 0,
        is_broken: false,
    };
    encoder.part(value)?;
    // A value may go on after one of its parts refused: then bytes are missing.
    if encoder.is_broken {
        return Err(Refused);
    }
    Ok(())
}

#[repr(u8)]
#[derive(Clone, Copy)]
enum Tag {
    Unit,
    False,
    True,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Text,
    Bytes,
    None,
    Some,
    Sequence,
    Set,
    Tuple,
    Map,
    UnitStruct,
    Newtype,
    TupleStruct,
    Struct,
    UnitVariant,
    NewtypeVariant,
    TupleVariant,
    StructVariant,
}

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    sequences: Sequences,
    /// Levels around the value that is being written.
    depth: usize,
    /// A part refused to be serialized.
    is_broken: bool,
}

impl<'a> Encoder<'a> {
    #[inline]
    fn tagged<const N: usize>(&mut self, tag: Tag, bytes: [u8; N]) {
        self.out.push(tag as u8);
        self.out.extend_from_slice(&bytes);
    }

    #[inline]
    fn prefixed(&mut self, tag: Tag, bytes: &[u8]) {
        self.tagged(tag, (bytes.len() as u64).to_le_bytes());
        self.out.extend_from_slice(bytes);
    }

    fn variant(&mut self, tag: Tag, name: &str, variant: &str) {
        self.prefixed(tag, name.as_bytes());
        self.prefixed(Tag::Text, variant.as_bytes());
    }

    fn descend(&mut self) -> Result<(), Refused> {
        if self.depth == DEEPEST {
            self.is_broken = true;
            return Err(Refused);
        }
        self.depth += 1;
        Ok(())
    }

    /// Writes the one value inside of another.
    #[inline]
    fn inner<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.descend()?;
        self.part(value)?;
        self.depth -= 1;
        Ok(())
    }

    #[inline]
    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        let written = value.serialize(&mut *self);
        self.is_broken |= written.is_err();
        written
    }

    /// Opens a part whose number of elements is written when it ends.
    fn open(&mut self, tag: Tag, elements: Elements) -> Result<Compound<'_, 'a>, Refused> {
        self.descend()?;
        self.tagged(tag, 0_u64.to_le_bytes());
        Ok(Compound {
            count_at: self.out.len() - size_of::<u64>(),
            count: 0,
            elements,
            encoder: self,
        })
    }
}

/// A part with elements, fields or entries.
struct Compound<'e, 'a> {
    encoder: &'e mut Encoder<'a>,
    count_at: usize,
    count: u64,
    elements: Elements,
}

/// What becomes of the elements of a part.
enum Elements {
    /// They stay as they are.
    Ordered,
    /// They are sorted when the part ends; this is where each begins.
    Sorted(Vec<usize>),
    /// Each is replaced by its hash, added to those before it.
    Summed(u128),
}

impl Compound<'_, '_> {
    /// Where the first element begins.
    fn begin(&self) -> usize {
        self.count_at + size_of::<u64>()
    }

    fn begin_element(&mut self) {
        self.end_element();
        self.count += 1;
        if let Elements::Sorted(starts) = &mut self.elements {
            starts.push(self.encoder.out.len());
        }
    }

    /// The element that was written last is whole.
    #[inline]
    fn end_element(&mut self) {
        let begin = self.begin();
        if let Elements::Summed(sum) = &mut self.elements
            && self.count > 0
        {
            let element = &self.encoder.out[begin..];
            *sum = sum.wrapping_add(XxHash3_128::oneshot(element));
            self.encoder.out.truncate(begin);
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.begin_element();
        self.encoder.part(value)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Refused> {
        self.begin_element();
        self.encoder.prefixed(Tag::Text, name.as_bytes());
        self.encoder.part(value)
    }

    fn close(mut self) {
        self.end_element();
        self.encoder.depth -= 1;
        let begin = self.begin();
        let out = &mut *self.encoder.out;
        out[self.count_at..begin].copy_from_slice(&self.count.to_le_bytes());
        match self.elements {
            Elements::Ordered => {}
            Elements::Sorted(starts) => sort_elements(out, &starts),
            Elements::Summed(sum) => out.extend_from_slice(&sum.to_le_bytes()),
        }
    }
}

fn sort_elements(out: &mut Vec<u8>, starts: &[usize]) {
    let [first, _, ..] = starts else { return };
    let unsorted = out.split_off(*first);
    let ends = starts[1..].iter().copied().chain([first + unsorted.len()]);
    let mut ranges: Vec<Range<usize>> = starts
        .iter()
        .zip(ends)
        .map(|(start, end)| start - first..end - first)
        .collect();
    ranges.sort_by(|a, b| unsorted[a.clone()].cmp(&unsorted[b.clone()]));
    for range in ranges {
        out.extend_from_slice(&unsorted[range]);
    }
}

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
