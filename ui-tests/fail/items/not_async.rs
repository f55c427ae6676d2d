#[larder::cached]
fn double(n: u32) -> u32 {
    n * 2
}

fn main() {
    let _: u32 = double(1);
}
