#[larder::cached(tokens = |text| text.len() * factor)]
async fn scaled(factor: usize) -> String {
    "a".repeat(factor)
}

fn main() {
    let _ = scaled(2);
}
