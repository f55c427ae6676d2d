use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream;

type Item = Result<u32, Infallible>;

#[larder::cached(none_ttl = "1m")]
fn none(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

#[larder::cached(err_ttl = "1m")]
fn errors(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

#[larder::cached(stale_while_revalidate = "1m", refresh_ahead = 0.5)]
fn ahead(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

#[larder::cached(stale_if_error = "1m", timeout(soft = "1s", hard = "2s"))]
fn timed(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

#[larder::cached(single_flight = "cluster")]
fn cluster(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

#[larder::cached(value = plain)]
fn plain(id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(id)])
}

fn main() {}
