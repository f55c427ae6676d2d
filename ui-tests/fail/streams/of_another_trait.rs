use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

trait Stream {
    type Item;
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>>;
}

struct Words;

impl Stream for Words {
    type Item = Result<String, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

#[larder::cached]
fn words() -> impl Stream<Item = Result<String, Infallible>> {
    Words
}

fn main() {
    let _ = words();
}
