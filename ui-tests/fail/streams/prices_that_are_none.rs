use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream;

type Item = Result<u32, Infallible>;

#[larder::cached(tokens = |chunks| chunks.first().copied())]
fn of_one(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

#[larder::cached(cost = |chunks| chunks.len())]
fn whole(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

#[larder::cached(tokens = |chunk| chunk + 1)]
fn of_each(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

fn main() {
    let _ = (of_one(1), whole(1), of_each(1));
}
