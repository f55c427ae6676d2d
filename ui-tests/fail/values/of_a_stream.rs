use std::pin::Pin;
use std::task::{Context, Poll};

trait Stream {
    type Item;
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>>;
}

struct Words;

impl Stream for Words {
    type Item = String;

    fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<String>> {
        Poll::Ready(None)
    }
}

#[larder::cached]
fn words() -> impl Stream<Item = String> {
    Words
}

fn main() {
    let _ = words();
}
