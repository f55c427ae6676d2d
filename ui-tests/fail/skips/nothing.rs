#[larder::cached(skip())]
async fn empty(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

fn main() {
    let _ = empty("a", 1);
}
