#[larder::cached(kind = "web" op = "unseparated")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(kind = "web"; op = "separated")]
async fn two(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1));
}
