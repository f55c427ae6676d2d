#[larder::cached(ttl: "1h")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(kind("ai"))]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(key == id)]
async fn three(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1));
}
