//! Bytes to decode, and a bound on how deep the decoding may go.

use std::io;

/// A quarter of the stack of a thread of tokio. Types can be nested without end, and then so can
/// bytes that are decoded as such a type; a full stack would end the process.
const DEEPEST: usize = 512 * 1024;

/// Gives bytes to a decoder as long as the decoder has not gone too deep into the stack. Every
/// level of a recursive type reads at least one byte.
pub(super) struct Guarded<'a> {
    left: &'a [u8],
    /// An address on the stack where the decoding began.
    top: usize,
}

impl<'a> Guarded<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            left: bytes,
            top: here(),
        }
    }

    /// The next bytes, if there are so many.
    #[inline]
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        if self.top.abs_diff(here()) > DEEPEST {
            return None;
        }
        let (taken, left) = self.left.split_at_checked(length)?;
        self.left = left;
        Some(taken)
    }
}

/// An address on the stack, near the caller's.
#[inline]
fn here() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}

impl io::Read for Guarded<'_> {
    #[inline]
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = bytes.len().min(self.left.len());
        self.read_exact(&mut bytes[..length])?;
        Ok(length)
    }

    #[inline]
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let taken = self.take(bytes.len());
        let taken = taken.ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(taken);
        Ok(())
    }
}

#[cfg(feature = "bincode")]
impl bincode::de::read::Reader for Guarded<'_> {
    #[inline]
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), bincode::error::DecodeError> {
        let end = || bincode::error::DecodeError::UnexpectedEnd { additional: 1 };
        bytes.copy_from_slice(self.take(bytes.len()).ok_or_else(end)?);
        Ok(())
    }
}
