#[larder::cached(refresh_ahead = 1)]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(refresh_ahead = 0.0)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(refresh_ahead = 1.5)]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(refresh_ahead = "10s")]
async fn four(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1));
}
