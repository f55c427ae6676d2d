pub struct User {
    #[larder::cached]
    pub id: u32,
}

fn main() {
    let _ = User { id: 1 };
}
