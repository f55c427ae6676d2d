use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream;

#[larder::cached(pace = "20ms")]
async fn no_stream(id: u32) -> u32 {
    id
}

#[larder::cached(pace = "soon")]
fn no_duration(id: u32) -> impl Stream<Item = Result<u32, Infallible>> {
    stream::iter([Ok(id)])
}

#[larder::cached(pace = "2h")]
fn too_long(id: u32) -> impl Stream<Item = Result<u32, Infallible>> {
    stream::iter([Ok(id)])
}

#[larder::cached(pace = 20)]
fn no_text(id: u32) -> impl Stream<Item = Result<u32, Infallible>> {
    stream::iter([Ok(id)])
}

#[larder::cached(pace)]
fn nothing(id: u32) -> impl Stream<Item = Result<u32, Infallible>> {
    stream::iter([Ok(id)])
}

fn main() {}
