#[larder::cached(cache_if = |it| it + 1)]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(unless = |it| { it; })]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(unless = |it| Some(*it))]
async fn three(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1));
}
