use futures_util::Stream;
use futures_util::stream;

#[larder::cached]
fn plain(id: u32) -> impl Stream<Item = u32> {
    stream::iter([id])
}

#[larder::cached]
fn optional(id: u32) -> impl Stream<Item = Option<u32>> + Send {
    stream::iter([Some(id)])
}

type Items = u32;

#[larder::cached]
fn aliased(id: u32) -> impl Stream<Item = Items> + Send {
    stream::iter([id])
}

fn main() {}
