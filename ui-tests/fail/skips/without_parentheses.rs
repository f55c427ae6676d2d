#[larder::cached(skip = db)]
async fn equals(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip = "db")]
async fn quoted(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip)]
async fn bare(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip[db])]
async fn brackets(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

fn main() {
    let _ = (equals("a", 1), quoted("a", 1), bare("a", 1), brackets("a", 1));
}
