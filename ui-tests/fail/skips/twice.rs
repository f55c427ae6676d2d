#[larder::cached(skip(db, db))]
async fn in_one_list(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip(db), skip(db))]
async fn in_two_lists(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

#[larder::cached(skip(db), skip(id))]
async fn two_lists(db: &str, id: u32) -> String {
    format!("{db}{id}")
}

fn main() {
    let _ = (in_one_list("a", 1), in_two_lists("a", 1), two_lists("a", 1));
}
