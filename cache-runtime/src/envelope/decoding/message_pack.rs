//! `MessagePack` as a [`Source`] of its own: nearly every entry is written with it, so that it does
//! not go the long way through the visitors of serde. It reads what `rmp_serde` writes, and leaves
//! extensions to it. That hands a visitor whatever is there; this one keeps to the hint, so that a
//! type that asks for a number and was written as something else is a miss.

use rmp_serde::MSGPACK_EXT_STRUCT_NAME;
use serde::de::value::SeqDeserializer;

use super::format::Parts;
use super::{
    Elements, Entries, Event, Format, Hint, Number, NumberHint, Seed, Source, Target, Undecodable,
    Variant,
};

/// What is left to be read.
pub(in crate::envelope) struct MessagePack<'de>(&'de [u8]);

/// One value, or the beginning of one with parts.
enum Token<'de> {
    Nil,
    Number(Number),
    Text(&'de str),
    Bytes(&'de [u8]),
    Array(usize),
    Map(usize),
}

const NIL: u8 = 0xC0;
const EMPTY_ARRAY: u8 = 0x90;

impl<'de> MessagePack<'de> {
    pub(in crate::envelope) fn new(bytes: &'de [u8]) -> Self {
        Self(bytes)
    }

    /// An error if something is left.
    pub(in crate::envelope) fn ended(&self) -> Result<(), Undecodable> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Undecodable)
    }

    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn bytes(&mut self, length: usize) -> Result<&'de [u8], Undecodable> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Undecodable)?;
        self.0 = rest;
        Ok(bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Undecodable> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Undecodable)?;
        self.0 = rest;
        Ok(*array)
    }

    /// A length of 1, 2 or 4 bytes: 0, 1 or 2 for its width.
    fn length(&mut self, width: u8) -> Result<usize, Undecodable> {
        Ok(match width {
            0 => self.array::<1>()?[0].into(),
            1 => u16::from_be_bytes(self.array()?).into(),
            _ => u32::from_be_bytes(self.array()?) as usize,
        })
    }

    fn text(&mut self, length: usize) -> Result<Token<'de>, Undecodable> {
        let text = simdutf8::basic::from_utf8(self.bytes(length)?);
        text.map(Token::Text).map_err(|_| Undecodable)
    }

    fn token(&mut self) -> Result<Token<'de>, Undecodable> {
        let [marker] = self.array()?;
        Ok(match marker {
            0x80..=0x8F => Token::Map((marker & 0x0F).into()),
            0x90..=0x9F => Token::Array((marker & 0x0F).into()),
            0xA0..=0xBF => self.text((marker & 0x1F).into())?,
            NIL => Token::Nil,
            0xC4..=0xC6 => {
                let length = self.length(marker - 0xC4)?;
                Token::Bytes(self.bytes(length)?)
            }
            0xD9..=0xDB => {
                let length = self.length(marker - 0xD9)?;
                self.text(length)?
            }
            0xDC | 0xDD => Token::Array(self.length(marker - 0xDB)?),
            0xDE | 0xDF => Token::Map(self.length(marker - 0xDD)?),
            marker => Token::Number(self.number_of(marker)?),
        })
    }

    fn number_of(&mut self, marker: u8) -> Result<Number, Undecodable> {
        Ok(match marker {
            0x00..=0x7F => Number::U8(marker),
            0xC2 => Number::Bool(false),
            0xC3 => Number::Bool(true),
            0xCA => Number::F32(f32::from_be_bytes(self.array()?)),
            0xCB => Number::F64(f64::from_be_bytes(self.array()?)),
            0xCC => Number::U8(u8::from_be_bytes(self.array()?)),
            0xCD => Number::U16(u16::from_be_bytes(self.array()?)),
            0xCE => Number::U32(u32::from_be_bytes(self.array()?)),
            0xCF => Number::U64(u64::from_be_bytes(self.array()?)),
            0xD0 => Number::I8(i8::from_be_bytes(self.array()?)),
            0xD1 => Number::I16(i16::from_be_bytes(self.array()?)),
            0xD2 => Number::I32(i32::from_be_bytes(self.array()?)),
            0xD3 => Number::I64(i64::from_be_bytes(self.array()?)),
            0xE0..=0xFF => Number::I8(i8::from_be_bytes([marker])),
            _ => return Err(Undecodable),
        })
    }

    /// The length of the extension that comes next, if one does.
    fn extension(&self) -> Result<Option<usize>, Undecodable> {
        let mut ahead = Self(self.0);
        let Some(marker) = ahead
            .peek()
            .filter(|marker| matches!(marker, 0xC7..=0xC9 | 0xD4..=0xD8))
        else {
            return Ok(None);
        };
        ahead.bytes(1)?;
        let content = match marker {
            0xD4..=0xD8 => 1 << (marker - 0xD4),
            _ => ahead.length(marker - 0xC7)?,
        };
        let _type = ahead.bytes(1)?;
        ahead.bytes(content)?;
        Ok(Some(self.0.len() - ahead.0.len()))
    }

    fn anything(&mut self, hint: Hint, target: &mut dyn Target<'de>) -> Result<(), Undecodable> {
        if let Some(length) = self.extension()? {
            let mut extension = rmp_serde::Deserializer::from_read_ref(self.bytes(length)?);
            return Format::new(&mut extension).read(hint, target);
        }
        match self.token()? {
            Token::Nil => target.take(Event::Unit),
            Token::Number(number) => target.take(Event::Number(number)),
            Token::Text(text) => target.take(Event::BorrowedStr(text)),
            Token::Bytes(bytes) => match hint {
                Hint::I128 => target.take(Event::I128(i128::from_be_bytes(sixteen(bytes)?))),
                Hint::U128 => target.take(Event::U128(u128::from_be_bytes(sixteen(bytes)?))),
                Hint::Seq | Hint::Tuple(_) | Hint::TupleStruct(..) | Hint::Struct(..) => {
                    let bytes = bytes.iter().copied();
                    let elements = SeqDeserializer::<_, Undecodable>::new(bytes);
                    target.take(Event::Seq(&mut Parts(elements)))
                }
                _ => target.take(Event::BorrowedBytes(bytes)),
            },
            Token::Array(length) => {
                let mut elements = self.list(length)?;
                target.take(Event::Seq(&mut elements))?;
                elements.ended()
            }
            Token::Map(length) => {
                let mut entries = self.list(length)?;
                target.take(Event::Map(&mut entries))?;
                entries.ended()
            }
        }
    }

    /// What is claimed to be of this length. Visitors allocate for it, and each element takes a byte
    /// at least.
    fn list(&mut self, length: usize) -> Result<List<'_, 'de>, Undecodable> {
        if length > self.0.len() {
            return Err(Undecodable);
        }
        Ok(List {
            left: length,
            source: self,
        })
    }

    /// A variant with something in it is a map of one entry; one with nothing is its name.
    fn variant(&mut self, target: &mut dyn Target<'de>) -> Result<(), Undecodable> {
        let has_content = matches!(self.peek(), Some(0x80..=0x8F | 0xDE | 0xDF));
        if has_content && !matches!(self.token()?, Token::Map(1)) {
            return Err(Undecodable);
        }
        let source = self;
        target.take(Event::Enum(&mut MapVariant {
            has_content,
            source,
        }))
    }
}

