use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream::{self, BoxStream, StreamExt};

type Item = Result<String, Infallible>;
type Words = BoxStream<'static, Item>;

#[larder::cached]
fn aliased(id: u32) -> Words {
    stream::iter([Ok(id.to_string())]).boxed()
}

#[larder::cached]
fn unpinned(id: u32) -> Box<dyn Stream<Item = Item> + Send + Unpin> {
    Box::new(stream::iter([Ok(id.to_string())]))
}

fn main() {}
