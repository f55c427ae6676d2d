#[larder::cached]
#[derive(Debug)]
pub struct User {
    id: u32,
}

fn main() {
    let _ = User { id: 1 };
}
