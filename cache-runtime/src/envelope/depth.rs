//! Bounds on what bytes from a store can have decoded: how deep, how many elements, how much memory.
//!
//! A type can contain itself, and then bytes can have it decoded without end: a full stack would
//! end the process. Some formats have a bound of their own, but none for everything: `MessagePack`
//! writes nothing at all for a `Some` or a newtype. And `bincode` writes nothing for `()`, so that
//! eight bytes can claim more of them than anybody can wait for.

use std::cell::Cell;
use std::fmt::{self, Display};

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use crate::key::DEEPEST;

/// The bytes cannot be decoded. Without the reason, because that would quote them.
#[derive(Debug)]
pub(super) struct Undecodable;

impl Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes cannot be decoded")
    }
}

impl std::error::Error for Undecodable {}

impl Error for Undecodable {
    fn custom<T: Display>(_message: T) -> Self {
        Self
    }
}

/// How deep the decoding may go into the stack, however few levels that are: half of the stack of a
/// thread of tokio. Without optimization, 128 levels of a usual type take most of it.
const STACK: usize = 1024 * 1024;

/// What the elements of lists and maps may take in memory. Bytes say little about it: a `None` is
/// one byte, and takes as much memory as the largest `Some`.
pub(super) const MEMORY: usize = 64 * 1024 * 1024;

/// What may still come, everywhere in a value.
pub(super) struct Allowance {
    /// Elements of lists and maps.
    pub(super) elements: Cell<usize>,
    /// Their bytes in memory.
    pub(super) memory: Cell<usize>,
}

/// Takes some of what is left.
fn take<E: Error>(left: &Cell<usize>, amount: usize) -> Result<(), E> {
    let rest = left.get().checked_sub(amount);
    left.set(rest.ok_or_else(|| E::custom(Undecodable))?);
    Ok(())
}

/// An address on the stack, near the caller's.
#[inline]
fn stack_address() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}

/// A deserializer, or what belongs to one, and its bounds.
pub(super) struct Bounded<'a, T> {
    inner: T,
    bounds: Bounds<'a>,
}

#[derive(Clone, Copy)]
struct Bounds<'a> {
    /// Levels that may still come.
    levels: usize,
    /// Where the decoding began.
    stack: usize,
    allowance: &'a Allowance,
    /// Whether this is a list or a map, and no tuple or struct, whose length is that of its type.
    is_counted: bool,
}

impl<'a, T> Bounded<'a, T> {
    /// As deep as a value may be that is written.
    pub(super) fn new(inner: T, allowance: &'a Allowance) -> Self {
        let bounds = Bounds {
            levels: DEEPEST,
            stack: stack_address(),
            allowance,
            is_counted: false,
        };
        Self { inner, bounds }
    }

    fn with<U>(&self, inner: U) -> Bounded<'a, U> {
        let bounds = self.bounds;
        Bounded { inner, bounds }
    }

    /// One level further down, to a part that says that it has so many elements.
    fn below<U, E: Error>(&self, inner: U, claimed: Option<usize>) -> Result<Bounded<'a, U>, E> {
        let mut bounds = self.bounds;
        if bounds.is_counted {
            take(&bounds.allowance.elements, claimed.unwrap_or(0))?;
        }
        let levels = bounds.levels.checked_sub(1);
        let is_shallow = bounds.stack.abs_diff(stack_address()) <= STACK;
        bounds.levels = levels
            .filter(|_| is_shallow)
            .ok_or_else(|| E::custom(Undecodable))?;
        Ok(Bounded { inner, bounds })
    }

    /// A part of a list or a map, which takes so much memory as a `V` does.
    fn element<V, U, E: Error>(&self, inner: U) -> Result<Bounded<'a, U>, E> {
        if self.bounds.is_counted {
            take(&self.bounds.allowance.memory, size_of::<V>())?;
        }
        Ok(self.with(inner))
    }
}

/// Methods of a deserializer: those that lead no deeper hand the visitor over as it is.
macro_rules! deserialize {
    (
        flat: $($flat:ident)*;
        counted: $($counted:ident)*;
        deep: $($deep:ident($($argument:ident: $type:ty),*))*
    ) => {
        $(fn $flat<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Undecodable> {
            self.inner.$flat(visitor).map_err(|_| Undecodable)
        })*
        $(fn $counted<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Undecodable> {
            let Self { inner, mut bounds } = self;
            bounds.is_counted = true;
            let visitor = Bounded { inner: visitor, bounds };
            inner.$counted(visitor).map_err(|_| Undecodable)
        })*
        $(fn $deep<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, Undecodable> {
            let Self { inner, mut bounds } = self;
            bounds.is_counted = false;
            let visitor = Bounded { inner: visitor, bounds };
            inner.$deep($($argument,)* visitor).map_err(|_| Undecodable)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = Undecodable;

    deserialize! {
        flat:
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf
        deserialize_unit deserialize_identifier;
        counted: deserialize_seq deserialize_map;
        deep:
        deserialize_any()
        deserialize_ignored_any()
        deserialize_option()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($type:ty))*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Bounded<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool(bool)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_f64(f64)
        visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.below::<_, D::Error>(deserializer, None)?;
        let value = self.inner.visit_some(deserializer);
        value.map_err(D::Error::custom)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<V::Value, D::Error> {
        let deserializer = self.below::<_, D::Error>(deserializer, None)?;
        let value = self.inner.visit_newtype_struct(deserializer);
        value.map_err(D::Error::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        let claimed = elements.size_hint();
        let elements = self.below::<_, A::Error>(elements, claimed)?;
        self.inner.visit_seq(elements)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let claimed = entries.size_hint();
        let entries = self.below::<_, A::Error>(entries, claimed)?;
        self.inner.visit_map(entries)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        // The level is that of what is inside the variant.
        let variant = self.with(variant);
        self.inner.visit_enum(variant)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.with(deserializer);
        let value = self.inner.deserialize(deserializer);
        value.map_err(D::Error::custom)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let seed = self.element::<S::Value, _, A::Error>(seed)?;
        self.inner.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let seed = self.element::<S::Value, _, A::Error>(seed)?;
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.element::<S::Value, _, A::Error>(seed)?;
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 'a, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'a, A> {
    type Error = A::Error;
    type Variant = Bounded<'a, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let Self { inner, bounds } = self;
        let seed = Bounded {
            inner: seed,
            bounds,
        };
        let (value, inner) = inner.variant_seed(seed)?;
        Ok((value, Bounded { inner, bounds }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.below::<_, A::Error>(seed, None)?;
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor);
        self.inner.tuple_variant(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}
