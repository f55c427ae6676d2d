#[larder::cached(text = name, skip(name))]
async fn skipped(id: u32, name: &str) -> String {
    format!("{id}{name}")
}

fn main() {
    let _ = skipped(1, "a");
}
