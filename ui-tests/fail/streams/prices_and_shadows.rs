use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream;

type Item = Result<u32, Infallible>;

#[larder::cached(tokens = |chunks| chunks.len(), cost = |_| 0.5)]
fn priced(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

#[larder::cached(shadow = 0.5)]
fn shadowed(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

fn main() {
    let _ = (priced(1), shadowed(1));
}
