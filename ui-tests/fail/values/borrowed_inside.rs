#[larder::cached]
async fn first(text: &str) -> Option<&str> {
    text.split(' ').next()
}

#[larder::cached]
async fn halves(text: &str) -> Result<(usize, &str), String> {
    text.split_once(' ')
        .map(|(left, right)| (left.len(), right))
        .ok_or_else(|| "one word".to_owned())
}

fn main() {
    let _ = (first("a b"), halves("a b"));
}
