#[larder::cached]
const fn double(n: u32) -> u32 {
    n * 2
}

struct Numbers;

impl Numbers {
    #[larder::cached(local)]
    pub const fn triple(n: u32) -> u32 {
        n * 3
    }
}

fn main() {
    const DOUBLE: u32 = double(1);
    const TRIPLE: u32 = Numbers::triple(1);
    let _ = DOUBLE + TRIPLE;
}
