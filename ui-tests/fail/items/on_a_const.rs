#[larder::cached]
const DOUBLE: fn(u32) -> u32 = |n| n * 2;

fn main() {
    let _ = DOUBLE(1);
}
