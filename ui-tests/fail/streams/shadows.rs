use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream;

type Item = Result<u32, Infallible>;

#[larder::cached(shadow = 0.5)]
fn shadowed(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

fn main() {
    let _ = shadowed(1);
}
