#[larder::cached(cache_if = || true)]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(unless = |id, it| id == it)]
async fn two(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1));
}
