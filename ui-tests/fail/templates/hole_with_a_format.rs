pub struct User {
    id: u32,
}

#[larder::cached(key = "user:{id:?}")]
async fn debug(id: u32, user: User) -> u32 {
    id + user.id
}

#[larder::cached(key = "user:{id:>5}")]
async fn padded(id: u32, user: User) -> u32 {
    id + user.id
}

fn main() {
    let _ = (debug(1, User { id: 1 }), padded(1, User { id: 1 }));
}
