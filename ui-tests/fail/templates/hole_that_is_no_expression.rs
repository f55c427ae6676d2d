pub struct User {
    id: u32,
}

#[larder::cached(key = "user:{}")]
async fn empty(id: u32, user: User) -> u32 {
    id + user.id
}

#[larder::cached(key = "user:{user id}")]
async fn two(id: u32, user: User) -> u32 {
    id + user.id
}

#[larder::cached(key = "user:{id; id}")]
async fn statement(id: u32, user: User) -> u32 {
    id + user.id
}

fn main() {
    let _ = (empty(1, User { id: 1 }), two(1, User { id: 1 }), statement(1, User { id: 1 }));
}
