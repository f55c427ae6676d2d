pub struct Database {
    name: &'static str,
}

#[larder::cached(key = (db, id))]
async fn name(db: &Database, id: u32) -> String {
    format!("{id} in {}", db.name)
}

#[larder::cached(key = "{db}:{id}")]
async fn title(db: &Database, id: u32) -> String {
    format!("{id} in {}", db.name)
}

fn main() {
    let db = Database { name: "a" };
    let _ = (name(&db, 1), title(&db, 1));
}
