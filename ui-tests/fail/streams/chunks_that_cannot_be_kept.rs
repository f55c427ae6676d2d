use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream;

#[derive(Clone)]
struct Chunk;

#[larder::cached]
fn told(id: u32) -> impl Stream<Item = Result<Chunk, Infallible>> {
    let _ = id;
    stream::iter([Ok(Chunk)])
}

#[larder::cached]
fn borrowed(id: u32) -> impl Stream<Item = Result<&'static str, Infallible>> {
    let _ = id;
    stream::iter([Ok("a")])
}

fn main() {}
