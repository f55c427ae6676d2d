#[larder::cached(skip("db"))]
async fn quoted(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip(db: &str))]
async fn typed(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip(db.name))]
async fn field(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip(0))]
async fn number(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip(..))]
async fn rest(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip(db id))]
async fn unseparated(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

fn main() {
    let _ = (quoted("a", 1), typed("a", 1), field("a", 1), number("a", 1), rest("a", 1), unseparated("a", 1));
}
