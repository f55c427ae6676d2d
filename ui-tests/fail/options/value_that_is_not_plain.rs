#[larder::cached(value = whole)]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(value = "plain")]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(value)]
async fn three(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1));
}
