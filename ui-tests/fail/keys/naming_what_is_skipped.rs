struct User {
    id: u32,
}

#[larder::cached(key = id, skip(id))]
async fn expression(id: u32) -> u32 {
    id
}

#[larder::cached(key = (name, id), skip(db, id))]
async fn tuple(db: &str, name: &str, id: u32) -> String {
    format!("{db}{name}{id}")
}

#[larder::cached(skip(id), key = "user:{id}")]
async fn template(id: u32) -> u32 {
    id
}

#[larder::cached(key = user.id, skip(id))]
async fn field(user: User, id: u32) -> u32 {
    user.id + id
}

fn main() {
    let _ = (expression(1), tuple("a", "b", 1), template(1), field(User { id: 1 }, 1));
}
