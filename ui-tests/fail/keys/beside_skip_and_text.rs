#[larder::cached(key = id, skip(name))]
async fn skipping(id: u32, name: &str) -> String {
    format!("{id}{name}")
}

#[larder::cached(key = id, text = name)]
async fn reading(id: u32, name: &str) -> String {
    format!("{id}{name}")
}

fn main() {
    let _ = (skipping(1, "a"), reading(1, "a"));
}