impl<'de> Source<'de> for MessagePack<'de> {
    fn read(&mut self, hint: Hint, target: &mut dyn Target<'de>) -> Result<(), Undecodable> {
        match (hint, self.peek()) {
            (Hint::Option, Some(NIL)) => {
                self.bytes(1)?;
                target.take(Event::None)
            }
            (Hint::Option, _) => target.take(Event::Some(self)),
            (Hint::UnitStruct(_), Some(EMPTY_ARRAY)) => {
                self.bytes(1)?;
                target.take(Event::Unit)
            }
            (Hint::NewtypeStruct(name), _) if name != MSGPACK_EXT_STRUCT_NAME => {
                target.take(Event::Newtype(self))
            }
            (Hint::Enum(..), _) => self.variant(target),
            _ => self.anything(hint, target),
        }
    }

    /// Without the hint: the bytes say which number it is.
    fn number(&mut self, _hint: NumberHint) -> Result<Number, Undecodable> {
        let [marker] = self.array()?;
        self.number_of(marker)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

fn sixteen(bytes: &[u8]) -> Result<[u8; 16], Undecodable> {
    bytes.try_into().map_err(|_| Undecodable)
}

/// The elements of an array or the entries of a map.
struct List<'m, 'de> {
    left: usize,
    source: &'m mut MessagePack<'de>,
}

impl List<'_, '_> {
    /// Whether there is one more, which is read next.
    fn has_next(&mut self) -> bool {
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    fn ended(&self) -> Result<(), Undecodable> {
        if self.left > 0 {
            return Err(Undecodable);
        }
        Ok(())
    }
}

impl<'de> Elements<'de> for List<'_, 'de> {
    fn next(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Undecodable> {
        let has_next = self.has_next();
        if has_next {
            seed.fill(self.source)?;
        }
        Ok(has_next)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> Entries<'de> for List<'_, 'de> {
    fn next_key(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Undecodable> {
        Elements::next(self, seed)
    }

    fn next_value(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Undecodable> {
        seed.fill(self.source)
    }

    fn size_hint(&self) -> Option<usize> {
        Elements::size_hint(self)
    }
}

/// A variant, which is a map of one entry if it has content.
struct MapVariant<'m, 'de> {
    has_content: bool,
    source: &'m mut MessagePack<'de>,
}

impl MapVariant<'_, '_> {
    fn content(&self) -> Result<(), Undecodable> {
        if self.has_content {
            return Ok(());
        }
        Err(Undecodable)
    }
}

impl<'de> Variant<'de> for MapVariant<'_, 'de> {
    fn name(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Undecodable> {
        seed.fill(self.source)
    }

    fn unit(&mut self) -> Result<(), Undecodable> {
        if self.has_content && self.source.bytes(1)? != [NIL] {
            return Err(Undecodable);
        }
        Ok(())
    }

    fn newtype(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Undecodable> {
        self.content()?;
        seed.fill(self.source)
    }

    fn tuple(&mut self, length: usize, target: &mut dyn Target<'de>) -> Result<(), Undecodable> {
        self.content()?;
        self.source.anything(Hint::Tuple(length), target)
    }

    fn fields(
        &mut self,
        fields: &'static [&'static str],
        target: &mut dyn Target<'de>,
    ) -> Result<(), Undecodable> {
        self.tuple(fields.len(), target)
    }
}
