pub struct User {
    id: u32,
}

#[larder::cached(key = "user:{usr.id}")]
async fn field(id: u32, user: User) -> u32 {
    id + user.id
}

#[larder::cached(key = "user:{name.trim()}")]
async fn method(id: u32, user: User) -> u32 {
    id + user.id
}

#[larder::cached(key = "user:{&idd}")]
async fn reference(id: u32, user: User) -> u32 {
    id + user.id
}

#[larder::cached(key = "user:{total + id}")]
async fn operand(id: u32, user: User) -> u32 {
    id + user.id
}

fn main() {
    let _ = (field(1, User { id: 1 }), method(1, User { id: 1 }), reference(1, User { id: 1 }), operand(1, User { id: 1 }));
}
