use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream;

type Item = Result<String, Infallible>;

#[larder::cached]
fn into(text: impl Into<String> + serde::Serialize + Send) -> impl Stream<Item = Item> {
    stream::iter([Ok(text.into())])
}

#[larder::cached]
fn generic<T: serde::Serialize + Send>(text: T) -> impl Stream<Item = Item> {
    drop(text);
    stream::iter([Ok(String::new())])
}

fn main() {}
