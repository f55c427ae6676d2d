use std::convert::Infallible;

use futures_util::Stream;
use futures_util::stream;

#[larder::cached(tokens = |text| text.len() * factor)]
async fn scaled(factor: usize) -> String {
    "a".repeat(factor)
}

#[larder::cached(cost = |text| money(text, (rate, currency)))]
async fn in_a_currency((rate, currency): (f64, u8)) -> String {
    format!("{rate} {currency}")
}

struct Model {
    rate: f64,
}

impl Model {
    #[larder::cached(key = text, cost = |answer| self.rate * answer.len() as f64)]
    async fn ask(&self, text: &str) -> String {
        text.to_owned()
    }
}

#[larder::cached(tokens = |chunks| chunks.len() * factor)]
fn streamed(factor: usize) -> impl Stream<Item = Result<usize, Infallible>> {
    stream::iter([Ok(factor)])
}

fn money(text: &str, (rate, _): (f64, u8)) -> f64 {
    text.len() as f64 * rate
}

fn main() {
    let _ = (scaled(2), in_a_currency((1.0, 2)), streamed(2));
    let _ = Model { rate: 1.0 }.ask("");
}
