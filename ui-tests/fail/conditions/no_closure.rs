#[larder::cached(cache_if = true)]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(unless = it == 0)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(cache_if = is_good(it))]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(unless = "result == null")]
async fn four(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1));
}
