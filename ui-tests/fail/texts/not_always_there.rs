#![allow(unused_variables)]

#[larder::cached(text = article)]
async fn length(#[cfg(debug_assertions)] article: &str, id: usize) -> usize {
    id
}

fn main() {
    let _ = length;
}
