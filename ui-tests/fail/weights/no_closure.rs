#[larder::cached(weight = 100)]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(weight = |it, other| 1_usize)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(weight)]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(weigher = |it| 1_usize)]
async fn four(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1));
}
