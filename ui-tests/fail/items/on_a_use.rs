#[larder::cached]
use std::collections::HashMap;

fn main() {
    let _ = HashMap::<u32, u32>::new();
}
