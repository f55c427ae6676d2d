#[larder::cached]
fn main() {}
