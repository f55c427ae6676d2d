pub struct Database {
    name: &'static str,
}

#[larder::cached(ttl = "1h")]
async fn name(db: &Database, id: u32) -> String {
    format!("{id} in {}", db.name)
}

#[larder::cached]
async fn count<T>(rows: Vec<T>) -> usize {
    rows.len()
}

fn main() {
    let _ = (name(&Database { name: "a" }, 1), count(vec![1]));
}
