#[larder::cached]
#[derive(Debug)]
pub enum User {
    Known(u32),
    Unknown,
}

fn main() {
    let _ = (User::Known(1), User::Unknown);
}
