#[larder::cached(op = " x ")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(kind = " web")]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(version = "2 ")]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(op = "a\n")]
async fn four(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1));
}
