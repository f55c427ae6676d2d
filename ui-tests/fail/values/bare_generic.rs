#[larder::cached]
async fn parsed<T: std::str::FromStr + Default>(text: &str) -> T {
    text.parse().unwrap_or_default()
}

fn main() {
    let _ = parsed::<u32>("1");
}
