pub struct User {
    id: u32,
}

#[larder::cached(key = "user:{lookup(id)}")]
async fn function(id: u32, user: User) -> u32 {
    id + user.id
}

#[larder::cached(key = "user:{PREFIX}:{id}")]
async fn constant(id: u32, user: User) -> u32 {
    id + user.id
}

#[larder::cached(key = "user:{user.nme}")]
async fn field(id: u32, user: User) -> u32 {
    id + user.id
}

fn main() {
    let _ = (function(1, User { id: 1 }), constant(1, User { id: 1 }), field(1, User { id: 1 }));
}
