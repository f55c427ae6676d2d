use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream;

#[larder::cached(cache_if = |chunks| chunks.len() > text.len())]
fn streamed(text: &str) -> impl Stream<Item = Result<String, Infallible>> {
    stream::iter([Ok(text.to_owned())])
}

#[larder::cached(detach, unless = |answer| text == Some(answer.as_str()))]
async fn detached(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

#[larder::cached(shadow = 0.5, ttl = |_| std::time::Duration::from_secs(text.len() as u64))]
async fn shadowed(text: &str) -> String {
    text.to_owned()
}

// Here the caller is there.
#[larder::cached(cache_if = |answer| answer.len() > text.len())]
async fn waiting(text: &str) -> String {
    text.to_owned()
}

// A copy goes along.
#[larder::cached(detach, cache_if = |answer| answer.len() > least)]
async fn copied(least: usize) -> String {
    least.to_string()
}

fn main() {
    let _ = (streamed(""), detached(None), shadowed(""), waiting(""), copied(1));
}
