#[larder::cached(kind = "", tll = "1h", ttl = "soon", skip(db), op = summarize)]
fn name(database: &str, id: u32) -> &str {
    let _ = id;
    database
}

fn main() {
    let _: &str = name("a", 1);
}
