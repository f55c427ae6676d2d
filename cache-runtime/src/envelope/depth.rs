//! Bounds on what bytes from a store can have decoded: how deep, how many elements, how much memory.
//!
//! A type can contain itself, and then bytes can have it decoded without end: a full stack would
//! end the process. Some formats have a bound of their own, but none for everything: `MessagePack`
//! writes nothing at all for a `Some` or a newtype. And `bincode` writes nothing for `()`, so that
//! eight bytes can claim more of them than anybody can wait for.
//!
//! The bounds end where serde buffers: a part that is read as an untagged or internally tagged enum,
//! or with flattened fields, is first read into a buffer of serde, within these bounds, and is then
//! decoded from there by serde alone. A `Some` or a newtype takes no bytes there either, so that
//! with `struct Chain(Option<Box<Chain>>)` one byte fills the stack if it is read as
//! `#[serde(untagged)] enum Either { Text(String), Chain(Chain) }`, and without optimization a value
//! with levels of some KiB can fill it as well. An untagged enum that contains itself also copies
//! what is left of the buffer at each level, and decodes it once for each variant that it tries: all
//! these copies are in memory at once, and the time can double with each level. All that is so with
//! any deserializer. Encryption refuses forged bytes before that.

use std::cell::Cell;
use std::fmt::{self, Display};

use serde::de::Error;

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

/// How deep in the stack a level may begin, however few levels that are: half of the stack of a
/// thread of tokio. Without optimization, 128 levels of a usual type take most of it. The other half
/// is for the caller, for the last level, and for what serde decodes by itself.
const STACK: usize = 1024 * 1024;

/// What the elements of lists and maps may take in memory. Bytes say little about it: a `None` is
/// one byte, and takes as much memory as the largest `Some`.
///
/// It is an estimate: each part counts with its own size, and what is behind its pointers only if
/// that is a list or a map. The real memory is up to three times as much where maps have one small
/// entry each. Not counted is what a type makes without being asked for it: default values behind
/// pointers, or elements that a `DeserializeSeed` puts away by itself.
pub(super) const MEMORY: usize = 64 * 1024 * 1024;

/// The first part of a list or a map counts as so many: most collections begin with room for a few.
const FIRST_PART: usize = 4;

/// What may still come, in a value and all its parts.
pub(super) struct Allowance {
    /// Elements of lists and maps.
    pub(super) elements: Cell<usize>,
    /// Their bytes in memory.
    pub(super) memory: Cell<usize>,
}

/// Takes some of what is left.
#[inline]
fn take(left: &Cell<usize>, amount: usize) -> Result<(), Undecodable> {
    left.set(left.get().checked_sub(amount).ok_or(Undecodable)?);
    Ok(())
}

/// An address on the stack, near the caller's.
#[inline]
fn stack_address() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}

#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// Levels that may still come.
    levels: usize,
    /// Where the decoding began.
    stack: usize,
    allowance: &'a Allowance,
    /// How many times the memory of the next part is counted: not at all in a tuple or a struct,
    /// which has the length and the memory of its type.
    weight: usize,
}

impl<'a> Bounds<'a> {
    /// Twice as deep as a value may be that is written, because codecs count differently: a variant
    /// with fields is a level, but read as anything it is a map with a map in it; and an address is
    /// a text to those who count while writing, but a variant with a tuple to a binary codec.
    pub(super) fn new(allowance: &'a Allowance) -> Self {
        Self {
            levels: 2 * DEEPEST,
            stack: stack_address(),
            allowance,
            weight: 0,
        }
    }

    /// Those of a part that is, or is not, a list or a map.
    #[inline]
    pub(super) fn counted(mut self, is_counted: bool) -> Self {
        self.weight = if is_counted { FIRST_PART } else { 0 };
        self
    }

    /// One level further down, to a part that says that it has so many elements.
    #[inline]
    pub(super) fn below(mut self, claimed: Option<usize>) -> Result<Self, Undecodable> {
        if self.weight > 0 {
            take(&self.allowance.elements, claimed.unwrap_or(0))?;
        }
        if self.stack.abs_diff(stack_address()) > STACK {
            return Err(Undecodable);
        }
        self.levels = self.levels.checked_sub(1).ok_or(Undecodable)?;
        Ok(self)
    }

    /// A part of a list or a map, which takes so much memory.
    #[inline]
    pub(super) fn part(&self, size: usize) -> Result<(), Undecodable> {
        if self.weight > 0 {
            take(&self.allowance.memory, size * self.weight)?;
        }
        Ok(())
    }

    /// What comes next is not the first part.
    #[inline]
    pub(super) fn after_first(&mut self) {
        if self.weight > 1 {
            self.weight = 1;
        }
    }
}
