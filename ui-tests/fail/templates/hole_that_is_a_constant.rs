pub struct User {
    id: u32,
}

#[larder::cached(key = "user:{0}")]
async fn number(id: u32, user: User) -> u32 {
    id + user.id
}

#[larder::cached(key = "user:{\"id\"}")]
async fn text(id: u32, user: User) -> u32 {
    id + user.id
}

fn main() {
    let _ = (number(1, User { id: 1 }), text(1, User { id: 1 }));
}
