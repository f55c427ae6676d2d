#[larder::cached]
pub union Number {
    signed: i32,
    unsigned: u32,
}

fn main() {
    let _ = Number { signed: 1 };
}
