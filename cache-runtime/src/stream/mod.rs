//! Memoized streams: chunks pass through as they come, and are kept when all of them have come.
//!
//! An annotated function that returns a stream returns a [`Memoized`]. Nothing happens before that is
//! polled, but that the key is written and borrowed arguments are copied: the stream may outlive
//! them. Then it goes the way of every call (`call`), and is one of these:
//!
//! - a *replay* of the chunks that memory or the store have (`replay`)
//! - a *follower* (`following`) of a body that is running (`live`, with `seats` for all who follow it).
//!   The caller whose turn it was to run it is one itself: the body belongs to all of them, and whoever
//!   waits for the next chunk polls it. Each chunk is a link of a chain (`chain`) that followers walk
//!   along by themselves
//! - the *body* by itself (`body`), where the caller wants no cache, or there is none; where its chunks have
//!   a price they are held until the end (`billed`)
//!
//! What is kept is the list of chunks (`chunks`), as one value of an ordinary entry. It is kept only
//! if the body ended by itself, without an `Err`, within [`MOST_BYTES`] and [`MOST_CHUNKS`]. Beyond
//! these the stream goes on for those who follow it: nobody joins it any more, links that everybody
//! has passed are let go of, and who is ahead by as much waits for who is last, as long as that takes a
//! chunk every [`PATIENCE`]. Else it is let go of: it begins anew if it had none, and panics if it had,
//! because no other end would tell it that this was not all.
//!
//! `shape` leads from the type of the items to how they are kept and shared.

use std::time::Duration;

mod billed;
mod body;
mod chain;
mod chunks;
mod following;
mod live;
mod memoized;
mod replay;
mod running;
mod seats;
mod shape;

pub use body::Sink;
pub use memoized::{Memoized, memoized};
pub use shape::{LocalStreamProbe, StreamProbe, StreamProbed, streamed};

pub(crate) use running::{Boarding, Follower, Running};

/// So many bytes of chunks are kept of one stream, as memory weighs them.
pub(crate) const MOST_BYTES: u64 = 8 << 20;

/// So many chunks are kept of one stream.
pub(crate) const MOST_CHUNKS: u64 = 100_000;

/// So long the readers of a stream that is not kept wait for one that takes nothing. Shorter than what most
/// proxies wait for the next byte.
const PATIENCE: Duration = Duration::from_secs(30);
