use std::convert::Infallible;
use std::rc::Rc;

use futures_util::Stream;
use futures_util::stream::{self, StreamExt};

#[larder::cached]
fn shared(id: u32) -> impl Stream<Item = Result<u32, Infallible>> {
    let id = Rc::new(id);
    stream::iter([1, 2]).map(move |n| Ok(n + *id))
}

fn main() {}
