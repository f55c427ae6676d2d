use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream::{self, BoxStream, StreamExt};

type Item = Result<u32, Infallible>;

#[larder::cached]
async fn nameless(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

#[larder::cached]
async fn fallible(id: u32) -> Result<BoxStream<'static, Item>, String> {
    Ok(stream::iter([Ok(id)]).boxed())
}

#[larder::cached]
async fn boxed(id: u32) -> Pin<Box<dyn Stream<Item = Item> + Send>> {
    Box::pin(stream::iter([Ok(id)]))
}

#[larder::cached]
fn of_a_future(id: u32) -> impl Future<Output = BoxStream<'static, Item>> {
    async move { stream::iter([Ok(id)]).boxed() }
}

#[larder::cached(local)]
fn optional(id: u32) -> Option<BoxStream<'static, Item>> {
    Some(stream::iter([Ok(id)]).boxed())
}

fn main() {}
