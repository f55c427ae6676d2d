//! Compression of values with zlib.
//!
//! Making a compressor costs as much as compressing a small value, so each thread keeps the ones
//! that it used last.

use std::cell::RefCell;

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

/// When and how values are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compression {
    /// Values of more bytes than this are compressed.
    pub(crate) threshold: usize,
    /// 1 (fast) to 9 (small).
    pub(crate) level: u32,
}

thread_local! {
    /// With its level.
    static COMPRESSOR: RefCell<Option<(u32, Compress)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompress>> = const { RefCell::new(None) };
}

/// The compressed bytes, if they are to be compressed and become fewer.
pub(super) fn deflate(bytes: &[u8], compression: Compression) -> Option<Vec<u8>> {
    let Compression { threshold, level } = compression;
    if bytes.len() <= threshold {
        return None;
    }
    let make = || Compress::new(flate2::Compression::new(level), true);
    let kept = COMPRESSOR.try_with(|kept| kept.borrow_mut().take());
    let mut compressor = match kept.ok().flatten() {
        Some((its_level, mut compressor)) if its_level == level => {
            compressor.reset();
            compressor
        }
        _ => make(),
    };
    // With no room for as many bytes as there were, it ends where that would be needed.
    let mut compressed = Vec::with_capacity(bytes.len() - 1);
    let status = compressor.compress_vec(bytes, &mut compressed, FlushCompress::Finish);
    // A thread that ends needs no compressor.
    let _ = COMPRESSOR.try_with(|kept| *kept.borrow_mut() = Some((level, compressor)));
    matches!(status, Ok(Status::StreamEnd)).then_some(compressed)
}

/// The inflated bytes, if there are exactly `length` of them and nothing comes after them.
/// Whatever they would inflate to, no more than `length` + 1 bytes are written.
pub(super) fn inflate(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let kept = DECOMPRESSOR.try_with(|kept| kept.borrow_mut().take());
    let mut decompressor = match kept.ok().flatten() {
        Some(mut decompressor) => {
            decompressor.reset(true);
            decompressor
        }
        None => Decompress::new(true),
    };
    let mut inflated = Vec::with_capacity(length + 1);
    let status = decompressor.decompress_vec(bytes, &mut inflated, FlushDecompress::Finish);
    let read = decompressor.total_in();
    let _ = DECOMPRESSOR.try_with(|kept| *kept.borrow_mut() = Some(decompressor));
    let whole = matches!(status, Ok(Status::StreamEnd)) && read == bytes.len() as u64;
    (whole && inflated.len() == length).then_some(inflated)
}
