use std::convert::Infallible;
use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream::{self, LocalBoxStream, StreamExt};

type Item = Result<u32, Infallible>;

#[larder::cached]
fn local(id: u32) -> LocalBoxStream<'static, Item> {
    stream::iter([Ok(id)]).boxed_local()
}

#[larder::cached]
fn boxed(id: u32) -> Pin<Box<dyn Stream<Item = Item>>> {
    Box::pin(stream::iter([Ok(id)]))
}

fn main() {}
