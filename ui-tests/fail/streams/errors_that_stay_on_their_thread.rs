use std::rc::Rc;

use futures_util::{Stream, stream};

#[larder::cached]
fn chunks(prompt: &str) -> impl Stream<Item = Result<u32, Rc<u32>>> + Send + use<> {
    let _ = prompt;
    stream::empty()
}

fn main() {
    let _ = chunks("");
}
