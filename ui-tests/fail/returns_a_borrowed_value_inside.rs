#[larder::cached]
async fn first(text: &str) -> Option<&str> {
    text.split(' ').next()
}

fn main() {
    let _ = first("a b");
}
