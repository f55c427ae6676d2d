#[larder::cached]
async fn first(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

fn main() {
    let _ = first("a b");
}
