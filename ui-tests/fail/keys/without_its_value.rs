#[larder::cached(key)]
async fn missing(id: u32) -> u32 {
    id
}

#[larder::cached(key =, ttl = "1h")]
async fn empty(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (missing(1), empty(1));
}
