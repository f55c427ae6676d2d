//! Canonical bytes of any serializable value: the same value always gives the same bytes, and
//! values that serde tells apart never do.
//!
//! Every part begins with a tag for its type; texts, bytes and collections carry their length, so
//! no part can run into the next one. Maps are sorted by the bytes of their entries. Floats are
//! written by their bits, with one NaN. Structs and enums carry their names and those of their
//! fields and variants.

mod serializer;

use std::fmt::{self, Display};
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
