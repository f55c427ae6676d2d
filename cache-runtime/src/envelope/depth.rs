//! Bounds on what bytes from a store can have decoded: how deep, how many elements, how much memory.
//!
//! A type can contain itself, and then bytes can have it decoded without end: a full stack would
//! end the process. Some formats have a bound of their own, but none for everything: `MessagePack`
//! writes nothing at all for a `Some` or a newtype. And `bincode` writes nothing for `()`, so that
//! eight bytes can claim more of them than anybody can wait for.

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
    /// Whether this is a list or a map, and no tuple or struct, whose length is that of its type.
    is_counted: bool,
}

impl<'a> Bounds<'a> {
    /// As deep as a value may be that is written.
    pub(super) fn new(allowance: &'a Allowance) -> Self {
        Self {
            levels: DEEPEST,
            stack: stack_address(),
            allowance,
            is_counted: false,
        }
    }

    /// Those of a part that is, or is not, a list or a map.
    #[inline]
    pub(super) fn counted(mut self, is_counted: bool) -> Self {
        self.is_counted = is_counted;
        self
    }

    /// One level further down, to a part that says that it has so many elements.
    #[inline]
    pub(super) fn below(mut self, claimed: Option<usize>) -> Result<Self, Undecodable> {
        if self.is_counted {
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
        if self.is_counted {
            take(&self.allowance.memory, size)?;
        }
        Ok(())
    }
}
