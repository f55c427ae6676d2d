#[larder::cached(crate = "larder")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(crate)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(crate = Vec<u8>)]
async fn three(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1));
}
