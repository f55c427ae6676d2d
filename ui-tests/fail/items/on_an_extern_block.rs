#[larder::cached]
unsafe extern "C" {
    safe fn abs(n: i32) -> i32;
}

fn main() {
    let _ = abs(1);
}
